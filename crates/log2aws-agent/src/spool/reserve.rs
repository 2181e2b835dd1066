//! A little room on the disk of the state folder, kept for the day on which there is none.
//!
//! A delivered log may be removed only if the delivery is written down. On a disk that is full to
//! the last block it could not be, so nothing could ever be removed: this file is given up then.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::is_full;

/// Enough for a record, its folder and what a file system needs to keep both.
const SIZE: usize = 16 << 10;

/// Where the reserve stands in its folder.
pub(crate) fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("reserve")
}

/// Takes the reserve if it is not there whole.
///
/// # Errors
/// There is no room for it; then there is none of it.
pub(crate) fn take(state_dir: &Path) -> io::Result<()> {
    let path = path(state_dir);
    match fs::symlink_metadata(&path) {
        Ok(found) if found.is_file() && found.len() == SIZE as u64 => Ok(()),
        _ => fill(&path).inspect_err(|_| {
            let _ = fs::remove_file(&path);
        }),
    }
}

/// Does `write`, and once more without the reserve if the disk is full.
///
/// # Errors
/// Those of `write`.
pub(crate) fn or_give_up<T>(
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

/// Bytes that no file system can keep in less room than they take.
fn fill(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut bytes = vec![0; SIZE];
    fastrand::Rng::with_seed(0).fill(&mut bytes);
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(&bytes)?;
    // Room that is only promised is found missing when it is wanted.
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
        assert!(or_give_up(folder.path(), denied).is_err());
        assert!(path.exists());

        let room = || if path.exists() { Err(full()) } else { Ok(7) };
        assert_eq!(or_give_up(folder.path(), room).unwrap(), 7);
        // Nothing is left to give up now.
        let mut calls = 0;
        let never = || {
            calls += 1;
            Err::<(), _>(full())
        };
        assert!(or_give_up(folder.path(), never).is_err());
        assert_eq!(calls, 1);
    }
}
