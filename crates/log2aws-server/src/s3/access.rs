//! Access control of the S3 API.
//!
//! s3s checks the signature itself: expiry, method, path, signed headers, body hash. This module
//! checks the rest:
//! * a request must be signed, with Signature Version 4, in one place only;
//! * a header that changes the meaning of a request must be signed. S3 refuses an unsigned
//!   `x-amz-*` header; s3s 0.14 obeys it, and an unsigned `x-amz-copy-source` would turn a
//!   presigned PUT into a copy;
//! * a presigned URL is valid for at most seven days and reads or puts one object;
//! * only supported operations are allowed, and the key that signs the servers' URLs may only put a
//!   day log into the raw bucket.

use std::sync::Arc;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HOST};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, Uri, Version};
use log2aws_core::key::{BucketName, RawKey};
use log2aws_core::key_registry::enrolling_server;
use s3s::access::{S3Access, S3AccessContext};
use s3s::path::S3Path;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result, s3_error};
use url::form_urlencoded;

use super::normalize;
use super::put_checks::PutChecks;

/// The longest validity of a presigned URL, in seconds: S3's own limit.
const MAX_EXPIRES: u32 = 7 * 24 * 60 * 60;

/// The longest validity of a URL signed with the servers' key, in seconds.
const MAX_DELIVERY_EXPIRES: u32 = 300;

/// The longest query that is parsed, in bytes. The longest key, percent-encoded, and a presigned
/// URL's parameters are shorter.
const MAX_QUERY: usize = 16 * 1024;

/// Where a request has its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureLocation {
    /// In the `Authorization` header.
    Header,
    /// In the query: a presigned URL.
    Query,
}

/// Whether a request has an AWS signature, and so is for the S3 API.
pub(crate) fn is_signed(parts: &Parts) -> bool {
    parts.headers.get_all(AUTHORIZATION).iter().any(|value| value.as_bytes().starts_with(b"AWS"))
        || query(parts).any(|(name, _)| {
            name.eq_ignore_ascii_case("X-Amz-Signature") || name == "AWSAccessKeyId"
        })
}

/// The location of a request's signature.
///
/// # Errors
/// It is not signed, or in both places.
fn signature_location(parts: &Parts) -> S3Result<SignatureLocation> {
    let presigned = query(parts).any(|(name, _)| name == "X-Amz-Signature");
    match (presigned, parts.headers.contains_key(AUTHORIZATION)) {
        (false, false) => Err(denied("the request is not signed")),
        (true, true) => Err(s3_error!(InvalidRequest, "the request is signed in query and header")),
        (true, false) => Ok(SignatureLocation::Query),
        (false, true) => Ok(SignatureLocation::Header),
    }
}

/// The access key that a request claims to be signed with, read where s3s reads it.
pub(crate) fn claimed_access_key(parts: &Parts) -> Option<String> {
    let scope = match signature_location(parts).ok()? {
        SignatureLocation::Query => query_parameter(parts, "X-Amz-Credential").ok()?,
        SignatureLocation::Header => {
            let fields = authorization_fields(&parts.headers).ok()?;
            authorization_field(fields, "Credential").ok()?.to_owned()
        }
    };
    scope.split('/').next().map(str::to_owned)
}

/// Refuses what must not reach s3s, converts the rest to the form that s3s parses, and returns the
/// location of its signature.
///
/// # Errors
/// The S3 error for the caller.
pub(crate) fn check_signature_headers(parts: &mut Parts) -> S3Result<SignatureLocation> {
    if parts.version > Version::HTTP_11 {
        return Err(s3_error!(InvalidRequest, "this server speaks HTTP/1.1"));
    }
    if parts.uri.query().is_some_and(|query| query.len() > MAX_QUERY) {
        return Err(s3_error!(InvalidURI, "the query has more than {MAX_QUERY} bytes"));
    }
    if query(parts).any(|(name, _)| name == "Signature" || name == "AWSAccessKeyId") {
        return Err(denied("signature version 2 is not accepted: sign with version 4"));
    }
    let place = signature_location(parts)?;
    let content_type = parts.headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    if parts.method == Method::POST
        && content_type.is_some_and(|t| t.to_ascii_lowercase().starts_with(b"multipart/form-data"))
    {
        // s3s parses a form before it has checked a signature.
        return Err(s3_error!(NotImplemented, "form uploads are not served: use PUT"));
    }
    let claim = match place {
        SignatureLocation::Query => SigV4Params::of_query(parts)?,
        SignatureLocation::Header => SigV4Params::of_header(&parts.headers)?,
    };
    claim.check_scope()?;
    let hoisted = match place {
        SignatureLocation::Query => normalize::hoisted_headers(parts)?,
        SignatureLocation::Header => Vec::new(),
    };
    claim.check_headers(&parts.headers, &hoisted)?;
    if place == SignatureLocation::Header {
        normalize::date_of_signature(&mut parts.headers, &claim.signed_headers);
        normalize::announced_trailer(&mut parts.headers);
    }
    if place == SignatureLocation::Query
        && ![Method::GET, Method::HEAD, Method::PUT].contains(&parts.method)
    {
        return Err(denied("a presigned URL may GET, HEAD or PUT one object"));
    }
    if parts.method == Method::PUT && parts.headers.contains_key(CONTENT_RANGE) {
        // A part of an object would be stored as the whole object (RFC 9110, 14.5).
        return Err(s3_error!(
            InvalidRequest,
            "a PUT takes the whole object: send it without Content-Range (curl: without -C)"
        ));
    }
    if parts.method == Method::PUT
        && !parts.headers.contains_key(CONTENT_LENGTH)
        && !parts.headers.contains_key("x-amz-decoded-content-length")
        // A copy has no body.
        && !parts.headers.contains_key("x-amz-copy-source")
    {
        return Err(s3_error!(MissingContentLength, "send the body's length as Content-Length"));
    }
    Ok(place)
}

/// A request's own signature parameters; s3s verifies them.
struct SigV4Params {
    scope: String,
    signed_headers: Vec<String>,
}

impl SigV4Params {
    fn of_query(parts: &Parts) -> S3Result<Self> {
        let one = |wanted: &str| query_parameter(parts, wanted);
        one("X-Amz-Signature")?;
        one("X-Amz-Algorithm")?;
        check_moment(one("X-Amz-Date")?.as_bytes())?;
        let seconds = one("X-Amz-Expires")?;
        if !seconds.parse::<u32>().is_ok_and(|n| (1..=MAX_EXPIRES).contains(&n)) {
            return Err(s3_error!(
                AuthorizationQueryParametersError,
                "X-Amz-Expires must lie between 1 and {MAX_EXPIRES} seconds"
            ));
        }
        Ok(Self {
            scope: one("X-Amz-Credential")?,
            signed_headers: split_names(&one("X-Amz-SignedHeaders")?),
        })
    }

    fn of_header(headers: &HeaderMap) -> S3Result<Self> {
        let fields = authorization_fields(headers)?;
        let field = |wanted: &str| authorization_field(fields, wanted);
        field("Signature")?;
        if let Some(moment) = headers.get("x-amz-date") {
            check_moment(moment.as_bytes())?;
        }
        Ok(Self {
            scope: field("Credential")?.to_owned(),
            signed_headers: split_names(field("SignedHeaders")?),
        })
    }

    /// `key/date/region/service/aws4_request`: any plausible region, and only S3.
    fn check_scope(&self) -> S3Result<()> {
        let parts: Vec<&str> = self.scope.split('/').collect();
        let plausible = match parts[..] {
            [key, date, region, "s3", "aws4_request"] => {
                !key.is_empty()
                    && date.len() == 8
                    && date.bytes().all(|b| b.is_ascii_digit())
                    && (1..=32).contains(&region.len())
                    && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            }
            _ => false,
        };
        if plausible {
            Ok(())
        } else {
            Err(denied("the credential must read KEY/YYYYMMDD/REGION/s3/aws4_request"))
        }
    }

    /// Signed headers must be present, and important headers must be signed; those hoisted into the
    /// query are signed with it.
    fn check_headers(&self, headers: &HeaderMap, hoisted: &[HeaderName]) -> S3Result<()> {
        let signed = |name: &str| {
            self.signed_headers.iter().any(|known| known == name)
                || hoisted.iter().any(|known| known == name)
        };
        if !signed(HOST.as_str()) {
            return Err(denied("the Host header must be signed"));
        }
        for name in &self.signed_headers {
            if !headers.contains_key(name.as_str()) {
                return Err(denied(format!("the header {name} is signed but was not sent")));
            }
        }
        for name in headers.keys().map(http::HeaderName::as_str) {
            // The body's hash is signed under a name of its own.
            if name.starts_with("x-amz-") && name != "x-amz-content-sha256" && !signed(name) {
                return Err(denied(format!("the header {name} must be signed")));
            }
        }
        Ok(())
    }
}

/// A parameter of the query that is there exactly once.
fn query_parameter(parts: &Parts, wanted: &str) -> S3Result<String> {
    let mut values = query(parts).filter(|(name, _)| name == wanted);
    match (values.next(), values.next()) {
        (Some((_, value)), None) => Ok(value.into_owned()),
        _ => Err(s3_error!(
            AuthorizationQueryParametersError,
            "the URL must carry {wanted} exactly once"
        )),
    }
}

/// What follows the algorithm in the one `Authorization` header.
fn authorization_fields(headers: &HeaderMap) -> S3Result<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(malformed_header());
    };
    let value = value.to_str().map_err(|_| malformed_header())?;
    value
        .strip_prefix("AWS4-HMAC-SHA256")
        .ok_or_else(|| denied("sign with AWS4-HMAC-SHA256: other schemes are not accepted"))
}

/// A field of the `Authorization` header that is there exactly once.
fn authorization_field<'a>(fields: &'a str, wanted: &str) -> S3Result<&'a str> {
    let mut found = fields
        .split(',')
        .filter_map(|field| field.trim().split_once('='))
        .filter(|(name, _)| *name == wanted);
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Ok(value),
        _ => Err(malformed_header()),
    }
}

fn malformed_header() -> S3Error {
    s3_error!(AuthorizationHeaderMalformed, "the Authorization header cannot be read")
}

/// Decides who may do what, after s3s has verified the signature.
#[derive(Clone)]
pub(crate) struct Access {
    /// Checks for PUTs with a URL.
    pub(crate) puts: Arc<PutChecks>,
    /// The access key of the operator.
    pub(crate) operator: String,
    /// The access key that signs the servers' URLs.
    pub(crate) signing: String,
    /// The bucket for day logs.
    pub(crate) raw_bucket: BucketName,
}

/// Marks a request signed with the operator's key. Its put is accepted from any address and listed as
/// the operator's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PutByOperator;

/// The supported operations besides reading objects; all others are refused before their input is
/// read.
const SERVED: [&str; 18] = [
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateBucket",
    "CreateMultipartUpload",
    "DeleteObject",
    "DeleteObjects",
    "GetBucketLocation",
    "GetBucketVersioning",
    "HeadBucket",
    "ListBuckets",
    "ListMultipartUploads",
    "ListObjectVersions",
    "ListObjects",
    "ListObjectsV2",
    "ListParts",
    "PutObject",
    "UploadPart",
];

#[async_trait::async_trait]
impl S3Access for Access {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let place = cx.extensions_mut().get::<SignatureLocation>().copied();
        let operation = cx.s3_op().name();
        let Some(access_key) = cx.credentials().map(|known| &known.access_key) else {
            return Err(denied("the request is not signed"));
        };
        if !SERVED.contains(&operation) {
            return Err(s3_error!(NotImplemented, "this server does not have {operation}"));
        }
        match place {
            Some(SignatureLocation::Header) => {}
            Some(SignatureLocation::Query) if operation == "PutObject" => {}
            Some(SignatureLocation::Query) => {
                return Err(denied("a presigned URL may GET, HEAD or PUT one object"));
            }
            None => return Err(denied("the request did not pass the front")),
        }
        if *access_key == self.operator {
            cx.extensions_mut().insert(PutByOperator);
            return Ok(());
        }
        let may_put = *access_key == self.signing
            && place == Some(SignatureLocation::Query)
            && operation == "PutObject"
            && matches!(cx.s3_path(), S3Path::Object { bucket, key }
                if **bucket == *self.raw_bucket.as_str()
                    && (RawKey::parse(key).is_some() || enrolling_server(key).is_some()));
        if !may_put {
            return Err(denied("this key may only put day logs and public keys"));
        }
        // As in the bucket's policy on AWS, whatever validity the signer gave the URL.
        if expires(cx.uri()).is_none_or(|seconds| seconds > MAX_DELIVERY_EXPIRES) {
            return Err(denied(format!(
                "a URL of this key may live {MAX_DELIVERY_EXPIRES} seconds at most"
            )));
        }
        self.puts.check(cx).await
    }
}

impl Access {
    /// Lets the operator read an object, by header or by a presigned URL.
    ///
    /// # Errors
    /// `AccessDenied`.
    pub(crate) fn may_read<T>(&self, request: &S3Request<T>) -> S3Result<()> {
        if request.extensions.get::<SignatureLocation>().is_none() {
            return Err(denied("the request's signature was not looked at"));
        }
        match &request.credentials {
            Some(known) if known.access_key == self.operator => Ok(()),
            Some(_) => Err(denied("this key may only put day logs")),
            None => Err(denied("the request is not signed")),
        }
    }
}

/// `YYYYMMDDTHHMMSSZ`. s3s 0.14 counts with other characters before it refuses them, which panics
/// where overflows are checked.
fn check_moment(text: &[u8]) -> S3Result<()> {
    let good = text.len() == 16
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 => *byte == b'T',
            15 => *byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    if good { Ok(()) } else { Err(denied("the date of the signature must read YYYYMMDDTHHMMSSZ")) }
}

/// The validity of a presigned URL in seconds.
fn expires(uri: &Uri) -> Option<u32> {
    let mut pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    pairs.find(|(name, _)| name == "X-Amz-Expires").and_then(|(_, value)| value.parse().ok())
}

pub(super) fn query(parts: &Parts) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
}

fn split_names(list: &str) -> Vec<String> {
    list.split(';').map(str::to_owned).collect()
}

pub(super) fn denied(message: impl Into<std::borrow::Cow<'static, str>>) -> S3Error {
    S3Error::with_message(S3ErrorCode::AccessDenied, message)
}

#[cfg(test)]
mod tests;
