//! Judges the connection to a host. Pure.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use jiff::Timestamp;
use rustls::{CertificateError, Error};

use crate::doctor::facts::connection::{ProxyHop, Reachability, Target};
use crate::doctor::facts::tls::{Handshake, TlsFault};
use crate::doctor::finding::{Check, Finding};

use super::answer::CLOCK_LIMIT;
use super::samples::span;

/// Connecting slower than this is reported.
const SLOW: Duration = Duration::from_secs(2);

/// The connection to the API, one finding per step. If every step succeeded, the last finding is no
/// fault.
pub(crate) fn api(
    target: &Target,
    proxy: Option<&ProxyHop>,
    connection: &Reachability,
    now: Timestamp,
) -> Vec<Finding> {
    let there = proxy.map_or(target.host.as_str(), |hop| hop.host.as_str());
    let (address, took, tried, tls) = match connection {
        Reachability::NoName { slow } => return vec![no_name(there, proxy.is_some(), *slow)],
        Reachability::NoConnection { tried } => {
            return vec![named(there), no_connection(target, proxy, tried)];
        }
        Reachability::NoTunnel { status } => {
            return vec![named(there), no_tunnel(target, proxy, *status)];
        }
        Reachability::Connected { address, took, tried, tls } => (address, *took, tried, tls),
    };
    let mut findings = vec![connection_finding(*address, took, tried)];
    // An address needs no name lookup.
    if there.trim_matches(['[', ']']).parse::<IpAddr>().is_err() {
        findings.insert(0, named(there));
    }
    if let Some(tls) = tls {
        findings.extend(handshake(target, tls, now));
    } else if !address.ip().is_loopback() {
        findings.push(Finding::warn(
            Check::Tls,
            "the API is asked over http: anybody on the way there can read logs and use its URLs",
            "give the API a certificate, and --api its https address",
        ));
    }
    findings
}

/// The connection to the store, in one finding.
pub(crate) fn store(
    target: &Target,
    proxy: Option<&ProxyHop>,
    connection: &Reachability,
    now: Timestamp,
) -> Finding {
    let origin = format!("{}:{}", target.host, target.port);
    let fault = match connection {
        Reachability::NoName { slow } => {
            no_name(proxy.map_or(&target.host, |hop| &hop.host), proxy.is_some(), *slow)
        }
        Reachability::NoConnection { tried } => no_connection(target, proxy, tried),
        Reachability::NoTunnel { status } => no_tunnel(target, proxy, *status),
        Reachability::Connected { tls, .. } => {
            let fault = tls.as_ref().and_then(|tls| {
                handshake(target, tls, now).into_iter().find(|finding| finding.todo.is_some())
            });
            let Some(fault) = fault else {
                let by = tls.as_ref().and_then(|tls| tls.issuer.as_ref());
                let by = by.map_or_else(String::new, |by| format!(", certificate of {by}"));
                return Finding::ok(Check::Store, format!("{origin} is reached{by}"));
            };
            fault
        }
    };
    // The API was reachable, so the fault is the store's.
    Finding {
        check: Check::Store,
        what: format!("uploads go to {origin}, but {}", fault.what),
        ..fault
    }
}

fn named(name: &str) -> Finding {
    Finding::ok(Check::Name, format!("{name} has an address"))
}

fn no_name(name: &str, proxy: bool, slow: bool) -> Finding {
    let what = if slow {
        format!("the address of {name} was not found within 10 s")
    } else {
        format!("the name {name} has no address")
    };
    let where_it_stands = if proxy { "HTTPS_PROXY" } else { "--api" };
    let todo = format!(
        "correct {where_it_stands}, or mend this machine's DNS (getent hosts {name}, \
         /etc/resolv.conf)"
    );
    Finding::fail(Check::Name, what, todo)
}

fn no_connection(
    target: &Target,
    proxy: Option<&ProxyHop>,
    tried: &[(SocketAddr, io::Error)],
) -> Finding {
    let port = proxy.map_or(target.port, |hop| hop.port);
    let who = if proxy.is_some() { "the proxy " } else { "" };
    let addresses: Vec<String> = tried.iter().map(|(address, _)| address.to_string()).collect();
    let addresses = addresses.join(", ");
    let refused = tried.iter().any(|(_, error)| error.kind() == ErrorKind::ConnectionRefused);
    let slow = tried.iter().any(|(_, error)| error.kind() == ErrorKind::TimedOut);
    let (what, todo) = if refused {
        (
            format!("{who}{addresses} refuses the connection"),
            "start what should listen there, correct the port, or let the firewall pass it"
                .to_owned(),
        )
    } else if slow {
        (
            format!("{who}{addresses} does not answer within 10 s"),
            format!(
                "a firewall drops it: let TCP port {port} out, or name the proxy in HTTPS_PROXY"
            ),
        )
    } else {
        let error = tried.last().map_or_else(String::new, |(_, error)| format!(" ({error})"));
        (
            format!("there is no way to {who}{addresses}{error}"),
            "see ip route, and whether the network is up".to_owned(),
        )
    };
    Finding::fail(Check::Connection, what, todo)
}

fn no_tunnel(target: &Target, proxy: Option<&ProxyHop>, status: Option<u16>) -> Finding {
    let hop = proxy.map_or_else(String::new, |hop| format!("{}:{}", hop.host, hop.port));
    let to = format!("{}:{}", target.host, target.port);
    let (what, todo) = match status {
        Some(407) => (
            format!("the proxy {hop} wants a user and a password (407)"),
            "put them into HTTPS_PROXY: http://user:password@host:port".to_owned(),
        ),
        Some(status) => (
            format!("the proxy {hop} does not lead to {to} ({status})"),
            format!(
                "ask its administrator to allow CONNECT to {to}, or put {} into NO_PROXY",
                target.host
            ),
        ),
        None => (
            format!("{hop} does not answer as a proxy does"),
            "correct HTTPS_PROXY, or unset it".to_owned(),
        ),
    };
    Finding::fail(Check::Proxy, what, todo)
}

fn connection_finding(
    address: SocketAddr,
    took: Duration,
    tried: &[(SocketAddr, io::Error)],
) -> Finding {
    let reached = format!("{address} is reached in {} ms", took.as_millis());
    if let [(dead, error), ..] = tried {
        return Finding::warn(
            Check::Connection,
            format!("{reached}, but {dead} before it is not ({error})"),
            if dead.is_ipv6() {
                "each delivery waits for it: mend IPv6 here, or take that address out of DNS"
            } else {
                "each delivery waits for it: mend it, or take that address out of DNS"
            },
        );
    }
    if took > SLOW {
        return Finding::warn(Check::Connection, reached, "the line is slow or loses packets: mtr");
    }
    Finding::ok(Check::Connection, reached)
}

/// Judges the certificates; if the cause is a wrong clock, it says so.
fn handshake(target: &Target, tls: &Handshake, now: Timestamp) -> Vec<Finding> {
    let name = &target.host;
    let by =
        tls.issuer.as_ref().map_or_else(|| "nobody knows whom".to_owned(), ToString::to_string);
    let fail = |what: String, todo: String| Finding::fail(Check::Tls, what, todo);
    let finding = match &tls.verdict {
        Ok(()) => return vec![trusted(name, tls)],
        Err(TlsFault::NoRoots) => fail(
            "this machine trusts no certificate authority at all".to_owned(),
            "install the package ca-certificates, or name a file with --ca-file".to_owned(),
        ),
        Err(TlsFault::NotTls(problem)) => fail(
            format!("{name}:{} does not speak TLS ({problem})", target.port),
            "write http: in --api if the API has no certificate; else something in between cuts the \
             connection"
                .to_owned(),
        ),
        Err(TlsFault::Certificate(error)) => return certificate(name, &by, error, tls.date, now),
    };
    vec![finding]
}

fn certificate(
    name: &str,
    by: &str,
    error: &Error,
    date: Option<Timestamp>,
    now: Timestamp,
) -> Vec<Finding> {
    use CertificateError as E;
    let fail = |what: String, todo: String| vec![Finding::fail(Check::Tls, what, todo)];
    match error {
        Error::InvalidCertificate(
            E::Expired | E::ExpiredContext { .. } | E::NotValidYet | E::NotValidYetContext { .. },
        ) => {
            let late =
                matches!(error, Error::InvalidCertificate(E::Expired | E::ExpiredContext { .. }));
            let state = if late { "has expired" } else { "is not valid yet" };
            let off = date.map(|date| date.duration_since(now));
            match off.filter(|off| off.unsigned_abs() > CLOCK_LIMIT) {
                Some(off) => vec![Finding::fail(
                    Check::Clock,
                    format!(
                        "this machine's clock is {} {} that of {name}, whose certificate therefore {state}",
                        span(off.unsigned_abs()),
                        if off.is_positive() { "behind" } else { "ahead of" },
                    ),
                    "set it: timedatectl set-ntp true, chronyc makestep",
                )],
                None => fail(
                    format!("the certificate of {name} (issued by {by}) {state}"),
                    "the administrator of that host must renew it; this machine's clock is right"
                        .to_owned(),
                ),
            }
        }
        Error::InvalidCertificate(E::UnknownIssuer) => fail(
            format!(
                "the certificate of {name} is issued by {by}, whom this machine does not trust"
            ),
            "if that is your own authority or your inspecting proxy, name its certificate with \
             --ca-file; if not, somebody reads along"
                .to_owned(),
        ),
        Error::InvalidCertificate(E::NotValidForName | E::NotValidForNameContext { .. }) => fail(
            format!("the certificate shown for {name} (issued by {by}) is another host's"),
            "correct --api; if it is right, something in between answers in its place".to_owned(),
        ),
        error => fail(
            format!("the certificate of {name} (issued by {by}) is not valid: {error}"),
            "the administrator of that host must replace it".to_owned(),
        ),
    }
}

fn trusted(name: &str, tls: &Handshake) -> Finding {
    let Some(issuer) = &tls.issuer else {
        return Finding::ok(Check::Tls, format!("the certificate of {name} is trusted"));
    };
    let amazon = issuer.organization.as_deref().is_some_and(|name| name.contains("Amazon"));
    if is_aws(name) && !amazon {
        return Finding::warn(
            Check::Tls,
            format!(
                "a proxy inspects TLS: the certificate of {name} is issued by {issuer}, not by Amazon"
            ),
            "fine as long as it passes uploads on unchanged; else have this host exempted",
        );
    }
    Finding::ok(Check::Tls, format!("the certificate of {name} is trusted, issued by {issuer}"))
}

fn is_aws(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    [".amazonaws.com", ".amazonaws.com.cn"].iter().any(|suffix| host.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::certificate::Issuer;
    use crate::doctor::finding::Verdict;

    fn target(host: &str) -> Target {
        Target { host: host.to_owned(), port: 443, tls: true }
    }

    fn connected(verdict: Result<(), TlsFault>, organization: &str) -> Reachability {
        let issuer = Issuer { common_name: None, organization: Some(organization.to_owned()) };
        Reachability::Connected {
            address: "192.0.2.1:443".parse().unwrap(),
            took: Duration::from_millis(12),
            tried: Vec::new(),
            tls: Some(Handshake { verdict, issuer: Some(issuer), date: None }),
        }
    }

    #[test]
    fn an_inspecting_proxy_that_is_trusted_is_still_named() {
        let now = Timestamp::UNIX_EPOCH;
        let aws = "abc.execute-api.ap-northeast-1.amazonaws.com";
        for (host, by, verdict) in [
            (aws, "Amazon", Verdict::Ok),
            (aws, "Example Corp", Verdict::Warn),
            ("logs.example.com", "Example Corp", Verdict::Ok),
            ("amazonaws.com.example.com", "Example Corp", Verdict::Ok),
        ] {
            let findings = api(&target(host), None, &connected(Ok(()), by), now);
            let last = findings.last().unwrap();
            assert_eq!((last.check, last.verdict), (Check::Tls, verdict), "{last}");
        }
    }

    #[test]
    fn addresses_that_fail_differ_in_what_to_do() {
        let say = |kind: ErrorKind| {
            let tried = vec![("192.0.2.1:443".parse().unwrap(), kind.into())];
            api(&target("a"), None, &Reachability::NoConnection { tried }, Timestamp::UNIX_EPOCH)[1]
                .to_string()
        };
        assert!(say(ErrorKind::TimedOut).contains("let TCP port 443 out"));
        assert!(say(ErrorKind::ConnectionRefused).contains("correct the port,"));
        assert!(say(ErrorKind::NetworkUnreachable).contains("ip route"));
        let tried = vec![("[2001:db8::1]:443".parse().unwrap(), ErrorKind::TimedOut.into())];
        let Reachability::Connected { address, took, tls, .. } = connected(Ok(()), "x") else {
            return;
        };
        let connection = Reachability::Connected { address, took, tried, tls };
        let warned = api(&target("a"), None, &connection, Timestamp::UNIX_EPOCH)[1].clone();
        assert!(
            warned.verdict == Verdict::Warn && warned.to_string().contains("mend IPv6"),
            "{warned}"
        );
    }

    #[test]
    fn what_stops_at_the_store_is_told_of_the_store() {
        let fault =
            TlsFault::Certificate(Error::InvalidCertificate(CertificateError::UnknownIssuer));
        let now = Timestamp::UNIX_EPOCH;
        let finding = store(&target("b.s3.example"), None, &connected(Err(fault), "Proxy"), now);
        assert_eq!((finding.check, finding.verdict), (Check::Store, Verdict::Fail));
        assert!(
            finding.what.starts_with("uploads go to b.s3.example:443, but the certificate"),
            "{finding}"
        );
        let finding = store(&target("b.s3.example"), None, &connected(Ok(()), "X"), now);
        assert_eq!(
            finding.to_string(),
            "ok    store         b.s3.example:443 is reached, certificate of \"X\""
        );
    }
}
