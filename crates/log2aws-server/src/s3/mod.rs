//! The S3 API over the disk store.
//!
//! s3s speaks the protocol and checks signatures; [`guard`] decides what may be asked; this module
//! does it. What it never does: block a thread of the runtime, or commit a body of which a claim
//! does not hold.

pub(crate) mod access;
mod checksum;
pub(crate) mod error;
mod incoming_body;
mod list;
mod multipart;
mod object;
mod put;

use std::sync::Arc;

use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_store::DiskStore;
use log2aws_store::disk::{DiskError, ObjectInfo};
#[allow(
    clippy::wildcard_imports,
    reason = "the trait below names an input and output for each"
)]
use s3s::dto::*;
use s3s::{S3, S3Error, S3Request, S3Response, S3Result, s3_error};

use crate::analysis::Queue;
use crate::background::unreadable_objects::UnreadableObjects;
use crate::credentials::REGION;
use crate::metrics::Metrics;
use incoming_body::on_disk_thread;

/// The S3 API over one store. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Disk {
    pub(crate) store: DiskStore,
    pub(crate) raw_bucket: BucketName,
    pub(crate) queue: Arc<Queue>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) unreadable: UnreadableObjects,
    /// When the data folder was opened: buckets have no other date.
    pub(crate) since: jiff::Timestamp,
}

impl Disk {
    pub(crate) fn new(
        store: DiskStore,
        raw_bucket: BucketName,
        queue: Arc<Queue>,
        metrics: Arc<Metrics>,
        unreadable: UnreadableObjects,
        since: jiff::Timestamp,
    ) -> Self {
        Self { store, raw_bucket, queue, metrics, unreadable, since }
    }

    /// Turns a fault of the store into the answer for it.
    fn fault(&self) -> impl Fn(DiskError) -> S3Error {
        |error| error::answer(&error, &self.metrics)
    }

    fn is_versioned(&self, bucket: &str) -> bool {
        self.store.buckets().iter().any(|spec| spec.name.as_str() == bucket && spec.versioned)
    }

    /// The version id that a caller is on_analyzed: none where the bucket keeps no versions.
    fn shown_version(&self, bucket: &str, info: &ObjectInfo) -> Option<String> {
        self.is_versioned(bucket).then(|| info.version.to_string())
    }

    fn known(&self, bucket: &str) -> S3Result<BucketName> {
        let bucket = bucket_name(bucket)?;
        if self.store.buckets().iter().any(|spec| spec.name == bucket) {
            Ok(bucket)
        } else {
            Err(s3_error!(NoSuchBucket, "bucket {bucket} does not exist"))
        }
    }

    fn may_delete(&self, bucket: &BucketName) -> S3Result<()> {
        if *bucket == self.raw_bucket {
            return Err(s3_error!(
                AccessDenied,
                "raw logs are kept; to have them removed by age, start serve with --keep-raw-days"
            ));
        }
        Ok(())
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

#[async_trait::async_trait]
impl S3 for Disk {
    async fn put_object(&self, req: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        self.put(req).await.map(S3Response::new)
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        self.get(req.input).await.map(S3Response::new)
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
        self.head(req.input).await.map(S3Response::new)
    }

    async fn list_objects(&self, req: S3Request<ListObjectsInput>) -> Answer<ListObjectsOutput> {
        self.list(req.input).await.map(S3Response::new)
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> Answer<ListObjectsV2Output> {
        self.list_v2(req.input).await.map(S3Response::new)
    }

    async fn list_object_versions(
        &self,
        req: S3Request<ListObjectVersionsInput>,
    ) -> Answer<ListObjectVersionsOutput> {
        self.list_versions(req.input).await.map(S3Response::new)
    }

    async fn list_buckets(&self, _: S3Request<ListBucketsInput>) -> Answer<ListBucketsOutput> {
        let bucket = |spec: &log2aws_store::BucketSpec| Bucket {
            name: Some(spec.name.to_string()),
            creation_date: Some(object::moment(self.since)),
            ..Default::default()
        };
        let owner = Owner { id: Some("log2aws".to_owned()), ..Default::default() };
        Ok(S3Response::new(ListBucketsOutput {
            buckets: Some(self.store.buckets().iter().map(bucket).collect()),
            owner: Some(owner),
            ..Default::default()
        }))
    }

    /// The buckets are there, and there are no others. Some clients ask before they upload, and
    /// take this answer for success.
    async fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> Answer<CreateBucketOutput> {
        self.known(&req.input.bucket).map_err(|_| {
            s3_error!(AccessDenied, "this server has its two buckets and no others")
        })?;
        Err(s3_error!(BucketAlreadyOwnedByYou, "the bucket is there"))
    }

    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> Answer<HeadBucketOutput> {
        self.known(&req.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput {
            bucket_region: Some(REGION.to_owned()),
            ..Default::default()
        }))
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> Answer<GetBucketLocationOutput> {
        self.known(&req.input.bucket)?;
        // S3 writes its first region as an empty constraint.
        Ok(S3Response::new(GetBucketLocationOutput::default()))
    }

    async fn get_bucket_versioning(
        &self,
        req: S3Request<GetBucketVersioningInput>,
    ) -> Answer<GetBucketVersioningOutput> {
        let bucket = self.known(&req.input.bucket)?;
        let enabled = BucketVersioningStatus::from_static(BucketVersioningStatus::ENABLED);
        Ok(S3Response::new(GetBucketVersioningOutput {
            status: self.is_versioned(bucket.as_str()).then_some(enabled),
            ..Default::default()
        }))
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
        let (bucket, key) = names(&req.input.bucket, &req.input.key)?;
        self.may_delete(&bucket)?;
        let only_so =
            req.input.if_match_last_modified_time.is_some() || req.input.if_match_size.is_some();
        if req.input.version_id.is_some() || only_so {
            return Err(s3_error!(
                NotImplemented,
                "objects are deleted whole, with no condition but If-Match"
            ));
        }
        let condition = put::condition(req.input.if_match, None)?;
        let disk = self.clone();
        on_disk_thread(move || disk.store.delete(&bucket, &key, &condition).map_err(disk.fault()))
            .await?;
        let mut response = S3Response::new(DeleteObjectOutput::default());
        response.status = Some(http::StatusCode::NO_CONTENT);
        Ok(response)
    }

    async fn delete_objects(
        &self,
        req: S3Request<DeleteObjectsInput>,
    ) -> Answer<DeleteObjectsOutput> {
        let bucket = self.known(&req.input.bucket)?;
        self.may_delete(&bucket)?;
        let Delete { objects, quiet } = req.input.delete;
        if objects.len() > 1000 {
            return Err(s3_error!(MalformedXML, "at most 1000 objects can be deleted at once"));
        }
        let disk = self.clone();
        let (mut deleted, errors) = on_disk_thread(move || {
            let (mut deleted, mut errors) = (Vec::new(), Vec::new());
            for object in objects {
                let only_so = object.last_modified_time.is_some() || object.size.is_some();
                let done = if object.version_id.is_some() || only_so {
                    Err(s3_error!(
                        NotImplemented,
                        "objects are deleted whole, with no condition but ETag"
                    ))
                } else {
                    names(bucket.as_str(), &object.key).and_then(|(bucket, key)| {
                        let e_tag = object.e_tag.map(ETagCondition::ETag);
                        let condition = put::condition(e_tag, None)?;
                        disk.store.delete(&bucket, &key, &condition).map_err(disk.fault())
                    })
                };
                match done {
                    Ok(()) => {
                        deleted.push(DeletedObject { key: Some(object.key), ..Default::default() });
                    }
                    Err(error) => errors.push(Error {
                        key: Some(object.key),
                        code: Some(error.code().as_str().to_owned()),
                        message: error.message().map(str::to_owned),
                        version_id: object.version_id,
                    }),
                }
            }
            Ok((deleted, errors))
        })
        .await?;
        if quiet == Some(true) {
            deleted.clear();
        }
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted: Some(deleted),
            errors: Some(errors),
            ..Default::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> Answer<CreateMultipartUploadOutput> {
        self.create_upload(req).await.map(S3Response::new)
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        Self::upload_part(self, req).await.map(S3Response::new)
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        self.complete_upload(req.input).await.map(S3Response::new)
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> Answer<AbortMultipartUploadOutput> {
        let answer = self.abort_upload(req.input).await?;
        let mut response = S3Response::new(answer);
        response.status = Some(http::StatusCode::NO_CONTENT);
        Ok(response)
    }

    async fn list_parts(&self, req: S3Request<ListPartsInput>) -> Answer<ListPartsOutput> {
        Self::list_parts(self, req.input).await.map(S3Response::new)
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> Answer<ListMultipartUploadsOutput> {
        self.list_uploads(req.input).await.map(S3Response::new)
    }
}
