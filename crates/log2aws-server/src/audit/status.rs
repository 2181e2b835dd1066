//! What the writer thread and its users share: sizes, counts, and what is wrong.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::day_file::files;
use super::queue::{Line, Queued};
use super::{AuditConfig, MAX_LINE_BYTES};
use crate::metrics::Metrics;

/// How long a write may take before the disk counts as hanging.
const STALLED_AFTER: Duration = Duration::from_secs(5);

/// How often dropped lines are logged, and how long after the last one they are reported.
const REMIND_EVERY: Duration = Duration::from_mins(1);

/// State shared by the writer thread and its users.
#[derive(Debug)]
pub(super) struct Status {
    pub(super) folder: PathBuf,
    config: AuditConfig,
    pub(super) metrics: Arc<Metrics>,
    pub(super) queued: Queued,
    /// The size of all files, in bytes.
    size: AtomicU64,
    /// Whether the thread ends once the queue is empty.
    pub(super) closing: AtomicBool,
    /// Dropped lines that no `dropped` line reports yet.
    pub(super) unreported: AtomicU64,
    /// Whether the last write failed.
    failing: AtomicBool,
    /// Whether the last line exceeded the limit. Refusals have their own flag, and half the limit.
    pub(super) full: AtomicBool,
    refusals_full: AtomicBool,
    overflow: Mutex<Overflow>,
    /// Since when the thread has been waiting for the disk.
    waits_since: Mutex<Option<Instant>>,
    /// Whether it was logged that the disk hangs.
    stall_logged: AtomicBool,
}

/// Lines that found no place in the queue.
#[derive(Debug, Default)]
struct Overflow {
    last: Option<Instant>,
    logged: Option<Instant>,
    /// The number of lines dropped since `logged`.
    unlogged: u64,
}

impl Status {
    pub(super) fn new(folder: PathBuf, config: AuditConfig, metrics: Arc<Metrics>) -> Self {
        Self {
            folder,
            config,
            metrics,
            queued: Queued::default(),
            size: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            unreported: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            full: AtomicBool::new(false),
            refusals_full: AtomicBool::new(false),
            overflow: Mutex::default(),
            waits_since: Mutex::default(),
            stall_logged: AtomicBool::new(false),
        }
    }

    pub(super) fn drop_lines(&self, reason: &'static str, lines: u64) {
        self.unreported.fetch_add(lines, Ordering::Relaxed);
        self.metrics.count_audit_dropped(reason, lines);
    }

    pub(super) fn drop_line(&self, reason: &'static str, line: &Line) {
        if line.reports > 0 {
            self.unreported.fetch_add(line.reports, Ordering::Relaxed);
        } else {
            self.drop_lines(reason, 1);
        }
    }

    /// Counts a line that found no place in the queue. Logs the first, and their number once a
    /// minute.
    pub(super) fn drop_for_queue(&self) {
        self.drop_lines("queue", 1);
        let now = Instant::now();
        let mut overflow = self.overflow.lock().unwrap_or_else(PoisonError::into_inner);
        overflow.last = Some(now);
        overflow.unlogged += 1;
        self.log_overflow(overflow.take_due(now));
    }

    /// Logs the lines dropped since the last message, if that was a minute ago.
    pub(super) fn remind_of_overflow(&self) {
        let mut overflow = self.overflow.lock().unwrap_or_else(PoisonError::into_inner);
        self.log_overflow(overflow.take_due(Instant::now()));
    }

    fn log_overflow(&self, lines: Option<u64>) {
        if let Some(lines) = lines {
            let folder = self.folder.display();
            tracing::error!(
                lines, %folder,
                "audit lines were dropped: the disk is too slow for them or does not respond; \
                 requests are served"
            );
        }
    }

    /// Sets the size of all files after they were measured. A line written meanwhile may be missing
    /// until the next time.
    pub(super) fn set_size(&self, size: u64) {
        self.size.store(size, Ordering::Relaxed);
        self.metrics.audit_bytes.set(signed(size));
    }

    // The writer adds while retention subtracts: each in one atomic step.
    pub(super) fn add_size(&self, bytes: u64) {
        self.size.fetch_add(bytes, Ordering::Relaxed);
        self.metrics.audit_bytes.inc_by(signed(bytes));
    }

    pub(super) fn subtract_size(&self, bytes: u64) {
        let less = |size: u64| Some(size.saturating_sub(bytes));
        let before = self.size.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        let gone = before.unwrap_or_else(|size| size).min(bytes);
        self.metrics.audit_bytes.dec_by(signed(gone));
    }

    /// Measures the folder; a failure is noted.
    pub(super) fn measure(&self) {
        match size_of(&self.folder) {
            Ok(size) => self.set_size(size),
            Err(error) => self.note_failure(&error),
        }
    }

    /// Measures the folder again if the limit was reached: an operator may have freed space.
    pub(super) fn measure_if_full(&self) {
        let is = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        let (full, refusals_full) = (is(&self.full), is(&self.refusals_full));
        if !full && !refusals_full {
            return;
        }
        self.measure();
        for (is_full, accepted) in [(full, true), (refusals_full, false)] {
            if is_full {
                self.has_room(MAX_LINE_BYTES as u64, accepted);
            }
        }
    }

    /// Whether another `bytes` bytes fit within the limit. Logs each change once.
    pub(super) fn has_room(&self, bytes: u64, accepted: bool) -> bool {
        let limit = self.config.limit(accepted);
        let fits = self.size.load(Ordering::Relaxed).saturating_add(bytes) <= limit;
        let flag = if accepted { &self.full } else { &self.refusals_full };
        if flag.swap(!fits, Ordering::Relaxed) == fits {
            match (fits, accepted) {
                (true, true) => tracing::info!("audit lines are written again"),
                (true, false) => tracing::info!("refused requests are audited again"),
                (false, true) => tracing::error!(
                    limit,
                    "nothing more is audited: --max-audit-size is reached; requests are served"
                ),
                (false, false) => tracing::error!(
                    limit,
                    "refused requests are no longer audited: the audit log has half of \
                     --max-audit-size"
                ),
            }
        }
        fits
    }

    pub(super) fn note_failure(&self, error: &io::Error) {
        if !self.failing.swap(true, Ordering::Relaxed) {
            let folder = self.folder.display();
            tracing::error!(%folder, %error, "audit lines cannot be written; requests are served");
        }
    }

    pub(super) fn note_success(&self) {
        if self.failing.swap(false, Ordering::Relaxed) {
            tracing::info!("audit lines are written again");
        }
    }

    /// Runs what may have to wait for the disk.
    pub(super) fn on_disk(&self, work: impl FnOnce()) {
        self.set_waits_since(Some(Instant::now()));
        work();
        self.set_waits_since(None);
        if self.stall_logged.swap(false, Ordering::Relaxed) {
            tracing::info!("the disk of the audit log responds again");
        }
    }

    fn set_waits_since(&self, since: Option<Instant>) {
        *self.waits_since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn is_stalled(&self) -> bool {
        let since = *self.waits_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() >= STALLED_AFTER)
    }

    /// Logs once that the disk hangs. The thread that waits for it cannot.
    pub(super) fn check_stall(&self) {
        if self.is_stalled() && !self.stall_logged.swap(true, Ordering::Relaxed) {
            let folder = self.folder.display();
            tracing::error!(
                %folder,
                "the disk of the audit log does not respond: its lines wait in memory; requests \
                 are served"
            );
        }
    }

    /// Why lines are not being written, in one clause. Does not wait for the disk.
    pub(super) fn trouble(&self) -> Option<&'static str> {
        self.check_stall();
        let is = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        let overflow = self.overflow.lock().unwrap_or_else(PoisonError::into_inner).last;
        if is(&self.failing) {
            Some("lines cannot be written, see the log")
        } else if self.is_stalled() {
            Some("the disk does not respond, and lines wait in memory")
        } else if overflow.is_some_and(|last| last.elapsed() < REMIND_EVERY) {
            Some("lines were dropped within the last minute, because the disk is too slow for them")
        } else if is(&self.full) {
            Some("nothing more is written, because --max-audit-size is reached")
        } else if is(&self.refusals_full) {
            Some(
                "refused requests are not written, because the audit log has half of --max-audit-size",
            )
        } else {
            None
        }
    }
}

impl Overflow {
    /// The number of lines to log now, if any.
    fn take_due(&mut self, now: Instant) -> Option<u64> {
        let is_due = |logged| now.duration_since(logged) >= REMIND_EVERY;
        if self.unlogged == 0 || !self.logged.is_none_or(is_due) {
            return None;
        }
        self.logged = Some(now);
        Some(std::mem::take(&mut self.unlogged))
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn size_of(folder: &Path) -> io::Result<u64> {
    Ok(files(folder)?.iter().map(|(_, _, size)| size).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_dropped_line_is_logged_and_then_a_count_a_minute() {
        let (mut overflow, begin) = (Overflow::default(), Instant::now());
        let mut drop_at = |seconds| {
            overflow.unlogged += 1;
            overflow.take_due(begin + Duration::from_secs(seconds))
        };
        let logged = [0, 1, 59, 60, 61, 130].map(&mut drop_at);
        assert_eq!(logged, [Some(1), None, None, Some(3), None, Some(2)]);
        assert_eq!(overflow.take_due(begin + Duration::from_mins(5)), None);
    }
}
