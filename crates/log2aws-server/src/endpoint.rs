//! The URL under which a server is reached.

use std::net::SocketAddr;

use url::{Host, Url};

use crate::config::ServeError;

/// Whoever reads along has the URLs, the logs, and the dashboard's token.
pub(crate) fn warn_of_plain_http(endpoint: &Url) {
    let loopback = match endpoint.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(host)) => host.is_loopback(),
        Some(Host::Ipv6(host)) => host.is_loopback(),
        None => false,
    };
    if endpoint.scheme() == "http" && !loopback {
        tracing::warn!(
            %endpoint,
            "URLs, logs and the dashboard's token travel readable by anybody in between: use --tls-cert and --tls-key, or a proxy with https"
        );
    }
}

/// The URL under which who listens on `address` is reached.
///
/// # Errors
/// [`ServeError::PublicUrlNeeded`] if the address is `0.0.0.0` or `[::]` and no URL is set.
pub(crate) fn endpoint(
    public_url: Option<&Url>,
    tls: bool,
    address: SocketAddr,
) -> Result<Url, ServeError> {
    if let Some(url) = public_url {
        return Ok(url.clone());
    }
    if address.ip().is_unspecified() {
        return Err(ServeError::PublicUrlNeeded(address));
    }
    let scheme = if tls { "https" } else { "http" };
    Url::parse(&format!("{scheme}://{address}")).map_err(|_| ServeError::PublicUrlNeeded(address))
}
