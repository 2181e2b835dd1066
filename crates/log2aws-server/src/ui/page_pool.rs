//! Renders pages on the blocking pool, with a limit on how many at once.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Request, StatusCode};
use tokio::sync::Semaphore;

use super::{PageBody, Pages, compress, sentence};
use crate::audit::RefusalReason;

/// How long a request waits for a free slot.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much of a streamed body is read at once, in bytes.
const PIECE: usize = 64 * 1024;

/// Limits the blocking threads that pages use. They are shared with the S3 API, which must not wait
/// behind many page views.
pub(crate) struct PagePool {
    pages: Arc<dyn Pages>,
    /// Slots for rendering pages.
    making: Arc<Semaphore>,
    /// Slots for reading chunks of downloads: a slow store must not delay pages.
    reading: Arc<Semaphore>,
}

impl PagePool {
    /// At most `at_once` pages are rendered at the same time.
    pub(crate) fn new(pages: Arc<dyn Pages>, at_once: usize) -> Self {
        let room = || Arc::new(Semaphore::new(at_once));
        Self { pages, making: room(), reading: room() }
    }

    /// Renders a page with `make`, and compresses it if the client accepts that.
    pub(crate) async fn ask(
        &self,
        request: Request<()>,
        make: impl FnOnce(&dyn Pages, &Request<()>) -> http::Response<PageBody> + Send + 'static,
    ) -> Response {
        let turn = tokio::time::timeout(PATIENCE, self.making.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            let mut overload =
                sentence(StatusCode::SERVICE_UNAVAILABLE, "too much is asked for at once");
            overload.extensions_mut().insert(RefusalReason("overload".into()));
            return overload;
        };
        let pages = self.pages.clone();
        let page = tokio::task::spawn_blocking(move || {
            // Held until the page is rendered, even if the request was cancelled.
            let _turn = turn;
            let mut request = request;
            let accepted = compress::is_accepted(request.headers());
            compress::strip_weak(request.headers_mut());
            compress::compress(make(&*pages, &request), accepted)
        });
        match page.await {
            Ok(response) => self.send(response),
            Err(error) => {
                tracing::error!(%error, "a page could not be made");
                sentence(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be made")
            }
        }
    }

    fn send(&self, response: http::Response<PageBody>) -> Response {
        let (mut parts, body) = response.into_parts();
        let body = match body {
            PageBody::Bytes(bytes) => Body::from(bytes),
            PageBody::Reader(reader, length) => {
                if let Some(length) = length {
                    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
                }
                pieces(reader, self.reading.clone())
            }
        };
        Response::from_parts(parts, body)
    }
}

/// A body that is read as the client receives it.
fn pieces(reader: Box<dyn Read + Send>, room: Arc<Semaphore>) -> Body {
    let state = Some((reader, room));
    Body::from_stream(futures_util::stream::unfold(state, |state| async move {
        let (reader, room) = state?;
        match piece(reader, room.clone()).await {
            Ok((bytes, _)) if bytes.is_empty() => None,
            Ok((bytes, reader)) => Some((Ok(bytes), Some((reader, room)))),
            // This aborts the connection: a truncated download must not look complete.
            Err(error) => {
                tracing::warn!(%error, "a download broke off");
                Some((Err(error), None))
            }
        }
    }))
}

type Chunk = io::Result<(Bytes, Box<dyn Read + Send>)>;

async fn piece(mut reader: Box<dyn Read + Send>, room: Arc<Semaphore>) -> Chunk {
    // The semaphore is never closed.
    let turn = room.acquire_owned().await.map_err(io::Error::other)?;
    let read = tokio::task::spawn_blocking(move || -> Chunk {
        let _turn = turn;
        let mut bytes = Vec::with_capacity(PIECE);
        reader.by_ref().take(PIECE as u64).read_to_end(&mut bytes)?;
        Ok((bytes.into(), reader))
    });
    read.await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::tests::Echo;

    /// A login answered so is no fault of the token's.
    #[tokio::test]
    async fn an_overload_is_named_as_the_reason() {
        let pool = PagePool::new(Arc::new(Echo), 1);
        // As after the wait: there is no turn.
        pool.making.close();
        let response = pool.ask(Request::new(()), |pages, request| pages.answer(request)).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        let reason = response.extensions().get::<RefusalReason>().map(|reason| &*reason.0);
        assert_eq!(reason, Some("overload"));
    }
}
