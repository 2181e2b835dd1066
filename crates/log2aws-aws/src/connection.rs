//! The connection to S3 that reads and uploads share, and the ids of bodies.

use std::collections::HashSet;
use std::io;
use std::sync::{Mutex, PoisonError};

use aws_sdk_s3::Client;
use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::{StoreError, Version, VersionId};
use tokio::runtime::Handle;

use crate::fault::{Kind, failed, kind_of};

/// The metadata key with a unique id that we add to every object, so that two bodies can be
/// distinguished in a bucket without versions.
pub(crate) const BODY_METADATA: &str = "log2aws-body";

/// The prefix of the version id of a body in an unversioned bucket. S3's own ids never contain `:`.
pub(crate) const BODY: &str = "body:";

/// The same for a body that somebody else wrote: its `ETag` is the best id there is.
pub(crate) const ETAG: &str = "etag:";

/// A client, the runtime that it runs on, and the buckets known to exist.
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) runtime: Handle,
    /// Buckets that are known to exist: for an absent key S3 does not say whether the bucket
    /// exists.
    known: Mutex<HashSet<BucketName>>,
}

impl Connection {
    pub(crate) fn new(client: Client, runtime: Handle) -> Self {
        Self { client, runtime, known: Mutex::default() }
    }

    fn knows(&self, bucket: &BucketName) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(bucket)
    }

    pub(crate) fn learn(&self, bucket: &BucketName) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(bucket) {
            known.insert(bucket.clone());
        }
    }

    /// Checks that a bucket exists, once.
    pub(crate) fn need(&self, bucket: &BucketName) -> Result<(), StoreError> {
        if self.knows(bucket) {
            return Ok(());
        }
        let ask = self.client.head_bucket().bucket(bucket.as_str()).send();
        match self.runtime.block_on(ask) {
            Ok(_) => {
                self.learn(bucket);
                Ok(())
            }
            Err(error) if kind_of(&error) == Kind::Absent => Err(absent(bucket.to_string())),
            Err(error) => Err(failed(format!("looking for {bucket}"), &error)),
        }
    }

    pub(crate) fn head(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> Result<Option<Version>, StoreError> {
        let ask = self.client.head_object().bucket(bucket.as_str()).key(key.as_str()).send();
        let head = match self.runtime.block_on(ask) {
            Ok(head) => head,
            Err(error) if kind_of(&error) == Kind::Absent => {
                return self.need(bucket).map(|()| None);
            }
            Err(error) => return Err(failed(format!("looking at {}", at(bucket, key)), &error)),
        };
        self.learn(bucket);
        let own = head.metadata().and_then(|all| all.get(BODY_METADATA));
        let id = named(head.version_id(), own.map(String::as_str), head.e_tag());
        let size = head.content_length().and_then(|size| u64::try_from(size).ok());
        match (id, size) {
            (Some(id), Some(size)) => {
                let e_tag = head.e_tag().unwrap_or_default().to_owned();
                Ok(Some(Version { id, size, e_tag }))
            }
            _ => Err(StoreError::Failed {
                what: format!("looking at {}", at(bucket, key)),
                source: io::Error::other("S3's answer names neither version nor size"),
            }),
        }
    }
}

/// `bucket/key`, for errors.
pub(crate) fn at(bucket: &BucketName, key: &ObjectKey) -> String {
    format!("{bucket}/{}", key.as_str().escape_debug())
}

pub(crate) fn absent(what: String) -> StoreError {
    StoreError::NotFound { what }
}

/// The id of a body: S3's version id if it keeps versions, else our id, else the `ETag`.
///
/// `null` is the version of an object from before versioning was enabled.
pub(crate) fn named(
    version: Option<&str>,
    own: Option<&str>,
    etag: Option<&str>,
) -> Option<VersionId> {
    let version = version.filter(|id| !matches!(*id, "" | "null")).map(VersionId::new);
    let own = || own.map(|own| VersionId::new(format!("{BODY}{own}")));
    let etag = || etag.map(|etag| VersionId::new(format!("{ETAG}{etag}")));
    version.or_else(own).or_else(etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_named_by_the_best_name_there_is() {
        let id = |version, own, etag| named(version, own, etag).map(|id| id.to_string());
        assert_eq!(id(Some("v1"), Some("o"), Some("e")).as_deref(), Some("v1"));
        assert_eq!(id(Some("null"), Some("o"), Some("e")).as_deref(), Some("body:o"));
        assert_eq!(id(None, None, Some("\"e\"")).as_deref(), Some("etag:\"e\""));
        assert_eq!(id(Some(""), None, None), None);
    }
}
