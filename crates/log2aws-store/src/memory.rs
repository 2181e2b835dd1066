//! A store in memory, for tests and for data that need not outlive the process.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::{
    Condition, ListPage, ListQuery, ObjectLister, ObjectMeta, Store, StoreError, Upload, Version,
    VersionId,
};

use crate::BucketSpec;
use crate::disk::MAX_PAGE;

/// A store in memory. All clones are one store.
#[derive(Clone)]
pub struct MemoryStore {
    buckets: Arc<BTreeMap<BucketName, Bucket>>,
}

struct Bucket {
    versioned: bool,
    keys: Mutex<Keys>,
}

#[derive(Default)]
struct Keys {
    bodies: BTreeMap<ObjectKey, Vec<Body>>,
    /// Keys that have only older versions.
    deleted: BTreeSet<ObjectKey>,
    made: u64,
}

#[derive(Clone)]
struct Body {
    id: VersionId,
    content_type: String,
    bytes: Arc<[u8]>,
}

impl Body {
    fn version(&self) -> Version {
        Version { id: self.id.clone(), size: self.bytes.len() as u64, e_tag: self.id.to_string() }
    }
}

impl MemoryStore {
    /// An empty store with these buckets.
    pub fn new(buckets: &[BucketSpec]) -> Self {
        let bucket = |versioned| Bucket { versioned, keys: Mutex::default() };
        let buckets = buckets.iter().map(|b| (b.name.clone(), bucket(b.versioned))).collect();
        Self { buckets: Arc::new(buckets) }
    }

    /// The keys of a bucket in order; none if there is no such bucket.
    pub fn keys(&self, bucket: &BucketName) -> Vec<ObjectKey> {
        self.bucket(bucket).map_or_else(
            |_| Vec::new(),
            |bucket| {
                let keys = bucket.keys();
                keys.bodies.keys().filter(|key| !keys.deleted.contains(*key)).cloned().collect()
            },
        )
    }

    /// The newest body of a key and its media type.
    pub fn contents(&self, bucket: &BucketName, key: &ObjectKey) -> Option<(Vec<u8>, String)> {
        let keys = self.bucket(bucket).ok()?.keys();
        keys.newest(key).map(|body| (body.bytes.to_vec(), body.content_type.clone()))
    }

    /// All bodies of a key, the oldest first.
    pub fn versions(&self, bucket: &BucketName, key: &ObjectKey) -> Vec<Version> {
        self.bucket(bucket).map_or_else(
            |_| Vec::new(),
            |bucket| bucket.keys().of(key).iter().map(Body::version).collect(),
        )
    }

    fn bucket(&self, name: &BucketName) -> Result<&Bucket, StoreError> {
        self.buckets.get(name).ok_or_else(|| StoreError::NotFound { what: name.to_string() })
    }
}

impl Bucket {
    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    fn of(&self, key: &ObjectKey) -> &[Body] {
        self.bodies.get(key).map_or(&[], Vec::as_slice)
    }

    fn newest(&self, key: &ObjectKey) -> Option<&Body> {
        if self.deleted.contains(key) { None } else { self.of(key).last() }
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("buckets", &self.buckets.keys()).finish()
    }
}

impl Store for MemoryStore {
    fn head(&self, bucket: &BucketName, key: &ObjectKey) -> Result<Option<Version>, StoreError> {
        Ok(self.bucket(bucket)?.keys().newest(key).map(Body::version))
    }

    fn open(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: &VersionId,
    ) -> Result<Box<dyn io::Read + Send>, StoreError> {
        let keys = self.bucket(bucket)?.keys();
        let body =
            keys.of(key).iter().find(|body| body.id == *version).ok_or_else(|| {
                StoreError::NotFound { what: format!("{bucket}/{key}@{version}") }
            })?;
        Ok(Box::new(io::Cursor::new(Arc::clone(&body.bytes))))
    }

    fn create(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        content_type: &str,
    ) -> Result<Box<dyn Upload>, StoreError> {
        self.bucket(bucket)?;
        Ok(Box::new(MemoryUpload {
            store: self.clone(),
            bucket: bucket.clone(),
            key: key.clone(),
            content_type: content_type.to_owned(),
            bytes: Vec::new(),
        }))
    }

    fn delete(&self, bucket: &BucketName, key: &ObjectKey) -> Result<(), StoreError> {
        let bucket = self.bucket(bucket)?;
        let mut keys = bucket.keys();
        if !bucket.versioned {
            keys.bodies.remove(key);
        } else if keys.bodies.contains_key(key) {
            keys.deleted.insert(key.clone());
        }
        Ok(())
    }
}

impl ObjectLister for MemoryStore {
    fn list(&self, bucket: &BucketName, query: &ListQuery) -> Result<ListPage, StoreError> {
        let keys = self.bucket(bucket)?.keys();
        let after = query.after.as_deref();
        let mut page = ListPage::default();
        let mut last = None;
        for key in keys.bodies.keys() {
            let Some(rest) = key.as_str().strip_prefix(query.prefix.as_str()) else { continue };
            let folder = rest
                .find('/')
                .filter(|_| query.folders)
                .map(|at| &key.as_str()[..=query.prefix.len() + at]);
            let line = folder.unwrap_or(key.as_str());
            if after.is_some_and(|after| line <= after) || last.as_deref() == Some(line) {
                continue;
            }
            let Some(body) = keys.newest(key) else { continue };
            if page.objects.len() + page.folders.len() == MAX_PAGE {
                page.next = last;
                break;
            }
            last = Some(line.to_owned());
            match folder {
                Some(folder) => page.folders.push(folder.to_owned()),
                None => page.objects.push(ObjectMeta {
                    key: key.clone(),
                    e_tag: body.id.to_string(),
                    size: body.bytes.len() as u64,
                }),
            }
        }
        Ok(page)
    }
}

struct MemoryUpload {
    store: MemoryStore,
    bucket: BucketName,
    key: ObjectKey,
    content_type: String,
    bytes: Vec<u8>,
}

impl io::Write for MemoryUpload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Upload for MemoryUpload {
    fn commit_if(self: Box<Self>, condition: &Condition) -> Result<Version, StoreError> {
        let Self { store, bucket: name, key, content_type, bytes } = *self;
        let bucket = store.bucket(&name)?;
        let mut keys = bucket.keys();
        if !condition.holds(keys.newest(&key).map(|present| present.id.as_str())) {
            return Err(StoreError::Changed { what: format!("{name}/{key}") });
        }
        // As in the disk store: in a versioned bucket equal bytes do not make a new version.
        if let Some(present) = keys.newest(&key)
            && bucket.versioned
            && *present.bytes == *bytes
        {
            return Ok(present.version());
        }
        keys.made += 1;
        let id = VersionId::new(format!("{:024}", keys.made));
        let body = Body { id, content_type, bytes: bytes.into() };
        let version = body.version();
        keys.deleted.remove(&key);
        let bodies = keys.bodies.entry(key).or_default();
        if !bucket.versioned {
            bodies.clear();
        }
        bodies.push(body);
        Ok(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;

    fn store() -> (MemoryStore, BucketName, BucketName) {
        let raw: BucketName = "serverlogs-local".parse().unwrap();
        let analyzed: BucketName = "analyzedlogs-local".parse().unwrap();
        let spec = |name: &BucketName, versioned| BucketSpec { name: name.clone(), versioned };
        (MemoryStore::new(&[spec(&raw, true), spec(&analyzed, false)]), raw, analyzed)
    }

    #[test]
    fn keeps_every_promise() {
        let (store, raw, analyzed) = store();
        conformance::run_all(&store, &raw, &analyzed).unwrap();
    }

    #[test]
    fn equal_bytes_are_no_new_version() {
        let (store, raw, analyzed) = store();
        let key = "web01/2019-08-01.log".parse().unwrap();
        for bucket in [&raw, &analyzed] {
            for bytes in ["one", "one", "two", "one"] {
                let mut upload = store.create(bucket, &key, "text/plain").unwrap();
                upload.write_all(bytes.as_bytes()).unwrap();
                upload.commit().unwrap();
            }
        }
        assert_eq!(store.versions(&raw, &key).len(), 3);
        assert_eq!(store.versions(&analyzed, &key).len(), 1);
        assert_eq!(store.contents(&raw, &key), Some((b"one".to_vec(), "text/plain".to_owned())));
        assert_eq!(store.keys(&raw), [key]);
    }
}
