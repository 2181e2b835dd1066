//! The stop flag of all background tasks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Set once, visible to all clones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    is_set: AtomicBool,
    lock: Mutex<()>,
    changed: Condvar,
}

impl Stop {
    /// Asks every task to end.
    pub(crate) fn set(&self) {
        let _guard = self.inner.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.inner.is_set.store(true, Ordering::Release);
        self.inner.changed.notify_all();
    }

    pub(crate) fn is_set(&self) -> bool {
        self.inner.is_set.load(Ordering::Acquire)
    }

    /// Waits for `time`, or less if the flag is set; returns `false` if it is set.
    pub(crate) fn wait(&self, time: Duration) -> bool {
        let guard = self.inner.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.inner.changed.wait_timeout_while(guard, time, |()| !self.is_set());
        drop(waited);
        !self.is_set()
    }
}
