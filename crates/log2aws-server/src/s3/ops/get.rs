//! Reading objects: `GetObject` and `HeadObject`.
//!
//! s3s checks the signature; headers and response are handled here, because s3s 0.14 does not
//! support lists of entity tags, `If-Range`, or partial responses to HEAD, and treats a range that
//! HTTP requires to ignore as an error.

use std::io::{Read, Seek, SeekFrom};
use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::stream;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE,
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, EXPIRES,
    LAST_MODIFIED, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::VersionId;
use log2aws_store::disk::{ObjectInfo, ObjectReader};
use s3s::dto::{StreamingBlob, Timestamp};
use s3s::{Body, S3Error, S3Response, S3Result, s3_error};
use url::form_urlencoded;

use crate::s3::conditions::{Outcome, ReadConditions, range_applies};
use crate::s3::error;
use crate::s3::incoming_body::on_disk_thread;
use crate::s3::range::{Selection, select};
use crate::s3::{Disk, names};

/// Bodies are read in pieces of this many bytes; one that fits into a piece is read at once.
const PIECE: u64 = 256 * 1024;

/// Headers of a PUT that a GET returns. The store keeps them in the user metadata, under names that
/// no `x-amz-meta-*` header can have.
pub(crate) const KEPT_HEADERS: [HeaderName; 5] =
    [CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, EXPIRES];

/// Anybody with a URL controls the content of an object. In a browser it must not execute or load
/// anything, because the dashboard has the same origin.
const POLICY: HeaderValue = HeaderValue::from_static("sandbox; default-src 'none'");

/// The store's name of such a header.
pub(crate) fn kept_name(header: &HeaderName) -> String {
    format!(":{header}")
}

/// A request to read one object.
pub(crate) struct ReadRequest<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) bucket: &'a str,
    pub(crate) key: &'a str,
}

impl ReadRequest<'_> {
    fn query(&self, wanted: &str) -> Option<String> {
        let query = self.uri.query().unwrap_or_default();
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    }
}

/// Implements `GetObject` and `HeadObject`.
///
/// # Errors
/// The S3 error for the caller.
pub(crate) async fn read(disk: &Disk, request: &ReadRequest<'_>) -> S3Result<S3Response<Body>> {
    let customer_key = "x-amz-server-side-encryption-customer-algorithm";
    no_customer_keys(request.headers.get(customer_key).and_then(|value| value.to_str().ok()))?;
    let (bucket, key) = names(request.bucket, request.key)?;
    let version = version(disk, &bucket, request.query("versionId"));
    let number = part_number(request)?;

    let is_get = *request.method == Method::GET;
    let (info, reader) = open(disk, bucket, key, version, is_get).await?;
    let modified = SystemTime::from(whole_second(&info));
    match ReadConditions::of(request.headers).check(&info.etag, modified) {
        Outcome::Proceed => {}
        Outcome::NotModified => return Ok(not_modified(&info)),
        Outcome::Failed => {
            return Err(s3_error!(PreconditionFailed, "the object is not the one asked for"));
        }
    }

    let size = info.digests.size;
    let range = request.headers.get(RANGE).and_then(|range| range.to_str().ok());
    let is_one = request.headers.get_all(RANGE).iter().count() == 1;
    let selection = match (number, range) {
        (Some(number), _) => part(&info, number)?,
        (None, Some(range)) if is_one && range_applies(request.headers, &info.etag, modified) => {
            select(range, size)
        }
        (None, _) => Selection::Whole,
    };
    let span = match &selection {
        Selection::Whole => 0..size,
        Selection::Part(span) => span.clone(),
        Selection::Unsatisfiable => return Err(outside(size)),
    };

    let mut headers = describe(disk, request, &info)?;
    let mut status = StatusCode::OK;
    if selection != Selection::Whole {
        status = StatusCode::PARTIAL_CONTENT;
        // An empty part of an object with several parts has no valid range.
        if span.is_empty() {
            status = StatusCode::OK;
        } else {
            let range = format!("bytes {}-{}/{size}", span.start, span.end - 1);
            set(&mut headers, CONTENT_RANGE, &range)?;
        }
    } else if let Some(sum) = sha256(request, &info) {
        set(&mut headers, HeaderName::from_static("x-amz-checksum-sha256"), &sum)?;
    }
    if number.is_some()
        && let Some(count) = info.part_count()
    {
        headers.insert("x-amz-mp-parts-count", count.into());
    }
    let length = span.end - span.start;
    headers.insert(CONTENT_LENGTH, length.into());
    let body = match reader {
        None => Body::empty(),
        Some(reader) => stream_span(disk, reader, span.start, length).await?,
    };
    let mut response = S3Response::with_headers(body, headers);
    response.status = Some(status);
    Ok(response)
}

async fn open(
    disk: &Disk,
    bucket: BucketName,
    key: ObjectKey,
    version: Option<VersionId>,
    is_get: bool,
) -> S3Result<(ObjectInfo, Option<ObjectReader>)> {
    let disk = disk.clone();
    on_disk_thread(move || {
        let version = version.as_ref();
        if is_get {
            let opened = disk.store.open_object(&bucket, &key, version);
            opened.map(|(info, reader)| (info, Some(reader))).map_err(disk.fault())
        } else {
            disk.store.head(&bucket, &key, version).map(|info| (info, None)).map_err(disk.fault())
        }
    })
    .await
}

/// The requested version: in a bucket without versions, `null` is the current object.
fn version(disk: &Disk, bucket: &BucketName, named: Option<String>) -> Option<VersionId> {
    let is_versioned = disk.is_versioned(bucket.as_str());
    named.filter(|name| is_versioned || name != "null").map(VersionId::new)
}

/// The requested part number.
fn part_number(request: &ReadRequest<'_>) -> S3Result<Option<u32>> {
    let Some(number) = request.query("partNumber") else { return Ok(None) };
    if request.headers.contains_key(RANGE) {
        return Err(s3_error!(InvalidRequest, "a part and a range cannot be asked for together"));
    }
    let number = number.parse().ok().filter(|number| (1..=10_000).contains(number));
    let number = number
        .ok_or_else(|| s3_error!(InvalidArgument, "partNumber must lie between 1 and 10000"))?;
    Ok(Some(number))
}

fn part(info: &ObjectInfo, number: u32) -> S3Result<Selection> {
    let none = || s3_error!(InvalidPart, "the object has no part {number}");
    match info.part_count() {
        // An object that was put whole is its own first part.
        None if number == 1 => Ok(Selection::Whole),
        None => Err(none()),
        Some(count) if number > count => Err(none()),
        Some(_) if !info.knows_its_parts() => {
            Err(s3_error!(NotImplemented, "the object does not say where its parts are: use Range"))
        }
        Some(_) => info.part(number).map(Selection::Part).ok_or_else(none),
    }
}

fn not_modified(info: &ObjectInfo) -> S3Response<Body> {
    let mut headers = HeaderMap::new();
    // The object's length: hyper would announce the length of this empty body.
    headers.insert(CONTENT_LENGTH, info.digests.size.into());
    let of_caches = [CACHE_CONTROL, EXPIRES].into_iter().filter_map(|name| {
        let value = info.user_metadata.get(&kept_name(&name))?;
        Some((name, HeaderValue::try_from(value).ok()?))
    });
    headers.extend(of_caches.map(|(name, value)| (Some(name), value)));
    if let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", info.etag)) {
        headers.insert(ETAG, tag);
    }
    let modified = httpdate::fmt_http_date(SystemTime::from(whole_second(info)));
    if let Ok(modified) = HeaderValue::try_from(modified) {
        headers.insert(LAST_MODIFIED, modified);
    }
    let mut response = S3Response::with_headers(Body::empty(), headers);
    response.status = Some(StatusCode::NOT_MODIFIED);
    response
}

fn outside(size: u64) -> S3Error {
    let mut error = s3_error!(InvalidRange, "the object has {size} bytes: the range lies outside");
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::try_from(format!("bytes */{size}")) {
        headers.insert(CONTENT_RANGE, value);
    }
    error.set_headers(headers);
    error
}

/// The headers of every response with an object.
fn describe(disk: &Disk, request: &ReadRequest<'_>, info: &ObjectInfo) -> S3Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in info.user_metadata.iter().filter(|(name, _)| !name.starts_with(':')) {
        let name = HeaderName::try_from(format!("x-amz-meta-{name}"));
        let name = name.map_err(S3Error::internal_error)?;
        set(&mut headers, name, &encoded_words(value))?;
    }
    for name in KEPT_HEADERS {
        let value = match request.query(&format!("response-{name}")) {
            Some(value) => Some(value),
            None => info.user_metadata.get(&kept_name(&name)).cloned(),
        };
        if let Some(value) = value {
            set(&mut headers, name, &value)?;
        }
    }
    let content_type = request.query("response-content-type").unwrap_or_else(|| {
        let own = Some(&info.content_type).filter(|own| !own.is_empty()).cloned();
        own.unwrap_or_else(|| "binary/octet-stream".to_owned())
    });
    set(&mut headers, CONTENT_TYPE, &content_type)?;
    if request.bucket == disk.raw_bucket.as_str() && !is_attachment(&headers) {
        headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    }
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    set(&mut headers, ETAG, &format!("\"{}\"", info.etag))?;
    let modified = httpdate::fmt_http_date(SystemTime::from(whole_second(info)));
    set(&mut headers, LAST_MODIFIED, &modified)?;
    if let Some(version) = disk.shown_version(request.bucket, &info.version) {
        set(&mut headers, HeaderName::from_static("x-amz-version-id"), &version)?;
    }
    Ok(headers)
}

/// Whether a browser saves the object instead of displaying it.
fn is_attachment(headers: &HeaderMap) -> bool {
    let disposition = headers.get(CONTENT_DISPOSITION).and_then(|value| value.to_str().ok());
    let kind = disposition.and_then(|value| value.split(';').next()).unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("attachment")
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) -> S3Result<()> {
    let value = HeaderValue::try_from(value)
        .map_err(|_| s3_error!(InvalidArgument, "the answer's {name} would be no header"))?;
    headers.insert(name, value);
    Ok(())
}

/// A text as a header value: RFC 2047 if it is not ASCII.
fn encoded_words(text: &str) -> String {
    /// The most bytes in an encoded word of 75 characters.
    const MAX: usize = 45;
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return text.to_owned();
    }
    let mut words = vec![String::new()];
    for letter in text.chars() {
        if words.last().is_none_or(|word| word.len() + letter.len_utf8() > MAX) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(letter);
        }
    }
    let word = |word: &String| format!("=?UTF-8?B?{}?=", BASE64_STANDARD.encode(word));
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn whole_second(info: &ObjectInfo) -> jiff::Timestamp {
    jiff::Timestamp::from_second(info.last_modified.as_second()).unwrap_or(info.last_modified)
}

/// A whole object has its SHA-256 in the response if the client requests checksums.
fn sha256(request: &ReadRequest<'_>, info: &ObjectInfo) -> Option<String> {
    let mode = request.headers.get("x-amz-checksum-mode");
    // For a multipart object, S3 returns a checksum of checksums: clients would take a plain one
    // for corruption.
    (mode.is_some_and(|mode| mode == "ENABLED") && info.part_count().is_none())
        .then(|| BASE64_STANDARD.encode(info.digests.sha256))
}

/// The time in the type of s3s.
pub(crate) fn moment(at: jiff::Timestamp) -> Timestamp {
    Timestamp::from(SystemTime::from(at))
}

/// Starts reading a range of an object.
async fn stream_span(
    disk: &Disk,
    mut reader: ObjectReader,
    start: u64,
    length: u64,
) -> S3Result<Body> {
    let metrics = disk.metrics.clone();
    let (first, rest) = on_disk_thread(move || {
        let unread = |error| error::of_write(&error, "reading an object", &metrics);
        reader.seek(SeekFrom::Start(start)).map_err(unread)?;
        let first = read_piece(&mut reader, length.min(PIECE)).map_err(unread)?;
        Ok((first, Rest { reader, left: length - length.min(PIECE) }))
    })
    .await?;
    Ok(body(first, rest))
}

/// The rest of an object after the first piece.
struct Rest {
    reader: ObjectReader,
    left: u64,
}

fn read_piece(reader: &mut ObjectReader, length: u64) -> std::io::Result<Bytes> {
    let mut piece = vec![0; usize::try_from(length).unwrap_or(0)];
    reader.read_exact(&mut piece)?;
    Ok(piece.into())
}

/// A body that is read piece by piece as the client takes it; between pieces it uses no thread.
fn body(first: Bytes, rest: Rest) -> Body {
    if rest.left == 0 {
        return Body::from(first);
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
    Body::from(StreamingBlob::wrap(pieces))
}

/// A length in the type of s3s.
///
/// # Errors
/// More than 2⁶³ bytes, which no disk has.
pub(crate) fn signed(length: u64) -> S3Result<i64> {
    i64::try_from(length).map_err(S3Error::internal_error)
}

/// Refuses encryption with a customer's key, which is not supported.
pub(crate) fn no_customer_keys(algorithm: Option<&str>) -> S3Result<()> {
    match algorithm {
        None => Ok(()),
        Some(_) => Err(s3_error!(NotImplemented, "this server does not encrypt what it stores")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_not_ascii_travel_as_encoded_words() {
        assert_eq!(encoded_words("plain =?text"), "plain =?text");
        assert_eq!(encoded_words("日本"), "=?UTF-8?B?5pel5pys?=");
        let long = encoded_words(&"日".repeat(40));
        let words: Vec<&str> = long.split(' ').collect();
        assert_eq!(words.len(), 3);
        assert!(words.iter().all(|word| word.len() <= 75), "{long}");
    }
}
