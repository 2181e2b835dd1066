//! The HTTP client: GET and PUT of a delivery, and HEAD of a diagnosis.

use std::cell::OnceCell;
use std::io::Read;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use ureq::http::{HeaderMap, Response, StatusCode, header};
use ureq::{Agent, Body, Error, SendBody};
use url::Url;

use super::Network;
use super::ca::{CaError, Roots};
use super::connect::Dialer;
use super::endpoint::Endpoint;
use super::error::{self, HttpError, Kind, MAX_REDIRECTS};
use super::proxy::{Proxies, ProxyEndpoint};
use super::tls::Trust;
use super::trace::Trace;
use super::tunnel::USER_AGENT;

/// The longest response that is read; a valid one has two KiB.
const MAX_ANSWER: u64 = 64 << 10;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Squid names its own error in this header.
const SQUID_ERROR: &str = "x-squid-error";

/// A complete response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Whether it came over TLS.
    pub(crate) tls: bool,
    /// The proxy that forwarded it, or answered in its own name: over http that looks alike.
    pub(crate) proxy: Option<ProxyEndpoint>,
}

impl Reply {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The server's clock.
    pub(crate) fn date(&self) -> Option<Timestamp> {
        self.header("date").and_then(http_date)
    }
}

/// Parses a date of HTTP (RFC 9110 §5.6.7).
pub(crate) fn http_date(value: &str) -> Option<Timestamp> {
    static PARSER: DateTimeParser = DateTimeParser::new();
    PARSER.parse_timestamp(value.trim()).ok()
}

/// Sends requests; connections are reused.
#[derive(Debug)]
pub(crate) struct Client {
    proxies: Proxies,
    stall: Duration,
    roots: Roots,
    dialer: Dialer,
    agent: Agent,
    /// Trusts anybody.
    unverified: OnceCell<(Dialer, Agent)>,
}

impl Client {
    /// Reads the additional CA certificates, if any, so that an error in them is reported before
    /// anything is tried.
    pub(crate) fn new(network: &Network) -> Result<Self, CaError> {
        let roots = Roots::new(network)?;
        let dialer = Dialer::new(roots.clone(), Trust::Roots);
        let agent = new_agent(&dialer, network.stall);
        let (proxies, stall) = (network.proxies.clone(), network.stall);
        Ok(Self { proxies, stall, roots, dialer, agent, unverified: OnceCell::new() })
    }

    /// Sends a GET, and follows redirects on the API's own host, but never from https to http.
    pub(crate) fn get(&self, url: &Url, within: Duration) -> Result<Reply, HttpError> {
        let mut url = url.clone();
        let start = Instant::now();
        for _ in 0..MAX_REDIRECTS {
            let route = Route::new(&url, &self.proxies)?;
            // The time limit is for the whole request including redirects.
            let left = within.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(HttpError::Late { host: route.name() });
            }
            self.dialer.begin(route.trace());
            let request = self
                .agent
                .get(url.as_str())
                .header(header::ACCEPT, "application/json")
                .config()
                .timeout_global(Some(left))
                .build();
            let reply = route.read(request.call())?;
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

    /// Sends exactly these bytes, with the Content-Length in `headers`. Redirects are not followed:
    /// the URL is valid for its own host only.
    pub(crate) fn put(
        &self,
        url: &Url,
        headers: &[(String, String)],
        bytes: &mut dyn Read,
        within: Duration,
    ) -> Result<Reply, HttpError> {
        let route = Route::new(url, &self.proxies)?;
        self.dialer.begin(route.trace());
        let mut request = self.agent.put(url.as_str());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.config().timeout_global(Some(within)).build();
        route.read(request.send(SendBody::from_reader(bytes)))
    }

    /// Sends a HEAD for the root of a host, without a query, to see whether it is reached.
    pub(crate) fn head(&self, url: &Url, within: Duration) -> Result<Reply, HttpError> {
        self.head_with(url, within, &self.dialer, &self.agent)
    }

    /// The clock of a server whose certificate is not trusted, perhaps because of our own clock.
    pub(crate) fn unverified_date(&self, url: &Url, within: Duration) -> Option<Timestamp> {
        let (dialer, agent) = self.unverified.get_or_init(|| {
            let dialer = Dialer::new(self.roots.clone(), Trust::Anybody);
            let agent = new_agent(&dialer, self.stall);
            (dialer, agent)
        });
        self.head_with(url, within, dialer, agent).ok()?.date()
    }

    fn head_with(
        &self,
        url: &Url,
        within: Duration,
        dialer: &Dialer,
        agent: &Agent,
    ) -> Result<Reply, HttpError> {
        let mut root = url.clone();
        root.set_path("/");
        root.set_query(None);
        let route = Route::new(&root, &self.proxies)?;
        dialer.begin(route.trace());
        let request = agent.head(root.as_str()).config().timeout_global(Some(within)).build();
        route.read(request.call())
    }

    /// The steps of the last request.
    pub(crate) fn take_trace(&self) -> Trace {
        let nowhere = Endpoint { host: String::new(), port: 0, tls: false };
        self.dialer.begin(Trace::new(nowhere, None))
    }
}

fn new_agent(dialer: &Dialer, stall: Duration) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        // The dialer chooses the proxy.
        .proxy(None)
        .user_agent(USER_AGENT)
        .timeout_resolve(Some(CONNECT_TIMEOUT))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_per_read(Some(stall))
        .timeout_per_write(Some(stall))
        // A response that trickles in byte by byte counts as a stall.
        .timeout_recv_response(Some(stall))
        .timeout_recv_body(Some(stall))
        .build();
    Agent::with_parts(config, dialer.clone(), dialer.clone())
}

/// Where a request goes, and by which proxy.
struct Route {
    target: Endpoint,
    host: String,
    proxy: Option<ProxyEndpoint>,
}

impl Route {
    fn new(url: &Url, proxies: &Proxies) -> Result<Self, HttpError> {
        let proxy = proxies.choose(url).map_err(HttpError::NoProxyUrl)?;
        Ok(Self { target: Endpoint::of(url), host: host(url), proxy })
    }

    fn trace(&self) -> Trace {
        Trace::new(self.target.clone(), self.proxy.clone())
    }

    /// The host with the proxy, which may be the unreachable one.
    fn name(&self) -> String {
        match &self.proxy {
            None => self.host.clone(),
            Some(proxy) => format!("{} by way of the proxy {proxy}", self.host),
        }
    }

    /// The proxy that is asked for the URL itself, and so can answer in the server's place.
    fn forwarder(&self) -> Option<&ProxyEndpoint> {
        self.proxy.as_ref().filter(|_| !self.target.tls)
    }

    /// Reads the response.
    fn read(&self, response: Result<Response<Body>, Error>) -> Result<Reply, HttpError> {
        let failed = |error: Error| error::of(&error, self.name(), &self.host, self.proxy.as_ref());
        let (parts, mut body) = response.map_err(failed)?.into_parts();
        let body = body.with_config().limit(MAX_ANSWER).read_to_vec().map_err(failed)?;
        let (status, headers) = (parts.status, parts.headers);
        let proxy = self.forwarder().cloned();
        let reply = Reply { status, headers, body, tls: self.target.tls, proxy };
        match self.refusal(&reply) {
            Some(error) => Err(error),
            None => Ok(reply),
        }
    }

    /// The error if the response is the proxy's own, and no server's.
    fn refusal(&self, reply: &Reply) -> Option<HttpError> {
        let proxy = self.forwarder()?;
        let status = reply.status.as_u16();
        let own = reply.header(SQUID_ERROR);
        if status == 407 || status == 403 && own.is_some() {
            return Some(HttpError::refused(proxy, &self.host, status));
        }
        // Such as ERR_DNS_FAIL 0.
        let own = own?.split(' ').next().unwrap_or_default();
        let is_code = own.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        let code = if is_code { own } else { "" };
        Some(HttpError::Transport {
            host: self.name(),
            kind: Kind::Proxy,
            problem: format!("the proxy cannot reach it ({status} {code})"),
        })
    }
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
