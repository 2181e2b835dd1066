//! Receives a body and writes it to disk.
//!
//! Nothing is committed before the whole body has arrived and every checksum matches.

use std::io::Write;

use log2aws_store::disk::{Digests, DiskError, Staged, StagedPart};
use s3s::checksum::ChecksumHasher;
use s3s::dto::{Checksum, StreamingBlob};
use s3s::{S3Error, S3Result, TrailingHeaders, s3_error};

use super::checksum::ExpectedChecksums;
use super::uploads::{Chunk, ChunkError, Chunks};
use super::{Disk, error};
use crate::http::timeout_body::{BodyOutcome, End};
use crate::metrics::Metrics;

/// The target of a body.
pub(crate) trait Sink: Write + Send + 'static {
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

/// A body and everything known about it.
pub(crate) struct IncomingBody {
    pub(crate) body: Option<StreamingBlob>,
    pub(crate) claims: ExpectedChecksums,
    pub(crate) trailers: Option<TrailingHeaders>,
    /// How it ended on the connection's side.
    pub(crate) end: Option<BodyOutcome>,
    /// Whether the signature covers the body's own hash, which s3s then verifies.
    pub(crate) hash_is_signed: bool,
}

/// A body being written: nothing of it is visible before `finish`.
struct Writing<S: Sink> {
    sink: OffRuntime<S>,
    hasher: ChecksumHasher,
}

/// Drops a sink, and so removes its file, on a blocking thread: an aborted request is dropped on a
/// thread of the runtime.
struct OffRuntime<S: Send + 'static>(Option<S>);

impl<S: Send + 'static> Drop for OffRuntime<S> {
    fn drop(&mut self) {
        if let (Some(sink), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn_blocking(move || drop(sink));
        }
    }
}

impl<S: Sink> Writing<S> {
    fn write(&mut self, chunk: &Chunk, disk: &Disk) -> S3Result<()> {
        let bytes = &chunk.bytes;
        disk.uploads.require_space(bytes.len() as u64, &disk.metrics)?;
        self.hasher.update(bytes);
        let Some(sink) = &mut self.sink.0 else { return Ok(()) };
        sink.write_all(bytes).map_err(|error| error::of_write(&error, "an upload", &disk.metrics))
    }
}

impl Disk {
    /// Writes a body. `open` creates the target; `finish` commits it, and is called only for a
    /// complete body with matching checksums. After any failure nothing is left.
    ///
    /// Chunks are collected without a thread and written on one; a body of one chunk needs one
    /// thread switch, which is the case for day logs.
    ///
    /// # Errors
    /// The S3 error for the caller.
    pub(crate) async fn ingest<S: Sink, T: Send + 'static>(
        &self,
        mut arriving: IncomingBody,
        open: impl FnOnce(&log2aws_store::DiskStore) -> Result<S, DiskError> + Send + 'static,
        finish: impl FnOnce(&log2aws_store::DiskStore, S) -> S3Result<T> + Send + 'static,
    ) -> S3Result<(T, Checksum)> {
        self.uploads.check_space(arriving.claims.length, &self.metrics).await?;
        let claims = arriving.claims.clone();
        let opened = self.clone();
        let opening = move || -> S3Result<Writing<S>> {
            let sink =
                open(&opened.store).map_err(|error| error::answer(&error, &opened.metrics))?;
            Ok(Writing { sink: OffRuntime(Some(sink)), hasher: claims.hasher() })
        };
        let mut chunks = Chunks::new(arriving.body.take(), arriving.claims.length);
        let (mut chunk, mut last) = self.gather(&mut chunks, &arriving).await?;
        let mut writing = None;
        let mut opening = Some(opening);
        loop {
            let begin = opening.take();
            let present = writing.take();
            let disk = self.clone();
            let next = move || -> S3Result<Option<Writing<S>>> {
                let mut writing = match (present, begin) {
                    (Some(writing), _) => writing,
                    (None, Some(open)) => open()?,
                    (None, None) => return Ok(None),
                };
                writing.write(&chunk, &disk)?;
                Ok(Some(writing))
            };
            if last {
                let claims = arriving.claims;
                let trailers = arriving.trailers.and_then(|trailers| trailers.take());
                let disk = self.clone();
                let commit = move || {
                    let unwritten = || s3_error!(InternalError, "the body was not written");
                    let Writing { mut sink, hasher } = next()?.ok_or_else(unwritten)?;
                    let sink = sink.0.take().ok_or_else(unwritten)?;
                    let sums = claims.check(hasher, &sink.digests(), trailers.as_ref())?;
                    Ok((finish(&disk.store, sink)?, sums))
                };
                return self.uploads.write(commit).await;
            }
            writing = self.uploads.write(next).await?;
            (chunk, last) = self.gather(&mut chunks, &arriving).await?;
        }
    }

    async fn gather(
        &self,
        chunks: &mut Chunks<StreamingBlob>,
        arriving: &IncomingBody,
    ) -> S3Result<(Chunk, bool)> {
        chunks.next(&self.uploads).await.map_err(|error| match error {
            ChunkError::TooLong => s3_error!(IncompleteBody, "more arrived than was announced"),
            ChunkError::NoMemory => s3_error!(ServiceUnavailable, "the server is stopping"),
            ChunkError::Body(error) => arriving.broken(&*error, &self.metrics),
        })
    }
}

impl IncomingBody {
    /// Why a body could not be read. The errors of s3s are of private types, so the connection's
    /// end and the signature's coverage are checked instead.
    fn broken(&self, error: &(dyn std::error::Error + 'static), metrics: &Metrics) -> S3Error {
        match self.end.as_ref().map(BodyOutcome::get) {
            Some(End::Stalled) => {
                metrics.count_refused_put("slow");
                s3_error!(RequestTimeout, "the body arrived too slowly")
            }
            Some(End::Replaced) => {
                metrics.count_refused_put("replaced");
                s3_error!(OperationAborted, "another upload with this URL took this one's place")
            }
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

/// Runs blocking disk work on a blocking thread.
pub(crate) async fn on_disk_thread<T: Send + 'static>(
    work: impl FnOnce() -> S3Result<T> + Send + 'static,
) -> S3Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| s3_error!(InternalError, "the server's disk thread broke down"))?
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use log2aws_store::{BucketSpec, DiskStore};

    use super::*;
    use crate::analysis::Queue;
    use crate::background::unreadable_objects::UnreadableObjects;
    use crate::config::DoorLimits;
    use crate::s3::uploads::Uploads;
    use crate::test_clock::FixedClock;

    /// The disk may fill up after an upload began.
    #[tokio::test]
    async fn each_chunk_is_written_only_while_there_is_space() {
        let folder = tempfile::tempdir().unwrap();
        let bucket: log2aws_core::key::BucketName = "raw".parse().unwrap();
        let spec = BucketSpec { name: bucket.clone(), versioned: true };
        let store = DiskStore::open(folder.path(), &[spec], Arc::new(FixedClock::EPOCH)).unwrap();
        let metrics = Arc::new(Metrics::new("0", Timestamp::UNIX_EPOCH));
        let queue = Arc::new(Queue::new(metrics.queue_length.clone()));
        let unreadable = UnreadableObjects::new(metrics.clone());
        let disk = |reserve| {
            let limits = DoorLimits { keep_free_space: Some(reserve), ..DoorLimits::default() };
            let uploads = Arc::new(Uploads::new(&limits, folder.path().to_owned(), &metrics));
            let (store, queue) = (store.clone(), queue.clone());
            let (metrics, unreadable) = (metrics.clone(), unreadable.clone());
            Disk::new(
                store,
                bucket.clone(),
                queue,
                metrics,
                uploads,
                unreadable,
                Timestamp::UNIX_EPOCH,
            )
        };
        let staged = store.stage(&bucket, &"web01/2019-08-01.log".parse().unwrap()).unwrap();
        let hasher = ExpectedChecksums::default().hasher();
        let mut writing = Writing { sink: OffRuntime(Some(staged)), hasher };
        let mut chunk = Chunk::default();
        chunk.bytes.extend_from_slice(b"a line\n");
        writing.write(&chunk, &disk(0)).unwrap();
        let error = writing.write(&chunk, &disk(u64::MAX)).unwrap_err();
        assert_eq!(error.code().as_str(), "InsufficientStorage");
        assert_eq!(writing.sink.0.as_ref().unwrap().digests().size, 7);
    }
}
