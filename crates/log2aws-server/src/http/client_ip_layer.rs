//! What stands before every path of a server: who calls is found out, and what was answered counted.

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
use log2aws_service::http::{ClientIp, SOURCE_HEADER};

use super::accept::Peer;
use super::client_ip::{UnknownClientIp, caller};

/// Told the status of every answer.
pub(crate) type Count = Box<dyn Fn(StatusCode) + Send + Sync>;

/// Who may speak for whom, and whether the server still wants callers.
pub(crate) struct ClientIpLayer {
    trusted_proxies: Vec<IpNet>,
    count: Count,
    /// Set when the shutdown begins.
    stopping: AtomicBool,
}

impl ClientIpLayer {
    /// ClientIpLayer by way of `trusted_proxies`, or without one.
    pub(crate) fn new(trusted_proxies: Vec<IpNet>, count: Count) -> Arc<Self> {
        Arc::new(Self { trusted_proxies, count, stopping: AtomicBool::new(false) })
    }

    /// From now on each answer ends its connection.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the shutdown has begun.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Puts itself before all paths of `router`.
    pub(crate) fn before(self: &Arc<Self>, router: Router) -> Router {
        router.layer(from_fn_with_state(self.clone(), known))
    }
}

async fn known(
    State(callers): State<Arc<ClientIpLayer>>,
    mut request: Request<Body>,
    next: Next,
) -> Response {
    let Some(Peer(peer)) = request.extensions().get::<Peer>().copied() else {
        tracing::error!("a request came without its connection's address");
        return sentence(StatusCode::INTERNAL_SERVER_ERROR, "the caller's address is not known");
    };
    let mut response = match caller(peer.ip(), request.headers(), &callers.trusted_proxies) {
        Ok(source) => {
            request.extensions_mut().insert(ClientIp(source));
            with_source(next.run(request).await, source)
        }
        Err(error) => {
            tracing::warn!(proxy = %peer.ip(), %error, "refused a request");
            let answer = match error {
                UnknownClientIp::Unreadable => {
                    sentence(StatusCode::BAD_REQUEST, "the proxy's X-Forwarded-For cannot be read")
                }
                UnknownClientIp::UnnamedProxy => {
                    sentence(StatusCode::FORBIDDEN, "the proxy in between is not trusted here")
                }
            };
            with_source(answer, peer.ip().to_canonical())
        }
    };
    (callers.count)(response.status());
    if callers.is_stopping() {
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

/// An answer of one sentence.
pub(crate) fn sentence(status: StatusCode, text: &str) -> Response {
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    (status, headers, format!("{text}\n")).into_response()
}
