//! A body on its way from the network to the disk.
//!
//! Nothing is committed before the whole body has arrived and every claim about it holds.

use std::io::Write;

use bytes::Bytes;
use futures_util::StreamExt;
use http::HeaderMap;
use log2aws_store::disk::{Digests, DiskError, Staged, StagedPart};
use s3s::dto::{Checksum, StreamingBlob};
use s3s::{S3Error, S3Result, TrailingHeaders, s3_error};
use tokio::sync::mpsc;

use super::checksum::ExpectedChecksums;
use super::{Disk, error};
use crate::http::timeout_body::{BodyOutcome, End};

/// Bodies up to this many bytes are collected and written in one go: one hand-over between
/// threads, which is what day logs need. Larger ones flow through a channel.
const SMALL: u64 = 256 * 1024;

/// How many pieces of a large body may wait for the disk. hyper's are at most some 64 KiB each
/// (its read buffer), so an upload holds about 0.5 MiB.
const AHEAD: usize = 8;

/// What a body is written into.
pub(crate) trait Sink: Write {
    /// Size and hashes so far.
    fn digests(&self) -> Digests;
}

impl Sink for Staged {
    fn digests(&self) -> Digests {
        Self::digests(self)
    }
}

impl Sink for StagedPart {
    fn digests(&self) -> Digests {
        Self::digests(self)
    }
}

/// A body and everything that is known of it.
pub(crate) struct IncomingBody {
    pub(crate) body: Option<StreamingBlob>,
    pub(crate) claims: ExpectedChecksums,
    pub(crate) trailers: Option<TrailingHeaders>,
    /// How the connection's side of it ended.
    pub(crate) end: Option<BodyOutcome>,
    /// Whether the signature covers the body's own hash, which s3s then compares.
    pub(crate) hash_is_signed: bool,
}

enum Chunk {
    Data(Bytes),
    /// The body is whole; what followed it.
    End(Option<HeaderMap>),
}

impl Disk {
    /// Writes a body. `open` makes the place for it; `finish` commits it, and is called only for a
    /// body that is whole and of which every claim holds. Whatever fails, nothing of it is left.
    ///
    /// # Errors
    /// The S3 error that says what was wrong.
    pub(crate) async fn ingest<S: Sink, T: Send + 'static>(
        &self,
        mut arriving: IncomingBody,
        open: impl FnOnce(&log2aws_store::DiskStore) -> Result<S, DiskError> + Send + 'static,
        finish: impl FnOnce(&log2aws_store::DiskStore, S) -> S3Result<T> + Send + 'static,
    ) -> S3Result<(T, Checksum)> {
        let claims = arriving.claims.clone();
        let disk = self.clone();
        let write = move |pieces: &mut dyn Iterator<Item = Chunk>| {
            let mut sink =
                open(&disk.store).map_err(|error| error::answer(&error, &disk.metrics))?;
            let sums = fill(&mut sink, pieces, &claims, &disk)?;
            Ok((finish(&disk.store, sink)?, sums))
        };
        let body = arriving.body.take();
        if arriving.claims.length <= SMALL {
            let mut pieces = Vec::new();
            let mut arrived = 0;
            let mut body = body;
            while let Some(body) = &mut body {
                match body.next().await {
                    None => break,
                    Some(Ok(bytes)) => {
                        arrived += bytes.len() as u64;
                        if arrived > arriving.claims.length {
                            return Err(s3_error!(IncompleteBody, "more arrived than announced"));
                        }
                        pieces.push(Chunk::Data(bytes));
                    }
                    Some(Err(error)) => return Err(arriving.broken(&*error)),
                }
            }
            pieces.push(Chunk::End(arriving.trailers.and_then(|trailers| trailers.take())));
            return on_disk_thread(move || write(&mut pieces.into_iter())).await;
        }

        let (to_disk, mut from_network) = mpsc::channel(AHEAD);
        let writing = tokio::spawn(on_disk_thread(move || {
            write(&mut std::iter::from_fn(|| from_network.blocking_recv()))
        }));
        let mut body = body;
        while let Some(body) = &mut body {
            let piece = match body.next().await {
                None => break,
                Some(Ok(bytes)) => Chunk::Data(bytes),
                // Dropping the channel's end without `Chunk::End` makes the writer give up.
                Some(Err(error)) => return Err(arriving.broken(&*error)),
            };
            if to_disk.send(piece).await.is_err() {
                // The writer has failed; what it says is the answer.
                break;
            }
        }
        let trailers = arriving.trailers.and_then(|trailers| trailers.take());
        let _ = to_disk.send(Chunk::End(trailers)).await;
        drop(to_disk);
        writing.await.map_err(|_| s3_error!(InternalError, "the writer broke down"))?
    }
}

impl IncomingBody {
    /// Why a body could not be read. The errors of s3s are of private types: what is asked instead
    /// is whether the connection brought the whole body, and what the signature covers.
    fn broken(&self, error: &(dyn std::error::Error + 'static)) -> S3Error {
        match self.end.as_ref().map(BodyOutcome::get) {
            Some(End::Stalled) => s3_error!(RequestTimeout, "the body stalled"),
            Some(End::Cut) | None => {
                s3_error!(IncompleteBody, "the connection ended within the body")
            }
            Some(End::None) if error.to_string().contains("SignatureMismatch") => {
                s3_error!(SignatureDoesNotMatch, "a chunk's signature is not that of its bytes")
            }
            Some(End::None) if self.hash_is_signed => {
                s3_error!(BadDigest, "x-amz-content-sha256 is not that of the body that arrived")
            }
            Some(End::None) => s3_error!(IncompleteBody, "the chunks of the body do not fit"),
        }
    }
}

fn fill(
    sink: &mut dyn Sink,
    pieces: &mut dyn Iterator<Item = Chunk>,
    claims: &ExpectedChecksums,
    disk: &Disk,
) -> S3Result<Checksum> {
    let mut hasher = claims.hasher();
    let mut arrived = 0;
    for piece in pieces {
        match piece {
            Chunk::Data(bytes) => {
                arrived += bytes.len() as u64;
                if arrived > claims.length {
                    return Err(s3_error!(IncompleteBody, "more arrived than was announced"));
                }
                hasher.update(&bytes);
                sink.write_all(&bytes)
                    .map_err(|error| error::of_write(&error, "an upload", &disk.metrics))?;
            }
            Chunk::End(trailers) => {
                return claims.check(hasher, &sink.digests(), trailers.as_ref());
            }
        }
    }
    Err(s3_error!(IncompleteBody, "the body did not arrive whole"))
}

/// Runs what waits for the disk on a thread that may wait.
pub(crate) async fn on_disk_thread<T: Send + 'static>(
    work: impl FnOnce() -> S3Result<T> + Send + 'static,
) -> S3Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| s3_error!(InternalError, "the server's disk thread broke down"))?
}
