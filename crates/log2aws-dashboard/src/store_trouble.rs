//! Faults of the store, for the calendar.

use std::sync::Arc;

/// Faults of the store itself, shown above the calendar.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreTrouble {
    /// The number of stored objects that could not be read or removed within the last day.
    pub unreadable: usize,
    /// Path and error of the first of them.
    pub reasons: Vec<String>,
    /// Whether retention is paused because the clock may be wrong.
    pub retention_paused: bool,
}

/// Returns the current faults of the store. It must not block.
pub type TroubleSource = Arc<dyn Fn() -> StoreTrouble + Send + Sync>;
