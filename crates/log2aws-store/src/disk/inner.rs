//! The state shared by all clones of a store.

use std::fmt;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::Clock;

use super::durable_dirs::DurableDirs;
use super::error::DiskError;
use super::fs::{FileSystem, Lock};
use super::id::Ids;
use super::staged_file::StagedFile;
use super::types::UploadId;
use crate::BucketSpec;

const KEY_LOCKS: usize = 1024;
const UPLOAD_LOCKS: usize = 64;

/// A bucket and its folder.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    pub(crate) name: BucketName,
    pub(crate) versioned: bool,
    pub(crate) folder: PathBuf,
    pub(crate) fs: Arc<dyn FileSystem>,
}

pub(crate) struct Inner {
    pub(crate) fs: Arc<dyn FileSystem>,
    pub(crate) root: PathBuf,
    pub(crate) specs: Vec<BucketSpec>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Ids,
    pub(crate) dirs: DurableDirs,
    key_locks: Vec<Mutex<()>>,
    upload_locks: Vec<Mutex<()>>,
    /// Held while the store is open.
    _lock: Box<dyn Lock>,
}

impl Inner {
    pub(crate) fn new(
        fs: Arc<dyn FileSystem>,
        root: PathBuf,
        specs: Vec<BucketSpec>,
        clock: Arc<dyn Clock>,
        random: u64,
        lock: Box<dyn Lock>,
    ) -> Self {
        Self {
            root,
            specs,
            clock,
            ids: Ids::new(random),
            dirs: DurableDirs::new(Arc::clone(&fs)),
            key_locks: (0..KEY_LOCKS).map(|_| Mutex::default()).collect(),
            upload_locks: (0..UPLOAD_LOCKS).map(|_| Mutex::default()).collect(),
            _lock: lock,
            fs,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn bucket(&self, name: &BucketName) -> Result<Bucket, DiskError> {
        let spec = self.specs.iter().find(|spec| spec.name == *name);
        let spec = spec.ok_or_else(|| DiskError::NoSuchBucket { bucket: name.to_string() })?;
        Ok(Bucket {
            name: spec.name.clone(),
            versioned: spec.versioned,
            folder: self.root.join("buckets").join(name.as_str()),
            fs: Arc::clone(&self.fs),
        })
    }

    /// A new file in the staging folder, for `object`.
    pub(crate) fn stage(&self, object: &str) -> Result<StagedFile, DiskError> {
        let path = self.root.join("staging").join(self.ids.next(self.now(), None));
        StagedFile::create(&self.fs, path.clone())
            .map_err(|e| DiskError::of("creating", &path, object, e))
    }

    /// Serialises changes of one key.
    pub(crate) fn lock_key(&self, bucket: &Bucket, key: &ObjectKey) -> MutexGuard<'_, ()> {
        stripe(&self.key_locks, &(bucket.name.as_str(), key.as_str()))
    }

    /// Serialises completion and abort of one upload. Lock order: upload before key.
    pub(crate) fn lock_upload(&self, upload: &UploadId) -> MutexGuard<'_, ()> {
        stripe(&self.upload_locks, upload)
    }
}

fn stripe<'a, T: std::hash::Hash>(locks: &'a [Mutex<()>], of: &T) -> MutexGuard<'a, ()> {
    let hash = BuildHasherDefault::<DefaultHasher>::new().hash_one(of);
    let index = usize::try_from(hash % locks.len() as u64).unwrap_or(0);
    locks[index].lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("root", &self.root)
            .field("buckets", &self.specs)
            .finish_non_exhaustive()
    }
}
