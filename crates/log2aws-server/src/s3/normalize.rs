//! What S3 takes and s3s does not: put into the form that s3s reads, before it reads it.

use std::time::SystemTime;

use http::header::{CONTENT_RANGE, DATE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use s3s::{S3Result, s3_error};
use url::form_urlencoded;

use super::checksum;
use super::conditions::read_date;

/// Parameters of the query that are the signature itself, in lower case.
const SIGNATURE: [&str; 8] = [
    "x-amz-algorithm",
    "x-amz-content-sha256",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];

/// Gives the parameters of a presigned URL that a signer moved out of the headers back to the
/// headers; returns their names. The signature covers the query, so it covers them.
///
/// A checksum stays where it is and is compared with nothing, as in S3: AWS's SDK for JavaScript
/// puts that of an empty body into every URL, since it signs before there is a body.
///
/// # Errors
/// One that is there twice with different values, or that no header can carry.
pub(crate) fn hoisted_headers(parts: &mut Parts) -> S3Result<Vec<HeaderName>> {
    let mut hoisted = Vec::new();
    let query = parts.uri.query().unwrap_or_default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let name = name.to_ascii_lowercase();
        let stays = |names: &[&str]| names.contains(&name.as_str());
        if !name.starts_with("x-amz-") || stays(&SIGNATURE) || stays(&checksum::NAMES) {
            continue;
        }
        let unusable = || s3_error!(InvalidRequest, "the query's {name} cannot be a header");
        let header = HeaderName::try_from(&name).map_err(|_| unusable())?;
        let value = HeaderValue::try_from(value.as_ref()).map_err(|_| unusable())?;
        if parts.headers.get_all(&header).iter().any(|present| present != value) {
            return Err(s3_error!(InvalidRequest, "{name} was given twice, with two values"));
        }
        parts.headers.insert(header.clone(), value);
        hoisted.push(header);
    }
    Ok(hoisted)
}

/// Writes the moment of a signature in a header as s3s wants it: it may stand in `Date` alone.
pub(crate) fn date_of_signature(headers: &mut HeaderMap, signed_headers: &[String]) {
    const WANTED: HeaderName = HeaderName::from_static("x-amz-date");
    let is_signed = signed_headers.iter().any(|name| name == DATE.as_str());
    if headers.contains_key(&WANTED) || !is_signed {
        return;
    }
    let moment = headers.get(DATE).and_then(read_date).and_then(basic_form);
    headers.extend(moment.map(|moment| (Some(WANTED), moment)));
}

/// `20190801T000000Z`.
fn basic_form(moment: SystemTime) -> Option<HeaderValue> {
    let moment = jiff::Timestamp::try_from(moment).ok()?;
    HeaderValue::try_from(moment.strftime("%Y%m%dT%H%M%SZ").to_string()).ok()
}

/// s3s wants a trailer announced where one may follow; S3 takes a body without.
pub(crate) fn announced_trailer(headers: &mut HeaderMap) {
    const TRAILER: HeaderName = HeaderName::from_static("x-amz-trailer");
    let hash = headers.get("x-amz-content-sha256");
    if hash.is_some_and(|hash| hash == "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
        && !headers.contains_key(&TRAILER)
    {
        headers.insert(TRAILER, HeaderValue::from_static(""));
    }
}

/// Refuses a piece of an object: it would be stored as the whole.
///
/// # Errors
/// `InvalidRequest`.
pub(crate) fn check_whole(method: &Method, headers: &HeaderMap) -> S3Result<()> {
    if *method == Method::PUT && headers.contains_key(CONTENT_RANGE) {
        return Err(s3_error!(
            InvalidRequest,
            "a PUT with Content-Range sends a piece of an object: send it whole"
        ));
    }
    Ok(())
}
