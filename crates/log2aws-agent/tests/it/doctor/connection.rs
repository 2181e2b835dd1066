//! Faults of the connection: names, TCP, certificates, proxies.

use std::net::TcpListener;

use log2aws_agent::doctor::{DoctorConfig, Report};
use log2aws_agent::net::Network;

use super::server::{Identity, Server, answer_at, gives_url};
use super::{Host, child, faults, only};

const VALID: (i32, i32) = (2020, 2090);

fn told(api: &str) -> String {
    let host = Host::right();
    only(&faults(&host.run(&host.asking(api))))
}

/// With the CA certificate added to the trusted ones.
fn trusting(host: &Host, server: &Server, authority_pem: &str) -> Report {
    host.write("ca.pem", authority_pem);
    let config = host.asking(&server.api());
    let ca_file = Some(host.path("ca.pem"));
    host.run(&DoctorConfig { network: Network { ca_file, ..config.network.clone() }, ..config })
}

#[test]
fn a_name_that_nobody_knows() {
    // RFC 6761: names below it never have an address.
    let line = told("https://logs.invalid/prod");
    assert!(
        line.starts_with(
            "fail  name          the name logs.invalid has no address -> correct --api, or mend"
        ) || line.contains("was not found in time"),
        "{line}"
    );
}

#[test]
fn a_port_at_which_nobody_listens() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let line = told(&format!("http://127.0.0.1:{port}"));
    assert!(
        line.starts_with(&format!(
            "fail  connection    127.0.0.1:{port} refuses the connection -> start what should listen"
        )),
        "{line}"
    );
}

#[test]
fn an_authority_that_is_not_trusted() {
    let identity = Identity::new("localhost", VALID);
    let server = Server::tls(&identity, gives_url);
    let line = told(&server.api());
    assert!(line.starts_with("fail  tls           the certificate of localhost is issued by \"Example Proxy CA\" of \"Example Corp\", whom this machine does not trust"), "{line}");
    assert!(line.contains("--ca-file"), "{line}");
    // The unknown server learned nothing about this machine.
    let heads = server.requests();
    assert!(heads.iter().all(|head| head.starts_with("HEAD / HTTP/1.1\r\n")), "{heads:?}");
    // With --ca-file it is trusted.
    assert_eq!(faults(&trusting(&Host::right(), &server, &identity.authority_pem)), []);
}

#[test]
fn a_file_of_certificates_that_is_none() {
    let server = Server::tls(&Identity::new("localhost", VALID), gives_url);
    let line = only(&faults(&trusting(&Host::right(), &server, "no certificate")));
    assert!(line.starts_with("fail  tls") && line.contains("holds no certificate"), "{line}");
}

#[test]
fn a_certificate_of_another_host() {
    let identity = Identity::new("other.example", VALID);
    let server = Server::tls(&identity, gives_url);
    let line = only(&faults(&trusting(&Host::right(), &server, &identity.authority_pem)));
    assert!(
        line.contains("the certificate shown for localhost") && line.contains("is another host's"),
        "{line}"
    );
}

#[test]
fn a_certificate_that_has_expired_or_a_clock_that_says_so() {
    let expired = Identity::new("localhost", (2001, 2002));
    let server = Server::tls(&expired, gives_url);
    let line = only(&faults(&trusting(&Host::right(), &server, &expired.authority_pem)));
    assert!(
        line.starts_with("fail  tls")
            && line.contains("has expired -> the administrator of that host must renew"),
        "{line}"
    );

    // The reverse: the machine's clock says 2026, the certificates are from 2081.
    let future = Identity::new("localhost", (2080, 2090));
    let server = Server::tls(&future, |_, _| answer_at("2081-05-01T00:00:00Z", "200 OK", "", ""));
    let line = only(&faults(&trusting(&Host::right(), &server, &future.authority_pem)));
    assert!(
        line.starts_with(
            "fail  clock         this machine's clock is 19883 days behind that of localhost"
        ),
        "{line}"
    );
    assert!(line.contains("is not valid yet -> set it: timedatectl"), "{line}");
}

#[test]
fn somebody_who_does_not_speak_tls() {
    let server = Server::plain(gives_url);
    let line = told(&server.api().replace("http:", "https:"));
    assert!(line.starts_with("fail  tls") && line.contains("does not speak TLS"), "{line}");
    assert!(line.contains("write http: in --api if the API has no certificate"), "{line}");
}

#[test]
fn proxies_that_do_not_lead_on() {
    let api = Server::tls(&Identity::new("localhost", VALID), gives_url);
    let told = |proxy: &str| {
        let all = child::asking(&Host::right(), &api.api(), &[("https_proxy", proxy)]);
        all.into_iter().find(|line| line.starts_with("fail") && line.contains(" proxy ")).unwrap()
    };
    let proxy =
        Server::plain(|_, _| "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n".to_owned());
    let line = told(&format!("http://ops:word@127.0.0.1:{}", proxy.port));
    assert!(
        line.contains("does not accept the user and password (407)") && !line.contains("ops"),
        "{line}"
    );
    let head = proxy.requests()[0].clone();
    // printf ops:word | base64
    assert!(
        head.starts_with(&format!("CONNECT localhost:{} ", api.port))
            && head.contains("Basic b3BzOndvcmQ="),
        "{head}"
    );

    let proxy = Server::plain(|_, _| "HTTP/1.1 403 Forbidden\r\n\r\n".to_owned());
    let line = told(&format!("127.0.0.1:{}", proxy.port));
    assert!(
        line.contains("does not let this machine through to https://localhost:")
            && line.contains("NO_PROXY"),
        "{line}"
    );

    let other = Server::plain(|_, _| "220 mail.example ESMTP\r\n\r\n".to_owned());
    let line = told(&format!("127.0.0.1:{}", other.port));
    assert!(line.contains("does not answer as a proxy does"), "{line}");

    let line = told("socks5://127.0.0.1:1080");
    assert!(line.contains("https_proxy is not the address of an HTTP proxy"), "{line}");
}

#[test]
fn a_machine_that_trusts_nobody() {
    let api = Server::tls(&Identity::new("localhost", VALID), gives_url);
    let host = Host::right();
    host.write("none.pem", "");
    let (file, folder) = (host.path("none.pem"), host.path("root"));
    let environment =
        [("SSL_CERT_FILE", file.to_str().unwrap()), ("SSL_CERT_DIR", folder.to_str().unwrap())];
    let all = child::asking(&host, &api.api(), &environment);
    let line = all.iter().find(|line| line.starts_with("fail  tls")).unwrap();
    assert!(
        line.contains("trusts no certificate authority at all -> install the package"),
        "{line}"
    );
}
