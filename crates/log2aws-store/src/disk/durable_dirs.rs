//! Folders that are created and removed while puts run.
//!
//! A body is durable only if every folder above it is. A put that finds a folder cannot know
//! whether its creator has synced it yet, so the store remembers which folders it has synced, and
//! creates, removes and checks folders under one lock per stripe.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::fs::FileSystem;

const STRIPES: usize = 64;
/// How many folders a stripe remembers. A forgotten folder costs one more sync.
const MAX_REMEMBERED_DIRS: usize = 1024;
/// How often a put retries after a folder was removed under it.
const MAX_ATTEMPTS: usize = 32;

/// The state of the folders of one stripe.
#[derive(Debug, Default)]
struct Stripe {
    /// Folders whose own name and all names above it are durable.
    durable: HashSet<PathBuf>,
    /// Folders in which every removal is durable, including those of earlier processes.
    synced: HashSet<PathBuf>,
    /// How often a folder was removed from `synced`.
    unsynced_count: u64,
}

/// The folders that are known to be durable.
#[derive(Debug)]
pub(crate) struct DurableDirs {
    fs: Arc<dyn FileSystem>,
    stripes: Vec<RwLock<Stripe>>,
    /// Whether a sync has failed. Its effect is unknown, so from then on every sync is done.
    sync_failed: AtomicBool,
}

impl DurableDirs {
    pub(crate) fn new(fs: Arc<dyn FileSystem>) -> Self {
        let stripes = (0..STRIPES).map(|_| RwLock::default()).collect();
        Self { fs, stripes, sync_failed: AtomicBool::new(false) }
    }

    /// Runs `commit` while `folder`, below `base`, exists, is durable and cannot be removed.
    pub(crate) fn with_dir(
        &self,
        base: &Path,
        folder: &Path,
        mut commit: impl FnMut() -> io::Result<()>,
    ) -> io::Result<()> {
        if folder == base {
            return commit();
        }
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for _ in 0..MAX_ATTEMPTS {
            let known = {
                let stripe = self.read(folder);
                stripe.durable.contains(folder).then(&mut commit)
            };
            let outcome = match known {
                Some(outcome) => outcome,
                None => match self.make(base, folder) {
                    Ok(()) => continue,
                    Err(failure) => Err(failure),
                },
            };
            match outcome {
                // The folder is gone: just pruned, or removed by hand.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    self.forget(base, folder);
                    failure = e;
                }
                outcome => return outcome,
            }
        }
        Err(failure)
    }

    /// Removes `folder` and the folders above it, up to `base`, if they are empty.
    pub(crate) fn prune(&self, base: &Path, folder: &Path) {
        for folder in between(base, folder) {
            let mut stripe = self.write(folder);
            // It is not empty, or another thread removed it: nothing to do.
            if self.fs.remove_dir(folder).is_err() {
                return;
            }
            stripe.durable.remove(folder);
        }
    }

    /// Makes the names in `folder` durable. The folder may be gone.
    pub(crate) fn sync(&self, base: &Path, folder: &Path) -> io::Result<()> {
        let before = self.read(folder).unsynced_count;
        self.sync_nearest(base, folder).inspect_err(|_| {
            self.sync_failed.store(true, Ordering::Relaxed);
        })?;
        let mut stripe = self.write(folder);
        if stripe.unsynced_count == before && !stripe.synced.contains(folder) {
            if stripe.synced.len() >= MAX_REMEMBERED_DIRS {
                stripe.synced.clear();
            }
            stripe.synced.insert(folder.to_owned());
        }
        Ok(())
    }

    /// Makes earlier changes of names in `folder` durable, including those of earlier processes. A
    /// folder that was synced and not unsettled since needs nothing: every change of a name syncs
    /// the folder before it releases the key's lock.
    pub(crate) fn sync_names(&self, base: &Path, folder: &Path) -> io::Result<()> {
        let synced = self.read(folder).synced.contains(folder);
        if synced && !self.sync_failed.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.sync(base, folder)
    }

    /// Records that a name in `folder` was removed without a sync. Called while the key is locked.
    pub(crate) fn mark_unsynced(&self, folder: &Path) {
        let mut stripe = self.write(folder);
        stripe.synced.remove(folder);
        stripe.unsynced_count += 1;
    }

    /// Syncs the folder or, if it is gone, the nearest existing one above it.
    fn sync_nearest(&self, base: &Path, folder: &Path) -> io::Result<()> {
        for folder in between(base, folder) {
            match self.fs.sync_dir(folder) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                done => return done,
            }
        }
        self.fs.sync_dir(base)
    }

    fn make(&self, base: &Path, folder: &Path) -> io::Result<()> {
        let mut path: Vec<&Path> = between(base, folder).collect();
        path.reverse();
        for folder in path {
            let mut stripe = self.write(folder);
            if stripe.durable.contains(folder) {
                continue;
            }
            match self.fs.create_dir(folder) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                other => other?,
            }
            self.fs.sync_dir(folder.parent().unwrap_or(base))?;
            if stripe.durable.len() >= MAX_REMEMBERED_DIRS {
                stripe.durable.clear();
            }
            stripe.durable.insert(folder.to_owned());
        }
        Ok(())
    }

    fn forget(&self, base: &Path, folder: &Path) {
        for folder in between(base, folder) {
            self.write(folder).durable.remove(folder);
        }
    }

    fn read(&self, folder: &Path) -> RwLockReadGuard<'_, Stripe> {
        self.stripe(folder).read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, folder: &Path) -> RwLockWriteGuard<'_, Stripe> {
        self.stripe(folder).write().unwrap_or_else(PoisonError::into_inner)
    }

    fn stripe(&self, folder: &Path) -> &RwLock<Stripe> {
        let hash = BuildHasherDefault::<DefaultHasher>::new().hash_one(folder);
        &self.stripes[usize::try_from(hash % STRIPES as u64).unwrap_or(0)]
    }
}

/// `folder` and the folders above it, excluding `base`.
fn between<'a>(base: &'a Path, folder: &'a Path) -> impl Iterator<Item = &'a Path> {
    folder.ancestors().take_while(move |above| *above != base && above.starts_with(base))
}
