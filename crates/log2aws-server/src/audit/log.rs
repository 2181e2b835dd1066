//! The audit log as requests and background tasks see it.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use jiff::Timestamp;
use log2aws_core::allow_list::AllowList;
use log2aws_service::ports::Clock;

use super::queue::{Line, Message, QUEUE_LINES};
use super::status::Status;
use super::writer::{Writer, day_of};
use super::{AUDIT_FOLDER, AuditConfig, AuditEvent};
use crate::config::ServeError;
use crate::metrics::Metrics;

/// How long the shutdown waits for the requests that it has cut off, and then for the last lines.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// The audit log of one data folder.
pub(crate) struct AuditLog {
    queue: SyncSender<Message>,
    status: Arc<Status>,
    clock: Arc<dyn Clock>,
    /// The number of requests whose lines are not queued yet.
    open: Mutex<u64>,
    none_open: Condvar,
    /// Whether the shutdown cuts off what is still running.
    cuts_off: AtomicBool,
    /// Closed by the thread when it ends.
    ended: Mutex<Receiver<()>>,
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
        let status = Arc::new(Status::new(data_dir.join(AUDIT_FOLDER), config, metrics));
        status.measure();
        let (queue, lines) = sync_channel(QUEUE_LINES);
        let (alive, ended) = sync_channel::<()>(0);
        let mut writer = Writer::new(status.clone(), clock.clone());
        let run = move || {
            writer.run(&lines);
            drop(alive);
        };
        let what = "the audit log";
        let thread = Builder::new().name("audit".to_owned()).spawn(run);
        thread.map_err(|source| ServeError::Thread { what, source })?;
        Ok(Arc::new(Self {
            queue,
            status,
            clock,
            open: Mutex::default(),
            none_open: Condvar::new(),
            cuts_off: AtomicBool::new(false),
            ended: Mutex::new(ended),
        }))
    }

    /// The current time, for events.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Queues a line without waiting. If the queue is full, the line is dropped and counted.
    pub(crate) fn record(&self, event: &AuditEvent) {
        self.status.check_stall();
        let Ok(text) = event.to_line() else { return self.status.drop_lines("failed", 1) };
        let accepted = event.is_accepted();
        let line = Line { day: day_of(event.time), text, accepted, reports: 0 };
        let bytes = line.text.len() as u64;
        if !self.status.queued.reserve(bytes, accepted) {
            return self.status.drop_for_queue();
        }
        match self.queue.try_send(Message::Line(line)) {
            Ok(()) => return,
            Err(TrySendError::Full(_)) => self.status.drop_for_queue(),
            Err(TrySendError::Disconnected(_)) => self.status.drop_lines("stopped", 1),
        }
        self.status.queued.release(bytes);
    }

    /// Queues a line about the server itself: its start or stop, with the allow-list.
    pub(crate) fn record_server(&self, event: &'static str, allow_list: &AllowList) {
        let version = env!("CARGO_PKG_VERSION");
        let detail = Some(format!("log2aws {version}, allow-hosts: {allow_list}"));
        self.record(&AuditEvent { detail, ..AuditEvent::new(self.now(), event) });
    }

    /// Counts a request that will have a line.
    pub(super) fn open_record(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    /// Queues the line of such a request, if it has one.
    pub(super) fn close_record(&self, event: Option<&AuditEvent>) {
        if let Some(event) = event {
            self.record(event);
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        *open -= 1;
        if *open == 0 {
            self.none_open.notify_all();
        }
    }

    /// From now on a request that ends without a response was cut off by the shutdown.
    pub(crate) fn cut_off(&self) {
        self.cuts_off.store(true, Ordering::Relaxed);
    }

    /// Why a request that ends now has no response.
    pub(super) fn reason_of_end(&self) -> &'static str {
        if self.cuts_off.load(Ordering::Relaxed) { "shutdown" } else { "connection_closed" }
    }

    /// Waits for the lines of the requests that were cut off, writes and syncs what is queued, and
    /// ends the thread. Blocks, for at most four seconds.
    pub(crate) fn close(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.none_open.wait_timeout_while(open, CLOSE_WITHIN, |open| *open > 0);
        let requests = *waited.unwrap_or_else(PoisonError::into_inner).0;
        if requests > 0 {
            tracing::error!(requests, "requests still wait for the disk, and have no audit line");
        }
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

    /// Why lines are not being written, in one clause. Does not wait for the disk.
    pub(crate) fn trouble(&self) -> Option<&'static str> {
        self.status.trouble()
    }

    /// Notes that the folder cannot be used, and logs it once.
    pub(crate) fn note_failure(&self, error: &io::Error) {
        self.status.note_failure(error);
    }

    /// Logs once that the disk hangs, and measures the folder again if the limit was reached.
    pub(crate) fn check(&self) {
        self.status.check_stall();
        self.status.measure_if_full();
    }
}
