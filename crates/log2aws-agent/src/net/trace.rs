//! The steps of a connection, as far as it got.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::endpoint::Endpoint;
use super::proxy::ProxyEndpoint;
use super::tls::Handshake;

/// What happened on the way to a host: name, addresses, proxy, TLS. A step that was not reached is
/// absent. A request on a connection that was kept open has no steps.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) target: Endpoint,
    /// The proxy, if one is used.
    pub(crate) proxy: Option<ProxyEndpoint>,
    /// Whether the name of the proxy, or else of the target, has an address.
    pub(crate) name: Option<Result<(), NameFault>>,
    /// The addresses that do not accept a connection.
    pub(crate) failed: Vec<(SocketAddr, io::Error)>,
    /// The address that does, and the time that it took.
    pub(crate) connected: Option<(SocketAddr, Duration)>,
    /// TLS with the proxy itself.
    pub(crate) proxy_tls: Option<Handshake>,
    /// Whether the proxy did not answer CONNECT with HTTP.
    pub(crate) no_http: bool,
    /// TLS with the target.
    pub(crate) tls: Option<Handshake>,
}

impl Trace {
    pub(crate) fn new(target: Endpoint, proxy: Option<ProxyEndpoint>) -> Self {
        Self {
            target,
            proxy,
            name: None,
            failed: Vec::new(),
            connected: None,
            proxy_tls: None,
            no_http: false,
            tls: None,
        }
    }

    /// Host, port and TLS of the first connection: the proxy's or the target's.
    pub(super) fn first_hop(&self) -> Endpoint {
        match &self.proxy {
            None => self.target.clone(),
            Some(proxy) => proxy.endpoint.clone(),
        }
    }
}

/// Why a name has no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameFault {
    /// No response in time.
    Slow,
    /// The name does not exist, or has no address.
    Unknown,
}
