//! What a connection is doing: whether it waits for its peer, and since when.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// Milliseconds on a clock that never goes back; only differences mean something.
pub(crate) fn now_ms() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed();
    // From 1 up: 0 stands for "never".
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).saturating_add(1)
}

/// What one connection is doing. Written by its own task, read by whoever needs its place.
#[derive(Debug)]
pub(crate) struct Activity {
    /// When a byte last went in or out, by [`now_ms`].
    last: AtomicU64,
    /// Whether the server is at work on a request and waits for nothing from its peer.
    working: AtomicBool,
    /// Whether a request's head has arrived.
    greeted: AtomicBool,
    /// Whether the server is stopping.
    stopping: AtomicBool,
}

impl Activity {
    /// A connection that was accepted now.
    pub(crate) fn new() -> Self {
        Self {
            last: AtomicU64::new(now_ms()),
            working: AtomicBool::new(false),
            greeted: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        }
    }

    /// A byte went in or out.
    pub(crate) fn progress(&self) {
        self.last.store(now_ms(), Ordering::Relaxed);
    }

    /// A request's head has arrived.
    pub(crate) fn begin_request(&self) {
        self.greeted.store(true, Ordering::Relaxed);
        self.working.store(true, Ordering::Relaxed);
    }

    /// From now on the server waits for the peer: for more of a body, for the next request, or for
    /// it to take the answer.
    pub(crate) fn wait_for_peer(&self) {
        self.progress();
        self.working.store(false, Ordering::Relaxed);
    }

    /// From now on the peer waits for the server.
    pub(crate) fn resume(&self) {
        self.working.store(true, Ordering::Relaxed);
    }

    /// Whether a request's head has arrived.
    pub(crate) fn has_request(&self) -> bool {
        self.greeted.load(Ordering::Relaxed)
    }

    /// The server stops.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the server is stopping.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// For how many milliseconds the peer has been waited for; `None` while the server works.
    pub(crate) fn idle_ms(&self, now: u64) -> Option<u64> {
        let idle = now.saturating_sub(self.last.load(Ordering::Relaxed));
        (!self.working.load(Ordering::Relaxed)).then_some(idle)
    }
}
