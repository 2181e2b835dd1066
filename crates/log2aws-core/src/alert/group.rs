//! Which servers probably have one cause: those of one network.

use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use crate::server_name::ServerName;

/// Where a server is: the network that its logs come from, or else what its name has in common with
/// others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Network(String);

impl Network {
    /// The /24 (IPv4) or /64 (IPv6) of an address.
    pub fn of_address(address: IpAddr) -> Self {
        let network = match address.to_canonical() {
            IpAddr::V4(v4) => Ipv4Net::new(v4, 24).map(|net| IpNet::V4(net.trunc())),
            IpAddr::V6(v6) => Ipv6Net::new(v6, 64).map(|net| IpNet::V6(net.trunc())),
        };
        Self(network.map_or_else(|_| address.to_string(), |network| network.to_string()))
    }

    /// A name without the digits at the end of its first part: `web*.example.com` of
    /// `web01.example.com`. A name without such digits is alone.
    pub fn of_name(server: &ServerName) -> Self {
        let name = server.as_str();
        let (host, domain) = name.find('.').map_or((name, ""), |dot| name.split_at(dot));
        let stem = host.trim_end_matches(|c: char| c.is_ascii_digit());
        if stem.is_empty() || stem == host {
            return Self(name.to_owned());
        }
        Self(format!("{stem}*{domain}"))
    }

    /// The same as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_a_network_of_256_or_in_one_line() {
        let of = |text: &str| Network::of_address(text.parse().unwrap()).to_string();
        assert_eq!(of("10.1.2.3"), "10.1.2.0/24");
        assert_eq!(of("::ffff:10.1.2.3"), "10.1.2.0/24");
        assert_eq!(of("2001:db8:1:2:3::4"), "2001:db8:1:2::/64");
    }

    #[test]
    fn names_that_differ_in_their_number_are_together() {
        let of = |text: &str| Network::of_name(&text.parse().unwrap()).to_string();
        assert_eq!(of("web01"), "web*");
        assert_eq!(of("web-12.example.com"), "web-*.example.com");
        assert_eq!(of("mail"), "mail");
        assert_eq!(of("01.example.com"), "01.example.com");
    }
}
