//! Retention: removes every object that has expired.

use std::fmt;

use jiff::Timestamp;
use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::VersionId;

use super::DiskStore;
use super::error::DiskError;
use super::error::Unreadable;
use super::inner::Bucket;
use super::key_path::KeyPath;
use super::object_file;
use super::scan::{Found, scan};
use super::types::{Expired, ObjectInfo};

/// What to remove.
pub struct RetentionRule<'a> {
    /// Bodies committed before this time.
    pub older_than: Timestamp,
    /// Whether a key may have expired, judged by its text alone. Files of other keys are not
    /// opened.
    pub may_be_due: &'a dyn Fn(&str) -> bool,
    /// Whether a file written since `older_than` is skipped without being opened. A file that was
    /// restored from a backup may be older than its file time.
    pub by_file_time: bool,
    /// Whether the current results of a key came from this version. Such a version stays as long as
    /// the key's current body does.
    pub is_in_use: &'a dyn Fn(&ObjectKey, &VersionId) -> bool,
    /// Whether the current body of a key must be kept whatever its age. Called for files that look
    /// old enough, before they are opened.
    pub must_stay: &'a dyn Fn(&ObjectKey) -> bool,
    /// Ends the work early; checked before every file.
    pub stop: &'a dyn Fn() -> bool,
}

impl fmt::Debug for RetentionRule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("RetentionRule");
        f.field("older_than", &self.older_than).finish_non_exhaustive()
    }
}

impl RetentionRule<'_> {
    /// Removes everything committed before.
    pub fn everything_before(older_than: Timestamp) -> Self {
        Self {
            older_than,
            may_be_due: &|_| true,
            by_file_time: false,
            is_in_use: &|_, _| false,
            must_stay: &|_| false,
            stop: &|| false,
        }
    }
}

/// What happened to one body.
enum Kept {
    No,
    NotDue,
    InUse,
    /// The body also has another name, and is counted under that.
    Twice,
}

impl DiskStore {
    /// Removes every expired body, including older versions. Safe during puts. What cannot be read
    /// or removed stays, is reported, and does not affect others.
    ///
    /// # Errors
    /// [`DiskError::NoSuchBucket`]; [`DiskError::Io`] if the bucket's folder cannot be read.
    pub fn expire(
        &self,
        bucket: &BucketName,
        rule: &RetentionRule<'_>,
    ) -> Result<Expired, DiskError> {
        let bucket = self.inner.bucket(bucket)?;
        let mut expired = Expired::default();
        let mut visit = |found: Result<Found, Unreadable>| match found {
            Err(folder) => expired.unreadable.push(folder),
            Ok(found) if !(rule.may_be_due)(&found.key) => {}
            Ok(found) => match self.expire_one(&bucket, &found, rule) {
                Ok(Kept::No) => expired.removed += 1,
                Ok(Kept::InUse) => expired.in_use += 1,
                Ok(Kept::NotDue | Kept::Twice) => {}
                Err(error) => expired.unreadable.push(Unreadable::of(error, &found.path)),
            },
        };
        let finished =
            scan(&*bucket.fs, &bucket.folder, rule.stop, &mut visit).map_err(|source| {
                DiskError::Io { what: "listing", path: bucket.folder.clone(), source }
            })?;
        expired.stopped = !finished;
        Ok(expired)
    }

    /// Removes one body if it has expired. Its age is read under the key's lock, because a put may
    /// have replaced the body that the scan found.
    fn expire_one(
        &self,
        bucket: &Bucket,
        found: &Found,
        rule: &RetentionRule<'_>,
    ) -> Result<Kept, DiskError> {
        let Ok(key) = found.key.parse::<ObjectKey>() else { return Ok(Kept::NotDue) };
        let failed = |what, e| DiskError::of(what, &found.path, key.as_str(), e);
        if rule.by_file_time {
            let stat = bucket.fs.stat(&found.path).map_err(|e| failed("reading", e))?;
            if stat.is_none_or(|stat| stat.modified >= rule.older_than.as_second()) {
                return Ok(Kept::NotDue);
            }
        }
        if found.older.is_none() && (rule.must_stay)(&key) {
            return Ok(Kept::InUse);
        }
        let is_due = |info: &ObjectInfo| info.last_modified < rule.older_than;
        let old = || {
            let opened = object_file::open(&*bucket.fs, &found.path, &key)?;
            Ok::<_, DiskError>(opened.map(|(_, info)| info).filter(is_due))
        };
        if old()?.is_none() {
            return Ok(Kept::NotDue);
        }
        let lock = self.inner.lock_key(bucket, &key);
        let Some(info) = old()? else { return Ok(Kept::NotDue) };
        let path = KeyPath::new(&bucket.folder, &key)?;
        // An interrupted put can leave a body with two names: it is one body, counted when the
        // second name is removed.
        let twice = if found.older.is_some() {
            let present = object_file::open(&*bucket.fs, &path.current(), &key);
            let same = matches!(&present, Ok(Some((_, other))) if other.version == info.version);
            if !same && (rule.is_in_use)(&key, &info.version) {
                // An unreadable current body counts as one.
                let stays = |present: Option<object_file::Opened>| {
                    present.is_some_and(|(_, info)| !is_due(&info))
                };
                if present.map_or(true, stays) {
                    return Ok(Kept::InUse);
                }
            }
            same
        } else {
            let older = path.older(info.version.as_str());
            bucket.fs.exists(&older).map_err(|e| failed("reading", e))?
        };
        bucket.fs.remove_file(&found.path).map_err(|e| failed("removing", e))?;
        self.inner.dirs.mark_unsynced(&path.folder);
        drop(lock);
        self.inner.dirs.prune(&bucket.folder, &path.folder);
        Ok(if twice { Kept::Twice } else { Kept::No })
    }
}
