//! The port that `serve` and `demo` listen on.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} (--listen); {advice}", advice = advice(*address, source.kind()))]
pub(crate) struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

/// Listens on an address.
///
/// # Errors
/// [`ListenError`], with what to do.
pub(crate) fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).map_err(|source| ListenError { address, source })
}

fn advice(address: SocketAddr, kind: ErrorKind) -> String {
    let port = address.port();
    match kind {
        ErrorKind::AddrInUse => format!(
            "another program, perhaps another log2aws, uses that port: find it with \
             \"ss -ltnp sport = :{port}\", or choose another port"
        ),
        ErrorKind::PermissionDenied => {
            format!("choose a port from 1024 on, or run as a user who may use port {port}")
        }
        ErrorKind::AddrNotAvailable => {
            format!("{} is no address of this machine; \"ip address\" lists them", address.ip())
        }
        _ => "choose another address".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_be_used_is_named_with_what_to_do() {
        let first = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let taken = first.local_addr().unwrap();
        let error = listen(taken).unwrap_err().to_string();
        let port = format!("sport = :{}", taken.port());
        assert!(error.contains(&taken.to_string()) && error.contains(&port), "{error}");
        // TEST-NET-1: no machine has it.
        let error = listen("192.0.2.1:0".parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains("192.0.2.1 is no address of this machine"), "{error}");
        let denied = advice("127.0.0.1:80".parse().unwrap(), ErrorKind::PermissionDenied);
        assert!(denied.contains("port from 1024"), "{denied}");
    }
}
