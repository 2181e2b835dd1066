//! The bucket for the zips, `cf-templates-{region}-{account}`: created if absent, and used only if
//! it belongs to this account.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, ChecksumAlgorithm, CreateBucketConfiguration,
    PublicAccessBlockConfiguration,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::artifacts::{Artifact, Functions};
use crate::console::Console;
use crate::error::StackError;
use crate::fault;
use crate::watch::Session;

/// The only region that S3 does not accept as a location.
const WITHOUT_LOCATION: &str = "us-east-1";

/// The bucket's name.
pub(super) fn name(account: &str, region: &str) -> String {
    format!("cf-templates-{region}-{account}")
}

/// Uploads both zips. An existing one is not uploaded again: its key is its hash.
pub(super) async fn provide<C: Console>(
    session: &mut Session<'_, C>,
    functions: &Functions,
) -> Result<(), StackError> {
    let bucket = name(&session.cloud.account, &session.cloud.region);
    provide_bucket(session, &bucket).await?;
    for artifact in [&functions.generate_url, &functions.analyze_log] {
        put(session, &bucket, artifact).await?;
    }
    Ok(())
}

/// Whether one of the environment's own buckets exists in this account.
pub(super) async fn stands<C>(session: &Session<'_, C>, bucket: &str) -> Result<bool, StackError> {
    let (s3, account) = (&session.cloud.s3, &session.cloud.account);
    let head = s3.head_bucket().bucket(bucket).expected_bucket_owner(account).send().await;
    let Err(error) = head else { return Ok(true) };
    if error.raw_response().is_some_and(|response| response.status().as_u16() == 404) {
        return Ok(false);
    }
    let what = format!("looking for the bucket {bucket}");
    Err(fault::head(what, "s3:ListBucket", &error).into())
}

async fn provide_bucket<C: Console>(
    session: &mut Session<'_, C>,
    bucket: &str,
) -> Result<(), StackError> {
    let (s3, account) = (&session.cloud.s3, &session.cloud.account);
    let head = s3.head_bucket().bucket(bucket).expected_bucket_owner(account).send().await;
    if let Err(error) = head {
        // A HEAD response has no body, so there is only the status.
        match error.raw_response().map(|response| response.status().as_u16()) {
            Some(404) => make(session, bucket).await?,
            Some(403) => return Err(not_ours(bucket, account)),
            _ => {
                let what = format!("looking for the bucket {bucket}");
                return Err(fault::head(what, "s3:ListBucket", &error).into());
            }
        }
    }
    // Also for an existing bucket: the run that created it may have been interrupted here.
    let block = PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .block_public_policy(true)
        .ignore_public_acls(true)
        .restrict_public_buckets(true)
        .build();
    let block = session
        .cloud
        .s3
        .put_public_access_block()
        .bucket(bucket)
        .public_access_block_configuration(block);
    let done = block.expected_bucket_owner(&session.cloud.account).send().await;
    done.map_err(|error| fault::call(format!("making the bucket {bucket} private"), &error))?;
    Ok(())
}

async fn make<C: Console>(session: &mut Session<'_, C>, bucket: &str) -> Result<(), StackError> {
    session.console.line(&format!("making the bucket {bucket} for the zips of the functions"))?;
    let (s3, account) = (&session.cloud.s3, &session.cloud.account);
    let region = &session.cloud.region;
    let location = (region != WITHOUT_LOCATION).then(|| {
        let place = BucketLocationConstraint::from(region.as_str());
        CreateBucketConfiguration::builder().location_constraint(place).build()
    });
    let create = s3.create_bucket().bucket(bucket).set_create_bucket_configuration(location);
    if let Err(error) = create.send().await {
        let fault = fault::call(format!("making the bucket {bucket}"), &error);
        match fault.code.as_deref() {
            // The response to an earlier attempt was lost.
            Some("BucketAlreadyOwnedByYou") => {}
            Some("BucketAlreadyExists") => return Err(not_ours(bucket, account)),
            _ => return Err(fault.into()),
        }
    }
    Ok(())
}

fn not_ours(bucket: &str, account: &str) -> StackError {
    let why = format!(
        "somebody else owns it, or your identity may not look at it (s3:ListBucket); a bucket of \
         another account than {account} could put its own code into your functions"
    );
    StackError::Bucket { bucket: bucket.to_owned(), why }
}

async fn put<C: Console>(
    session: &mut Session<'_, C>,
    bucket: &str,
    artifact: &Artifact,
) -> Result<(), StackError> {
    let (s3, account, key) = (&session.cloud.s3, &session.cloud.account, artifact.key());
    let head = s3.head_object().bucket(bucket).key(&key).expected_bucket_owner(account);
    match head.send().await {
        Ok(_) => return Ok(()),
        Err(error) => {
            let absent = error.raw_response().is_some_and(|r| r.status().as_u16() == 404);
            if !absent {
                let what = format!("looking for {bucket}/{key}");
                return Err(fault::head(what, "s3:GetObject or s3:ListBucket", &error).into());
            }
        }
    }
    let file = artifact.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    session.console.line(&format!("putting {file}, {} KB", artifact.bytes.len() / 1000))?;
    let put = s3
        .put_object()
        .bucket(bucket)
        .key(&key)
        .expected_bucket_owner(account)
        .content_type("application/zip")
        .checksum_algorithm(ChecksumAlgorithm::Sha256)
        .checksum_sha256(STANDARD.encode(artifact.sha256))
        .body(ByteStream::from(artifact.bytes.clone()));
    let done = put.send().await;
    done.map_err(|error| fault::call(format!("putting {file} into {bucket}"), &error))?;
    Ok(())
}
