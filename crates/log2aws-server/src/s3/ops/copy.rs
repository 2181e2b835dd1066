//! `CopyObject`, only for replacing an object's metadata by copying it onto itself.
//!
//! rclone sets a changed modification time this way. It is allowed in the analyzed bucket only: raw
//! logs are replaced only by deliveries.

use std::io;
use std::time::SystemTime;

use http::HeaderName;
use http::header::{HeaderMap, IF_MATCH, IF_NONE_MATCH};
use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_store::disk::{Condition, ObjectInfo, Staged};
use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, ETag, MetadataDirective,
    TaggingDirective,
};
use s3s::{S3Request, S3Result, s3_error};

use super::get::{moment, no_customer_keys};
use super::put::attributes;
use crate::audit::AuditRecord;
use crate::s3::conditions::{Outcome, ReadConditions};
use crate::s3::incoming_body::on_disk_thread;
use crate::s3::{Disk, error, names};

/// Implements `CopyObject`.
pub(crate) async fn copy(
    disk: &Disk,
    request: S3Request<CopyObjectInput>,
) -> S3Result<CopyObjectOutput> {
    let (bucket, key) = names(&request.input.bucket, &request.input.key)?;
    if bucket == disk.raw_bucket || !replaces_own_metadata(&request.input) {
        return Err(s3_error!(
            NotImplemented,
            "this server copies no objects: CopyObject is served where it replaces the metadata of \
             an analyzed object (its own key as source, x-amz-metadata-directive: REPLACE)"
        ));
    }
    let input = &request.input;
    no_customer_keys(input.sse_customer_algorithm.as_deref())?;
    no_customer_keys(input.copy_source_sse_customer_algorithm.as_deref())?;
    let mut attributes = attributes(
        &request.headers,
        &request.extensions,
        input.content_type.clone(),
        input.metadata.clone(),
    )?;
    let source = ReadConditions::of(&source_conditions(&request.headers));
    if request.headers.contains_key(IF_MATCH) || request.headers.contains_key(IF_NONE_MATCH) {
        return Err(s3_error!(
            NotImplemented,
            "name the object that is copied by x-amz-copy-source-if-match"
        ));
    }
    let record = request.extensions.get::<AuditRecord>().cloned();
    let own = disk.clone();
    let info = on_disk_thread(move || {
        let disk = own;
        let (staged, info) = stage_copy(&disk, &bucket, &key, &source)?;
        // An object that was put in the meantime is kept.
        let unchanged = Condition::Matches(info.etag.clone());
        attributes.keep_parts(&info);
        disk.commit(record.as_ref(), &bucket, &key, || staged.commit(attributes, &unchanged))
    })
    .await?;
    Ok(CopyObjectOutput {
        copy_object_result: Some(CopyObjectResult {
            e_tag: Some(ETag::Strong(info.etag)),
            last_modified: Some(moment(info.last_modified)),
            ..Default::default()
        }),
        ..Default::default()
    })
}

fn replaces_own_metadata(input: &CopyObjectInput) -> bool {
    let is_own = match &input.copy_source {
        CopySource::Bucket { bucket, key, version_id } => {
            **bucket == *input.bucket
                && **key == *input.key
                && version_id.as_deref().is_none_or(|version| version == "null")
        }
        _ => false,
    };
    let directive = input.metadata_directive.as_ref().map(MetadataDirective::as_str);
    let tagging = input.tagging_directive.as_ref().map(TaggingDirective::as_str);
    is_own && directive == Some("REPLACE") && tagging.is_none_or(|tagging| tagging == "COPY")
}

/// The conditions on the source, under the header names of a read.
fn source_conditions(headers: &HeaderMap) -> HeaderMap {
    let own = headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix("x-amz-copy-source-")?;
        Some((HeaderName::try_from(name).ok()?, value.clone()))
    });
    own.collect()
}

fn stage_copy(
    disk: &Disk,
    bucket: &BucketName,
    key: &ObjectKey,
    source: &ReadConditions,
) -> S3Result<(Staged, ObjectInfo)> {
    let (info, mut reader) = disk.store.open_object(bucket, key, None).map_err(disk.fault())?;
    let second = jiff::Timestamp::from_second(info.last_modified.as_second());
    let modified = SystemTime::from(second.unwrap_or(info.last_modified));
    if source.check(&info.etag, modified) != Outcome::Proceed {
        return Err(s3_error!(PreconditionFailed, "the object is not the one asked for"));
    }
    let mut staged = disk.store.stage(bucket, key).map_err(disk.fault())?;
    io::copy(&mut reader, &mut staged)
        .map_err(|error| error::of_write(&error, "a copy", &disk.metrics))?;
    if staged.digests() != info.digests {
        disk.metrics.count_store_error("damaged");
        tracing::error!(%bucket, %key, "a stored object is not what was written: not copied");
        return Err(s3_error!(InternalError, "the stored object is damaged"));
    }
    Ok((staged, info))
}
