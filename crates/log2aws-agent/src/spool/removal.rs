//! Removes a delivered log, and never another one.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::{Delivery, LogFile};

/// Removes the log at `path` if its bytes are the delivered ones; returns whether it did.
///
/// Samplers lock the log that they append to, so nothing is added between the check and the
/// removal. A log that is unreadable or locked stays.
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
