//! Uploads to S3: in one request if small, else multipart.

use std::io::{self, Write};
use std::sync::Arc;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::{Condition, StoreError, Upload, Version};

use crate::connection::{BODY_METADATA, Connection, absent, at, named};
use crate::fault::{Kind, failed, kind_of};

/// The size of a part, in bytes, which is the memory of one upload. S3 accepts 10,000 parts, so an
/// object of 78 GiB fits.
const PART: usize = 8 << 20;

pub(crate) struct S3Upload {
    connection: Arc<Connection>,
    bucket: BucketName,
    key: ObjectKey,
    content_type: String,
    /// The id of this body, for a bucket without versions.
    own: String,
    waiting: Vec<u8>,
    sent: u64,
    parts: Option<Parts>,
}

/// A multipart upload that was created in S3.
struct Parts {
    id: String,
    done: Vec<CompletedPart>,
}

impl S3Upload {
    pub(crate) fn new(
        connection: Arc<Connection>,
        bucket: &BucketName,
        key: &ObjectKey,
        content_type: &str,
    ) -> Self {
        Self {
            connection,
            bucket: bucket.clone(),
            key: key.clone(),
            content_type: content_type.to_owned(),
            own: format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..)),
            waiting: Vec::new(),
            sent: 0,
            parts: None,
        }
    }

    fn fault<E>(&self, doing: &str, error: &SdkError<E>) -> StoreError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let what = at(&self.bucket, &self.key);
        match kind_of(error) {
            Kind::Absent => absent(what),
            Kind::Full => StoreError::Full { what },
            Kind::Changed => StoreError::Changed { what },
            Kind::BadVersion | Kind::Failed => failed(format!("{doing} {what}"), error),
        }
    }

    /// Sends the buffer as one part.
    fn send_part(&mut self) -> Result<(), StoreError> {
        let parts = match self.parts.take() {
            Some(parts) => parts,
            None => self.begin()?,
        };
        let parts = self.parts.insert(parts);
        let number = i32::try_from(parts.done.len() + 1).unwrap_or(i32::MAX);
        let part = self
            .connection
            .client
            .upload_part()
            .bucket(self.bucket.as_str())
            .key(self.key.as_str())
            .upload_id(&parts.id)
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .part_number(number);
        // The request takes the buffer with it; the next part starts a new one.
        let bytes = std::mem::take(&mut self.waiting);
        self.sent += bytes.len() as u64;
        match self.connection.runtime.block_on(part.body(ByteStream::from(bytes)).send()) {
            Ok(sent) => {
                let done = CompletedPart::builder()
                    .part_number(number)
                    .set_e_tag(sent.e_tag)
                    .set_checksum_crc32(sent.checksum_crc32);
                parts.done.push(done.build());
                Ok(())
            }
            Err(error) => Err(self.fault("writing a part of", &error)),
        }
    }

    fn begin(&self) -> Result<Parts, StoreError> {
        let begin = self
            .connection
            .client
            .create_multipart_upload()
            .bucket(self.bucket.as_str())
            .key(self.key.as_str())
            .content_type(&self.content_type)
            // Parts carry a checksum that completion compares, so S3 must know the algorithm.
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .metadata(BODY_METADATA, &self.own);
        let answer = self.connection.runtime.block_on(begin.send());
        let answer = answer.map_err(|error| self.fault("beginning to write", &error))?;
        let id = answer.upload_id.ok_or_else(|| StoreError::Failed {
            what: format!("beginning to write {}", at(&self.bucket, &self.key)),
            source: io::Error::other("S3's answer names no upload"),
        })?;
        Ok(Parts { id, done: Vec::new() })
    }

    /// Puts a small object in one request, and returns version id and `ETag`.
    fn put(
        &mut self,
        condition: &Condition,
    ) -> Result<(Option<String>, Option<String>), StoreError> {
        let (matches, none_matches) = headers(condition);
        let bytes = std::mem::take(&mut self.waiting);
        self.sent += bytes.len() as u64;
        let put = self
            .connection
            .client
            .put_object()
            .bucket(self.bucket.as_str())
            .key(self.key.as_str())
            .content_type(&self.content_type)
            .metadata(BODY_METADATA, &self.own)
            .set_if_match(matches)
            .set_if_none_match(none_matches)
            .body(ByteStream::from(bytes));
        match self.connection.runtime.block_on(put.send()) {
            Ok(put) => Ok((put.version_id, put.e_tag)),
            Err(error) => Err(absent_is_changed(condition, self.fault("writing", &error))),
        }
    }

    /// Makes the object visible, and returns version id and `ETag`. On failure, `drop` aborts the
    /// upload.
    fn finish(
        &mut self,
        condition: &Condition,
    ) -> Result<(Option<String>, Option<String>), StoreError> {
        if self.parts.is_none() {
            return self.put(condition);
        }
        if !self.waiting.is_empty() {
            self.send_part()?;
        }
        let parts = self.parts.as_mut();
        let (id, done) = parts.map(|p| (p.id.clone(), std::mem::take(&mut p.done))).unzip();
        let all = CompletedMultipartUpload::builder().set_parts(done).build();
        let (matches, none_matches) = headers(condition);
        let complete = self
            .connection
            .client
            .complete_multipart_upload()
            .bucket(self.bucket.as_str())
            .key(self.key.as_str())
            .set_upload_id(id)
            .set_if_match(matches)
            .set_if_none_match(none_matches)
            .multipart_upload(all);
        let answer = self.connection.runtime.block_on(complete.send());
        let answer = answer
            .map_err(|error| absent_is_changed(condition, self.fault("completing", &error)))?;
        self.parts = None;
        Ok((answer.version_id, answer.e_tag))
    }
}

impl Write for S3Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.waiting.len() == PART {
            self.send_part().map_err(as_io)?;
        }
        let taken = bytes.len().min(PART - self.waiting.len());
        self.waiting.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    /// Nothing is visible before the commit, so there is nothing to flush.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Gives a full store its own error kind, which callers check for.
fn as_io(error: StoreError) -> io::Error {
    match error {
        StoreError::Full { .. } => io::Error::new(io::ErrorKind::StorageFull, error),
        error => io::Error::other(error),
    }
}

/// If the object of an `If-Match` is gone, S3 answers 404. It would do so for a missing bucket too,
/// but the bucket was checked when the upload began.
fn absent_is_changed(condition: &Condition, error: StoreError) -> StoreError {
    match (condition, error) {
        (Condition::ETag(_), StoreError::NotFound { what }) => StoreError::Changed { what },
        (_, error) => error,
    }
}

/// `If-Match` and `If-None-Match` of a write.
fn headers(condition: &Condition) -> (Option<String>, Option<String>) {
    match condition {
        Condition::None => (None, None),
        Condition::Absent => (None, Some("*".to_owned())),
        Condition::ETag(e_tag) => (Some(e_tag.clone()), None),
    }
}

impl Upload for S3Upload {
    fn commit_if(mut self: Box<Self>, condition: &Condition) -> Result<Version, StoreError> {
        let (version, etag) = self.finish(condition)?;
        let id = named(version.as_deref(), Some(&self.own), etag.as_deref());
        let id = id.ok_or_else(|| StoreError::Failed {
            what: format!("writing {}", at(&self.bucket, &self.key)),
            source: io::Error::other("S3's answer names no version"),
        })?;
        Ok(Version { id, size: self.sent, e_tag: etag.unwrap_or_default() })
    }
}

impl Drop for S3Upload {
    /// Parts of an abandoned upload cost money; the bucket's lifecycle removes those that are
    /// missed here.
    fn drop(&mut self) {
        let Some(parts) = self.parts.take() else { return };
        let abort = self
            .connection
            .client
            .abort_multipart_upload()
            .bucket(self.bucket.as_str())
            .key(self.key.as_str())
            .upload_id(&parts.id);
        if let Err(error) = self.connection.runtime.block_on(abort.send()) {
            let error = self.fault("aborting", &error);
            tracing::warn!(%error, "parts of an upload are left; the bucket's lifecycle removes them");
        }
    }
}
