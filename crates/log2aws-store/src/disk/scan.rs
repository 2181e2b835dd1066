//! Visits every stored body by name, folder by folder, in no particular order. It opens no file and
//! keeps only the names of subfolders in memory.

use std::io;
use std::path::{Path, PathBuf};

use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::VersionId;

use super::DiskStore;
use super::error::DiskError;
use super::error::Unreadable;
use super::fs::FileSystem;
use super::key_path::{KeyPath, Name};
use super::types::FileState;

impl DiskStore {
    /// Visits the key of every current body of a bucket, in no particular order, until `stop`
    /// returns true; returns whether it finished. No body is opened. An unreadable folder is passed
    /// to `visit`, and does not affect others.
    ///
    /// # Errors
    /// [`DiskError::NoSuchBucket`]; [`DiskError::Io`] if the bucket's folder cannot be read.
    pub fn scan(
        &self,
        bucket: &BucketName,
        stop: &dyn Fn() -> bool,
        visit: &mut dyn FnMut(Result<&str, Unreadable>),
    ) -> Result<bool, DiskError> {
        self.scan_versions(bucket, stop, &mut |found| match found {
            Ok(StoredBody { older: Some(_), .. }) => {}
            Ok(StoredBody { key, older: None }) => visit(Ok(key)),
            Err(unreadable) => visit(Err(unreadable)),
        })
    }

    /// As [`DiskStore::scan`], and visits older bodies, too, with their version ids. The current
    /// one has none in its name. A body that is replaced meanwhile may be visited once, twice or not
    /// at all.
    ///
    /// # Errors
    /// As [`DiskStore::scan`].
    pub fn scan_versions(
        &self,
        bucket: &BucketName,
        stop: &dyn Fn() -> bool,
        visit: &mut dyn FnMut(Result<StoredBody<'_>, Unreadable>),
    ) -> Result<bool, DiskError> {
        let bucket = self.inner.bucket(bucket)?;
        let mut visit = |found: Result<Found, Unreadable>| match found {
            Ok(Found { key, older, .. }) => {
                visit(Ok(StoredBody { key: &key, older: older.map(VersionId::new) }));
            }
            Err(unreadable) => visit(Err(unreadable)),
        };
        scan(&*bucket.fs, &bucket.folder, stop, &mut visit).map_err(|source| DiskError::Io {
            what: "listing",
            path: bucket.folder.clone(),
            source,
        })
    }

    /// The state of a key's current file, without opening it; `None` if there is none.
    ///
    /// # Errors
    /// [`DiskError::NoSuchBucket`], [`DiskError::Io`].
    pub fn file_state(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> Result<Option<FileState>, DiskError> {
        let bucket = self.inner.bucket(bucket)?;
        let Ok(path) = KeyPath::new(&bucket.folder, key) else { return Ok(None) };
        let path = path.current();
        let stat = bucket.fs.stat(&path);
        let stat = stat.map_err(|e| DiskError::of("reading", &path, key.as_str(), e))?;
        Ok(stat.map(|stat| FileState { stat }))
    }
}

/// A body that [`DiskStore::scan_versions`] visits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBody<'a> {
    /// Its key.
    pub key: &'a str,
    /// Its version id, if it is not the current body of the key.
    pub older: Option<VersionId>,
}

/// A name that the scan found.
pub(crate) struct Found {
    pub(crate) key: String,
    /// The version id of an older body; `None` for the current one.
    pub(crate) older: Option<String>,
    pub(crate) path: PathBuf,
}

/// Visits the bodies below `bucket` until `stop` returns true; returns whether it finished. An
/// unreadable subfolder is passed to `visit` and skipped.
///
/// # Errors
/// The bucket's own folder cannot be read.
pub(crate) fn scan(
    fs: &dyn FileSystem,
    bucket: &Path,
    stop: &dyn Fn() -> bool,
    visit: &mut dyn FnMut(Result<Found, Unreadable>),
) -> io::Result<bool> {
    let mut pending = vec![(bucket.to_owned(), String::new())];
    while let Some((folder, key)) = pending.pop() {
        let entries = match fs.read_dir(&folder) {
            Ok(entries) => entries,
            // Pruned in the meantime.
            Err(e) if e.kind() == io::ErrorKind::NotFound && folder != bucket => continue,
            Err(e) if folder == bucket => return Err(e),
            Err(e) => {
                visit(Err(Unreadable::new("listing", &folder, e)));
                continue;
            }
        };
        let below = pending.len();
        for entry in entries {
            if stop() {
                return Ok(false);
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(e) if folder == bucket => return Err(e),
                Err(e) => {
                    visit(Err(Unreadable::new("listing", &folder, e)));
                    break;
                }
            };
            let name = entry.name.to_str().and_then(Name::parse);
            let (segment, older) = match name {
                Some(Name::Folder(segment)) => {
                    if entry.is_dir {
                        pending.push((folder.join(&entry.name), format!("{key}{segment}/")));
                    }
                    continue;
                }
                Some(Name::Current(segment)) => (segment, None),
                Some(Name::Older(segment, id)) => (segment, Some(id)),
                None => continue,
            };
            let path = folder.join(&entry.name);
            visit(Ok(Found { key: format!("{key}{segment}"), older, path }));
        }
        pending[below..].sort_by(|a, b| b.cmp(a));
    }
    Ok(true)
}
