//! Unit tests of the writer and of records.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::*;
use crate::metrics::Metrics;
use crate::test_clock::FixedClock;

/// 2026-11-30, noon.
const NOON: FixedClock = FixedClock(1_796_040_000);

const FILE: &str = "audit/2026-11-30.jsonl";

fn log(data_dir: &Path) -> Arc<AuditLog> {
    log_and_metrics(data_dir).0
}

fn log_and_metrics(data_dir: &Path) -> (Arc<AuditLog>, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::new("1.2.3", Timestamp::UNIX_EPOCH));
    let config = AuditConfig::default();
    let log = AuditLog::start(data_dir, config, Arc::new(NOON), metrics.clone()).unwrap();
    (log, metrics)
}

/// The lines of a closed log.
fn lines(data_dir: &Path) -> Vec<AuditEvent> {
    let text = fs::read_to_string(data_dir.join(FILE)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_record_that_nobody_answered_says_so_and_what_was_stored() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(folder.path());
    let put = || AuditRecord::new(log.clone(), AuditEvent::new(log.now(), "put"));
    let (cut, stored) = (put(), put());
    let held = stored.clone();
    drop((cut, stored));
    // A thread still commits.
    held.stored(Some("v1".to_owned()), 311);
    drop(held);
    let answered = put().answered(axum::response::Response::default());
    assert_eq!(answered.status(), 200);
    log.close();
    let lines = lines(folder.path());
    let seen: Vec<_> = lines
        .iter()
        .map(|line| (line.status, line.version.as_deref(), line.reason.as_deref()))
        .collect();
    let closed = Some("connection_closed");
    let expected = [(None, None, closed), (Some(200), Some("v1"), closed), (Some(200), None, None)];
    assert_eq!(seen, expected);
    let accepted: Vec<_> = lines.iter().map(AuditEvent::is_accepted).collect();
    assert_eq!(accepted, [false, true, true]);
}

#[test]
fn the_size_is_right_when_two_threads_change_it() {
    const REMOVED_BY_EACH: u64 = 200_000;
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(AUDIT_FOLDER)).unwrap();
    let file = fs::File::create(folder.path().join("audit/2026-11-28.jsonl")).unwrap();
    file.set_len(2 * REMOVED_BY_EACH).unwrap();
    let (log, metrics) = log_and_metrics(folder.path());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..REMOVED_BY_EACH).for_each(|_| log.removed(1)));
        }
    });
    assert_eq!(metrics.audit_bytes.get(), 0);
    log.close();
}

#[test]
fn lines_of_two_days_go_to_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(folder.path());
    let before = Timestamp::from_second(1_796_040_000 - 86_400).unwrap();
    for time in [before, log.now(), before] {
        log.record(&AuditEvent::new(time, "url"));
    }
    log.close();
    assert_eq!(lines(folder.path()).len(), 1);
    let text = fs::read_to_string(folder.path().join("audit/2026-11-29.jsonl")).unwrap();
    assert_eq!(text.lines().count(), 2);
    // A line that comes after the end is dropped, without waiting.
    log.record(&AuditEvent::new(log.now(), "url"));
    log.close();
}
