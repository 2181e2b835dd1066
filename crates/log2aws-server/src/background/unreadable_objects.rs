//! Unreadable stored objects: each is counted and logged once, not at every list.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use log2aws_core::error_chain::ErrorChain;
use log2aws_store::disk::Unreadable;

use crate::metrics::Metrics;

/// An object not found for this long is forgotten: it was repaired or removed.
const FORGET_AFTER: Duration = Duration::from_hours(24);

/// How often an object that is still found is counted and logged again.
const REMIND_EVERY: Duration = Duration::from_hours(24);

/// The maximum number of remembered objects.
const CAPACITY: usize = 10_000;

/// An object that was found unreadable, and why.
#[derive(Debug)]
struct KnownObject {
    /// When it was last found.
    found: Instant,
    /// When it was last logged.
    logged: Instant,
    reason: String,
}

/// The unreadable objects found within the last day.
#[derive(Clone, Debug)]
pub(crate) struct UnreadableObjects {
    metrics: Arc<Metrics>,
    known: Arc<Mutex<BTreeMap<PathBuf, KnownObject>>>,
}

impl UnreadableObjects {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, known: Arc::default() }
    }

    /// Records what a list, a scan or retention found.
    pub(crate) fn report(&self, objects: &[Unreadable]) {
        if objects.is_empty() {
            return;
        }
        let now = Instant::now();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        forget(&mut known, now);
        for object in objects {
            if let Some(known_object) = known.get_mut(&object.path) {
                known_object.found = now;
                if now.duration_since(known_object.logged) < REMIND_EVERY {
                    continue;
                }
            } else if known.len() >= CAPACITY {
                continue;
            }
            self.metrics.count_store_error(if object.is_corrupt() { "damaged" } else { "failed" });
            let error = ErrorChain(object).to_string();
            tracing::error!(%error, "a stored object cannot be read; the others are not affected");
            known.insert(
                object.path.clone(),
                KnownObject { found: now, logged: now, reason: error },
            );
        }
        self.set_gauge(known.len());
    }

    /// Forgets what was not found for a day before `now`; called every minute, because a store
    /// without faults reports nothing.
    pub(crate) fn prune(&self, now: Instant) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        forget(&mut known, now);
        self.set_gauge(known.len());
    }

    fn set_gauge(&self, known: usize) {
        self.metrics.unreadable.set(i64::try_from(known).unwrap_or(i64::MAX));
    }

    /// How many they are, and what is wrong with the first `max` of them, by path.
    pub(crate) fn first(&self, max: usize) -> (usize, Vec<String>) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        (
            known.len(),
            known.values().take(max).map(|known_object| known_object.reason.clone()).collect(),
        )
    }
}

fn forget(known: &mut BTreeMap<PathBuf, KnownObject>, now: Instant) {
    known.retain(|_, known_object| now.duration_since(known_object.found) < FORGET_AFTER);
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn the_gauge_falls_a_day_after_an_object_was_last_found() {
        let metrics = Arc::new(Metrics::new("1.2.3", Timestamp::UNIX_EPOCH));
        let objects = UnreadableObjects::new(metrics.clone());
        let path = "web01/2026-11-30.log".into();
        let source = std::io::Error::other("input/output error");
        objects.report(&[Unreadable { what: "read", path, source }]);
        let found = Instant::now();
        objects.prune(found + Duration::from_hours(23));
        assert_eq!(metrics.unreadable.get(), 1);
        objects.prune(found + Duration::from_hours(25));
        assert_eq!(metrics.unreadable.get(), 0);
        assert_eq!(objects.first(1), (0, Vec::new()));
    }
}
