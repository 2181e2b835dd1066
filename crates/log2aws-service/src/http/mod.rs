//! generate-url: the HTTP handler that gives a server the URL for uploading a day log.
//!
//! One router serves Lambda and `serve`. It works on any runtime, and gets the caller's address as
//! [`ClientIp`], because only the surrounding server knows it.

mod accept;
mod day_rules;
mod issue;
mod limits;
mod problem;
mod refusal_log;
mod request;
mod small_body;
mod store_name;
mod url_keys;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::any;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response};
use log2aws_core::day::Day;
use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_core::server_name::ServerName;

use crate::ports::{Clock, ObjectReader, SettingsSource, Signer};

pub use day_rules::{
    DEFAULT_DAYS_AHEAD, DEFAULT_DAYS_BACK, DEFAULT_FINAL_AFTER_DAYS, DayCheck, DayRules, OldDay,
};
pub use limits::{NewServers, NewServersAnswer, UrlLimits};
pub use problem::{Problem, ProblemCode};
pub use refusal_log::{RefusalLog, network_of};
pub use request::{MAX_PUT_BYTES, MAX_REQUEST_BYTES, ParameterError, PutBody};
pub use small_body::{SmallBodyError, read_small_body};
pub use store_name::{STORE_HEADER, StoreId, StoreIdError, insert_store_name};
pub use url_keys::{REGISTRY_HOLD, Random, UrlKeys};

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
    /// The registered keys of servers.
    pub keys: Arc<UrlKeys>,
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
    let issued = issue::issue_url(&app, caller, request, &mut subject).await;
    let mut response = match issued.and_then(|url| url.answer(&headers)) {
        Ok(response) => response,
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

/// An IPv4-mapped address is reported as IPv4, which is what the allow-list compares.
fn tell_source(headers: &mut HeaderMap, caller: ClientIp) {
    let shown = caller.0.to_canonical().to_string();
    if let Ok(value) = HeaderValue::from_str(&shown) {
        headers.insert(SOURCE_HEADER, value);
    }
}
