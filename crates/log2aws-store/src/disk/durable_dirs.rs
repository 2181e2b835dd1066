//! Folders that come and go beside running puts.
//!
//! A body is durable only if every folder above it is. Who finds a folder cannot know whether the
//! one who made it has synced it yet; so the store remembers which folders it has synced, and
//! makes, removes and trusts them under one lock each.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::fs::FileSystem;

const STRIPES: usize = 64;
/// How many folders a stripe remembers. Forgetting costs one more sync, nothing else.
const MEMORY: usize = 1024;
/// How often a put tries again after a folder was removed under it.
const TRIES: usize = 32;

/// The folders that are known to be on the disk, with their names synced.
#[derive(Debug)]
pub(crate) struct DurableDirs {
    fs: Arc<dyn FileSystem>,
    stripes: Vec<RwLock<HashSet<PathBuf>>>,
}

impl DurableDirs {
    pub(crate) fn new(fs: Arc<dyn FileSystem>) -> Self {
        Self { fs, stripes: (0..STRIPES).map(|_| RwLock::default()).collect() }
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
        for _ in 0..TRIES {
            let known = {
                let stripe = self.stripe(folder).read().unwrap_or_else(PoisonError::into_inner);
                stripe.contains(folder).then(&mut commit)
            };
            let outcome = match known {
                Some(outcome) => outcome,
                None => match self.make(base, folder) {
                    Ok(()) => continue,
                    Err(failure) => Err(failure),
                },
            };
            match outcome {
                // A folder vanished: pruned just now, or removed by hand.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    self.forget(base, folder);
                    failure = e;
                }
                outcome => return outcome,
            }
        }
        Err(failure)
    }

    /// Removes `folder` and those above it up to `base`, as far as they are empty.
    pub(crate) fn prune(&self, base: &Path, folder: &Path) {
        for folder in between(base, folder) {
            let mut stripe = self.stripe(folder).write().unwrap_or_else(PoisonError::into_inner);
            // It is not empty, or someone was faster: either way there is nothing to do.
            if self.fs.remove_dir(folder).is_err() {
                return;
            }
            stripe.remove(folder);
        }
    }

    fn make(&self, base: &Path, folder: &Path) -> io::Result<()> {
        let mut path: Vec<&Path> = between(base, folder).collect();
        path.reverse();
        for folder in path {
            let mut stripe = self.stripe(folder).write().unwrap_or_else(PoisonError::into_inner);
            if stripe.contains(folder) {
                continue;
            }
            match self.fs.create_dir(folder) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                other => other?,
            }
            self.fs.sync_dir(folder.parent().unwrap_or(base))?;
            if stripe.len() >= MEMORY {
                stripe.clear();
            }
            stripe.insert(folder.to_owned());
        }
        Ok(())
    }

    fn forget(&self, base: &Path, folder: &Path) {
        for folder in between(base, folder) {
            self.stripe(folder).write().unwrap_or_else(PoisonError::into_inner).remove(folder);
        }
    }

    fn stripe(&self, folder: &Path) -> &RwLock<HashSet<PathBuf>> {
        let hash = BuildHasherDefault::<DefaultHasher>::new().hash_one(folder);
        &self.stripes[usize::try_from(hash % STRIPES as u64).unwrap_or(0)]
    }
}

/// `folder` and those above it, without `base`.
fn between<'a>(base: &'a Path, folder: &'a Path) -> impl Iterator<Item = &'a Path> {
    folder.ancestors().take_while(move |above| *above != base && above.starts_with(base))
}
