//! The store for raw logs and results.
//!
//! The port blocks. Analysis is CPU work on its own threads, for which plain readers and writers
//! fit best; an asynchronous client is hidden behind this port.

use std::fmt;
use std::io;

use log2aws_core::key::{BucketName, ObjectKey};

/// Identifies a stored body of a key, as long as the store keeps it.
///
/// Opaque. A store without versions also gives each body a unique id, so that two bodies of one key
/// can be distinguished.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VersionId(String);

impl VersionId {
    /// The id as the store writes it.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One stored body of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its id.
    pub id: VersionId,
    /// Its length in bytes.
    pub size: u64,
    /// Changes whenever the body does; opaque. For [`Condition::ETag`].
    pub e_tag: String,
}

/// The condition of a conditional write on the current object (RFC 9110, section 13).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Anything, or nothing.
    #[default]
    None,
    /// No object: `If-None-Match: *`.
    Absent,
    /// An object whose [`Version::e_tag`] is this one: `If-Match`.
    ETag(String),
}

impl Condition {
    /// Requires the object, or its absence, to be unchanged.
    pub fn unchanged(seen: Option<&Version>) -> Self {
        seen.map_or(Self::Absent, |version| Self::ETag(version.e_tag.clone()))
    }

    /// Whether it holds for an object with this tag, or for no object.
    pub fn holds(&self, e_tag: Option<&str>) -> bool {
        match self {
            Self::None => true,
            Self::Absent => e_tag.is_none(),
            Self::ETag(wanted) => e_tag == Some(wanted),
        }
    }
}

/// Why a store operation failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such bucket, key or version.
    #[error("{what} does not exist")]
    NotFound {
        /// The requested bucket, `bucket/key` or `bucket/key@version`.
        what: String,
    },
    /// The store is full.
    #[error("the store is full: {what} was not written")]
    Full {
        /// The `bucket/key` to write.
        what: String,
    },
    /// The condition of a conditional write does not hold: somebody else has written.
    #[error("{what} is not as it was when it was read; nothing was written")]
    Changed {
        /// The `bucket/key` to write.
        what: String,
    },
    /// The store is unreachable, or reports an internal error. A retry may help.
    #[error("the store failed at {what}")]
    Failed {
        /// The operation and its target.
        what: String,
        /// The underlying error.
        #[source]
        source: io::Error,
    },
}

/// A store of objects. Every implementation passes the conformance suite of `log2aws-store`.
pub trait Store: Send + Sync {
    /// The newest version of a key; `None` if the key has none.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the bucket does not exist; [`StoreError::Failed`].
    fn head(&self, bucket: &BucketName, key: &ObjectKey) -> Result<Option<Version>, StoreError>;

    /// Opens one version for reading, from its first byte.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if that version is gone; [`StoreError::Failed`].
    fn open(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: &VersionId,
    ) -> Result<Box<dyn io::Read + Send>, StoreError>;

    /// Starts writing an object. It is not visible before [`Upload::commit`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the bucket does not exist; [`StoreError::Full`];
    /// [`StoreError::Failed`].
    fn create(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        content_type: &str,
    ) -> Result<Box<dyn Upload>, StoreError>;

    /// Deletes a key. Succeeds if it is absent.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the bucket does not exist; [`StoreError::Failed`].
    fn delete(&self, bucket: &BucketName, key: &ObjectKey) -> Result<(), StoreError>;
}

/// Which keys of a bucket to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// The prefix of the keys; empty for all.
    pub prefix: String,
    /// Only what sorts after this.
    pub after: Option<String>,
    /// Whether keys with a `/` after the prefix are grouped into one entry of
    /// [`ListPage::folders`].
    pub folders: bool,
}

/// One object of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectMeta {
    /// Its key.
    pub key: ObjectKey,
    /// Changes whenever the body does; opaque.
    pub e_tag: String,
    /// Its length in bytes.
    pub size: u64,
}

/// One page of a list: at most 1,000 entries, objects and folders together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPage {
    /// Objects in the byte order of their keys.
    pub objects: Vec<ObjectMeta>,
    /// The prefixes of keys with a further `/`, including that `/`, in the same order.
    pub folders: Vec<String>,
    /// `after` for the next page; `None` on the last.
    pub next: Option<String>,
}

/// A store that can list its objects.
pub trait ObjectLister: Store {
    /// Lists one page of a bucket.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the bucket does not exist; [`StoreError::Failed`].
    fn list(&self, bucket: &BucketName, query: &ListQuery) -> Result<ListPage, StoreError>;
}

/// An object being written. Dropping it without [`Upload::commit`] leaves no trace.
pub trait Upload: io::Write + Send {
    /// Makes the object durable and visible, atomically, if `condition` holds at that moment.
    ///
    /// # Errors
    /// [`StoreError::Changed`] if it does not hold, [`StoreError::Full`] or [`StoreError::Failed`];
    /// the previous object is then unchanged.
    fn commit_if(self: Box<Self>, condition: &Condition) -> Result<Version, StoreError>;

    /// Makes the object durable and visible, atomically.
    ///
    /// # Errors
    /// [`StoreError::Full`] or [`StoreError::Failed`]; the previous object is then unchanged.
    fn commit(self: Box<Self>) -> Result<Version, StoreError> {
        self.commit_if(&Condition::None)
    }
}
