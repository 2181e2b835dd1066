//! TLS by the server itself: handshakes that hold nobody up, and certificates that are renewed
//! while it runs.

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

use crate::file_fingerprint::FileFingerprint;
use crate::http::activity::Activity;
use crate::http::lingering_stream::LingeringStream;

/// How often the files are looked at.
pub(crate) const LOOK: Duration = Duration::from_secs(5);

/// So long before its end a certificate is warned of: renewals are usually made a month before.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How long after a warning of the certificate's end the next may follow.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// The answer to plain HTTP.
const PLAIN: &str = "this port speaks https: put https:// before the address\n";

/// The states of both files.
type Fingerprints = [Option<FileFingerprint>; 2];

/// The certificate that is shown now.
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

    /// Takes renewed files while the server runs. Files that cannot be used are
    /// logged, and the certificate that was good stays.
    pub(crate) async fn watch(self: Arc<Self>, every: Duration) {
        let mut seen = self.files.stamp();
        let mut last_warning = None;
        loop {
            self.warn_of_the_end(&mut last_warning);
            tokio::time::sleep(every).await;
            let tls = self.clone();
            // Files can be slow; the runtime must not wait for them.
            let looked = tokio::task::spawn_blocking(move || tls.look(seen)).await;
            if let Ok((stamp, renewed)) = looked {
                seen = stamp;
                if renewed {
                    last_warning = None;
                }
            }
        }
    }

    /// Reads the files if they are not those of `seen`.
    fn look(&self, seen: Fingerprints) -> (Fingerprints, bool) {
        let stamp = self.files.stamp();
        if stamp == seen {
            return (seen, false);
        }
        match self.files.load() {
            Ok(loaded) => {
                *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = loaded;
                let file = self.files.certificate.display();
                tracing::info!(%file, "the renewed certificate is shown from now on");
                (stamp, true)
            }
            Err(error) => {
                tracing::error!(%error, "the renewed certificate cannot be used: the earlier one is shown");
                (stamp, false)
            }
        }
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

    /// Shakes hands. Plain HTTP is answered with [`PLAIN`].
    ///
    /// # Errors
    /// A peer that does not speak TLS, or none that we do, or goes away.
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

/// What is wrong with a certificate that holds from the first until the second of `holds`.
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
