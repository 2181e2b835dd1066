//! TLS as a transport of ureq, with a record of whose certificate was shown and what was wrong.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
    StreamOwned,
};
use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, LazyBuffers, NextTimeout, Transport, TransportAdapter,
};

use super::certificate::{self, Issuer};

/// The result of a handshake.
#[derive(Debug)]
pub(crate) struct Handshake {
    /// Why the connection is not trusted, if so.
    pub(crate) verdict: Result<(), TlsFault>,
    /// The issuer of the server's certificate.
    pub(crate) issuer: Option<Issuer>,
}

/// Why there is no trusted connection.
#[derive(Debug, PartialEq)]
pub(crate) enum TlsFault {
    /// This machine trusts no CA at all.
    NoRoots,
    /// The certificate is not trusted.
    Certificate(rustls::Error),
    /// There was no handshake: this is not TLS, or the connection broke.
    NotTls(String),
}

impl TlsFault {
    /// Whether the certificate has expired, or is not valid yet, by this machine's clock.
    pub(crate) fn is_about_time(&self) -> bool {
        use rustls::CertificateError as E;
        matches!(
            self,
            Self::Certificate(rustls::Error::InvalidCertificate(
                E::Expired
                    | E::ExpiredContext { .. }
                    | E::NotValidYet
                    | E::NotValidYetContext { .. }
            ))
        )
    }
}

/// Which certificates are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Those of trusted CAs.
    Roots,
    /// Any. Only to read the clock of a server; nothing about this machine may be sent.
    Anybody,
}

/// Makes TLS connections.
#[derive(Debug)]
pub(super) struct Tls {
    config: Arc<ClientConfig>,
    verifier: Arc<RecordingVerifier>,
}

impl Tls {
    pub(super) fn new(
        roots: &[CertificateDer<'static>],
        trust: Trust,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::new(ring::default_provider());
        let verifier = Arc::new(RecordingVerifier::new(&provider, roots, trust));
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as Arc<_>)
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config), verifier })
    }

    /// A connection to `host` over `io`, and the result of the handshake in any case.
    pub(super) fn handshake(
        &self,
        host: &str,
        io: TransportAdapter,
        buffers: LazyBuffers,
    ) -> (Handshake, Result<TlsTransport, Error>) {
        let broken = |error: Error| {
            let text = error.to_string();
            (Handshake { verdict: Err(TlsFault::NotTls(text)), issuer: None }, Err(error))
        };
        // A URL has an IPv6 address in brackets.
        let Ok(name) = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()) else {
            return broken(Error::Tls("the host has no name that a certificate can have"));
        };
        let mut stream = match ClientConnection::new(Arc::clone(&self.config), name) {
            Ok(connection) => StreamOwned::new(connection, io),
            Err(error) => return broken(Error::Other(Box::new(error))),
        };
        let done = loop {
            if !stream.conn.is_handshaking() {
                break Ok(());
            }
            if let Err(error) = stream.conn.complete_io(&mut stream.sock) {
                break Err(Error::from(error));
            }
        };
        match (self.verifier.take(), done) {
            (Some((verdict, issuer)), Ok(())) => {
                (Handshake { verdict, issuer }, Ok(TlsTransport { stream, buffers }))
            }
            // A resumed session shows no certificate again.
            (None, Ok(())) => {
                (Handshake { verdict: Ok(()), issuer: None }, Ok(TlsTransport { stream, buffers }))
            }
            (Some((verdict @ Err(_), issuer)), Err(error)) => {
                (Handshake { verdict, issuer }, Err(error))
            }
            (_, Err(error)) => broken(error),
        }
    }
}

/// A TLS connection.
pub(super) struct TlsTransport {
    stream: StreamOwned<ClientConnection, TransportAdapter>,
    buffers: LazyBuffers,
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTransport").finish_non_exhaustive()
    }
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.sock.set_timeout(timeout);
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        Ok(self.stream.write_all(output)?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.sock.set_timeout(timeout);
        let read = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(read);
        Ok(read > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.sock.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

type Seen = (Result<(), TlsFault>, Option<Issuer>);

/// Asks the real verifier, and records its verdict and the issuer.
struct RecordingVerifier {
    provider: Arc<CryptoProvider>,
    /// `None` if there are no trusted CAs.
    real: Option<Arc<WebPkiServerVerifier>>,
    trust: Trust,
    seen: Mutex<Option<Seen>>,
}

impl RecordingVerifier {
    fn new(
        provider: &Arc<CryptoProvider>,
        roots: &[CertificateDer<'static>],
        trust: Trust,
    ) -> Self {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots.iter().cloned());
        let builder =
            WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider));
        // It only fails if there are no roots.
        let real = builder.build().ok();
        Self { provider: Arc::clone(provider), real, trust, seen: Mutex::default() }
    }

    /// What the last handshake showed.
    fn take(&self) -> Option<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for RecordingVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingVerifier").finish_non_exhaustive()
    }
}

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let result = match &self.real {
            None => {
                Err(rustls::Error::General("this machine trusts no certificate authority".into()))
            }
            Some(real) => {
                real.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
        };
        let verdict = match (&result, &self.real) {
            (Ok(_), _) => Ok(()),
            (Err(_), None) => Err(TlsFault::NoRoots),
            (Err(error), Some(_)) => Err(TlsFault::Certificate(error.clone())),
        };
        let seen = (verdict, certificate::issuer(end_entity));
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        match self.trust {
            Trust::Roots => result,
            Trust::Anybody => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
