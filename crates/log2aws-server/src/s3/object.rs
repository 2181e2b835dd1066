//! `GetObject` and `HeadObject`, and the conditions that requests may carry.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range as Span;
use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE};
use http::{HeaderMap, HeaderValue};
use log2aws_service::ports::VersionId;
use log2aws_store::disk::{ObjectInfo, ObjectReader};
use s3s::dto::{
    ETag, ETagCondition, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, Range,
    StreamingBlob, Timestamp,
};
use s3s::{S3Error, S3Result, s3_error};

use super::incoming_body::on_disk_thread;
use super::{Disk, names};

/// Bodies are read in pieces of this many bytes; one that fits into a piece is read at once.
const PIECE: u64 = 256 * 1024;

/// Headers of a PUT that come back with the GET. The store keeps them among the user metadata,
/// under names that no `x-amz-meta-*` header can have.
pub(crate) const KEPT_HEADERS: [http::HeaderName; 4] =
    [CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE];

/// The name under which the store keeps such a header.
pub(crate) fn kept_name(header: &http::HeaderName) -> String {
    format!(":{header}")
}

/// What a request wants to be true of the object.
#[derive(Default)]
pub(crate) struct Conditions {
    pub(crate) matches: Option<ETagCondition>,
    pub(crate) none_matches: Option<ETagCondition>,
    pub(crate) modified_since: Option<Timestamp>,
    pub(crate) unmodified_since: Option<Timestamp>,
}

impl Conditions {
    /// RFC 9110 §13.2.2, as far as S3 has it: entity tags before dates.
    ///
    /// # Errors
    /// `PreconditionFailed`, or `NotModified` with the entity tag.
    pub(crate) fn check(&self, info: &ObjectInfo) -> S3Result<()> {
        let same = |condition: &ETagCondition| match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(tag) => tag.value() == info.etag,
        };
        // HTTP dates have whole seconds.
        let modified = Timestamp::from(SystemTime::from(whole_second(info)));
        let failed = match (&self.matches, &self.unmodified_since) {
            (Some(condition), _) => !same(condition),
            (None, Some(since)) => modified > *since,
            (None, None) => false,
        };
        if failed {
            return Err(s3_error!(PreconditionFailed, "the object is not the one asked for"));
        }
        let unchanged = match (&self.none_matches, &self.modified_since) {
            (Some(condition), _) => same(condition),
            (None, Some(since)) => modified <= *since,
            (None, None) => false,
        };
        if unchanged {
            let mut answer = s3_error!(NotModified);
            let mut headers = HeaderMap::new();
            if let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", info.etag)) {
                headers.insert(http::header::ETAG, tag);
            }
            answer.set_headers(headers);
            return Err(answer);
        }
        Ok(())
    }
}

fn whole_second(info: &ObjectInfo) -> jiff::Timestamp {
    jiff::Timestamp::from_second(info.last_modified.as_second()).unwrap_or(info.last_modified)
}

/// The moment as s3s writes it.
pub(crate) fn moment(at: jiff::Timestamp) -> Timestamp {
    Timestamp::from(SystemTime::from(at))
}

/// The bytes that a request asks for, and how a part of the object is announced.
fn span(range: Option<Range>, size: u64) -> S3Result<(Span<u64>, Option<String>)> {
    let Some(range) = range else { return Ok((0..size, None)) };
    let span = range.check(size).map_err(|_| {
        let mut error =
            s3_error!(InvalidRange, "the object has {size} bytes: the range lies outside");
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::try_from(format!("bytes */{size}")) {
            headers.insert(http::header::CONTENT_RANGE, value);
        }
        error.set_headers(headers);
        error
    })?;
    let announced = format!("bytes {}-{}/{size}", span.start, span.end - 1);
    Ok((span, Some(announced)))
}

/// An object answered whole carries its SHA-256 where the caller asks for checksums.
fn sha256(info: &ObjectInfo, mode: Option<&s3s::dto::ChecksumMode>, whole: bool) -> Option<String> {
    // Of an object put in parts, S3 answers a checksum of checksums: clients take a plain one for
    // damage.
    let asked = mode.is_some_and(|mode| mode.as_str() == "ENABLED");
    (asked && whole && !info.etag.contains('-'))
        .then(|| BASE64_STANDARD.encode(info.digests.sha256))
}

impl Disk {
    /// Serves `GetObject`.
    pub(crate) async fn get(&self, input: GetObjectInput) -> S3Result<GetObjectOutput> {
        no_customer_keys(input.sse_customer_algorithm.as_deref())?;
        let (bucket, key) = names(&input.bucket, &input.key)?;
        let version = version(input.version_id.as_deref());
        let conditions = Conditions {
            matches: input.if_match,
            none_matches: input.if_none_match,
            modified_since: input.if_modified_since,
            unmodified_since: input.if_unmodified_since,
        };
        if input.part_number.is_some_and(|number| number != 1) {
            return Err(s3_error!(NotImplemented, "parts cannot be read one by one: use Range"));
        }
        let range = input.range;
        let disk = self.clone();
        let (info, announced, first, rest) = on_disk_thread(move || {
            let (info, mut reader) =
                disk.store.open_object(&bucket, &key, version.as_ref()).map_err(disk.fault())?;
            conditions.check(&info)?;
            let (span, announced) = span(range, info.digests.size)?;
            let length = span.end - span.start;
            let unread = |error| super::error::of_write(&error, "reading an object", &disk.metrics);
            reader.seek(SeekFrom::Start(span.start)).map_err(unread)?;
            let first = read_piece(&mut reader, length.min(PIECE)).map_err(unread)?;
            Ok((info, announced, first, Rest { reader, left: length - length.min(PIECE) }))
        })
        .await?;
        let length = first.len() as u64 + rest.left;
        let kept = |name: &http::HeaderName| info.user_metadata.get(&kept_name(name)).cloned();
        Ok(GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: input.response_cache_control.or_else(|| kept(&CACHE_CONTROL)),
            content_disposition: input
                .response_content_disposition
                .or_else(|| kept(&CONTENT_DISPOSITION)),
            content_encoding: input.response_content_encoding.or_else(|| kept(&CONTENT_ENCODING)),
            content_language: input.response_content_language.or_else(|| kept(&CONTENT_LANGUAGE)),
            content_type: Some(input.response_content_type.unwrap_or_else(|| content_type(&info))),
            checksum_sha256: sha256(&info, input.checksum_mode.as_ref(), announced.is_none()),
            content_length: Some(signed(length)?),
            content_range: announced,
            e_tag: Some(ETag::Strong(info.etag.clone())),
            last_modified: Some(moment(info.last_modified)),
            metadata: Some(metadata(&info)),
            version_id: self.shown_version(&input.bucket, &info),
            body: Some(body(first, rest)),
            ..Default::default()
        })
    }

    /// Serves `HeadObject`.
    pub(crate) async fn head(&self, input: HeadObjectInput) -> S3Result<HeadObjectOutput> {
        no_customer_keys(input.sse_customer_algorithm.as_deref())?;
        let (bucket, key) = names(&input.bucket, &input.key)?;
        let version = version(input.version_id.as_deref());
        let conditions = Conditions {
            matches: input.if_match,
            none_matches: input.if_none_match,
            modified_since: input.if_modified_since,
            unmodified_since: input.if_unmodified_since,
        };
        let disk = self.clone();
        let info = on_disk_thread(move || {
            disk.store.head(&bucket, &key, version.as_ref()).map_err(disk.fault())
        })
        .await?;
        conditions.check(&info)?;
        let (span, announced) = span(input.range, info.digests.size)?;
        let kept = |name: &http::HeaderName| info.user_metadata.get(&kept_name(name)).cloned();
        Ok(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: kept(&CACHE_CONTROL),
            content_disposition: kept(&CONTENT_DISPOSITION),
            content_encoding: kept(&CONTENT_ENCODING),
            content_language: kept(&CONTENT_LANGUAGE),
            content_type: Some(content_type(&info)),
            checksum_sha256: sha256(&info, input.checksum_mode.as_ref(), announced.is_none()),
            content_length: Some(signed(span.end - span.start)?),
            content_range: announced,
            e_tag: Some(ETag::Strong(info.etag.clone())),
            last_modified: Some(moment(info.last_modified)),
            metadata: Some(metadata(&info)),
            version_id: self.shown_version(&input.bucket, &info),
            ..Default::default()
        })
    }
}

/// The part of an object that was not read with the first piece.
struct Rest {
    reader: ObjectReader,
    left: u64,
}

fn read_piece(reader: &mut ObjectReader, length: u64) -> std::io::Result<Bytes> {
    let mut piece = vec![0; usize::try_from(length).unwrap_or(0)];
    reader.read_exact(&mut piece)?;
    Ok(piece.into())
}

/// A body that is read piece by piece as the caller takes it; between pieces it holds no thread.
fn body(first: Bytes, rest: Rest) -> StreamingBlob {
    if rest.left == 0 {
        return StreamingBlob::from(s3s::Body::from(first));
    }
    let pieces = stream::try_unfold((Some(first), rest), |(first, mut rest)| async move {
        if let Some(first) = first {
            return Ok(Some((first, (None, rest))));
        }
        if rest.left == 0 {
            return Ok(None);
        }
        let reading = tokio::task::spawn_blocking(move || {
            let length = rest.left.min(PIECE);
            let piece = read_piece(&mut rest.reader, length)?;
            rest.left -= length;
            Ok((piece, rest))
        });
        match reading.await {
            Ok(Ok((piece, rest))) => Ok(Some((piece, (None, rest)))),
            Ok(Err(error)) => Err(error),
            Err(broken) => Err(std::io::Error::other(broken)),
        }
    });
    StreamingBlob::wrap(pieces)
}

fn content_type(info: &ObjectInfo) -> String {
    let kind = &info.content_type;
    if kind.is_empty() { "binary/octet-stream".to_owned() } else { kind.clone() }
}

fn metadata(info: &ObjectInfo) -> s3s::dto::Metadata {
    let own = info.user_metadata.iter().filter(|(name, _)| !name.starts_with(':'));
    own.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn version(text: Option<&str>) -> Option<VersionId> {
    text.map(VersionId::new)
}

/// A length as s3s counts.
///
/// # Errors
/// More than 2⁶³ bytes, which no disk holds.
pub(crate) fn signed(length: u64) -> S3Result<i64> {
    i64::try_from(length).map_err(S3Error::internal_error)
}

/// Encryption with a key of the caller's is asked for, and would not happen.
pub(crate) fn no_customer_keys(algorithm: Option<&str>) -> S3Result<()> {
    match algorithm {
        None => Ok(()),
        Some(_) => Err(s3_error!(NotImplemented, "this server does not encrypt what it stores")),
    }
}
