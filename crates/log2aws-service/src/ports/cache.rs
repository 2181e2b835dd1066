//! A place for what can be made again.

use std::io;

/// Keeps small files that may be lost at any time, and are never half of what was written.
pub trait Cache: Send + Sync {
    /// Reads an entry; `None` if there is none.
    ///
    /// # Errors
    /// The place's own.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// Writes an entry, whole or not at all. It need not be durable. Names are those of servers
    /// and a few words beside: letters, digits, `-`, `.`, `_`.
    ///
    /// # Errors
    /// The place's own.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// The names of all entries, in any order.
    ///
    /// # Errors
    /// The place's own.
    fn names(&self) -> io::Result<Vec<String>>;
}
