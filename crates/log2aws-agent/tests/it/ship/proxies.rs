//! `ship` through a proxy, for http URLs: in absolute form.

use log2aws_agent::net::{Network, Proxies};
use log2aws_agent::ship::ShipConfig;

use super::server::{Server, says};
use super::{Host, yesterday};

const DAY: &str = "2026-11-21";

/// A host that no resolver knows: only the proxy can lead to it.
const ORIGIN: &str = "http://log2aws.invalid:8750";

/// The line of a ship to [`ORIGIN`] by way of `proxy`, and its exit code.
fn ship(proxy: &Server, login: &str) -> (String, u8) {
    let host = Host::new(&[(DAY, "abc")]);
    let base = host.config(proxy, yesterday());
    let address = format!("http://{login}{}", proxy.address);
    let proxies = Proxies::new(None, None, |name| (name == "http_proxy").then(|| address.clone()));
    let config = ShipConfig {
        api: format!("{ORIGIN}/prod").parse().unwrap(),
        network: Network { proxies, ..base.network.clone() },
        ..base
    };
    let report = host.run(&config).unwrap();
    (report.days[0].to_string(), report.exit_code())
}

#[test]
fn both_requests_name_the_whole_url_and_the_login() {
    let proxy = Server::in_place_of(ORIGIN);
    let (line, code) = ship(&proxy, "ops:word@");
    assert!(line.contains("delivered (3 bytes") && code == 0, "{line}");
    let requests = proxy.requests();
    let [url, upload] = &requests[..] else { panic!("{requests:?}") };
    assert!(url.target.starts_with(&format!("{ORIGIN}/prod?server=web01&")), "{url:?}");
    let log = format!("{ORIGIN}/raw/web01/{DAY}.log?X-Amz-Signature=");
    assert!(upload.is_put() && upload.target.starts_with(&log), "{upload:?}");
    for request in &requests {
        assert_eq!(request.headers["host"], "log2aws.invalid:8750");
        // printf ops:word | base64
        assert_eq!(request.headers["proxy-authorization"], "Basic b3BzOndvcmQ=");
    }
    assert_eq!(proxy.stored()[0].1, b"abc");
}

#[test]
fn a_refusal_of_the_proxy_is_told_as_its_own_and_not_tried_again() {
    let own = "X-Squid-Error: ERR_ACCESS_DENIED 0\r\n";
    for (login, status, headers, told) in [
        (
            "",
            "407 Proxy Authentication Required",
            "",
            "wants a user and a password (407); put them",
        ),
        (
            "ops:word@",
            "407 Nope",
            "",
            "does not accept the user and password (407); correct them in",
        ),
        ("", "403 Forbidden", own, "does not let this machine through to http://log2aws.invalid"),
    ] {
        let proxy = Server::start(move |_| says(status, headers, ""));
        let (line, code) = ship(&proxy, login);
        let named = format!("refused: the proxy {} (http_proxy) {told}", proxy.address);
        assert!(line.contains(&named) && !line.contains("ops"), "{line}");
        assert_eq!((code, proxy.requests().len()), (5, 1), "{line}");
    }
}

#[test]
fn what_may_be_the_proxys_answer_names_it() {
    let proxy = Server::start(|_| says("403 Forbidden", "", "no"));
    let (line, code) = ship(&proxy, "");
    let named = format!(
        "{ORIGIN}/prod by way of the proxy {} (http_proxy) answers 403: no, but not as log2aws does",
        proxy.address
    );
    assert!(line.contains(&named) && code == 5, "{line}");

    let own = "X-Squid-Error: ERR_DNS_FAIL 0\r\n";
    let proxy = Server::start(move |_| says("503 Service Unavailable", own, "<html>"));
    let (line, _) = ship(&proxy, "");
    assert!(line.contains("the proxy cannot reach it (503 ERR_DNS_FAIL); given up"), "{line}");
    assert_eq!(proxy.requests().len(), 5);
}
