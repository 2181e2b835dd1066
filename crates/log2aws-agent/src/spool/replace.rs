//! Putting a file in place of another in one step.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Puts a file of `text` in place of what stands at `path`; with `sync` its bytes and its name are
/// on the disk when this returns.
///
/// It is written beside its place under one name that is always the same: what a crash leaves
/// behind, the next one takes. Whoever comes second waits.
pub(crate) fn replace(path: &Path, text: &[u8], sync: bool) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = path.with_file_name(format!(".{name}.new"));
    let file = loop {
        let flags = OFlags::NOFOLLOW.bits().cast_signed();
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.custom_flags(flags).open(&new)?;
        file.lock()?;
        // While we waited, it may have been moved to its place.
        if is_at(&file, &new)? {
            break file;
        }
    };
    let written = fill(&file, text, sync).and_then(|()| fs::rename(&new, path));
    if let Err(error) = written {
        // On a full disk its room is wanted elsewhere.
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    match path.parent() {
        Some(folder) if sync => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

fn fill(mut file: &File, text: &[u8], sync: bool) -> io::Result<()> {
    file.set_len(0)?;
    file.write_all(text)?;
    if sync { file.sync_all() } else { Ok(()) }
}

/// Whether the open file is the one that stands at `path`.
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
