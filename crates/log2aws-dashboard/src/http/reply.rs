//! Responses: status and headers.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};
use log2aws_core::chart::{Drawing, View};
use log2aws_core::server_name::ServerName;
use log2aws_core::usual::Usual;
use log2aws_service::ports::StoreError;
use sha2::{Digest, Sha256};

use super::Body;
use crate::assets::Asset;
use crate::i18n::{Words, fill};
use crate::pages::day::content::{Content, Stored, error_chain};
use crate::store_index::OpenObject;

/// Policy for pages: only our own files, and nothing inline.
const PAGE_POLICY: &str = "default-src 'none'; img-src 'self'; style-src 'self'; \
script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
frame-ancestors 'none'";

/// Policy for other content: a drawing has an inline style, and scripts are forbidden.
const FILE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

pub(super) const SVG: &str = "image/svg+xml";
pub(super) const JSON: &str = "application/json";

const HTML: &str = "text/html; charset=utf-8";

/// Why a request fails.
#[derive(Debug)]
pub(super) enum ErrorResponse {
    /// The URL has an invalid parameter; the sentence says which.
    BadRequest(String),
    /// Not found; the sentence says what.
    NotFound(String),
    /// A method other than `GET` or `HEAD`.
    MethodNotAllowed,
    /// The store failed, with its message.
    Store(String),
    /// A bug or failure of ours.
    Internal(String),
}

impl From<askama::Error> for ErrorResponse {
    fn from(error: askama::Error) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<StoreError> for ErrorResponse {
    fn from(error: StoreError) -> Self {
        Self::Store(error_chain(&error))
    }
}

impl ErrorResponse {
    /// Status, title and message.
    pub(super) fn status_and_text<'a>(
        &'a self,
        w: &'a Words,
    ) -> (StatusCode, &'static str, &'a str) {
        match self {
            Self::BadRequest(sentence) => (StatusCode::BAD_REQUEST, w.bad_request, sentence),
            Self::NotFound(sentence) => (StatusCode::NOT_FOUND, w.not_found, sentence),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, w.method_not_allowed, w.bad_method)
            }
            Self::Store(_) => (StatusCode::BAD_GATEWAY, w.failed, w.failed_hint),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, w.internal, w.failed_hint),
        }
    }

    /// The message of the underlying error.
    pub(super) fn detail(&self) -> Option<String> {
        match self {
            Self::Store(error) | Self::Internal(error) => Some(error.clone()),
            _ => None,
        }
    }

    /// A server that has delivered nothing.
    pub(super) fn no_server(server: &ServerName, w: &Words) -> Self {
        Self::NotFound(fill(w.not_found_server, &[("server", server)]))
    }

    pub(super) fn with_headers(&self, mut response: Response<Body>) -> Response<Body> {
        if matches!(self, Self::MethodNotAllowed) {
            set(&mut response, ALLOW, "GET, HEAD");
        }
        response
    }
}

/// The chart of a day, or the error.
pub(super) fn drawing(
    content: &Content,
    view: &View,
    usual: Option<&Usual>,
    w: &Words,
) -> Result<Drawing, ErrorResponse> {
    match &content.csv {
        Stored::Failed(why) => Err(ErrorResponse::Store(why.clone())),
        Stored::Large => Err(ErrorResponse::NotFound(w.csv_large.to_owned())),
        _ => content
            .drawing(view, usual)
            .ok_or_else(|| ErrorResponse::NotFound(w.not_found_file.to_owned())),
    }
}

/// A page.
pub(super) fn page(html: String) -> Response<Body> {
    page_of(StatusCode::OK, html)
}

/// A page with the given status.
pub(super) fn page_of(status: StatusCode, html: String) -> Response<Body> {
    let mut response = bytes(status, HTML, Bytes::from(html));
    set(&mut response, CONTENT_SECURITY_POLICY, PAGE_POLICY);
    set(&mut response, CACHE_CONTROL, "no-store");
    response
}

/// The response if even the error page could not be rendered.
pub(super) fn broken(error: &askama::Error) -> Response<Body> {
    let text = format!("The page could not be made: {error}\n");
    let mut response =
        bytes(StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", text.into());
    set(&mut response, CACHE_CONTROL, "no-store");
    response
}

/// An error as one sentence without a page, which reveals nothing about the data.
pub(super) fn plain(error: &ErrorResponse, w: &Words) -> Response<Body> {
    let (status, _, sentence) = error.status_and_text(w);
    let mut response = bytes(status, "text/plain; charset=utf-8", format!("{sentence}\n").into());
    set(&mut response, CACHE_CONTROL, "no-store");
    error.with_headers(response)
}

/// An asset. Its URL contains a hash, so it can be cached for ever.
pub(super) fn asset(
    asset: &'static Asset,
    tag: Option<&str>,
    known: Option<&str>,
) -> Response<Body> {
    let etag = format!("\"{}\"", asset.tag);
    let mut response = if matches(known, &etag) {
        not_modified()
    } else {
        bytes(StatusCode::OK, asset.content_type, Bytes::from_static(asset.text.as_bytes()))
    };
    let forever = tag == Some(&asset.tag);
    let lifetime = if forever { "public, max-age=31536000, immutable" } else { "no-cache" };
    set(&mut response, CACHE_CONTROL, lifetime);
    set(&mut response, ETAG, &etag);
    response
}

/// Content generated on request; not sent again if the caller has the same version.
pub(super) fn generated(
    content_type: &str,
    generated: Vec<u8>,
    known: Option<&str>,
) -> Response<Body> {
    let etag = etag(&[&generated]);
    unchanged(&etag, known).unwrap_or_else(|| tagged(content_type, generated, Some(etag)))
}

/// Content, and whether it is all that there should be.
pub(super) struct Generated {
    pub(super) bytes: Vec<u8>,
    pub(super) whole: bool,
}

/// The same for content that is a function of `parts`: it is not generated if the caller has it, and
/// not stored unless it is whole.
pub(super) fn generated_from(
    content_type: &str,
    parts: &[&[u8]],
    known: Option<&str>,
    generate: impl FnOnce() -> Result<Generated, ErrorResponse>,
) -> Result<Response<Body>, ErrorResponse> {
    let etag = etag(parts);
    if let Some(unchanged) = unchanged(&etag, known) {
        return Ok(unchanged);
    }
    let Generated { bytes, whole } = generate()?;
    Ok(tagged(content_type, bytes, whole.then_some(etag)))
}

/// The response to a caller who already has the version `tag`; `None` for others.
pub(super) fn unchanged(tag: &str, known: Option<&str>) -> Option<Response<Body>> {
    matches(known, tag).then(|| revalidated(not_modified(), tag))
}

/// Content generated on request, of the version `tag`; without one it is not stored.
pub(super) fn tagged(
    content_type: &str,
    generated: Vec<u8>,
    tag: Option<String>,
) -> Response<Body> {
    let mut response = bytes(StatusCode::OK, content_type, generated.into());
    if let Some(tag) = tag {
        return revalidated(response, &tag);
    }
    set(&mut response, CACHE_CONTROL, "no-store");
    response
}

/// Marks a response that a browser may keep and must ask for again.
fn revalidated(mut response: Response<Body>, tag: &str) -> Response<Body> {
    set(&mut response, CACHE_CONTROL, "private, no-cache");
    set(&mut response, ETAG, tag);
    response
}

/// A tag of all parts, each with its length.
fn etag(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    format!("\"{}\"", hex::encode(&hash.finalize()[..8]))
}

/// JSON for the page's script.
pub(super) fn json(json: Vec<u8>) -> Response<Body> {
    let mut response = bytes(StatusCode::OK, JSON, json.into());
    set(&mut response, CACHE_CONTROL, "no-store");
    response
}

/// A file for download. Its name consists of a server name and a date, which need no quoting.
pub(super) fn file(name: &str, content_type: &str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    common(&mut response, content_type);
    set(&mut response, CONTENT_SECURITY_POLICY, FILE_POLICY);
    set(&mut response, CACHE_CONTROL, "no-store");
    set(&mut response, CONTENT_DISPOSITION, &format!("attachment; filename=\"{name}\""));
    let length = match response.body() {
        Body::Bytes(bytes) => Some(bytes.len() as u64),
        Body::Reader(_, size) => *size,
    };
    if let Some(length) = length {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    response
}

/// A stored object as a body.
pub(super) fn stored(opened: OpenObject) -> Body {
    Body::Reader(opened.reader, Some(opened.size))
}

/// A redirect to another page. The path is ours.
pub(super) fn see_other(to: &str) -> Response<Body> {
    let mut response = bytes(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", Bytes::new());
    set(&mut response, LOCATION, to);
    set(&mut response, CACHE_CONTROL, "no-store");
    response
}

/// Adds a cookie that scripts cannot read.
pub(super) fn with_cookie(mut response: Response<Body>, cookie: &str) -> Response<Body> {
    set(&mut response, SET_COOKIE, cookie);
    response
}

/// The same without a body, but with its Content-Length.
pub(super) fn without_body(mut response: Response<Body>) -> Response<Body> {
    *response.body_mut() = Body::Bytes(Bytes::new());
    response
}

fn not_modified() -> Response<Body> {
    let mut response = Response::new(Body::Bytes(Bytes::new()));
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}

fn bytes(status: StatusCode, content_type: &str, body: Bytes) -> Response<Body> {
    let length = body.len() as u64;
    let mut response = Response::new(Body::Bytes(body));
    *response.status_mut() = status;
    common(&mut response, content_type);
    set(&mut response, CONTENT_SECURITY_POLICY, FILE_POLICY);
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    response
}

fn common(response: &mut Response<Body>, content_type: &str) {
    set(response, CONTENT_TYPE, content_type);
    set(response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(response, REFERRER_POLICY, "same-origin");
}

/// Our values are ASCII. One that is not is left out.
fn set(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Whether an `If-None-Match` contains that tag (RFC 9110 §13.1.2).
fn matches(known: Option<&str>, etag: &str) -> bool {
    let same = |tag: &str| {
        let tag = tag.trim();
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag
    };
    known.is_some_and(|known| known.split(',').any(same))
}
