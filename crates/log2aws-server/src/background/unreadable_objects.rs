//! Unreadable stored objects: each is counted and logged once, not at every list.

use std::collections::HashMap;
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

/// The unreadable objects found within the last day.
#[derive(Clone, Debug)]
pub(crate) struct UnreadableObjects {
    metrics: Arc<Metrics>,
    known: Arc<Mutex<HashMap<PathBuf, Instant>>>,
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
        let now = Instant::now();
        known.retain(|_, since| now.duration_since(*since) < FORGET_AFTER);
        for object in met {
            if known.contains_key(&object.path) || known.len() >= CAPACITY {
                continue;
            }
            known.insert(object.path.clone(), now);
            self.metrics.count_store_error(if object.is_corrupt() { "damaged" } else { "failed" });
            let error = ErrorChain(object);
            tracing::error!(%error, "a stored object cannot be read; the others are not affected");
        }
        self.metrics.unreadable.set(i64::try_from(known.len()).unwrap_or(i64::MAX));
    }
}
