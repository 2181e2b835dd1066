//! Removing a log that the store has, and never one that it has not.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::{Delivery, LogFile};

/// Removes the log at `path` if its bytes are those that were delivered; says whether it did.
///
/// Samplers lock the log that they append to, so while it is ours nothing is added between the
/// look and the removal. One that cannot be read, or is in somebody's hands, stays.
pub(super) fn remove_delivered(path: &Path, delivery: &Delivery) -> io::Result<bool> {
    let Ok(log) = LogFile::open_locked(path) else { return Ok(false) };
    if !delivery.is_of_bytes(&log) {
        return Ok(false);
    }
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
