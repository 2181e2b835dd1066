//! Limits how many servers may deliver for the first time.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use log2aws_core::day::Day;
use log2aws_core::key::{BucketName, KeyPrefix, RawKey};
use log2aws_service::http::{NewServers, NewServersAnswer};
use log2aws_service::ports::Clock;
use log2aws_store::DiskStore;
use log2aws_store::disk::ListQuery;
use tokio::sync::Semaphore;

use super::activity::now_ms;
use crate::hashed_map::HashedMap;

/// The maximum number of concurrent lookups. Each takes a thread, and many new names at once would
/// take hundreds.
const LOOKUPS: usize = 8;

/// Servers with stored logs may deliver at any time; others only at a limited rate. A server
/// permanently costs a folder, a row of the calendar and an entry of the index, and callers choose
/// its name.
#[derive(Clone)]
pub(crate) struct NewServerQuota(Arc<Inner>);

struct Inner {
    store: DiskStore,
    raw_bucket: BucketName,
    clock: Arc<dyn Clock>,
    limiter: DefaultDirectRateLimiter,
    time: DefaultClock,
    /// Until when the quota is used up, by [`now_ms`].
    exhausted_until: AtomicU64,
    /// Names with a log, or accepted since the start. A forgotten one is looked up again.
    known: Mutex<HashedMap<()>>,
    lookups: Semaphore,
}

impl NewServerQuota {
    /// `per_hour` new ones an hour, at once or spread over it.
    pub(crate) fn new(
        store: DiskStore,
        raw_bucket: BucketName,
        clock: Arc<dyn Clock>,
        per_hour: NonZeroU32,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            raw_bucket,
            clock,
            limiter: RateLimiter::direct(Quota::per_hour(per_hour)),
            time: DefaultClock::default(),
            exhausted_until: AtomicU64::new(0),
            known: Mutex::default(),
            lookups: Semaphore::new(LOOKUPS),
        }))
    }

    /// A log under `key` arrives: its server is known from now on.
    ///
    /// # Errors
    /// After how many seconds to retry, if the server is new and the quota is used up.
    pub(crate) async fn take(&self, key: &RawKey) -> Result<(), u32> {
        // The reserved server has no row and no entry, and is one name.
        if key.server.is_check() || self.is_known(key).await {
            return Ok(());
        }
        // Another upload of the server may have been accepted during the lookup.
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(key.server.as_str()) {
            return Ok(());
        }
        if let Err(refusal) = self.0.limiter.check() {
            let wait = refusal.wait_time_from(self.0.time.now());
            let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            self.0.exhausted_until.store(now_ms().saturating_add(millis), Ordering::Relaxed);
            return Err(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1));
        }
        known.entry(key.server.as_str());
        Ok(())
    }

    async fn is_known(&self, key: &RawKey) -> bool {
        if self.0.remembers(key) {
            return true;
        }
        // It is never closed.
        let permit = self.0.lookups.acquire().await;
        let (inner, looked_for) = (self.0.clone(), key.clone());
        // A failed lookup must not block its server.
        let found = tokio::task::spawn_blocking(move || inner.has_log(&looked_for));
        let found = found.await.unwrap_or(true);
        drop(permit);
        if found {
            self.0.remember(key);
        }
        found
    }
}

impl Inner {
    fn remembers(&self, key: &RawKey) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(key.server.as_str())
    }

    fn remember(&self, key: &RawKey) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).entry(key.server.as_str());
    }

    /// Whether the server has a log: of any day or, with the spreading prefix, in the month of this
    /// one, in this month or the previous one.
    fn has_log(&self, key: &RawKey) -> bool {
        let today = self.clock.now().to_zoned(TimeZone::UTC).date();
        folders(key, today).into_iter().any(|prefix| {
            let query = ListQuery { prefix, max: 1, ..ListQuery::default() };
            let page = self.store.list(&self.raw_bucket, &query);
            page.map_or(true, |page| !page.entries.is_empty() || !page.unreadable.is_empty())
        })
    }
}

impl NewServers for NewServerQuota {
    fn check<'a>(&'a self, key: &'a RawKey) -> NewServersAnswer<'a> {
        Box::pin(async move {
            let left = self.0.exhausted_until.load(Ordering::Relaxed).saturating_sub(now_ms());
            if left == 0 || key.server.is_check() || self.is_known(key).await {
                return Ok(());
            }
            Err(u32::try_from(left / 1000).unwrap_or(u32::MAX).saturating_add(1))
        })
    }
}

/// The folders that may contain logs of the key's server, each with its closing slash.
fn folders(key: &RawKey, today: Date) -> Vec<String> {
    let last_month = today.first_of_month().yesterday().unwrap_or(today);
    let days = [Some(key.day), Day::from_date(today), Day::from_date(last_month)];
    let spread = days.into_iter().flatten().map(|day| (day, KeyPrefix::Spread));
    let mut folders: Vec<String> = [(key.day, KeyPrefix::Off)]
        .into_iter()
        .chain(spread)
        .filter_map(|(day, prefix)| {
            let log = RawKey::new(key.server.clone(), day, prefix).object_key();
            let (folder, _) = log.as_str().rsplit_once('/')?;
            Some(format!("{folder}/"))
        })
        .collect();
    folders.dedup();
    folders
}

#[cfg(test)]
mod tests {
    use log2aws_store::disk::{Attributes, Condition};

    use super::*;
    use crate::test_clock::FixedClock;

    #[test]
    fn a_server_is_looked_for_where_its_logs_lie_whatever_the_prefix() {
        let key = RawKey::parse("web01/2026-08-01.log").unwrap();
        let found = folders(&key, jiff::civil::date(2026, 8, 3));
        assert_eq!(found[0], "web01/");
        assert_eq!(found.len(), 3, "{found:?}");
        let log = |day: &str| {
            let server = "web01".parse().unwrap();
            let key = RawKey::new(server, day.parse().unwrap(), KeyPrefix::Spread);
            key.object_key().to_string()
        };
        assert!(log("2026-08-02").starts_with(&found[1]), "{found:?}");
        assert!(log("2026-07-31").starts_with(&found[2]), "{found:?}");
    }

    fn quota(folder: &std::path::Path) -> NewServerQuota {
        let bucket: BucketName = "raw".parse().unwrap();
        let spec = log2aws_store::BucketSpec { name: bucket.clone(), versioned: true };
        let store = DiskStore::open(folder, &[spec], Arc::new(FixedClock::EPOCH)).unwrap();
        NewServerQuota::new(store, bucket, Arc::new(FixedClock::EPOCH), NonZeroU32::MIN)
    }

    fn log_of(server: &str) -> RawKey {
        RawKey::parse(&format!("{server}/2026-08-01.log")).unwrap()
    }

    #[tokio::test]
    async fn no_url_is_given_for_a_server_that_could_not_deliver() {
        let folder = tempfile::tempdir().unwrap();
        let quota = quota(folder.path());
        assert!(quota.check(&log_of("web01")).await.is_ok());
        assert!(quota.take(&log_of("web01")).await.is_ok());
        // Nothing is known to be short before the first is refused.
        assert!(quota.check(&log_of("web02")).await.is_ok());
        assert!(quota.take(&log_of("web02")).await.is_err());
        assert!(quota.check(&log_of("web02")).await.is_err());
        // Who was taken in is known, though nothing of it is stored yet.
        assert!(quota.check(&log_of("web01")).await.is_ok());
        assert!(quota.take(&log_of("web01")).await.is_ok());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn uploads_of_one_new_server_at_once_are_one_server() {
        let folder = tempfile::tempdir().unwrap();
        let quota = quota(folder.path());
        let takes = (0..40).map(|_| {
            let quota = quota.clone();
            tokio::spawn(async move { quota.take(&log_of("web01")).await })
        });
        for take in takes.collect::<Vec<_>>() {
            assert_eq!(take.await.unwrap(), Ok(()));
        }
    }

    #[tokio::test]
    async fn a_server_with_a_log_is_known_also_if_it_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let quota = quota(folder.path());
        assert!(quota.take(&log_of("web01")).await.is_ok());
        let old = "web07/2026-07-31.log".parse().unwrap();
        let staged = quota.0.store.stage(&quota.0.raw_bucket, &old).unwrap();
        staged.commit(Attributes::default(), &Condition::Always).unwrap();
        assert!(quota.take(&log_of("web07")).await.is_ok());
        let logs = folder.path().join("buckets/raw/web09");
        std::fs::create_dir_all(&logs).unwrap();
        std::fs::write(logs.join("2026-08-01.log@"), "no object").unwrap();
        assert!(quota.take(&log_of("web09")).await.is_ok());
        assert!(quota.take(&log_of("web08")).await.is_err());
    }
}
