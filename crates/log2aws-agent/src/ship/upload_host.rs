//! The hosts that a log may be sent to. Pure.
//!
//! The API names the target. Over https its certificate says that it is the API, so any https host
//! will do. Over http anybody on the way can answer, and must not choose which host of our network
//! gets requests: only the API's own host is allowed, or one in the settings.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// A host name, an address, or (`*.example.com`) every name below a domain.
///
/// Invariant: lower case, as in [`Url`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    host: Host,
    /// Matches the names below `host`, and not `host` itself.
    below: bool,
}

/// Why a text is not a valid [`HostPattern`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no host: give a name (s3.example.com), an address, or *.example.com for every name \
     under it; without https:// and without a port"
)]
pub struct HostPatternError(String);

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        let error = || HostPatternError(text.to_owned());
        let text = text.trim();
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        // An IPv6 address; a URL has it in brackets.
        let name = match name.parse::<std::net::Ipv6Addr>() {
            Ok(_) => format!("[{name}]"),
            Err(_) => name.to_owned(),
        };
        let host = Host::parse(&name).map_err(|_| error())?;
        match &host {
            Host::Domain(name) if name.is_empty() || name.contains('*') => Err(error()),
            Host::Ipv4(_) | Host::Ipv6(_) if below => Err(error()),
            _ => Ok(Self { host, below }),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.below { "*." } else { "" }, self.host)
    }
}

impl HostPattern {
    fn names(&self, host: &Host<&str>) -> bool {
        match (&self.host, host) {
            (Host::Domain(domain), Host::Domain(name)) if self.below => {
                name.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
            }
            (Host::Domain(domain), Host::Domain(name)) => domain == name,
            (Host::Ipv4(a), Host::Ipv4(b)) => a == b,
            (Host::Ipv6(a), Host::Ipv6(b)) => a == b,
            _ => false,
        }
    }
}

/// Whether a log may be sent to `upload`, according to the settings and to an API that was reached
/// over TLS or not.
pub(crate) fn is_expected(upload: &Url, api: &Url, tls: bool, named: &[HostPattern]) -> bool {
    let Some(host) = upload.host() else { return false };
    tls || Some(&host) == api.host().as_ref()
        || is_this_machine(&host) && api.host().is_some_and(|api| is_this_machine(&api))
        || named.iter().any(|pattern| pattern.names(&host))
}

/// Under any name, the log then stays on this machine.
fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(upload: &str, api: &str, named: &[&str]) -> bool {
        let named: Vec<HostPattern> = named.iter().map(|text| text.parse().unwrap()).collect();
        let api = Url::parse(api).unwrap();
        is_expected(&Url::parse(upload).unwrap(), &api, api.scheme() == "https", &named)
    }

    #[test]
    fn over_http_the_apis_own_host_on_any_port() {
        assert!(expected("http://logs.example:8751/b/k", "http://LOGS.example:8750/", &[]));
        assert!(expected("http://[::1]:8750/b/k", "http://[::1]:8750/", &[]));
        assert!(expected("http://127.0.0.1:8750/b/k", "http://localhost:8750/", &[]));
        for other in ["127.0.0.1", "b.logs.example", "logs.example.evil", "b.s3.amazonaws.com"] {
            assert!(
                !expected(&format!("https://{other}/k"), "http://logs.example/", &[]),
                "{other}"
            );
        }
    }

    #[test]
    fn over_https_any_host_that_the_api_names() {
        let api = "https://x.execute-api.ap-northeast-1.amazonaws.com/prod";
        for host in ["bucket.s3.ap-northeast-1.amazonaws.com", "store.example:9000"] {
            assert!(expected(&format!("https://{host}/k"), api, &[]), "{host}");
        }
    }

    #[test]
    fn hosts_that_the_operator_names() {
        let goes = |host: &str, named: &[&str]| {
            expected(&format!("http://{host}/k"), "http://logs.example/", named)
        };
        assert!(goes("s3.corp", &["other", " S3.Corp "]));
        assert!(goes("a.corp", &["*.corp"]) && goes("a.b.corp", &["*.corp"]));
        assert!(!goes("corp", &["*.corp"]) && !goes("xcorp", &["*.corp"]));
        assert!(goes("10.0.0.7:9000", &["10.0.0.7"]));
        assert!(goes("[fd00::7]:9000", &["fd00::7"]) && goes("[fd00::7]", &["[FD00::7]"]));
        assert!(!goes("10.0.0.70", &["10.0.0.7"]));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for bad in ["", "*", "*.", "*.*.x", "a*.x", "https://a", "a:80", "*.10.0.0.1", "a/b", "a b"]
        {
            assert!(bad.parse::<HostPattern>().is_err(), "{bad:?}");
        }
        assert_eq!("*.Example.com".parse::<HostPattern>().unwrap().to_string(), "*.example.com");
        assert_eq!("fd00::7".parse::<HostPattern>().unwrap().to_string(), "[fd00::7]");
    }
}
