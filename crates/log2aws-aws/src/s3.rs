//! S3 as an implementation of the store's port.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::{Store, StoreError, Upload, Version, VersionId};
use tokio::runtime::Handle;

use crate::body_limit::BodyLimit;
use crate::connection::{BODY, BODY_METADATA, Connection, ETAG, absent, at, named};
use crate::fault::{Kind, failed, kind_of};
use crate::upload::S3Upload;

/// Objects in S3. Calls block: they wait for a client that runs on another thread's runtime, and
/// must not be made on a thread of that runtime.
///
/// Needs `s3:ListBucket` on its buckets besides the object permissions: without it S3 answers 403
/// for an absent key, which would look like a missing permission.
#[derive(Clone)]
pub struct S3Store {
    connection: Arc<Connection>,
}

impl fmt::Debug for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Store").finish_non_exhaustive()
    }
}

impl S3Store {
    /// A store over `client`, which runs on `runtime`. That runtime must be running on another
    /// thread during every call.
    pub fn new(client: Client, runtime: Handle) -> Self {
        Self { connection: Arc::new(Connection::new(client, runtime)) }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}

impl Store for S3Store {
    fn head(&self, bucket: &BucketName, key: &ObjectKey) -> Result<Option<Version>, StoreError> {
        self.connection.head(bucket, key)
    }

    fn open(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: &VersionId,
    ) -> Result<Box<dyn Read + Send>, StoreError> {
        let connection = &self.connection;
        let what = || format!("{}@{version}", at(bucket, key));
        let id = version.as_str();
        let kept = !id.starts_with(BODY) && !id.starts_with(ETAG);
        if id.is_empty() {
            return Err(absent(what()));
        }
        let get = connection
            .client
            .get_object()
            .bucket(bucket.as_str())
            .key(key.as_str())
            .set_version_id(kept.then(|| id.to_owned()));
        let get = get.customize().interceptor(BodyLimit::of_object());
        let got = match connection.runtime.block_on(get.send()) {
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
        connection.learn(bucket);
        Ok(Box::new(Body {
            connection: Arc::clone(connection),
            stream: got.body,
            block: Vec::new(),
            at: 0,
        }))
    }

    fn create(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        content_type: &str,
    ) -> Result<Box<dyn Upload>, StoreError> {
        self.connection.need(bucket)?;
        Ok(Box::new(S3Upload::new(Arc::clone(&self.connection), bucket, key, content_type)))
    }

    /// Looks the key up first: in a versioned bucket, deleting an absent key would add a delete
    /// marker each time.
    fn delete(&self, bucket: &BucketName, key: &ObjectKey) -> Result<(), StoreError> {
        if self.connection.head(bucket, key)?.is_none() {
            return Ok(());
        }
        let delete =
            self.connection.client.delete_object().bucket(bucket.as_str()).key(key.as_str());
        match self.connection.runtime.block_on(delete.send()) {
            Ok(_) => Ok(()),
            Err(error) if kind_of(&error) == Kind::Absent => Err(absent(bucket.to_string())),
            Err(error) => Err(failed(format!("deleting {}", at(bucket, key)), &error)),
        }
    }
}

/// The bytes of one version, as they arrive.
struct Body {
    connection: Arc<Connection>,
    stream: ByteStream,
    block: Vec<u8>,
    at: usize,
}

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.block.len() {
            match self.connection.runtime.block_on(self.stream.try_next()) {
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
