//! A server without sockets: takes the bytes of a connection, returns those of the responses. For
//! the fuzz targets, behind the feature `fuzzing`.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use log2aws_store::DiskStore;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Runtime;

use super::Server;
use crate::analysis::Queue;
use crate::audit::{AuditConfig, AuditLog};
use crate::config::ServeError;
use crate::http::accept::Service;
use crate::http::activity::{Activity, now_ms};
use crate::http::connections::{Admission, Connections};
use crate::metrics::Metrics;

/// A server that serves connections one after the other, each from begin to end. It writes an audit
/// log of at most 1 MiB, has no background tasks, and analyzes nothing.
pub struct InProcess {
    runtime: Runtime,
    service: Service,
    connections: Arc<Connections>,
    store: DiskStore,
}

impl std::fmt::Debug for InProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InProcess").finish_non_exhaustive()
    }
}

impl InProcess {
    /// Makes `server` answer as if it listened on `address`.
    ///
    /// # Errors
    /// As [`Server::run`]; or no runtime could be made.
    pub fn new(server: &Server, address: SocketAddr) -> Result<Self, ServeError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|source| ServeError::Thread { what: "the runtime", source })?;
        let service = runtime.block_on(async { service(server, address) })?;
        let store = server.store().clone();
        Ok(Self { runtime, service, connections: Connections::new(64), store })
    }

    /// The server's store.
    pub fn store(&self) -> &DiskStore {
        &self.store
    }

    /// Serves one connection from `peer`, which sends `bytes` in pieces of at most `at_once`, reads
    /// all responses, and closes its side when the server waits for more. Returns the response
    /// bytes.
    pub fn exchange(&self, peer: SocketAddr, bytes: &[u8], at_once: usize) -> Vec<u8> {
        let Admission::Free(place) = self.connections.admit(Some(peer.ip())) else {
            return Vec::new();
        };
        let wire = Wire(Arc::new(Mutex::new(State {
            input: bytes.to_vec(),
            read: 0,
            at_once: at_once.max(1),
            output: Vec::new(),
            closed: false,
        })));
        let activity = place.activity.clone();
        let serving = self.service.serve(wire.clone(), peer, &activity, place.handle());
        self.runtime.block_on(finish(serving, &wire, &activity));
        let mut state = wire.state();
        std::mem::take(&mut state.output)
    }
}

/// The service, without background tasks.
fn service(server: &Server, address: SocketAddr) -> Result<Service, ServeError> {
    let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"), server.clock.now()));
    let queue = Arc::new(Queue::new(metrics.queue_length.clone()));
    // Hours of requests must not fill the disk with audit lines.
    let limits = AuditConfig { max_bytes: 1 << 20, ..server.config.audit };
    let (folder, clock) = (&server.config.data_dir, server.clock.clone());
    let audit = AuditLog::start(folder, limits, clock, metrics.clone())?;
    let app = Arc::new(server.app(server.endpoint(address)?, &queue, &metrics, &audit)?);
    Ok(server.service(app, metrics))
}

/// Drives a connection to its end. The peer closes it when the server waits for more than was sent.
async fn finish(serving: impl Future, wire: &Wire, activity: &Activity) {
    let mut serving = std::pin::pin!(serving);
    std::future::poll_fn(|cx| {
        let noted =
            Arc::new(NotedWake { outer: cx.waker().clone(), woken: AtomicBool::new(false) });
        let waker = Waker::from(noted.clone());
        if serving.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            return Poll::Ready(());
        }
        let is_idle = activity.idle_ms(now_ms()).is_some() && !noted.woken.load(Ordering::SeqCst);
        let mut state = wire.state();
        if !state.closed && state.read == state.input.len() && is_idle {
            state.closed = true;
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    })
    .await;
}

/// Forwards a wake-up and notes it: after one there is still work to do.
struct NotedWake {
    outer: Waker,
    woken: AtomicBool,
}

impl Wake for NotedWake {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        self.outer.wake_by_ref();
    }
}

/// The server's side of a connection.
#[derive(Clone)]
struct Wire(Arc<Mutex<State>>);

struct State {
    input: Vec<u8>,
    /// How many bytes of `input` were read.
    read: usize,
    at_once: usize,
    output: Vec<u8>,
    /// Whether the peer has closed its side.
    closed: bool,
}

impl Wire {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.state();
        let rest = &state.input[state.read..];
        let count = rest.len().min(state.at_once).min(buffer.remaining());
        if count == 0 {
            // `finish` wakes the connection when it should read the end.
            return if state.closed { Poll::Ready(Ok(())) } else { Poll::Pending };
        }
        buffer.put_slice(&rest[..count]);
        state.read += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.state().output.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state().closed = true;
        Poll::Ready(Ok(()))
    }
}
