//! Host and port of a connection.

use url::Url;

/// The host of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// As in a URL: an IPv6 address is in brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Whether it uses TLS.
    pub(crate) tls: bool,
}

impl Endpoint {
    pub(crate) fn of(url: &Url) -> Self {
        Self {
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default().unwrap_or(443),
            tls: url.scheme() == "https",
        }
    }
}
