//! Disk errors. Each says what happened, where, and what to do.

use std::io;
use std::path::{Path, PathBuf};

use log2aws_service::ports::StoreError;

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{} is in use by another log2aws process; stop that one, or choose another folder", .root.display())]
    InUse {
        /// The data folder.
        root: PathBuf,
    },
    /// The folder contains something else.
    #[error("{} is not empty and not a data folder of log2aws (it has no `format` file); name an empty folder, or the data folder, by --data-dir", .root.display())]
    NotOurs {
        /// The folder.
        root: PathBuf,
    },
    /// There is a file, or something else, of that name.
    #[error("{} is not a folder; name another place for the data by --data-dir", .root.display())]
    NotAFolder {
        /// The path.
        root: PathBuf,
    },
    /// Other users can write to it.
    #[error("{} {reason}; serve needs a data folder that nobody else can change: chown it to the user of serve, and chmod go-w", .path.display())]
    Untrusted {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder was written by a newer program.
    #[error("{} has data format {found}, this program knows up to {known}; install a newer log2aws", .root.display())]
    Newer {
        /// The data folder.
        root: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format that this program reads.
        known: u32,
    },
    /// The format file is corrupt, or names a format that cannot be upgraded.
    #[error("{} says {text:?}, which is no data format of log2aws; restore it from a backup", .file.display())]
    Format {
        /// The `format` file.
        file: PathBuf,
        /// Its beginning.
        text: String,
    },
    /// The operating system reported an error.
    #[error("the data folder cannot be used: {what} {} failed", .path.display())]
    Io {
        /// The operation.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

/// Why an operation of an open store failed.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// No such bucket.
    #[error("bucket {bucket} does not exist")]
    NoSuchBucket {
        /// Its name.
        bucket: String,
    },
    /// No object has that key.
    #[error("{bucket}/{key} does not exist")]
    NoSuchKey {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
    /// The object under the key does not match the [`Condition`](super::Condition).
    #[error("{bucket}/{key} was not changed: the condition of the request does not hold")]
    PreconditionFailed {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
    /// The key has no such version.
    #[error("{bucket}/{key} has no version {version}")]
    NoSuchVersion {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// The requested version.
        version: String,
    },
    /// No such upload; it may have been completed or aborted.
    #[error("upload {upload} does not exist: it was completed, aborted, or never begun")]
    NoSuchUpload {
        /// Its id.
        upload: String,
    },
    /// A part number outside 1 to 10,000.
    #[error("part number {number} is not within 1 to 10000")]
    PartNumber {
        /// The number.
        number: u32,
    },
    /// The upload has no such part, or that part has another entity tag.
    #[error("upload {upload} has no part {number} with that entity tag")]
    InvalidPart {
        /// The upload.
        upload: String,
        /// The part's number.
        number: u16,
    },
    /// The list of parts to complete with is empty or not in ascending order.
    #[error("the parts of upload {upload} are not listed in ascending order")]
    InvalidPartOrder {
        /// The upload.
        upload: String,
    },
    /// A part before the last has less than 5 MiB.
    #[error("part {number} of upload {upload} has {size} bytes; all but the last need 5 MiB")]
    PartTooSmall {
        /// The upload.
        upload: String,
        /// The part's number.
        number: u16,
        /// Its length in bytes.
        size: u64,
    },
    /// The key cannot be written as a path: a segment between slashes is too long.
    #[error("the key is too long for this disk: a part between slashes may have 230 bytes")]
    KeyTooLong {
        /// The key.
        key: String,
    },
    /// Content type and user metadata do not fit into a trailer.
    #[error("content type and metadata of {what} have {size} bytes, {max} are allowed")]
    MetadataTooLarge {
        /// `bucket/key`.
        what: String,
        /// Their serialised length.
        size: usize,
        /// The limit.
        max: usize,
    },
    /// The disk or the quota is full. The object under the key is unchanged.
    #[error("the disk is full: {what} was not written")]
    Full {
        /// `bucket/key`, or whatever else was being written.
        what: String,
    },
    /// A file's content is corrupt.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// The operating system reported an error.
    #[error("{what} {} failed", .path.display())]
    Io {
        /// The operation.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

impl DiskError {
    /// The error for `source`, which occurred while doing `what` to `path` for `object`.
    pub(crate) fn of(what: &'static str, path: &Path, object: &str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::Full { what: object.to_owned() }
            }
            // Each segment has passed its own check, so the path as a whole is too long.
            io::ErrorKind::InvalidFilename => Self::KeyTooLong { key: object.to_owned() },
            _ => Self::Io { what, path: path.to_owned(), source },
        }
    }
}

impl From<DiskError> for StoreError {
    fn from(error: DiskError) -> Self {
        match error {
            DiskError::NoSuchBucket { bucket } => Self::NotFound { what: bucket },
            DiskError::NoSuchKey { bucket, key } => {
                Self::NotFound { what: format!("{bucket}/{key}") }
            }
            DiskError::NoSuchVersion { bucket, key, version } => {
                Self::NotFound { what: format!("{bucket}/{key}@{version}") }
            }
            DiskError::PreconditionFailed { bucket, key } => {
                Self::Changed { what: format!("{bucket}/{key}") }
            }
            DiskError::Full { what } => Self::Full { what },
            DiskError::Io { what, path, source } => {
                Self::Failed { what: format!("{what} {}", path.display()), source }
            }
            other => Self::Failed {
                what: "the data folder".to_owned(),
                source: io::Error::new(io::ErrorKind::InvalidData, other),
            },
        }
    }
}

/// A corrupt file of the store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is damaged: {reason}; restore it from a backup, or move it away", .file.display())]
pub struct Corrupt {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// A file or folder of the store that cannot be read or removed. It does not keep others from being
/// listed.
#[derive(Debug, thiserror::Error)]
#[error("{what} {} failed", .path.display())]
pub struct Unreadable {
    /// The operation.
    pub what: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The system's error, or what is wrong with the content.
    #[source]
    pub source: io::Error,
}

impl Unreadable {
    pub(crate) fn new(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self { what, path: path.to_owned(), source }
    }

    /// Converts an error of a file; an error without a path gets `path`.
    pub(crate) fn of(error: DiskError, path: &Path) -> Self {
        match error {
            DiskError::Io { what, path, source } => Self { what, path, source },
            DiskError::Corrupt(corrupt) => Self {
                what: "reading",
                path: corrupt.file.clone(),
                source: io::Error::new(io::ErrorKind::InvalidData, corrupt),
            },
            other => Self::new("reading", path, io::Error::other(other)),
        }
    }

    /// Converts an error of the object `name`.
    pub fn of_key(error: DiskError, name: &str) -> Self {
        Self::of(error, Path::new(name))
    }

    /// Whether the file could be read but its content is corrupt.
    pub fn is_corrupt(&self) -> bool {
        self.source.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Corrupt>)
    }
}
