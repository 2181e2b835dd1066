//! The thread that writes audit lines.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use log2aws_core::allow_list::AllowList;
use log2aws_service::ports::Clock;

use super::day_file::{DayFile, files};
use super::{AUDIT_FOLDER, AuditConfig, AuditEvent, MAX_LINE_BYTES};
use crate::config::ServeError;
use crate::metrics::Metrics;

/// The maximum number of queued lines and of their bytes. Further lines are dropped and counted.
const QUEUE_LINES: usize = 16 * 1024;
const QUEUE_BYTES: u64 = 4 << 20;

/// The maximum number of lines in one write.
const BATCH_LINES: usize = 256;

/// How often written lines are synced, so that they survive a power cut.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// The minimum interval between `dropped` lines.
const TELL_DROPPED_EVERY: Duration = Duration::from_mins(1);

/// How long the shutdown waits for the last lines.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// The audit log of one data folder.
pub(crate) struct AuditLog {
    queue: SyncSender<Message>,
    status: Arc<Status>,
    clock: Arc<dyn Clock>,
    /// Closed by the thread when it ends.
    ended: Mutex<Receiver<()>>,
}

enum Message {
    Line(Line),
    Close,
}

struct Line {
    day: Date,
    text: String,
    accepted: bool,
    /// The number of lines that this `dropped` line reports; 0 for every other event.
    reports: u64,
}

/// Lines of one day, written together.
#[derive(Default)]
struct Block {
    text: String,
    events: u64,
    reports: u64,
}

/// State shared by the writer thread and its users.
#[derive(Debug)]
struct Status {
    folder: PathBuf,
    config: AuditConfig,
    metrics: Arc<Metrics>,
    /// The size of all files, in bytes.
    size: AtomicU64,
    /// Whether the thread ends once the queue is empty.
    closing: AtomicBool,
    /// The size of the queued lines, in bytes.
    queued: AtomicU64,
    /// Dropped lines that no `dropped` line reports yet.
    unreported: AtomicU64,
    /// Whether the last write failed.
    failing: AtomicBool,
    /// Whether the last line exceeded the limit. Refusals have their own flag, and half the limit.
    full: AtomicBool,
    refusals_full: AtomicBool,
}

impl Status {
    fn drop_lines(&self, reason: &'static str, lines: u64) {
        self.unreported.fetch_add(lines, Ordering::Relaxed);
        self.metrics.count_audit_dropped(reason, lines);
    }

    fn drop_line(&self, reason: &'static str, line: &Line) {
        if line.reports > 0 {
            self.unreported.fetch_add(line.reports, Ordering::Relaxed);
        } else {
            self.drop_lines(reason, 1);
        }
    }

    /// Takes over what the files were counted to be. A line written meanwhile may be missing until
    /// the next count.
    fn set_size(&self, size: u64) {
        self.size.store(size, Ordering::Relaxed);
        self.metrics.audit_bytes.set(signed(size));
    }

    // The writer adds while the upkeep subtracts: each in one atomic step.
    fn add_size(&self, bytes: u64) {
        self.size.fetch_add(bytes, Ordering::Relaxed);
        self.metrics.audit_bytes.inc_by(signed(bytes));
    }

    fn subtract_size(&self, bytes: u64) {
        let less = |size: u64| Some(size.saturating_sub(bytes));
        let before = self.size.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        let gone = before.unwrap_or_else(|size| size).min(bytes);
        self.metrics.audit_bytes.dec_by(signed(gone));
    }

    /// Whether another `bytes` bytes fit within the limit. Logs each change once.
    fn has_room(&self, bytes: u64, accepted: bool) -> bool {
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

    fn note_failure(&self, error: &io::Error) {
        if !self.failing.swap(true, Ordering::Relaxed) {
            let folder = self.folder.display();
            tracing::error!(%folder, %error, "audit lines cannot be written; requests are served");
        }
    }

    fn note_success(&self) {
        if self.failing.swap(false, Ordering::Relaxed) {
            tracing::info!("audit lines are written again");
        }
    }
}

impl AuditLog {
    /// Starts the thread. An unusable folder is not an error: it is logged, and each line tries
    /// again.
    ///
    /// # Errors
    /// [`ServeError::Thread`].
    pub(crate) fn start(
        data_dir: &Path,
        config: AuditConfig,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Result<Arc<Self>, ServeError> {
        let folder = data_dir.join(AUDIT_FOLDER);
        let status = Arc::new(Status {
            folder,
            config,
            metrics,
            size: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            queued: AtomicU64::new(0),
            unreported: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            full: AtomicBool::new(false),
            refusals_full: AtomicBool::new(false),
        });
        match size_of(&status.folder) {
            Ok(size) => status.set_size(size),
            Err(error) => status.note_failure(&error),
        }
        let (queue, lines) = sync_channel(QUEUE_LINES);
        let (alive, ended) = sync_channel::<()>(0);
        let mut writer = Writer {
            status: status.clone(),
            clock: clock.clone(),
            file: None,
            unsynced: None,
            told: None,
        };
        let run = move || {
            writer.run(&lines);
            drop(alive);
        };
        let what = "the audit log";
        let thread = Builder::new().name("audit".to_owned()).spawn(run);
        thread.map_err(|source| ServeError::Thread { what, source })?;
        Ok(Arc::new(Self { queue, status, clock, ended: Mutex::new(ended) }))
    }

    /// The current time, for events.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Queues a line without waiting. If the queue is full, the line is dropped and counted.
    pub(crate) fn record(&self, event: &AuditEvent) {
        let Ok(text) = event.to_line() else { return self.status.drop_lines("failed", 1) };
        let accepted = event.is_accepted();
        let line = Line { day: day_of(event.time), text, accepted, reports: 0 };
        let bytes = line.text.len() as u64;
        let reason = if self.status.queued.fetch_add(bytes, Ordering::Relaxed) > QUEUE_BYTES {
            "queue"
        } else {
            match self.queue.try_send(Message::Line(line)) {
                Ok(()) => return,
                Err(TrySendError::Full(_)) => "queue",
                Err(TrySendError::Disconnected(_)) => "stopped",
            }
        };
        self.status.queued.fetch_sub(bytes, Ordering::Relaxed);
        self.status.drop_lines(reason, 1);
    }

    /// Queues a line about the server itself: its start or stop, with the allow-list.
    pub(crate) fn record_server(&self, event: &'static str, allow_list: &AllowList) {
        let version = env!("CARGO_PKG_VERSION");
        let detail = Some(format!("log2aws {version}, allow-hosts: {allow_list}"));
        self.record(&AuditEvent { detail, ..AuditEvent::new(self.now(), event) });
    }

    /// Writes and syncs what is queued, and ends the thread. Blocks.
    pub(crate) fn close(&self) {
        self.status.closing.store(true, Ordering::Relaxed);
        // This only wakes the thread. If the queue is full, the thread is awake anyway.
        if let Err(TrySendError::Disconnected(_)) = self.queue.try_send(Message::Close) {
            return;
        }
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(CLOSE_WITHIN) == Err(RecvTimeoutError::Timeout) {
            tracing::error!("the disk does not take the last audit lines");
        }
    }

    /// The folder with the files.
    pub(crate) fn folder(&self) -> &Path {
        &self.status.folder
    }

    /// Notes that files with `bytes` bytes in total were removed.
    pub(crate) fn removed(&self, bytes: u64) {
        self.status.subtract_size(bytes);
    }

    /// Why lines are not being written, in one clause.
    pub(crate) fn trouble(&self) -> Option<&'static str> {
        let is = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        if is(&self.status.failing) {
            Some("lines cannot be written, see the log")
        } else if is(&self.status.full) {
            Some("nothing more is written, because --max-audit-size is reached")
        } else if is(&self.status.refusals_full) {
            Some(
                "refused requests are not written, because the audit log has half of --max-audit-size",
            )
        } else {
            None
        }
    }

    /// Notes that the folder cannot be used, and logs it once.
    pub(crate) fn note_failure(&self, error: &io::Error) {
        self.status.note_failure(error);
    }

    /// Measures the folder again if the limit was reached: an operator may have freed space.
    pub(crate) fn count_again(&self) {
        let is = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        let (full, refusals_full) = (is(&self.status.full), is(&self.status.refusals_full));
        if !full && !refusals_full {
            return;
        }
        match size_of(&self.status.folder) {
            Ok(size) => self.status.set_size(size),
            Err(error) => return self.status.note_failure(&error),
        }
        for (is_full, accepted) in [(full, true), (refusals_full, false)] {
            if is_full {
                self.status.has_room(MAX_LINE_BYTES as u64, accepted);
            }
        }
    }
}

/// Lines that a power cut could undo.
struct Unsynced {
    since: Instant,
    events: u64,
    reports: u64,
}

/// The state of the thread.
struct Writer {
    status: Arc<Status>,
    clock: Arc<dyn Clock>,
    file: Option<DayFile>,
    /// The lines that are written and not synced yet.
    unsynced: Option<Unsynced>,
    /// When the last `dropped` line was written.
    told: Option<Instant>,
}

impl Writer {
    fn run(&mut self, queue: &Receiver<Message>) {
        let mut batch = Vec::new();
        loop {
            let age = self.unsynced.as_ref().map_or(Duration::ZERO, |lines| lines.since.elapsed());
            let wait = SYNC_EVERY.saturating_sub(age);
            let mut ends = false;
            match queue.recv_timeout(wait) {
                Ok(Message::Line(line)) => self.take(line, &mut batch),
                Ok(Message::Close) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => ends = true,
            }
            while batch.len() < BATCH_LINES {
                match queue.try_recv() {
                    Ok(Message::Line(line)) => self.take(line, &mut batch),
                    Ok(Message::Close) => {}
                    Err(_) => {
                        ends |= self.status.closing.load(Ordering::Relaxed);
                        break;
                    }
                }
            }
            self.tell_dropped(&mut batch, ends);
            self.write(batch.drain(..));
            let is_due = |lines: &Unsynced| lines.since.elapsed() >= SYNC_EVERY;
            let sync_is_due = ends || self.unsynced.as_ref().is_some_and(is_due);
            if sync_is_due && self.sync() {
                self.status.note_success();
            }
            if ends {
                return;
            }
        }
    }

    fn take(&self, line: Line, batch: &mut Vec<Line>) {
        self.status.queued.fetch_sub(line.text.len() as u64, Ordering::Relaxed);
        batch.push(line);
    }

    /// Adds a line with the number of dropped lines, at most once a minute.
    fn tell_dropped(&self, batch: &mut Vec<Line>, ends: bool) {
        let is_due = ends || self.told.is_none_or(|told| told.elapsed() >= TELL_DROPPED_EVERY);
        if !is_due || self.status.full.load(Ordering::Relaxed) && batch.is_empty() {
            return;
        }
        let lines = self.status.unreported.load(Ordering::Relaxed);
        if lines == 0 {
            return;
        }
        let event =
            AuditEvent { lines: Some(lines), ..AuditEvent::new(self.clock.now(), "dropped") };
        if let Ok(text) = event.to_line() {
            batch.push(Line { day: day_of(event.time), text, accepted: true, reports: lines });
            // Added back if the line is not written.
            self.status.unreported.fetch_sub(lines, Ordering::Relaxed);
        }
    }

    /// Writes lines, those of the same day together.
    fn write(&mut self, lines: impl Iterator<Item = Line>) {
        let (mut block, mut day) = (Block::default(), None);
        for line in lines {
            if day != Some(line.day) {
                self.append(day, &std::mem::take(&mut block));
                day = Some(line.day);
            }
            let size = (block.text.len() + line.text.len()) as u64;
            if self.status.has_room(size, line.accepted) {
                block.text.push_str(&line.text);
                block.events += u64::from(line.reports == 0);
                block.reports += line.reports;
            } else {
                self.status.drop_line("size", &line);
            }
        }
        self.append(day, &block);
    }

    fn append(&mut self, day: Option<Date>, block: &Block) {
        let Some(day) = day.filter(|_| !block.text.is_empty()) else { return };
        if self.file.as_ref().is_some_and(|file| file.day != day) {
            self.sync();
            self.file = None;
        }
        match self.append_to_file(day, block.text.as_bytes()) {
            Ok(()) => {
                let now = Instant::now();
                let start = || Unsynced { since: now, events: 0, reports: 0 };
                let unsynced = self.unsynced.get_or_insert_with(start);
                unsynced.events += block.events;
                unsynced.reports += block.reports;
                self.status.add_size(block.text.len() as u64);
                self.status.metrics.audit_lines.inc_by(block.events);
                if block.reports > 0 {
                    self.told = Some(now);
                }
            }
            Err(error) => {
                // The next lines open the file again; earlier ones are synced through this one.
                self.sync();
                self.file = None;
                self.lose(block.events, block.reports, &error);
            }
        }
    }

    fn append_to_file(&mut self, day: Date, lines: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(DayFile::open(&self.status.folder, day)?),
        };
        file.append(lines)
    }

    /// Has the disk keep what was written; returns whether it does. If it does not, all lines since the last sync count as
    /// dropped: Linux reports a failed write-back once, and a second fsync would succeed without
    /// them.
    fn sync(&mut self) -> bool {
        let Some(unsynced) = self.unsynced.take() else { return false };
        match self.file.as_ref().map_or(Ok(()), DayFile::sync) {
            Ok(()) => true,
            Err(error) => {
                self.lose(unsynced.events, unsynced.reports, &error);
                self.file = None;
                false
            }
        }
    }

    /// Counts lines that the disk did not take.
    fn lose(&self, events: u64, reports: u64, error: &io::Error) {
        self.status.unreported.fetch_add(reports, Ordering::Relaxed);
        self.status.drop_lines("disk", events);
        self.status.note_failure(error);
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn size_of(folder: &Path) -> io::Result<u64> {
    Ok(files(folder)?.iter().map(|(_, _, size)| size).sum())
}

fn day_of(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}
