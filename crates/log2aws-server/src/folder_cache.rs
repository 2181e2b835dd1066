//! A cache in a folder.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use log2aws_service::ports::Cache;

/// The name prefix of temporary files; no entry has it.
const ASIDE: &str = ".new-";

/// Entries as files of one folder, which only its owner can access.
#[derive(Debug)]
pub(crate) struct FolderCache {
    folder: PathBuf,
}

impl FolderCache {
    /// Opens a folder, creating it if needed. Temporary files of a killed process are removed.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().starts_with(ASIDE.as_bytes()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// The file of an entry. A name must be a single, ordinary path component.
    fn file(&self, name: &str) -> io::Result<PathBuf> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if name.is_empty() || name.starts_with('.') || !name.bytes().all(known) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no name of a cache entry"));
        }
        Ok(self.folder.join(name))
    }
}

impl Cache for FolderCache {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.file(name)?) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.file(name)?;
        let mut aside = tempfile::Builder::new().prefix(ASIDE).tempfile_in(&self.folder)?;
        aside.write_all(bytes)?;
        // It may be lost, so nothing is synced; a file damaged by a power cut has an invalid
        // checksum, and is read again from the store.
        aside.persist(path)?;
        Ok(())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            if let Ok(name) = entry?.file_name().into_string()
                && self.file(&name).is_ok()
            {
                names.push(name);
            }
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_was_written_is_read_and_named_and_half_of_it_never() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a").join("cache");
        let cache = FolderCache::open(&place).unwrap();
        assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(cache.read("s-web01").unwrap(), None);
        cache.write("s-web01", b"first").unwrap();
        cache.write("s-web01", b"second").unwrap();
        cache.write("bucket", b"").unwrap();
        fs::write(place.join(".new-half"), b"ha").unwrap();
        assert_eq!(cache.read("s-web01").unwrap().unwrap(), b"second");
        let mut names = cache.names().unwrap();
        names.sort();
        assert_eq!(names, ["bucket", "s-web01"]);
        let again = FolderCache::open(&place).unwrap();
        assert!(!place.join(".new-half").exists());
        assert_eq!(again.read("s-web01").unwrap().unwrap(), b"second");
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let cache = FolderCache::open(folder.path()).unwrap();
        for name in ["", ".", "..", "../x", "a/b", ".new-x", "a\0", "日"] {
            assert!(cache.write(name, b"x").is_err() && cache.read(name).is_err(), "{name}");
        }
    }
}
