//! A local server in the role of the API, a proxy, or an impostor.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::NOW;

/// The response of log2aws to an allowed server.
pub(crate) fn gives_url(origin: &str, request: &str) -> String {
    url_to(origin, request, "2026-11-22T00:15:05Z")
}

/// A response with a URL on `origin` for the requested day.
pub(crate) fn url_to(origin: &str, request: &str, expires_at: &str) -> String {
    let day = request.split("date=").nth(1).unwrap_or_default();
    let day = day.split(['&', ' ']).next().unwrap_or_default();
    let body = serde_json::json!({
        "url": format!("{origin}/raw/web01/{day}.log?X-Amz-Signature=5ec3e7"),
        "method": "PUT",
        "headers": {
            "content-length": "0",
            // printf '' | openssl dgst -sha256 -binary | base64
            "x-amz-checksum-sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        },
        "key": format!("web01/{day}.log"),
        "expires_at": expires_at,
    });
    answer("200 OK", "log2aws-source: 203.0.113.9\r\n", &body.to_string())
}

/// A response at [`NOW`].
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    answer_at(NOW, status, headers, body)
}

pub(crate) fn answer_at(at: &str, status: &str, headers: &str, body: &str) -> String {
    let at: jiff::Timestamp = at.parse().unwrap();
    let date = at.strftime("%a, %d %b %Y %H:%M:%S GMT");
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ndate: {date}\r\n{headers}content-length: {length}\r\n\r\n{body}")
}

/// A certificate, and the CA that signed it.
pub(crate) struct Identity {
    pub(crate) authority_pem: String,
    config: Arc<ServerConfig>,
}

impl Identity {
    /// For `name`, issued by "Example Proxy CA", valid in these years.
    pub(crate) fn new(name: &str, years: (i32, i32)) -> Self {
        let mut authority = CertificateParams::new([]).unwrap();
        authority.distinguished_name.push(DnType::CommonName, "Example Proxy CA");
        authority.distinguished_name.push(DnType::OrganizationName, "Example Corp");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority_pem = authority.self_signed(&key).unwrap().pem();
        let signer = Issuer::new(authority, key);
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &signer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Self { authority_pem, config: Arc::new(config) }
    }
}

type Answers = dyn Fn(&str, &str) -> String + Send + Sync;

/// One request per connection; stops when this is dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) origin: String,
    ended: Arc<AtomicBool>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// `answers` gets the server's own origin and the head of a request.
    pub(crate) fn plain(answers: impl Fn(&str, &str) -> String + Send + Sync + 'static) -> Self {
        Self::start("127.0.0.1", None, Arc::new(answers))
    }

    pub(crate) fn tls(
        identity: &Identity,
        answers: impl Fn(&str, &str) -> String + Send + Sync + 'static,
    ) -> Self {
        Self::start("localhost", Some(Arc::clone(&identity.config)), Arc::new(answers))
    }

    fn start(name: &str, tls: Option<Arc<ServerConfig>>, answers: Arc<Answers>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let origin = format!("{scheme}://{name}:{port}");
        let (ended, requests) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let server = Self {
            port,
            origin: origin.clone(),
            ended: Arc::clone(&ended),
            requests: Arc::clone(&requests),
        };
        thread::spawn(move || {
            for stream in listener.incoming().map(Result::unwrap) {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let (tls, answers) = (tls.clone(), Arc::clone(&answers));
                let (origin, requests) = (origin.clone(), Arc::clone(&requests));
                thread::spawn(move || match tls {
                    None => serve(stream, &origin, &*answers, &requests),
                    Some(config) => {
                        let connection = ServerConnection::new(config).unwrap();
                        let stream = StreamOwned::new(connection, stream);
                        serve(stream, &origin, &*answers, &requests);
                    }
                });
            }
        });
        server
    }

    /// The heads of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn api(&self) -> String {
        format!("{}/prod", self.origin)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(
    stream: impl Read + Write,
    origin: &str,
    answers: &Answers,
    requests: &Mutex<Vec<String>>,
) {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        // A client that only connects, or does not trust us, sends nothing.
        if !matches!(stream.read_line(&mut head), Ok(1..)) {
            return;
        }
    }
    requests.lock().unwrap().push(head.clone());
    // A client that disconnects early has seen enough.
    let _ = stream.get_mut().write_all(answers(origin, &head).as_bytes());
    let _ = stream.get_mut().flush();
}
