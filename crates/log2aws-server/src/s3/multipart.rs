//! Uploads in parts.

use log2aws_store::disk::{UploadId, UploadInfo, UploadQuery};
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CompletedPart, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, ETag, ListMultipartUploadsInput, ListMultipartUploadsOutput,
    ListPartsInput, ListPartsOutput, MultipartUpload, Part, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Request, S3Result, s3_error};

use super::incoming_body::on_disk_thread;
use super::list::{count, page};
use super::object::{moment, no_customer_keys, signed};
use super::put::{arriving, attributes, condition};
use super::{Disk, bucket_name, names};

/// What a request says of the upload that it means.
struct Named {
    bucket: String,
    key: String,
    upload: String,
}

impl Named {
    /// Finds the upload, and that it is of this bucket and key.
    fn find(&self, disk: &Disk) -> S3Result<UploadInfo> {
        let none = || s3_error!(NoSuchUpload, "the key has no such upload");
        let id = UploadId::parse(&self.upload).ok_or_else(none)?;
        let info = disk.store.upload_info(&id).map_err(disk.fault())?;
        let same = info.bucket.as_str() == self.bucket && info.key.as_str() == self.key;
        if same { Ok(info) } else { Err(none()) }
    }
}

impl Disk {
    /// Serves `CreateMultipartUpload`.
    pub(crate) async fn create_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<CreateMultipartUploadOutput> {
        let input = request.input;
        no_customer_keys(input.sse_customer_algorithm.as_deref())?;
        let (bucket, key) = names(&input.bucket, &input.key)?;
        let attributes =
            attributes(&request.headers, &request.extensions, input.content_type, input.metadata)?;
        let disk = self.clone();
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

    /// Serves `UploadPart`.
    pub(crate) async fn upload_part(
        &self,
        mut request: S3Request<UploadPartInput>,
    ) -> S3Result<UploadPartOutput> {
        let body = request.input.body.take();
        let arriving = arriving(&request, body, request.input.content_length)?;
        let input = request.input;
        no_customer_keys(input.sse_customer_algorithm.as_deref())?;
        let number = u32::try_from(input.part_number)
            .map_err(|_| s3_error!(InvalidArgument, "a part's number lies within 1 and 10000"))?;
        let named = Named { bucket: input.bucket, key: input.key, upload: input.upload_id };
        let disk = self.clone();
        let id = on_disk_thread(move || Ok(named.find(&disk)?.id)).await?;
        let disk = self.clone();
        let (part, sums) = self
            .ingest(
                arriving,
                move |store| store.stage_part(&id, number),
                move |_, staged| staged.commit().map_err(disk.fault()),
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

    /// Serves `CompleteMultipartUpload`.
    pub(crate) async fn complete_upload(
        &self,
        input: CompleteMultipartUploadInput,
    ) -> S3Result<CompleteMultipartUploadOutput> {
        let whole = [
            &input.checksum_crc32,
            &input.checksum_crc32c,
            &input.checksum_crc64nvme,
            &input.checksum_sha1,
            &input.checksum_sha256,
        ];
        if whole.iter().any(|sum| sum.is_some()) {
            // It could only be compared after the commit; each part's is compared before.
            return Err(s3_error!(
                NotImplemented,
                "a checksum of the whole upload is not compared here: send one with each part"
            ));
        }
        let parts = input.multipart_upload.and_then(|list| list.parts).unwrap_or_default();
        let parts = parts.into_iter().map(chosen).collect::<S3Result<Vec<_>>>()?;
        let condition = condition(input.if_match, input.if_none_match)?;
        let (bucket, key) = names(&input.bucket, &input.key)?;
        let named =
            Named { bucket: input.bucket.clone(), key: input.key.clone(), upload: input.upload_id };
        let disk = self.clone();
        let info = on_disk_thread(move || {
            let upload = named.find(&disk)?.id;
            if let Some(size) = input.mpu_object_size {
                check_size(&disk, &upload, &parts, size)?;
            }
            let whole = disk.store.assemble_upload(&upload, &parts).map_err(disk.fault())?;
            disk.commit(&bucket, &key, || whole.commit(&condition))
        })
        .await?;
        Ok(CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", input.bucket, input.key)),
            version_id: self.shown_version(&input.bucket, &info),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(ETag::Strong(info.etag)),
            ..Default::default()
        })
    }

    /// Serves `AbortMultipartUpload`.
    pub(crate) async fn abort_upload(
        &self,
        input: AbortMultipartUploadInput,
    ) -> S3Result<AbortMultipartUploadOutput> {
        let named = Named { bucket: input.bucket, key: input.key, upload: input.upload_id };
        let disk = self.clone();
        on_disk_thread(move || {
            let upload = named.find(&disk)?.id;
            disk.store.abort_upload(&upload).map_err(disk.fault())
        })
        .await?;
        Ok(AbortMultipartUploadOutput::default())
    }

    /// Serves `ListParts`.
    pub(crate) async fn list_parts(&self, input: ListPartsInput) -> S3Result<ListPartsOutput> {
        let max = page(input.max_parts)?;
        let after = u16::try_from(input.part_number_marker.unwrap_or(0))
            .map_err(|_| s3_error!(InvalidArgument, "part-number-marker is not a part's number"))?;
        let named = Named {
            bucket: input.bucket.clone(),
            key: input.key.clone(),
            upload: input.upload_id.clone(),
        };
        let disk = self.clone();
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

    /// Serves `ListMultipartUploads`.
    pub(crate) async fn list_uploads(
        &self,
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
        let disk = self.clone();
        let listing = on_disk_thread(move || {
            let listing = disk.store.list_uploads(&bucket, &query).map_err(disk.fault())?;
            disk.unreadable.report(&listing.unreadable);
            Ok(listing)
        })
        .await?;
        let last = listing.uploads.last().filter(|_| listing.more);
        let (next_key, next_id) =
            last.map(|last| (last.key.to_string(), last.id.to_string())).unzip();
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
}

/// The number and entity tag of a part to complete with.
fn chosen(part: CompletedPart) -> S3Result<(u16, String)> {
    let number = part.part_number.and_then(|number| u16::try_from(number).ok());
    let number = number.ok_or_else(|| s3_error!(MalformedXML, "a part has no usable number"))?;
    let tag = part.e_tag.ok_or_else(|| s3_error!(MalformedXML, "a part has no entity tag"))?;
    Ok((number, tag.into_value()))
}

/// Compares what the caller takes for the upload's size with its parts.
fn check_size(disk: &Disk, upload: &UploadId, parts: &[(u16, String)], size: i64) -> S3Result<()> {
    let (mut found, mut after) = (0, 0);
    loop {
        let page = disk
            .store
            .list_parts(upload, after, log2aws_store::disk::MAX_PAGE)
            .map_err(disk.fault())?;
        for part in page.parts {
            if parts.iter().any(|(number, _)| *number == part.number) {
                found += part.digests.size;
            }
        }
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    if u64::try_from(size) == Ok(found) {
        Ok(())
    } else {
        Err(s3_error!(InvalidRequest, "the parts have {found} bytes, {size} were announced"))
    }
}
