//! Finds raw logs that have no result of their newest version: what a kill left over, and what did
//! not fit into the queue.
//!
//! A log that was found complete is remembered by the states of its two files, so that the next
//! scan opens neither. What is remembered may be lost; then every log is read once.

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

/// How often the queue is asked whether it had to leave something out.
const CHECK_OVERFLOW_EVERY: Duration = Duration::from_secs(1);

/// How often all is scanned, so that a restart finds the logs of long remembered.
const EVERY: Duration = Duration::from_hours(1);

/// The entry of the cache.
const ENTRY: &str = "complete";

/// Grows with every change of what a mark is made of.
const VERSION: u8 = 1;

const MARK: usize = 16;

/// Stands for a log whose results are those of its newest version.
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
    /// After how many days results are removed; `None` keeps them.
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
            // An overflow that a failed scan did not make good asks for another.
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
    /// Queues every raw log that has no result of its newest version; tells how many.
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
            // Before the results are read: a change in between makes another mark.
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

    /// Whether a log has no result of its newest version; `None` if there is nothing to do about
    /// it.
    ///
    /// A log that is older than results are kept is passed over: its results were removed by age,
    /// and a restart must not bring them back.
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
        // A summary that cannot be read must not keep others waiting. An analysis writes it anew,
        // and is tried again until it can.
        Some(self.analyzer.needs_analysis(key).unwrap_or_else(|reason| {
            self.metrics.count_store_error("failed");
            tracing::error!(key = %object, reason, "it is not known whether it has results");
            true
        }))
    }

    /// The mark of a log as it is now; `None` if a file is missing or cannot be read.
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

/// What was kept; nothing if it is not there or not what was written.
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
