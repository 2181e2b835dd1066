//! Multipart uploads, except their completion.

use log2aws_store::disk::{UploadId, UploadInfo, UploadQuery};
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, ETag, ListMultipartUploadsInput, ListMultipartUploadsOutput,
    ListPartsInput, ListPartsOutput, MultipartUpload, Part, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Request, S3Result, s3_error};

use super::get::{moment, no_customer_keys, signed};
use super::list::{count, page};
use super::put::{arriving, attributes};
use crate::s3::incoming_body::on_disk_thread;
use crate::s3::{Disk, bucket_name, names};

/// The request's bucket, key and upload id.
pub(crate) struct Named {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) upload: String,
}

impl Named {
    /// Finds the upload, and checks that it belongs to this bucket and key.
    pub(crate) fn find(&self, disk: &Disk) -> S3Result<UploadInfo> {
        let none = || s3_error!(NoSuchUpload, "the key has no such upload");
        let id = UploadId::parse(&self.upload).ok_or_else(none)?;
        let info = disk.store.upload_info(&id).map_err(disk.fault())?;
        let same = info.bucket.as_str() == self.bucket && info.key.as_str() == self.key;
        if same { Ok(info) } else { Err(none()) }
    }
}

/// Implements `CreateMultipartUpload`.
pub(crate) async fn create_upload(
    disk: &Disk,
    request: S3Request<CreateMultipartUploadInput>,
) -> S3Result<CreateMultipartUploadOutput> {
    let input = request.input;
    no_customer_keys(input.sse_customer_algorithm.as_deref())?;
    let (bucket, key) = names(&input.bucket, &input.key)?;
    let attributes =
        attributes(&request.headers, &request.extensions, input.content_type, input.metadata)?;
    let disk = disk.clone();
    let id = on_disk_thread(move || {
        disk.store.create_upload(&bucket, &key, &attributes).map_err(disk.fault())
    })
    .await?;
    Ok(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(id.to_string()),
        checksum_algorithm: input.checksum_algorithm,
        checksum_type: input.checksum_type,
        ..Default::default()
    })
}

/// Implements `UploadPart`.
pub(crate) async fn upload_part(
    disk: &Disk,
    mut request: S3Request<UploadPartInput>,
) -> S3Result<UploadPartOutput> {
    let body = request.input.body.take();
    let arriving = arriving(&request, body, request.input.content_length)?;
    let input = request.input;
    no_customer_keys(input.sse_customer_algorithm.as_deref())?;
    let number = u32::try_from(input.part_number)
        .map_err(|_| s3_error!(InvalidArgument, "a part's number lies within 1 and 10000"))?;
    let named = Named { bucket: input.bucket, key: input.key, upload: input.upload_id };
    let finding = disk.clone();
    let id = on_disk_thread(move || Ok(named.find(&finding)?.id)).await?;
    let committing = disk.clone();
    let (part, sums) = disk
        .ingest(
            arriving,
            move |store| store.stage_part(&id, number),
            move |_, staged| staged.commit().map_err(committing.fault()),
        )
        .await?;
    Ok(UploadPartOutput {
        checksum_crc32: sums.checksum_crc32,
        checksum_crc32c: sums.checksum_crc32c,
        checksum_crc64nvme: sums.checksum_crc64nvme,
        checksum_sha1: sums.checksum_sha1,
        checksum_sha256: sums.checksum_sha256,
        e_tag: Some(ETag::Strong(part.etag)),
        ..Default::default()
    })
}

/// Implements `AbortMultipartUpload`.
pub(crate) async fn abort_upload(
    disk: &Disk,
    input: AbortMultipartUploadInput,
) -> S3Result<AbortMultipartUploadOutput> {
    let named = Named { bucket: input.bucket, key: input.key, upload: input.upload_id };
    let disk = disk.clone();
    on_disk_thread(move || {
        let upload = named.find(&disk)?.id;
        disk.store.abort_upload(&upload).map_err(disk.fault())
    })
    .await?;
    Ok(AbortMultipartUploadOutput::default())
}

/// Implements `ListParts`.
pub(crate) async fn list_parts(disk: &Disk, input: ListPartsInput) -> S3Result<ListPartsOutput> {
    let max = page(input.max_parts)?;
    let after = u16::try_from(input.part_number_marker.unwrap_or(0))
        .map_err(|_| s3_error!(InvalidArgument, "part-number-marker is not a part's number"))?;
    let named = Named {
        bucket: input.bucket.clone(),
        key: input.key.clone(),
        upload: input.upload_id.clone(),
    };
    let disk = disk.clone();
    let listing = on_disk_thread(move || {
        let upload = named.find(&disk)?.id;
        disk.store.list_parts(&upload, after, max).map_err(disk.fault())
    })
    .await?;
    let parts = listing.parts.into_iter().map(|part| {
        Ok(Part {
            part_number: Some(i32::from(part.number)),
            e_tag: Some(ETag::Strong(part.etag)),
            size: Some(signed(part.digests.size)?),
            last_modified: Some(moment(part.last_modified)),
            ..Default::default()
        })
    });
    Ok(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        max_parts: count(max),
        part_number_marker: Some(i32::from(after)),
        is_truncated: Some(listing.next.is_some()),
        next_part_number_marker: listing.next.map(i32::from),
        parts: Some(parts.collect::<S3Result<_>>()?),
        ..Default::default()
    })
}

/// Implements `ListMultipartUploads`.
pub(crate) async fn list_uploads(
    disk: &Disk,
    input: ListMultipartUploadsInput,
) -> S3Result<ListMultipartUploadsOutput> {
    if input.delimiter.as_deref().is_some_and(|delimiter| !delimiter.is_empty()) {
        return Err(s3_error!(NotImplemented, "uploads are listed without a delimiter"));
    }
    let max = page(input.max_uploads)?;
    let bucket = bucket_name(&input.bucket)?;
    let marker = input.upload_id_marker.as_deref().and_then(UploadId::parse);
    let after = input.key_marker.clone().filter(|key| !key.is_empty()).map(|key| (key, marker));
    let query = UploadQuery { prefix: input.prefix.clone().unwrap_or_default(), after, max };
    let disk = disk.clone();
    let listing = on_disk_thread(move || {
        let listing = disk.store.list_uploads(&bucket, &query).map_err(disk.fault())?;
        disk.unreadable.report(&listing.unreadable);
        Ok(listing)
    })
    .await?;
    let last = listing.uploads.last().filter(|_| listing.more);
    let (next_key, next_id) = last.map(|last| (last.key.to_string(), last.id.to_string())).unzip();
    let uploads = listing.uploads.iter().map(|upload| MultipartUpload {
        key: Some(upload.key.to_string()),
        upload_id: Some(upload.id.to_string()),
        initiated: Some(moment(upload.initiated)),
        ..Default::default()
    });
    Ok(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        prefix: input.prefix,
        key_marker: input.key_marker,
        upload_id_marker: input.upload_id_marker,
        max_uploads: count(max),
        is_truncated: Some(listing.more),
        next_key_marker: next_key,
        next_upload_id_marker: next_id,
        uploads: Some(uploads.collect()),
        ..Default::default()
    })
}
