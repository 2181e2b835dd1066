//! Resources shared by all incoming bodies: memory, writer threads, and free disk space.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures_util::{Stream, StreamExt as _};
use prometheus_client::metrics::gauge::Gauge;
use s3s::{S3Result, s3_error};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::error;
use crate::config::DoorLimits;
use crate::http::activity::now_ms;
use crate::metrics::Metrics;

/// How much of a body is collected before it is written: a day log is written at once.
pub(crate) const CHUNK: usize = 256 * 1024;

/// The memory that a chunk's first byte reserves.
const FIRST_STEP: usize = 4 * 1024;

/// How long a chunk may be collected. After that it is written as it is, and its memory released,
/// so that slow bodies hold none for long.
const GATHER: Duration = Duration::from_secs(1);

/// How long a figure of free space is reused, in milliseconds.
const SPACE_MS: u64 = 1000;

/// Memory, threads and disk space for incoming bodies.
#[derive(Debug)]
pub(crate) struct Uploads {
    /// One permit per byte.
    memory: Arc<Semaphore>,
    used: Gauge,
    /// One permit per thread.
    turns: Arc<Semaphore>,
    pub(crate) space: FreeSpace,
}

/// A part of a body. Its memory is released on drop.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    pub(crate) bytes: Vec<u8>,
    memory: Option<Reserved>,
}

#[derive(Debug)]
struct Reserved {
    permit: OwnedSemaphorePermit,
    used: Gauge,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.used.dec_by(i64::try_from(self.permit.num_permits()).unwrap_or(i64::MAX));
    }
}

impl Uploads {
    /// With `limits`, on the disk of `folder`.
    pub(crate) fn new(limits: &DoorLimits, folder: PathBuf, metrics: &Metrics) -> Self {
        // A chunk must fit, and a permit counts in 32 bits.
        let memory = limits.body_memory.clamp(CHUNK as u64, u64::from(u32::MAX));
        let memory = usize::try_from(memory).unwrap_or(CHUNK).min(Semaphore::MAX_PERMITS);
        Self {
            memory: Arc::new(Semaphore::new(memory)),
            used: metrics.body_memory.clone(),
            turns: Arc::new(Semaphore::new(limits.writer_threads.get())),
            space: FreeSpace {
                folder,
                reserve: limits.keep_free_space,
                known: AtomicU64::new(0),
                known_at: AtomicU64::new(0),
            },
        }
    }

    /// Runs blocking disk work on a blocking thread, as soon as one is free. It is finished even if
    /// the caller is dropped.
    ///
    /// # Errors
    /// Those of `work`, or that the thread panicked.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> S3Result<T> + Send + 'static,
    ) -> S3Result<T> {
        let broken = || s3_error!(InternalError, "the server's disk thread broke down");
        // The semaphore is never closed.
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| broken())?;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await.map_err(|_| broken())?
    }

    /// Grows the memory of a chunk to `capacity` bytes.
    async fn reserve(&self, chunk: &mut Chunk, capacity: usize, wait: bool) -> Result<(), ()> {
        let more = capacity - chunk.bytes.capacity();
        let permits = u32::try_from(more).map_err(|_| ())?;
        let memory = self.memory.clone();
        let permit = if wait {
            memory.acquire_many_owned(permits).await.map_err(|_| ())?
        } else {
            memory.try_acquire_many_owned(permits).map_err(|_| ())?
        };
        self.used.inc_by(i64::from(permits));
        match &mut chunk.memory {
            Some(reserved) => reserved.permit.merge(permit),
            None => chunk.memory = Some(Reserved { permit, used: self.used.clone() }),
        }
        chunk.bytes.reserve_exact(capacity - chunk.bytes.len());
        Ok(())
    }
}

/// A body, read in chunks. No thread waits for its bytes, and it uses at most twice the memory of
/// the received bytes of the current chunk, and never more than the announced length.
pub(crate) struct Chunks<B> {
    body: Option<B>,
    /// What did not fit into the previous chunk.
    rest: Bytes,
    announced: u64,
    arrived: u64,
}

/// Why reading a body failed.
#[derive(Debug)]
pub(crate) enum ChunkError<E> {
    /// More bytes arrived than announced.
    TooLong,
    /// The server has no more memory: it is stopping.
    NoMemory,
    /// The body failed.
    Body(E),
}

impl<B, E> Chunks<B>
where
    B: Stream<Item = Result<Bytes, E>> + Unpin,
{
    /// A body with the announced length.
    pub(crate) fn new(body: Option<B>, announced: u64) -> Self {
        Self { body, rest: Bytes::new(), announced, arrived: 0 }
    }

    /// The next chunk, and whether it is the last.
    pub(crate) async fn next(&mut self, uploads: &Uploads) -> Result<(Chunk, bool), ChunkError<E>> {
        let mut chunk = Chunk::default();
        // The remaining length of this chunk.
        let room = self.announced - self.arrived;
        let room = usize::try_from(room).unwrap_or(CHUNK).min(CHUNK);
        let mut deadline = None;
        loop {
            if self.rest.is_empty() {
                let Some(body) = &mut self.body else { return Ok((chunk, true)) };
                let frame = match deadline {
                    None => body.next().await,
                    Some(deadline) => match tokio::time::timeout_at(deadline, body.next()).await {
                        Ok(frame) => frame,
                        Err(_) => return Ok((chunk, false)),
                    },
                };
                match frame {
                    None => {
                        self.body = None;
                        return Ok((chunk, true));
                    }
                    Some(Ok(frame)) => self.rest = frame,
                    Some(Err(error)) => return Err(ChunkError::Body(error)),
                }
            }
            if self.rest.len() as u64 > self.announced - self.arrived {
                return Err(ChunkError::TooLong);
            }
            let take = self.rest.len().min(room - chunk.bytes.len());
            if take == 0 && !self.rest.is_empty() {
                return Ok((chunk, false));
            }
            let needed = chunk.bytes.len() + take;
            if needed > chunk.bytes.capacity() {
                let doubled = chunk.bytes.capacity().saturating_mul(2).max(FIRST_STEP);
                let capacity = doubled.max(needed).min(room);
                // A chunk that gets no more memory is written as it is, and a new one waits without
                // holding any.
                let first = chunk.bytes.is_empty();
                match uploads.reserve(&mut chunk, capacity, first).await {
                    Ok(()) => {}
                    Err(()) if first => return Err(ChunkError::NoMemory),
                    Err(()) => return Ok((chunk, false)),
                }
            }
            chunk.bytes.extend_from_slice(&self.rest[..take]);
            self.rest.advance(take);
            if self.rest.is_empty() {
                // An empty slice would keep its whole network buffer in memory.
                self.rest = Bytes::new();
            }
            self.arrived += take as u64;
            deadline.get_or_insert_with(|| Instant::now() + GATHER);
        }
    }
}

/// The disk's free space, part of which is reserved for results, journals and the dashboard.
#[derive(Debug)]
pub(crate) struct FreeSpace {
    folder: PathBuf,
    /// In bytes; `None`: the smaller of 5 % and 1 GiB.
    reserve: Option<u64>,
    /// Free bytes beyond the reserve, plus one, as of `known_at`.
    known: AtomicU64,
    known_at: AtomicU64,
}

impl FreeSpace {
    /// Whether `bytes` may be written. Blocks, so it must not run on a thread of the runtime.
    ///
    /// # Errors
    /// The file system cannot be queried.
    pub(crate) fn has(&self, bytes: u64) -> io::Result<bool> {
        let stat = rustix::fs::statvfs(&self.folder)?;
        let size = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        let reserve = self.reserve.unwrap_or_else(|| (size(stat.f_blocks) / 20).min(1 << 30));
        let free = size(stat.f_bavail).saturating_sub(reserve);
        self.known.store(free, Ordering::Relaxed);
        self.known_at.store(now_ms(), Ordering::Relaxed);
        Ok(bytes < free)
    }

    /// The same with a figure that is less than a second old at `now`, by [`now_ms`], if there is one.
    fn had(&self, bytes: u64, now: u64) -> Option<bool> {
        let at = self.known_at.load(Ordering::Relaxed);
        let fresh = at > 0 && now.saturating_sub(at) < SPACE_MS;
        fresh.then(|| bytes < self.known.load(Ordering::Relaxed))
    }
}

impl Uploads {
    /// Whether a body of that size may be received.
    ///
    /// # Errors
    /// 507 if it would use reserved space, 503 if the file system cannot be queried.
    pub(crate) async fn check_space(
        self: &Arc<Self>,
        bytes: u64,
        metrics: &Arc<Metrics>,
    ) -> S3Result<()> {
        if let Some(has) = self.space.had(bytes, now_ms()) {
            return if has { Ok(()) } else { Err(error::no_space(metrics)) };
        }
        let (uploads, metrics) = (self.clone(), metrics.clone());
        self.write(move || uploads.require_space(bytes, &metrics)).await
    }

    /// The same on a blocking thread.
    ///
    /// # Errors
    /// As [`Uploads::check_space`].
    pub(crate) fn require_space(&self, bytes: u64, metrics: &Metrics) -> S3Result<()> {
        match self.space.has(bytes) {
            Ok(true) => Ok(()),
            Ok(false) => Err(error::no_space(metrics)),
            Err(error) => Err(error::of_write(&error, "the free space of the disk", metrics)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;

    use super::*;

    fn uploads(memory: u64) -> Uploads {
        let metrics = Metrics::new("0", jiff::Timestamp::UNIX_EPOCH);
        let limits = DoorLimits { body_memory: memory, ..DoorLimits::default() };
        Uploads::new(&limits, "/".into(), &metrics)
    }

    /// Frames of one byte, each of which keeps a network buffer of 8 KiB alive.
    fn one_byte_frames(n: usize) -> impl Stream<Item = Result<Bytes, Infallible>> + Unpin {
        stream::iter((0..n).map(|_| Ok(Bytes::from(vec![b'a'; 8192]).slice(0..1))))
    }

    #[tokio::test]
    async fn a_chunk_takes_no_more_memory_than_its_body_announced() {
        for length in [1, 20_880, CHUNK] {
            let mut chunks = Chunks::new(Some(one_byte_frames(length)), length as u64);
            let (chunk, last) = chunks.next(&uploads(1 << 20)).await.unwrap();
            assert_eq!((chunk.bytes.len(), last), (length, true));
            assert!(chunk.bytes.capacity() <= length, "{}", chunk.bytes.capacity());
        }
    }

    #[tokio::test]
    async fn a_large_body_comes_in_chunks_that_hold_their_memory_until_they_are_dropped() {
        let uploads = uploads(CHUNK as u64);
        let frames = (0..10).map(|n| Ok::<_, Infallible>(Bytes::from(vec![n; 100_000])));
        let mut chunks = Chunks::new(Some(stream::iter(frames)), 1_000_000);
        let mut whole = Vec::new();
        loop {
            let (chunk, last) = chunks.next(&uploads).await.unwrap();
            assert!(chunk.bytes.len() <= CHUNK);
            let held = usize::try_from(uploads.used.get()).unwrap();
            assert!((chunk.bytes.len()..=CHUNK).contains(&held), "{held}");
            whole.extend_from_slice(&chunk.bytes);
            drop(chunk);
            assert_eq!(uploads.used.get(), 0);
            if last {
                break;
            }
        }
        let expected: Vec<u8> = (0..10).flat_map(|n| vec![n; 100_000]).collect();
        assert!(whole == expected);
    }

    #[tokio::test]
    async fn a_body_that_waits_for_its_bytes_gives_its_memory_back() {
        let uploads = uploads(1 << 20);
        let begun = stream::once(std::future::ready(Ok::<_, Infallible>(Bytes::from("x"))));
        let mut chunks = Chunks::new(Some(begun.chain(stream::pending()).boxed()), 20_880);
        let (chunk, last) = chunks.next(&uploads).await.unwrap();
        assert_eq!((&chunk.bytes[..], last), (&b"x"[..], false));
        drop(chunk);
        assert_eq!(uploads.used.get(), 0);
    }

    #[tokio::test]
    async fn a_body_with_no_memory_left_writes_what_it_has() {
        let uploads = uploads(CHUNK as u64);
        let mut other = Chunks::new(Some(one_byte_frames(10)), 10);
        let (_held, _) = other.next(&uploads).await.unwrap();
        let all = CHUNK as u64;
        let mut chunks = Chunks::new(Some(one_byte_frames(CHUNK)), all);
        let (first, last) = chunks.next(&uploads).await.unwrap();
        assert!(!last && first.bytes.len() >= CHUNK / 4, "{}", first.bytes.len());
    }

    #[tokio::test]
    async fn more_than_announced_is_an_error() {
        let mut chunks = Chunks::new(Some(one_byte_frames(11)), 10);
        let error = chunks.next(&uploads(1 << 20)).await.unwrap_err();
        assert!(matches!(error, ChunkError::TooLong));
    }

    #[test]
    fn a_figure_of_free_space_is_good_for_a_second() {
        let space = uploads(1 << 20).space;
        assert_eq!(space.had(1, 5), None, "nobody has asked the disk");
        space.known.store(100, Ordering::Relaxed);
        space.known_at.store(5, Ordering::Relaxed);
        assert_eq!(space.had(99, 5), Some(true));
        assert_eq!(space.had(100, 1004), Some(false));
        assert_eq!(space.had(1, 1005), None);
    }

    #[tokio::test]
    async fn no_more_bodies_are_written_at_once_than_there_are_threads() {
        let metrics = Metrics::new("0", jiff::Timestamp::UNIX_EPOCH);
        let writer_threads = std::num::NonZeroUsize::new(2).unwrap();
        let limits = DoorLimits { writer_threads, ..DoorLimits::default() };
        let uploads = Uploads::new(&limits, "/".into(), &metrics);
        let (now, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let write = || {
            let (now, most) = (now.clone(), most.clone());
            uploads.write(move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(20));
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            })
        };
        let done = futures_util::future::join_all((0..8).map(|_| write())).await;
        assert!(done.iter().all(Result::is_ok));
        assert_eq!(most.load(Ordering::SeqCst), 2);
    }
}
