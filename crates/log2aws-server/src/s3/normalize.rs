//! Rewrites requests that S3 accepts and s3s does not, before s3s parses them.

use std::time::SystemTime;

use http::header::DATE;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use s3s::{S3Result, s3_error};
use url::form_urlencoded;

use super::checksum;
use super::conditions::read_date;

/// Query parameters that belong to the signature itself, in lower case.
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

/// Moves parameters of a presigned URL that a signer hoisted out of the headers back to the
/// headers; returns their names. The signature covers the query, so it covers them.
///
/// A checksum stays where it is and is compared with nothing, as in S3: AWS's SDK for JavaScript
/// puts that of an empty body into every URL, since it signs before there is a body.
///
/// # Errors
/// One occurs twice with different values, or cannot be a header.
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

/// Writes the time of a signature into the header that s3s expects: it may be in `Date` only.
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

/// s3s requires that a possible trailer is announced; S3 does not.
pub(crate) fn announced_trailer(headers: &mut HeaderMap) {
    const TRAILER: HeaderName = HeaderName::from_static("x-amz-trailer");
    let hash = headers.get("x-amz-content-sha256");
    if hash.is_some_and(|hash| hash == "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
        && !headers.contains_key(&TRAILER)
    {
        headers.insert(TRAILER, HeaderValue::from_static(""));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn what_was_hoisted_comes_back_once_and_with_one_value() {
        let uri = "/b/k?X-Amz-Meta-A=1&X-Amz-Date=2&x-id=PutObject&X-Amz-Signature=3";
        let mut same = parts(uri, &[("x-amz-meta-a", "1")]);
        assert_eq!(hoisted_headers(&mut same).unwrap(), ["x-amz-meta-a"]);
        assert_eq!(same.headers.len(), 1);
        let mut absent = parts(uri, &[]);
        hoisted_headers(&mut absent).unwrap();
        assert_eq!(absent.headers["x-amz-meta-a"], "1");
        for (uri, headers) in [
            (uri, &[("x-amz-meta-a", "2")][..]),
            ("/b/k?X-Amz-Meta-A=1&x-amz-meta-a=2", &[]),
            ("/b/k?X-Amz-Meta-A=%0A", &[]),
            ("/b/k?X-Amz-%20=1", &[]),
        ] {
            assert!(hoisted_headers(&mut parts(uri, headers)).is_err(), "{uri} {headers:?}");
        }
    }

    #[test]
    fn a_date_counts_as_the_signatures_only_where_it_is_signed() {
        let moment = |headers: &[(&str, &str)], signed: &[&str]| {
            let mut headers = parts("/", headers).headers;
            let signed: Vec<String> = signed.iter().map(|name| (*name).to_owned()).collect();
            date_of_signature(&mut headers, &signed);
            headers.get("x-amz-date").map(|value| value.to_str().unwrap().to_owned())
        };
        let date = ("date", "Thu, 01 Aug 2019 00:00:05 GMT");
        assert_eq!(moment(&[date], &["date", "host"]).as_deref(), Some("20190801T000005Z"));
        assert_eq!(moment(&[date], &["host"]), None);
        let own = ("x-amz-date", "20190802T000000Z");
        assert_eq!(moment(&[date, own], &["date"]).as_deref(), Some("20190802T000000Z"));
    }

    #[test]
    fn a_trailer_is_announced_where_one_may_follow_and_nowhere_else() {
        let announced = |headers: &[(&str, &str)]| {
            let mut headers = parts("/", headers).headers;
            announced_trailer(&mut headers);
            headers.get("x-amz-trailer").map(|value| value.to_str().unwrap().to_owned())
        };
        let hash = ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
        assert_eq!(announced(&[hash]).as_deref(), Some(""));
        let own = ("x-amz-trailer", "x-amz-checksum-crc32");
        assert_eq!(announced(&[hash, own]).as_deref(), Some("x-amz-checksum-crc32"));
        assert_eq!(announced(&[("x-amz-content-sha256", "UNSIGNED-PAYLOAD")]), None);
    }
}
