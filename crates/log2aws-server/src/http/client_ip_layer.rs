//! The layer before all paths of a server: determines the client, and counts responses.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode};
use ipnet::IpNet;
use log2aws_service::http::{ClientIp, RefusalLog, SOURCE_HEADER};

use super::accept::Peer;
use super::client_ip::{UnknownClientIp, caller};
use super::connections::ConnectionHandle;
use crate::audit::{AuditRecord, RefusalReason};

/// Called with the status of every response.
pub(crate) type Count = Box<dyn Fn(StatusCode) + Send + Sync>;

/// Determines the client of each request, before any handler.
pub(crate) struct ClientIpLayer {
    trusted_proxies: Vec<IpNet>,
    count: Count,
    refusals: Arc<RefusalLog>,
    /// Set at the start of the shutdown.
    stopping: AtomicBool,
}

impl ClientIpLayer {
    /// A layer that trusts `trusted_proxies`.
    pub(crate) fn new(
        trusted_proxies: Vec<IpNet>,
        count: Count,
        refusals: Arc<RefusalLog>,
    ) -> Arc<Self> {
        Arc::new(Self { trusted_proxies, count, refusals, stopping: AtomicBool::new(false) })
    }

    /// From now on each response closes its connection.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the shutdown has begun.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Adds itself before all paths of `router`.
    pub(crate) fn before(self: &Arc<Self>, router: Router) -> Router {
        router.layer(from_fn_with_state(self.clone(), known))
    }

    fn refuse(&self, peer: IpAddr, error: UnknownClientIp) -> Response {
        let kind = match error {
            UnknownClientIp::Missing => "no-forwarded-for",
            UnknownClientIp::Unreadable => "bad-forwarded-for",
            UnknownClientIp::UnnamedProxy => "unnamed-proxy",
        };
        if self.refusals.admits(peer, kind) {
            tracing::warn!(proxy = %peer, kind, %error, "refused a request");
        }
        let mut response = match error {
            UnknownClientIp::Missing => sentence(
                StatusCode::BAD_REQUEST,
                "the proxy in between does not say who asks: it must set the X-Forwarded-For header",
            ),
            UnknownClientIp::Unreadable => {
                sentence(StatusCode::BAD_REQUEST, "the proxy's X-Forwarded-For cannot be read")
            }
            UnknownClientIp::UnnamedProxy => {
                sentence(StatusCode::FORBIDDEN, "the proxy in between is not trusted here")
            }
        };
        response.extensions_mut().insert(RefusalReason(kind.into()));
        response
    }
}

async fn known(
    State(layer): State<Arc<ClientIpLayer>>,
    mut request: Request<Body>,
    next: Next,
) -> Response {
    let Some(Peer(peer)) = request.extensions().get::<Peer>().copied() else {
        tracing::error!("a request came without its connection's address");
        return sentence(StatusCode::INTERNAL_SERVER_ERROR, "the caller's address is not known");
    };
    let peer = peer.ip().to_canonical();
    let source = match caller(peer, request.headers(), &layer.trusted_proxies) {
        // Health checks of a load balancer itself, and the metrics, which need a token.
        Err(UnknownClientIp::Missing) if request.uri().path().starts_with("/-/") => Ok(peer),
        source => source,
    };
    if let Some(record) = request.extensions().get::<AuditRecord>() {
        record.set_client_ip(*source.as_ref().unwrap_or(&peer));
    }
    let mut response = match source {
        Ok(source) => {
            if source != peer
                && let Some(connection) = request.extensions().get::<ConnectionHandle>()
            {
                connection.attribute(source);
            }
            request.extensions_mut().insert(ClientIp(source));
            with_source(next.run(request).await, source)
        }
        Err(error) => with_source(layer.refuse(peer, error), peer),
    };
    (layer.count)(response.status());
    if layer.is_stopping() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn with_source(mut response: Response, source: IpAddr) -> Response {
    if let Ok(value) = HeaderValue::try_from(source.to_string()) {
        response.headers_mut().insert(SOURCE_HEADER, value);
    }
    response
}

/// The process is up.
pub(crate) async fn healthz() -> Response {
    sentence(StatusCode::OK, "ok")
}

/// A response of one sentence.
pub(crate) fn sentence(status: StatusCode, text: &str) -> Response {
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    (status, headers, format!("{text}\n")).into_response()
}
