//! The thread that writes audit lines.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use log2aws_service::ports::Clock;

use super::AuditEvent;
use super::day_file::DayFile;
use super::queue::{Line, Message};
use super::status::Status;

/// The maximum number of lines in one write.
const BATCH_LINES: usize = 256;

/// How often written lines are synced, so that they survive a power cut.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// The minimum interval between `dropped` lines.
const REPORT_DROPPED_EVERY: Duration = Duration::from_mins(1);

/// Lines of one day, written together.
#[derive(Default)]
struct Block {
    text: String,
    events: u64,
    reports: u64,
}

/// Lines that a power cut could undo.
struct Unsynced {
    since: Instant,
    events: u64,
    reports: u64,
}

/// The state of the thread.
pub(super) struct Writer {
    status: Arc<Status>,
    clock: Arc<dyn Clock>,
    file: Option<DayFile>,
    /// The lines that are written and not synced yet.
    unsynced: Option<Unsynced>,
    /// When the last `dropped` line was written.
    reported_at: Option<Instant>,
}

impl Writer {
    pub(super) fn new(status: Arc<Status>, clock: Arc<dyn Clock>) -> Self {
        Self { status, clock, file: None, unsynced: None, reported_at: None }
    }

    /// Writes what is queued, until the log is closed.
    pub(super) fn run(&mut self, queue: &Receiver<Message>) {
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
            self.status.clone().on_disk(|| self.write_and_sync(&mut batch, ends));
            self.status.remind_of_overflow();
            if ends {
                return;
            }
        }
    }

    fn take(&self, line: Line, batch: &mut Vec<Line>) {
        self.status.queued.release(line.text.len() as u64);
        batch.push(line);
    }

    fn write_and_sync(&mut self, batch: &mut Vec<Line>, ends: bool) {
        self.write(batch.drain(..));
        let is_due = |lines: &Unsynced| lines.since.elapsed() >= SYNC_EVERY;
        let sync_is_due = ends || self.unsynced.as_ref().is_some_and(is_due);
        if sync_is_due && self.sync() {
            self.status.note_success();
        }
    }

    /// Adds a line with the number of dropped lines, at most once a minute.
    fn tell_dropped(&self, batch: &mut Vec<Line>, ends: bool) {
        let is_due = ends || self.reported_at.is_none_or(|at| at.elapsed() >= REPORT_DROPPED_EVERY);
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
                self.append(day, std::mem::take(&mut block));
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
        self.append(day, block);
    }

    fn append(&mut self, day: Option<Date>, block: Block) {
        let Some(day) = day.filter(|_| !block.text.is_empty()) else { return };
        if self.file.as_ref().is_some_and(|file| file.day != day) {
            self.sync();
            self.file = None;
        }
        let block = self.leave_moved_file(block);
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
                    self.reported_at = Some(now);
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

    /// Closes the file if it was moved or removed: lines would be written where nobody reads them.
    /// The new file begins with a line that says so.
    fn leave_moved_file(&mut self, mut block: Block) -> Block {
        let Some(file) = &mut self.file else { return block };
        if file.is_in_place(&self.status.folder) {
            return block;
        }
        let name = file.name();
        let folder = self.status.folder.display();
        tracing::warn!(%folder, name, "an audit file was moved or removed; a new one is begun");
        self.sync();
        self.file = None;
        self.status.measure();
        let detail = Some(format!("{name} was moved or removed"));
        let event = AuditEvent { detail, ..AuditEvent::new(self.clock.now(), "setting") };
        if let Ok(line) = event.to_line()
            && self.status.has_room((block.text.len() + line.len()) as u64, true)
        {
            block.text.insert_str(0, &line);
            block.events += 1;
        }
        block
    }

    fn append_to_file(&mut self, day: Date, lines: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(DayFile::open(&self.status.folder, day)?),
        };
        file.append(lines)
    }

    /// Syncs what was written; returns whether that succeeded. If not, all lines since the last sync
    /// count as dropped: Linux reports a failed write-back once, and a second fsync would succeed without
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

/// The day of a moment, in UTC.
pub(super) fn day_of(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}
