//! The layer in front of all paths. Begins the record of each request that is an event.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::Request;

use super::classify::{KnownKeys, classify};
use super::{AuditLog, AuditRecord};

/// Records requests in an audit log.
pub(crate) struct AuditLayer {
    pub(crate) log: Arc<AuditLog>,
    keys: KnownKeys,
}

impl AuditLayer {
    /// A layer that knows the operator's access key and the key that signs URLs.
    pub(crate) fn new(log: Arc<AuditLog>, operator: &str, signing: &str) -> Arc<Self> {
        let keys = KnownKeys { operator: operator.to_owned(), signing: signing.to_owned() };
        Arc::new(Self { log, keys })
    }

    /// Adds itself in front of all paths of `router`.
    pub(crate) fn before(self: Arc<Self>, router: Router) -> Router {
        router.layer(from_fn_with_state(self, audited))
    }
}

async fn audited(
    State(layer): State<Arc<AuditLayer>>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let Some(event) = classify(&parts, &layer.keys, layer.log.now()) else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    let record = AuditRecord::new(layer.log.clone(), event);
    parts.extensions.insert(record.clone());
    record.answered(next.run(Request::from_parts(parts, body)).await)
}
