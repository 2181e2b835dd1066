//! The hosts that the API may name.

use log2aws_agent::ship::ShipConfig;

use super::server::{Does, Request, SECRET, Server, says};
use super::{Host, yesterday};

const DAY: &str = "2026-11-21";

/// The correct response for the log `abc`, apart from the host.
fn sends_to(base: &str) -> impl Fn(&Request) -> Does + use<> {
    let body = serde_json::json!({
        "url": format!("{base}/web01/{DAY}.log?X-Amz-Signature={SECRET}"),
        "method": "PUT",
        "headers": {
            "content-length": "3",
            "x-amz-checksum-sha256": "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
        },
        "key": format!("web01/{DAY}.log"),
    })
    .to_string();
    move |_| says("200 OK", "", &body)
}

fn ships(host: &Host, api: &Server, named: &[&str]) -> (String, u8) {
    let upload_hosts = named.iter().map(|host| host.parse().unwrap()).collect();
    let config = ShipConfig { upload_hosts, ..host.config(api, yesterday()) };
    let report = host.run(&config).unwrap();
    (report.days[0].to_string(), report.exit_code())
}

#[test]
fn a_host_that_nobody_expects_is_refused_until_it_is_named() {
    let host = Host::new(&[(DAY, "abc")]);
    // The name is never resolved: it has no address.
    let api = Server::start(sends_to("http://store.invalid:1"));
    let (line, code) = ships(&host, &api, &[]);
    assert!(
        line.contains("wants the log sent to store.invalid, and over http anybody can answer"),
        "{line}"
    );
    assert!(line.contains("name it with --upload-host store.invalid"), "{line}");
    assert!(!line.contains(SECRET) && host.log(DAY).exists(), "{line}");
    assert_eq!((code, api.requests().len()), (1, 1));
    // Over https the API's certificate would vouch for it.
    let s3 = Server::start(sends_to("http://b.s3.ap-northeast-1.amazonaws.com"));
    let (line, _) = ships(&host, &s3, &["*.example.com"]);
    assert!(line.contains("--upload-host b.s3.ap-northeast-1.amazonaws.com"), "{line}");
}

#[test]
fn a_host_that_was_named_gets_the_log() {
    // 127.0.0.1 and localhost are one machine, and [::1] is another name of it.
    let store = Server::start_on("[::1]:0", |_| Does::Right);
    let api = Server::start(sends_to(&format!("http://{}/raw", store.address)));
    let host = Host::new(&[(DAY, "abc")]);
    assert_eq!(ships(&host, &api, &[]).1, 0);
    assert_eq!(store.stored()[0].1, b"abc");
    let api = Server::start(sends_to("http://store.invalid:1"));
    let (line, _) = ships(&host, &api, &["*.invalid"]);
    assert!(line.contains("http://store.invalid:1: the name cannot be resolved ("), "{line}");
}

#[test]
fn ipv6_all_the_way() {
    let server = Server::start_on("[::1]:0", |_| Does::Right);
    let host = Host::new(&[(DAY, "abc")]);
    let (line, code) = host.ship(&server);
    assert_eq!((server.stored().len(), code), (1, 0), "{line}");
    assert!(server.requests()[1].headers["host"].starts_with("[::1]:"));
}
