//! Removes days of the audit log by age.

use std::fs;
use std::io;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use log2aws_service::ports::Clock;

use super::clock_guard::{ClockCheck, PAUSED};
use super::retention::days_before;
use super::{BackgroundTask, Next, Stop, TaskError};
use crate::audit::{AuditLog, day_files};

/// How often old days are removed.
const EVERY: Duration = Duration::from_hours(1);

/// Removes days of the audit log by age.
pub(crate) struct AuditRetention {
    pub(crate) log: Arc<AuditLog>,
    /// The number of days after which a file is removed.
    pub(crate) keep_days: NonZeroU32,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) clock_check: ClockCheck,
}

impl BackgroundTask for AuditRetention {
    fn name(&self) -> &'static str {
        "audit_retention"
    }

    fn run_once(&mut self, stop: &Stop) -> Result<Next, TaskError> {
        let is_paused = self.remove_old(stop)?;
        Ok(Next { after: EVERY, notice: is_paused.then_some(PAUSED) })
    }
}

impl AuditRetention {
    /// Removes the files of days older than `keep_days`. Returns whether there are some that stay,
    /// because no stored log confirms the clock.
    fn remove_old(&mut self, stop: &Stop) -> Result<bool, TaskError> {
        let now = self.clock.now();
        let Some(before) = days_before(now, self.keep_days) else { return Ok(false) };
        let before = before.to_zoned(jiff::tz::TimeZone::UTC).date();
        let mut old = match day_files(self.log.folder()) {
            Ok(files) => files,
            // Lines cannot be written there either, which is reported.
            Err(error) => {
                self.log.note_failure(&error);
                return Ok(false);
            }
        };
        old.retain(|(day, ..)| *day < before);
        if old.is_empty() {
            self.clock_check.skip();
            return Ok(false);
        }
        let confirmed = self.clock_check.confirm("audit_retention", now, stop)?;
        if confirmed != Some(true) {
            return Ok(confirmed == Some(false));
        }
        let mut failed = None;
        for (day, path, size) in old {
            if stop.is_set() {
                break;
            }
            match fs::remove_file(&path) {
                Ok(()) => {
                    self.log.removed(size);
                    tracing::info!(%day, "an audit file was removed by age");
                }
                // Moved or removed in the meantime.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                // The others are removed nevertheless.
                Err(error) => {
                    let path = path.display();
                    failed = Some(io::Error::new(error.kind(), format!("{path}: {error}")));
                }
            }
        }
        failed.map_or(Ok(false), |error| Err(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use log2aws_store::DiskStore;

    use super::*;
    use crate::audit::{AUDIT_FOLDER, AuditConfig};
    use crate::metrics::Metrics;
    use crate::test_clock::FixedClock;

    #[test]
    fn a_stop_ends_the_removal_of_old_files() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock(4_000_000_000));
        let store = DiskStore::open(folder.path(), &[], clock.clone()).unwrap();
        let audit = folder.path().join(AUDIT_FOLDER);
        fs::create_dir(&audit).unwrap();
        let old = audit.join("2026-11-30.jsonl");
        fs::write(&old, "{}\n").unwrap();
        let metrics = Arc::new(Metrics::new("1.2.3", Timestamp::UNIX_EPOCH));
        let config = AuditConfig::default();
        let log = AuditLog::start(folder.path(), config, clock.clone(), metrics.clone()).unwrap();
        let buckets = ["raw-bucket".parse().unwrap(), "results-bucket".parse().unwrap()];
        let paused = metrics.audit_retention_paused.clone();
        let mut retention = AuditRetention {
            log: log.clone(),
            keep_days: config.keep_days,
            clock,
            clock_check: ClockCheck::new(store, buckets, true, paused),
        };
        let (running, stopping) = (Stop::default(), Stop::default());
        stopping.set();
        retention.remove_old(&stopping).unwrap();
        assert!(old.exists());
        retention.remove_old(&running).unwrap();
        assert!(!old.exists());
        log.close();
    }
}
