//! Finds raw logs without a result of their newest version: those left over after a kill, and those
//! that did not fit into the queue.
//!
//! A complete log is remembered by the states of its two files, so that the next scan opens
//! neither. This cache may be lost; then every log is read once.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use log2aws_core::key::{ObjectKey, RawKey, ResultKind};
use log2aws_service::ports::{Cache, Clock, Settings};
use log2aws_store::DiskStore;
use log2aws_store::disk::{DiskError, FileState, Unreadable};
use sha2::{Digest as _, Sha256};

use super::{Analyzer, Queue};
use crate::background::retention::days_before;
use crate::background::unreadable_objects::UnreadableObjects;
use crate::background::{BackgroundTask, Next, Stop, TaskError};
use crate::folder_cache::FolderCache;
use crate::metrics::Metrics;

/// How often the queue is checked for an overflow.
const CHECK_OVERFLOW_EVERY: Duration = Duration::from_secs(1);

/// How often everything is scanned, so that the cache is recent at the next start.
const EVERY: Duration = Duration::from_hours(1);

/// The name of the cache entry.
const ENTRY: &str = "complete";

/// The version of the mark format.
const VERSION: u8 = 1;

const MARK: usize = 16;

/// Identifies a log whose results are those of its newest version.
type Mark = [u8; MARK];

/// The scan, at the start and later.
pub(crate) struct StartupScan {
    pub(crate) store: DiskStore,
    pub(crate) settings: Arc<Settings>,
    pub(crate) analyzer: Arc<dyn Analyzer>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) unreadable: UnreadableObjects,
    pub(crate) cache: FolderCache,
    /// The number of days after which results are removed; `None` keeps them.
    pub(crate) keep_analyzed_days: Option<NonZeroU32>,
    pub(crate) scanned_at: Option<Instant>,
}

impl BackgroundTask for StartupScan {
    fn name(&self) -> &'static str {
        "startup_scan"
    }

    fn run_once(&mut self, stop: &Stop) -> Result<Next, TaskError> {
        let due = self.scanned_at.is_none_or(|at| at.elapsed() >= EVERY);
        if due || self.queue.take_overflow() {
            // If the scan fails, the next run scans again.
            self.scanned_at = None;
            let found = self.scan(stop)?;
            self.scanned_at = Some(Instant::now());
            if found > 0 {
                tracing::info!(found, "logs without results were found");
            }
        }
        Ok(Next::after(CHECK_OVERFLOW_EVERY))
    }
}

impl StartupScan {
    /// Queues every raw log without a result of its newest version. Returns how many.
    fn scan(&self, stop: &Stop) -> Result<u64, TaskError> {
        let begin = Instant::now();
        let known = read_marks(&self.cache);
        let (found, opened) = (Cell::new(0_u64), Cell::new(0_u64));
        let (stopped, complete) = (Cell::new(false), RefCell::new(HashSet::new()));
        let ended = || stopped.get() || stop.is_set();
        let finished = self.store.scan(&self.settings.raw_bucket, &ended, &mut |name| {
            let name = match name {
                Ok(name) => name,
                Err(unreadable) => return self.unreadable.report(&[unreadable]),
            };
            let Some(key) = RawKey::parse(name) else { return };
            // Computed before the results are read: a change in between leads to a different mark.
            let mark = self.mark(&key);
            if let Some(mark) = mark
                && known.contains(&mark)
            {
                complete.borrow_mut().insert(mark);
                return;
            }
            if !self.queue.wait_for_room() {
                stopped.set(true);
                return;
            }
            opened.set(opened.get() + 1);
            match self.is_incomplete(&key) {
                None => {}
                Some(false) => complete.borrow_mut().extend(mark),
                Some(true) => {
                    found.set(found.get() + 1);
                    self.queue.enqueue(&key.object_key());
                }
            }
        })?;
        let complete = complete.into_inner();
        if finished
            && !ended()
            && complete != known
            && let Err(error) = write_marks(&self.cache, &complete)
        {
            tracing::warn!(%error, "what the scan found complete cannot be kept");
        }
        let (logs, ms) = (complete.len(), begin.elapsed().as_millis());
        tracing::debug!(complete = logs, opened = opened.get(), ms, "scanned the raw logs");
        Ok(found.get())
    }

    /// Whether a log has no result of its newest version; `None` if there is nothing to do.
    ///
    /// A log older than the retention of results is skipped: its results were removed by age, and a
    /// restart must not restore them.
    fn is_incomplete(&self, key: &RawKey) -> Option<bool> {
        let object = key.object_key();
        let info = match self.store.head(&self.settings.raw_bucket, &object, None) {
            Ok(info) => info,
            Err(DiskError::NoSuchKey { .. }) => return None,
            Err(error) => {
                self.unreadable.report(&[Unreadable::of_key(error, object.as_str())]);
                return None;
            }
        };
        let since = self.keep_analyzed_days.and_then(|days| days_before(self.clock.now(), days));
        if since.is_some_and(|since| info.last_modified < since) {
            return None;
        }
        // An unreadable summary must not delay other logs. The analysis rewrites it, and is retried
        // until that succeeds.
        Some(self.analyzer.needs_analysis(key).unwrap_or_else(|reason| {
            self.metrics.count_store_error("failed");
            tracing::error!(key = %object, reason, "it is not known whether it has results");
            true
        }))
    }

    /// The mark of a log in its current state; `None` if a file is missing or cannot be read.
    fn mark(&self, key: &RawKey) -> Option<Mark> {
        let state = |bucket, key: &ObjectKey| self.store.file_state(bucket, key).ok().flatten();
        let raw = key.object_key();
        let log = state(&self.settings.raw_bucket, &raw)?;
        let summary = state(&self.settings.analyzed_bucket, &key.result_key(ResultKind::Json))?;
        Some(mark_of(raw.as_str(), &log, &summary))
    }
}

fn mark_of(key: &str, log: &FileState, summary: &FileState) -> Mark {
    let mut hash = Sha256::new();
    for part in [key.as_bytes(), &log.to_bytes(), &summary.to_bytes()] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    std::array::from_fn(|at| digest[at])
}

/// The stored marks; none if they are missing or damaged.
fn read_marks(cache: &FolderCache) -> HashSet<Mark> {
    let read = || {
        let bytes = cache.read(ENTRY).ok()??;
        let (version, rest) = bytes.split_first()?;
        let (checksum, marks) = rest.split_at_checked(32)?;
        let whole = *version == VERSION && checksum == Sha256::digest(marks).as_slice();
        whole.then(|| marks.as_chunks::<MARK>().0.iter().copied().collect())
    };
    read().unwrap_or_default()
}

fn write_marks(cache: &FolderCache, marks: &HashSet<Mark>) -> std::io::Result<()> {
    let marks: Vec<u8> = marks.iter().flatten().copied().collect();
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&Sha256::digest(&marks));
    bytes.extend_from_slice(&marks);
    cache.write(ENTRY, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_back_and_a_damaged_file_is_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let cache = FolderCache::open(folder.path()).unwrap();
        assert!(read_marks(&cache).is_empty());
        let marks = HashSet::from([[1; MARK], [2; MARK]]);
        write_marks(&cache, &marks).unwrap();
        assert_eq!(read_marks(&cache), marks);
        let file = folder.path().join(ENTRY);
        let mut bytes = std::fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&file, bytes).unwrap();
        assert!(read_marks(&cache).is_empty());
    }
}
