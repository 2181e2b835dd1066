//! Connections: accepting them, bounding them, and ending them gracefully.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::middleware::map_response;
use axum::response::Response;
use http::HeaderValue;
use http::header::STRICT_TRANSPORT_SECURITY;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt;

use super::lingering_stream::LingeringStream;
use super::timeout_body::{BodyOutcome, TimeoutBody};
use crate::http::tls::Tls;

/// How long connections are waited for, and how many there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For a request's head, and for the next request on a kept connection.
    pub(crate) head: Duration,
    /// For the next piece of a body, and for a peer that takes no more of an answer.
    pub(crate) stall: Duration,
    /// For running requests after the shutdown began.
    pub(crate) drain: Duration,
    /// Connections at once; more wait in the listener's queue.
    pub(crate) connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            stall: Duration::from_mins(1),
            drain: Duration::from_secs(30),
            connections: connections_for(rustix::process::getrlimit(
                rustix::process::Resource::Nofile,
            )),
        }
    }
}

/// Each connection may hold its socket and two files; some files are the store's and the threads'.
fn connections_for(files: rustix::process::Rlimit) -> usize {
    let files = files.current.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
    (files.saturating_sub(128) / 3).clamp(16, 2048)
}

/// The address at the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Tells browsers to come back over TLS alone, for a year.
async fn https_alone(mut response: Response) -> Response {
    let year = HeaderValue::from_static("max-age=31536000");
    response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, year);
    response
}

/// Serves `router` on `listener`, by TLS where there is any, until `shutdown`, then lets running requests end. Those that take
/// longer than `limits.drain` are cut off.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    tls: Option<Arc<Tls>>,
    shutdown: impl Future<Output = ()>,
) {
    let router = if tls.is_some() { router.layer(map_response(https_alone)) } else { router };
    let (stop, stopping) = watch::channel(());
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(limits.connections));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let next = async {
            // The semaphore is never closed.
            let place = room.clone().acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Answers are small and whole: waiting for more of them would only delay them.
                let _ = stream.set_nodelay(true);
                let (watcher, router, tls) = (graceful.watcher(), router.clone(), tls.clone());
                let mut stopping = stopping.clone();
                tokio::spawn(async move {
                    // A connection's end is its peer's affair: there is nobody to tell.
                    if let Some(tls) = tls {
                        let hands = tls.accept(stream, limits.stall);
                        let shaken = tokio::select! {
                            shaken = tokio::time::timeout(limits.head, hands) => shaken,
                            _ = stopping.changed() => return,
                        };
                        if let Ok(Ok(stream)) = shaken {
                            let _ = watcher.watch(connection(stream, peer, router, limits)).await;
                        }
                    } else {
                        let socket = LingeringStream::new(stream, limits.stall);
                        let _ = watcher.watch(connection(socket, peer, router, limits)).await;
                    }
                    drop(place);
                });
            }
            Err(error) => {
                // Mostly "too many open files": wait for some to be closed, and do not spin.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    stop.send_replace(());
    let ended = tokio::time::timeout(limits.drain, graceful.shutdown()).await;
    if ended.is_err() {
        let connections = limits.connections - room.available_permits();
        tracing::warn!(connections, "requests that did not end in time are cut off");
    }
}

fn connection<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    stream: S,
    peer: SocketAddr,
    router: Router,
    limits: Limits,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + Send + use<S> {
    let service = hyper::service::service_fn(move |request: http::Request<Incoming>| {
        let (mut parts, body) = request.into_parts();
        let end = BodyOutcome::default();
        parts.extensions.insert(Peer(peer));
        parts.extensions.insert(end.clone());
        let body = Body::new(TimeoutBody::new(body, limits.stall, end));
        router.clone().oneshot(http::Request::from_parts(parts, body))
    });
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), service)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[test]
    fn connections_leave_files_for_the_rest() {
        let of = |current| connections_for(rustix::process::Rlimit { current, maximum: None });
        assert_eq!(of(Some(1024)), 298);
        assert_eq!(of(Some(64)), 16);
        assert_eq!(of(None), 2048);
    }

    /// A server of one handler, with limits that a test can wait for.
    async fn server(connections: usize) -> SocketAddr {
        let short = Duration::from_millis(150);
        let limits = Limits { head: short, stall: short, drain: short, connections };
        let router = Router::new()
            .route("/echo", axum::routing::any(|body: axum::body::Bytes| async { body }))
            .route("/endless", axum::routing::any(|| async { vec![b'x'; 64 << 20] }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, router, limits, None, std::future::pending()));
        address
    }

    /// Connects, sends `bytes`, then nothing more, and reads to the end.
    async fn answer(address: SocketAddr, bytes: &[u8]) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        tokio::time::timeout(Duration::from_secs(5), read).await.unwrap().unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn a_head_or_body_that_never_ends_is_given_up() {
        let address = server(8).await;
        assert_eq!(answer(address, b"").await, "");
        assert_eq!(answer(address, b"GET /echo HTTP/1.1\r\nhost: x\r\n").await, "");
        let body = b"PUT /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf";
        let stalled = answer(address, body).await;
        assert!(stalled.starts_with("HTTP/1.1 400"), "{stalled}");
        // A kept connection ends when no next request comes, after its first was served.
        let served = answer(address, b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(served.starts_with("HTTP/1.1 200"), "{served}");
    }

    #[tokio::test]
    async fn a_peer_that_takes_no_answer_makes_room_for_the_next() {
        use tokio::io::AsyncWriteExt;
        let address = server(1).await;
        let mut deaf = TcpStream::connect(address).await.unwrap();
        deaf.write_all(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let request = b"GET /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        assert!(answer(address, request).await.starts_with("HTTP/1.1 200"));
    }
}
