//! Connects to a host step by step: name, TCP connection, proxy, TLS.
//!
//! A request of [`crate::ship`] does the same in one call; here each step can be seen to fail.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::pki_types::CertificateDer;

use super::tls::{self, Handshake};

/// The timeout of one step.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The most addresses of a name that are tried.
const MAX_ADDRESSES: usize = 4;

/// The longest head of a proxy's response.
const MAX_HEAD: usize = 16 << 10;

/// The host to reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Whether it uses TLS.
    pub(crate) tls: bool,
}

/// A proxy.
#[derive(Clone)]
pub(crate) struct ProxyHop {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Whether the proxy itself uses TLS.
    pub(crate) tls: bool,
    /// User and password for the proxy.
    pub(crate) login: Option<Login>,
}

impl fmt::Debug for ProxyHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Never printed.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// How far the connection got.
#[derive(Debug)]
pub(crate) enum Reachability {
    /// The name has no address.
    NoName { slow: bool },
    /// None of its addresses accepts a connection.
    NoConnection { tried: Vec<(SocketAddr, io::Error)> },
    /// The proxy is reachable, but does not connect.
    NoTunnel { status: Option<u16> },
    /// There is a connection.
    Connected {
        address: SocketAddr,
        took: Duration,
        /// Addresses that failed before this one.
        tried: Vec<(SocketAddr, io::Error)>,
        /// The result of TLS, if used.
        tls: Option<Handshake>,
    },
}

impl Reachability {
    /// Whether a request can follow.
    pub(crate) fn can_send_request(&self) -> bool {
        match self {
            Self::Connected { tls, .. } => tls.as_ref().is_none_or(|tls| tls.verdict.is_ok()),
            _ => false,
        }
    }
}

/// Connects to `target`, through the proxy if there is one; `roots` are the trusted certificates.
pub(crate) fn go(
    target: &Target,
    proxy: Option<&ProxyHop>,
    roots: &[CertificateDer<'static>],
) -> Reachability {
    let (host, port) = match proxy {
        None => (target.host.as_str(), target.port),
        Some(hop) => (hop.host.as_str(), hop.port),
    };
    let addresses = match resolve(host, port) {
        Ok(addresses) => addresses,
        Err(slow) => return Reachability::NoName { slow },
    };
    let mut tried = Vec::new();
    for address in addresses.into_iter().take(MAX_ADDRESSES) {
        let start = Instant::now();
        let mut stream = match connect(address) {
            Ok(stream) => stream,
            Err(error) => {
                tried.push((address, error));
                continue;
            }
        };
        let took = start.elapsed();
        if let Some(hop) = proxy.filter(|_| target.tls)
            && let Err(status) = tunnel(&mut stream, target, hop)
        {
            return Reachability::NoTunnel { status };
        }
        let tls = target.tls.then(|| tls::handshake(stream, &target.host, roots));
        return Reachability::Connected { address, took, tried, tls };
    }
    Reachability::NoConnection { tried }
}

/// The addresses of a name. The system's resolver cannot be cancelled; an abandoned thread ends
/// with the process.
fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, bool> {
    // A URL has an IPv6 address in brackets.
    let name = host.trim_matches(['[', ']']).to_owned();
    let (found, finding) = mpsc::channel();
    thread::spawn(move || {
        let addresses = (name.as_str(), port).to_socket_addrs();
        // After a timeout nobody receives the result.
        let _ = found.send(addresses.map(Iterator::collect::<Vec<_>>));
    });
    match finding.recv_timeout(TIMEOUT) {
        Ok(Ok(addresses)) if !addresses.is_empty() => Ok(addresses),
        Ok(_) => Err(false),
        Err(_) => Err(true),
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

/// Sends CONNECT to the proxy (RFC 9110 §9.3.6); returns its status if that is not 200.
fn tunnel(stream: &mut TcpStream, target: &Target, hop: &ProxyHop) -> Result<(), Option<u16>> {
    let to = format!("{}:{}", target.host, target.port);
    let login = hop.login.as_ref().map_or_else(String::new, |Login { user, password }| {
        let login = BASE64.encode(format!("{user}:{password}"));
        format!("Proxy-Authorization: Basic {login}\r\n")
    });
    let request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n{login}\r\n");
    stream.write_all(request.as_bytes()).map_err(|_| None)?;
    let head = read_head(stream);
    match status(&head) {
        Some(200..=299) => Ok(()),
        other => Err(other),
    }
}

/// Reads up to and including the empty line, byte by byte, because what follows belongs to the
/// tunnel.
fn read_head(stream: &mut TcpStream) -> Vec<u8> {
    let mut head = Vec::new();
    let mut byte = [0];
    while head.len() < MAX_HEAD && !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => break,
        }
    }
    head
}

/// The status of an answer's head.
fn status(head: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(head).ok()?.lines().next()?;
    line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_head() {
        assert_eq!(status(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), Some(407));
        assert_eq!(status(b"HTTP/1.0 200\r\n\r\n"), Some(200));
        for head in [&b""[..], b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1\r\n", b"\xff"] {
            assert_eq!(status(head), None);
        }
    }
}
