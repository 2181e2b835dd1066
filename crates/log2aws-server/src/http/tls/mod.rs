//! TLS in the server itself: handshakes that block nobody, and certificates that are reloaded while
//! it runs.

mod files;
mod validity;

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use log2aws_service::ports::Clock;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use files::Loaded;
pub use files::{TlsError, TlsFiles};

use crate::file_fingerprint::FileState;
use crate::http::activity::Activity;
use crate::http::lingering_stream::LingeringStream;

/// How often the files are checked.
pub(crate) const RELOAD_EVERY: Duration = Duration::from_secs(5);

/// How long before its end there is a warning: renewals are usually made a month before.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The minimum time between two warnings about the certificate's end.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// The response to plain HTTP.
const PLAIN: &str = "this port speaks https: put https:// before the address\n";

/// The states of both files.
type Fingerprints = [FileState; 2];

/// The current certificate.
pub(crate) struct Tls {
    files: TlsFiles,
    clock: Arc<dyn Clock>,
    loaded: RwLock<Loaded>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`].
    pub(crate) fn open(files: TlsFiles, clock: Arc<dyn Clock>) -> Result<Self, TlsError> {
        let loaded = RwLock::new(files.load()?);
        Ok(Self { files, clock, loaded })
    }

    fn warn_of_the_end(&self, last_warning: &mut Option<Timestamp>) {
        let now = self.clock.now();
        if last_warning.is_some_and(|last_warning| now.duration_since(last_warning) < AGAIN) {
            return;
        }
        let holds = self.loaded.read().unwrap_or_else(PoisonError::into_inner).holds;
        let Some(trouble) = holds.and_then(|holds| trouble(holds, now)) else { return };
        *last_warning = Some(now);
        tracing::warn!(file = %self.files.certificate.display(), "{trouble}");
    }

    /// Performs a handshake. Plain HTTP is answered with [`PLAIN`].
    ///
    /// # Errors
    /// The peer does not speak TLS, or no version of ours, or disconnects.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
        patience: Duration,
        activity: Arc<Activity>,
    ) -> io::Result<TlsStream<LingeringStream>> {
        let mut first = [0];
        let found = stream.peek(&mut first).await?;
        let mut socket = LingeringStream::new(stream, patience, activity);
        // A method begins with a letter; a handshake with 22.
        if found == 1 && first[0].is_ascii_alphabetic() {
            let answer = format!(
                "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n{PLAIN}",
                PLAIN.len()
            );
            socket.write_all(answer.as_bytes()).await?;
            socket.shutdown().await?;
            return Err(io::Error::other("the peer does not speak TLS"));
        }
        let config = {
            let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
            loaded.config.clone()
        };
        TlsAcceptor::from(config).accept(socket).await
    }
}

/// Reloads renewed files while the server runs.
pub(crate) struct CertWatch {
    tls: Arc<Tls>,
    seen: Fingerprints,
    usable: bool,
    last_warning: Option<Timestamp>,
}

impl CertWatch {
    pub(crate) fn new(tls: Arc<Tls>) -> Self {
        let seen = tls.files.stamp();
        Self { tls, seen, usable: true, last_warning: None }
    }

    /// Reads the files if they have changed, and warns of a certificate that expires soon. Returns
    /// whether the files are usable; if not, the earlier certificate stays in use.
    pub(crate) fn check(&mut self) -> bool {
        let tls = &*self.tls;
        let stamp = tls.files.stamp();
        if stamp != self.seen {
            self.seen = stamp;
            match tls.files.load() {
                Ok(loaded) => {
                    *tls.loaded.write().unwrap_or_else(PoisonError::into_inner) = loaded;
                    let file = tls.files.certificate.display();
                    tracing::info!(%file, "the renewed certificate is shown from now on");
                    (self.usable, self.last_warning) = (true, None);
                }
                Err(error) => {
                    self.usable = false;
                    tracing::error!(%error, "the renewed certificate cannot be used: the earlier one is shown");
                }
            }
        }
        tls.warn_of_the_end(&mut self.last_warning);
        self.usable
    }
}

/// What is wrong with a certificate that is valid between the two times.
fn trouble((from, until): (Timestamp, Timestamp), now: Timestamp) -> Option<String> {
    if now >= until {
        Some(format!("the certificate has expired ({until}): clients refuse it; renew it"))
    } else if now < from {
        Some(format!("the certificate does not hold before {from}: clients refuse it until then"))
    } else if until.duration_since(now) < SOON {
        Some(format!("the certificate expires soon ({until}): renew it"))
    } else {
        None
    }
}
