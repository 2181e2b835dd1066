//! The metrics at `/-/metrics`. No label contains a server name, because their number is unbounded.
//!
//! Those of deliveries leave the reserved server out; those of the machine, such as requests, queue
//! and failures, count all work.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::analysis::Analysis;

/// A family of counters with one label.
type Labelled<L> = Family<L, Counter>;

/// The result of a URL request.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct Outcome {
    pub(crate) outcome: &'static str,
}

/// The class of an HTTP status.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct Class {
    pub(crate) class: &'static str,
}

/// Why a connection was closed, or a delivery refused.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct Reason {
    pub(crate) reason: &'static str,
}

/// The kind of a store error.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct Kind {
    pub(crate) kind: &'static str,
}

/// The name of an alert rule. Operators choose the names; there are as many as rules in the config.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct RuleLabel {
    pub(crate) rule: String,
}

/// What became of an attempt.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct AttemptResult {
    pub(crate) result: &'static str,
}

/// The name of a background task.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct TaskLabel {
    pub(crate) task: &'static str,
}

/// A time of each background task, in seconds since the Unix epoch.
type TaskSeconds = Family<TaskLabel, Gauge<f64, AtomicU64>>;

/// The metrics of all background tasks.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskMetrics {
    pub(crate) runs: Family<TaskLabel, Counter>,
    pub(crate) failures: Family<TaskLabel, Counter>,
    pub(crate) running: Family<TaskLabel, Gauge>,
    pub(crate) last_run: TaskSeconds,
    pub(crate) last_success: TaskSeconds,
}

/// Every metric; names and help texts are in [`Metrics::new`].
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) url_requests: Labelled<Outcome>,
    pub(crate) http_requests: Labelled<Class>,
    pub(crate) puts: Counter,
    pub(crate) put_bytes: Counter,
    pub(crate) analyzed: Counter,
    pub(crate) rows: Counter,
    pub(crate) rejects: Counter,
    /// Versions of a day that replaced the bytes of the version before.
    pub(crate) days_replaced: Counter,
    pub(crate) analyze_failures: Counter,
    pub(crate) analyze_seconds: Histogram,
    pub(crate) queue_length: Gauge,
    pub(crate) expired: Counter,
    pub(crate) delivery_log_entries: Gauge,
    pub(crate) store_errors: Labelled<Kind>,
    pub(crate) unreadable: Gauge,
    pub(crate) retention_paused: Gauge,
    pub(crate) tasks: TaskMetrics,
    pub(crate) connections: Gauge,
    pub(crate) connections_closed: Labelled<Reason>,
    pub(crate) puts_refused: Labelled<Reason>,
    pub(crate) body_memory: Gauge,
    pub(crate) audit_lines: Counter,
    pub(crate) audit_dropped: Labelled<Reason>,
    pub(crate) audit_bytes: Gauge,
    pub(crate) audit_retention_paused: Gauge,
    alerts_firing: Family<RuleLabel, Gauge>,
    notifications: Labelled<AttemptResult>,
    notifications_pending: Gauge,
    registry: Registry,
}

impl Metrics {
    /// All metrics at zero, for a process of `version` started at `start`.
    pub(crate) fn new(version: &'static str, start: Timestamp) -> Self {
        let mut registry = Registry::with_prefix("log2aws");
        let seconds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0, 120.0];
        let metrics = Self {
            url_requests: Family::default(),
            http_requests: Family::default(),
            puts: Counter::default(),
            put_bytes: Counter::default(),
            analyzed: Counter::default(),
            rows: Counter::default(),
            rejects: Counter::default(),
            days_replaced: Counter::default(),
            analyze_failures: Counter::default(),
            analyze_seconds: Histogram::new(seconds),
            queue_length: Gauge::default(),
            expired: Counter::default(),
            delivery_log_entries: Gauge::default(),
            store_errors: Family::default(),
            unreadable: Gauge::default(),
            retention_paused: Gauge::default(),
            tasks: TaskMetrics::default(),
            connections: Gauge::default(),
            connections_closed: Family::default(),
            puts_refused: Family::default(),
            body_memory: Gauge::default(),
            audit_lines: Counter::default(),
            audit_dropped: Family::default(),
            audit_bytes: Gauge::default(),
            audit_retention_paused: Gauge::default(),
            alerts_firing: Family::default(),
            notifications: Family::default(),
            notifications_pending: Gauge::default(),
            registry: Registry::default(),
        };
        let r = &mut registry;
        let m = &metrics;
        r.register(
            "url_requests",
            "Requests for an upload URL, by outcome",
            m.url_requests.clone(),
        );
        r.register("http_requests", "HTTP requests, by status class", m.http_requests.clone());
        r.register("s3_puts", "Objects stored through the S3 API", m.puts.clone());
        r.register_with_unit(
            "s3_put",
            "Bytes of objects stored through the S3 API",
            Unit::Bytes,
            m.put_bytes.clone(),
        );
        r.register("deliveries_analyzed", "Day logs turned into results", m.analyzed.clone());
        r.register("rows", "Rows written to CSV", m.rows.clone());
        r.register("rejects", "Lines that could not be read", m.rejects.clone());
        r.register(
            "days_replaced",
            "Days of which a later version has other bytes",
            m.days_replaced.clone(),
        );
        r.register(
            "analyze_failures",
            "Analyses that failed; each is tried again",
            m.analyze_failures.clone(),
        );
        r.register_with_unit(
            "analyze",
            "Time to analyze one day log",
            Unit::Seconds,
            m.analyze_seconds.clone(),
        );
        r.register(
            "analyze_queue_length",
            "Day logs that wait for analysis, or for another try",
            m.queue_length.clone(),
        );
        r.register(
            "delivery_log_entries",
            "Deliveries in the delivery log, at its last checkpoint",
            m.delivery_log_entries.clone(),
        );
        r.register(
            "objects_expired",
            "Objects removed because they were older than they are kept",
            m.expired.clone(),
        );
        r.register("store_errors", "Faults of the store, by kind", m.store_errors.clone());
        r.register(
            "unreadable_objects",
            "Stored objects that could not be read or removed in the last day",
            m.unreadable.clone(),
        );
        r.register(
            "retention_paused",
            "Whether nothing is removed by age because no log bears the clock out",
            m.retention_paused.clone(),
        );
        m.register_tasks(r);
        m.register_door(r);
        m.register_audit(r);
        m.register_alerts(r);
        register_process(r, version, start);
        Self { registry, ..metrics }
    }

    /// Registers the metrics of background tasks.
    fn register_tasks(&self, r: &mut Registry) {
        let tasks = &self.tasks;
        r.register("background_runs", "Runs of background tasks", tasks.runs.clone());
        r.register(
            "background_failures",
            "Runs of background tasks that failed; each is tried again",
            tasks.failures.clone(),
        );
        r.register(
            "background_running",
            "Whether a background task is at work now",
            tasks.running.clone(),
        );
        r.register_with_unit(
            "background_last_run_timestamp",
            "When a background task last began to run, since the Unix epoch",
            Unit::Seconds,
            tasks.last_run.clone(),
        );
        r.register_with_unit(
            "background_last_success_timestamp",
            "When a run of a background task last ended well, since the Unix epoch",
            Unit::Seconds,
            tasks.last_success.clone(),
        );
    }

    /// Metrics of refused and closed connections and deliveries.
    fn register_door(&self, r: &mut Registry) {
        r.register("connections", "Open connections", self.connections.clone());
        r.register(
            "connections_closed",
            "Connections closed by the server, by reason",
            self.connections_closed.clone(),
        );
        r.register(
            "puts_refused",
            "Deliveries refused at the door or while their bodies arrived, by reason",
            self.puts_refused.clone(),
        );
        r.register_with_unit(
            "body_memory",
            "Memory that holds arriving bodies",
            Unit::Bytes,
            self.body_memory.clone(),
        );
    }

    /// Registers the metrics of the audit log.
    fn register_audit(&self, r: &mut Registry) {
        r.register("audit_lines", "Audit lines written", self.audit_lines.clone());
        r.register(
            "audit_lines_dropped",
            "Audit lines that could not be written, by reason",
            self.audit_dropped.clone(),
        );
        r.register_with_unit(
            "audit",
            "Size of the audit log",
            Unit::Bytes,
            self.audit_bytes.clone(),
        );
        r.register(
            "audit_retention_paused",
            "Whether no day of the audit log is removed by age because no log bears the clock out",
            self.audit_retention_paused.clone(),
        );
    }

    /// Registers the metrics of alerts.
    fn register_alerts(&self, r: &mut Registry) {
        r.register("alerts_firing", "Alerts that are firing, by rule", self.alerts_firing.clone());
        r.register(
            "alert_notifications",
            "Attempts to tell a webhook, by result",
            self.notifications.clone(),
        );
        r.register(
            "alert_notifications_pending",
            "Messages that a webhook has not taken yet",
            self.notifications_pending.clone(),
        );
        for result in ["sent", "failed"] {
            drop(self.notifications.get_or_create(&AttemptResult { result }));
        }
    }

    /// Sets the number of firing alerts of a rule.
    pub(crate) fn set_alerts_firing(&self, rule: &str, firing: usize) {
        let label = RuleLabel { rule: rule.to_owned() };
        self.alerts_firing.get_or_create(&label).set(i64::try_from(firing).unwrap_or(i64::MAX));
    }

    /// Counts an attempt to tell a webhook: `sent` or `failed`.
    pub(crate) fn count_notification(&self, result: &'static str) {
        self.notifications.get_or_create(&AttemptResult { result }).inc();
    }

    /// Sets the number of messages that no webhook has taken yet.
    pub(crate) fn set_notifications_pending(&self, pending: usize) {
        self.notifications_pending.set(i64::try_from(pending).unwrap_or(i64::MAX));
    }

    /// Counts audit lines that were not written: `queue`, `disk`, `size`, `failed` or `stopped`.
    pub(crate) fn count_audit_dropped(&self, reason: &'static str, lines: u64) {
        self.audit_dropped.get_or_create(&Reason { reason }).inc_by(lines);
    }

    /// Counts what was made of a log of the fleet.
    pub(crate) fn count_analysis(&self, looked: &Analysis) {
        self.analyzed.inc_by(u64::from(looked.analyzed));
        self.days_replaced.inc_by(looked.replaced);
        self.rows.inc_by(looked.rows);
        self.rejects.inc_by(looked.rejects);
    }

    /// Counts a response.
    pub(crate) fn count_http(&self, status: http::StatusCode) {
        let class = match status.as_u16() {
            100..=199 => "1xx",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        self.http_requests.get_or_create(&Class { class }).inc();
    }

    /// Counts the response to a URL request.
    pub(crate) fn count_url(&self, status: http::StatusCode) {
        let outcome = match status.as_u16() {
            200 => "issued",
            403 => "refused",
            429 => "limited",
            400..=499 => "bad_request",
            _ => "unavailable",
        };
        self.url_requests.get_or_create(&Outcome { outcome }).inc();
    }

    /// Counts a closed connection: `no_room` or `no_request`.
    pub(crate) fn count_closed(&self, reason: &'static str) {
        self.connections_closed.get_or_create(&Reason { reason }).inc();
    }

    /// Counts a refused delivery: `address`, `signature`, `size`, `space`, `day`, `new_servers`,
    /// `versions`, `slow` or `replaced`.
    pub(crate) fn count_refused_put(&self, reason: &'static str) {
        self.puts_refused.get_or_create(&Reason { reason }).inc();
    }

    /// Counts a store error: `full` or `failed`.
    pub(crate) fn count_store_error(&self, kind: &'static str) {
        self.store_errors.get_or_create(&Kind { kind }).inc();
    }

    /// Records the duration of an analysis.
    pub(crate) fn observe_analysis(&self, took: Duration) {
        self.analyze_seconds.observe(took.as_secs_f64());
    }

    /// All metrics in the `OpenMetrics` text format.
    ///
    /// # Errors
    /// The formatter's own; it writes to memory.
    pub(crate) fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::with_capacity(4096);
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// What the process is, and since when it runs.
fn register_process(r: &mut Registry, version: &'static str, start: Timestamp) {
    let started: Gauge<f64, AtomicU64> = Gauge::default();
    started.set(start.as_duration().as_secs_f64());
    r.register_with_unit(
        "start_time",
        "When the process started, since the Unix epoch",
        Unit::Seconds,
        started,
    );
    r.register("build", "The running program", Info::new([("version", version)]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_their_units_and_every_series_its_help() {
        let metrics = Metrics::new("1.2.3", Timestamp::from_second(1_564_617_600).unwrap());
        metrics.count_http(http::StatusCode::NOT_FOUND);
        metrics.count_url(http::StatusCode::OK);
        metrics.put_bytes.inc_by(10);
        metrics.observe_analysis(Duration::from_millis(3));
        let text = metrics.encode().unwrap();
        for line in [
            "log2aws_http_requests_total{class=\"4xx\"} 1",
            "log2aws_url_requests_total{outcome=\"issued\"} 1",
            "log2aws_s3_put_bytes_total 10",
            "log2aws_analyze_seconds_count 1",
            "log2aws_analyze_queue_length 0",
            "log2aws_start_time_seconds 1564617600.0",
            "log2aws_build_info{version=\"1.2.3\"} 1",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        let count = |kind: &str| text.lines().filter(|line| line.starts_with(kind)).count();
        assert_eq!(count("# HELP"), count("# TYPE"));
    }
}
