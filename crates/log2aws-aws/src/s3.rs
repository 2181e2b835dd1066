//! S3 behind the store's port.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::{Store, StoreError, Upload, Version, VersionId};
use tokio::runtime::Handle;

use crate::body_limit::BodyLimit;
use crate::fault::{Kind, failed, kind_of};
use crate::upload::S3Upload;

/// The metadata in which each object that we write carries a name of its own, so that a bucket
/// that keeps no versions can still tell two bodies apart.
pub(crate) const BODY_METADATA: &str = "log2aws-body";

/// What the version id of a body begins with that S3 keeps no version of. No id of S3's has a `:`.
const BODY: &str = "body:";

/// The same for a body that somebody else wrote: its `ETag` is the best name there is.
const ETAG: &str = "etag:";

/// Objects in S3. Its calls block: they wait for a client that runs on another thread's runtime,
/// and must not be made on a thread of that runtime.
///
/// Needs `s3:ListBucket` on its buckets beside the calls for objects: without it S3 answers that
/// an absent key is forbidden, and this store could not tell the one from the other.
#[derive(Clone)]
pub struct S3Store {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) client: Client,
    pub(crate) runtime: Handle,
    /// The buckets that have been seen: S3 does not say of an absent key whether its bucket is.
    known: Mutex<HashSet<BucketName>>,
}

impl fmt::Debug for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Store").finish_non_exhaustive()
    }
}

impl S3Store {
    /// A store over `client`, whose work is done by `runtime`. That runtime must be running, on
    /// another thread, whenever this store is called.
    pub fn new(client: Client, runtime: Handle) -> Self {
        Self { inner: Arc::new(Inner { client, runtime, known: Mutex::default() }) }
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }
}

impl Inner {
    fn knows(&self, bucket: &BucketName) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(bucket)
    }

    pub(crate) fn learn(&self, bucket: &BucketName) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(bucket) {
            known.insert(bucket.clone());
        }
    }

    /// Asks for a bucket that has not been seen yet.
    fn need(&self, bucket: &BucketName) -> Result<(), StoreError> {
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

    fn head(&self, bucket: &BucketName, key: &ObjectKey) -> Result<Option<Version>, StoreError> {
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

impl Store for S3Store {
    fn head(&self, bucket: &BucketName, key: &ObjectKey) -> Result<Option<Version>, StoreError> {
        self.inner.head(bucket, key)
    }

    fn open(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: &VersionId,
    ) -> Result<Box<dyn Read + Send>, StoreError> {
        let inner = &self.inner;
        let what = || format!("{}@{version}", at(bucket, key));
        let id = version.as_str();
        let kept = !id.starts_with(BODY) && !id.starts_with(ETAG);
        if id.is_empty() {
            return Err(absent(what()));
        }
        let get = inner
            .client
            .get_object()
            .bucket(bucket.as_str())
            .key(key.as_str())
            .set_version_id(kept.then(|| id.to_owned()));
        let get = get.customize().interceptor(BodyLimit::of_object());
        let got = match inner.runtime.block_on(get.send()) {
            Ok(got) => got,
            Err(error) => {
                return Err(match kind_of(&error) {
                    Kind::Absent | Kind::BadVersion => absent(what()),
                    _ => failed(format!("opening {}", what()), &error),
                });
            }
        };
        let own = got.metadata().and_then(|all| all.get(BODY_METADATA));
        if !kept && named(None, own.map(String::as_str), got.e_tag()).as_ref() != Some(version) {
            return Err(absent(what()));
        }
        inner.learn(bucket);
        Ok(Box::new(Body { inner: Arc::clone(inner), stream: got.body, block: Vec::new(), at: 0 }))
    }

    fn create(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        content_type: &str,
    ) -> Result<Box<dyn Upload>, StoreError> {
        self.inner.need(bucket)?;
        Ok(Box::new(S3Upload::new(Arc::clone(&self.inner), bucket, key, content_type)))
    }

    /// Looks first: in a bucket that keeps versions a delete of what is absent would leave a mark
    /// each time.
    fn delete(&self, bucket: &BucketName, key: &ObjectKey) -> Result<(), StoreError> {
        if self.inner.head(bucket, key)?.is_none() {
            return Ok(());
        }
        let delete = self.inner.client.delete_object().bucket(bucket.as_str()).key(key.as_str());
        match self.inner.runtime.block_on(delete.send()) {
            Ok(_) => Ok(()),
            Err(error) if kind_of(&error) == Kind::Absent => Err(absent(bucket.to_string())),
            Err(error) => Err(failed(format!("deleting {}", at(bucket, key)), &error)),
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

/// The name of a body: S3's own where it keeps versions, else ours, else its `ETag`.
///
/// `null` is the version of what was put while the bucket kept none.
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

/// The bytes of one version, as they arrive.
struct Body {
    inner: Arc<Inner>,
    stream: ByteStream,
    block: Vec<u8>,
    at: usize,
}

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.block.len() {
            match self.inner.runtime.block_on(self.stream.try_next()) {
                Ok(Some(block)) => {
                    self.block.clear();
                    self.block.extend_from_slice(&block);
                    self.at = 0;
                }
                Ok(None) => return Ok(0),
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        let mut rest = &self.block[self.at..];
        let read = rest.read(out)?;
        self.at += read;
        Ok(read)
    }
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
