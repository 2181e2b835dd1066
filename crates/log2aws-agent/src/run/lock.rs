//! A lock for one `run` per state folder.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::spool::state::{self, Lock};
use crate::spool::{StateError, open_regular};

const NAME: &str = "run.lock";

/// Why the lock cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The state folder cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// Another `run` holds it.
    #[error(
        "another run{} is at work with the state folder {path}; end it, or give this one a state \
         folder of its own with --state-dir",
        who(pid)
    )]
    Held {
        /// The folder.
        path: PathBuf,
        /// The process that holds it, if known.
        pid: String,
    },
}

fn who(pid: &str) -> String {
    if pid.is_empty() { String::new() } else { format!(" (process {pid})") }
}

/// The lock, held until this is dropped or the process ends.
#[derive(Debug)]
pub struct RunLock {
    state_dir: PathBuf,
    file: File,
}

impl RunLock {
    /// Takes the lock; creates the folder if needed.
    ///
    /// # Errors
    /// [`LockError`]
    pub fn take(state_dir: &Path) -> Result<Self, LockError> {
        let mut file = match state::lock(state_dir, NAME)? {
            Lock::Taken(file) => file,
            Lock::Held(file) => {
                let mut pid = String::new();
                // The lock is held even if its file has no process id.
                let _ = file.take(20).read_to_string(&mut pid);
                let path = state_dir.to_owned();
                return Err(LockError::Held { path, pid: pid.trim().to_owned() });
            }
        };
        // The process id is only for people; on a full disk the lock works without it.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { state_dir: state_dir.to_owned(), file })
    }

    /// Whether another file is in the place of the locked one, or none: the folder was removed or
    /// moved, and another `run` could lock it.
    pub fn is_lost(&self) -> bool {
        let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
        let there = std::fs::symlink_metadata(self.state_dir.join(NAME)).ok().map(identity);
        there.is_none() || there != self.file.metadata().ok().map(identity)
    }

    /// The locked folder.
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }
}

/// Whether a `run` uses this state folder. Creates nothing.
///
/// # Errors
/// The lock file exists but cannot be opened.
pub fn is_running(state_dir: &Path) -> io::Result<bool> {
    let file = match open_regular(&state_dir.join(NAME), OpenOptions::new().read(true)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn one_run_has_the_folder_and_asking_takes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("made/by/take");
        assert!(!is_running(&state).unwrap());
        assert!(!state.exists());
        let lock = RunLock::take(&state).unwrap();
        assert!(is_running(&state).unwrap());
        let error = RunLock::take(&state).unwrap_err().to_string();
        assert!(error.contains(&format!("(process {})", std::process::id())), "{error}");
        drop(lock);
        assert!(!is_running(&state).unwrap());
        // Overwrites a longer number of an earlier run completely.
        fs::write(state.join(NAME), "12345678901234567890").unwrap();
        let _lock = RunLock::take(&state).unwrap();
        let pid = fs::read_to_string(state.join(NAME)).unwrap();
        assert_eq!(pid, format!("{}\n", std::process::id()));
    }

    #[test]
    fn a_lock_is_lost_with_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let lock = RunLock::take(&state).unwrap();
        assert!(!lock.is_lost());
        fs::remove_dir_all(&state).unwrap();
        assert!(lock.is_lost());
        fs::create_dir(&state).unwrap();
        assert!(lock.is_lost());
        let other = RunLock::take(&state).unwrap();
        assert!(lock.is_lost() && !other.is_lost());
    }

    #[test]
    fn a_folder_that_cannot_be_is_told() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let error = RunLock::take(&folder.path().join("file/state")).unwrap_err().to_string();
        assert!(error.contains("cannot be used") && error.contains("--state-dir"), "{error}");
    }

    #[test]
    fn a_number_is_not_written_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let precious = folder.path().join("precious");
        fs::write(&precious, "precious").unwrap();
        let state = folder.path().join("state");
        fs::create_dir(&state).unwrap();
        std::os::unix::fs::symlink(&precious, state.join(NAME)).unwrap();
        assert!(matches!(RunLock::take(&state), Err(LockError::State(_))));
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    }
}
