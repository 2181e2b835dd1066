//! A small reserve on the disk of the state folder for the day it is full.
//!
//! A delivered log may be removed only if the delivery is recorded. On a completely full disk it
//! could not be, so nothing could ever be removed: this file is then given up.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::is_full;

/// Enough for a record, its folder and the file system's overhead.
const SIZE: usize = 16 << 10;

/// The file of the reserve.
pub(crate) fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("reserve")
}

/// Creates the reserve if it is missing or incomplete.
///
/// # Errors
/// There is no space for it; no part of it remains.
pub(crate) fn take(state_dir: &Path) -> io::Result<()> {
    let path = path(state_dir);
    match fs::symlink_metadata(&path) {
        Ok(found) if found.is_file() && found.len() == SIZE as u64 => Ok(()),
        _ => fill(&path).inspect_err(|_| {
            let _ = fs::remove_file(&path);
        }),
    }
}

/// Calls `write`, and on a full disk again without the reserve.
///
/// # Errors
/// Those of `write`.
pub(crate) fn release_reserve_if_full<T>(
    state_dir: &Path,
    mut write: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let first = write();
    match first {
        Err(error) if is_full(&error) => match fs::remove_file(path(state_dir)) {
            Ok(()) => write(),
            Err(_) => Err(error),
        },
        done => done,
    }
}

/// Data that no file system can compress.
fn fill(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut bytes = vec![0; SIZE];
    fastrand::Rng::with_seed(0).fill(&mut bytes);
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(&bytes)?;
    // Space that is only promised may be missing when it is needed.
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> io::Error {
        ErrorKind::StorageFull.into()
    }

    #[test]
    fn is_taken_once_and_mended() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(folder.path());
        take(folder.path()).unwrap();
        let whole = fs::read(&path).unwrap();
        assert_eq!(whole.len(), SIZE);
        fs::write(&path, "torn").unwrap();
        take(folder.path()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), whole);
        assert!(take(Path::new("/nowhere")).is_err());
    }

    #[test]
    fn is_given_up_when_the_disk_is_full_and_for_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(folder.path());
        take(folder.path()).unwrap();
        let denied = || Err::<(), _>(io::Error::from(ErrorKind::PermissionDenied));
        assert!(release_reserve_if_full(folder.path(), denied).is_err());
        assert!(path.exists());

        let room = || if path.exists() { Err(full()) } else { Ok(7) };
        assert_eq!(release_reserve_if_full(folder.path(), room).unwrap(), 7);
        // There is no reserve left now.
        let mut calls = 0;
        let never = || {
            calls += 1;
            Err::<(), _>(full())
        };
        assert!(release_reserve_if_full(folder.path(), never).is_err());
        assert_eq!(calls, 1);
    }
}
