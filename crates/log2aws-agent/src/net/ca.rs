//! The trusted CA certificates.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::Network;

/// The longest file that is read: thousands of certificates.
const MAX_FILE: u64 = 16 << 20;

/// Why a CA file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// It cannot be read.
    #[error("the certificates in {path} cannot be read: {source}; correct --ca-file")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// It contains no certificate.
    #[error(
        "{0} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----); one in DER form is \
         turned into it by `openssl x509 -inform der -in FILE -out NEW`"
    )]
    None(PathBuf),
    /// A certificate is invalid.
    #[error("certificate {number} in {path} cannot be used ({why}); write the file again")]
    Broken {
        /// The file.
        path: PathBuf,
        /// Its position, from 1.
        number: usize,
        /// What is wrong with it.
        why: String,
    },
}

/// The trusted certificates: the machine's own, which may include a company's CA, and additional
/// ones.
#[derive(Clone, Debug)]
pub(super) struct Roots {
    ssl_cert_file: Option<PathBuf>,
    ssl_cert_dir: Option<PathBuf>,
    additional: Vec<CertificateDer<'static>>,
}

impl Roots {
    /// Reads the additional certificates, if any, so that an error in them is reported before
    /// anything is tried.
    pub(super) fn new(network: &Network) -> Result<Self, CaError> {
        let additional = network.ca_file.as_deref().map(read).transpose()?.unwrap_or_default();
        let (ssl_cert_file, ssl_cert_dir) =
            (network.ssl_cert_file.clone(), network.ssl_cert_dir.clone());
        Ok(Self { ssl_cert_file, ssl_cert_dir, additional })
    }

    /// All certificates. A file of the machine's that cannot be read is reported, and left out.
    pub(super) fn read(&self) -> Vec<CertificateDer<'static>> {
        let (file, folder) = (self.ssl_cert_file.as_deref(), self.ssl_cert_dir.as_deref());
        let mut found = if file.is_some() || folder.is_some() {
            rustls_native_certs::load_certs_from_paths(file, folder)
        } else {
            rustls_native_certs::load_native_certs()
        };
        for error in &found.errors {
            tracing::warn!(%error, "some of the machine's certificates cannot be read");
        }
        found.certs.extend(self.additional.iter().cloned());
        found.certs
    }
}

/// Reads every certificate of a PEM file. An invalid one is an error, because it was meant to be
/// trusted.
fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, CaError> {
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE).read_to_end(&mut text))
        .map_err(|source| CaError::Read { path: path.to_owned(), source })?;
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let broken = |why: String| {
            let number = found.len() + 1;
            CaError::Broken { path: path.to_owned(), number, why }
        };
        let certificate = certificate.map_err(|error| broken(error.to_string()))?;
        RootCertStore::empty()
            .add(certificate.clone())
            .map_err(|error| broken(error.to_string()))?;
        found.push(certificate);
    }
    if found.is_empty() { Err(CaError::None(path.to_owned())) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn each_bad_file_is_refused_for_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let refused = |text: &str| {
            fs::write(&path, text).unwrap();
            read(&path).unwrap_err().to_string()
        };
        assert!(read(&path).unwrap_err().to_string().contains("No such file"));
        let made = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
        assert!(refused("").contains("no certificate in PEM form"));
        assert!(refused(&made.signing_key.serialize_pem()).contains("no certificate in PEM"));
        let good = made.cert.pem();
        let rubbish = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(refused(&format!("{good}{rubbish}")).contains("certificate 2 in"));
        let cut = &good[..good.len() / 2];
        assert!(refused(cut).contains("certificate 1 in"), "{}", refused(cut));
        fs::write(&path, format!("a note\n{good}{good}")).unwrap();
        assert_eq!(read(&path).unwrap().len(), 2);
    }
}
