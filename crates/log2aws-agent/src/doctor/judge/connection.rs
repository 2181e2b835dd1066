//! Judges the steps of a request. Pure.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use jiff::Timestamp;
use rustls::{CertificateError, Error};

use crate::doctor::facts::api::Probe;
use crate::doctor::finding::{Check, Finding};
use crate::net::endpoint::Endpoint;
use crate::net::error::{HttpError, Kind};
use crate::net::proxy::ProxyEndpoint;
use crate::net::tls::{Handshake, TlsFault};
use crate::net::trace::{NameFault, Trace};

use super::answer::CLOCK_LIMIT;
use super::parts;
use super::samples::span;

/// Connecting slower than this is reported.
const SLOW: Duration = Duration::from_secs(2);

/// The request to the API, one finding per step. If there was a response, no finding is a failure.
pub(crate) fn api<T>(probe: &Probe<T>, now: Timestamp) -> Vec<Finding> {
    let (mut findings, fault) = steps(probe, now);
    findings.extend(fault);
    findings
}

/// The request to the store, in one finding.
pub(crate) fn store(probe: &Probe<()>, now: Timestamp) -> Finding {
    let trace = &probe.trace;
    let origin = format!("{}:{}", trace.target.host, trace.target.port);
    let Some(fault) = steps(probe, now).1 else {
        let by = trace.tls.as_ref().and_then(|tls| tls.issuer.as_ref());
        let by = by.map_or_else(String::new, |by| format!(", certificate of {by}"));
        return Finding::ok(Check::Store, format!("{origin} is reached{by}"));
    };
    // The API was reachable, so the fault is the store's.
    Finding {
        check: Check::Store,
        message: format!("uploads go to {origin}, but {}", fault.message),
        ..fault
    }
}

/// The findings of the steps that succeeded, and the first failure.
fn steps<T>(probe: &Probe<T>, now: Timestamp) -> (Vec<Finding>, Option<Finding>) {
    let Probe { trace, date, result } = probe;
    let error = result.as_ref().err();
    let mut findings = Vec::new();
    if let Some(HttpError::NoProxyUrl(source)) = error {
        let fault = Finding::fail(
            Check::Proxy,
            format!("{source} is not the address of an HTTP proxy"),
            format!("write {source} as http://host:port, or leave it out"),
        );
        return (findings, Some(fault));
    }
    let proxy = trace.proxy.as_ref();
    if let Some(proxy) = proxy {
        findings.push(Finding::ok(Check::Proxy, format!("by way of {proxy}")));
    }
    let first = proxy.map_or(&trace.target, |proxy| &proxy.endpoint);
    if let Some(Err(fault)) = trace.name {
        return (findings, Some(no_name(&first.host, proxy, fault)));
    }
    // An address needs no name lookup.
    if trace.name.is_some() && first.host.trim_matches(['[', ']']).parse::<IpAddr>().is_err() {
        findings.push(Finding::ok(Check::Name, format!("{} has an address", first.host)));
    }
    match trace.connected {
        Some((address, took)) => findings.push(connection(address, took, &trace.failed)),
        None if !trace.failed.is_empty() => return (findings, Some(no_connection(trace))),
        None => {}
    }
    for (endpoint, tls) in
        [(proxy.map(|proxy| &proxy.endpoint), &trace.proxy_tls), (Some(&trace.target), &trace.tls)]
    {
        let (Some(endpoint), Some(tls)) = (endpoint, tls) else { continue };
        match handshake(endpoint, tls, *date, now) {
            Ok(finding) => findings.push(finding),
            Err(fault) => return (findings, Some(fault)),
        }
    }
    let Some(error) = error else {
        let is_local = trace.connected.is_none_or(|(address, _)| address.ip().is_loopback());
        if !trace.target.tls && !is_local {
            findings.push(Finding::warn(
                Check::Tls,
                "the API is asked over http: anybody on the way there can read logs and use its URLs",
                "give the API a certificate, and --api its https address",
            ));
        }
        return (findings, None);
    };
    (findings, Some(failure(error, trace)))
}

/// The failure of a request that no step explains.
fn failure(error: &HttpError, trace: &Trace) -> Finding {
    if let HttpError::ProxyRefused { proxy, problem, hint, .. } = error {
        return Finding::fail(Check::Proxy, format!("the proxy {proxy} {problem}"), hint.clone());
    }
    if let Some(proxy) = trace.proxy.as_ref().filter(|_| trace.no_http) {
        return Finding::fail(
            Check::Proxy,
            format!("{proxy} does not answer as a proxy does"),
            format!("correct {}, or leave it out", proxy.source),
        );
    }
    let check = if matches!(error, HttpError::Transport { kind: Kind::Proxy, .. }) {
        Check::Proxy
    } else {
        Check::Answer
    };
    let todo = "correct --api; if it is right, a proxy or a firewall cuts requests short";
    let (what, todo) = parts(error.to_string(), todo);
    Finding::fail(check, what, todo)
}

fn no_name(name: &str, proxy: Option<&ProxyEndpoint>, fault: NameFault) -> Finding {
    let what = match fault {
        NameFault::Slow => format!("the address of {name} was not found in time"),
        NameFault::Unknown => format!("the name {name} has no address"),
    };
    let source = proxy.map_or_else(|| "--api".to_owned(), |proxy| proxy.source.to_string());
    let todo = format!(
        "correct {source}, or mend this machine's DNS (getent hosts {name}, /etc/resolv.conf)"
    );
    Finding::fail(Check::Name, what, todo)
}

fn no_connection(trace: &Trace) -> Finding {
    let Trace { target, proxy, failed, .. } = trace;
    let port = proxy.as_ref().map_or(target.port, |proxy| proxy.endpoint.port);
    let who = if proxy.is_some() { "the proxy " } else { "" };
    let addresses: Vec<String> = failed.iter().map(|(address, _)| address.to_string()).collect();
    let addresses = addresses.join(", ");
    let is = |kind: ErrorKind| failed.iter().any(|(_, error)| error.kind() == kind);
    let (what, todo) = if is(ErrorKind::ConnectionRefused) {
        (
            format!("{who}{addresses} refuses the connection"),
            "start what should listen there, correct the port, or let the firewall pass it"
                .to_owned(),
        )
    } else if is(ErrorKind::TimedOut) {
        (
            format!("{who}{addresses} does not answer in time"),
            match proxy {
                None => format!(
                    "a firewall drops it: let TCP port {port} out, or name the proxy with --proxy"
                ),
                Some(proxy) => format!(
                    "a firewall drops it: let TCP port {port} out, or correct {}",
                    proxy.source
                ),
            },
        )
    } else {
        let error = failed.last().map_or_else(String::new, |(_, error)| format!(" ({error})"));
        (
            format!("there is no way to {who}{addresses}{error}"),
            "see ip route, and whether the network is up".to_owned(),
        )
    };
    Finding::fail(Check::Connection, what, todo)
}

fn connection(address: SocketAddr, took: Duration, tried: &[(SocketAddr, io::Error)]) -> Finding {
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
fn handshake(
    target: &Endpoint,
    tls: &Handshake,
    date: Option<Timestamp>,
    now: Timestamp,
) -> Result<Finding, Finding> {
    let name = &target.host;
    let by =
        tls.issuer.as_ref().map_or_else(|| "an unknown issuer".to_owned(), ToString::to_string);
    let fail = |what: String, todo: String| Finding::fail(Check::Tls, what, todo);
    Err(match &tls.verdict {
        Ok(()) => return Ok(trusted(name, tls)),
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
        Err(TlsFault::Certificate(error)) => certificate(name, &by, error, date, now),
    })
}

fn certificate(
    name: &str,
    by: &str,
    error: &Error,
    date: Option<Timestamp>,
    now: Timestamp,
) -> Finding {
    use CertificateError as E;
    let fail = |what: String, todo: String| Finding::fail(Check::Tls, what, todo);
    match error {
        Error::InvalidCertificate(
            E::Expired | E::ExpiredContext { .. } | E::NotValidYet | E::NotValidYetContext { .. },
        ) => {
            let late =
                matches!(error, Error::InvalidCertificate(E::Expired | E::ExpiredContext { .. }));
            let state = if late { "has expired" } else { "is not valid yet" };
            let off = date.map(|date| date.duration_since(now));
            match off.filter(|off| off.unsigned_abs() > CLOCK_LIMIT) {
                Some(off) => Finding::fail(
                    Check::Clock,
                    format!(
                        "this machine's clock is {} {} that of {name}, whose certificate therefore {state}",
                        span(off.unsigned_abs()),
                        if off.is_positive() { "behind" } else { "ahead of" },
                    ),
                    "set it: timedatectl set-ntp true, chronyc makestep",
                ),
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
    [".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu"]
        .iter()
        .any(|suffix| host.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;
    use crate::net::certificate::Issuer;

    fn probe(host: &str, change: impl FnOnce(&mut Trace)) -> Probe<()> {
        let target = Endpoint { host: host.to_owned(), port: 443, tls: true };
        let mut trace = Trace::new(target, None);
        trace.name = Some(Ok(()));
        change(&mut trace);
        let failed =
            trace.connected.is_none() || trace.tls.as_ref().is_some_and(|tls| tls.verdict.is_err());
        let error = HttpError::Late { host: host.to_owned() };
        Probe { trace, date: None, result: if failed { Err(error) } else { Ok(()) } }
    }

    fn connected(
        host: &str,
        verdict: Result<(), TlsFault>,
        organization: &str,
        failed: Vec<(SocketAddr, io::Error)>,
    ) -> Probe<()> {
        let issuer = Issuer { common_name: None, organization: Some(organization.to_owned()) };
        probe(host, |trace| {
            trace.connected = Some(("192.0.2.1:443".parse().unwrap(), Duration::from_millis(12)));
            trace.failed = failed;
            trace.tls = Some(Handshake { verdict, issuer: Some(issuer) });
        })
    }

    #[test]
    fn an_inspecting_proxy_that_is_trusted_is_still_named() {
        let now = Timestamp::UNIX_EPOCH;
        let aws = "abc.execute-api.ap-northeast-1.amazonaws.com";
        for (host, by, verdict) in [
            (aws, "Amazon", Verdict::Ok),
            (aws, "Example Corp", Verdict::Warn),
            ("abc.execute-api.eusc-de-east-1.amazonaws.eu", "Example Corp", Verdict::Warn),
            ("logs.example.com", "Example Corp", Verdict::Ok),
            ("amazonaws.com.example.com", "Example Corp", Verdict::Ok),
        ] {
            let findings = api(&connected(host, Ok(()), by, Vec::new()), now);
            let last = findings.last().unwrap();
            assert_eq!((last.check, last.verdict), (Check::Tls, verdict), "{last}");
        }
    }

    #[test]
    fn addresses_that_fail_differ_in_what_to_do() {
        let say = |kind: ErrorKind| {
            let failed = vec![("192.0.2.1:443".parse().unwrap(), kind.into())];
            let probe = probe("a", |trace| trace.failed = failed);
            api(&probe, Timestamp::UNIX_EPOCH)[1].to_string()
        };
        assert!(say(ErrorKind::TimedOut).contains("let TCP port 443 out"));
        assert!(say(ErrorKind::ConnectionRefused).contains("correct the port,"));
        assert!(say(ErrorKind::NetworkUnreachable).contains("ip route"));
        let failed = vec![("[2001:db8::1]:443".parse().unwrap(), ErrorKind::TimedOut.into())];
        let probe = connected("a", Ok(()), "x", failed);
        let warned = api(&probe, Timestamp::UNIX_EPOCH)[1].clone();
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
        let finding = store(&connected("b.s3.example", Err(fault), "Proxy", Vec::new()), now);
        assert_eq!((finding.check, finding.verdict), (Check::Store, Verdict::Fail));
        assert!(
            finding.message.starts_with("uploads go to b.s3.example:443, but the certificate"),
            "{finding}"
        );
        let finding = store(&connected("b.s3.example", Ok(()), "X", Vec::new()), now);
        assert_eq!(
            finding.to_string(),
            "ok    store         b.s3.example:443 is reached, certificate of \"X\""
        );
    }
}
