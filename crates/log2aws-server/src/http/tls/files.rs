//! A certificate and its key, from two PEM files.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ServerConfig;

use super::validity::validity;
use crate::file_fingerprint::FileState;

/// The size limit of a file; a certificate chain is a few KiB.
const MOST: u64 = 1024 * 1024;

/// The files of the certificate and its key.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The server's certificate, followed by its intermediate CA certificates.
    pub certificate: PathBuf,
    /// The private key of the first one.
    pub key: PathBuf,
}

const CERTIFICATE: &str = "the certificate (--tls-cert)";
const KEY: &str = "the private key (--tls-key)";

/// Why these files cannot be used for TLS. One sentence each: what, where, what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{what} {} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which of the two it is, with its flag.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The underlying error.
        source: io::Error,
    },
    /// The key is accessible to other users of the machine.
    #[error("{} can be read by other users (mode {mode:03o}); run: chmod 600 {}", path.display(), path.display())]
    KeyOpen {
        /// The key.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// There is no certificate in the file.
    #[error("{} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)", .0.display())]
    NoCertificate(PathBuf),
    /// There is no key in the file, or an encrypted one.
    #[error("{} holds no private key in PEM form that is not encrypted; openssl pkey -in {} writes one", .0.display(), .0.display())]
    NoKey(PathBuf),
    /// The key belongs to another certificate.
    #[error("the key in {} is not that of the first certificate in {}; give the two files of one pair, the server's own certificate before those of its authorities", key.display(), certificate.display())]
    Mismatch {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// TLS does not accept them.
    #[error("{} and {} cannot be used: {reason}", certificate.display(), key.display())]
    Refused {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// The library's error.
        reason: rustls::Error,
    },
}

/// The content of the files.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Arc<ServerConfig>,
    /// The validity of the certificate, if known.
    pub(crate) holds: Option<(Timestamp, Timestamp)>,
}

impl TlsFiles {
    /// The current state of both files.
    pub(crate) fn stamp(&self) -> [FileState; 2] {
        [&self.certificate, &self.key].map(|path| FileState::of(path))
    }

    /// Reads both.
    ///
    /// # Errors
    /// [`TlsError`].
    pub(crate) fn load(&self) -> Result<Loaded, TlsError> {
        refuse_open(&self.key)?;
        let certificates = CertificateDer::pem_slice_iter(&read(CERTIFICATE, &self.certificate)?)
            .collect::<Result<Vec<_>, _>>()
            .ok()
            .filter(|found| !found.is_empty())
            .ok_or_else(|| TlsError::NoCertificate(self.certificate.clone()))?;
        let key = PrivateKeyDer::from_pem_slice(&read(KEY, &self.key)?)
            .map_err(|_| TlsError::NoKey(self.key.clone()))?;
        let holds = certificates.first().and_then(|first| validity(first));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key))
            .map_err(|reason| self.refused(reason))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Loaded { config: Arc::new(config), holds })
    }

    fn refused(&self, reason: rustls::Error) -> TlsError {
        let (certificate, key) = (self.certificate.clone(), self.key.clone());
        match reason {
            rustls::Error::InconsistentKeys(_) => TlsError::Mismatch { certificate, key },
            reason => TlsError::Refused { certificate, key, reason },
        }
    }
}

/// Nobody else may read the key. A key of root's may be accessible to a group, through which a
/// server that is not root reads it.
fn refuse_open(path: &Path) -> Result<(), TlsError> {
    let failed = |source| TlsError::Unreadable { what: KEY, path: path.to_owned(), source };
    let meta = fs::metadata(path).map_err(failed)?;
    if meta.is_dir() {
        // Before the check of the mode: the advice must not be to change the mode of a folder.
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    let mode = meta.mode() & 0o777;
    let allowed = if meta.uid() == 0 { 0o740 } else { 0o700 };
    if mode & !allowed != 0 {
        return Err(TlsError::KeyOpen { path: path.to_owned(), mode });
    }
    Ok(())
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let read = || {
        if fs::metadata(path)?.len() > MOST {
            return Err(io::Error::other("it is larger than 1 MiB"));
        }
        fs::read(path)
    };
    read().map_err(|source| TlsError::Unreadable { what, path: path.to_owned(), source })
}
