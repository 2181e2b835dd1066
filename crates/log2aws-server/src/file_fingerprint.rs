//! Detects whether a file has changed since it was read.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileState {
    /// Nothing: the file does not exist.
    Missing,
    /// A file.
    Present(FileFingerprint),
    /// The file system does not say: the file may exist, or not.
    Unknown(io::ErrorKind),
}

/// Identifies a state of a file. The change time changes with the mode too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileFingerprint {
    inode: u64,
    size: u64,
    mode: u32,
    changed: (i64, i64),
}

impl FileState {
    /// The current state of a path. Blocks.
    pub(crate) fn of(path: &Path) -> Self {
        match fs::metadata(path) {
            Ok(meta) => Self::Present(FileFingerprint {
                inode: meta.ino(),
                size: meta.size(),
                mode: meta.mode(),
                changed: (meta.ctime(), meta.ctime_nsec()),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::Missing,
            Err(error) => Self::Unknown(error.kind()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_a_missing_file_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert_eq!(FileState::of(&path), FileState::Missing);
        symlink(&path, &path).unwrap();
        assert!(matches!(FileState::of(&path), FileState::Unknown(_)));
        fs::remove_file(&path).unwrap();
        fs::write(&path, "").unwrap();
        let first = FileState::of(&path);
        assert!(matches!(first, FileState::Present(_)));
        fs::write(&path, "more").unwrap();
        assert_ne!(FileState::of(&path), first);
    }
}
