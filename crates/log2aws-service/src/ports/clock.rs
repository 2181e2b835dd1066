//! The clock, as an argument.

use jiff::Timestamp;

/// Provides the time.
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;
}
