//! Retention: removing every object that is past its time.

use jiff::Timestamp;
use log2aws_core::key::{BucketName, ObjectKey};

use super::DiskStore;
use super::error::DiskError;
use super::inner::Bucket;
use super::key_path::KeyPath;
use super::object_file;
use super::types::{Expired, MAX_PAGE};
use super::walk::{Kind, Step, Walk};

impl DiskStore {
    /// Removes every body, older versions too, that was committed before `older_than`. Safe beside
    /// running puts.
    ///
    /// # Errors
    /// [`DiskError::NoSuchBucket`], [`DiskError::Io`]; what was removed by then stays removed.
    pub fn expire(&self, bucket: &BucketName, older_than: Timestamp) -> Result<Expired, DiskError> {
        let bucket = self.inner.bucket(bucket)?;
        let failed =
            |source| DiskError::Io { what: "listing", path: bucket.folder.clone(), source };
        let mut expired = Expired::default();
        let mut walk = Walk::new(&bucket.fs, &bucket.folder, "", None, true, MAX_PAGE);
        while let Some(step) = walk.next().map_err(failed)? {
            if step.kind == Kind::Folder {
                walk.enter(step.path, step.key);
                continue;
            }
            match self.expire_one(&bucket, &step, older_than) {
                Ok(removed) => expired.removed += u64::from(removed),
                Err(DiskError::Corrupt(corrupt)) => expired.corrupt.push(corrupt),
                Err(other) => return Err(other),
            }
        }
        Ok(expired)
    }

    /// Removes one body if it is past its time. Its age is read under the key's lock: what was put
    /// meanwhile is not what the walk met.
    fn expire_one(
        &self,
        bucket: &Bucket,
        step: &Step,
        older_than: Timestamp,
    ) -> Result<bool, DiskError> {
        let Ok(key) = step.key.parse::<ObjectKey>() else { return Ok(false) };
        let old = || {
            let found = object_file::open(&*bucket.fs, &step.path, &key)?;
            Ok::<_, DiskError>(found.map(|(_, info)| info).filter(|i| i.last_modified < older_than))
        };
        if old()?.is_none() {
            return Ok(false);
        }
        let lock = self.inner.lock_key(bucket, &key);
        let Some(info) = old()? else { return Ok(false) };
        // A put that was cut short left it under its name as an older one too: one body, counted
        // when that name goes.
        let path = KeyPath::new(&bucket.folder, &key)?;
        let twice = step.kind == Kind::Current
            && bucket
                .fs
                .exists(&path.older(info.version.as_str()))
                .map_err(|e| DiskError::of("reading", &step.path, key.as_str(), e))?;
        bucket
            .fs
            .remove_file(&step.path)
            .map_err(|e| DiskError::of("removing", &step.path, key.as_str(), e))?;
        if let Some(folder) = step.path.parent() {
            self.inner.dirs.unsettle(folder);
            drop(lock);
            self.inner.dirs.prune(&bucket.folder, folder);
        }
        Ok(!twice)
    }
}
