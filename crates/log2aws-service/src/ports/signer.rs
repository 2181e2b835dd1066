//! Presigns URLs.

use std::fmt;

use jiff::Timestamp;
use log2aws_core::key::{BucketName, ObjectKey};

/// The PUT that a URL allows.
#[derive(Clone, Debug)]
pub struct PutRequest {
    /// The bucket.
    pub bucket: BucketName,
    /// The key.
    pub key: ObjectKey,
    /// The validity in seconds from `at`.
    pub expires_in: u32,
    /// The time of the signature.
    pub at: Timestamp,
    /// The body's exact length in bytes, signed as `Content-Length`.
    pub size: Option<u64>,
    /// The body's SHA-256, signed as `x-amz-checksum-sha256`.
    pub sha256: Option<[u8; 32]>,
}

/// A presigned URL: a secret. It does not print; use [`PresignedPut::expose_url`].
#[derive(Clone)]
pub struct PresignedPut {
    url: String,
    headers: Vec<(&'static str, String)>,
}

impl PresignedPut {
    /// Wraps a signed URL and the headers that were signed with it (besides `Host`).
    pub fn new(url: String, headers: Vec<(&'static str, String)>) -> Self {
        Self { url, headers }
    }

    /// The URL, only for the response to the caller.
    pub fn expose_url(&self) -> &str {
        &self.url
    }

    /// The headers that the PUT must carry exactly, with lower-case names, besides `host`.
    pub fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }
}

impl fmt::Debug for PresignedPut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresignedPut").field("url", &"REDACTED").finish_non_exhaustive()
    }
}

/// A presigned URL that reads one object: a secret, as [`PresignedPut`].
#[derive(Clone)]
pub struct PresignedGet(String);

impl PresignedGet {
    /// Wraps a signed URL.
    pub fn new(url: String) -> Self {
        Self(url)
    }

    /// The URL, only for the request.
    pub fn expose_url(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PresignedGet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresignedGet(REDACTED)")
    }
}

/// The URL cannot be signed: no credentials, or expired ones. Answered with 503.
#[derive(Debug, thiserror::Error)]
#[error("the URL cannot be signed: {reason}")]
pub struct SignError {
    /// The reason, for the log; contains no secret.
    pub reason: String,
}

/// Makes presigned URLs.
pub trait Signer: Send + Sync {
    /// Signs one PUT.
    ///
    /// # Errors
    /// [`SignError`] when there are no credentials to sign with.
    fn presign_put(&self, request: &PutRequest) -> Result<PresignedPut, SignError>;
}
