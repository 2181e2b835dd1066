//! What goes into a disk store and what comes out of it.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::VersionId;

use super::error::DiskError;
use super::fs::FileStat;

/// The most entries that one page of a list holds, whatever was asked for: S3's own limit.
pub const MAX_PAGE: usize = 1000;

/// What a put says about its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// The media type; may be empty.
    pub content_type: String,
    /// The `x-amz-meta-*` headers, names in lower case and without that prefix.
    pub user_metadata: BTreeMap<String, String>,
    /// The address that the put came from, if it came over a network.
    pub source: Option<IpAddr>,
    /// Whether an operator put it, with rights of their own.
    pub by_operator: bool,
    /// The entity tag, without quotes; `None` stands for the body's MD5 in hex.
    pub etag: Option<String>,
}

/// What was counted and hashed while a body was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Length in bytes.
    pub size: u64,
    /// MD5, which S3 makes entity tags of.
    pub md5: [u8; 16],
    /// SHA-256.
    pub sha256: [u8; 32],
}

/// One stored body, as its trailer describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its key.
    pub key: ObjectKey,
    /// Its name among the bodies of that key; given in buckets without versions too.
    pub version: VersionId,
    /// Length in bytes, and hashes. Of an object put in parts they are those of the whole.
    pub digests: Digests,
    /// The entity tag, without quotes: MD5 in hex, or `md5-of-md5s-N` if it was put in N parts.
    pub etag: String,
    /// The media type; may be empty.
    pub content_type: String,
    /// The `x-amz-meta-*` headers, without that prefix.
    pub user_metadata: BTreeMap<String, String>,
    /// When it was committed, to the millisecond.
    pub last_modified: Timestamp,
    /// The address that the put came from, if it came over a network.
    pub source: Option<IpAddr>,
    /// Whether an operator put it, with rights of their own.
    pub by_operator: bool,
}

/// Which keys of a bucket to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Keys that begin so; empty for all.
    pub prefix: String,
    /// Keys that have this text behind the prefix are rolled up into one
    /// [`Entry::CommonPrefix`] that ends with it. An empty text is as good as `None`.
    pub delimiter: Option<String>,
    /// Only what sorts behind this: S3's `marker` and `start-after`. A common prefix counts as
    /// itself, so the one that `after` lies in is not listed again.
    pub after: Option<String>,
    /// How many entries at most, common prefixes included; [`MAX_PAGE`] at most.
    pub max: usize,
}

/// One line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// An object.
    Object(Box<ObjectInfo>),
    /// At least one object's key begins so; delimiter included.
    CommonPrefix(String),
}

/// One page of a list.
#[derive(Debug, Default)]
pub struct Listing {
    /// In the byte order of their keys in UTF-8, as S3 lists.
    pub entries: Vec<Entry>,
    /// What on this page cannot be read. It is not among `entries`; whoever leaves it out of an
    /// answer says so in the log.
    pub unreadable: Vec<Unreadable>,
    /// `after` for the next page; `None` on the last.
    pub next: Option<String>,
}

/// A file of the store that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is damaged: {reason}; restore it from a backup, or move it away", .file.display())]
pub struct Corrupt {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// A file or folder of the store that cannot be read or removed. It never keeps its neighbours
/// from being listed.
#[derive(Debug, thiserror::Error)]
#[error("{what} {} failed", .path.display())]
pub struct Unreadable {
    /// What was being done.
    pub what: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The system's own reason, or what is wrong with the content.
    #[source]
    pub source: io::Error,
}

impl Unreadable {
    pub(crate) fn new(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self { what, path: path.to_owned(), source }
    }

    /// The trouble that `error` tells of one file; other errors are those of `path`.
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

    /// The trouble that `error` tells of the object `name`.
    pub fn of_key(error: DiskError, name: &str) -> Self {
        Self::of(error, Path::new(name))
    }

    /// Whether it could be read, and is not what was written.
    pub fn is_corrupt(&self) -> bool {
        self.source.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Corrupt>)
    }
}

/// Tells one state of a stored file from another: every commit makes a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    pub(crate) stat: FileStat,
}

impl FileState {
    /// The state as bytes, equal for equal states alone.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&self.stat.inode.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.stat.size.to_le_bytes());
        bytes[16..].copy_from_slice(&self.stat.changed.to_le_bytes());
        bytes
    }
}

/// Where a list of versions goes on: behind all versions of `key`, or, if `version` is given,
/// behind that version of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionMarker {
    /// The key.
    pub key: String,
    /// A version of that key.
    pub version: Option<VersionId>,
}

/// Which versions of a bucket to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionQuery {
    /// As in [`ListQuery`].
    pub prefix: String,
    /// As in [`ListQuery`].
    pub delimiter: Option<String>,
    /// Only what comes behind this.
    pub after: Option<VersionMarker>,
    /// As in [`ListQuery`].
    pub max: usize,
}

/// One line of a list of versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionEntry {
    /// A stored body.
    Version {
        /// The body.
        info: Box<ObjectInfo>,
        /// Whether it is what a reader of the key gets.
        latest: bool,
    },
    /// As in [`Entry`].
    CommonPrefix(String),
}

/// One page of a list of versions.
#[derive(Debug, Default)]
pub struct VersionListing {
    /// By key as in [`Listing`], and newest first within a key.
    pub entries: Vec<VersionEntry>,
    /// As in [`Listing`].
    pub unreadable: Vec<Unreadable>,
    /// `after` for the next page; `None` on the last.
    pub next: Option<VersionMarker>,
}

/// Names an upload in parts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadId(pub(crate) String);

impl UploadId {
    /// Reads what a caller sent; `None` if no upload could ever have had that name.
    pub fn parse(text: &str) -> Option<Self> {
        crate::disk::id::is_id(text).then(|| Self(text.to_owned()))
    }

    /// The id as text: safe in URLs and file names.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One uploaded part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartInfo {
    /// Its number, 1 to 10,000.
    pub number: u16,
    /// Its MD5 in hex: the part's entity tag.
    pub etag: String,
    /// Length in bytes, and hashes.
    pub digests: Digests,
    /// When it was committed.
    pub last_modified: Timestamp,
}

/// One page of an upload's parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartListing {
    /// By number.
    pub parts: Vec<PartInfo>,
    /// `after` for the next page; `None` on the last.
    pub next: Option<u16>,
}

/// An upload in parts that was neither completed nor aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadInfo {
    /// Its id.
    pub id: UploadId,
    /// The bucket that it goes into.
    pub bucket: BucketName,
    /// The key that it will have.
    pub key: ObjectKey,
    /// What the object will carry.
    pub attributes: Attributes,
    /// When it was begun.
    pub initiated: Timestamp,
}

/// Which uploads of a bucket to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadQuery {
    /// Those whose key begins so.
    pub prefix: String,
    /// Only what sorts behind this key and upload; without an id, behind all uploads of the key.
    pub after: Option<(String, Option<UploadId>)>,
    /// How many at most; [`MAX_PAGE`] at most.
    pub max: usize,
}

/// One page of uploads.
#[derive(Debug, Default)]
pub struct UploadListing {
    /// By key, then by the time they were begun.
    pub uploads: Vec<UploadInfo>,
    /// Whether there are more behind the last of them.
    pub more: bool,
    /// Descriptions of uploads that cannot be read. Of which bucket they are is not known, so
    /// every page of every bucket names them.
    pub unreadable: Vec<Unreadable>,
}

/// What [`expire`](crate::DiskStore::expire) did.
#[derive(Debug, Default)]
pub struct Expired {
    /// How many bodies were removed.
    pub removed: u64,
    /// How many bodies are past their time, or look so, and stay because they are in use.
    pub in_use: u64,
    /// What cannot be read or removed; it was left where it is.
    pub unreadable: Vec<Unreadable>,
    /// Whether the stop flag ended it early.
    pub stopped: bool,
}
