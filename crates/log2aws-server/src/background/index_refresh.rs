//! A thread that keeps a library in step with its store.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use log2aws_dashboard::store_index::StoreIndex;

use crate::config::ServeError;

/// How long a sweep waits after the store failed it; after each further failure twice as long.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// The longest such wait.
const LONGEST_AFTER_FAILURE: Duration = Duration::from_hours(1);

/// How long a sweep waits for each list that the last one asked for. On AWS a thousand lists cost
/// half a cent: so a view that is left open for a month costs 22 dollars at most.
const FOR_EACH_LIST: Duration = Duration::from_millis(600);

/// Sweeps a library until it is stopped.
#[derive(Debug)]
pub(crate) struct IndexRefresher {
    stop: Sender<()>,
    stopping: Arc<OnceLock<()>>,
    thread: JoinHandle<()>,
}

impl IndexRefresher {
    /// Sweeps, and does so again after each `every`, or later if a sweep takes many lists or fails.
    ///
    /// # Errors
    /// [`ServeError::Thread`].
    pub(crate) fn start(store_index: StoreIndex, every: Duration) -> Result<Self, ServeError> {
        let (stop, stopped) = mpsc::channel();
        let stopping = Arc::new(OnceLock::new());
        let is_stopping = stopping.clone();
        let thread = Builder::new().name("sweep".to_owned()).spawn(move || {
            let mut failures = 0;
            loop {
                let done = refresh(&store_index, &|| is_stopping.get().is_some());
                failures = if done.failed { failures + 1 } else { 0 };
                let wait = wait(every, done, failures);
                match stopped.recv_timeout(wait) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        });
        let thread = thread.map_err(|source| {
            let what = "the dashboard's index";
            ServeError::Thread { what, source }
        })?;
        Ok(Self { stop, stopping, thread })
    }

    /// Lets the sweep at work end early, and waits for it.
    pub(crate) fn stop(self) {
        let _ = self.stopping.set(());
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the thread of the dashboard's index broke down");
        }
    }
}

/// Takes over what was cached. To be done before anything else tells the library of days: what is
/// cached is older.
pub(crate) async fn load(store_index: &StoreIndex) {
    let store_index = store_index.clone();
    match tokio::task::spawn_blocking(move || store_index.load_cache()).await {
        Ok(Ok(0)) => {}
        Ok(Ok(days)) => tracing::info!(days, "the dashboard's index was cached"),
        Ok(Err(error)) => tracing::warn!(%error, "the dashboard's cache cannot be read"),
        Err(_) => tracing::error!("reading the dashboard's cache broke down"),
    }
}

/// How a sweep went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Done {
    failed: bool,
    /// How many lists it took, as far as the pace goes by them.
    lists: u64,
}

/// How long to wait after so many failures in a row. A sweep that failed begins anew, so that it is
/// paid for by its lists all the same.
fn wait(every: Duration, done: Done, failures: u32) -> Duration {
    let lists = u32::try_from(done.lists).unwrap_or(u32::MAX);
    let pace = if done.failed {
        let doubled = 1 << failures.saturating_sub(1).min(16);
        let longest = LONGEST_AFTER_FAILURE.max(every);
        AFTER_FAILURE.min(every).saturating_mul(doubled).min(longest)
    } else {
        every
    };
    pace.max(FOR_EACH_LIST.saturating_mul(lists))
}

/// Sweeps once.
fn refresh(store_index: &StoreIndex, stop: &(dyn Fn() -> bool + Sync)) -> Done {
    let report =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| store_index.refresh(stop)));
    match report {
        Ok(Ok(report)) => {
            if let Some(error) = report.cache_fault {
                tracing::warn!(error, "the dashboard's cache cannot be written");
            }
            if let Some(error) = report.unreadable_because {
                let summaries = report.unreadable;
                tracing::warn!(summaries, error, "summaries cannot be read; they are tried again");
            }
            tracing::debug!(
                listed = report.listed,
                read = report.read,
                forgotten = report.forgotten,
                "looked through the results"
            );
            // A list of everything is the exception, and not what the pace goes by.
            Done { failed: false, lists: if report.full { 0 } else { report.requests } }
        }
        Ok(Err(error)) => {
            tracing::error!(
                error = &error.source as &dyn std::error::Error,
                "the results could not be looked through"
            );
            Done { failed: true, lists: error.requests }
        }
        Err(_) => {
            tracing::error!("looking through the results broke down");
            Done { failed: true, lists: 0 }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_mins(10);

    #[test]
    fn a_sweep_waits_by_the_lists_that_it_took() {
        let done = |lists| Done { failed: false, lists };
        assert_eq!(wait(EVERY, done(1000), 0), EVERY);
        assert_eq!(wait(EVERY, done(5000), 0), Duration::from_mins(50));
        assert_eq!(wait(EVERY, done(u64::MAX), 0), FOR_EACH_LIST.saturating_mul(u32::MAX));
    }

    #[test]
    fn waits_after_failures_grow_and_are_no_cheaper_than_the_lists() {
        let failed = |lists| Done { failed: true, lists };
        let waits = [1, 2, 3, 7, 8, 100, u32::MAX].map(|n| wait(EVERY, failed(1), n).as_secs());
        assert_eq!(waits, [30, 60, 120, 1920, 3600, 3600, 3600]);
        assert_eq!(wait(EVERY, failed(4000), 1), Duration::from_mins(40));
        // Who looks often tries again as often at first, and no later than who looks rarely.
        let often = Duration::from_secs(5);
        assert_eq!(wait(often, failed(1), 1), often);
        let rarely = Duration::from_hours(5);
        assert_eq!(wait(rarely, failed(1), 20), rarely);
    }
}
