//! Reads small objects from S3 with presigned requests, without an SDK.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::{Clock, ObjectReader, StoreError};
use log2aws_service::signer::SigV4Signer;
use log2aws_ssm::Agent;

/// The total timeout for one object; API Gateway's is 29 s.
pub const TIMEOUT: Duration = Duration::from_secs(3);

/// How long our own URLs are valid, in seconds.
const URL_LIFE_SECONDS: u32 = 60;

/// Reads with the credentials of the function's role.
///
/// The role needs `s3:ListBucket`: without it S3 answers 403 for an absent key, so a day that was
/// never delivered would look unreadable.
#[derive(Clone)]
pub struct S3Reader {
    /// Signs the requests.
    pub signer: SigV4Signer,
    /// Sends them.
    pub agent: Agent,
    /// The clock for signing.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for S3Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Reader").finish_non_exhaustive()
    }
}

#[async_trait]
impl ObjectReader for S3Reader {
    async fn read(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        max_bytes: u64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let what = format!("reading s3://{bucket}/{key}");
        let (reader, bucket, key) = (self.clone(), bucket.clone(), key.clone());
        let read = move || reader.get(&bucket, &key, max_bytes);
        let read = tokio::task::spawn_blocking(read).await;
        read.unwrap_or_else(|error| Err(error.into()))
            .map_err(|source| StoreError::Failed { what, source })
    }
}

impl S3Reader {
    /// Blocks.
    fn get(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        max_bytes: u64,
    ) -> io::Result<Option<Vec<u8>>> {
        let signed = self.signer.presign_get(bucket, key, self.clock.now(), URL_LIFE_SECONDS);
        let url = signed.map_err(io::Error::other)?;
        let answer = self.agent.get(url.expose_url()).call();
        let mut answer = answer.map_err(|error| io::Error::other(without_url(&error)))?;
        match answer.status().as_u16() {
            200 => {
                let body = answer.body_mut().with_config().limit(max_bytes).read_to_vec();
                body.map(Some).map_err(|error| io::Error::other(without_url(&error)))
            }
            404 => Ok(None),
            status => Err(io::Error::other(format!("S3 answers {status}"))),
        }
    }
}

/// Some of these errors contain the URL, which is a secret.
fn without_url(error: &ureq::Error) -> String {
    match error {
        ureq::Error::BadUri(_) => "the URL cannot be used".to_owned(),
        other => other.to_string(),
    }
}
