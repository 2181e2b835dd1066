//! A file in the staging folder: written, hashed, synced, renamed.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use md5::Md5;
use sha2::{Digest as _, Sha256};

use super::fs::{FileSystem, WriteFile};
use super::object_file;
use super::types::{Digests, ObjectInfo};

const BUFFER: usize = 32 * 1024;
/// Data from this size on are synced before any lock is taken.
const SYNC_EARLY_SIZE: u64 = 256 * 1024;

/// A file in the staging folder. If it is dropped before it was persisted, it is removed.
#[derive(Debug)]
pub(crate) struct StagedFile {
    fs: Arc<dyn FileSystem>,
    file: BufWriter<Box<dyn WriteFile>>,
    path: PathBuf,
    md5: Md5,
    sha256: Sha256,
    size: u64,
    failure: Option<io::ErrorKind>,
    persisted: bool,
}

impl StagedFile {
    pub(crate) fn create(fs: &Arc<dyn FileSystem>, path: PathBuf) -> io::Result<Self> {
        let file = fs.create_new(&path)?;
        Ok(Self {
            fs: Arc::clone(fs),
            file: BufWriter::with_capacity(BUFFER, file),
            path,
            md5: Md5::new(),
            sha256: Sha256::new(),
            size: 0,
            failure: None,
            persisted: false,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn digests(&self) -> Digests {
        Digests {
            size: self.size,
            md5: self.md5.clone().finalize().into(),
            sha256: self.sha256.clone().finalize().into(),
        }
    }

    /// Fails if a write has failed. Syncs large data before a lock is held, because that takes
    /// long.
    pub(crate) fn sync_data(&mut self) -> io::Result<()> {
        if let Some(kind) = self.failure {
            return Err(kind.into());
        }
        if self.size >= SYNC_EARLY_SIZE {
            self.file.flush()?;
            self.file.get_mut().sync()?;
        }
        Ok(())
    }

    /// Writes the trailer and makes the file durable.
    pub(crate) fn finish(&mut self, info: &ObjectInfo) -> io::Result<()> {
        self.file.write_all(&object_file::trailer(info)?)?;
        self.file.flush()?;
        self.file.get_mut().sync()
    }

    /// Renames the file to `target`.
    pub(crate) fn persist(&mut self, target: &Path) -> io::Result<()> {
        self.fs.rename(&self.path, target)?;
        self.persisted = true;
        Ok(())
    }
}

impl Write for StagedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(kind) = self.failure {
            return Err(kind.into());
        }
        match self.file.write(bytes) {
            Ok(written) => {
                self.md5.update(&bytes[..written]);
                self.sha256.update(&bytes[..written]);
                self.size += written as u64;
                Ok(written)
            }
            Err(e) => {
                if e.kind() != io::ErrorKind::Interrupted {
                    self.failure = Some(e.kind());
                }
                Err(e)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush().inspect_err(|e| self.failure = Some(e.kind()))
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if !self.persisted {
            // The next start removes what cannot be removed now.
            let _left_to_the_next_start = self.fs.remove_file(&self.path);
        }
    }
}
