//! Connects step by step: name, address, proxy, tunnel, TLS. Each step is recorded.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport, TransportAdapter, time,
};
use ureq::{Error, Timeout};

use super::absolute::AbsoluteForm;
use super::ca::Roots;
use super::endpoint::Endpoint;
use super::proxy::ProxyEndpoint;
use super::tcp::Tcp;
use super::tls::{Handshake, Tls, Trust};
use super::trace::{NameFault, Trace};
use super::tunnel;

/// The resolver and the connector of a client; clones share one trace.
#[derive(Clone, Debug)]
pub(super) struct Dialer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    roots: Roots,
    trust: Trust,
    /// Reading the machine's certificates takes longer than everything else, so it is done only if
    /// needed.
    tls: OnceLock<Result<Tls, rustls::Error>>,
    trace: Mutex<Trace>,
}

impl Dialer {
    pub(super) fn new(roots: Roots, trust: Trust) -> Self {
        let nowhere = Endpoint { host: String::new(), port: 0, tls: false };
        let trace = Mutex::new(Trace::new(nowhere, None));
        Self(Arc::new(Shared { roots, trust, tls: OnceLock::new(), trace }))
    }

    /// Begins the trace of a request, and returns the one before it.
    pub(super) fn begin(&self, trace: Trace) -> Trace {
        self.trace(|current| std::mem::replace(current, trace))
    }

    fn trace<T>(&self, change: impl FnOnce(&mut Trace) -> T) -> T {
        change(&mut self.0.trace.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn tls(&self) -> Result<&Tls, Error> {
        let tls = self.0.tls.get_or_init(|| Tls::new(&self.0.roots.read(), self.0.trust));
        tls.as_ref().map_err(|error| Error::Other(Box::new(error.clone())))
    }

    /// A TCP connection with the first address that accepts one.
    fn tcp(&self, details: &ConnectionDetails<'_>, clock: &Clock) -> Result<Tcp, Error> {
        let addresses: &[SocketAddr] = &details.addrs;
        let mut last = Error::ConnectionFailed;
        for (i, address) in addresses.iter().enumerate() {
            let left = *clock.left()?.after;
            // A dead address must leave time for those after it.
            let limit = if i + 1 == addresses.len() { left } else { left / 2 };
            let start = Instant::now();
            match Tcp::connect(*address, limit, buffers(details)) {
                Ok(tcp) => {
                    let took = start.elapsed();
                    self.trace(|trace| trace.connected = Some((*address, took)));
                    return Ok(tcp);
                }
                Err(error) => {
                    last = match error.kind() {
                        io::ErrorKind::TimedOut => Error::Timeout(Timeout::Connect),
                        kind => Error::Io(kind.into()),
                    };
                    self.trace(|trace| trace.failed.push((*address, error)));
                }
            }
        }
        Err(last)
    }

    /// TLS with `host` over a connection.
    fn handshake(
        &self,
        host: &str,
        inner: Box<dyn Transport>,
        details: &ConnectionDetails<'_>,
        clock: &Clock,
        record: fn(&mut Trace) -> &mut Option<Handshake>,
    ) -> Result<Box<dyn Transport>, Error> {
        let mut io = TransportAdapter::new(inner, Arc::clone(&details.current_time));
        io.set_timeout(clock.left()?);
        let (handshake, transport) = self.tls()?.handshake(host, io, buffers(details));
        self.trace(|trace| *record(trace) = Some(handshake));
        Ok(Box::new(transport?))
    }

    /// What the connection to a proxy needs, so that it leads to `target`.
    fn through(
        &self,
        proxy: &ProxyEndpoint,
        target: &Endpoint,
        mut transport: Box<dyn Transport>,
        details: &ConnectionDetails<'_>,
        clock: &Clock,
    ) -> Result<Box<dyn Transport>, Error> {
        if proxy.endpoint.tls {
            let host = &proxy.endpoint.host;
            transport =
                self.handshake(host, transport, details, clock, |trace| &mut trace.proxy_tls)?;
        }
        let authority = format!("{}:{}", target.host, target.port);
        let login = proxy.login.clone();
        if !target.tls {
            // As in the Host header, which the URL of an upload is signed for.
            let origin = match target.port {
                80 => format!("http://{}", target.host),
                _ => format!("http://{authority}"),
            };
            return Ok(Box::new(AbsoluteForm::new(transport, origin, login)));
        }
        let mut io = TransportAdapter::new(transport, Arc::clone(&details.current_time));
        io.set_timeout(clock.left()?);
        let opened = tunnel::open(&mut io, &authority, login.as_ref());
        self.trace(|trace| trace.no_http = !matches!(opened, Ok(Some(_))));
        match opened? {
            Some(200..300) => Ok(Box::new(tunnel::Tunnel::new(io.into_inner()))),
            status => Err(Error::Other(Box::new(tunnel::NoTunnel { status }))),
        }
    }
}

fn buffers(details: &ConnectionDetails<'_>) -> LazyBuffers {
    LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size())
}

/// The time that is left for all steps together.
struct Clock {
    start: Instant,
    timeout: NextTimeout,
}

impl Clock {
    fn left(&self) -> Result<NextTimeout, Error> {
        let left = self.timeout.after.saturating_sub(self.start.elapsed());
        if left.is_zero() {
            return Err(Error::Timeout(self.timeout.reason));
        }
        Ok(NextTimeout { after: time::Duration::Exact(left), ..self.timeout })
    }
}

impl Resolver for Dialer {
    /// The addresses of the first host to connect to: a proxy looks up the target by itself.
    fn resolve(
        &self,
        _: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let Endpoint { host, port, .. } = self.trace(|trace| trace.first_hop());
        let uri: Uri = format!("http://{host}:{port}/").parse().map_err(|_| Error::HostNotFound)?;
        let found = DefaultResolver::default().resolve(&uri, config, timeout);
        let name = match &found {
            Ok(_) => Ok(()),
            Err(Error::Timeout(_)) => Err(NameFault::Slow),
            Err(_) => Err(NameFault::Unknown),
        };
        self.trace(|trace| trace.name = Some(name));
        found
    }
}

impl Connector for Dialer {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        let clock = Clock { start: Instant::now(), timeout: details.timeout };
        let (target, proxy) = self.trace(|trace| (trace.target.clone(), trace.proxy.clone()));
        let mut transport: Box<dyn Transport> = Box::new(self.tcp(details, &clock)?);
        if let Some(proxy) = &proxy {
            transport = self.through(proxy, &target, transport, details, &clock)?;
        }
        if target.tls {
            transport =
                self.handshake(&target.host, transport, details, &clock, |trace| &mut trace.tls)?;
        }
        Ok(Some(transport))
    }
}
