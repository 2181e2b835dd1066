//! The hosts that a log may be sent to. Pure.
//!
//! The API names the target, and an impostor could name another: so a log is only sent to the API's
//! own host, to S3 itself, or to a host in the settings.

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

/// Whether a log may be sent to `upload`, according to `api` and the settings.
pub(crate) fn is_expected(upload: &Url, api: &Url, named: &[HostPattern]) -> bool {
    let Some(host) = upload.host() else { return false };
    Some(&host) == api.host().as_ref()
        || is_this_machine(&host) && api.host().is_some_and(|api| is_this_machine(&api))
        || named.iter().any(|pattern| pattern.names(&host))
        // A response over http could come from anybody, and anybody can have a bucket.
        || api.scheme() == "https" && matches!(host, Host::Domain(name) if is_s3(name))
}

/// Under any name, the log then stays on this machine.
fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// Whether a name belongs to S3, in any partition of AWS: path- or virtual-hosted style, with or
/// without a region, dual-stack, accelerated, FIPS, or a VPC endpoint.
///
/// It is read from the right, because labels on the left may be a bucket's name, which anybody can
/// choose.
fn is_s3(name: &str) -> bool {
    let Some(rest) = [".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu"]
        .into_iter()
        .find_map(|suffix| name.strip_suffix(suffix))
    else {
        return false;
    };
    let labels: Vec<&str> = rest.rsplit('.').collect();
    let is_service = |label: &str| matches!(label, "s3" | "s3-fips");
    match labels[..] {
        ["s3" | "s3-accelerate", ..] | ["dualstack", "s3-accelerate", ..] => true,
        ["vpce", region, "s3", ..] => is_region(region),
        // The old form of S3's names: s3-us-west-2.amazonaws.com.
        [label, ..] if label.strip_prefix("s3-").is_some_and(is_region) => true,
        [region, "dualstack", service, ..] | [region, service, ..] => {
            is_region(region) && is_service(service)
        }
        _ => false,
    }
}

/// `ap-northeast-1`, `us-gov-west-1`: three words or more, the last one a number.
fn is_region(label: &str) -> bool {
    let mut words = label.split('-');
    let number = words.next_back().unwrap_or_default();
    let words: Vec<&str> = words.collect();
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    words.len() >= 2
        && words.iter().all(is_word)
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(upload: &str, api: &str, named: &[&str]) -> bool {
        let named: Vec<HostPattern> = named.iter().map(|text| text.parse().unwrap()).collect();
        is_expected(&Url::parse(upload).unwrap(), &Url::parse(api).unwrap(), &named)
    }

    #[test]
    fn the_apis_own_host_on_any_port() {
        assert!(expected("http://logs.example:8751/b/k", "http://LOGS.example:8750/", &[]));
        assert!(expected("http://[::1]:8750/b/k", "http://[::1]:8750/", &[]));
        assert!(expected("http://127.0.0.1:8750/b/k", "http://localhost:8750/", &[]));
        assert!(!expected("http://127.0.0.1/b/k", "https://logs.example/", &[]));
        assert!(!expected("https://b.logs.example/k", "https://logs.example/", &[]));
        assert!(!expected("https://logs.example.evil/k", "https://logs.example/", &[]));
    }

    #[test]
    fn s3_by_each_of_its_names() {
        let api = "https://x.execute-api.ap-northeast-1.amazonaws.com/prod";
        for host in [
            "s3.amazonaws.com",
            "bucket.s3.amazonaws.com",
            "s3.ap-northeast-1.amazonaws.com",
            "bucket.s3.ap-northeast-1.amazonaws.com",
            "bucket.with.dots.s3.us-gov-west-1.amazonaws.com",
            "s3.dualstack.ap-northeast-1.amazonaws.com",
            "bucket.s3.dualstack.ap-northeast-1.amazonaws.com",
            "bucket.s3-fips.us-east-1.amazonaws.com",
            "bucket.s3-fips.dualstack.us-east-1.amazonaws.com",
            "bucket.s3-accelerate.amazonaws.com",
            "bucket.s3-accelerate.dualstack.amazonaws.com",
            "bucket.s3-us-west-2.amazonaws.com",
            "bucket.s3.cn-north-1.amazonaws.com.cn",
            "bucket.s3.eusc-de-east-1.amazonaws.eu",
            "bucket.vpce-1a2b3c4d.s3.us-east-1.vpce.amazonaws.com",
        ] {
            assert!(expected(&format!("https://{host}/k"), api, &[]), "{host}");
            assert!(!expected(&format!("https://{host}/k"), "http://logs.example/", &[]), "{host}");
        }
        for host in [
            "s3.ap-northeast-1.amazonaws.com.evil.example",
            "s3-amazonaws.com",
            "s3.elb.amazonaws.com",
            "s3-web-1.us-east-1.elb.amazonaws.com",
            "s3.ec2-203-0-113-9.compute-1.amazonaws.com",
            "x.execute-api.ap-northeast-1.amazonaws.com.",
            "y.execute-api.ap-northeast-1.amazonaws.com",
            "s3.x.execute-api.ap-northeast-1.amazonaws.com",
            "amazonaws.com",
        ] {
            assert!(!expected(&format!("https://{host}/k"), api, &[]), "{host}");
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
