//! Puts: a staged file becomes the current body of its key.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use log2aws_core::key::ObjectKey;

use super::condition::Condition;
use super::error::DiskError;
use super::fs::FileSystem;
use super::inner::{Bucket, Inner};
use super::key_path::KeyPath;
use super::object_file;
use super::staged_file::StagedFile;
use super::types::{Attributes, Digests, ObjectInfo};

/// A body being written. If it is dropped without [`Staged::commit`], it is removed.
///
/// After a failed write nothing more can be written or committed.
#[derive(Debug)]
pub struct Staged {
    pub(crate) inner: Arc<Inner>,
    pub(crate) bucket: Bucket,
    pub(crate) key: ObjectKey,
    pub(crate) path: KeyPath,
    pub(crate) file: StagedFile,
}

impl Staged {
    /// Size and hashes of what was written so far, to compare before the commit.
    pub fn digests(&self) -> Digests {
        self.file.digests()
    }

    /// Makes the object durable and visible if `condition` holds. In a versioned bucket the
    /// previous body is kept as a version. If the previous body has the same bytes, no new version
    /// is made and its own description is returned, with its attributes, or with the new ones if
    /// they came from another address.
    ///
    /// # Errors
    /// [`DiskError::PreconditionFailed`]; [`DiskError::NoSuchKey`] if the condition requires an
    /// object and there is none; [`DiskError::Full`], [`DiskError::MetadataTooLarge`],
    /// [`DiskError::Io`]; the previous object is then unchanged. If only the last step failed, the
    /// sync of the folder, the new body is visible but may not survive a power cut: put it again.
    pub fn commit(
        self,
        attributes: Attributes,
        condition: &Condition,
    ) -> Result<ObjectInfo, DiskError> {
        let Self { inner, bucket, key, path, mut file } = self;
        let object = format!("{}/{key}", bucket.name);
        let failed = |what: &'static str, at: &Path, e| DiskError::of(what, at, &object, e);
        object_file::check(&attributes, &object)?;
        file.sync_data().map_err(|e| failed("writing", file.path(), e))?;
        let digests = file.digests();

        let _lock = inner.lock_key(&bucket, &key);
        let current = path.current();
        condition.check_file(&bucket, &key, &current)?;
        let mut present = None;
        let mut keep_as = None;
        let mut stale = None;
        if bucket.versioned {
            match object_file::open(&*inner.fs, &current, &key) {
                Ok(None) => {}
                Ok(Some((_, info))) => {
                    keep_as = Some(info.version.to_string());
                    present = Some(info);
                }
                // Its version id cannot be read, so it is kept under a new one.
                Err(DiskError::Corrupt(_)) => keep_as = Some(inner.ids.next(inner.now(), None)),
                Err(other) => return Err(other),
            }
        }
        let (id, now) = match present.filter(|present| present.digests == digests) {
            Some(same)
                if (same.source, same.by_operator)
                    == (attributes.source, attributes.by_operator) =>
            {
                // The process that wrote it may have died before its sync.
                let synced = inner.dirs.sync_names(&bucket.folder, &path.folder);
                synced.map_err(|e| failed("syncing", &path.folder, e))?;
                return Ok(same);
            }
            // The allow-list applies to the last uploader: the version stays, its source changes.
            Some(same) => {
                keep_as = None;
                // A put that was cut short may have left it under its older name, too; who put it
                // then is as good as forgotten.
                stale = Some(path.older(same.version.as_str()));
                (same.version.to_string(), same.last_modified)
            }
            None => {
                let now = inner.now();
                (inner.ids.next(now, keep_as.as_deref()), now)
            }
        };
        let info = object_file::describe(key, id, digests, attributes, now);
        file.finish(&info).map_err(|e| failed("writing", file.path(), e))?;
        let persisted = inner.dirs.with_dir(&bucket.folder, &path.folder, || {
            if let Some(id) = &keep_as {
                link_version(&*inner.fs, &current, &path.older(id))?;
                // Without this sync the disk may keep the rename and lose the link, and the version
                // with it.
                inner.fs.sync_dir(&path.folder)?;
            }
            if let Some(stale) = &stale
                && inner.fs.exists(stale)?
            {
                inner.fs.remove_file(stale)?;
            }
            file.persist(&current)
        });
        persisted.map_err(|e| failed("renaming to", &current, e))?;
        let synced = inner.dirs.sync(&bucket.folder, &path.folder);
        synced.map_err(|e| failed("syncing", &path.folder, e))?;
        Ok(info)
    }
}

/// Links the current body under its version id. Succeeds if the link exists.
pub(crate) fn link_version(fs: &dyn FileSystem, current: &Path, older: &Path) -> io::Result<()> {
    match fs.hard_link(current, older) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
