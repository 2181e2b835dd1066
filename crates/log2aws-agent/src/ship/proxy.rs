//! Chooses the proxy from the environment. Pure: the environment is an argument.
//!
//! As in curl: the variable of the URL's scheme, else `ALL_PROXY`, lower case first; an entry of
//! `NO_PROXY` matches the host itself and its subdomains, `10.0.0.0/8` matches the addresses of a
//! network, `*` matches all hosts.

use std::net::IpAddr;

use url::Url;

/// The proxy for `url`, if there is one.
///
/// # Errors
/// The name of the variable whose value is not the address of an HTTP proxy. The value itself can
/// contain a password.
pub(crate) fn choose(
    url: &Url,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Option<ureq::Proxy>, &'static str> {
    let env = |name: &str| env(name).filter(|value| !value.trim().is_empty());
    let names = match url.scheme() {
        "https" => ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
        _ => ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"],
    };
    let Some((name, value)) = names.into_iter().find_map(|name| Some((name, env(name)?))) else {
        return Ok(None);
    };
    let exempt = env("no_proxy").or_else(|| env("NO_PROXY")).unwrap_or_default();
    if url.host_str().is_some_and(|host| is_exempt(host, &exempt)) {
        return Ok(None);
    }
    let value = value.trim();
    // ureq accepts schemes that it cannot use, and treats an invalid port as 80.
    let with_scheme =
        if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    match Url::parse(&with_scheme) {
        Ok(proxy) if matches!(proxy.scheme(), "http" | "https") => {
            ureq::Proxy::new(&with_scheme).map(Some).map_err(|_| name)
        }
        _ => Err(name),
    }
}

/// The proxy of this process for an API, as `host:port`: without a user and a password.
pub(crate) fn proxy_of(api: &str) -> Option<String> {
    let chosen = choose(&Url::parse(api).ok()?, |name| std::env::var(name).ok());
    chosen.ok()?.map(|proxy| format!("{}:{}", proxy.host(), proxy.port()))
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

    fn port(url: &str, env: &[(&str, &str)]) -> Result<Option<u16>, &'static str> {
        let url = Url::parse(url).unwrap();
        let get = |name: &str| {
            env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        choose(&url, get).map(|proxy| proxy.map(|proxy| proxy.port()))
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
    fn exempt_hosts_go_straight() {
        let goes_straight = |host: &str, exempt| {
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
            assert!(goes_straight(host, list), "{host}");
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
            assert!(!goes_straight(host, list), "{host}");
        }
        assert!(goes_straight("10.1.2.3", "0.0.0.0/0") && !goes_straight("10.1.2.3", "::/0"));
        for rubbish in ["10.1.2.0/33", "10.1.2.0/-1", "10.1.2/24", "/0", "10.1.2.3/"] {
            assert!(!goes_straight("10.1.2.3", rubbish), "{rubbish}");
        }
        assert!(goes_straight("a", "*") && !goes_straight("a.b", ".") && !goes_straight("a", ""));
    }

    #[test]
    fn what_is_no_proxy_is_named_and_not_shown() {
        for bad in ["socks5://user:word@p:1", "http://", "http://p:port"] {
            assert_eq!(port("https://a/", &[("HTTPS_PROXY", bad)]), Err("HTTPS_PROXY"), "{bad}");
        }
    }
}
