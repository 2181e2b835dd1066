//! Keeps the dashboard's index up to date with its store.

use std::time::Duration;

use log2aws_dashboard::store_index::{RefreshError, StoreIndex};

use super::{BackgroundTask, Next, Stop, TaskError};

/// The delay after a failed refresh; doubles with each further failure.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// The maximum of that delay.
const LONGEST_AFTER_FAILURE: Duration = Duration::from_hours(1);

/// The delay per list request of the last refresh. On AWS a thousand lists cost half a cent, so a
/// view that is left open for a month costs at most 22 dollars.
const FOR_EACH_LIST: Duration = Duration::from_millis(600);

/// Keeps an index up to date with its store.
#[derive(Debug)]
pub(crate) struct IndexRefresh {
    index: StoreIndex,
    every: Duration,
    failures: u32,
}

impl IndexRefresh {
    /// Refreshes at an interval of `every`, or later if a refresh needs many lists or fails.
    pub(crate) fn new(index: StoreIndex, every: Duration) -> Self {
        Self { index, every, failures: 0 }
    }
}

impl BackgroundTask for IndexRefresh {
    fn name(&self) -> &'static str {
        "index_refresh"
    }

    fn run_once(&mut self, stop: &Stop) -> Result<Next, TaskError> {
        let (done, error) = refresh(&self.index, &|| stop.is_set());
        self.failures = if done.failed { self.failures.saturating_add(1) } else { 0 };
        let wait = wait(self.every, done, self.failures);
        match error {
            None => Ok(Next::after(wait)),
            Some(error) => Err(TaskError { source: Box::new(error), retry_after: Some(wait) }),
        }
    }
}

/// Loads the cache. Must be called before any day is updated, because the cache is older.
pub(crate) async fn load(store_index: &StoreIndex) {
    let store_index = store_index.clone();
    match tokio::task::spawn_blocking(move || store_index.load_cache()).await {
        Ok(Ok(0)) => {}
        Ok(Ok(days)) => tracing::info!(days, "the dashboard's index was cached"),
        Ok(Err(error)) => tracing::warn!(%error, "the dashboard's cache cannot be read"),
        Err(_) => tracing::error!("reading the dashboard's cache broke down"),
    }
}

/// The result of a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Done {
    failed: bool,
    /// The number of list requests that count for the delay.
    lists: u64,
}

/// The delay after that many failures in a row. A failed refresh starts again, so its lists count
/// too.
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

/// Refreshes once.
fn refresh(
    store_index: &StoreIndex,
    stop: &(dyn Fn() -> bool + Sync),
) -> (Done, Option<RefreshError>) {
    match store_index.refresh(stop) {
        Ok(report) => {
            if let Some(error) = report.cache_fault {
                tracing::warn!(error, "the dashboard's cache cannot be written");
            }
            if let Some(error) = report.retired_fault {
                tracing::warn!(error, "the records of retired servers cannot be read");
            }
            if let Some(error) = report.unreadable_because {
                let summaries = report.unreadable;
                tracing::warn!(summaries, error, "summaries cannot be read; they are tried again");
            }
            tracing::debug!(
                listed = report.listed,
                read = report.read,
                forgotten = report.forgotten,
                "the index was refreshed"
            );
            // A full list is an exception, and does not count for the delay.
            (Done { failed: false, lists: if report.full { 0 } else { report.requests } }, None)
        }
        Err(error) => (Done { failed: true, lists: error.requests }, Some(error)),
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
        // A short interval gives a short first retry, and the same maximum.
        let often = Duration::from_secs(5);
        assert_eq!(wait(often, failed(1), 1), often);
        let rarely = Duration::from_hours(5);
        assert_eq!(wait(rarely, failed(1), 20), rarely);
    }
}
