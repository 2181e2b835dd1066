//! The client address of a request: the socket's address, or the one from a trusted proxy.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

/// Why the client is unknown. Guessing would let a proxy's own address count for everybody behind
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnknownClientIp {
    /// A trusted proxy did not name the client.
    #[error(
        "the trusted proxy sent no X-Forwarded-For header; let it set one (nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;)"
    )]
    Missing,
    /// A trusted proxy sent something that is not an address.
    #[error("the proxy's X-Forwarded-For cannot be read")]
    Unreadable,
    /// An unconfigured proxy on this machine, whose address is on the default allow-list.
    #[error("a proxy on this machine passed the request on; name it with --trusted-proxy")]
    UnnamedProxy,
}

/// Headers that proxies add to forwarded requests.
const PASSED_ON: [&str; 3] = ["x-forwarded-for", "forwarded", "x-real-ip"];

/// The client's address.
///
/// `X-Forwarded-For` counts only if the peer is a trusted proxy. Each proxy appends the address
/// that it saw, so the list is read from the right, skipping further trusted proxies, to the first
/// other address: anything left of it may have been written by the client.
///
/// # Errors
/// [`UnknownClientIp`] if a trusted proxy names no client or something that is not an address, or
/// if the peer is this machine, forwards somebody else's request, and is not trusted.
pub(crate) fn caller(
    peer: IpAddr,
    headers: &HeaderMap,
    trusted: &[IpNet],
) -> Result<IpAddr, UnknownClientIp> {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let mut caller = peer.to_canonical();
    if !is_trusted(caller) {
        let passed_on = PASSED_ON.iter().any(|name| headers.contains_key(*name));
        let unnamed = caller.is_loopback() && passed_on;
        return if unnamed { Err(UnknownClientIp::UnnamedProxy) } else { Ok(caller) };
    }
    let values: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    if values.is_empty() {
        return Err(UnknownClientIp::Missing);
    }
    for value in values.into_iter().rev() {
        let value = value.to_str().map_err(|_| UnknownClientIp::Unreadable)?;
        for hop in value.rsplit(',').map(str::trim) {
            caller = parse_hop(hop).ok_or(UnknownClientIp::Unreadable)?;
            if !is_trusted(caller) {
                return Ok(caller);
            }
        }
    }
    Ok(caller)
}

/// An address, possibly with a port, as proxies write it.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    address.or_else(with_port).or_else(in_brackets).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(peer: &str, forwarded: &[&str], trusted: &[&str]) -> Result<String, UnknownClientIp> {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        caller(peer.parse().unwrap(), &headers, &trusted).map(|address| address.to_string())
    }

    #[test]
    fn an_untrusted_peer_speaks_for_itself() {
        assert_eq!(found("203.0.113.9", &["10.0.0.1"], &[]).unwrap(), "203.0.113.9");
        assert_eq!(found("203.0.113.9", &["10.0.0.1"], &["127.0.0.0/8"]).unwrap(), "203.0.113.9");
        assert_eq!(found("::ffff:203.0.113.9", &[], &[]).unwrap(), "203.0.113.9");
    }

    #[test]
    fn an_unnamed_proxy_on_this_machine_speaks_for_nobody() {
        for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            let error = Err(UnknownClientIp::UnnamedProxy);
            assert_eq!(found(peer, &["203.0.113.9"], &[]), error, "{peer}");
            assert_eq!(found(peer, &["127.0.0.1"], &["10.0.0.0/8"]), error, "{peer}");
            assert!(found(peer, &[], &[]).is_ok(), "{peer}");
        }
        let headers = HeaderMap::from_iter([(http::header::FORWARDED, "for=x".parse().unwrap())]);
        assert!(caller("127.0.0.1".parse().unwrap(), &headers, &[]).is_err());
    }

    #[test]
    fn the_right_most_untrusted_hop_is_the_caller() {
        let proxies = ["127.0.0.0/8", "10.0.0.0/8"];
        for (forwarded, caller) in [
            (&["203.0.113.9"][..], "203.0.113.9"),
            (&["127.0.0.1, 203.0.113.9"], "203.0.113.9"),
            (&["1.2.3.4, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            (&["1.2.3.4", "203.0.113.9"], "203.0.113.9"),
            (&["nonsense, 203.0.113.9:4711"], "203.0.113.9"),
            (&["[2001:db8::1]:443"], "2001:db8::1"),
            (&["::ffff:203.0.113.9"], "203.0.113.9"),
            (&["10.0.0.3"], "10.0.0.3"),
        ] {
            assert_eq!(found("127.0.0.1", forwarded, &proxies).unwrap(), caller, "{forwarded:?}");
            assert_eq!(
                found("::ffff:127.0.0.1", forwarded, &proxies).unwrap(),
                caller,
                "{forwarded:?}"
            );
        }
    }

    /// Otherwise everybody behind it would get the proxy's own address, which may be on the list.
    #[test]
    fn a_trusted_proxy_that_names_nobody_speaks_for_nobody() {
        for name in ["x-real-ip", "forwarded", "via"] {
            let name = http::HeaderName::from_static(name);
            let headers = HeaderMap::from_iter([(name, "203.0.113.9".parse().unwrap())]);
            let found =
                caller("10.0.0.1".parse().unwrap(), &headers, &["10.0.0.0/8".parse().unwrap()]);
            assert_eq!(found, Err(UnknownClientIp::Missing));
        }
        assert_eq!(found("127.0.0.1", &[], &["127.0.0.1/32"]), Err(UnknownClientIp::Missing));
    }

    #[test]
    fn an_unreadable_hop_is_no_address() {
        for forwarded in
            ["unknown", "203.0.113.9, ", "203.0.113.9, x", "203.0.113", "[203.0.113.9]"]
        {
            let found = found("127.0.0.1", &[forwarded], &["127.0.0.1/32"]);
            assert_eq!(found, Err(UnknownClientIp::Unreadable));
        }
    }
}
