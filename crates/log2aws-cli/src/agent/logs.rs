//! Where the servers' verbs log: standard error, one line each, nothing but the line.
//!
//! A subscriber of its own: what `tracing-subscriber` brings for it weighs more than all of `run`.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};

use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Begins to log what is as urgent as `level`, or more. A process that logs already goes on as it
/// does.
pub(super) fn start(level: Level) {
    let journal = is_journal(std::env::var("JOURNAL_STREAM").ok().as_deref());
    let _ = tracing::subscriber::set_global_default(Lines { level, journal });
}

/// Whether standard error goes to systemd's journal, which has times of its own and reads how
/// urgent a line is at its beginning (systemd.exec(5), sd-daemon(3)).
fn is_journal(stream: Option<&str>) -> bool {
    let Some((device, inode)) = stream.and_then(|stream| stream.split_once(':')) else {
        return false;
    };
    rustix::fs::fstat(io::stderr())
        .is_ok_and(|stat| device.parse() == Ok(stat.st_dev) && inode.parse() == Ok(stat.st_ino))
}

/// One line for each event of ours. What other crates would say is not ours to repeat.
struct Lines {
    level: Level,
    journal: bool,
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level && metadata.target().starts_with("log2aws")
    }

    fn event(&self, event: &Event<'_>) {
        let now = (!self.journal).then(Timestamp::now);
        let mut line = Line::begin(*event.metadata().level(), now);
        event.record(&mut line);
        line.0.push('\n');
        // Nothing is left to tell anybody if stderr itself is gone.
        let _ = io::stderr().write_all(line.0.as_bytes());
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Line {
    fn begin(level: Level, now: Option<Timestamp>) -> Self {
        let priority = match level {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            _ => 7,
        };
        Self(now.map_or_else(|| format!("<{priority}>"), |now| format!("{now:.0} {level:>5} ")))
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.push(format_args!("{value}"));
        } else {
            self.push(format_args!(" {}={value:?}", field.name()));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.push(format_args!("{value:?}"));
        } else {
            self.push(format_args!(" {}={value:?}", field.name()));
        }
    }
}

impl Line {
    /// A line stays one, whatever a server or a file has said.
    fn push(&mut self, text: fmt::Arguments<'_>) {
        let from = self.0.len();
        // Into a text, this cannot fail.
        let _ = self.0.write_fmt(text);
        if self.0[from..].contains(char::is_control) {
            let plain = self.0[from..].replace(char::is_control, " ");
            self.0.replace_range(from.., &plain);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Keeps the lines instead of writing them.
    struct Kept(Lines, Arc<Mutex<Vec<String>>>);

    impl Subscriber for Kept {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            self.0.enabled(metadata)
        }

        fn event(&self, event: &Event<'_>) {
            let now = (!self.0.journal).then(|| "2026-11-24T12:00:00.9Z".parse().unwrap());
            let mut line = Line::begin(*event.metadata().level(), now);
            event.record(&mut line);
            self.1.lock().unwrap().push(line.0);
        }

        fn new_span(&self, span: &Attributes<'_>) -> Id {
            self.0.new_span(span)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    fn lines(journal: bool) -> Vec<String> {
        let kept = Arc::default();
        let subscriber = Kept(Lines { level: Level::INFO, journal }, Arc::clone(&kept));
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!("no sample: {}", "disk\nfull");
            tracing::warn!(day = %"2026-11-24", attempt = 2, reason = "a \"b\"", "trying again");
            tracing::debug!("nobody's business");
            tracing::error!(target: "ureq", "a secret");
        });
        kept.lock().unwrap().clone()
    }

    #[test]
    fn people_see_times_and_the_journal_sees_how_urgent_it_is() {
        let expected = [
            "2026-11-24T12:00:00Z ERROR no sample: disk full",
            "2026-11-24T12:00:00Z  WARN trying again day=2026-11-24 attempt=2 reason=\"a \\\"b\\\"\"",
        ];
        assert_eq!(lines(false), expected);
        assert_eq!(lines(true)[0], "<3>no sample: disk full");
        assert!(lines(true)[1].starts_with("<4>trying again"));
    }

    #[test]
    fn the_journal_is_known_by_its_stream() {
        for none in [None, Some(""), Some("1"), Some("1:2"), Some("x:y")] {
            assert!(!is_journal(none), "{none:?}");
        }
        let stat = rustix::fs::fstat(io::stderr()).unwrap();
        assert!(is_journal(Some(&format!("{}:{}", stat.st_dev, stat.st_ino))));
    }
}
