//! Accepts, limits and gracefully ends connections.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
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
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::activity::Activity;
use super::connections::{Admission, ConnectionHandle, Connections, Place};
use super::lingering_stream::LingeringStream;
use super::timeout_body::{BodyLimits, BodyOutcome, TimeoutBody};
use crate::config::DoorLimits;
use crate::http::tls::Tls;
use crate::metrics::Metrics;

/// The largest request head, in bytes. The longest accepted query, and the headers that S3 allows,
/// are smaller.
const HEAD_BYTES: usize = 32 * 1024;

/// Timeouts and limits of connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For the first request's head, including the TLS handshake.
    pub(crate) first_head: Duration,
    /// For the next request's head on a persistent connection.
    pub(crate) head: Duration,
    /// For a peer that stops reading a response.
    pub(crate) stall: Duration,
    /// For request bodies.
    pub(crate) body: BodyLimits,
    /// For running requests after the start of the shutdown.
    pub(crate) drain: Duration,
    /// Concurrent connections.
    pub(crate) connections: usize,
}

impl Limits {
    /// The limits of a configuration, with no more connections than the limit of open files allows.
    pub(crate) fn new(door: &DoorLimits) -> Self {
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        let (wanted, possible) = (door.max_connections.get(), connections_for(files));
        if possible < wanted {
            tracing::warn!(
                wanted,
                possible,
                "the limit of open files allows fewer connections than --max-connections: raise it (systemd: LimitNOFILE, a shell: ulimit -n)"
            );
        }
        let stall = Duration::from_mins(1);
        Self {
            first_head: door.head_timeout,
            head: Duration::from_secs(30),
            stall,
            body: BodyLimits {
                stall,
                grace: Duration::from_secs(20),
                min_rate: door.min_body_rate,
                total: door.max_body_time,
            },
            drain: Duration::from_secs(30),
            connections: wanted.min(possible),
        }
    }
}

/// Each connection may use its socket and two files; some files are for the store and the threads.
fn connections_for(files: rustix::process::Rlimit) -> usize {
    let files = files.current.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
    (files.saturating_sub(128) / 3).max(16)
}

/// The address at the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// HSTS for a year: browsers must return over TLS only.
async fn https_alone(mut response: Response) -> Response {
    let year = HeaderValue::from_static("max-age=31536000");
    response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, year);
    response
}

/// The parts that serve connections.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) router: Router,
    pub(crate) limits: Limits,
    /// `None` means plain HTTP.
    pub(crate) tls: Option<Arc<Tls>>,
    /// Peers whose connections carry requests of many clients.
    pub(crate) trusted_proxies: Arc<[IpNet]>,
    pub(crate) metrics: Arc<Metrics>,
}

/// Serves on `listener` until `shutdown`, then waits for running requests to end. Returns the
/// connections whose requests take longer than [`Limits::drain`]: they are cut off when the set is
/// dropped or shut down.
pub(crate) async fn serve(
    listener: TcpListener,
    mut service: Service,
    shutdown: impl Future<Output = ()>,
) -> JoinSet<()> {
    if service.tls.is_some() {
        service.router = service.router.layer(map_response(https_alone));
    }
    let (stop, stopping) = watch::channel(());
    let graceful = GracefulShutdown::new();
    let connections = Connections::new(service.limits.connections);
    let mut running = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // A set keeps the memory of what has ended until it is taken out.
            Some(_) = running.join_next() => continue,
            () = &mut shutdown => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Mostly "too many open files": wait for some to be closed instead of spinning.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let place = tokio::select! {
            place = service.place(&connections, peer.ip()) => place,
            () = &mut shutdown => break,
        };
        // Responses are small and written whole: waiting for more data would only delay them. A
        // socket that refuses this option still works.
        stream.set_nodelay(true).unwrap_or_default();
        let (watcher, service, mut stopping) =
            (graceful.watcher(), service.clone(), stopping.clone());
        let stopped = stopping.clone();
        running.spawn(async move {
            let metrics = service.metrics.clone();
            metrics.connections.inc();
            let activity = place.activity.clone();
            let handle = place.handle();
            let first_head = service.limits.first_head;
            let serving = async {
                // Errors of a connection need no report.
                let Some(tls) = service.tls.clone() else {
                    let socket = service.linger(stream, &activity);
                    drop(watcher.watch(service.serve(socket, peer, &activity, handle)).await);
                    return;
                };
                let shaken = tokio::select! {
                    shaken = tls.accept(stream, service.limits.stall, activity.clone()) => shaken,
                    _ = stopping.changed() => return,
                };
                if let Ok(stream) = shaken {
                    drop(watcher.watch(service.serve(stream, peer, &activity, handle)).await);
                }
            };
            tokio::select! {
                // The stop is noted before the connection learns of it.
                biased;
                () = stopped_before_a_request(&activity, stopped) => {}
                () = serving => {}
                () = place.evicted() => metrics.count_closed("no_room"),
                () = silent(&activity, first_head) => metrics.count_closed("no_request"),
            }
            metrics.connections.dec();
        });
    }
    drop(listener);
    stop.send_replace(());
    let ended = tokio::time::timeout(service.limits.drain, graceful.shutdown()).await;
    if ended.is_err() {
        let connections = connections.len();
        tracing::warn!(connections, "requests that did not end in time are cut off");
    }
    running
}

/// Resolves if no request has arrived by then.
async fn silent(activity: &Activity, patience: Duration) {
    tokio::time::sleep(patience).await;
    if activity.has_request() {
        std::future::pending::<()>().await;
    }
}

/// Notes the stop; resolves then if no request has come. hyper closes what is between two requests, and
/// waits for the rest of a first head.
async fn stopped_before_a_request(activity: &Activity, mut stopping: watch::Receiver<()>) {
    // An error means that the server has gone.
    stopping.changed().await.unwrap_or_default();
    activity.stop();
    if activity.has_request() {
        std::future::pending::<()>().await;
    }
}

impl Service {
    /// A place for a connection from `peer`, as soon as there is one.
    async fn place(&self, connections: &Arc<Connections>, peer: IpAddr) -> Place {
        let peer = peer.to_canonical();
        let proxy = self.trusted_proxies.iter().any(|network| network.contains(&peer));
        let client = (!proxy).then_some(peer);
        loop {
            let admission = connections.admit(client);
            let waits = match admission {
                Admission::Free(place) => return place,
                Admission::Evicted(_) => false,
                Admission::Full => true,
            };
            if connections.is_first_shortage() {
                tracing::warn!(
                    source = %peer,
                    open = connections.len(),
                    limit = self.limits.connections,
                    waits,
                    "connections are short: the idlest are closed to make room (--max-connections)"
                );
            }
            if let Admission::Evicted(place) = admission {
                return place;
            }
            connections.freed().await;
        }
    }

    fn linger(&self, stream: TcpStream, activity: &Arc<Activity>) -> LingeringStream {
        LingeringStream::new(stream, self.limits.stall, activity.clone())
    }

    /// Serves one connection to its end.
    pub(crate) fn serve<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
        &self,
        stream: S,
        peer: SocketAddr,
        activity: &Arc<Activity>,
        handle: ConnectionHandle,
    ) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + Send + use<S>
    {
        let (router, activity, limits) = (self.router.clone(), activity.clone(), self.limits);
        let service = hyper::service::service_fn(move |request: http::Request<Incoming>| {
            activity.begin_request();
            let (mut parts, body) = request.into_parts();
            let outcome = BodyOutcome::default();
            let body = TimeoutBody::new(body, limits.body, &outcome, activity.clone());
            parts.extensions.insert(Peer(peer));
            parts.extensions.insert(handle.clone());
            parts.extensions.insert(outcome);
            let answer = router.clone().oneshot(http::Request::from_parts(parts, Body::new(body)));
            let activity = activity.clone();
            async move {
                let answer = answer.await;
                activity.wait_for_peer();
                answer
            }
        });
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service)
    }
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
        assert!(of(None) > 2048);
    }

    /// A server of one handler, with limits that a test can wait for.
    async fn server(connections: usize) -> SocketAddr {
        let short = Duration::from_millis(150);
        let long = Duration::from_mins(1);
        let body = BodyLimits { stall: short, grace: long, min_rate: 0, total: long };
        let limits = Limits {
            first_head: short,
            head: short,
            stall: short,
            body,
            drain: short,
            connections,
        };
        server_with(limits).await
    }

    /// A server of one handler.
    async fn server_with(limits: Limits) -> SocketAddr {
        let router = Router::new()
            .route("/echo", axum::routing::any(|body: axum::body::Bytes| async { body }))
            .route("/endless", axum::routing::any(|| async { vec![b'x'; 64 << 20] }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = Arc::new(Metrics::new("0", jiff::Timestamp::UNIX_EPOCH));
        let trusted_proxies = Vec::new().into();
        let service = Service { router, limits, tls: None, trusted_proxies, metrics };
        tokio::spawn(serve(listener, service, std::future::pending()));
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
        // A persistent connection ends when no further request arrives after the first one.
        let served = answer(address, b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(served.starts_with("HTTP/1.1 200"), "{served}");
    }

    /// Single bytes keep no request alive: neither below the minimum rate, nor past the deadline.
    #[tokio::test]
    async fn a_body_that_trickles_in_is_given_up() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (short, long) = (Duration::from_millis(300), Duration::from_mins(1));
        for (grace, min_rate, total) in [(short, 1000, long), (long, 1, short)] {
            let body = BodyLimits { stall: long, grace, min_rate, total };
            let address = server_with(Limits {
                first_head: long,
                head: long,
                stall: long,
                body,
                drain: short,
                connections: 8,
            })
            .await;
            let stream = TcpStream::connect(address).await.unwrap();
            let (mut from, mut to) = stream.into_split();
            to.write_all(b"PUT /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9999\r\n\r\n")
                .await
                .unwrap();
            let trickle = tokio::spawn(async move {
                while to.write_all(b"x").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
            let mut answer = Vec::new();
            let read = from.read_to_end(&mut answer);
            drop(tokio::time::timeout(Duration::from_secs(10), read).await.unwrap());
            trickle.abort();
            let answer = String::from_utf8_lossy(&answer);
            assert!(answer.starts_with("HTTP/1.1 400"), "{min_rate}: {answer}");
        }
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
