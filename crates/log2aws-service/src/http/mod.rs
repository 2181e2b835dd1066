//! generate-url: the HTTP handler that gives a server the URL for uploading a day log.
//!
//! One router serves Lambda and `serve`. It works on any runtime, and gets the caller's address as
//! [`ClientIp`], because only the surrounding server knows it.

mod accept;
mod day_rules;
mod limits;
mod problem;
mod refusal_log;
mod request;
mod small_body;
mod store_name;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::any;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response};
use jiff::{SignedDuration, Timestamp};
use log2aws_core::allow_list::Refusal;
use log2aws_core::day::Day;
use log2aws_core::key::{BucketName, ObjectKey, RawKey};
use log2aws_core::server_name::ServerName;
use serde::Serialize;

use crate::ports::{
    Clock, ObjectReader, PresignedPut, PutRequest, SettingsSource, SignError, Signer,
};

pub use day_rules::{
    DEFAULT_DAYS_AHEAD, DEFAULT_DAYS_BACK, DEFAULT_FINAL_AFTER_DAYS, DayCheck, DayRules, OldDay,
};
pub use limits::{NewServers, NewServersAnswer, UrlLimits};
pub use problem::{Problem, ProblemCode};
pub use refusal_log::{RefusalLog, network_of};
use request::UrlRequestHead;
pub use request::{MAX_PUT_BYTES, MAX_REQUEST_BYTES, ParameterError, PutBody};
pub use small_body::{SmallBodyError, read_small_body};
pub use store_name::{STORE_HEADER, StoreId, StoreIdError, insert_store_name};

/// How long a URL is valid, in seconds.
pub const URL_LIFE_SECONDS: u32 = 300;

/// The response header with the caller's address as we see it.
pub const SOURCE_HEADER: HeaderName = HeaderName::from_static("log2aws-source");

/// The dependencies of generate-url.
#[derive(Clone)]
pub struct UrlApp {
    /// Signs the URLs.
    pub signer: Arc<dyn Signer>,
    /// The allow-list and the bucket.
    pub settings: Arc<dyn SettingsSource>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The accepted days.
    pub days: DayRules,
    /// Reads from the analyzed bucket whether a day is final.
    pub objects: Arc<dyn ObjectReader>,
    /// Limits of requests.
    pub limits: UrlLimits,
    /// Distinguishes the store from others whose buckets have the same name.
    pub store_id: StoreId,
}

impl fmt::Debug for UrlApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UrlApp").finish_non_exhaustive()
    }
}

/// The caller's address. The surrounding server adds it as a request extension: API Gateway's
/// source address, the socket's, or the one from a trusted proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientIp(pub IpAddr);

/// `GET /` and `POST /`; other methods are a 405, other paths a 404.
///
/// A server with more paths calls this router as a service for these.
pub fn router(app: UrlApp) -> Router {
    Router::new().route("/", any(at_root)).fallback(not_found).with_state(app)
}

/// The response to a request that did not arrive in time: 408.
///
/// `headers` are those of the request, for content negotiation.
pub fn request_timeout(
    headers: &HeaderMap,
    caller: ClientIp,
    refusals: &RefusalLog,
) -> Response<Body> {
    Problem::SlowBody.answer(headers, Some(caller), Some(refusals), &UrlSubject::default())
}

/// The response to a request over the rate limit: 429.
///
/// `headers` are those of the request, for content negotiation.
pub fn too_many_requests(
    headers: &HeaderMap,
    caller: ClientIp,
    retry_after_seconds: u32,
    refusals: &RefusalLog,
) -> Response<Body> {
    let problem = Problem::TooManyRequests { retry_after_seconds };
    problem.answer(headers, Some(caller), Some(refusals), &UrlSubject::default())
}

/// Which log a request for a URL was about, as far as it was read: an extension of the answer, for
/// an audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UrlSubject {
    /// Whose log.
    pub server: Option<ServerName>,
    /// Of which day.
    pub day: Option<Day>,
    /// The length that the URL is bound to, in bytes.
    pub bytes: Option<u64>,
    /// For which bucket the URL was given; `None` if none was.
    pub bucket: Option<BucketName>,
    /// For which key.
    pub key: Option<ObjectKey>,
}

impl UrlSubject {
    /// Whether the request was about the reserved server, which no metric counts.
    pub fn is_of_check(&self) -> bool {
        self.server.as_ref().is_some_and(ServerName::is_check)
    }
}

async fn at_root(State(app): State<UrlApp>, request: Request<Body>) -> Response<Body> {
    let headers = request.headers().clone();
    let caller = request.extensions().get::<ClientIp>().copied();
    let mut subject = UrlSubject::default();
    let mut response = match issue_url(&app, caller, request, &mut subject).await {
        Ok(url) => url.answer(&headers),
        Err(problem) => problem.answer(&headers, caller, app.limits.refusals.as_deref(), &subject),
    };
    response.extensions_mut().insert(subject);
    app.with_store_name(response)
}

async fn not_found(State(app): State<UrlApp>, request: Request<Body>) -> Response<Body> {
    let caller = request.extensions().get::<ClientIp>().copied();
    let refusals = app.limits.refusals.as_deref();
    let subject = UrlSubject::default();
    let response = Problem::NoSuchPath.answer(request.headers(), caller, refusals, &subject);
    app.with_store_name(response)
}

impl UrlApp {
    /// Without settings the bucket is unknown, and so is the store.
    fn with_store_name(&self, mut response: Response<Body>) -> Response<Body> {
        if let Ok(settings) = self.settings.current() {
            insert_store_name(response.headers_mut(), &settings.raw_bucket, &self.store_id);
        }
        response
    }
}

/// An issued URL, and its recipient.
struct IssuedUrl {
    caller: ClientIp,
    key: RawKey,
    put: PresignedPut,
    expires_at: Timestamp,
}

async fn issue_url(
    app: &UrlApp,
    caller: Option<ClientIp>,
    request: Request<Body>,
    subject: &mut UrlSubject,
) -> Result<IssuedUrl, Problem> {
    if !matches!(*request.method(), Method::GET | Method::POST) {
        return Err(Problem::Method);
    }
    let caller = caller.ok_or(Problem::NoCaller)?;
    let settings = app.settings.current()?;
    let (parts, body) = request.into_parts();
    let head = UrlRequestHead::read(&parts);
    subject.server = head.as_ref().ok().and_then(UrlRequestHead::server);
    subject.day = head.as_ref().ok().and_then(UrlRequestHead::day);
    // If no entry of the list contains the caller's address, nothing more is read.
    if !settings.allow_list.holds(caller.0) {
        let server = subject.server.clone();
        return Err(Problem::Refused { caller, server, refusal: Refusal::Address });
    }
    let asked = head?.read_body(body).await?;
    subject.server = Some(asked.server.clone());
    subject.day = Some(asked.day);
    subject.bytes = asked.body.as_ref().map(|body| body.size);
    settings.allow_list.check(caller.0, &asked.server).map_err(|refusal| Problem::Refused {
        caller,
        server: Some(asked.server.clone()),
        refusal,
    })?;
    let max = app.limits.max_log_size;
    if asked.body.as_ref().is_some_and(|body| body.size > max) {
        return Err(Problem::LongLog { max });
    }
    let now = app.clock.now();
    let key = RawKey::new(asked.server, asked.day, settings.key_prefix);
    let days = DayCheck {
        rules: &app.days,
        objects: &*app.objects,
        analyzed_bucket: &settings.analyzed_bucket,
    };
    days.check(&key, asked.body.as_ref(), now).await?;
    // SigV4 counts whole seconds, so `expires_at` must not include a fraction.
    let at = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let expires_at = at
        .checked_add(SignedDuration::from_secs(URL_LIFE_SECONDS.into()))
        .map_err(|error| SignError { reason: format!("the clock is at {at}: {error}") })?;
    if let Some(new_servers) = &app.limits.new_servers {
        let checked = new_servers.check(&key).await;
        checked.map_err(|retry_after_seconds| Problem::TooManyNewServers {
            server: key.server.clone(),
            retry_after_seconds,
        })?;
    }
    let put = app.signer.presign_put(&PutRequest {
        bucket: settings.raw_bucket.clone(),
        key: key.object_key(),
        expires_in: URL_LIFE_SECONDS,
        at,
        size: asked.body.as_ref().map(|body| body.size),
        sha256: asked.body.as_ref().map(|body| body.sha256),
    })?;
    subject.bucket = Some(settings.raw_bucket.clone());
    subject.key = Some(key.object_key());
    tracing::info!(
        source = %caller.0.to_canonical(),
        key = %key.object_key(),
        bound = asked.body.is_some(),
        bytes = subject.bytes,
        "gave a URL"
    );
    Ok(IssuedUrl { caller, key, put, expires_at })
}

/// The JSON form of the response. Contains the URL, so it has no `Debug`.
#[derive(Serialize)]
struct IssuedUrlJson<'a> {
    url: &'a str,
    method: &'static str,
    headers: BTreeMap<&'a str, &'a str>,
    key: String,
    expires_at: String,
}

impl IssuedUrl {
    fn answer(&self, headers: &HeaderMap) -> Response<Body> {
        let url = self.put.expose_url();
        let signed = self.put.headers().iter().map(|(name, value)| (*name, value.as_str()));
        let json = || {
            serde_json::to_vec(&IssuedUrlJson {
                url,
                method: "PUT",
                headers: signed.collect(),
                key: self.key.object_key().to_string(),
                expires_at: self.expires_at.to_string(),
            })
        };
        let (content_type, body) = if accept::json(headers) {
            match json() {
                Ok(body) => ("application/json", body),
                Err(error) => {
                    let reason = format!("the answer cannot be written as JSON: {error}");
                    return Problem::from(SignError { reason }).answer(
                        headers,
                        Some(self.caller),
                        None,
                        &UrlSubject::default(),
                    );
                }
            }
        } else {
            ("text/plain", url.as_bytes().to_vec())
        };
        let mut response = Response::new(Body::from(body));
        let out = response.headers_mut();
        out.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        out.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        tell_source(out, self.caller);
        response
    }
}

/// An IPv4-mapped address is reported as IPv4, which is what the allow-list compares.
fn tell_source(headers: &mut HeaderMap, caller: ClientIp) {
    let shown = caller.0.to_canonical().to_string();
    if let Ok(value) = HeaderValue::from_str(&shown) {
        headers.insert(SOURCE_HEADER, value);
    }
}
