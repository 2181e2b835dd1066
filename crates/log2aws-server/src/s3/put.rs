//! `PutObject`, the uploads in parts, and what both have in common.

use std::collections::BTreeMap;
use std::net::IpAddr;

use http::{Extensions, HeaderMap};
use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::http::ClientIp;
use log2aws_store::disk::{Attributes, Condition, DiskError, ObjectInfo};
use s3s::dto::{ETag, ETagCondition, Metadata, PutObjectInput, PutObjectOutput};
use s3s::{S3Request, S3Result, s3_error};

use super::checksum::ExpectedChecksums;
use super::incoming_body::IncomingBody;
use super::object::{KEPT_HEADERS, kept_name, no_customer_keys};
use super::{Disk, names};
use crate::http::timeout_body::BodyOutcome;

/// Headers that ask for something that this server does not do. To leave it out silently would be
/// to promise it.
const NOT_KEPT: [&str; 9] = [
    "x-amz-tagging",
    "x-amz-website-redirect-location",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-object-lock-legal-hold",
    "x-amz-write-offset-bytes",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm",
];

/// What a write or a delete wants to find under its key.
pub(crate) fn condition(
    matches: Option<ETagCondition>,
    none_matches: Option<ETagCondition>,
) -> S3Result<Condition> {
    match (matches, none_matches) {
        (None, None) => Ok(Condition::Always),
        (Some(ETagCondition::Any), None) => Ok(Condition::Present),
        (Some(ETagCondition::ETag(tag)), None) => Ok(Condition::Matches(tag.into_value())),
        (None, Some(ETagCondition::Any)) => Ok(Condition::Absent),
        (None, Some(ETagCondition::ETag(_))) => {
            Err(s3_error!(NotImplemented, "If-None-Match of a write may only be *"))
        }
        (Some(_), Some(_)) => {
            Err(s3_error!(NotImplemented, "a write has If-Match or If-None-Match, not both"))
        }
    }
}

/// What is kept of a PUT's headers.
pub(crate) fn attributes(
    headers: &HeaderMap,
    extensions: &Extensions,
    content_type: Option<String>,
    metadata: Option<Metadata>,
) -> S3Result<Attributes> {
    if let Some(name) = NOT_KEPT.iter().find(|name| headers.contains_key(**name)) {
        return Err(s3_error!(NotImplemented, "this server does not do what {name} asks for"));
    }
    let mut user_metadata: BTreeMap<String, String> = metadata
        .unwrap_or_default()
        .into_iter()
        .filter(|(name, _)| !name.starts_with(':'))
        .collect();
    for header in KEPT_HEADERS {
        let value = headers.get(&header).and_then(|value| value.to_str().ok()).unwrap_or_default();
        // `aws-chunked` is how the body travels, not what it is.
        let kept: Vec<&str> = value
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty() && *part != "aws-chunked")
            .collect();
        if !kept.is_empty() {
            user_metadata.insert(kept_name(&header), kept.join(", "));
        }
    }
    Ok(Attributes {
        content_type: content_type.unwrap_or_default(),
        user_metadata,
        source: extensions
            .get::<ClientIp>()
            .map(|ClientIp(source): &ClientIp| -> IpAddr { *source }),
        etag: None,
    })
}

/// The body of a request and all that its headers say of it.
pub(crate) fn arriving<T>(
    request: &S3Request<T>,
    body: Option<s3s::dto::StreamingBlob>,
    length: Option<i64>,
) -> S3Result<IncomingBody> {
    let hash = request.headers.get("x-amz-content-sha256").map(http::HeaderValue::as_bytes);
    Ok(IncomingBody {
        body,
        claims: ExpectedChecksums::of(&request.headers, length)?,
        trailers: request.trailing_headers.clone(),
        end: request.extensions.get::<BodyOutcome>().cloned(),
        hash_is_signed: hash.is_some_and(|hash| hash.len() == 64),
    })
}

impl Disk {
    /// Commits, and has the object analyzed if it is a day log.
    pub(crate) fn commit(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        commit: impl FnOnce() -> Result<ObjectInfo, DiskError>,
    ) -> S3Result<ObjectInfo> {
        let info = commit().map_err(self.fault())?;
        self.metrics.puts.inc();
        self.metrics.put_bytes.inc_by(info.digests.size);
        if *bucket == self.raw_bucket {
            self.queue.enqueue(key);
        }
        Ok(info)
    }

    /// Serves `PutObject`.
    pub(crate) async fn put(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> S3Result<PutObjectOutput> {
        let body = request.input.body.take();
        let arriving = arriving(&request, body, request.input.content_length)?;
        let input = request.input;
        no_customer_keys(input.sse_customer_algorithm.as_deref())?;
        let (bucket, key) = names(&input.bucket, &input.key)?;
        let attributes =
            attributes(&request.headers, &request.extensions, input.content_type, input.metadata)?;
        let condition = condition(input.if_match, input.if_none_match)?;
        let (disk, place) = (self.clone(), (bucket.clone(), key.clone()));
        let (info, sums) = self
            .ingest(
                arriving,
                move |store| store.stage(&place.0, &place.1),
                move |_, staged| {
                    disk.commit(&bucket, &key, || staged.commit(attributes, &condition))
                },
            )
            .await?;
        Ok(PutObjectOutput {
            checksum_crc32: sums.checksum_crc32,
            checksum_crc32c: sums.checksum_crc32c,
            checksum_crc64nvme: sums.checksum_crc64nvme,
            checksum_sha1: sums.checksum_sha1,
            checksum_sha256: sums.checksum_sha256,
            version_id: self.shown_version(&input.bucket, &info),
            e_tag: Some(ETag::Strong(info.etag)),
            ..Default::default()
        })
    }
}
