//! A durable store on a local disk.
//!
//! ```text
//! DATA/format                      `log2aws-data 1`
//! DATA/lock                        held while a process has the store open
//! DATA/staging/                    what is being written; emptied at every start
//! DATA/uploads/<upload>/           uploads in parts
//! DATA/buckets/<bucket>/<segment>/…/<segment>@            the body of a key
//! DATA/buckets/<bucket>/<segment>/…/<segment>@<version>   an older body, in a versioned bucket
//! ```
//!
//! A body is one file: the data from byte 0 on, then a trailer that describes it. One rename is
//! one commit, and data and description can never disagree.

#![allow(
    unused,
    clippy::todo,
    clippy::unused_self,
    clippy::needless_pass_by_value,
    reason = "bodies follow in the next commits"
)]

mod error;
pub(crate) mod id;
mod types;

use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::{Clock, VersionId};

pub use error::{DiskError, OpenError};
pub use types::{
    Attributes, Damaged, Digests, Entry, Expired, ListQuery, Listing, MAX_PAGE, ObjectInfo,
    PartInfo, PartListing, UploadId, UploadInfo, UploadListing, UploadQuery, VersionEntry,
    VersionListing, VersionMarker, VersionQuery,
};

use crate::BucketSpec;

/// The store. Cheap to clone; all clones are one store. Every call blocks.
#[derive(Clone, Debug)]
pub struct DiskStore;

/// A body being written. Dropped without [`Staged::commit`], it is gone from the disk.
///
/// After a write has failed nothing more can be written or committed.
#[derive(Debug)]
pub struct Staged;

/// A part of an upload being written. Dropped without [`StagedPart::commit`], it is gone.
#[derive(Debug)]
pub struct StagedPart;

/// Reads the data of one body, and nothing behind it. What is put under the key meanwhile does
/// not disturb it.
#[derive(Debug)]
pub struct ObjectReader;

impl DiskStore {
    /// Opens the store in `root`, which is made if it is not there; makes its buckets; empties
    /// its staging folder; upgrades an older format.
    ///
    /// # Errors
    /// [`OpenError`]: in use, newer, something else's folder, or the disk's own refusal.
    pub fn open(
        root: &Path,
        buckets: &[BucketSpec],
        now: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        todo!()
    }

    /// The buckets that it was opened with.
    pub fn buckets(&self) -> &[BucketSpec] {
        todo!()
    }

    /// Begins to write an object.
    ///
    /// # Errors
    /// [`DiskError::NoSuchBucket`], [`DiskError::KeyTooLong`], [`DiskError::Full`],
    /// [`DiskError::Io`].
    pub fn stage(&self, bucket: &BucketName, key: &ObjectKey) -> Result<Staged, DiskError> {
        todo!()
    }

    /// Describes the present body of a key, or the one named.
    ///
    /// # Errors
    /// [`DiskError::NoSuchBucket`], [`DiskError::NoSuchKey`], [`DiskError::NoSuchVersion`],
    /// [`DiskError::Damaged`], [`DiskError::Io`].
    pub fn head(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: Option<&VersionId>,
    ) -> Result<ObjectInfo, DiskError> {
        todo!()
    }

    /// Opens the present body of a key, or the one named.
    ///
    /// # Errors
    /// As [`DiskStore::head`].
    pub fn open_object(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: Option<&VersionId>,
    ) -> Result<(ObjectInfo, ObjectReader), DiskError> {
        todo!()
    }

    /// Lists one page of a bucket's objects. A prefix that ends within a folder reads that folder
    /// alone, the delimiter `/` reads no folder below it, and a page reads nothing before `after`.
    ///
    /// # Errors
    /// [`DiskError::NoSuchBucket`], [`DiskError::Io`].
    pub fn list(&self, bucket: &BucketName, query: &ListQuery) -> Result<Listing, DiskError> {
        todo!()
    }

    /// Lists one page of a bucket's versions.
    ///
    /// # Errors
    /// As [`DiskStore::list`].
    pub fn list_versions(
        &self,
        bucket: &BucketName,
        query: &VersionQuery,
    ) -> Result<VersionListing, DiskError> {
        todo!()
    }

    /// Removes a key; that it was absent is success. In a versioned bucket all its bodies stay
    /// under their version ids.
    ///
    /// # Errors
    /// [`DiskError::NoSuchBucket`], [`DiskError::Full`], [`DiskError::Io`].
    pub fn delete(&self, bucket: &BucketName, key: &ObjectKey) -> Result<(), DiskError> {
        todo!()
    }

    /// Removes every body, older versions too, that was committed before `older_than`. Safe beside
    /// running puts.
    ///
    /// # Errors
    /// [`DiskError::NoSuchBucket`], [`DiskError::Io`]; what was removed by then stays removed.
    pub fn expire(&self, bucket: &BucketName, older_than: Timestamp) -> Result<Expired, DiskError> {
        todo!()
    }

    /// Removes the uploads that were begun more than seven days before `now`; tells how many.
    ///
    /// # Errors
    /// [`DiskError::Io`].
    pub fn sweep(&self, now: Timestamp) -> Result<u64, DiskError> {
        todo!()
    }

    /// Begins an upload in parts. It survives a restart. (`attributes.etag` is not used.)
    ///
    /// # Errors
    /// As [`DiskStore::stage`], and [`DiskError::MetadataTooLarge`].
    pub fn create_upload(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        attributes: &Attributes,
    ) -> Result<UploadId, DiskError> {
        todo!()
    }

    /// Describes an upload.
    ///
    /// # Errors
    /// [`DiskError::NoSuchUpload`], [`DiskError::Io`].
    pub fn upload_info(&self, upload: &UploadId) -> Result<UploadInfo, DiskError> {
        todo!()
    }

    /// Begins to write a part; a part of that number that is there already stays until the commit.
    ///
    /// # Errors
    /// [`DiskError::NoSuchUpload`], [`DiskError::PartNumber`], [`DiskError::Full`],
    /// [`DiskError::Io`].
    pub fn stage_part(&self, upload: &UploadId, number: u32) -> Result<StagedPart, DiskError> {
        todo!()
    }

    /// Lists the parts with numbers above `after` (0 for all), `max` of them at most.
    ///
    /// # Errors
    /// [`DiskError::NoSuchUpload`], [`DiskError::Damaged`], [`DiskError::Io`].
    pub fn list_parts(
        &self,
        upload: &UploadId,
        after: u16,
        max: usize,
    ) -> Result<PartListing, DiskError> {
        todo!()
    }

    /// Lists the uploads of a bucket.
    ///
    /// # Errors
    /// [`DiskError::NoSuchBucket`], [`DiskError::Io`].
    pub fn list_uploads(
        &self,
        bucket: &BucketName,
        query: &UploadQuery,
    ) -> Result<UploadListing, DiskError> {
        todo!()
    }

    /// Makes an object of the parts named, each by number and entity tag (without quotes).
    ///
    /// # Errors
    /// [`DiskError::NoSuchUpload`], [`DiskError::InvalidPart`], [`DiskError::InvalidPartOrder`],
    /// [`DiskError::PartTooSmall`], [`DiskError::Full`], [`DiskError::Io`]. The upload stays, and
    /// the call can be made again.
    pub fn complete_upload(
        &self,
        upload: &UploadId,
        parts: &[(u16, String)],
    ) -> Result<ObjectInfo, DiskError> {
        todo!()
    }

    /// Throws an upload and its parts away.
    ///
    /// # Errors
    /// [`DiskError::NoSuchUpload`], [`DiskError::Io`].
    pub fn abort_upload(&self, upload: &UploadId) -> Result<(), DiskError> {
        todo!()
    }
}

impl Staged {
    /// Size and hashes of what was written so far, to be compared before the commit.
    pub fn digests(&self) -> Digests {
        todo!()
    }

    /// Makes the object durable and visible. In a versioned bucket the body that stood under the
    /// key stays as a version; if it has the same bytes, no new one is made and it is answered
    /// itself, with the attributes that it has.
    ///
    /// # Errors
    /// [`DiskError::Full`], [`DiskError::MetadataTooLarge`], [`DiskError::Io`]; what stood under
    /// the key stands still.
    pub fn commit(self, attributes: Attributes) -> Result<ObjectInfo, DiskError> {
        todo!()
    }
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        todo!()
    }
    fn flush(&mut self) -> io::Result<()> {
        todo!()
    }
}

impl StagedPart {
    /// As [`Staged::digests`].
    pub fn digests(&self) -> Digests {
        todo!()
    }

    /// Makes the part durable, in the place of an earlier one of its number.
    ///
    /// # Errors
    /// [`DiskError::NoSuchUpload`] if the upload has gone meanwhile; [`DiskError::Full`];
    /// [`DiskError::Io`].
    pub fn commit(self) -> Result<PartInfo, DiskError> {
        todo!()
    }
}

impl Write for StagedPart {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        todo!()
    }
    fn flush(&mut self) -> io::Result<()> {
        todo!()
    }
}

impl Read for ObjectReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        todo!()
    }
}

impl Seek for ObjectReader {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        todo!()
    }
}
