//! The store: where raw logs are read and results are written.
//!
//! The port blocks. Analysis is CPU work that runs on threads of its own, so a plain reader and a
//! plain writer serve it best; a world whose client is asynchronous waits behind this port.

use std::fmt;
use std::io;

use log2aws_core::key::{BucketName, ObjectKey};

/// Names one stored body of a key, for as long as the store keeps it.
///
/// Opaque. A store without versions gives each body a name of its own all the same, so that two
/// bodies of one key can be told apart.
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
    /// Its name.
    pub id: VersionId,
    /// Its length in bytes.
    pub size: u64,
    /// Changes whenever the body does; opaque. For [`Condition::ETag`].
    pub e_tag: String,
}

/// What a conditional write must find under its key (RFC 9110, section 13).
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
    /// That the object is the one that was seen, or is absent as it was.
    pub fn unchanged(seen: Option<&Version>) -> Self {
        seen.map_or(Self::Absent, |version| Self::ETag(version.e_tag.clone()))
    }

    /// Whether it holds where the object has this tag, or where there is none.
    pub fn holds(&self, e_tag: Option<&str>) -> bool {
        match self {
            Self::None => true,
            Self::Absent => e_tag.is_none(),
            Self::ETag(wanted) => e_tag == Some(wanted),
        }
    }
}

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such bucket, key or version.
    #[error("{what} does not exist")]
    NotFound {
        /// The bucket, `bucket/key` or `bucket/key@version` that was asked for.
        what: String,
    },
    /// The store has no room left.
    #[error("the store is full: {what} was not written")]
    Full {
        /// The `bucket/key` that was to be written.
        what: String,
    },
    /// The condition of a conditional write does not hold: somebody else has written meanwhile.
    #[error("{what} is not as it was when it was read; nothing was written")]
    Changed {
        /// The `bucket/key` that was to be written.
        what: String,
    },
    /// The store cannot be reached, or answers with a fault of its own. Trying again may help.
    #[error("the store failed at {what}")]
    Failed {
        /// What was being done, and to what.
        what: String,
        /// The fault itself.
        #[source]
        source: io::Error,
    },
}

/// A place for objects. Every implementation passes the conformance suite of `log2aws-store`.
pub trait Store: Send + Sync {
    /// The newest version of a key; `None` if the key has none.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the bucket does not exist; [`StoreError::Failed`].
    fn head(&self, bucket: &BucketName, key: &ObjectKey) -> Result<Option<Version>, StoreError>;

    /// Opens one version for reading, from its first byte.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if that version has gone; [`StoreError::Failed`].
    fn open(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: &VersionId,
    ) -> Result<Box<dyn io::Read + Send>, StoreError>;

    /// Begins to write an object. Nothing of it is seen until [`Upload::commit`].
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

    /// Removes a key. That it was absent is success.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the bucket does not exist; [`StoreError::Failed`].
    fn delete(&self, bucket: &BucketName, key: &ObjectKey) -> Result<(), StoreError>;
}

/// Which keys of a bucket to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Keys that begin so; empty for all.
    pub prefix: String,
    /// Only what sorts behind this.
    pub after: Option<String>,
    /// Whether keys that have a `/` behind the prefix are rolled up into one entry of
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
    /// What keys with a further `/` begin with, that `/` included, in the same order.
    pub folders: Vec<String>,
    /// `after` for the next page; `None` on the last.
    pub next: Option<String>,
}

/// A store that can be looked through.
pub trait ObjectLister: Store {
    /// Lists one page of a bucket.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the bucket does not exist; [`StoreError::Failed`].
    fn list(&self, bucket: &BucketName, query: &ListQuery) -> Result<ListPage, StoreError>;
}

/// An object being written. Dropping it without [`Upload::commit`] leaves no trace.
pub trait Upload: io::Write + Send {
    /// Makes the object durable and visible, at once and whole, if `condition` holds at that
    /// moment.
    ///
    /// # Errors
    /// [`StoreError::Changed`] if it does not hold, [`StoreError::Full`] or
    /// [`StoreError::Failed`]; what stood under the key stands still.
    fn commit_if(self: Box<Self>, condition: &Condition) -> Result<Version, StoreError>;

    /// Makes the object durable and visible, at once and whole.
    ///
    /// # Errors
    /// [`StoreError::Full`] or [`StoreError::Failed`]; what stood under the key stands still.
    fn commit(self: Box<Self>) -> Result<Version, StoreError> {
        self.commit_if(&Condition::None)
    }
}
