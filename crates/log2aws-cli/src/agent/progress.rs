//! Progress of a delivery, shown only on a terminal.
//!
//! We draw it ourselves: the usual crate computes its rate with `pow`, which alone would make the
//! service map libm, 350 KB of its 4 MiB, all the time.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use log2aws_core::day::Day;

/// Cells of the bar.
const CELLS: u64 = 30;

/// The minimum time between two updates.
const PERIOD: Duration = Duration::from_millis(100);

/// Moves to the first column and clears the line.
const CLEAR: &str = "\r\x1b[K";

/// The status line below the printed lines.
pub(super) struct Drawing {
    /// Whether it is shown.
    on: bool,
    bar: Option<Bar>,
}

/// When the current log was started, and when the bar was last drawn.
struct Bar {
    begun: Instant,
    drawn: Option<Instant>,
}

impl Drawing {
    /// Draws only if both outputs are capable terminals; a file gets only the lines.
    pub(super) fn new(wanted: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let on = wanted && !dumb && io::stdout().is_terminal() && io::stderr().is_terminal();
        Self { on, bar: None }
    }

    /// Updates how much of a log was sent.
    pub(super) fn sending(&mut self, day: Day, sent: u64, size: u64) {
        // A log sent in one piece needs no bar, which would only flicker.
        if !self.on || sent == size && self.bar.is_none() {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| Bar { begun: Instant::now(), drawn: None });
        if sent < size && bar.drawn.is_some_and(|drawn| drawn.elapsed() < PERIOD) {
            return;
        }
        bar.drawn = Some(Instant::now());
        let line = line(day, sent, size, bar.begun.elapsed());
        // A closed terminal does not matter here.
        let _ = write!(io::stderr(), "{CLEAR}{line}").and_then(|()| io::stderr().flush());
    }

    /// An attempt failed, and the next one is later.
    pub(super) fn waiting(&mut self, day: Day, reason: &str, wait: Duration) {
        if self.on {
            self.clear();
            let seconds = wait.as_secs_f64();
            let _ = writeln!(io::stderr(), "{day}: {reason}; trying again in {seconds:.0} s");
        }
    }

    /// Clears the status line to print a line.
    pub(super) fn clear(&mut self) {
        if self.bar.take().is_some() {
            let _ = write!(io::stderr(), "{CLEAR}").and_then(|()| io::stderr().flush());
        }
    }
}

/// Day, bar, amount, rate, time left; at most 79 columns. Without colours, which not everybody
/// wants.
fn line(day: Day, sent: u64, size: u64, elapsed: Duration) -> String {
    let drawn = u128::from(CELLS) * u128::from(sent.min(size)) / u128::from(size.max(1));
    let full: String =
        (0..CELLS).map(|cell| if u128::from(cell) < drawn { '=' } else { ' ' }).collect();
    let mut line = format!("{day} [{full}] {} of {}", amount(sent), amount(size));
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    // Before that, the rate is meaningless.
    if millis >= 500 {
        let pace = (u128::from(sent) * 1000 / u128::from(millis)).max(1);
        let left = u128::from(size.saturating_sub(sent)).div_ceil(pace);
        let left = match left {
            0..100 => format!("{left} s"),
            100..6000 => format!("{} min", left.div_ceil(60)),
            _ => format!("{} h", left.div_ceil(3600)),
        };
        let pace = amount(u64::try_from(pace).unwrap_or(u64::MAX));
        line = format!("{line}, {pace}/s, {left}");
    }
    line
}

/// A number of bytes in about three digits.
fn amount(bytes: u64) -> String {
    let tenths = |unit: u64| match bytes / unit {
        whole @ 0..100 => format!("{whole}.{}", bytes % unit * 10 / unit),
        whole => whole.to_string(),
    };
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", tenths(1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", tenths(1_000_000)),
        _ => format!("{} GB", tenths(1_000_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(sent: u64, size: u64, seconds: u64) -> String {
        line("2026-11-24".parse().unwrap(), sent, size, Duration::from_secs(seconds))
    }

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        assert_eq!(
            drawn(12_345_678, 40_000_000, 4),
            "2026-11-24 [=========                     ] 12.3 MB of 40.0 MB, 3.0 MB/s, 9 s"
        );
        assert_eq!(
            drawn(22_000, 22_000, 0),
            "2026-11-24 [==============================] 22.0 kB of 22.0 kB"
        );
        assert!(drawn(1_000, 4_000_000_000, 10).ends_with("4.0 GB, 100 B/s, 11112 h"));
        assert!(drawn(500_000, 60_000_000, 1).ends_with("500 kB/s, 2 min"));
    }

    #[test]
    fn no_figures_are_too_large_or_make_it_too_wide() {
        for size in [0, 1, 999, 999_999, 999_999_999, 999_999_999_999] {
            for sent in [0, size / 3, size] {
                for seconds in [0, 1, 86_400] {
                    let line = drawn(sent, size, seconds);
                    assert!(line.len() <= 79, "{line}");
                }
            }
        }
        assert!(drawn(u64::MAX, u64::MAX, u64::MAX).contains("GB"));
    }
}
