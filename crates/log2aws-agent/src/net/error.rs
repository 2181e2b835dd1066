//! Why there is no response, as a sentence with what to check.

use std::io::{self, ErrorKind, Read};

use ureq::{Error, Timeout};

use super::proxy::{ProxyEndpoint, ProxySource};
use super::tunnel::NoTunnel;

/// The most redirects of the API that are followed.
pub(super) const MAX_REDIRECTS: u32 = 5;

/// The request's body could not be read: our own side failed. A type of its own, because network
/// errors are I/O errors too.
#[derive(Debug, thiserror::Error)]
#[error("the log cannot be read to its end: {0}")]
pub(super) struct SourceError(io::Error);

/// Reads a request's body, with errors that are told apart from those of the network.
pub(crate) struct SourceReader<R>(pub(crate) R);

impl<R: Read> Read for SourceReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| io::Error::other(SourceError(error)))
    }
}

/// Why there is no response. Names hosts, never a query, because that of an upload is a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("{host}: {problem}")]
    Transport { host: String, kind: Kind, problem: String },
    #[error("{host}: not finished in the time that was left")]
    Late { host: String },
    /// Our side failed: the log could not be read.
    #[error("{0}")]
    Log(String),
    #[error("{from} redirects to {to}, {why}; it was not followed")]
    Redirect { from: String, to: String, why: &'static str },
    #[error("{0} redirects without saying where to")]
    Nowhere(String),
    #[error("{0} is the {MAX_REDIRECTS}th address that redirects; they lead round in circles")]
    Circles(String),
    #[error("{0} is not the address of an HTTP proxy; correct it or leave it out")]
    NoProxyUrl(ProxySource),
    /// The proxy refuses, and would again.
    #[error("the proxy {proxy} {problem}; {hint}")]
    ProxyRefused { proxy: String, status: u16, problem: String, hint: String },
}

/// The kind of a network error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The name cannot be resolved.
    Resolve,
    /// No connection to the address.
    Connect,
    /// The certificate is not trusted, or TLS failed otherwise.
    Tls,
    /// The proxy failed.
    Proxy,
    /// The connection made no progress.
    Stalled,
    /// Anything else: closed, garbled.
    Other,
}

impl HttpError {
    /// The refusal of a proxy to lead to `host`.
    pub(super) fn refused(proxy: &ProxyEndpoint, host: &str, status: u16) -> Self {
        let source = proxy.source;
        let (problem, hint) = if status == 407 {
            match proxy.login {
                Some(_) => (
                    "does not accept the user and password (407)".to_owned(),
                    format!("correct them in {source}"),
                ),
                None => (
                    "wants a user and a password (407)".to_owned(),
                    format!("put them into {source}: http://user:password@host:port"),
                ),
            }
        } else {
            (
                format!("does not let this machine through to {host} ({status})"),
                format!(
                    "have {host} allowed there, or put it into NO_PROXY (--no-proxy) if it can be \
                     reached without {source}"
                ),
            )
        };
        Self::ProxyRefused { proxy: proxy.to_string(), status, problem, hint }
    }
}

/// The error of a request; `name` is the host with its proxy, `host` without.
pub(super) fn of(
    error: &Error,
    name: String,
    host: &str,
    proxy: Option<&ProxyEndpoint>,
) -> HttpError {
    if let Some(text) = source_error(error) {
        return HttpError::Log(text);
    }
    if matches!(error, Error::Timeout(Timeout::Global)) {
        return HttpError::Late { host: name };
    }
    let (kind, problem) = match (no_tunnel(error), proxy) {
        // Others pass, such as 502.
        (Some(NoTunnel { status: Some(status @ (401..=407 | 501)) }), Some(proxy)) => {
            return HttpError::refused(proxy, host, *status);
        }
        (Some(NoTunnel { status: Some(status) }), _) => {
            (Kind::Proxy, format!("the proxy opens no tunnel to it ({status})"))
        }
        (Some(NoTunnel { status: None }), Some(proxy)) => {
            (Kind::Proxy, format!("it does not answer as a proxy does; is {} right?", proxy.source))
        }
        _ => problem(error, proxy),
    };
    HttpError::Transport { host: name, kind, problem }
}

/// The status with which a proxy refused a tunnel.
fn no_tunnel(error: &Error) -> Option<&NoTunnel> {
    let Error::Other(error) = error else { return None };
    error.downcast_ref()
}

/// An error on our own side: the log could not be read completely.
fn source_error(error: &Error) -> Option<String> {
    let Error::Io(error) = error else { return None };
    Some(error.get_ref()?.downcast_ref::<SourceError>()?.to_string())
}

/// The kind and a sentence that contains nothing of the request.
fn problem(error: &Error, proxy: Option<&ProxyEndpoint>) -> (Kind, String) {
    let (kind, text) = match error {
        Error::HostNotFound => return (Kind::Resolve, unresolved("it has no address")),
        Error::Timeout(Timeout::Resolve) => (Kind::Resolve, "the name was not resolved in time"),
        Error::Timeout(Timeout::Connect) => match proxy {
            Some(proxy) => {
                let source = proxy.source;
                let text = format!("no connection in time; is {source} right, is it let through?");
                return (Kind::Connect, text);
            }
            None => (
                Kind::Connect,
                "no connection in time; is a firewall in between, is a proxy needed (--proxy)?",
            ),
        },
        Error::Timeout(_) => (Kind::Stalled, "it stalled: nothing moved for too long"),
        Error::Io(error) => return io_problem(error, proxy),
        Error::Tls(what) => return (Kind::Tls, format!("no TLS connection ({what})")),
        Error::ConnectionFailed => (Kind::Connect, "no connection"),
        Error::BodyExceedsLimit(_) | Error::LargeResponseHeader(..) => {
            (Kind::Other, "its answer is longer than any right one")
        }
        Error::Protocol(_) | Error::Http(_) => (Kind::Other, "its answer is not HTTP"),
        _ => (Kind::Other, "the request failed"),
    };
    (kind, text.to_owned())
}

fn io_problem(error: &io::Error, proxy: Option<&ProxyEndpoint>) -> (Kind, String) {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return (Kind::Tls, tls_problem(tls));
    }
    // ureq wraps its own errors like this when they pass through `Read`.
    if let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        return problem(inner, proxy);
    }
    let (kind, text) = match error.kind() {
        ErrorKind::ConnectionRefused => (
            Kind::Connect,
            "the connection was refused: nothing listens there, or a firewall says no",
        ),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            (Kind::Connect, "no way leads there; is the network up, is the address right?")
        }
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted => {
            (Kind::Other, "the connection was cut")
        }
        ErrorKind::UnexpectedEof => (Kind::Other, "the connection ended in mid-sentence"),
        _ => {
            // The library has no kind for resolver errors, only this prefix.
            let text = error.to_string();
            return match text.strip_prefix("failed to lookup address information: ") {
                Some(why) => (Kind::Resolve, unresolved(why)),
                None => (Kind::Other, format!("the connection failed ({text})")),
            };
        }
    };
    (kind, text.to_owned())
}

fn unresolved(why: &str) -> String {
    format!("the name cannot be resolved ({why}); check it, and this machine's DNS")
}

fn tls_problem(error: &rustls::Error) -> String {
    use rustls::CertificateError as Fault;
    let what_to_do = match error {
        rustls::Error::InvalidCertificate(fault) => match fault {
            Fault::Expired
            | Fault::ExpiredContext { .. }
            | Fault::NotValidYet
            | Fault::NotValidYetContext { .. } => {
                "is this machine's clock right? Then its administrator must renew the certificate"
            }
            Fault::NotValidForName | Fault::NotValidForNameContext { .. } => {
                "is that its name? Another one answers, or it has the wrong certificate"
            }
            _ => {
                "if a proxy inspects TLS, or the authority is your own, its certificate must be \
                 among the machine's, or be named with --ca-file"
            }
        },
        _ => "does it speak TLS on this port, 1.2 or newer?",
    };
    // Some of these are very long.
    let why: String = error.to_string().chars().take(160).collect();
    format!("no TLS connection ({why}); {what_to_do}")
}
