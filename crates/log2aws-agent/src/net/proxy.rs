//! Chooses the proxy of a request. Pure: the environment is an argument.
//!
//! As in curl: the variable of the URL's scheme, else `ALL_PROXY`, lower case first; an entry of
//! `NO_PROXY` matches the host itself and its subdomains, `10.0.0.0/8` matches the addresses of a
//! network, `*` matches all hosts. A setting (`--proxy`, `--no-proxy`) replaces the variables.

use std::fmt;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use url::Url;

use super::endpoint::Endpoint;

/// The variables of https URLs, in order of priority.
const HTTPS: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// The variables of http URLs, in order of priority.
const HTTP: [&str; 4] = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];

/// The variables with the hosts that are reached without a proxy, in order of priority.
const NO_PROXY: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// The proxies for https and http, and the hosts that are reached without one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    https: Option<Given>,
    http: Option<Given>,
    no_proxy: String,
}

impl fmt::Debug for Proxies {
    /// Without the addresses, which can contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = |given: &Option<Given>| given.as_ref().map(|given| given.source);
        f.debug_struct("Proxies")
            .field("https", &source(&self.https))
            .field("http", &source(&self.http))
            .field("no_proxy", &self.no_proxy)
            .finish()
    }
}

/// The address of a proxy as it was given.
#[derive(Clone, PartialEq, Eq)]
struct Given {
    source: ProxySource,
    address: String,
}

/// Where a proxy was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxySource {
    /// `--proxy`, or the key `proxy`.
    Setting,
    /// This environment variable.
    Variable(&'static str),
}

impl fmt::Display for ProxySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Setting => "--proxy",
            Self::Variable(name) => name,
        })
    }
}

/// The proxy of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProxyEndpoint {
    pub(crate) endpoint: Endpoint,
    pub(crate) login: Option<Login>,
    pub(crate) source: ProxySource,
}

impl fmt::Display for ProxyEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} ({})", self.endpoint.host, self.endpoint.port, self.source)
    }
}

/// User and password for a proxy. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

impl Login {
    /// The header for it, with its line end (RFC 7617).
    pub(super) fn header(&self) -> String {
        let login = BASE64.encode(format!("{}:{}", self.user, self.password));
        format!("Proxy-Authorization: Basic {login}\r\n")
    }
}

/// Whether a text is the address of an HTTP proxy, such as `http://proxy.example.com:3128`.
pub fn is_proxy_url(text: &str) -> bool {
    parse(text).is_some()
}

/// The proxy at an address; `http://` can be left out.
fn parse(address: &str) -> Option<ureq::Proxy> {
    let address = address.trim();
    // ureq accepts schemes that it cannot use, and treats an invalid port as 80.
    let with_scheme =
        if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let url = Url::parse(&with_scheme).ok()?;
    let is_http = matches!(url.scheme(), "http" | "https");
    ureq::Proxy::new(&with_scheme).ok().filter(|_| is_http)
}

impl Proxies {
    /// The settings, or else what the environment says. An empty value counts as absent.
    pub fn new(
        proxy: Option<&str>,
        no_proxy: Option<&str>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let first = |names: &[&'static str]| {
            let value = |name| variable(name).filter(|value| !value.trim().is_empty());
            names.iter().find_map(|name| Some((*name, value(name)?)))
        };
        let of_scheme = |names| match proxy.map(str::trim) {
            // Set to none.
            Some("") => None,
            Some(address) => {
                Some(Given { source: ProxySource::Setting, address: address.to_owned() })
            }
            None => first(names)
                .map(|(name, address)| Given { source: ProxySource::Variable(name), address }),
        };
        let exempt = no_proxy.map(str::to_owned);
        Self {
            https: of_scheme(&HTTPS),
            http: of_scheme(&HTTP),
            no_proxy: exempt.or_else(|| Some(first(&NO_PROXY)?.1)).unwrap_or_default(),
        }
    }

    /// The environment variables that replace the key `proxy` of a config file, if one is set.
    pub fn variables() -> impl Iterator<Item = &'static str> {
        // Those for both schemes are in either list.
        HTTPS.into_iter().chain(HTTP.into_iter().take(2))
    }

    /// The environment variables that replace the key `no-proxy`, if one is set.
    pub fn exempting_variables() -> impl Iterator<Item = &'static str> {
        NO_PROXY.into_iter()
    }

    /// The proxy for `url`, if there is one.
    ///
    /// # Errors
    /// The source of an address that is not one of an HTTP proxy.
    pub(crate) fn choose(&self, url: &Url) -> Result<Option<ProxyEndpoint>, ProxySource> {
        let given = if url.scheme() == "https" { &self.https } else { &self.http };
        let Some(Given { source, address }) = given else { return Ok(None) };
        if url.host_str().is_some_and(|host| is_exempt(host, &self.no_proxy)) {
            return Ok(None);
        }
        let proxy = parse(address).ok_or(*source)?;
        Ok(Some(ProxyEndpoint {
            endpoint: Endpoint {
                host: proxy.host().to_owned(),
                port: proxy.port(),
                tls: proxy.protocol() == ureq::ProxyProtocol::Https,
            },
            login: proxy.username().map(|user| Login {
                user: user.to_owned(),
                password: proxy.password().unwrap_or_default().to_owned(),
            }),
            source: *source,
        }))
    }
}

fn is_exempt(host: &str, exempt: &str) -> bool {
    // A URL has an IPv6 address in brackets; the variable need not.
    let bare = |name: &str| name.trim_matches(['[', ']']).to_ascii_lowercase();
    let host = bare(host);
    exempt.split([',', ' ']).filter(|entry| !entry.is_empty()).any(|entry| {
        let entry = bare(entry.trim_start_matches("*.").trim_start_matches('.'));
        let parent = host.strip_suffix(&entry).is_some_and(|rest| rest.ends_with('.'));
        entry == "*" || host == entry || parent && !entry.is_empty() || is_in(&host, &entry)
    })
}

/// Whether a host is an address in a network such as `10.0.0.0/8`.
fn is_in(host: &str, network: &str) -> bool {
    let bits = |address: &str| match address.parse().ok()? {
        IpAddr::V4(v4) => Some((u128::from(u32::from(v4)) << 96, 32)),
        IpAddr::V6(v6) => Some((u128::from(v6), 128)),
    };
    let Some((network, length)) = network.split_once('/') else { return false };
    let (Some((host, width)), Some((network, network_width))) = (bits(host), bits(network)) else {
        return false;
    };
    let Ok(length) = length.parse::<u32>() else { return false };
    // For a length of 0 the shift by all 128 bits leaves nothing to compare.
    width == network_width
        && length <= width
        && (host ^ network).checked_shr(128 - length).is_none_or(|differs| differs == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(env: &[(&str, &str)]) -> Proxies {
        let get = |name: &str| {
            env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        Proxies::new(None, None, get)
    }

    fn port(url: &str, env: &[(&str, &str)]) -> Result<Option<u16>, ProxySource> {
        let proxy = proxies(env).choose(&Url::parse(url).unwrap());
        proxy.map(|proxy| proxy.map(|proxy| proxy.endpoint.port))
    }

    #[test]
    fn each_scheme_has_its_variable() {
        let env = [("HTTPS_PROXY", "http://p:1"), ("http_proxy", "p:2"), ("ALL_PROXY", "p:3")];
        assert_eq!(port("https://a/", &env), Ok(Some(1)));
        assert_eq!(port("http://a/", &env), Ok(Some(2)));
        assert_eq!(port("http://a/", &env[2..]), Ok(Some(3)));
        assert_eq!(port("http://a/", &env[..1]), Ok(None));
        assert_eq!(port("https://a/", &[("https_proxy", " "), ("ALL_PROXY", "")]), Ok(None));
    }

    #[test]
    fn lower_case_wins_and_the_scheme_wins_over_all() {
        let https = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
        let http = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
        for (scheme, names) in [("https", https), ("http", http)] {
            let mut env: Vec<(&str, &str)> =
                names.into_iter().zip(["p:1", "p:2", "p:3", "p:4"]).collect();
            for first in 1..=4 {
                assert_eq!(port(&format!("{scheme}://a/"), &env), Ok(Some(first)));
                env.remove(0);
            }
        }
        let env = [("https_proxy", "p:1"), ("no_proxy", "b"), ("NO_PROXY", "a")];
        assert_eq!(port("https://a/", &env), Ok(Some(1)));
        assert_eq!(port("https://b/", &env), Ok(None));
    }

    #[test]
    fn a_setting_replaces_the_variables() {
        let env = |name: &str| match name {
            "https_proxy" | "no_proxy" => Some("a:1".to_owned()),
            _ => None,
        };
        let set = Proxies::new(Some("http://u:secret@p:2"), Some("b"), env);
        for scheme in ["http", "https"] {
            let of = |host: &str| set.choose(&Url::parse(&format!("{scheme}://{host}/")).unwrap());
            let proxy = of("a").unwrap().unwrap();
            assert_eq!(proxy.to_string(), "p:2 (--proxy)");
            assert_eq!(of("b"), Ok(None));
            assert!(!format!("{set:?} {proxy:?}").contains("secret"));
        }
        let none = Proxies::new(Some(""), None, env);
        assert_eq!(none.choose(&Url::parse("https://c/").unwrap()), Ok(None));
    }

    #[test]
    fn exempt_hosts_are_reached_directly() {
        let is_direct = |host: &str, exempt| {
            let env = [("https_proxy", "p:1"), ("NO_PROXY", exempt)];
            port(&format!("https://{host}/"), &env) == Ok(None)
        };
        let list = "localhost, .corp.example,*.x.example,::1,10.0.0.7,172.16.0.0/12,fd00::/8";
        for host in [
            "localhost",
            "corp.example",
            "s3.CORP.example",
            "a.x.example",
            "[::1]",
            "10.0.0.7",
            "172.31.255.255",
            "[fd12::1]",
        ] {
            assert!(is_direct(host, list), "{host}");
        }
        for host in [
            "notlocalhost",
            "xcorp.example",
            "example",
            "10.0.0.70",
            "172.32.0.0",
            "[fe00::1]",
            "[::172.16.0.1]",
        ] {
            assert!(!is_direct(host, list), "{host}");
        }
        assert!(is_direct("10.1.2.3", "0.0.0.0/0") && !is_direct("10.1.2.3", "::/0"));
        for rubbish in ["10.1.2.0/33", "10.1.2.0/-1", "10.1.2/24", "/0", "10.1.2.3/"] {
            assert!(!is_direct("10.1.2.3", rubbish), "{rubbish}");
        }
        assert!(is_direct("a", "*") && !is_direct("a.b", ".") && !is_direct("a", ""));
    }

    #[test]
    fn an_address_that_is_no_proxy_is_named_by_its_source() {
        for bad in ["socks5://user:word@p:1", "http://", "http://p:port"] {
            let refused = port("https://a/", &[("HTTPS_PROXY", bad)]);
            assert_eq!(refused, Err(ProxySource::Variable("HTTPS_PROXY")), "{bad}");
            assert!(!is_proxy_url(bad), "{bad}");
        }
        assert!(is_proxy_url("proxy.example.com:3128") && is_proxy_url(" https://u:p@p "));
    }
}
