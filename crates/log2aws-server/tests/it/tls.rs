//! TLS in `serve` itself: which clients are served, with which certificate, and startup errors.

use std::fs;
use std::io::{BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use log2aws_server::{ServeConfig, ServeError, Server, TlsFiles};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use crate::client::{Answer, Request, connect, read_answer};
use crate::harness::{ClockAt, LOG, Running, config, eventually, start_with};

/// A certificate for localhost and its key.
struct Pair {
    certificate: CertificateDer<'static>,
    pem: String,
    key: String,
}

fn pair() -> Pair {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    Pair {
        certificate: made.cert.der().clone(),
        pem: made.cert.pem(),
        key: made.signing_key.serialize_pem(),
    }
}

/// Writes a temporary file and renames it, as renewals do.
fn put(path: &Path, text: &str, mode: u32) {
    let aside = path.with_extension("new");
    fs::write(&aside, text).unwrap();
    fs::set_permissions(&aside, fs::Permissions::from_mode(mode)).unwrap();
    fs::rename(aside, path).unwrap();
}

impl Pair {
    fn put(&self, folder: &Path) -> TlsFiles {
        let files = TlsFiles { certificate: folder.join("tls.pem"), key: folder.join("tls.key") };
        put(&files.certificate, &self.pem, 0o644);
        put(&files.key, &self.key, 0o600);
        files
    }

    /// Connects, trusting only this certificate.
    fn shake(&self, address: SocketAddr) -> Result<Stream, String> {
        self.shake_with(address, &[&rustls::version::TLS13, &rustls::version::TLS12])
    }

    fn shake_with(
        &self,
        address: SocketAddr,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<Stream, String> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = connect(address);
        while connection.is_handshaking() {
            connection.complete_io(&mut stream).map_err(|error| error.to_string())?;
        }
        Ok(BufReader::new(StreamOwned::new(connection, stream)))
    }

    fn send(&self, address: SocketAddr, request: &Request) -> Answer {
        let mut stream = self.shake(address).unwrap();
        stream.get_mut().write_all(request.head(address).as_bytes()).unwrap();
        stream.get_mut().write_all(&request.body).unwrap();
        read_answer(&mut stream, request.method)
    }
}

type Stream = BufReader<StreamOwned<ClientConnection, std::net::TcpStream>>;

struct Place {
    server: Running,
    pair: Pair,
    files: TlsFiles,
    _folder: tempfile::TempDir,
}

fn start() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let pair = pair();
    let files = pair.put(folder.path());
    let server = start_with(|config| config.tls = Some(files.clone()));
    Place { server, pair, files, _folder: folder }
}

#[test]
fn a_log_is_delivered_over_tls_and_urls_begin_with_https() {
    let place = start();
    let address = place.server.address;
    let ask = Request::new("GET", "/?server=web01&date=2019-08-01");
    let answer = place.pair.send(address, &ask);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let url = answer.text().trim().to_owned();
    let target = url.strip_prefix(&format!("https://{address}")).unwrap();
    let put = Request::new("PUT", target).body(LOG);
    assert_eq!(place.pair.send(address, &put).status, 200);
    assert_eq!(place.server.result("web01/2019-08-01.csv").lines().count(), 3);
    let environment = fs::read_to_string(place.server.folder.join("credentials.env")).unwrap();
    assert!(environment.contains(&format!("AWS_ENDPOINT_URL='https://{address}'\n")));

    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let stream = place.pair.shake_with(address, &[version]).unwrap();
        let connection = &stream.get_ref().conn;
        assert_eq!(connection.protocol_version(), Some(version.version));
        assert_eq!(connection.alpn_protocol(), Some(&b"http/1.1"[..]));
    }
    assert!(pair().shake(address).unwrap_err().contains("certificate"), "a stranger was trusted");
}

#[test]
fn the_dashboards_cookie_and_link_are_for_https_alone() {
    let place = start();
    let address = place.server.address;
    let link = place.pair.send(address, &Request::new("GET", place.server.link.clone()));
    assert_eq!(link.status, 303);
    let set = link.header("set-cookie").unwrap();
    assert!(set.starts_with(&format!("__Host-log2aws-session-{}=", address.port())), "{set}");
    assert!(set.ends_with("; HttpOnly; SameSite=Lax; Secure"), "{set}");
    let cookie = set.split(';').next().unwrap();
    let page = place.pair.send(address, &Request::new("GET", "/ui/").header("cookie", cookie));
    assert_eq!(page.status, 200);
}

/// The body is larger than all buffers on the way, and refused before it is read.
#[test]
fn a_refused_upload_is_told_why_over_tls_too() {
    let place = start();
    let put = Request::new("PUT", "/serverlogs-local/web01/2019-08-01.log");
    let mut stream = place.pair.shake(place.server.address).unwrap();
    let put = put.body(vec![b'a'; 3_000_000]);
    stream.get_mut().write_all(put.head(place.server.address).as_bytes()).unwrap();
    let _ = stream.get_mut().write_all(&put.body);
    assert_eq!(read_answer(&mut stream, "PUT").status, 403);
}

#[test]
fn plain_http_is_told_to_use_https() {
    let place = start();
    let answer = place.server.send(&Request::new("GET", "/-/healthz"));
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("this port speaks https"), "{}", answer.text());
}

#[test]
fn who_never_shakes_hands_holds_up_neither_others_nor_the_stop() {
    let mut place = start();
    let mut silent: Vec<_> = (0..8).map(|_| connect(place.server.address)).collect();
    silent[1].write_all(&[22, 3, 1]).unwrap();
    silent[2].write_all(&[22, 3, 1, 255, 255, 0, 0]).unwrap();
    let answer = place.pair.send(place.server.address, &Request::new("GET", "/-/healthz"));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));
    let begin = Instant::now();
    place.server.stop();
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    assert!(matches!(silent[0].read(&mut [0; 1]), Ok(0) | Err(_)));
}

#[test]
fn a_renewed_certificate_is_shown_without_a_restart_and_a_bad_one_is_not() {
    let place = start();
    let (address, folder) = (place.server.address, place.files.key.parent().unwrap());
    let mut kept = place.pair.shake(address).unwrap();
    let head = Request::new("GET", "/-/healthz").head(address);
    kept.get_mut().write_all(head.as_bytes()).unwrap();
    assert_eq!(read_answer(&mut kept, "GET").status, 200);

    // Half a renewal: the certificate of one pair, the key of another.
    let second = pair();
    put(&place.files.certificate, &second.pem, 0o644);
    std::thread::sleep(Duration::from_secs(7));
    assert!(place.pair.shake(address).is_ok(), "the certificate that was good is shown no more");

    second.put(folder);
    eventually("the renewed certificate is not shown", || second.shake(address).is_ok());
    assert!(place.pair.shake(address).is_err());
    // Existing connections continue.
    kept.get_mut().write_all(head.as_bytes()).unwrap();
    assert_eq!(read_answer(&mut kept, "GET").status, 200);
}

#[test]
fn files_that_cannot_be_used_are_refused_at_the_start_in_one_sentence() {
    let (good, other) = (pair(), pair());
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let open = |certificate: &str, key: &str, mode: u32| {
        let folder = tempfile::tempdir().unwrap();
        let files = good.put(folder.path());
        put(&files.certificate, certificate, 0o644);
        put(&files.key, key, mode);
        let config = ServeConfig { tls: Some(files), ..config(&folder.path().join("data")) };
        let error = Server::open(config, Arc::new(ClockAt(0))).unwrap_err();
        assert!(matches!(error, ServeError::Tls(_)), "{error}");
        let told = error.to_string();
        assert!(!told.contains('\n') && !told.contains("PRIVATE"), "{told}");
        told
    };
    for (certificate, key, mode, says) in [
        (&*good.pem, &*other.key, 0o600, "is not that of the first certificate"),
        (&good.pem, &good.key, 0o644, "chmod 600"),
        (&good.pem, &good.key, 0o620, "chmod 600"),
        (&good.pem, &good.pem, 0o600, "holds no private key"),
        (&good.pem, "", 0o600, "holds no private key"),
        (&good.pem, encrypted, 0o600, "holds no private key in PEM form that is not encrypted"),
        (&good.key, &good.key, 0o600, "holds no certificate"),
        ("-----BEGIN CERTIFICATE-----\n!\n", &good.key, 0o600, "holds no certificate"),
        (
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
            &good.key,
            0o600,
            "cannot be used",
        ),
    ] {
        let told = open(certificate, key, mode);
        assert!(told.contains(says), "{told}");
    }
    let folder = tempfile::tempdir().unwrap();
    let files = TlsFiles { certificate: folder.path().join("a"), key: folder.path().join("b") };
    let config = ServeConfig { tls: Some(files), ..config(&folder.path().join("data")) };
    let told = Server::open(config, Arc::new(ClockAt(0))).unwrap_err().to_string();
    assert!(told.contains("cannot be read") && told.contains("(--tls-"), "{told}");
    // The advice is not to change the mode of a whole folder.
    let folder = tempfile::tempdir().unwrap();
    let mut files = good.put(folder.path());
    files.key = folder.path().to_owned();
    let data = folder.path().join("data");
    let settings = ServeConfig { tls: Some(files), ..crate::harness::config(&data) };
    let told = Server::open(settings, Arc::new(ClockAt(0))).unwrap_err().to_string();
    assert!(told.contains("is a directory") && !told.contains("chmod"), "{told}");
}

/// It is served anyway: clients decide whether to accept it.
#[test]
fn an_expired_certificate_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let made = params.self_signed(&key).unwrap();
    let expired =
        Pair { certificate: made.der().clone(), pem: made.pem(), key: key.serialize_pem() };
    let files = expired.put(folder.path());
    let log = crate::child::log_of(|command| {
        command.env(crate::child::TLS_CERTIFICATE, &files.certificate);
        command.env(crate::child::TLS_KEY, &files.key);
    });
    let told = "the certificate has expired (2021-01-01T00:00:00Z)";
    assert_eq!(log.matches(told).count(), 1, "{log}");
}
