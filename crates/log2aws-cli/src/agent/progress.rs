//! How far a delivery is, for people who watch it: on a terminal, and nowhere else.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use log2aws_core::day::Day;

/// Day, bar, how much, how fast, how much longer. No colours, which not everybody wants.
const TEMPLATE: &str =
    "{prefix} [{bar:30}] {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}, {eta}";

/// What is drawn below the lines that are printed.
pub(super) struct Drawing {
    /// Whether somebody watches.
    on: bool,
    bar: Option<ProgressBar>,
}

impl Drawing {
    /// Draws if both outputs are a terminal: in a file the lines alone are wanted.
    pub(super) fn new(wanted: bool) -> Self {
        let on = wanted && io::stdout().is_terminal() && io::stderr().is_terminal();
        Self { on, bar: None }
    }

    /// So much of a log has been sent.
    pub(super) fn sending(&mut self, day: Day, sent: u64, size: u64) {
        // A log that is sent in one go needs no bar: it would only flicker.
        if !self.on || sent == size && self.bar.is_none() {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let style = ProgressStyle::with_template(TEMPLATE)
                .map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("=> "));
            ProgressBar::with_draw_target(Some(size), ProgressDrawTarget::stderr())
                .with_style(style)
                .with_prefix(day.to_string())
        });
        bar.set_position(sent);
    }

    /// An attempt failed, and the next one is not at once.
    pub(super) fn waiting(&mut self, day: Day, reason: &str, wait: Duration) {
        if self.on {
            self.clear();
            let seconds = wait.as_secs_f64();
            let _ = writeln!(io::stderr(), "{day}: {reason}; trying again in {seconds:.0} s");
        }
    }

    /// Makes room for a line.
    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
