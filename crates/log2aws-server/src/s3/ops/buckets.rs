//! The two buckets: they always exist, and there are no others.

use s3s::dto::{
    Bucket, BucketVersioningStatus, CreateBucketInput, CreateBucketOutput, GetBucketLocationInput,
    GetBucketLocationOutput, GetBucketVersioningInput, GetBucketVersioningOutput, HeadBucketInput,
    HeadBucketOutput, ListBucketsInput, ListBucketsOutput,
};
use s3s::{S3Result, s3_error};

use super::get::moment;
use super::list::owner;
use crate::credentials::REGION;
use crate::s3::Disk;

/// The most buckets in one response of S3.
const MAX_BUCKETS: i32 = 10_000;

/// Implements `ListBuckets`: by name, with pages on request.
pub(crate) fn list(disk: &Disk, input: ListBucketsInput) -> S3Result<ListBucketsOutput> {
    let max = input.max_buckets.unwrap_or(MAX_BUCKETS);
    if !(1..=MAX_BUCKETS).contains(&max) {
        return Err(s3_error!(InvalidArgument, "max-buckets must lie between 1 and {MAX_BUCKETS}"));
    }
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let mut names: Vec<String> =
        disk.store.buckets().iter().map(|spec| spec.name.to_string()).collect();
    names.sort();
    names.retain(|name| {
        // The token is the last name of the previous page.
        name.starts_with(prefix) && input.continuation_token.as_ref().is_none_or(|t| name > t)
    });
    let more = names.len() > max;
    names.truncate(max);
    let continuation_token = names.last().filter(|_| more).cloned();
    let buckets = names.into_iter().map(|name| Bucket {
        name: Some(name),
        creation_date: Some(moment(disk.since)),
        ..Default::default()
    });
    Ok(ListBucketsOutput {
        buckets: Some(buckets.collect()),
        owner: Some(owner()),
        prefix: input.prefix,
        continuation_token,
    })
}

/// Implements `CreateBucket`. Some clients send it before they upload, and treat this response as
/// success.
pub(crate) fn create(disk: &Disk, input: &CreateBucketInput) -> S3Result<CreateBucketOutput> {
    disk.known(&input.bucket)
        .map_err(|_| s3_error!(AccessDenied, "this server has its two buckets and no others"))?;
    Err(s3_error!(BucketAlreadyOwnedByYou, "the bucket is there"))
}

/// Implements `HeadBucket`.
pub(crate) fn head(disk: &Disk, input: &HeadBucketInput) -> S3Result<HeadBucketOutput> {
    disk.known(&input.bucket)?;
    Ok(HeadBucketOutput { bucket_region: Some(REGION.to_owned()), ..Default::default() })
}

/// Implements `GetBucketLocation`.
pub(crate) fn location(
    disk: &Disk,
    input: &GetBucketLocationInput,
) -> S3Result<GetBucketLocationOutput> {
    disk.known(&input.bucket)?;
    Ok(GetBucketLocationOutput { location_constraint: Some(REGION.to_owned().into()) })
}

/// Implements `GetBucketVersioning`.
pub(crate) fn versioning(
    disk: &Disk,
    input: &GetBucketVersioningInput,
) -> S3Result<GetBucketVersioningOutput> {
    let bucket = disk.known(&input.bucket)?;
    let enabled = BucketVersioningStatus::from_static(BucketVersioningStatus::ENABLED);
    Ok(GetBucketVersioningOutput {
        status: disk.is_versioned(bucket.as_str()).then_some(enabled),
        ..Default::default()
    })
}
