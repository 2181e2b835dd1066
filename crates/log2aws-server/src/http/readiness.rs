//! `/-/readyz`: whether deliveries can be accepted (the store is writable, and has space), and
//! which background tasks are failing.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use log2aws_store::DiskStore;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::client_ip_layer::sentence;
use super::router::App;
use crate::s3::uploads::Uploads;

/// How long a result is reused: each check creates and removes a file, and anybody may request it.
const FRESH: Duration = Duration::from_secs(1);

/// The last result, and what is needed for the next.
pub(crate) struct Readiness {
    store: DiskStore,
    uploads: Arc<Uploads>,
    last: Mutex<Option<(Instant, Answer)>>,
}

/// Whether deliveries can be accepted, or why not in one sentence.
type Answer = Result<(), &'static str>;

impl Readiness {
    /// For a store on the disk of `uploads`.
    pub(crate) fn new(store: DiskStore, uploads: Arc<Uploads>) -> Self {
        Self { store, uploads, last: Mutex::default() }
    }

    /// The result, at most a second old. Concurrent callers share one check.
    ///
    /// # Errors
    /// Why deliveries cannot be accepted.
    pub(crate) async fn check(&self) -> Answer {
        const FAILED: &str = "the store cannot be written to";
        let mut last = self.last.lock().await;
        if let Some((_, answer)) = last.filter(|(at, _)| at.elapsed() < FRESH) {
            return answer;
        }
        let (store, uploads) = (self.store.clone(), self.uploads.clone());
        let probed = tokio::task::spawn_blocking(move || {
            probe(&store)?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(uploads.space.has(1)?)
        });
        let answer = match probed.await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err("the disk is nearly full: no uploads are taken"),
            Ok(Err(error)) => {
                tracing::error!(error = &*error, "{FAILED}");
                Err(FAILED)
            }
            Err(_) => Err(FAILED),
        };
        *last = Some((Instant::now(), answer));
        answer
    }
}

/// Ready while deliveries can be accepted and no shutdown has started. A failing background task is
/// reported, and does not make the server unready: deliveries are still accepted and kept, and a
/// load balancer that removed the server would only lose them.
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Response {
    let not_ready = |reason| {
        let mut response = sentence(StatusCode::SERVICE_UNAVAILABLE, reason);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
        response
    };
    if app.client_ip_layer.is_stopping() {
        return not_ready("shutting down");
    }
    match app.readiness.check().await {
        Ok(()) => {
            let mut lines = vec!["ready".to_owned()];
            lines.extend(app.tasks.troubles());
            // Not a task's notice: a task may itself wait for the disk.
            lines.extend(app.audit.log.trouble().map(|trouble| format!("audit: {trouble}")));
            sentence(StatusCode::OK, &lines.join("\n"))
        }
        Err(reason) => not_ready(reason),
    }
}

/// Writes a few bytes that are never committed.
fn probe(store: &DiskStore) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let bucket = store.buckets().first().ok_or("the store has no bucket")?.name.clone();
    let mut staged = store.stage(&bucket, &"readyz".parse()?)?;
    std::io::Write::write_all(&mut staged, b"readyz")?;
    std::io::Write::flush(&mut staged)?;
    Ok(())
}
