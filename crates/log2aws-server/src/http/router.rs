//! Routes each request to its handler.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use log2aws_service::http::{
    ClientIp, RefusalLog, StoreId, UrlSubject, insert_store_name, request_timeout,
    too_many_requests,
};
use log2aws_service::ports::SettingsSource;
use s3s::s3_error;
use s3s::service::S3Service;
use subtle::ConstantTimeEq;
use tower::ServiceExt;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

use super::client_ip_layer::{ClientIpLayer, healthz, sentence};
use super::rate_limit::RateLimit;
use super::readiness::{Readiness, readyz};
use crate::audit::layer::AuditLayer;
use crate::audit::{RefusalReason, redacted};
use crate::background::TaskBoard;
use crate::background::unreadable_objects::UnreadableObjects;
use crate::credentials::Token;
use crate::metrics::Metrics;
use crate::s3::access;
use crate::s3::put_checks::{RefusedBecause, check_address, is_of_check};
use crate::s3::response::RequestFacts;
use crate::ui::{self, AuthenticatedUi};

/// The total time limit for a URL request. It has a few hundred bytes: a client that sends them one
/// by one only uses up a connection.
const ASKING: Duration = Duration::from_secs(30);

/// The parts that answer requests.
pub(crate) struct App {
    pub(crate) urls: Router,
    pub(crate) s3: S3Service,
    pub(crate) readiness: Readiness,
    pub(crate) limit: RateLimit,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) tasks: TaskBoard,
    pub(crate) unreadable: UnreadableObjects,
    pub(crate) token: Token,
    pub(crate) client_ip_layer: Arc<ClientIpLayer>,
    pub(crate) audit: Arc<AuditLayer>,
    pub(crate) ui: Arc<AuthenticatedUi>,
    pub(crate) settings: Arc<dyn SettingsSource>,
    pub(crate) store_id: StoreId,
    /// The access key that signs URLs.
    pub(crate) signing: String,
    pub(crate) refusals: Arc<RefusalLog>,
}

/// All paths of `serve`.
pub(crate) fn router(app: Arc<App>) -> Router {
    let (client_ip_layer, ui) = (app.client_ip_layer.clone(), app.ui.clone());
    let audit = app.audit.clone();
    let ours = Router::new()
        .route("/", any(root))
        .route("/-/healthz", get(healthz))
        .route("/-/readyz", get(readyz))
        .route("/-/metrics", get(metrics))
        .fallback(bucket)
        .with_state(app);
    audit.before(client_ip_layer.before(ours.merge(ui.router())))
}

/// `/`: gives out URLs. But a signed request is S3's `ListBuckets`, and a browser is redirected to
/// the dashboard.
async fn root(State(app): State<Arc<App>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    if access::is_signed(&parts) {
        return bucket(State(app), Request::from_parts(parts, body)).await;
    }
    if ui::is_a_visit(&parts) {
        return ui::see_other(ui::HOME);
    }
    let Some(who) = parts.extensions.get::<ClientIp>().copied() else {
        return sentence(StatusCode::INTERNAL_SERVER_ERROR, "the caller's address is not known");
    };
    let mut response = if let Err(wait) = app.limit.check(who.0) {
        let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
        too_many_requests(&parts.headers, who, seconds, &app.refusals)
    } else {
        let request = Request::from_parts(parts, body);
        ask(&app.urls, &app.refusals, request, who, ASKING).await
    };
    // The router's own answers have it already.
    if let Ok(settings) = app.settings.current() {
        insert_store_name(response.headers_mut(), &settings.raw_bucket, &app.store_id);
    }
    if !response.extensions().get::<UrlSubject>().is_some_and(UrlSubject::is_of_check) {
        app.metrics.count_url(response.status());
    }
    response
}

/// Calls the handler, which reads the body, with a timeout.
async fn ask(
    urls: &Router,
    refusals: &RefusalLog,
    request: Request<Body>,
    who: ClientIp,
    patience: Duration,
) -> Response {
    let headers = request.headers().clone();
    let asking = urls.clone().oneshot(request);
    tokio::time::timeout(patience, asking)
        .await
        .map_or_else(|_| request_timeout(&headers, who, refusals), infallible)
}

/// Everything else: the S3 API.
async fn bucket(State(app): State<Arc<App>>, request: Request<Body>) -> Response {
    let (mut parts, body) = request.into_parts();
    let facts = RequestFacts::of(&parts);
    let who = parts.extensions.get::<ClientIp>().copied();
    let because = RefusedBecause::default();
    parts.extensions.insert(because.clone());
    let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
    let mut reason = None;
    let mut response = match app.check_head(&mut parts, who, &mut reason) {
        Ok(()) => app.serve_s3(parts, body, facts).await,
        Err(error) => refused(facts, error),
    };
    let status = response.status();
    let reason = reason.or_else(|| because.get());
    if let Some(reason) = reason {
        response.extensions_mut().insert(RefusalReason(reason.into()));
    }
    // 304, 404 and 412 are not refusals.
    if let (Some(ClientIp(source)), 400 | 403 | 408 | 409 | 413 | 429 | 507) =
        (who, status.as_u16())
    {
        let reason = reason.unwrap_or(match status.as_u16() {
            403 => "signature",
            507 => "space",
            _ => "request",
        });
        if app.refusals.admits(source, reason) {
            let status = status.as_u16();
            // Without the query, which contains the signature.
            let path = &*redacted(&path);
            tracing::warn!(%source, status, reason, %method, path, "refused a request to the S3 API");
        }
    }
    response
}

impl App {
    /// Checks everything that can be checked before the signature is computed.
    fn check_head(
        &self,
        parts: &mut Parts,
        who: Option<ClientIp>,
        reason: &mut Option<&'static str>,
    ) -> s3s::S3Result<()> {
        let unavailable = |_| s3_error!(ServiceUnavailable, "the settings are not available");
        let settings = self.settings.current().map_err(unavailable)?;
        let Some(ClientIp(source)) = who else {
            return Err(s3_error!(InternalError, "the caller's address is not known"));
        };
        if let Err(error) = check_address(parts, &self.signing, &settings.allow_list, source) {
            if !is_of_check(parts) {
                self.metrics.count_refused_put("address");
            }
            *reason = Some("address");
            return Err(error);
        }
        let place = access::check_signature_headers(parts)?;
        parts.extensions.insert(place);
        Ok(())
    }

    async fn serve_s3(&self, parts: Parts, body: Body, facts: RequestFacts) -> Response {
        let request = Request::from_parts(parts, s3s::Body::http_body_unsync(body));
        // s3s logs URLs and expected signatures, so it runs without a logger: a log filter could be
        // set wrong. Errors of the store are logged by the threads where they occur.
        if let Ok(response) = self.s3.call(request).with_subscriber(Dispatch::none()).await {
            return facts.finish(response);
        }
        tracing::error!("an answer of the S3 API could not be written");
        sentence(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be written")
    }
}

fn refused(facts: RequestFacts, error: s3s::S3Error) -> Response {
    match error.to_http_response() {
        Ok(response) => facts.finish(response),
        Err(_) => sentence(StatusCode::FORBIDDEN, "refused"),
    }
}

/// The metrics, for requests with the metrics token.
async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let shown = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
        .unwrap_or_default();
    if !bool::from(shown.ct_eq(app.token.expose().as_bytes())) {
        let mut response = sentence(
            StatusCode::UNAUTHORIZED,
            "show the token of the data folder's metrics-token file: Authorization: Bearer TOKEN",
        );
        response
            .headers_mut()
            .insert(http::header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return response;
    }
    match app.metrics.encode() {
        Ok(text) => {
            const FORM: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(CONTENT_TYPE, FORM), (CACHE_CONTROL, "no-store")], text).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written");
            sentence(StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written")
        }
    }
}

fn infallible(result: Result<Response, Infallible>) -> Response {
    match result {
        Ok(response) => response,
    }
}

#[cfg(test)]
mod tests {
    use log2aws_service::http::SOURCE_HEADER;

    use super::*;
    use crate::test_clock::FixedClock;

    #[tokio::test]
    async fn a_body_that_trickles_in_is_given_up() {
        let refusals = RefusalLog::new(Arc::new(FixedClock::EPOCH));
        let urls = Router::new().route("/", any(|body: axum::body::Bytes| async { body }));
        let trickle = futures_util::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Some((Ok::<_, Infallible>("x"), ()))
        });
        let request = Request::post("/").body(Body::from_stream(trickle)).unwrap();
        let who = ClientIp("203.0.113.9".parse().unwrap());
        let given_up = ask(&urls, &refusals, request, who, Duration::from_millis(50)).await;
        assert_eq!(given_up.status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(given_up.headers()[SOURCE_HEADER], "203.0.113.9");
        let request = Request::post("/").body(Body::from("x")).unwrap();
        let served = ask(&urls, &refusals, request, who, Duration::from_secs(20)).await;
        assert_eq!(served.status(), StatusCode::OK);
    }
}
