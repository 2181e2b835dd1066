//! A store in memory that counts requests and fails on demand; a clock set by hand.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use log2aws_core::key::{BucketName, KeyPrefix, ObjectKey, RawKey, ResultKind};
use log2aws_core::server_name::ServerName;
use log2aws_core::summary::{RawObject, Rejects, Summary, SummaryBuilder};
use log2aws_service::ports::{
    Cache, Clock, ListPage, ListQuery, ObjectLister, Store, StoreError, Upload, Version, VersionId,
};
use log2aws_store::{BucketSpec, MemoryStore};

use crate::store_index::*;

/// 2026-11-24T03:00:00Z.
pub(super) const NOW: i64 = 1_795_489_200;

pub(super) struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

#[derive(Default)]
pub(super) struct MapCache(pub(super) Mutex<BTreeMap<String, Vec<u8>>>);

impl Cache for MapCache {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.lock().unwrap().get(name).cloned())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().keys().cloned().collect())
    }
}

/// A store that counts requests, and fails or loses objects on demand.
pub(super) struct Watched {
    pub(super) store: MemoryStore,
    pub(super) lists: AtomicUsize,
    pub(super) opened: Mutex<Vec<String>>,
    /// Removed at the moment it is looked up.
    pub(super) vanishing: Mutex<Option<ObjectKey>>,
    pub(super) broken: Mutex<Option<String>>,
    /// Lists work, objects do not.
    pub(super) only_lists: AtomicBool,
    pub(super) attempts: AtomicUsize,
    /// Only objects fail, lists do not.
    pub(super) lists_are_given: AtomicBool,
}

impl Watched {
    fn check(&self, key: &str) -> Result<(), StoreError> {
        match self.broken.lock().unwrap().as_ref().filter(|broken| key.starts_with(*broken)) {
            Some(broken) => Err(StoreError::Failed {
                what: format!("looking at {broken}"),
                source: io::Error::other("S3 answers 403 (AccessDenied)"),
            }),
            None => Ok(()),
        }
    }
}

impl Store for Watched {
    fn head(&self, bucket: &BucketName, key: &ObjectKey) -> Result<Option<Version>, StoreError> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        if self.only_lists.load(Ordering::Relaxed) {
            let source = io::Error::other("S3 answers 403 (AccessDenied)");
            return Err(StoreError::Failed { what: format!("looking at {key}"), source });
        }
        self.check(key.as_str())?;
        let newest = self.store.head(bucket, key);
        if self.vanishing.lock().unwrap().as_ref() == Some(key) {
            self.store.delete(bucket, key)?;
        }
        newest
    }

    fn open(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: &VersionId,
    ) -> Result<Box<dyn io::Read + Send>, StoreError> {
        self.opened.lock().unwrap().push(key.to_string());
        self.store.open(bucket, key, version)
    }

    fn create(
        &self,
        _: &BucketName,
        _: &ObjectKey,
        _: &str,
    ) -> Result<Box<dyn Upload>, StoreError> {
        panic!("the store index writes nothing")
    }

    fn delete(&self, _: &BucketName, _: &ObjectKey) -> Result<(), StoreError> {
        panic!("the store index removes nothing")
    }
}

impl ObjectLister for Watched {
    fn list(&self, bucket: &BucketName, query: &ListQuery) -> Result<ListPage, StoreError> {
        self.lists.fetch_add(1, Ordering::Relaxed);
        if !self.lists_are_given.load(Ordering::Relaxed) {
            self.check(if query.prefix.is_empty() { "/" } else { &query.prefix })?;
        }
        self.store.list(bucket, query)
    }
}

pub(super) struct World {
    pub(super) watched: Arc<Watched>,
    pub(super) cache: Arc<MapCache>,
    pub(super) clock: Arc<HandClock>,
    pub(super) told: Arc<AtomicUsize>,
}

pub(super) fn analyzed() -> BucketName {
    "analyzedlogs-local".parse().unwrap()
}

pub(super) fn name(text: &str) -> ServerName {
    text.parse().unwrap()
}

pub(super) fn day(text: &str) -> Day {
    text.parse().unwrap()
}

pub(super) fn raw_key(server: &str, date: &str) -> RawKey {
    RawKey::new(name(server), day(date), KeyPrefix::Off)
}

pub(super) fn spread_key(server: &str, date: &str) -> RawKey {
    RawKey::new(name(server), day(date), KeyPrefix::Spread)
}

/// A summary of a log with that many rejects, and nothing else.
pub(super) fn summary(key: &RawKey, rejects: u64) -> Vec<u8> {
    let raw = RawObject {
        key: key.object_key().to_string(),
        version: "1".to_owned(),
        size: 1,
        sha256: None,
    };
    let rejects = Rejects { count: rejects, ..Rejects::default() };
    let mut log = SummaryBuilder::new(key.day).finish(rejects);
    log.metadata.note = Some(format!("as of {}", key.day));
    Summary::read("0", key, raw, log).to_json().unwrap()
}

pub(super) fn never() -> bool {
    false
}

impl World {
    pub(super) fn new() -> Self {
        let spec = BucketSpec { name: analyzed(), versioned: false };
        let watched = Watched {
            store: MemoryStore::new(&[spec]),
            lists: AtomicUsize::new(0),
            opened: Mutex::default(),
            vanishing: Mutex::default(),
            broken: Mutex::default(),
            only_lists: AtomicBool::new(false),
            attempts: AtomicUsize::new(0),
            lists_are_given: AtomicBool::new(false),
        };
        Self {
            watched: Arc::new(watched),
            cache: Arc::default(),
            clock: Arc::new(HandClock(AtomicI64::new(NOW))),
            told: Arc::default(),
        }
    }

    pub(super) fn store_index(&self) -> StoreIndex {
        self.library_at("here", KeyPrefix::Off)
    }

    pub(super) fn library_at(&self, place: &str, key_prefix: KeyPrefix) -> StoreIndex {
        let told = self.told.clone();
        StoreIndex::new(StoreIndexConfig {
            lister: self.watched.clone(),
            analyzed: analyzed(),
            raw: None,
            place: place.to_owned(),
            cache: self.cache.clone(),
            clock: self.clock.clone(),
            zone: jiff::tz::TimeZone::UTC,
            on_change: Box::new(move |_| {
                told.fetch_add(1, Ordering::Relaxed);
            }),
            key_prefix,
            parallel: 4,
            full_every: FULL_EVERY,
        })
    }

    pub(super) fn put(&self, key: &RawKey, kind: ResultKind, bytes: &[u8]) {
        let key = key.result_key(kind);
        let mut upload = self.watched.store.create(&analyzed(), &key, "text/plain").unwrap();
        upload.write_all(bytes).unwrap();
        upload.commit().unwrap();
    }

    pub(super) fn deliver(&self, key: &RawKey, rejects: u64) {
        self.put(key, ResultKind::Csv, b"csv");
        self.put(key, ResultKind::Json, &summary(key, rejects));
    }

    pub(super) fn remove(&self, key: &RawKey) {
        for kind in [ResultKind::Json, ResultKind::Csv] {
            self.watched.store.delete(&analyzed(), &key.result_key(kind)).unwrap();
        }
    }

    pub(super) fn lists(&self) -> usize {
        self.watched.lists.swap(0, Ordering::Relaxed)
    }

    pub(super) fn opened(&self) -> Vec<String> {
        std::mem::take(&mut *self.watched.opened.lock().unwrap())
    }

    pub(super) fn break_at(&self, prefix: Option<&str>) {
        *self.watched.broken.lock().unwrap() = prefix.map(str::to_owned);
    }

    pub(super) fn wait(&self, hours: i64) {
        self.wait_minutes(hours * 60);
    }

    pub(super) fn wait_minutes(&self, minutes: i64) {
        self.clock.0.fetch_add(minutes * 60, Ordering::Relaxed);
    }
}
