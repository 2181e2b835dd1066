//! The file with what was found and what has to be told.

use std::cell::Cell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use log2aws_core::alert::Book;

use crate::config::ServeError;
use crate::credentials::{FileOwner, write_secret_for};

/// Its name in the data folder.
const FILE: &str = "alerts.json";

/// The file in a folder.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    /// Whether the last write failed.
    is_stale: Cell<bool>,
}

impl StateFile {
    pub(super) fn new(folder: &Path) -> Self {
        Self { path: folder.join(FILE), is_stale: Cell::new(false) }
    }

    /// Whether the last write failed, so that the file lacks something.
    pub(super) fn is_stale(&self) -> bool {
        self.is_stale.get()
    }

    /// Reads it. A file that is missing or unusable counts as a first start: what is firing is told
    /// again.
    ///
    /// # Errors
    /// The system's, if it is there and cannot be read.
    pub(super) fn read(&self) -> io::Result<Book> {
        let json = match fs::read(&self.path) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Book::default()),
            Err(error) => return Err(error),
        };
        Ok(Book::from_json(&json).unwrap_or_else(|error| {
            let path = self.path.display();
            tracing::error!(%path, %error, "unusable; alerts that are firing are told again");
            Book::default()
        }))
    }

    /// Replaces it, whole and on disk when this returns.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write(&self, book: &Book) -> Result<(), ServeError> {
        let json = book.to_json().unwrap_or_default();
        let text = String::from_utf8(json).unwrap_or_default();
        let written = write_secret_for(&self.path, &text, FileOwner::of_process());
        self.is_stale.set(written.is_err());
        written
    }
}
