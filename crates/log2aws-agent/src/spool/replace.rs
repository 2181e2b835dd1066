//! Small files of the state folder: replaced atomically, read back if they are whole.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{is_full, open_regular};

/// A writer needs far less than these five seconds, even on a slow disk.
const TRIES: u32 = 1000;
const PAUSE: Duration = Duration::from_millis(5);

/// The longest file that is read.
const MAX_FILE: u64 = 256 << 10;

/// Reads a file of JSON. `None` if there is none, or none that can be parsed: what a state folder
/// has lost costs a repetition, never a log.
///
/// # Errors
/// The file exists, but cannot be read.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text).ok())
}

/// As [`replace`] without fsync, but overwrites the existing file on a full disk: it has a block and
/// a name. A crash in between leaves garbage, which [`read_json`] ignores.
pub(crate) fn replace_or_overwrite(path: &Path, text: &[u8]) -> io::Result<()> {
    match replace(path, text, false) {
        Err(error) if is_full(&error) => overwrite(path, text),
        done => done,
    }
}

fn overwrite(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.write_all(text)?;
    file.set_len(text.len() as u64)
}

/// Replaces the file at `path` with `text`; with `sync` both it and its folder get an fsync: they are durable on
/// return.
///
/// The temporary file has a fixed name, so the leftover of a crash is reused. A second writer
/// waits, but not for one that hangs.
pub(crate) fn replace(path: &Path, text: &[u8], sync: bool) -> io::Result<()> {
    replace_in(TRIES, path, |file| fill(file, text, sync))?;
    match path.parent() {
        Some(folder) if sync => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// The same for a file that other users read, whatever the umask is. It gets no fsync.
pub(crate) fn replace_for_all(path: &Path, text: &[u8]) -> io::Result<()> {
    replace_in(TRIES, path, |file| {
        file.set_permissions(Permissions::from_mode(0o644))?;
        fill(file, text, false)
    })
}

fn replace_in(
    tries: u32,
    path: &Path,
    write: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let mut new = OsString::from(".");
    new.push(path.file_name().unwrap_or_default());
    new.push(".new");
    let new = path.with_file_name(new);
    let file = loop {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = open_regular(&new, &mut options)?;
        lock(tries, &file, &new)?;
        // During the wait it may have been renamed to its target.
        if is_at(&file, &new)? {
            break file;
        }
    };
    let written = write(&file).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // On a full disk its space is needed elsewhere.
        let _ = fs::remove_file(&new);
    }
    written
}

fn lock(tries: u32, file: &File, path: &Path) -> io::Result<()> {
    for _ in 0..tries {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
            done => return Ok(done?),
        }
    }
    let path = path.display();
    let text = format!("another process keeps {path} locked; find it with fuser(1)");
    Err(io::Error::new(ErrorKind::TimedOut, text))
}

fn fill(mut file: &File, text: &[u8], sync: bool) -> io::Result<()> {
    file.set_len(0)?;
    file.write_all(text)?;
    if sync { file.sync_all() } else { Ok(()) }
}

/// Whether the open file is the one at `path`.
pub(crate) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let opened = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (opened.dev(), opened.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_stands_still_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        fs::write(&path, "before").unwrap();
        let held = File::create(folder.path().join(".a.json.new")).unwrap();
        held.lock().unwrap();
        let error = replace_in(3, &path, |file| fill(file, b"after", false)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(error.to_string().contains(".a.json.new locked; find it with"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        drop(held);
        replace_in(3, &path, |file| fill(file, b"after", false)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "after");
    }

    #[test]
    fn what_is_overwritten_reads_back_whether_longer_or_shorter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        assert_eq!(read_json::<String>(&path).unwrap(), None);
        fs::write(&path, "").unwrap();
        for text in ["x", "a longer one", "y"] {
            overwrite(&path, &serde_json::to_vec(text).unwrap()).unwrap();
            assert_eq!(read_json::<String>(&path).unwrap().as_deref(), Some(text));
        }
        assert!(read_json::<String>(folder.path()).is_err());
    }

    #[test]
    fn what_a_crash_left_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let new = folder.path().join(".a.json.new");
        fs::write(&new, "of a crash, and longer").unwrap();
        replace(&path, b"first", true).unwrap();
        replace(&path, b"second", false).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

        let target = folder.path().join("precious");
        fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, &new).unwrap();
        assert!(replace(&path, b"third", false).is_err());
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
    }

    #[test]
    fn many_at_once_each_put_a_whole_file_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        std::thread::scope(|scope| {
            for worker in 0..8_u8 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..50 {
                        let text = [b'a' + worker].repeat(100 + usize::from(worker));
                        replace(path, &text, false).unwrap();
                        let found = fs::read(path).unwrap();
                        assert_eq!(found.len(), 100 + usize::from(found[0] - b'a'));
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
