//! Reads one bucket of a running `serve` like an operator would: with presigned URLs.

use std::time::Duration;

use anyhow::Context as _;
use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_server::{KeyPair, REGION};
use rusty_s3::{Credentials, S3Action as _, UrlStyle};

/// The largest object that is read, in bytes.
const MAX_OBJECT: u64 = 64 << 20;

/// One bucket, and its credentials.
pub(crate) struct Bucket {
    inner: rusty_s3::Bucket,
    credentials: Credentials,
    agent: ureq::Agent,
}

impl Bucket {
    /// The bucket `name` of the S3 API at `endpoint`.
    ///
    /// # Errors
    /// `endpoint` is not a URL.
    pub(crate) fn new(endpoint: &str, name: &BucketName, keys: &KeyPair) -> anyhow::Result<Self> {
        let bucket = rusty_s3::Bucket::new(
            endpoint.parse().with_context(|| format!("{endpoint} is no URL"))?,
            UrlStyle::Path,
            name.as_str().to_owned(),
            REGION,
        )?;
        let credentials = Credentials::new(keys.access_key.clone(), keys.expose_secret());
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        Ok(Self { inner: bucket, credentials, agent: config.into() })
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.inner.name()
    }

    /// An object; `None` if there is none under this key.
    ///
    /// # Errors
    /// The store is unreachable, or responds with anything but the object or 404.
    pub(crate) fn get(&self, key: &ObjectKey) -> anyhow::Result<Option<Vec<u8>>> {
        let url = self.inner.get_object(Some(&self.credentials), key.as_str());
        let url = url.sign(Duration::from_mins(1));
        // The URL is a secret: errors name the key instead.
        let mut answer = self
            .agent
            .get(url.as_str())
            .call()
            .map_err(|error| anyhow::anyhow!("{key} cannot be fetched: {}", plain(&error)))?;
        match answer.status().as_u16() {
            200 => Ok(Some(answer.body_mut().with_config().limit(MAX_OBJECT).read_to_vec()?)),
            404 => Ok(None),
            status => anyhow::bail!("{key} cannot be fetched: the store answers {status}"),
        }
    }
}

/// The error without the URL that some of these contain.
fn plain(error: &ureq::Error) -> String {
    match error {
        ureq::Error::BadUri(_) => "the address cannot be used".to_owned(),
        other => other.to_string(),
    }
}
