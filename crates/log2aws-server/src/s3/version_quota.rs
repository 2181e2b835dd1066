//! Limits the versions of one day log, and their total size.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_store::DiskStore;
use log2aws_store::disk::{VersionEntry, VersionQuery};
use tokio::sync::Semaphore;

use crate::hashed_map::HashedMap;
use crate::http::timeout_body::BodyState;

/// The versions and bytes of a log that are accepted before the stored ones are counted: most logs
/// are put once or a few times, and counting opens each version.
const UNCOUNTED_VERSIONS: u32 = 16;
const UNCOUNTED_BYTES: u64 = 64 << 20;

/// How long a count that led to a refusal is valid. Until then it includes uploads that failed, and
/// uploads of bytes that were already stored.
const COUNT_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// After how many accepted uploads the memory of those that have ended is freed.
const SWEEP_AFTER: usize = 1024;

/// The maximum number of concurrent lookups.
const LOOKUPS: usize = 8;

/// Limits the versions of each day log. A client can use a URL any number of times until it
/// expires, and then get another one; each PUT of different bytes permanently adds a version.
#[derive(Clone)]
pub(crate) struct VersionQuota(Arc<Inner>);

struct Inner {
    store: DiskStore,
    raw_bucket: BucketName,
    max_versions: u32,
    max_bytes: u64,
    logs: Mutex<Logs>,
    /// Each lookup takes a thread.
    lookups: Semaphore,
}

/// What is known about all logs.
#[derive(Debug, Default)]
struct Logs {
    /// A log that is forgotten is counted again if needed.
    usage: HashedMap<LogUsage>,
    /// The uploads accepted since the last sweep.
    accepted: usize,
}

/// What is known about the versions of one log. There is one for each log that was put, so it is small
/// while nothing arrives.
#[derive(Debug, Default)]
struct LogUsage {
    used: Usage,
    recent: Option<Box<Recent>>,
}

/// Of a log that was counted, or that arrives.
#[derive(Debug, Default)]
struct Recent {
    counted_at: Option<Instant>,
    /// The accepted uploads that may not be stored yet, with their sizes.
    open: Vec<(Weak<BodyState>, u64)>,
}

/// Versions, and their total size in bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    versions: u32,
    bytes: u64,
}

impl Usage {
    fn with(self, bytes: u64) -> Self {
        Self { versions: self.versions.saturating_add(1), bytes: self.bytes.saturating_add(bytes) }
    }
}

impl Logs {
    /// Frees the memory of uploads that have ended. An upload does not report its end here, so this
    /// is called with each one that is accepted, and does something for one in many.
    fn sweep(&mut self) {
        self.accepted += 1;
        if self.accepted < SWEEP_AFTER {
            return;
        }
        self.accepted = 0;
        for usage in self.usage.values_mut() {
            usage.recent.take_if(|recent| {
                recent.open.retain(is_open);
                recent.open.is_empty() && recent.counted_at.is_none()
            });
        }
    }
}

impl LogUsage {
    fn counted_at(&self) -> Option<Instant> {
        self.recent.as_ref()?.counted_at
    }

    fn accept(&mut self, with: Usage, upload: Upload) {
        self.used = with;
        let recent = self.recent.get_or_insert_default();
        recent.open.retain(is_open);
        recent.open.push((upload.body, upload.bytes));
    }
}

fn is_open((body, _): &(Weak<BodyState>, u64)) -> bool {
    body.upgrade().is_some_and(|body| body.is_open())
}

/// An upload that is to be accepted.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    /// Its size.
    pub(crate) bytes: u64,
    /// The digest of its bytes, if its URL is bound to one.
    pub(crate) sha256: Option<[u8; 32]>,
    /// Its body, as long as that arrives.
    pub(crate) body: Weak<BodyState>,
}

impl VersionQuota {
    pub(crate) fn new(
        store: DiskStore,
        raw_bucket: BucketName,
        max_versions: NonZeroU32,
        max_bytes: u64,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            raw_bucket,
            max_versions: max_versions.get(),
            max_bytes,
            logs: Mutex::default(),
            lookups: Semaphore::new(LOOKUPS),
        }))
    }

    /// Whether an upload fits the quota, which it then uses. The newest version again, recognized by
    /// its digest, always fits.
    pub(crate) async fn take(&self, key: &ObjectKey, upload: Upload) -> bool {
        let sha256 = upload.sha256;
        if let Some(taken) = self.0.take_known(key, &upload) {
            return taken || self.is_newest(key, sha256).await;
        }
        // The semaphore is never closed.
        let permit = self.0.lookups.acquire().await;
        let begin = Instant::now();
        let (inner, counted) = (self.0.clone(), key.clone());
        let usage = tokio::task::spawn_blocking(move || inner.count(&counted)).await;
        drop(permit);
        // A failed count, which is logged, must not block the server. It is not remembered.
        let Ok(Some(usage)) = usage else { return true };
        let taken = self.0.take_counted(key, upload, usage, begin);
        taken || self.is_newest(key, sha256).await
    }

    async fn is_newest(&self, key: &ObjectKey, sha256: Option<[u8; 32]>) -> bool {
        let Some(sha256) = sha256 else { return false };
        let _permit = self.0.lookups.acquire().await;
        let (inner, key) = (self.0.clone(), key.clone());
        let head = move || inner.store.head(&inner.raw_bucket, &key, None);
        let head = tokio::task::spawn_blocking(head).await;
        head.is_ok_and(|head| head.is_ok_and(|newest| newest.digests.sha256 == sha256))
    }
}

impl Inner {
    fn fits(&self, usage: Usage) -> bool {
        usage.versions <= self.max_versions && usage.bytes <= self.max_bytes
    }

    /// Whether it fits according to memory; `None` if the stored versions must be counted.
    fn take_known(&self, key: &ObjectKey, upload: &Upload) -> Option<bool> {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        logs.sweep();
        let known = logs.usage.entry(key.as_str());
        let with = known.used.with(upload.bytes);
        let few = with.versions <= UNCOUNTED_VERSIONS && with.bytes <= UNCOUNTED_BYTES;
        if self.fits(with) && (few || known.counted_at().is_some()) {
            known.accept(with, upload.clone());
            return Some(true);
        }
        known.counted_at().filter(|at| at.elapsed() < COUNT_AGAIN_AFTER).map(|_| false)
    }

    /// `counted` is the result of a count that began at `begin`.
    fn take_counted(&self, key: &ObjectKey, upload: Upload, stored: Usage, begin: Instant) -> bool {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let known = logs.usage.entry(key.as_str());
        // A count that ended since this one began is as good. Neither includes the uploads that are
        // still arriving.
        if known.counted_at().is_none_or(|at| at < begin) {
            let recent = known.recent.get_or_insert_default();
            recent.open.retain(is_open);
            known.used = recent.open.iter().fold(stored, |used, (_, bytes)| used.with(*bytes));
            recent.counted_at = Some(Instant::now());
        }
        let with = known.used.with(upload.bytes);
        let fits = self.fits(with);
        if fits {
            known.accept(with, upload);
        }
        fits
    }

    /// Counts the versions in the store, up to the first page beyond the quota; `None` if the store
    /// cannot list them.
    fn count(&self, key: &ObjectKey) -> Option<Usage> {
        let mut usage = Usage::default();
        let mut query = VersionQuery {
            prefix: key.as_str().to_owned(),
            max: log2aws_store::disk::MAX_PAGE,
            ..VersionQuery::default()
        };
        loop {
            let page = match self.store.list_versions(&self.raw_bucket, &query) {
                Ok(page) => page,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(%key, error, "the versions of a log cannot be counted");
                    return None;
                }
            };
            for entry in &page.entries {
                // Entries are sorted by key: the rest belong to longer keys.
                let VersionEntry::Version { info, .. } = entry else { continue };
                if info.key != *key {
                    return Some(usage);
                }
                usage = usage.with(info.digests.size);
            }
            match page.next {
                Some(next) if self.fits(usage) => query.after = Some(next),
                _ => return Some(usage),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::Arc;

    use log2aws_store::BucketSpec;
    use log2aws_store::disk::{Attributes, Condition};

    use super::*;
    use crate::http::timeout_body::BodyOutcome;
    use crate::test_clock::FixedClock;

    /// One whose body is through.
    fn upload(sha256: Option<[u8; 32]>) -> Upload {
        Upload { bytes: 6, sha256, body: Weak::new() }
    }

    #[test]
    fn uploads_that_have_ended_take_no_memory() {
        let (mut logs, open) = (Logs::default(), BodyOutcome::default());
        let uploads = 10 * SWEEP_AFTER;
        for number in 0..uploads {
            logs.sweep();
            let body = if number == 0 { open.watch() } else { Weak::new() };
            let known = logs.usage.entry(&number.to_string());
            known.accept(known.used.with(6), Upload { body, ..upload(None) });
        }
        let recent = logs.usage.values_mut().filter(|usage| usage.recent.is_some()).count();
        assert!((1..=SWEEP_AFTER + 1).contains(&recent), "{recent}");
        let first = logs.usage.entry("0");
        assert!(first.recent.is_some() && first.used.versions == 1);
    }

    /// Uploads that are accepted and not stored yet are in no count of the store.
    #[tokio::test(flavor = "multi_thread")]
    async fn uploads_that_arrive_at_once_share_the_quota() {
        let folder = tempfile::tempdir().unwrap();
        let raw: BucketName = "serverlogs-local".parse().unwrap();
        let buckets = [BucketSpec { name: raw.clone(), versioned: true }];
        let store = DiskStore::open(folder.path(), &buckets, Arc::new(FixedClock::EPOCH)).unwrap();
        let key: ObjectKey = "web01/2019-08-01.log".parse().unwrap();
        let quota = VersionQuota::new(store, raw, NonZeroU32::new(20).unwrap(), 1 << 30);
        let bodies: Vec<BodyOutcome> = (0..80).map(|_| BodyOutcome::default()).collect();
        let takes = bodies.iter().map(|body| {
            let (quota, key) = (quota.clone(), key.clone());
            let upload = Upload { bytes: 6, sha256: None, body: body.watch() };
            tokio::spawn(async move { quota.take(&key, upload).await })
        });
        let mut accepted = 0;
        for task in takes.collect::<Vec<_>>() {
            accepted += usize::from(task.await.unwrap());
        }
        assert_eq!(accepted, 20);
    }

    /// A restarted process knows nothing about the stored versions.
    #[tokio::test]
    async fn what_is_stored_already_counts_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let raw: BucketName = "serverlogs-local".parse().unwrap();
        let buckets = [BucketSpec { name: raw.clone(), versioned: true }];
        let store = DiskStore::open(folder.path(), &buckets, Arc::new(FixedClock::EPOCH)).unwrap();
        let key: ObjectKey = "web01/2019-08-01.log".parse().unwrap();
        for n in 0..30 {
            let mut staged = store.stage(&raw, &key).unwrap();
            write!(staged, "log {n:02}").unwrap();
            staged.commit(Attributes::default(), &Condition::Always).unwrap();
        }
        // Another object, whose key has this one as a prefix.
        let beside = "web01/2019-08-01.log.old".parse().unwrap();
        let mut staged = store.stage(&raw, &beside).unwrap();
        staged.write_all(&[0; 1000]).unwrap();
        staged.commit(Attributes::default(), &Condition::Always).unwrap();

        for (max_versions, max_bytes, more) in [(31, 1 << 30, 1), (1000, 200, 3), (30, 1 << 30, 0)]
        {
            let max_versions = NonZeroU32::new(max_versions).unwrap();
            let quota = VersionQuota::new(store.clone(), raw.clone(), max_versions, max_bytes);
            let mut taken = 0;
            while quota.take(&key, upload(None)).await {
                taken += 1;
            }
            // Those accepted before the count were never put, so the count does not include them.
            assert_eq!(taken, UNCOUNTED_VERSIONS + more, "{max_versions} {max_bytes}");
            let newest = store.head(&raw, &key, None).unwrap().digests.sha256;
            assert!(quota.take(&key, upload(Some(newest))).await);
            assert!(!quota.take(&key, upload(Some([0; 32]))).await);
        }
    }
}
