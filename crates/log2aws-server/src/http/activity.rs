//! The activity of a connection: whether it waits for its peer, and since when.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// Milliseconds on a monotonic clock; only differences are meaningful.
pub(crate) fn now_ms() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed();
    // Starts at 1, because 0 means "never".
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).saturating_add(1)
}

/// The activity of one connection. Written by its own task, read when places are scarce.
#[derive(Debug)]
pub(crate) struct Activity {
    /// When a byte was last sent or received, by [`now_ms`].
    last: AtomicU64,
    /// Whether the server is processing a request and not waiting for its peer.
    working: AtomicBool,
    /// Whether a request's head has arrived.
    greeted: AtomicBool,
    /// Whether the server is stopping.
    stopping: AtomicBool,
}

impl Activity {
    /// A connection that was just accepted.
    pub(crate) fn new() -> Self {
        Self {
            last: AtomicU64::new(now_ms()),
            working: AtomicBool::new(false),
            greeted: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        }
    }

    /// A byte was sent or received.
    pub(crate) fn progress(&self) {
        self.last.store(now_ms(), Ordering::Relaxed);
    }

    /// A request's head has arrived.
    pub(crate) fn begin_request(&self) {
        self.greeted.store(true, Ordering::Relaxed);
        self.working.store(true, Ordering::Relaxed);
    }

    /// The server now waits for the peer: for more of a body, for the next request, or for it to
    /// read the response.
    pub(crate) fn wait_for_peer(&self) {
        self.progress();
        self.working.store(false, Ordering::Relaxed);
    }

    /// The peer now waits for the server.
    pub(crate) fn resume(&self) {
        self.working.store(true, Ordering::Relaxed);
    }

    /// Whether a request's head has arrived.
    pub(crate) fn has_request(&self) -> bool {
        self.greeted.load(Ordering::Relaxed)
    }

    /// Marks the connection as one of a stopping server.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the server is stopping.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// How many milliseconds the server has waited for the peer; `None` while it is working.
    pub(crate) fn idle_ms(&self, now: u64) -> Option<u64> {
        let idle = now.saturating_sub(self.last.load(Ordering::Relaxed));
        (!self.working.load(Ordering::Relaxed)).then_some(idle)
    }
}
