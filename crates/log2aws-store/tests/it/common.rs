//! A disk store for tests, and a clock that is set by hand.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::{Clock, VersionId};
use log2aws_store::disk::{
    Attributes, Condition, DiskError, MAX_PAGE, ObjectInfo, VersionEntry, VersionQuery,
};
use log2aws_store::{BucketSpec, DiskStore};
use sha2::{Digest as _, Sha256};

/// 2026-11-22T00:00:00Z, in milliseconds.
pub(crate) const START: i64 = 1_795_305_600_000;

#[derive(Debug)]
pub(crate) struct HandClock(AtomicI64);

impl HandClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(START)))
    }

    pub(crate) fn set(&self, millis: i64) {
        self.0.store(millis, Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        at(self.0.load(Ordering::Relaxed))
    }
}

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap()
}

/// The bucket that keeps versions.
pub(crate) fn raw() -> BucketName {
    "serverlogs-local".parse().unwrap()
}

/// The bucket that does not.
pub(crate) fn analyzed() -> BucketName {
    "analyzedlogs-local".parse().unwrap()
}

pub(crate) fn specs() -> [BucketSpec; 2] {
    [BucketSpec { name: raw(), versioned: true }, BucketSpec { name: analyzed(), versioned: false }]
}

pub(crate) fn open(root: &Path) -> DiskStore {
    open_at(root, HandClock::new())
}

pub(crate) fn open_at(root: &Path, clock: Arc<HandClock>) -> DiskStore {
    DiskStore::open(root, &specs(), clock).unwrap()
}

pub(crate) fn key(text: &str) -> ObjectKey {
    text.parse().unwrap()
}

pub(crate) fn put(
    store: &DiskStore,
    bucket: &BucketName,
    name: &str,
    bytes: &[u8],
) -> Result<ObjectInfo, DiskError> {
    let mut staged = store.stage(bucket, &key(name))?;
    // The commit reports a failed write.
    let _told_by_the_commit = staged.write_all(bytes);
    let content_type = "text/plain".to_owned();
    staged.commit(Attributes { content_type, ..Attributes::default() }, &Condition::Always)
}

pub(crate) fn get(
    store: &DiskStore,
    bucket: &BucketName,
    name: &str,
) -> Result<Vec<u8>, DiskError> {
    get_version(store, bucket, name, None)
}

pub(crate) fn get_version(
    store: &DiskStore,
    bucket: &BucketName,
    name: &str,
    version: Option<&VersionId>,
) -> Result<Vec<u8>, DiskError> {
    let (info, mut reader) = store.open_object(bucket, &key(name), version)?;
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    assert_eq!(info.digests.size, bytes.len() as u64);
    Ok(bytes)
}

/// The number of files and folders in a folder.
pub(crate) fn count(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

/// [`read_bucket`] of both buckets.
pub(crate) fn read_everything(store: &DiskStore) -> BTreeSet<(BucketName, ObjectKey, String)> {
    [raw(), analyzed()].iter().flat_map(|bucket| read_bucket(store, bucket)).collect()
}

/// Every body that lists return, current and older, after its data were read and compared with its
/// trailer.
pub(crate) fn read_bucket(
    store: &DiskStore,
    bucket: &BucketName,
) -> BTreeSet<(BucketName, ObjectKey, String)> {
    let mut whole = BTreeSet::new();
    let mut query = VersionQuery { max: MAX_PAGE, ..VersionQuery::default() };
    loop {
        let page = store.list_versions(bucket, &query).unwrap();
        assert!(page.unreadable.is_empty(), "{:?}", page.unreadable);
        for entry in page.entries {
            let VersionEntry::Version { info, .. } = entry else { panic!("{entry:?}") };
            let version = info.version.clone();
            let bytes = get_version(store, bucket, info.key.as_str(), Some(&version)).unwrap();
            assert_eq!(info.digests.sha256, *Sha256::digest(&bytes), "{bucket}/{}", info.key);
            whole.insert((bucket.clone(), info.key, version.to_string()));
        }
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    whole
}

/// Runs only the test `name` of this test binary again, with `variable` set.
pub(crate) fn again(name: &str, variable: &str, value: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture"]).env(variable, value);
    command
}
