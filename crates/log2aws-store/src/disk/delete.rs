//! Deleting one key.

use std::io;
use std::path::Path;

use log2aws_core::key::{BucketName, ObjectKey};

use super::DiskStore;
use super::condition::Condition;
use super::error::DiskError;
use super::key_path::KeyPath;
use super::object_file;
use super::staged::link_version;

impl DiskStore {
    /// Removes a key if `condition` holds; without a condition, deleting an absent key succeeds. In
    /// a versioned bucket all bodies remain under their version ids.
    ///
    /// # Errors
    /// [`DiskError::PreconditionFailed`]; [`DiskError::NoSuchKey`] if the condition requires an
    /// object and there is none; [`DiskError::NoSuchBucket`], [`DiskError::Full`],
    /// [`DiskError::Io`].
    pub fn delete(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        condition: &Condition,
    ) -> Result<(), DiskError> {
        let inner = &self.inner;
        let bucket = inner.bucket(bucket)?;
        // A key that cannot be written cannot exist.
        let Ok(path) = KeyPath::new(&bucket.folder, key) else {
            return condition.check(&bucket, key, None);
        };
        let object = format!("{}/{key}", bucket.name);
        let failed = |what: &'static str, at: &Path, e| DiskError::of(what, at, &object, e);

        let lock = inner.lock_key(&bucket, key);
        let current = path.current();
        condition.check_file(&bucket, key, &current)?;
        // The process that removed it may have died before its sync.
        let sync_names = || {
            let synced = inner.dirs.sync_names(&bucket.folder, &path.folder);
            synced.map_err(|e| failed("syncing", &path.folder, e))
        };
        if bucket.versioned {
            let id = match object_file::open(&*inner.fs, &current, key) {
                Ok(None) => return sync_names(),
                Ok(Some((_, info))) => info.version.to_string(),
                Err(DiskError::Corrupt(_)) => inner.ids.next(inner.now(), None),
                Err(other) => return Err(other),
            };
            // A rename would do nothing if the body already has both names.
            link_version(&*inner.fs, &current, &path.older(&id))
                // Without this sync the disk may keep the removal and lose the link.
                .and_then(|()| inner.fs.sync_dir(&path.folder))
                .map_err(|e| failed("linking", &current, e))?;
        }
        match inner.fs.remove_file(&current) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return sync_names(),
            done => done.map_err(|e| failed("removing", &current, e))?,
        }
        let synced = inner.dirs.sync(&bucket.folder, &path.folder);
        synced.map_err(|e| failed("syncing", &path.folder, e))?;
        drop(lock);
        inner.dirs.prune(&bucket.folder, &path.folder);
        Ok(())
    }
}
