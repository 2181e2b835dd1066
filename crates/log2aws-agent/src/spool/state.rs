//! Whose a state folder must be, and the locks that stand in it.
//!
//! What we open there as root, somebody else may have put there: a link to a file of ours that
//! must not be emptied. And what root leaves there, the folder's owner cannot open any more. So
//! the folder is its user's alone, and that is asked before anything in it is opened.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::log_file::open_regular;

/// How often, and with which pause, a held lock is tried again: who only asks whether it is held
/// holds it for a moment.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// Why a state folder is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It cannot be made, or nothing can be opened in it.
    #[error(
        "the state folder {path} cannot be used: {source}; run as the user who owns it, or name \
         another with --state-dir"
    )]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Its owner decides what stands in it, and would find files there that he cannot open.
    #[error(
        "the state folder {path} belongs to user {owner}, and this is user {us}; run as user \
         {owner}, or name a folder of your own with --state-dir"
    )]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        us: u32,
    },
}

/// A lock in a state folder.
#[derive(Debug)]
pub(crate) enum Lock {
    /// Ours until this is dropped or the process ends.
    Taken(File),
    /// Another process has it; what it wrote there can be read.
    Held(File),
}

/// Makes the state folder if it is missing.
///
/// # Errors
/// It cannot be made, or belongs to somebody else.
pub(crate) fn make(folder: &Path) -> Result<(), StateError> {
    let failed = |source| StateError::Unusable { path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(failed)?;
    // A link to it is followed: systemd makes one (DynamicUser=), and it says nothing of whose the
    // folder is.
    let owner = fs::metadata(folder).map_err(failed)?.uid();
    let us = rustix::process::geteuid().as_raw();
    if owner == us {
        Ok(())
    } else {
        Err(StateError::Foreign { path: folder.to_owned(), owner, us })
    }
}

/// Takes the lock of this name in a state folder, which is made if it is missing. What stands in
/// the lock's file stays there.
///
/// # Errors
/// [`StateError`]
pub(crate) fn lock(folder: &Path, name: &str) -> Result<Lock, StateError> {
    make(folder)?;
    let failed = |source| {
        let source = io::Error::other(format!("{name} in it: {source}"));
        StateError::Unusable { path: folder.to_owned(), source }
    };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = open_regular(&folder.join(name), &mut options).map_err(failed)?;
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
        // A second name of the same file is no link that could be refused.
        fs::hard_link(&precious, state.join("c.lock")).unwrap();
        let taken = lock(&state, "c.lock").unwrap();
        assert!(matches!(taken, Lock::Taken(_)));
        assert!(matches!(lock(&state, "c.lock").unwrap(), Lock::Held(_)));
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    }

    #[test]
    fn a_state_folder_of_somebody_else_is_left_as_it_is() {
        // Only root can give a folder away, so only root can show that it is refused.
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
