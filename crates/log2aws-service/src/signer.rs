//! Presigns URLs with AWS Signature Version 4, from local credentials.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use rusty_s3::{Bucket, S3Action, UrlStyle};
use url::Url;

use log2aws_core::key::{BucketName, ObjectKey};

use crate::ports::{PresignedGet, PresignedPut, PutRequest, SignError, Signer};

/// The longest validity of a presigned URL that S3 accepts, in seconds: seven days.
const MAX_EXPIRES_SECONDS: u32 = 604_800;

/// An access key, its secret and, for temporary credentials, the session token. Never printed.
#[derive(Clone)]
pub struct Credentials(rusty_s3::Credentials);

impl Credentials {
    /// Credentials as AWS or `serve` issued them; an empty session token counts as none.
    pub fn new(access_key: &str, secret_key: &str, session_token: Option<&str>) -> Self {
        Self(match session_token.filter(|token| !token.is_empty()) {
            None => rusty_s3::Credentials::new(access_key, secret_key),
            Some(token) => rusty_s3::Credentials::new_with_token(access_key, secret_key, token),
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(REDACTED)")
    }
}

/// Where a URL contains its bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// `https://endpoint/bucket/key`: for an endpoint that is an IP address or has no wildcard
    /// name.
    Path,
    /// `https://bucket.endpoint/key`: AWS.
    VirtualHost,
}

/// Why an endpoint is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not an HTTP URL, or without a host.
    #[error("{0} is not an http or https URL with a host; write e.g. https://logs.example.com")]
    Scheme(String),
    /// More than scheme, host and port.
    #[error("{0} has more than scheme, host and port; write e.g. https://logs.example.com:8750")]
    TooMuch(String),
    /// Virtual-host addressing needs a host name.
    #[error("{0} is an IP address: it cannot carry a bucket in its name; use path addressing")]
    NoName(String),
}

/// Checks that URLs can be made for `endpoint`.
///
/// # Errors
/// [`EndpointError`]: what is wrong with it, and what to write instead.
pub fn check_endpoint(endpoint: &Url, addressing: Addressing) -> Result<(), EndpointError> {
    // The message must not repeat a password.
    let shown = || format!("{}://{}", endpoint.scheme(), endpoint.host_str().unwrap_or(""));
    if !matches!(endpoint.scheme(), "http" | "https") || !endpoint.has_host() {
        return Err(EndpointError::Scheme(shown()));
    }
    let bare = endpoint.path() == "/"
        && endpoint.query().is_none()
        && endpoint.fragment().is_none()
        && endpoint.username().is_empty()
        && endpoint.password().is_none();
    if !bare {
        return Err(EndpointError::TooMuch(shown()));
    }
    if addressing == Addressing::VirtualHost && endpoint.domain().is_none() {
        return Err(EndpointError::NoName(shown()));
    }
    Ok(())
}

/// Signs with local credentials: those of `serve`, or those of a Lambda function.
#[derive(Clone, Debug)]
pub struct SigV4Signer {
    endpoint: Url,
    addressing: Addressing,
    region: String,
    credentials: Credentials,
}

impl SigV4Signer {
    /// A signer for one S3 endpoint, e.g. `http://127.0.0.1:8750` or
    /// `https://s3.dualstack.ap-northeast-1.amazonaws.com`.
    ///
    /// # Errors
    /// [`EndpointError`]: the endpoint is invalid.
    pub fn new(
        endpoint: Url,
        addressing: Addressing,
        region: impl Into<String>,
        credentials: Credentials,
    ) -> Result<Self, EndpointError> {
        check_endpoint(&endpoint, addressing)?;
        Ok(Self { endpoint, addressing, region: region.into(), credentials })
    }

    /// Presigns a GET of one object, valid for `expires_in` seconds from `at`.
    ///
    /// # Errors
    /// [`SignError`] for a bucket or a key that cannot be written in a URL.
    pub fn presign_get(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        at: Timestamp,
        expires_in: u32,
    ) -> Result<PresignedGet, SignError> {
        check_key(key)?;
        let bucket = self.bucket(bucket)?;
        let get = bucket.get_object(Some(&self.credentials.0), key.as_str());
        Ok(PresignedGet::new(
            get.sign_with_time(Duration::from_secs(expires_in.into()), &at).into(),
        ))
    }

    fn bucket(&self, bucket: &BucketName) -> Result<Bucket, SignError> {
        let style = match self.addressing {
            Addressing::Path => UrlStyle::Path,
            Addressing::VirtualHost => UrlStyle::VirtualHost,
        };
        let name = bucket.as_str().to_owned();
        Bucket::new(self.endpoint.clone(), style, name, self.region.clone()).map_err(|error| {
            SignError { reason: format!("bucket {bucket} at the endpoint: {error}") }
        })
    }
}

impl Signer for SigV4Signer {
    fn presign_put(&self, request: &PutRequest) -> Result<PresignedPut, SignError> {
        let refused = |reason: String| SignError { reason };
        check_key(&request.key)?;
        if !(1..=MAX_EXPIRES_SECONDS).contains(&request.expires_in) {
            return Err(refused(format!(
                "a URL lives 1 to {MAX_EXPIRES_SECONDS} s, not {}",
                request.expires_in
            )));
        }
        let bucket = self.bucket(&request.bucket)?;

        let mut headers = Vec::new();
        if let Some(size) = request.size {
            headers.push(("content-length", size.to_string()));
        }
        if let Some(sha256) = request.sha256 {
            headers.push(("x-amz-checksum-sha256", BASE64.encode(sha256)));
        }
        let mut put = bucket.put_object(Some(&self.credentials.0), request.key.as_str());
        for (name, value) in &headers {
            put.headers_mut().insert(*name, value.as_str());
        }
        let life = Duration::from_secs(request.expires_in.into());
        let at: Timestamp = request.at;
        let url = put.sign_with_time(life, &at);
        Ok(PresignedPut::new(url.into(), headers))
    }
}

/// URLs resolve such segments like paths, so the URL of `a/../b` would be that of `b`.
fn check_key(key: &ObjectKey) -> Result<(), SignError> {
    if key.as_str().split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(SignError { reason: format!("no URL can name the key {:?}", key.as_str()) });
    }
    Ok(())
}
