//! `CompleteMultipartUpload`.
//!
//! The parts are copied into one object, which takes a while for gigabytes. Meanwhile whitespace is
//! sent, because clients and proxies close a connection that is silent for a minute. If the
//! response is lost, a repeated request gets it again.

use std::time::Duration;

use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::VersionId;
use log2aws_store::disk::{Condition, UploadId, UploadInfo};
use s3s::dto::{CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart, ETag};
use s3s::{S3ErrorCode, S3Request, S3Result, s3_error};

use super::multipart::Named;
use super::put::condition;
use crate::audit::AuditRecord;
use crate::s3::completion_checksums::CompletionChecksums;
use crate::s3::incoming_body::on_disk_thread;
use crate::s3::{Disk, names};

/// For how long nothing is sent: a result within this time has its own status.
const PATIENCE: Duration = Duration::from_secs(1);

/// The content of the request.
struct Completion {
    named: Named,
    bucket: BucketName,
    key: ObjectKey,
    parts: Vec<(u16, String)>,
    /// The client's expected size of the object, in bytes.
    size: Option<i64>,
    checksums: CompletionChecksums,
    condition: Condition,
    record: Option<AuditRecord>,
}

/// Implements `CompleteMultipartUpload`.
pub(crate) async fn complete(
    disk: &Disk,
    request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<CompleteMultipartUploadOutput> {
    let record = request.extensions.get::<AuditRecord>().cloned();
    let mut input = request.input;
    let listed = input.multipart_upload.take().and_then(|list| list.parts).unwrap_or_default();
    let checksums = CompletionChecksums::of(&input, &listed)?;
    let (bucket, key) = names(&input.bucket, &input.key)?;
    let completion = Completion {
        named: Named { bucket: input.bucket, key: input.key, upload: input.upload_id },
        bucket,
        key,
        parts: listed.into_iter().map(chosen).collect::<S3Result<_>>()?,
        size: input.mpu_object_size,
        checksums,
        condition: condition(input.if_match, input.if_none_match)?,
        record,
    };
    let disk = disk.clone();
    let mut working = tokio::spawn(on_disk_thread(move || completion.run(&disk)));
    let broken = |_| s3_error!(InternalError, "the server's disk thread broke down");
    if let Ok(done) = tokio::time::timeout(PATIENCE, &mut working).await {
        return done.map_err(broken)?;
    }
    Ok(CompleteMultipartUploadOutput {
        future: Some(Box::pin(async move { working.await.map_err(broken)? })),
        ..Default::default()
    })
}

impl Completion {
    fn run(self, disk: &Disk) -> S3Result<CompleteMultipartUploadOutput> {
        let record = self.record.clone();
        let done = self.complete(disk);
        if let (Err(error), Some(record)) = (&done, record) {
            record.failed_late(error.code().as_str());
        }
        done
    }

    fn complete(mut self, disk: &Disk) -> S3Result<CompleteMultipartUploadOutput> {
        let completed = self.named.find(disk).and_then(|upload| self.assemble(disk, &upload));
        let (etag, version) = match completed {
            // It may have been completed already, or while this request waited for the lock.
            Err(error) if *error.code() == S3ErrorCode::NoSuchUpload => {
                self.earlier(disk)?.ok_or(error)?
            }
            other => other?,
        };
        Ok(CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", self.bucket, self.key)),
            version_id: disk.shown_version(self.bucket.as_str(), &version),
            bucket: Some(self.named.bucket),
            key: Some(self.named.key),
            e_tag: Some(ETag::Strong(etag)),
            ..Default::default()
        })
    }

    fn assemble(&mut self, disk: &Disk, upload: &UploadInfo) -> S3Result<(String, VersionId)> {
        if let Some(size) = self.size {
            check_size(disk, &upload.id, &self.parts, size)?;
        }
        let mut see = |part: u16, bytes: &[u8]| self.checksums.update(part, bytes);
        let whole = disk
            .store
            .assemble_upload_with(&upload.id, &self.parts, &mut see)
            .map_err(disk.fault())?;
        std::mem::take(&mut self.checksums).check()?;
        let info = disk.commit(self.record.as_ref(), &self.bucket, &self.key, || {
            whole.commit(&self.condition)
        })?;
        Ok((info.etag, info.version))
    }

    /// The result of an earlier completion, if there was one.
    fn earlier(&self, disk: &Disk) -> S3Result<Option<(String, VersionId)>> {
        let Some(upload) = UploadId::parse(&self.named.upload) else { return Ok(None) };
        let completed = disk.store.completed_upload(&upload).map_err(disk.fault())?;
        Ok(completed
            .filter(|earlier| earlier.bucket == self.bucket && earlier.key == self.key)
            .map(|earlier| (earlier.etag, earlier.version)))
    }
}

/// The number and entity tag of a part to complete with.
fn chosen(part: CompletedPart) -> S3Result<(u16, String)> {
    let number = part.part_number.and_then(|number| u16::try_from(number).ok());
    let number = number.ok_or_else(|| s3_error!(MalformedXML, "a part has no usable number"))?;
    let tag = part.e_tag.ok_or_else(|| s3_error!(MalformedXML, "a part has no entity tag"))?;
    Ok((number, tag.into_value()))
}

/// Compares the client's expected size with the parts.
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
