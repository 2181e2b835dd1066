//! `ship` over TLS: only the machine's certificates are trusted.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use log2aws_agent::net::{Network, Proxies};
use log2aws_agent::ship::ShipConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::server::{Server, says};
use super::{Host, yesterday};

const DAY: &str = "2026-11-21";

/// API and store over TLS. `answer` is called with the server's own address and the request's
/// query.
struct TlsApi {
    url: String,
    certificate: String,
}

impl TlsApi {
    fn start(answer: impl Fn(&str, &str) -> String + Send + 'static) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::clone(made.cert.der())], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let url = format!("{origin}/prod");
        thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = BufReader::new(StreamOwned::new(connection, stream.unwrap()));
                let mut request = String::new();
                // A client that does not trust us disconnects here.
                if stream.read_line(&mut request).is_err() {
                    continue;
                }
                while !matches!(request.rsplit("\r\n").nth(1), Some("")) {
                    stream.read_line(&mut request).unwrap();
                }
                let query = request.split([' ', '?']).nth(2).unwrap();
                let length = request.lines().find_map(|line| line.strip_prefix("content-length: "));
                let length = length.map_or(0, |length| length.parse().unwrap());
                stream.read_exact(&mut vec![0; length]).unwrap();
                stream.get_mut().write_all(answer(&origin, query).as_bytes()).unwrap();
                stream.get_mut().conn.send_close_notify();
                stream.get_mut().flush().unwrap();
            }
        });
        Self { url, certificate: made.cert.pem() }
    }
}

fn line(api: &str, proxies: Proxies) -> String {
    let host = Host::new(&[(DAY, "abc")]);
    let base = host.config(&Server::right(), yesterday());
    let network = Network { proxies, ..base.network.clone() };
    let config = ShipConfig { api: api.parse().unwrap(), network, ..base };
    host.run(&config).unwrap().days[0].to_string()
}

/// Ships in a process of its own that trusts `certificate`: trust is read from the environment,
/// which a test must not change.
fn trusted(api: &TlsApi) -> String {
    trusted_by_way_of(api, "")
}

fn trusted_by_way_of(api: &TlsApi, proxy: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    fs::write(&file, &api.certificate).unwrap();
    let output = Command::new(env::current_exe().unwrap())
        .args(["ship::tls::child", "--exact", "--ignored", "--nocapture"])
        .env("SSL_CERT_FILE", file)
        .env("SHIP_TO", &api.url)
        .env("https_proxy", proxy)
        .env_remove("HTTPS_PROXY")
        .env_remove("all_proxy")
        .env_remove("ALL_PROXY")
        .env_remove("no_proxy")
        .env_remove("NO_PROXY")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The entry point for [`trusted`].
#[test]
#[ignore = "started by `trusted`; by itself it has nobody to ship to"]
fn child() {
    println!(
        "{}",
        line(&env::var("SHIP_TO").unwrap(), Proxies::new(None, None, |name| env::var(name).ok()))
    );
}

/// The API's response: a URL under `base`, for the log `abc`.
fn url(base: &str) -> String {
    let body = serde_json::json!({
        "url": format!("{base}/web01/2026-11-21.log?5ec3e7"),
        "method": "PUT",
        "headers": {
            "content-length": "3",
            "x-amz-checksum-sha256": "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
        },
        "key": "web01/2026-11-21.log",
    })
    .to_string();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn a_log_is_delivered_over_tls() {
    let api = TlsApi::start(|origin, query| {
        if query == "5ec3e7" {
            "HTTP/1.1 200 OK\r\netag: \"e\"\r\ncontent-length: 0\r\n\r\n".to_owned()
        } else {
            url(&format!("{origin}/raw"))
        }
    });
    let line = trusted(&api);
    assert!(line.contains("2026-11-21: delivered (3 bytes"), "{line}");
}

#[test]
fn an_authority_that_is_named_is_trusted_besides_the_machines() {
    let api = TlsApi::start(|origin, query| {
        if query == "5ec3e7" {
            "HTTP/1.1 200 OK\r\netag: \"e\"\r\ncontent-length: 0\r\n\r\n".to_owned()
        } else {
            url(&format!("{origin}/raw"))
        }
    });
    let host = Host::new(&[(DAY, "abc")]);
    let ca_file = host.state().with_file_name("ca.pem");
    fs::write(&ca_file, &api.certificate).unwrap();
    let ship = |ca_file: Option<PathBuf>| {
        let base = host.config(&Server::right(), yesterday());
        let network = Network { ca_file, ..base.network.clone() };
        host.run(&ShipConfig { api: api.url.parse().unwrap(), network, ..base })
    };
    assert_eq!(ship(None).unwrap().exit_code(), 1);
    assert_eq!(ship(Some(ca_file.clone())).unwrap().exit_code(), 0);
    // An invalid certificate is reported before any request.
    fs::write(&ca_file, "x").unwrap();
    let error = ship(Some(ca_file)).unwrap_err();
    assert!(error.to_string().contains("no certificate in PEM form"), "{error}");
}

#[test]
fn a_stranger_is_not_trusted() {
    let api = TlsApi::start(|_, _| String::new());
    let line = line(&api.url, Proxies::default());
    assert!(line.contains("no TLS connection (invalid peer certificate"), "{line}");
    assert!(line.contains("certificate must be among the machine's"), "{line}");
    assert!(line.contains("--ca-file"), "{line}");
}

#[test]
fn a_server_without_tls_and_one_of_another_name_are_told_apart() {
    // A typical web server's response to an unreadable request.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let line = line(&format!("https://{address}/"), Proxies::default());
    assert!(line.contains("does it speak TLS on this port"), "{line}");

    let api = TlsApi::start(|_, _| String::new());
    let host = Host::new(&[(DAY, "abc")]);
    let ca_file = host.state().with_file_name("ca.pem");
    fs::write(&ca_file, &api.certificate).unwrap();
    let base = host.config(&Server::right(), yesterday());
    let network = Network { ca_file: Some(ca_file), ..base.network.clone() };
    let other = api.url.replace("localhost", "127.0.0.1").parse().unwrap();
    let config = ShipConfig { api: other, network, ..base };
    let line = host.run(&config).unwrap().days[0].to_string();
    assert!(line.contains("is that its name?"), "{line}");
}

#[test]
fn the_machines_own_authority_is_trusted_and_the_log_does_not_leave_in_the_open() {
    let api = TlsApi::start(|_, query| {
        assert!(query.starts_with("server=web01&date=2026-11-21&size=3"), "{query}");
        url("http://127.0.0.1:9/raw")
    });
    let line = trusted(&api);
    assert!(line.contains("asked over https, but it wants the log sent over http"), "{line}");
}

#[test]
fn an_api_over_https_may_name_any_https_host() {
    let api = TlsApi::start(|_, _| url("https://store.invalid/raw"));
    let line = trusted(&api);
    assert!(line.contains("https://store.invalid: the name cannot be resolved"), "{line}");
}

#[test]
fn nobody_leads_from_https_to_http() {
    let plain = Server::right();
    let location = format!("location: http://{}/prod", plain.address);
    let api = TlsApi::start(move |_, query| {
        format!("HTTP/1.1 302 Found\r\n{location}?{query}\r\ncontent-length: 0\r\n\r\n")
    });
    let line = trusted(&api);
    assert!(
        line.contains("from https to http, where anybody") && line.contains("not followed"),
        "{line}"
    );
    assert!(plain.requests().is_empty());
}

#[test]
fn an_https_request_goes_through_a_tunnel_if_the_proxy_opens_one() {
    let api = TlsApi::start(|_, _| String::new());
    let host = api.url.strip_prefix("https://").unwrap().strip_suffix("/prod").unwrap().to_owned();
    for (status, told) in [
        ("407 Proxy Authentication Required", "wants a user and a password (407); put them into"),
        ("403 Forbidden", "does not let this machine through to https://localhost"),
    ] {
        let proxy = Server::start(move |_| says(status, "", ""));
        let line = trusted_by_way_of(&api, &format!("http://{}", proxy.address));
        let named = format!("refused: the proxy {} (https_proxy) {told}", proxy.address);
        assert!(line.contains(&named), "{line}");
        // A refusal is not tried again.
        let [request] = &proxy.requests()[..] else { panic!("{:?}", proxy.requests()) };
        assert_eq!((request.method.as_str(), &request.target), ("CONNECT", &host));
    }
    // A failure that passes is.
    let proxy = Server::start(|_| says("502 Bad Gateway", "", ""));
    let line = trusted_by_way_of(&api, &format!("http://{}", proxy.address));
    assert!(line.contains("the proxy opens no tunnel to it (502); given up after 5"), "{line}");
    assert_eq!(proxy.requests().len(), 5);

    // Nothing listens on the port of tcpmux.
    let gone = "127.0.0.1:1";
    let line = trusted_by_way_of(&api, &format!("http://user:word@{gone}"));
    let named = format!("{host} by way of the proxy {gone} (https_proxy): ");
    assert!(line.contains(&named), "{line}");
    assert!(line.contains("refused") && !line.contains("word"), "{line}");

    let line = trusted_by_way_of(&api, "socks5://user:word@localhost:1080");
    assert!(line.contains("https_proxy is not the address of an HTTP proxy"), "{line}");
    assert!(!line.contains("word"), "{line}");
}
