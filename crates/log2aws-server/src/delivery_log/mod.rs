//! The delivery log of `serve`: its keys, and the task that appends what arrived.

mod arrivals;
mod keys;
pub(crate) mod task;

pub use keys::{LogKeyAdmin, LogKeyError};
pub(crate) use keys::{origin, read_or_make};
