//! A cache for derived data.

use std::io;

/// Stores small files that may be lost at any time, but are never incomplete.
pub trait Cache: Send + Sync {
    /// Reads an entry; `None` if there is none.
    ///
    /// # Errors
    /// The implementation's.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// Writes an entry atomically. It need not be durable. Names are those of servers and a few
    /// words: letters, digits, `-`, `.`, `_`.
    ///
    /// # Errors
    /// The implementation's.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// The names of all entries, in any order.
    ///
    /// # Errors
    /// The implementation's.
    fn names(&self) -> io::Result<Vec<String>>;
}
