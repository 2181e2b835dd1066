//! The two HTTP requests of a delivery. `attempt` interprets the responses.

use std::cell::OnceCell;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use ureq::http::{HeaderMap, Response, StatusCode, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body, Error, SendBody, Timeout};
use url::Url;

use super::answer::Upload;
use super::ca::{self, CaError};
use super::proxy;
use super::rate::SourceError;
use super::{Network, Proxy};

/// The longest response that is read; a valid one has two KiB.
const MAX_ANSWER: u64 = 64 << 10;

/// The most redirects of the API that are followed.
const MAX_REDIRECTS: u32 = 5;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

const USER_AGENT: &str = concat!("log2aws-agent/", env!("CARGO_PKG_VERSION"));

/// A complete response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Whether it came over TLS.
    pub(crate) tls: bool,
}

impl Reply {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
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
    #[error("{0} sends us on without saying where to")]
    Nowhere(String),
    #[error("{0} is the {MAX_REDIRECTS}th address that sends us on; they lead round in circles")]
    Circles(String),
    #[error("{0} in the environment is not the address of an HTTP proxy; correct it or unset it")]
    Proxy(&'static str),
}

/// The kind of a network error, for a diagnosis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The name cannot be resolved.
    Resolve,
    /// No connection to the address.
    Connect,
    /// The certificate is not trusted, or TLS failed otherwise.
    Tls,
    /// The proxy refused.
    Proxy,
    /// The connection made no progress.
    Stalled,
    /// Anything else: closed, garbled.
    Other,
}

/// Sends requests; connections and certificates are reused.
#[derive(Debug)]
pub(crate) struct Client {
    proxy: Proxy,
    stall: Duration,
    /// Trusted in addition to the machine's own.
    trusted: Vec<CertificateDer<'static>>,
    plain: OnceCell<Agent>,
    tls: OnceCell<Agent>,
}

impl Client {
    /// Reads the additional CA certificates, if any, so that an error in them is reported before
    /// anything is tried.
    pub(crate) fn new(network: &Network) -> Result<Self, CaError> {
        let trusted = network.ca_file.as_deref().map(ca::read).transpose()?.unwrap_or_default();
        let (proxy, stall) = (network.proxy, network.stall);
        Ok(Self { proxy, stall, trusted, plain: OnceCell::new(), tls: OnceCell::new() })
    }

    /// Sends a GET, and follows redirects on the API's own host, but never from https to http.
    pub(crate) fn get(&self, url: &Url, within: Duration) -> Result<Reply, HttpError> {
        let mut url = url.clone();
        let start = Instant::now();
        for _ in 0..MAX_REDIRECTS {
            let proxy = self.proxy(&url)?;
            let by_way_of = by_way_of(&url, proxy.as_ref());
            // The time limit is for the whole request including redirects.
            let left = within.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(HttpError::Late { host: by_way_of });
            }
            let request = self
                .agent(&url)
                .get(url.as_str())
                .header(header::ACCEPT, "application/json")
                .config()
                .proxy(proxy)
                .timeout_global(Some(left))
                .build();
            let reply = read(&url, &by_way_of, request.call())?;
            if !reply.status.is_redirection() {
                return Ok(reply);
            }
            let to = reply.header("location").and_then(|to| url.join(to).ok());
            let to = to.ok_or_else(|| HttpError::Nowhere(host(&url)))?;
            if let Err(why) = may_redirect(&url, &to) {
                return Err(HttpError::Redirect { from: host(&url), to: target(&to), why });
            }
            url = to;
        }
        Err(HttpError::Circles(host(&url)))
    }

    /// Sends exactly these bytes, with the Content-Length in the headers. Redirects are not
    /// followed: the URL is valid for its own host only.
    pub(crate) fn put(
        &self,
        upload: &Upload,
        bytes: &mut dyn Read,
        within: Duration,
    ) -> Result<Reply, HttpError> {
        let url = upload.url.expose();
        let mut request = self.agent(url).put(url.as_str());
        for (name, value) in &upload.headers {
            request = request.header(name, value);
        }
        let proxy = self.proxy(url)?;
        let by_way_of = by_way_of(url, proxy.as_ref());
        let request = request.config().proxy(proxy).timeout_global(Some(within)).build();
        read(url, &by_way_of, request.send(SendBody::from_reader(bytes)))
    }

    /// The proxy for `url`, if there is one.
    pub(crate) fn proxy(&self, url: &Url) -> Result<Option<ureq::Proxy>, HttpError> {
        match self.proxy {
            Proxy::Direct => Ok(None),
            Proxy::FromEnvironment => {
                proxy::choose(url, |name| std::env::var(name).ok()).map_err(HttpError::Proxy)
            }
        }
    }

    /// The trusted certificates: the machine's own (`SSL_CERT_FILE` and `SSL_CERT_DIR` are
    /// honoured), which may include a company's CA, and the additional ones.
    pub(crate) fn roots(&self) -> Vec<CertificateDer<'static>> {
        let mut found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "some of the machine's certificates cannot be read");
        }
        found.certs.extend(self.trusted.iter().cloned());
        found.certs
    }

    fn agent(&self, url: &Url) -> &Agent {
        if url.scheme() == "https" {
            // Reading the machine's certificates takes longer than everything else, so it is done
            // only if needed.
            self.tls.get_or_init(|| self.new_agent(Some(tls_config(&self.roots()))))
        } else {
            self.plain.get_or_init(|| self.new_agent(None))
        }
    }

    fn new_agent(&self, tls: Option<TlsConfig>) -> Agent {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(USER_AGENT)
            .timeout_resolve(Some(CONNECT_TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_per_read(Some(self.stall))
            .timeout_per_write(Some(self.stall))
            // A response that trickles in byte by byte counts as a stall.
            .timeout_recv_response(Some(self.stall))
            .timeout_recv_body(Some(self.stall));
        if let Some(tls) = tls {
            config = config.tls_config(tls);
        }
        config.build().new_agent()
    }
}

fn tls_config(roots: &[CertificateDer<'static>]) -> TlsConfig {
    let roots = roots.iter().map(|der| Certificate::from_der(der).to_owned());
    TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::Specific(Arc::new(roots.collect())))
        .build()
}

/// Reads the response; `host` names the server in errors.
fn read(
    url: &Url,
    host: &str,
    response: Result<Response<Body>, Error>,
) -> Result<Reply, HttpError> {
    let problem = |error: Error| match (&error, ours(&error)) {
        (_, Some(text)) => HttpError::Log(text),
        (Error::Timeout(Timeout::Global), _) => HttpError::Late { host: host.to_owned() },
        _ => {
            let (kind, problem) = problem(&error);
            HttpError::Transport { host: host.to_owned(), kind, problem }
        }
    };
    let (parts, mut body) = response.map_err(problem)?.into_parts();
    let body = body.with_config().limit(MAX_ANSWER).read_to_vec().map_err(problem)?;
    let tls = url.scheme() == "https";
    Ok(Reply { status: parts.status, headers: parts.headers, body, tls })
}

/// Whether a redirect is followed: within one origin, or from http to https on one host. Over http
/// anybody on the path can answer, and must not choose which host of our network is contacted.
fn may_redirect(from: &Url, to: &Url) -> Result<(), &'static str> {
    match (from.scheme(), to.scheme()) {
        (_, scheme) if !matches!(scheme, "http" | "https") => Err("which is not HTTP"),
        ("https", "http") => Err("from https to http, where anybody can read along"),
        _ if from.host() != to.host() => {
            Err("another host; if the API is there now, set it as --api")
        }
        ("http", "https") => Ok(()),
        _ if from.port_or_known_default() != to.port_or_known_default() => {
            Err("another port; if the API is there now, set it as --api")
        }
        _ => Ok(()),
    }
}

/// The target of a redirect, for a message.
fn target(url: &Url) -> String {
    if url.has_host() { host(url) } else { format!("a {} URL", url.scheme()) }
}

/// Host and port of a URL, for a message.
fn host(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// The same with the proxy, which may be the unreachable one. The rest of its URL can contain a
/// password.
fn by_way_of(url: &Url, proxy: Option<&ureq::Proxy>) -> String {
    match proxy {
        None => host(url),
        Some(proxy) => {
            format!("{} by way of the proxy {}:{}", host(url), proxy.host(), proxy.port())
        }
    }
}

/// An error on our own side: the log could not be read completely.
fn ours(error: &Error) -> Option<String> {
    let Error::Io(error) = error else { return None };
    Some(error.get_ref()?.downcast_ref::<SourceError>()?.to_string())
}

/// The kind and a sentence that contains nothing of the request.
fn problem(error: &Error) -> (Kind, String) {
    let (kind, text) = match error {
        Error::HostNotFound => return (Kind::Resolve, unresolved("it has no address")),
        Error::Timeout(Timeout::Resolve) => (Kind::Resolve, "the name was not resolved in time"),
        Error::Timeout(Timeout::Connect) => (
            Kind::Connect,
            "no connection in time; is a firewall in between, is a proxy needed (HTTPS_PROXY)?",
        ),
        Error::Timeout(_) => (Kind::Stalled, "it stalled: nothing moved for too long"),
        Error::Io(error) => return io_problem(error),
        Error::Rustls(error) => return (Kind::Tls, tls_problem(error)),
        Error::Tls(what) => return (Kind::Tls, format!("no TLS connection ({what})")),
        Error::ConnectProxyFailed(_) => {
            (Kind::Proxy, "the proxy does not let us through; check HTTPS_PROXY and NO_PROXY")
        }
        Error::ConnectionFailed => (Kind::Connect, "no connection"),
        Error::BodyExceedsLimit(_) | Error::LargeResponseHeader(..) => {
            (Kind::Other, "its answer is longer than any right one")
        }
        Error::Protocol(_) | Error::Http(_) => (Kind::Other, "its answer is not HTTP"),
        _ => (Kind::Other, "the request failed"),
    };
    (kind, text.to_owned())
}

fn io_problem(error: &io::Error) -> (Kind, String) {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return (Kind::Tls, tls_problem(tls));
    }
    // ureq wraps its own errors like this when they pass through `Read`.
    if let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        return problem(inner);
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
