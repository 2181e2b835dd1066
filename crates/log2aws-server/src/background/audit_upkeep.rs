//! Maintains the audit log: removes old days, reports why lines are not being written, and records
//! changes to files with settings.

use std::fs;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use log2aws_core::key::BucketName;
use log2aws_service::ports::Clock;
use log2aws_store::DiskStore;

use super::clock_guard::clock_is_confirmed;
use super::retention::days_before;
use super::{BackgroundTask, Next, Stop, TaskError};
use crate::audit::{AuditEvent, AuditLog, day_files};
use crate::file_fingerprint::FileFingerprint;

/// How often problems and changed files are checked for.
const EVERY: Duration = Duration::from_secs(5);

/// How often old days are removed.
const REMOVE_EVERY: Duration = Duration::from_hours(1);

/// Maintains the audit log.
pub(crate) struct AuditUpkeep {
    pub(crate) log: Arc<AuditLog>,
    /// The number of days after which a file is removed.
    pub(crate) keep_days: NonZeroU32,
    pub(crate) clock: Arc<dyn Clock>,
    /// The objects in it confirm the clock.
    pub(crate) store: DiskStore,
    pub(crate) buckets: [BucketName; 2],
    /// Whether the clock is trusted even if no object confirms it.
    pub(crate) trust_clock: bool,
    /// When old days were last removed.
    pub(crate) removed_at: Option<Instant>,
    /// Files with settings, and their last known states.
    pub(crate) watched: Vec<Watched>,
}

/// A file whose changes are events.
pub(crate) struct Watched {
    path: PathBuf,
    seen: Option<FileFingerprint>,
}

impl Watched {
    /// Starts from the current state of the file.
    pub(crate) fn new(path: PathBuf) -> Self {
        let seen = FileFingerprint::of(&path);
        Self { path, seen }
    }

    /// What happened to the file since the last call, in one word.
    fn change(&mut self) -> Option<&'static str> {
        let now = FileFingerprint::of(&self.path);
        let before = std::mem::replace(&mut self.seen, now);
        match (before, now) {
            (None, Some(_)) => Some("made"),
            (Some(_), None) => Some("removed"),
            (before, now) if before != now => Some("changed"),
            _ => None,
        }
    }
}

impl BackgroundTask for AuditUpkeep {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn run_once(&mut self, stop: &Stop) -> Result<Next, TaskError> {
        for file in &mut self.watched {
            if let Some(change) = file.change() {
                let name = file.path.file_name().unwrap_or_default().to_string_lossy();
                let mut event = AuditEvent::new(self.clock.now(), "setting");
                event.detail = Some(format!("{name} {change}"));
                self.log.record(&event);
            }
        }
        if self.removed_at.is_none_or(|at| at.elapsed() >= REMOVE_EVERY) {
            self.remove_old(stop)?;
            self.removed_at = Some(Instant::now());
        }
        self.log.count_again();
        Ok(Next { after: EVERY, notice: self.log.trouble() })
    }
}

impl AuditUpkeep {
    /// Removes the files of days older than `keep_days`. As in retention, nothing is removed unless
    /// a stored log confirms the clock.
    fn remove_old(&self, stop: &Stop) -> Result<(), TaskError> {
        let now = self.clock.now();
        let Some(before) = days_before(now, self.keep_days) else { return Ok(()) };
        let before = before.to_zoned(jiff::tz::TimeZone::UTC).date();
        let mut old = match day_files(self.log.folder()) {
            Ok(files) => files,
            // Lines cannot be written there either, which is reported.
            Err(error) => {
                self.log.note_failure(&error);
                return Ok(());
            }
        };
        old.retain(|(day, ..)| *day < before);
        if old.is_empty() {
            return Ok(());
        }
        let believed = self.trust_clock
            || clock_is_confirmed(&self.store, &self.buckets, now, stop)? == Some(true);
        if !believed {
            return Ok(());
        }
        for (day, path, size) in old {
            if stop.is_set() {
                return Ok(());
            }
            fs::remove_file(&path)?;
            self.log.removed(size);
            tracing::info!(%day, "an audit file was removed by age");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::audit::{AUDIT_FOLDER, AuditConfig};
    use crate::metrics::Metrics;

    struct Later;

    impl Clock for Later {
        fn now(&self) -> Timestamp {
            Timestamp::from_second(4_000_000_000).unwrap()
        }
    }

    #[test]
    fn a_stop_ends_the_removal_of_old_files() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Later);
        let store = DiskStore::open(folder.path(), &[], clock.clone()).unwrap();
        let audit = folder.path().join(AUDIT_FOLDER);
        fs::create_dir(&audit).unwrap();
        let old = audit.join("2026-11-30.jsonl");
        fs::write(&old, "{}\n").unwrap();
        let metrics = Arc::new(Metrics::new("1.2.3", Timestamp::UNIX_EPOCH));
        let config = AuditConfig::default();
        let log = AuditLog::start(folder.path(), config, clock.clone(), metrics).unwrap();
        let upkeep = AuditUpkeep {
            log: log.clone(),
            keep_days: config.keep_days,
            clock,
            store,
            buckets: ["raw-bucket".parse().unwrap(), "results-bucket".parse().unwrap()],
            trust_clock: true,
            removed_at: None,
            watched: Vec::new(),
        };
        let (running, stopping) = (Stop::default(), Stop::default());
        stopping.set();
        upkeep.remove_old(&stopping).unwrap();
        assert!(old.exists());
        upkeep.remove_old(&running).unwrap();
        assert!(!old.exists());
        log.close();
    }
}
