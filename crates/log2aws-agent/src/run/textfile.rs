//! The service's metrics for `node_exporter`'s textfile collector.
//!
//! Formatted by hand: the collector reads text format 0.0.4 and rejects a whole file with an
//! `OpenMetrics` type (`info`, `unknown`), which is what prometheus-client writes.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use jiff::Timestamp;

use crate::spool;

use super::port::Facts;
use super::schedule::Interval;

/// All metrics in the text format. Unknown values are left out.
pub(super) fn render(facts: &Facts, interval: Interval) -> String {
    let mut text = String::with_capacity(2048);
    let mut metric = |name: &str, kind: &str, help: &str, value: Option<String>| {
        let Some(value) = value else { return };
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            text,
            "# HELP log2aws_agent_{name} {help}\n# TYPE log2aws_agent_{name} {kind}\n\
             log2aws_agent_{name}{value}",
        );
    };
    let seconds = |at: Option<Timestamp>| at.map(|at| format!(" {}", at.as_second()));
    let number = |number: u64| Some(format!(" {number}"));
    let version = env!("CARGO_PKG_VERSION");
    let build = Some(format!("{{version=\"{version}\"}} 1"));
    metric("build_info", "gauge", "The version that runs.", build);
    metric(
        "last_sample_timestamp_seconds",
        "gauge",
        "When the last sample line was written.",
        seconds(facts.last_sample),
    );
    metric(
        "sample_interval_seconds",
        "gauge",
        "The time between two samples.",
        number(interval.duration().as_secs()),
    );
    metric(
        "samples_total",
        "counter",
        "Sample lines written since the service started.",
        number(facts.samples),
    );
    metric(
        "sample_failures_total",
        "counter",
        "Samples since the service started that could not be written.",
        number(facts.failed_samples),
    );
    metric(
        "last_delivery_timestamp_seconds",
        "gauge",
        "When the store last took a day log.",
        seconds(facts.last_delivery),
    );
    metric(
        "last_ship_success",
        "gauge",
        "Whether the last attempt to deliver left nothing over.",
        facts.shipped.and_then(|done| number(u64::from(done))),
    );
    metric(
        "pending_days",
        "gauge",
        "Days before today whose logs are not delivered.",
        facts.pending.as_ref().and_then(|days| number(days.len() as u64)),
    );
    text
}

/// Replaces the file atomically: the collector runs as another user, reads either version, and
/// ignores the temporary name.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    spool::replace_for_all(path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_known_is_told_in_the_collectors_format() {
        let facts = Facts { samples: 3, ..Facts::default() };
        let text = render(&facts, Interval::DEFAULT);
        assert!(text.contains("\nlog2aws_agent_samples_total 3\n"), "{text}");
        assert!(text.contains("\nlog2aws_agent_sample_interval_seconds 600\n"), "{text}");
        for unknown in ["last_delivery", "last_ship", "pending_days"] {
            assert!(!text.contains(unknown), "{text}");
        }
        let facts = Facts {
            last_delivery: Some(Timestamp::from_second(1_795_622_401).unwrap()),
            pending: Some(vec!["2026-11-22".parse().unwrap(), "2026-11-23".parse().unwrap()]),
            shipped: Some(false),
            ..facts
        };
        let text = render(&facts, Interval::DEFAULT);
        for line in [
            "log2aws_agent_last_delivery_timestamp_seconds 1795622401",
            "log2aws_agent_pending_days 2",
            "log2aws_agent_last_ship_success 0",
            "# TYPE log2aws_agent_samples_total counter",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        // Three lines each, and each value a number.
        let lines: Vec<&str> = text.lines().collect();
        for metric in lines.chunks(3) {
            let name = metric[2].split([' ', '{']).next().unwrap();
            assert!(metric[0].starts_with(&format!("# HELP {name} ")), "{metric:?}");
            assert!(metric[1].starts_with(&format!("# TYPE {name} ")), "{metric:?}");
            metric[2].rsplit(' ').next().unwrap().parse::<f64>().unwrap();
        }
    }

    #[test]
    fn the_file_is_replaced_whole_and_readable_to_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log2aws-agent.prom");
        for text in ["a longer text\n", "short\n"] {
            write(&path, text).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
        assert!(write(&folder.path().join("none/x.prom"), "").is_err());
    }
}
