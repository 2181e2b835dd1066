//! A durable store on a local disk.
//!
//! ```text
//! DATA/format                      `log2aws-data 1`
//! DATA/lock                        locked while a process has the store open
//! DATA/staging/                    what is being written; emptied at every start
//! DATA/uploads/<upload>/           multipart uploads
//! DATA/uploads/<upload>.completed  the result of an upload of the last day
//! DATA/buckets/<bucket>/<segment>/…/<segment>@            the body of a key
//! DATA/buckets/<bucket>/<segment>/…/<segment>@<version>   an older body, in a versioned bucket
//! ```
//!
//! A body is one file: the data from byte 0 on, then a trailer that describes it. One rename is
//! one commit, and data and description can never disagree.

mod completed;
mod condition;
mod delete;
mod durable_dirs;
mod error;
mod fs;
mod id;
mod inner;
mod key_path;
mod layout;
mod list;
mod manifest;
mod multipart;
mod object_file;
mod parts;
mod port;
#[cfg(test)]
mod power;
mod retention;
mod scan;
pub mod snapshot;
mod staged;
mod staged_file;
mod types;
mod walk;

use std::io;
use std::path::Path;
use std::sync::Arc;

use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::{Clock, VersionId};

pub use completed::CompletedUpload;
pub use condition::Condition;
pub use error::{Corrupt, DiskError, OpenError, Unreadable};
pub use multipart::{Assembled, StagedPart};
pub use object_file::ObjectReader;
use object_file::Opened;
pub use retention::RetentionRule;
pub use scan::StoredBody;
pub use staged::Staged;
pub use types::{
    Attributes, Digests, Entry, Expired, FileState, ListQuery, Listing, MAX_PAGE, ObjectInfo,
    PartInfo, PartListing, UploadId, UploadInfo, UploadListing, UploadQuery, VersionEntry,
    VersionListing, VersionMarker, VersionQuery,
};

use crate::BucketSpec;
use fs::{FileSystem, OsFileSystem};
use inner::Inner;
use key_path::KeyPath;

/// The store. Cheap to clone; all clones are one store. Every call blocks.
///
/// ```
/// use std::io::{Read as _, Write as _};
/// use std::sync::Arc;
///
/// use log2aws_service::ports::Clock;
/// use log2aws_store::disk::{Attributes, Condition, DiskError};
/// use log2aws_store::{BucketSpec, DiskStore};
///
/// #[derive(Debug)]
/// struct SystemClock;
///
/// impl Clock for SystemClock {
///     fn now(&self) -> jiff::Timestamp {
///         jiff::Timestamp::now()
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let home = tempfile::tempdir()?;
/// let bucket: log2aws_core::key::BucketName = "serverlogs-local".parse()?;
/// let key = "web01/2019-08-01.log".parse()?;
/// let specs = [BucketSpec { name: bucket.clone(), versioned: true }];
/// let store = DiskStore::open(home.path(), &specs, Arc::new(SystemClock))?;
///
/// let mut staged = store.stage(&bucket, &key)?;
/// staged.write_all(b"2019-08-01 00:00:01 up\n")?;
/// assert_eq!(staged.digests().size, 23);
/// // From here on it outlives a power cut.
/// let info = staged.commit(Attributes::default(), &Condition::Absent)?;
///
/// let (_, mut reader) = store.open_object(&bucket, &key, Some(&info.version))?;
/// let mut text = String::new();
/// reader.read_to_string(&mut text)?;
/// assert_eq!(text, "2019-08-01 00:00:01 up\n");
///
/// let again = store.stage(&bucket, &key)?.commit(Attributes::default(), &Condition::Absent);
/// assert!(matches!(again, Err(DiskError::PreconditionFailed { .. })));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct DiskStore {
    inner: Arc<Inner>,
}

impl DiskStore {
    /// Opens the store in `root`, creating it if needed; creates its buckets; empties its staging
    /// folder; upgrades an older format.
    ///
    /// # Errors
    /// [`OpenError`]: in use, newer, a foreign folder, or an error of the disk.
    pub fn open(
        root: &Path,
        buckets: &[BucketSpec],
        now: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        Self::open_on(Arc::new(OsFileSystem), root, buckets, now)
    }

    /// [`DiskStore::open`] on the given file system.
    fn open_on(
        fs: Arc<dyn FileSystem>,
        root: &Path,
        buckets: &[BucketSpec],
        now: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let failed = |what, source| OpenError::Io { what, path: root.to_owned(), source };
        let names: Vec<&str> = buckets.iter().map(|bucket| bucket.name.as_str()).collect();
        let lock = layout::open_data_dir(&*fs, root, layout::UPGRADES, &names)?;
        let random = getrandom::u64()
            .map_err(|e| failed("drawing a random number", io::Error::other(e.to_string())))?;
        let inner = Inner::new(fs, root.to_owned(), buckets.to_vec(), now, random, lock);
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The buckets that it was opened with.
    pub fn buckets(&self) -> &[BucketSpec] {
        &self.inner.specs
    }

    /// Starts writing an object.
    ///
    /// # Errors
    /// [`DiskError::NoSuchBucket`], [`DiskError::KeyTooLong`], [`DiskError::Full`],
    /// [`DiskError::Io`].
    pub fn stage(&self, bucket: &BucketName, key: &ObjectKey) -> Result<Staged, DiskError> {
        let bucket = self.inner.bucket(bucket)?;
        let path = KeyPath::new(&bucket.folder, key)?;
        let file = self.inner.stage(&format!("{}/{key}", bucket.name))?;
        Ok(Staged { inner: Arc::clone(&self.inner), bucket, key: key.clone(), path, file })
    }

    /// Describes the current body of a key, or the given version.
    ///
    /// # Errors
    /// [`DiskError::NoSuchBucket`], [`DiskError::NoSuchKey`], [`DiskError::NoSuchVersion`],
    /// [`DiskError::Corrupt`], [`DiskError::Io`].
    pub fn head(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: Option<&VersionId>,
    ) -> Result<ObjectInfo, DiskError> {
        Ok(self.find(bucket, key, version)?.1)
    }

    /// Opens the current body of a key, or the given version.
    ///
    /// # Errors
    /// As [`DiskStore::head`].
    pub fn open_object(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: Option<&VersionId>,
    ) -> Result<(ObjectInfo, ObjectReader), DiskError> {
        let (file, info) = self.find(bucket, key, version)?;
        let size = info.digests.size;
        Ok((info, ObjectReader::new(file, size)))
    }

    fn find(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: Option<&VersionId>,
    ) -> Result<Opened, DiskError> {
        let bucket = self.inner.bucket(bucket)?;
        let no_such_key =
            || DiskError::NoSuchKey { bucket: bucket.name.to_string(), key: key.to_string() };
        // A key that cannot be written cannot exist.
        let path = KeyPath::new(&bucket.folder, key).map_err(|_| no_such_key())?;
        let present = object_file::open(&*bucket.fs, &path.current(), key);
        let Some(version) = version else { return present?.ok_or_else(no_such_key) };
        // The current body first: if a put replaces it now, it already has its version's name.
        let present = match present {
            Ok(Some((file, info))) if info.version == *version => return Ok((file, info)),
            other => other,
        };
        let older = match version.as_str() {
            id if id::is_id(id) => object_file::open(&*bucket.fs, &path.older(id), key)?,
            _ => None,
        };
        match (older, present) {
            (Some(older), _) => Ok(older),
            // The unreadable body may be the requested one.
            (None, Err(failure)) => Err(failure),
            (None, Ok(_)) => Err(DiskError::NoSuchVersion {
                bucket: bucket.name.to_string(),
                key: key.to_string(),
                version: version.to_string(),
            }),
        }
    }
}
