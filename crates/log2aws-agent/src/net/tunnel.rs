//! A tunnel through a proxy: CONNECT (RFC 9110 §9.3.6).

use std::io::{self, Read as _, Write as _};

use ureq::Error;
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport, TransportAdapter};

use super::proxy::Login;

/// How requests name this program.
pub(super) const USER_AGENT: &str = concat!("log2aws-agent/", env!("CARGO_PKG_VERSION"));

/// The longest head of a proxy's response.
const MAX_HEAD: usize = 16 << 10;

/// The proxy did not open a tunnel.
#[derive(Debug, thiserror::Error)]
#[error("the proxy opens no tunnel")]
pub(super) struct NoTunnel {
    /// Its status; `None` if it does not answer as a proxy does.
    pub(super) status: Option<u16>,
}

/// Asks for a tunnel to `authority`, and returns the status of the response; `None` if that is not
/// HTTP.
pub(super) fn open(
    io: &mut TransportAdapter,
    authority: &str,
    login: Option<&Login>,
) -> io::Result<Option<u16>> {
    let login = login.map(Login::header).unwrap_or_default();
    let request = format!(
        "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {USER_AGENT}\r\n{login}\r\n"
    );
    io.write_all(request.as_bytes())?;
    let mut head = Vec::new();
    let mut byte = [0];
    // Byte by byte, because what follows the head belongs to the tunnel.
    while head.len() < MAX_HEAD && !head.ends_with(b"\r\n\r\n") {
        match io.read(&mut byte)? {
            0 => break,
            _ => head.extend(byte),
        }
        // Whoever speaks first and says something else may never end it with an empty line.
        if head.ends_with(b"\n") && status(&head).is_none() {
            break;
        }
    }
    Ok(status(&head))
}

/// The status in the head of a response.
fn status(head: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(head).ok()?.lines().next()?;
    line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
}

/// A connection to the target through a proxy. If there is TLS with the proxy, that is not TLS with
/// the target.
#[derive(Debug)]
pub(super) struct Tunnel(Box<dyn Transport>);

impl Tunnel {
    pub(super) fn new(inner: Box<dyn Transport>) -> Self {
        Self(inner)
    }
}

impl Transport for Tunnel {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.0.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.0.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.0.is_open()
    }
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
