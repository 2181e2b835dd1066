//! Unreadable stored objects: each is counted and logged once, not at every list.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use log2aws_core::error_chain::ErrorChain;
use log2aws_store::disk::Unreadable;

use crate::metrics::Metrics;

/// An object not found for this long is forgotten: it was repaired, or it is logged again.
const FORGET_AFTER: Duration = Duration::from_hours(24);

/// The maximum number of remembered objects.
const CAPACITY: usize = 10_000;

/// When an object was first found unreadable, and why.
#[derive(Debug)]
struct Met {
    at: Instant,
    reason: String,
}

/// The unreadable objects found within the last day.
#[derive(Clone, Debug)]
pub(crate) struct UnreadableObjects {
    metrics: Arc<Metrics>,
    known: Arc<Mutex<BTreeMap<PathBuf, Met>>>,
}

impl UnreadableObjects {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, known: Arc::default() }
    }

    /// Records what a list, a scan or retention found.
    pub(crate) fn report(&self, met: &[Unreadable]) {
        if met.is_empty() {
            return;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, met| met.at.elapsed() < FORGET_AFTER);
        for object in met {
            if known.contains_key(&object.path) || known.len() >= CAPACITY {
                continue;
            }
            self.metrics.count_store_error(if object.is_corrupt() { "damaged" } else { "failed" });
            let error = ErrorChain(object).to_string();
            tracing::error!(%error, "a stored object cannot be read; the others are not affected");
            known.insert(object.path.clone(), Met { at: Instant::now(), reason: error });
        }
        self.metrics.unreadable.set(i64::try_from(known.len()).unwrap_or(i64::MAX));
    }

    /// How many they are, and what is wrong with the first `max` of them, by path.
    pub(crate) fn first(&self, max: usize) -> (usize, Vec<String>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, met| met.at.elapsed() < FORGET_AFTER);
        (known.len(), known.values().take(max).map(|met| met.reason.clone()).collect())
    }
}
