//! The time, as an argument.

use jiff::Timestamp;

/// Where handlers get the time from.
pub trait Clock: Send + Sync {
    /// This moment.
    fn now(&self) -> Timestamp;
}
