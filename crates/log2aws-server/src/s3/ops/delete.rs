//! `DeleteObject` and `DeleteObjects`: only for results; raw logs are kept.

use log2aws_core::key::BucketName;
use s3s::dto::{
    Delete, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput,
    DeletedObject, ETagCondition, Error, ObjectIdentifier,
};
use s3s::{S3Request, S3Result, s3_error};

use super::put::condition;
use crate::audit::AuditRecord;
use crate::s3::incoming_body::on_disk_thread;
use crate::s3::{Disk, names};

/// The most objects in one request of S3.
const MAX_OBJECTS: usize = 1000;

/// Implements `DeleteObject`.
pub(crate) async fn delete(
    disk: &Disk,
    request: S3Request<DeleteObjectInput>,
) -> S3Result<DeleteObjectOutput> {
    let record = request.extensions.get::<AuditRecord>().cloned();
    let input = request.input;
    let (bucket, key) = names(&input.bucket, &input.key)?;
    may_delete(disk, &bucket)?;
    if input.if_match_last_modified_time.is_some() || input.if_match_size.is_some() {
        return Err(by_etag_alone());
    }
    check_version(disk, &bucket, input.version_id.as_deref())?;
    let disk = disk.clone();
    let condition = condition(input.if_match, None)?;
    on_disk_thread(move || {
        disk.store.delete(&bucket, &key, &condition).map_err(disk.fault())?;
        disk.changed(&bucket, &key);
        if let Some(record) = record {
            record.deleted();
        }
        Ok(())
    })
    .await?;
    Ok(DeleteObjectOutput::default())
}

/// Implements `DeleteObjects`.
pub(crate) async fn delete_many(
    disk: &Disk,
    request: S3Request<DeleteObjectsInput>,
) -> S3Result<DeleteObjectsOutput> {
    let record = request.extensions.get::<AuditRecord>().cloned();
    let input = request.input;
    let bucket = disk.known(&input.bucket)?;
    may_delete(disk, &bucket)?;
    let Delete { objects, quiet } = input.delete;
    if objects.len() > MAX_OBJECTS {
        return Err(s3_error!(
            MalformedXML,
            "at most {MAX_OBJECTS} objects can be deleted at once"
        ));
    }
    let disk = disk.clone();
    let (mut deleted, errors) = on_disk_thread(move || {
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for object in objects {
            let done = delete_one(&disk, &bucket, &object);
            if let Some(record) = &record {
                let refused = done.as_ref().err().map(|error| error.code().as_str());
                record.deleted_one(&object.key, refused);
            }
            match done {
                Ok(()) => deleted.push(DeletedObject {
                    key: Some(object.key),
                    version_id: object.version_id,
                    ..Default::default()
                }),
                Err(error) => errors.push(Error {
                    key: Some(object.key),
                    code: Some(error.code().as_str().to_owned()),
                    message: error.message().map(str::to_owned),
                    version_id: object.version_id,
                }),
            }
        }
        if let Some(record) = record {
            record.skip();
        }
        Ok((deleted, errors))
    })
    .await?;
    if quiet == Some(true) {
        deleted.clear();
    }
    Ok(DeleteObjectsOutput { deleted: Some(deleted), errors: Some(errors), ..Default::default() })
}

fn delete_one(disk: &Disk, bucket: &BucketName, object: &ObjectIdentifier) -> S3Result<()> {
    if object.last_modified_time.is_some() || object.size.is_some() {
        return Err(by_etag_alone());
    }
    check_version(disk, bucket, object.version_id.as_deref())?;
    let (bucket, key) = names(bucket.as_str(), &object.key)?;
    let condition = condition(object.e_tag.clone().map(ETagCondition::ETag), None)?;
    disk.store.delete(&bucket, &key, &condition).map_err(disk.fault())?;
    disk.changed(&bucket, &key);
    Ok(())
}

fn may_delete(disk: &Disk, bucket: &BucketName) -> S3Result<()> {
    if *bucket == disk.raw_bucket {
        return Err(s3_error!(
            AccessDenied,
            "raw logs are kept; to have them removed by age, start serve with --keep-raw-days"
        ));
    }
    Ok(())
}

/// Only the current version can be deleted: in a bucket without versions it is called `null`.
fn check_version(disk: &Disk, bucket: &BucketName, version: Option<&str>) -> S3Result<()> {
    match version {
        Some(_) if disk.is_versioned(bucket.as_str()) => {
            Err(s3_error!(NotImplemented, "objects are deleted with all their versions"))
        }
        None | Some("null") => Ok(()),
        Some(_) => Err(s3_error!(NoSuchVersion, "the bucket keeps no versions but null")),
    }
}

fn by_etag_alone() -> s3s::S3Error {
    s3_error!(NotImplemented, "a delete may name the object's ETag, not its size or date")
}
