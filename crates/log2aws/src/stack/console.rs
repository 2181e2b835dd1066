//! Terminal output: lines, a status below them, and questions.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use log2aws_stack::console::Console;

/// Where lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// Standard output.
    Output,
    /// Standard error, if standard output is for a program.
    Error,
}

/// A terminal or a pipe.
#[derive(Debug)]
pub(super) struct Screen {
    stream: Stream,
    /// The status; only on a terminal.
    status: Option<ProgressBar>,
}

impl Screen {
    pub(super) fn new(stream: Stream) -> Self {
        let watched =
            io::stderr().is_terminal() && (stream == Stream::Error || io::stdout().is_terminal());
        let status = watched.then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar
        });
        Self { stream, status }
    }

    /// Removes the status.
    pub(super) fn end(&mut self) {
        if let Some(bar) = self.status.take() {
            bar.finish_and_clear();
        }
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let write = || match self.stream {
            Stream::Output => {
                let mut out = io::stdout().lock();
                out.write_all(text.as_bytes())?;
                out.flush()
            }
            Stream::Error => io::stderr().lock().write_all(text.as_bytes()),
        };
        match &self.status {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.end();
    }
}

impl Console for Screen {
    fn line(&mut self, text: &str) -> io::Result<()> {
        self.write(&format!("{text}\n"))
    }

    fn status(&mut self, text: &str) {
        if let Some(bar) = &self.status {
            bar.enable_steady_tick(Duration::from_millis(120));
            bar.set_message(text.to_owned());
        }
    }

    async fn ask(&mut self, question: &str) -> io::Result<Option<String>> {
        self.write(question)?;
        // On a thread of its own, so that Ctrl-C works in the meantime.
        let read = tokio::task::spawn_blocking(|| {
            let mut answer = String::new();
            let read = io::stdin().lock().read_line(&mut answer)?;
            Ok((read > 0).then_some(answer))
        });
        read.await.map_err(io::Error::other)?
    }
}
