//! The parameters and results of a disk store.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::VersionId;

use super::error::Unreadable;
use super::fs::FileStat;

/// The most entries of one page of a list: S3's limit.
pub const MAX_PAGE: usize = 1000;

/// What a put says about its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// The media type; may be empty.
    pub content_type: String,
    /// The `x-amz-meta-*` headers, names in lower case and without that prefix.
    pub user_metadata: BTreeMap<String, String>,
    /// The uploader's address, if it came over a network.
    pub source: Option<IpAddr>,
    /// Whether it was put with the operator's own credentials.
    pub by_operator: bool,
    /// The entity tag, without quotes; `None` means the body's MD5 in hex.
    pub etag: Option<String>,
}

/// Size and hashes, computed while a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Length in bytes.
    pub size: u64,
    /// MD5, which S3 uses for entity tags.
    pub md5: [u8; 16],
    /// SHA-256.
    pub sha256: [u8; 32],
}

/// One stored body, as its trailer describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its key.
    pub key: ObjectKey,
    /// Its version id; present in unversioned buckets too.
    pub version: VersionId,
    /// Length in bytes, and hashes; for a multipart upload those of the whole object.
    pub digests: Digests,
    /// The entity tag, without quotes: MD5 in hex, or `md5-of-md5s-N` for a multipart upload of N
    /// parts.
    pub etag: String,
    /// The media type; may be empty.
    pub content_type: String,
    /// The `x-amz-meta-*` headers, without that prefix.
    pub user_metadata: BTreeMap<String, String>,
    /// When it was committed, to the millisecond.
    pub last_modified: Timestamp,
    /// The uploader's address, if it came over a network.
    pub source: Option<IpAddr>,
    /// Whether an operator put it, with rights of their own.
    pub by_operator: bool,
}

/// Which keys of a bucket to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// The prefix of the keys; empty for all.
    pub prefix: String,
    /// Keys that contain this text after the prefix are grouped into one [`Entry::CommonPrefix`]
    /// that ends with it. An empty text means `None`.
    pub delimiter: Option<String>,
    /// Only what sorts after this: S3's `marker` and `start-after`. A common prefix counts as a
    /// key, so the one that contains `after` is not listed again.
    pub after: Option<String>,
    /// The most entries, including common prefixes; at most [`MAX_PAGE`].
    pub max: usize,
}

/// An entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// An object.
    Object(Box<ObjectInfo>),
    /// A prefix that at least one object's key has, including the delimiter.
    CommonPrefix(String),
}

/// One page of a list.
#[derive(Debug, Default)]
pub struct Listing {
    /// In the byte order of their keys in UTF-8, as S3 lists.
    pub entries: Vec<Entry>,
    /// What could not be read on this page. It is not in `entries`; a caller that omits it from a
    /// response logs it.
    pub unreadable: Vec<Unreadable>,
    /// `after` for the next page; `None` on the last.
    pub next: Option<String>,
}

/// Identifies a state of a stored file: every commit makes a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    pub(crate) stat: FileStat,
}

impl FileState {
    /// The state as bytes; equal only for equal states.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&self.stat.inode.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.stat.size.to_le_bytes());
        bytes[16..].copy_from_slice(&self.stat.changed.to_le_bytes());
        bytes
    }
}

/// Where a list of versions continues: after all versions of `key` or, if `version` is given, after
/// that version.
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
    /// Only what comes after this.
    pub after: Option<VersionMarker>,
    /// As in [`ListQuery`].
    pub max: usize,
}

/// An entry of a list of versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionEntry {
    /// A stored body.
    Version {
        /// The body.
        info: Box<ObjectInfo>,
        /// Whether it is the current body of the key.
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

/// Identifies a multipart upload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadId(pub(crate) String);

impl UploadId {
    /// Parses a client's upload id; `None` if it is not a valid one.
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

/// A multipart upload that was neither completed nor aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadInfo {
    /// Its id.
    pub id: UploadId,
    /// The bucket of the object.
    pub bucket: BucketName,
    /// The key of the object.
    pub key: ObjectKey,
    /// The attributes of the object.
    pub attributes: Attributes,
    /// When it started.
    pub initiated: Timestamp,
}

/// Which uploads of a bucket to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadQuery {
    /// The prefix of the keys.
    pub prefix: String,
    /// Only what sorts after this key and upload; without an id, after all uploads of the key.
    pub after: Option<(String, Option<UploadId>)>,
    /// The most uploads; at most [`MAX_PAGE`].
    pub max: usize,
}

/// One page of uploads.
#[derive(Debug, Default)]
pub struct UploadListing {
    /// Ordered by key, then by start time.
    pub uploads: Vec<UploadInfo>,
    /// Whether there are more after the last one.
    pub more: bool,
    /// Upload descriptions that cannot be read. Their bucket is unknown, so every page of every
    /// bucket reports them.
    pub unreadable: Vec<Unreadable>,
}

/// The result of [`expire`](crate::DiskStore::expire).
#[derive(Debug, Default)]
pub struct Expired {
    /// The number of bodies removed.
    pub removed: u64,
    /// The number of bodies that have expired, or seem so, and stay because they are in use.
    pub in_use: u64,
    /// What could not be read or removed; it stays in place.
    pub unreadable: Vec<Unreadable>,
    /// Whether the stop flag ended it early.
    pub stopped: bool,
}
