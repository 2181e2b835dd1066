//! The owner of a state folder, and the locks in it.
//!
//! Files that we open there as root may have been put there by somebody else: a link to a file of
//! ours that must not be truncated. And files that root creates there, the folder's owner cannot
//! open. So the folder must belong to the current user, which is checked before anything in it is
//! opened.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::{open_regular, with_hint};

/// How often, and at which interval, a held lock is retried: a process that only tests the lock
/// holds it for a moment.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// Why a state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It cannot be created, or nothing can be opened in it.
    #[error("the state folder {path} cannot be used: {source}; or name another with --state-dir")]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Its owner decides about its content, and could not open our files there.
    #[error(
        "the state folder {path} belongs to user {owner}, and this is user {us}; run as user \
         {owner}, or name a folder of your own with --state-dir"
    )]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Our user id.
        us: u32,
    },
}

/// A lock in a state folder.
#[derive(Debug)]
pub(crate) enum Lock {
    /// Ours until this is dropped or the process ends.
    Taken(File),
    /// Another process holds it; its content can be read.
    Held(File),
}

/// Creates the state folder if needed.
///
/// # Errors
/// It cannot be created, or belongs to another user.
pub(crate) fn make(folder: &Path) -> Result<(), StateError> {
    let failed = |source| StateError::Unusable {
        path: folder.to_owned(),
        source: with_hint(folder, source),
    };
    fs::create_dir_all(folder).map_err(failed)?;
    // A link to it is followed: systemd creates one (DynamicUser=), and it does not change the
    // owner.
    let owner = fs::metadata(folder).map_err(failed)?.uid();
    let us = rustix::process::geteuid().as_raw();
    if owner == us {
        Ok(())
    } else {
        Err(StateError::Foreign { path: folder.to_owned(), owner, us })
    }
}

/// Takes the lock of this name in a state folder, which is created if needed: `flock(2)` without
/// waiting (`LOCK_NB`), a few times. The content of the lock's file is kept.
///
/// # Errors
/// [`StateError`]
pub(crate) fn lock(folder: &Path, name: &str) -> Result<Lock, StateError> {
    make(folder)?;
    let path = folder.join(name);
    let failed = |source: io::Error| {
        let source = with_hint(&path, source);
        let source = io::Error::new(source.kind(), format!("{name} in it: {source}"));
        StateError::Unusable { path: folder.to_owned(), source }
    };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = open_regular(&path, &mut options).map_err(failed)?;
    for left in (0..TRIES).rev() {
        match file.try_lock() {
            Ok(()) => return Ok(Lock::Taken(file)),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) if left > 0 => thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {}
        }
    }
    Ok(Lock::Held(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_follows_no_link_and_empties_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let precious = folder.path().join("precious");
        fs::write(&precious, "precious").unwrap();
        let state = folder.path().join("state");
        fs::create_dir(&state).unwrap();
        std::os::unix::fs::symlink(&precious, state.join("a.lock")).unwrap();
        let error = lock(&state, "a.lock").unwrap_err().to_string();
        assert!(error.contains("cannot be used: a.lock in it: "), "{error}");
        fs::create_dir(state.join("b.lock")).unwrap();
        assert!(lock(&state, "b.lock").is_err());
        // A hard link cannot be detected like a symbolic one.
        fs::hard_link(&precious, state.join("c.lock")).unwrap();
        let taken = lock(&state, "c.lock").unwrap();
        assert!(matches!(taken, Lock::Taken(_)));
        assert!(matches!(lock(&state, "c.lock").unwrap(), Lock::Held(_)));
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    }

    #[test]
    fn a_state_folder_of_somebody_else_is_left_as_it_is() {
        // Only root can change the owner, so only root can test this.
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(folder.path(), Some(4711), None).unwrap();
        let error = lock(folder.path(), "a.lock").unwrap_err().to_string();
        assert!(error.contains("belongs to user 4711, and this is user 0; run as user 4711"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
