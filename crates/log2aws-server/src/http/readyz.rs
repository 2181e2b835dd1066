//! `/-/readyz`: whether deliveries can be taken, and which background task is in trouble.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::Response;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use log2aws_store::DiskStore;

use super::client_ip_layer::sentence;
use super::router::App;

/// How long an answer of the disk is kept: nobody has to log in to ask.
const KEEP: Duration = Duration::from_secs(1);

/// Tries whether the store can be written to, once a second at most.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    last: Arc<Mutex<Option<(Instant, bool)>>>,
}

impl Probe {
    /// Whether it could within the last second. Whoever comes while the disk is tried waits for
    /// that answer. Blocks.
    fn check(last: &Mutex<Option<(Instant, bool)>>, write: impl FnOnce() -> bool) -> bool {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, writable)) = *last
            && at.elapsed() < KEEP
        {
            return writable;
        }
        let writable = write();
        *last = Some((Instant::now(), writable));
        writable
    }
}

/// Ready as long as the store can be written to and no shutdown has begun. A background task in
/// trouble is named, and does not make the server unready: deliveries are still taken and kept,
/// and a load balancer that turned them away would only lose them.
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Response {
    let not_ready = |reason| {
        let mut response = sentence(StatusCode::SERVICE_UNAVAILABLE, reason);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
        response
    };
    if app.callers.is_stopping() {
        return not_ready("shutting down");
    }
    let (store, last) = (app.store.clone(), app.probe.last.clone());
    let write = move || match write(&store) {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(error = &*error, "the store cannot be written to");
            false
        }
    };
    match tokio::task::spawn_blocking(move || Probe::check(&last, write)).await {
        Ok(true) => {
            let mut lines = vec!["ready".to_owned()];
            lines.extend(app.tasks.troubles());
            sentence(StatusCode::OK, &lines.join("\n"))
        }
        Ok(false) | Err(_) => not_ready("the store cannot be written to"),
    }
}

/// Writes a few bytes that are never committed.
fn write(store: &DiskStore) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let bucket = store.buckets().first().ok_or("the store has no bucket")?.name.clone();
    let mut staged = store.stage(&bucket, &"readyz".parse()?)?;
    std::io::Write::write_all(&mut staged, b"readyz")?;
    std::io::Write::flush(&mut staged)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_is_tried_once_a_second() {
        let probe = Probe::default();
        assert!(!Probe::check(&probe.last, || false));
        assert!(!Probe::check(&probe.last, || panic!("it was tried again")));
        let before = Instant::now().checked_sub(KEEP).unwrap();
        *probe.last.lock().unwrap() = Some((before, false));
        assert!(Probe::check(&probe.last, || true));
    }
}
