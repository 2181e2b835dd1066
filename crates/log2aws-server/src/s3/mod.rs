//! The S3 API over the disk store.
//!
//! s3s checks signatures and implements the protocol, except for reading objects, which [`route`]
//! does; [`access`] decides what is allowed; [`ops`] does it; [`response`] finishes every response.
//! This module never blocks a thread of the runtime, and never commits a body whose checksums do
//! not match.

pub(crate) mod access;
mod checksum;
mod completion_checksums;
mod conditions;
pub(crate) mod error;
pub(crate) mod final_days;
mod incoming_body;
mod normalize;
pub(crate) mod open_puts;
mod ops;
pub(crate) mod put_checks;
mod range;
pub(crate) mod response;
pub(crate) mod route;
pub(crate) mod uploads;
pub(crate) mod version_quota;

use std::sync::Arc;

use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_core::reopening::RECORDS_PREFIX;
use log2aws_service::ports::VersionId;
use log2aws_store::DiskStore;
use log2aws_store::disk::DiskError;
#[allow(
    clippy::wildcard_imports,
    reason = "the trait below names an input and output for each"
)]
use s3s::dto::*;
use s3s::{S3, S3Error, S3Request, S3Response, S3Result, s3_error};

use crate::analysis::Queue;
use crate::background::unreadable_objects::UnreadableObjects;
use crate::metrics::Metrics;
use uploads::Uploads;

/// The S3 API over one store. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Disk {
    pub(crate) store: DiskStore,
    pub(crate) raw_bucket: BucketName,
    pub(crate) queue: Arc<Queue>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) uploads: Arc<Uploads>,
    pub(crate) unreadable: UnreadableObjects,
    /// When the data folder was opened, used as the creation date of buckets.
    pub(crate) since: jiff::Timestamp,
    on_record: Arc<dyn Fn(&ObjectKey) + Send + Sync>,
}

impl Disk {
    pub(crate) fn new(
        store: DiskStore,
        raw_bucket: BucketName,
        queue: Arc<Queue>,
        metrics: Arc<Metrics>,
        uploads: Arc<Uploads>,
        unreadable: UnreadableObjects,
        since: jiff::Timestamp,
    ) -> Self {
        let on_record = Arc::new(|_: &ObjectKey| {});
        Self { store, raw_bucket, queue, metrics, uploads, unreadable, since, on_record }
    }

    /// The same, with a call after each change of an operator's record.
    pub(crate) fn on_record(self, call: impl Fn(&ObjectKey) + Send + Sync + 'static) -> Self {
        Self { on_record: Arc::new(call), ..self }
    }

    /// Must be called after each change of an object.
    fn changed(&self, bucket: &BucketName, key: &ObjectKey) {
        if *bucket != self.raw_bucket && key.as_str().starts_with(RECORDS_PREFIX) {
            (self.on_record)(key);
        }
    }

    /// Maps a store error to its response.
    fn fault(&self) -> impl Fn(DiskError) -> S3Error {
        |error| error::answer(&error, &self.metrics)
    }

    fn is_versioned(&self, bucket: &str) -> bool {
        self.store.buckets().iter().any(|spec| spec.name.as_str() == bucket && spec.versioned)
    }

    /// The version id in a response: none if the bucket keeps no versions.
    fn shown_version(&self, bucket: &str, version: &VersionId) -> Option<String> {
        self.is_versioned(bucket).then(|| version.to_string())
    }

    fn known(&self, bucket: &str) -> S3Result<BucketName> {
        let bucket = bucket_name(bucket)?;
        if self.store.buckets().iter().any(|spec| spec.name == bucket) {
            Ok(bucket)
        } else {
            Err(s3_error!(NoSuchBucket, "bucket {bucket} does not exist"))
        }
    }
}

fn bucket_name(name: &str) -> S3Result<BucketName> {
    name.parse().map_err(|error| s3_error!(InvalidBucketName, "{error}"))
}

fn names(bucket: &str, key: &str) -> S3Result<(BucketName, ObjectKey)> {
    let key = key.parse().map_err(|error| s3_error!(KeyTooLongError, "{error}"))?;
    Ok((bucket_name(bucket)?, key))
}

type Answer<T> = S3Result<S3Response<T>>;

fn no_content<T>(output: T) -> S3Response<T> {
    S3Response::with_status(output, http::StatusCode::NO_CONTENT)
}

#[async_trait::async_trait]
impl S3 for Disk {
    async fn put_object(&self, req: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        ops::put::put(self, req).await.map(S3Response::new)
    }

    async fn copy_object(&self, req: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
        ops::copy::copy(self, req).await.map(S3Response::new)
    }

    async fn list_objects(&self, req: S3Request<ListObjectsInput>) -> Answer<ListObjectsOutput> {
        ops::list::list(self, req.input).await.map(S3Response::new)
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> Answer<ListObjectsV2Output> {
        ops::list::list_v2(self, req.input).await.map(S3Response::new)
    }

    async fn list_object_versions(
        &self,
        req: S3Request<ListObjectVersionsInput>,
    ) -> Answer<ListObjectVersionsOutput> {
        ops::list::list_versions(self, req.input).await.map(S3Response::new)
    }

    async fn list_buckets(&self, req: S3Request<ListBucketsInput>) -> Answer<ListBucketsOutput> {
        ops::buckets::list(self, req.input).map(S3Response::new)
    }

    async fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> Answer<CreateBucketOutput> {
        ops::buckets::create(self, &req.input).map(S3Response::new)
    }

    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> Answer<HeadBucketOutput> {
        ops::buckets::head(self, &req.input).map(S3Response::new)
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> Answer<GetBucketLocationOutput> {
        ops::buckets::location(self, &req.input).map(S3Response::new)
    }

    async fn get_bucket_versioning(
        &self,
        req: S3Request<GetBucketVersioningInput>,
    ) -> Answer<GetBucketVersioningOutput> {
        ops::buckets::versioning(self, &req.input).map(S3Response::new)
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
        ops::delete::delete(self, req).await.map(no_content)
    }

    async fn delete_objects(
        &self,
        req: S3Request<DeleteObjectsInput>,
    ) -> Answer<DeleteObjectsOutput> {
        ops::delete::delete_many(self, req).await.map(S3Response::new)
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> Answer<CreateMultipartUploadOutput> {
        ops::multipart::create_upload(self, req).await.map(S3Response::new)
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        ops::multipart::upload_part(self, req).await.map(S3Response::new)
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        ops::complete::complete(self, req).await.map(S3Response::new)
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> Answer<AbortMultipartUploadOutput> {
        ops::multipart::abort_upload(self, req.input).await.map(no_content)
    }

    async fn list_parts(&self, req: S3Request<ListPartsInput>) -> Answer<ListPartsOutput> {
        ops::multipart::list_parts(self, req.input).await.map(S3Response::new)
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> Answer<ListMultipartUploadsOutput> {
        ops::multipart::list_uploads(self, req.input).await.map(S3Response::new)
    }
}
