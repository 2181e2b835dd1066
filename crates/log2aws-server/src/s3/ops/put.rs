//! `PutObject`, and what it shares with multipart uploads.

use std::collections::BTreeMap;
use std::net::IpAddr;

use http::header::CONTENT_ENCODING;
use http::{Extensions, HeaderMap};
use log2aws_core::key::{BucketName, ObjectKey, is_check_key};
use log2aws_service::http::ClientIp;
use log2aws_store::disk::{Attributes, Condition, DiskError, ObjectInfo};
use s3s::dto::{ETag, ETagCondition, Metadata, PutObjectInput, PutObjectOutput};
use s3s::{S3ErrorCode, S3Request, S3Result, s3_error};

use super::get::{KEPT_HEADERS, kept_name, no_customer_keys};
use crate::audit::AuditRecord;
use crate::http::timeout_body::BodyOutcome;
use crate::s3::access::PutByOperator;
use crate::s3::checksum::ExpectedChecksums;
use crate::s3::final_days::{DayCondition, overtaken};
use crate::s3::incoming_body::IncomingBody;
use crate::s3::{Disk, names};

/// Prefixes of headers for unsupported features. Ignoring one silently would be a false promise.
const NOT_SERVED: [&str; 6] = [
    "x-amz-tagging",
    "x-amz-website-redirect-location",
    "x-amz-object-lock-",
    "x-amz-write-offset-bytes",
    "x-amz-server-side-encryption",
    "x-amz-grant-",
];

/// Headers that are accepted only with these values, which match our behaviour.
const SERVED_VALUES: [(&str, &[&str]); 2] = [
    ("x-amz-acl", &["private", "bucket-owner-full-control"]),
    ("x-amz-storage-class", &["STANDARD"]),
];

/// The condition of a write or a delete.
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

/// Refuses headers of a PUT that would be lost.
fn check_served(headers: &HeaderMap) -> S3Result<()> {
    for (name, value) in headers {
        let name = name.as_str();
        let values = SERVED_VALUES.iter().find(|(known, _)| *known == name);
        let is_served = values.is_none_or(|(_, values)| {
            values.iter().any(|known| value.as_bytes() == known.as_bytes())
        });
        if !is_served || NOT_SERVED.iter().any(|begin| name.starts_with(begin)) {
            return Err(s3_error!(NotImplemented, "this server does not do what {name} asks for"));
        }
    }
    Ok(())
}

/// The attributes to keep from a PUT's headers.
pub(crate) fn attributes(
    headers: &HeaderMap,
    extensions: &Extensions,
    content_type: Option<String>,
    metadata: Option<Metadata>,
) -> S3Result<Attributes> {
    check_served(headers)?;
    let mut user_metadata: BTreeMap<String, String> = metadata
        .unwrap_or_default()
        .into_iter()
        .filter(|(name, _)| !name.starts_with(':'))
        .collect();
    for header in KEPT_HEADERS {
        let value = headers.get(&header).and_then(|value| value.to_str().ok()).unwrap_or_default();
        // `aws-chunked` is a transfer encoding, not a content encoding.
        let kept = if header == CONTENT_ENCODING {
            let codings = value.split(',').map(str::trim);
            let own = codings.filter(|coding| !coding.is_empty() && *coding != "aws-chunked");
            own.collect::<Vec<_>>().join(", ")
        } else {
            value.to_owned()
        };
        if !kept.is_empty() {
            user_metadata.insert(kept_name(&header), kept);
        }
    }
    Ok(Attributes {
        content_type: content_type.unwrap_or_default(),
        user_metadata,
        source: extensions
            .get::<ClientIp>()
            .map(|ClientIp(source): &ClientIp| -> IpAddr { *source }),
        by_operator: extensions.get::<PutByOperator>().is_some(),
        etag: None,
    })
}

/// The body of a request with its expected checksums.
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
    /// Commits, adds the version to the request's audit record, and queues the object for analysis if
    /// it is a day log.
    pub(crate) fn commit(
        &self,
        record: Option<&AuditRecord>,
        bucket: &BucketName,
        key: &ObjectKey,
        commit: impl FnOnce() -> Result<ObjectInfo, DiskError>,
    ) -> S3Result<ObjectInfo> {
        let info = commit().map_err(self.fault())?;
        if let Some(record) = record {
            let version = self.shown_version(bucket.as_str(), &info.version);
            record.stored(version, info.digests.size);
        }
        if !is_check_key(key.as_str()) {
            self.metrics.puts.inc();
            self.metrics.put_bytes.inc_by(info.digests.size);
        }
        if *bucket == self.raw_bucket {
            self.queue.enqueue(key);
        }
        self.changed(bucket, key);
        Ok(info)
    }
}

/// Implements `PutObject`.
pub(crate) async fn put(
    disk: &Disk,
    mut request: S3Request<PutObjectInput>,
) -> S3Result<PutObjectOutput> {
    let body = request.input.body.take();
    let arriving = arriving(&request, body, request.input.content_length)?;
    let input = request.input;
    let mut condition = condition(input.if_match, input.if_none_match)?;
    let by_day = request.extensions.get::<DayCondition>();
    // Only then does a failed condition say that another log of the day was stored meanwhile.
    let is_of_day_alone = by_day.is_some() && condition == Condition::Always;
    if let Some(by_day) = by_day {
        condition = by_day.and(condition)?;
    }
    no_customer_keys(input.sse_customer_algorithm.as_deref())?;
    let (bucket, key) = names(&input.bucket, &input.key)?;
    let attributes =
        attributes(&request.headers, &request.extensions, input.content_type, input.metadata)?;
    let record = request.extensions.get::<AuditRecord>().cloned();
    let (committing, place) = (disk.clone(), (bucket.clone(), key.clone()));
    let is_check = is_check_key(key.as_str());
    let (info, sums) = disk
        .ingest(
            arriving,
            move |store| store.stage(&place.0, &place.1),
            move |_, staged| {
                let commit = || staged.commit(attributes, &condition);
                committing.commit(record.as_ref(), &bucket, &key, commit)
            },
        )
        .await
        .map_err(|error| match error.code() {
            S3ErrorCode::PreconditionFailed | S3ErrorCode::NoSuchKey if is_of_day_alone => {
                if !is_check {
                    disk.metrics.count_refused_put("day");
                }
                overtaken()
            }
            _ => error,
        })?;
    Ok(PutObjectOutput {
        checksum_crc32: sums.checksum_crc32,
        checksum_crc32c: sums.checksum_crc32c,
        checksum_crc64nvme: sums.checksum_crc64nvme,
        checksum_sha1: sums.checksum_sha1,
        checksum_sha256: sums.checksum_sha256,
        version_id: disk.shown_version(&input.bucket, &info.version),
        e_tag: Some(ETag::Strong(info.etag)),
        ..Default::default()
    })
}
