//! Compresses responses for clients that accept gzip.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzEncoder as GzReader;
use flate2::write::GzEncoder as GzWriter;
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::PageBody;

/// The minimum size to compress, in bytes. Anything smaller fits into one packet anyway.
const WORTH_IT: usize = 1024;

/// Higher levels make pages hardly smaller and take twice the time.
const LEVEL: u32 = 5;

/// Whether a client accepts gzip: by name or by `*`, and not with `q=0`.
pub(crate) fn is_accepted(headers: &HeaderMap) -> bool {
    let mut any = false;
    for value in headers.get_all(ACCEPT_ENCODING) {
        for item in value.to_str().unwrap_or_default().split(',') {
            let mut parts = item.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let wanted = !parts.any(|part| {
                part.strip_prefix("q=").is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q <= 0.0))
            });
            if name.eq_ignore_ascii_case("gzip") {
                return wanted;
            }
            any |= name == "*" && wanted;
        }
    }
    any
}

/// Removes the weak prefix, which [`compress`] adds, from the client's `If-None-Match`, so that it
/// can be compared with the page's own tag.
pub(crate) fn strip_weak(headers: &mut HeaderMap) {
    if let Some(bare) = headers
        .get(IF_NONE_MATCH)
        .and_then(|tag| tag.to_str().ok()?.strip_prefix("W/"))
        .and_then(|bare| HeaderValue::try_from(bare).ok())
    {
        headers.insert(IF_NONE_MATCH, bare);
    }
}

/// Compresses a response if the client accepts that and the content type benefits. A streamed body
/// is compressed as it is read.
pub(crate) fn compress(mut response: Response<PageBody>, accepted: bool) -> Response<PageBody> {
    let headers = response.headers_mut();
    let gains = headers.get(CONTENT_TYPE).is_some_and(gains);
    if !gains || headers.contains_key(CONTENT_ENCODING) {
        return response;
    }
    headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    if !accepted || response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = match body {
        PageBody::Bytes(bytes) if bytes.len() < WORTH_IT => {
            return Response::from_parts(parts, PageBody::Bytes(bytes));
        }
        PageBody::Bytes(bytes) => match whole(&bytes) {
            Ok(small) => PageBody::Bytes(small),
            Err(_) => return Response::from_parts(parts, PageBody::Bytes(bytes)),
        },
        PageBody::Reader(reader, _) => {
            PageBody::Reader(Box::new(GzReader::new(reader, Compression::new(LEVEL))), None)
        }
    };
    parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    parts.headers.remove(CONTENT_LENGTH);
    // The body is no longer byte-for-byte the same.
    if let Some(tag) = parts.headers.get(ETAG).and_then(|tag| tag.to_str().ok())
        && !tag.starts_with("W/")
        && let Ok(weak) = HeaderValue::try_from(format!("W/{tag}"))
    {
        parts.headers.insert(ETAG, weak);
    }
    Response::from_parts(parts, body)
}

fn whole(bytes: &[u8]) -> std::io::Result<Bytes> {
    let mut writer = GzWriter::new(Vec::with_capacity(bytes.len() / 4), Compression::new(LEVEL));
    writer.write_all(bytes)?;
    Ok(writer.finish()?.into())
}

/// Whether the type benefits: text does; a PNG is compressed already.
fn gains(content_type: &HeaderValue) -> bool {
    let kind = content_type.to_str().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.starts_with("text/")
        || ["application/json", "application/x-ndjson", "application/javascript", "image/svg+xml"]
            .contains(&kind)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn accepts(value: &str) -> bool {
        is_accepted(&HeaderMap::from_iter([(ACCEPT_ENCODING, value.parse().unwrap())]))
    }

    #[test]
    fn who_takes_gzip() {
        for value in ["gzip", "br, gzip", "gzip;q=0.5", "GZIP, deflate", "*", "identity, *;q=0.1"] {
            assert!(accepts(value), "{value}");
        }
        for value in ["", "br", "gzip;q=0", "gzip; q=0.0, *", "*;q=0", "x-gzip2"] {
            assert!(!accepts(value), "{value}");
        }
        assert!(!is_accepted(&HeaderMap::new()));
    }

    fn answer(kind: &str, body: PageBody) -> Response<PageBody> {
        Response::builder().header(CONTENT_TYPE, kind).header(ETAG, "\"x\"").body(body).unwrap()
    }

    fn unpacked(body: PageBody) -> Vec<u8> {
        let mut packed = Vec::new();
        match body {
            PageBody::Bytes(bytes) => packed.extend(bytes),
            PageBody::Reader(mut reader, length) => {
                assert_eq!(length, None);
                reader.read_to_end(&mut packed).unwrap();
            }
        }
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(&*packed).read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn text_is_compressed_whole_or_as_it_is_read() {
        let text = "a,b,c\n".repeat(100_000);
        let whole = PageBody::Bytes(text.clone().into());
        let read =
            PageBody::Reader(Box::new(std::io::Cursor::new(text.clone())), Some(text.len() as u64));
        for body in [whole, read] {
            let squeezed = compress(answer("text/csv; charset=utf-8", body), true);
            assert_eq!(squeezed.headers()[CONTENT_ENCODING], "gzip");
            assert_eq!(squeezed.headers()[VARY], "accept-encoding");
            assert_eq!(squeezed.headers()[ETAG], "W/\"x\"");
            assert_eq!(unpacked(squeezed.into_body()), text.as_bytes());
        }
    }

    #[test]
    fn what_does_not_gain_stays_as_it_is() {
        let text = || PageBody::Bytes("a".repeat(5000).into());
        for (kind, body, accepted, varies) in [
            ("text/html", text(), false, true),
            ("text/html", PageBody::Bytes("short".into()), true, true),
            ("image/png", text(), true, false),
            ("text/htmlx", PageBody::Bytes(Bytes::new()), true, true),
        ] {
            let same = compress(answer(kind, body), accepted);
            assert!(!same.headers().contains_key(CONTENT_ENCODING), "{kind}");
            assert_eq!(same.headers().contains_key(VARY), varies, "{kind}");
            assert_eq!(same.headers()[ETAG], "\"x\"");
        }
        let mut headers = HeaderMap::from_iter([(IF_NONE_MATCH, "W/\"x\"".parse().unwrap())]);
        strip_weak(&mut headers);
        assert_eq!(headers[IF_NONE_MATCH], "\"x\"");
    }
}
