//! Remembers completed multipart uploads: the response to a complete can get lost, and the client
//! then repeats the request.
//!
//! `DATA/uploads/<upload>.completed` is a body without data; its trailer describes the resulting
//! object. It is removed after a day.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::VersionId;

use super::DiskStore;
use super::error::DiskError;
use super::object_file;
use super::types::{Attributes, ObjectInfo, UploadId};

/// How long a completed upload is remembered.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);
const SUFFIX: &str = ".completed";
const BUCKET: &str = ":bucket";
const KEY: &str = ":key";

/// The result of a completed upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletedUpload {
    /// The bucket of the object.
    pub bucket: BucketName,
    /// Its key.
    pub key: ObjectKey,
    /// Its entity tag, without quotes.
    pub etag: String,
    /// Its version id.
    pub version: VersionId,
}

impl DiskStore {
    /// The result of an upload that was completed within the last day; `None` if it was not.
    ///
    /// # Errors
    /// [`DiskError::Corrupt`], [`DiskError::Io`].
    pub fn completed_upload(
        &self,
        upload: &UploadId,
    ) -> Result<Option<CompletedUpload>, DiskError> {
        let Some(info) = self.completed_record(upload)? else { return Ok(None) };
        let bucket = info.user_metadata.get(BUCKET).and_then(|name| name.parse().ok());
        let key = info.user_metadata.get(KEY).and_then(|key| key.parse().ok());
        let (etag, version) = (info.etag, info.version);
        Ok(bucket.zip(key).map(|(bucket, key)| CompletedUpload { bucket, key, etag, version }))
    }

    /// Records the result of an upload. It is durable once the uploads folder is synced.
    pub(crate) fn remember_completed(
        &self,
        upload: &UploadId,
        bucket: &BucketName,
        object: &ObjectInfo,
    ) -> Result<(), DiskError> {
        let user_metadata = BTreeMap::from([
            (BUCKET.to_owned(), bucket.to_string()),
            (KEY.to_owned(), object.key.to_string()),
        ]);
        let attributes =
            Attributes { user_metadata, etag: Some(object.etag.clone()), ..Attributes::default() };
        let mut file = self.inner.stage(upload.as_str())?;
        let path = self.completed_path(upload);
        let version = object.version.to_string();
        let now = self.inner.now();
        let record =
            object_file::describe(own_key(upload)?, version, file.digests(), attributes, now);
        file.finish(&record)
            .and_then(|()| file.persist(&path))
            .map_err(|e| DiskError::of("writing", &path, upload.as_str(), e))
    }

    /// Removes records older than [`REMEMBERED`].
    pub(crate) fn forget_completed(&self, now: Timestamp) -> Result<(), DiskError> {
        let folder = self.inner.root.join("uploads");
        let failed = |source| DiskError::Io { what: "listing", path: folder.clone(), source };
        let mut failure = None;
        for entry in self.inner.fs.read_dir(&folder).map_err(failed)? {
            let name = entry.map_err(failed)?.name;
            let id = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
            let Some(upload) = id.and_then(UploadId::parse) else { continue };
            let path = self.completed_path(&upload);
            let is_old = match self.completed_record(&upload) {
                Ok(record) => {
                    record.is_some_and(|r| now.duration_since(r.last_modified) > REMEMBERED)
                }
                // An unreadable record cannot answer anything, so it is removed too.
                Err(DiskError::Corrupt(_)) => true,
                Err(other) => {
                    failure = failure.or(Some(other));
                    false
                }
            };
            if is_old && let Err(source) = self.inner.fs.remove_file(&path) {
                failure = failure.or(Some(DiskError::Io { what: "removing", path, source }));
            }
        }
        failure.map_or(Ok(()), Err)
    }

    fn completed_record(&self, upload: &UploadId) -> Result<Option<ObjectInfo>, DiskError> {
        let found =
            object_file::open(&*self.inner.fs, &self.completed_path(upload), &own_key(upload)?)?;
        Ok(found.map(|(_, record)| record))
    }

    fn completed_path(&self, upload: &UploadId) -> std::path::PathBuf {
        self.inner.root.join("uploads").join(format!("{upload}{SUFFIX}"))
    }
}

/// The key in the trailer: the upload id.
fn own_key(upload: &UploadId) -> Result<ObjectKey, DiskError> {
    upload.as_str().parse().map_err(|_| DiskError::NoSuchUpload { upload: upload.to_string() })
}
