//! A TLS handshake that completes whatever the certificates are, so that their issuer and the
//! reason for distrust can be reported.
//!
//! Only a request for `/` without a query is sent over such a connection, and only the date of the
//! response is read: an expired certificate may mean that our clock is wrong.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    StreamOwned,
};

use crate::doctor::certificate::{self, Issuer};

/// The longest response head that is read for its date.
const MAX_HEAD: u64 = 16 << 10;

/// The result of a handshake.
#[derive(Debug)]
pub(crate) struct Handshake {
    /// Why it is not trusted, if so.
    pub(crate) verdict: Result<(), TlsFault>,
    /// The issuer of the server's certificate.
    pub(crate) issuer: Option<Issuer>,
    /// The server's clock, requested only if the certificate is not trusted.
    pub(crate) date: Option<Timestamp>,
}

/// Why there is no trusted connection.
#[derive(Debug, PartialEq)]
pub(crate) enum TlsFault {
    /// This machine trusts no CA at all.
    NoRoots,
    /// The certificate is not trusted.
    Certificate(Error),
    /// The server does not speak TLS.
    NotTls(String),
}

/// Performs a handshake with `host`.
pub(crate) fn handshake(
    stream: TcpStream,
    host: &str,
    roots: &[CertificateDer<'static>],
) -> Handshake {
    let provider = Arc::new(ring::default_provider());
    let recorder = Arc::new(Recorder::new(&provider, roots));
    let broken = |problem: String| Handshake {
        verdict: Err(TlsFault::NotTls(problem)),
        issuer: None,
        date: None,
    };
    let name = match ServerName::try_from(host.trim_matches(['[', ']']).to_owned()) {
        Ok(name) => name,
        Err(error) => return broken(error.to_string()),
    };
    let connection = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|config| {
            config
                .dangerous()
                .with_custom_certificate_verifier(Arc::clone(&recorder) as Arc<_>)
                .with_no_client_auth()
        })
        .and_then(|config| ClientConnection::new(Arc::new(config), name));
    let mut stream = match connection {
        Ok(connection) => StreamOwned::new(connection, stream),
        Err(error) => return broken(error.to_string()),
    };
    while stream.conn.is_handshaking() {
        if let Err(error) = stream.conn.complete_io(&mut stream.sock) {
            return broken(plainly(&error));
        }
    }
    let seen = recorder.seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (verdict, issuer) = seen.unwrap_or((Ok(()), None));
    let date = verdict.as_ref().err().and_then(|_| date(&mut stream, host));
    Handshake { verdict, issuer, date }
}

fn plainly(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "it says nothing".to_owned(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => "it hangs up".to_owned(),
        _ => error.to_string(),
    }
}

/// The `Date` header of the server.
fn date(stream: &mut StreamOwned<ClientConnection, TcpStream>, host: &str) -> Option<Timestamp> {
    let request = format!("HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut head = Vec::new();
    // A connection that ends after the head is good enough.
    let _ = stream.take(MAX_HEAD).read_to_end(&mut head);
    let head = String::from_utf8_lossy(&head).into_owned();
    head.lines().filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("date").then(|| parse_date(value)).flatten()
    })
}

/// Parses a `Date` header (RFC 9110 §5.6.7).
pub(crate) fn parse_date(value: &str) -> Option<Timestamp> {
    static PARSER: DateTimeParser = DateTimeParser::new();
    PARSER.parse_timestamp(value.trim()).ok()
}

type Seen = (Result<(), TlsFault>, Option<Issuer>);

/// Asks the real verifier, records its verdict, and lets the handshake continue.
struct Recorder {
    provider: Arc<CryptoProvider>,
    /// `None` if there are no trusted CAs.
    real: Option<Arc<WebPkiServerVerifier>>,
    seen: Mutex<Option<Seen>>,
}

impl Recorder {
    fn new(provider: &Arc<CryptoProvider>, roots: &[CertificateDer<'static>]) -> Self {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots.iter().cloned());
        let builder =
            WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider));
        // It only fails if there are no roots.
        let real = builder.build().ok();
        Self { provider: Arc::clone(provider), real, seen: Mutex::default() }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = match &self.real {
            None => Err(TlsFault::NoRoots),
            Some(real) => real
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map(|_| ())
                .map_err(TlsFault::Certificate),
        };
        let seen = (verdict, certificate::issuer(end_entity));
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
