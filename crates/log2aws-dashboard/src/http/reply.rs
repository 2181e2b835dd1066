//! Answers: their status, their headers.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};
use log2aws_core::chart::{Drawing, View};
use log2aws_service::ports::StoreError;
use sha2::{Digest, Sha256};

use super::Body;
use crate::assets::{Asset, hex};
use crate::i18n::Words;
use crate::pages::day::content::{Content, Stored, error_chain};
use crate::store_index::Opened;

/// What a page may load and do: our own files alone, and nothing inline.
const PAGE_POLICY: &str = "default-src 'none'; img-src 'self'; style-src 'self'; \
script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
frame-ancestors 'none'";

/// What anything else may: a drawing has a style of its own, and nothing in it runs.
const FILE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

const HTML: &str = "text/html; charset=utf-8";

/// Why a request has no answer.
#[derive(Debug)]
pub(super) enum ErrorResponse {
    /// The address says something that it cannot; the sentence says what.
    BadRequest(String),
    /// There is no such thing; the sentence says what.
    NotFound(String),
    /// Another method than `GET` or `HEAD`.
    MethodNotAllowed,
    /// The store did not answer; its own words.
    Store(String),
    /// A fault of ours.
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
    /// Status, title and sentence.
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

    /// The fault's own words.
    pub(super) fn detail(&self) -> Option<String> {
        match self {
            Self::Store(error) | Self::Internal(error) => Some(error.clone()),
            _ => None,
        }
    }

    pub(super) fn with_headers(&self, mut response: Response<Body>) -> Response<Body> {
        if matches!(self, Self::MethodNotAllowed) {
            set(&mut response, ALLOW, "GET, HEAD");
        }
        response
    }
}

/// The chart of a day, or why there is none.
pub(super) fn drawing(content: &Content, view: &View, w: &Words) -> Result<Drawing, ErrorResponse> {
    match &content.csv {
        Stored::Failed(why) => Err(ErrorResponse::Store(why.clone())),
        Stored::Large => Err(ErrorResponse::NotFound(w.csv_large.to_owned())),
        _ => content
            .drawing(view)
            .ok_or_else(|| ErrorResponse::NotFound(w.not_found_file.to_owned())),
    }
}

/// A page.
pub(super) fn page(html: String) -> Response<Body> {
    page_of(StatusCode::OK, html)
}

/// A page with a status.
pub(super) fn page_of(status: StatusCode, html: String) -> Response<Body> {
    let mut response = bytes(status, HTML, Bytes::from(html));
    set(&mut response, CONTENT_SECURITY_POLICY, PAGE_POLICY);
    set(&mut response, CACHE_CONTROL, "no-store");
    response
}

/// The answer where not even the page of a fault could be made.
pub(super) fn broken(error: &askama::Error) -> Response<Body> {
    let text = format!("The page could not be made: {error}\n");
    let mut response =
        bytes(StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", text.into());
    set(&mut response, CACHE_CONTROL, "no-store");
    response
}

/// A fault in one sentence and without a page: it tells nobody what is kept here.
pub(super) fn plain(error: &ErrorResponse, w: &Words) -> Response<Body> {
    let (status, _, sentence) = error.status_and_text(w);
    let mut response = bytes(status, "text/plain; charset=utf-8", format!("{sentence}\n").into());
    set(&mut response, CACHE_CONTROL, "no-store");
    error.with_headers(response)
}

/// What a page is dressed with. Under its own tag it never changes.
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

/// What was made on request, and need not be sent again while it is the same.
pub(super) fn made(content_type: &str, made: Vec<u8>, known: Option<&str>) -> Response<Body> {
    let etag = format!("\"{}\"", hex(&Sha256::digest(&made)[..8]));
    let mut response = if matches(known, &etag) {
        not_modified()
    } else {
        bytes(StatusCode::OK, content_type, made.into())
    };
    set(&mut response, CACHE_CONTROL, "private, no-cache");
    set(&mut response, ETAG, &etag);
    response
}

/// Data for the page's script.
pub(super) fn json(json: Vec<u8>) -> Response<Body> {
    let mut response = bytes(StatusCode::OK, "application/json", json.into());
    set(&mut response, CACHE_CONTROL, "no-store");
    response
}

/// A file to be kept. Its name is made of a server's name and a date, which need no quoting.
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
pub(super) fn stored(opened: Opened) -> Body {
    Body::Reader(opened.reader, Some(opened.size))
}

/// To another page. The path is ours.
pub(super) fn see_other(to: &str) -> Response<Body> {
    let mut response = bytes(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", Bytes::new());
    set(&mut response, LOCATION, to);
    set(&mut response, CACHE_CONTROL, "no-store");
    response
}

/// With a cookie, which scripts need not see.
pub(super) fn with_cookie(mut response: Response<Body>, cookie: &str) -> Response<Body> {
    set(&mut response, SET_COOKIE, cookie);
    response
}

/// The same without a body; its length is still told.
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

/// Every value is ASCII of ours; one that is not is left out rather than sent in part.
fn set(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Whether an `If-None-Match` names that tag (RFC 9110 §13.1.2).
fn matches(known: Option<&str>, etag: &str) -> bool {
    let same = |tag: &str| {
        let tag = tag.trim();
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag
    };
    known.is_some_and(|known| known.split(',').any(same))
}
