//! File access: every file operation of the store is a call of [`FileSystem`].
//!
//! [`OsFileSystem`] uses the operating system. The tests replace it with a simulated disk that
//! loses unsynced data at a power cut.

use std::ffi::OsString;
use std::fmt::Debug;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, FileExt, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Files and folders. Paths are absolute or relative to the process, as given by the caller.
pub(crate) trait FileSystem: Debug + Send + Sync {
    /// Creates a new file for writing, readable by owner and group; fails if it exists.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn WriteFile>>;
    /// Opens a file for reading.
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadFile>>;
    /// The names in a folder, in any order.
    fn read_dir(&self, path: &Path) -> io::Result<DirEntries>;
    /// Whether a file or folder exists.
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// Describes a file without opening it; `None` if there is none.
    fn stat(&self, path: &Path) -> io::Result<Option<FileStat>>;
    /// Why a file or folder is not trusted: other users own it or can change it, or it is of another
    /// kind. `None` if it is trusted or does not exist. A link is followed only if `may_link`.
    fn distrust(&self, path: &Path, kind: Kind, may_link: bool) -> io::Result<Option<String>> {
        let (_, _, _) = (path, kind, may_link);
        Ok(None)
    }
    /// Creates a folder, not accessible to others; its parent must exist.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Renames a file or a folder, replacing an existing one.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Adds a second name to a file; that name must not exist.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a name of a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty folder.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Locks a file, creating it if needed, until the lock is dropped; `None` if another process
    /// holds it.
    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>>;

    /// The content of a small file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.open(path)?;
        let length = usize::try_from(file.length()?).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Creates a folder and its parents; succeeds if it exists.
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        match self.create_dir(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let Some(above) = path.parent() else { return Err(e) };
                self.create_dir_all(above)?;
                self.create_dir_all(path)
            }
            Err(e) => match self.exists(&path.join(".")) {
                Ok(true) => Ok(()),
                // A file, or a folder of somebody else: "exists already" would not say so.
                Err(why) if e.kind() == io::ErrorKind::AlreadyExists => Err(why),
                _ => Err(e),
            },
            done => done,
        }
    }

    /// Removes a folder and everything in it.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        for entry in self.read_dir(path)? {
            let entry = entry?;
            let path = path.join(&entry.name);
            if entry.is_dir {
                self.remove_dir_all(&path)?;
            } else {
                self.remove_file(&path)?;
            }
        }
        self.remove_dir(path)
    }
}

/// What a name must be. A pipe in place of a file would block the process that opens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
}

/// Identifies a state of a file. The change time increases with every write, link and change of
/// mode, and cannot be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileStat {
    pub(crate) inode: u64,
    pub(crate) size: u64,
    /// When the content was last written, in seconds since the Unix epoch.
    pub(crate) modified: i64,
    /// The change time, in nanoseconds since the Unix epoch.
    pub(crate) changed: i128,
}

/// A file being written.
pub(crate) trait WriteFile: Write + Debug + Send {
    /// Makes the bytes and the length durable, not the name.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file open for reading.
pub(crate) trait ReadFile: Debug + Send + Sync {
    /// Its length in bytes.
    fn length(&self) -> io::Result<u64>;
    /// Reads from `offset` on; 0 at the end.
    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Fills `out`, or fails with [`io::ErrorKind::UnexpectedEof`].
    fn read_exact_at(&self, mut out: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !out.is_empty() {
            match self.read_at(out, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    out = &mut out[read..];
                    offset += read as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

/// A lock that is released when it is dropped.
pub(crate) trait Lock: Debug + Send + Sync {}

/// The result of [`FileSystem::read_dir`].
pub(crate) type DirEntries = Box<dyn Iterator<Item = io::Result<DirEntry>>>;

/// One name in a folder.
#[derive(Debug)]
pub(crate) struct DirEntry {
    pub(crate) name: OsString,
    pub(crate) is_dir: bool,
}

/// The operating system's files.
#[derive(Debug)]
pub(crate) struct OsFileSystem;

impl FileSystem for OsFileSystem {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        Ok(Box::new(OpenOptions::new().write(true).create_new(true).mode(0o640).open(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadFile>> {
        Ok(Box::new(File::open(path)?))
    }

    fn read_dir(&self, path: &Path) -> io::Result<DirEntries> {
        Ok(Box::new(fs::read_dir(path)?.filter_map(|entry| match entry {
            Err(e) => Some(Err(e)),
            Ok(entry) => match entry.file_type() {
                Ok(kind) => Some(Ok(DirEntry { name: entry.file_name(), is_dir: kind.is_dir() })),
                // It was removed in the meantime.
                Err(e) if e.kind() == io::ErrorKind::NotFound => None,
                Err(e) => Some(Err(e)),
            },
        })))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn stat(&self, path: &Path) -> io::Result<Option<FileStat>> {
        match fs::metadata(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            found => found.map(|meta| {
                let changed =
                    i128::from(meta.ctime()) * 1_000_000_000 + i128::from(meta.ctime_nsec());
                let (inode, size, modified) = (meta.ino(), meta.len(), meta.mtime());
                Some(FileStat { inode, size, modified, changed })
            }),
        }
    }

    fn distrust(&self, path: &Path, kind: Kind, may_link: bool) -> io::Result<Option<String>> {
        let found = |meta: io::Result<fs::Metadata>| match meta {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        };
        let Some(own) = found(fs::symlink_metadata(path))? else { return Ok(None) };
        let is_link = own.is_symlink();
        if is_link && !may_link {
            return Ok(Some("is a link".to_owned()));
        }
        let me = rustix::process::geteuid().as_raw();
        let target = if is_link { found(fs::metadata(path))? } else { None };
        for meta in [Some(own), target].into_iter().flatten() {
            let (owner, mode) = (meta.uid(), meta.mode() & 0o7777);
            if owner != me && owner != 0 {
                return Ok(Some(format!("belongs to user {owner}, and this process is user {me}")));
            }
            if !meta.is_symlink() && mode & 0o022 != 0 {
                return Ok(Some(format!("can be written by other users (mode {mode:03o})")));
            }
            let is_expected = match kind {
                Kind::File => meta.is_file(),
                Kind::Folder => meta.is_dir(),
            };
            if !is_expected && !meta.is_symlink() {
                return Ok(Some(match kind {
                    Kind::File => "is not a regular file".to_owned(),
                    Kind::Folder => "is not a folder".to_owned(),
                }));
            }
        }
        Ok(None)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::DirBuilder::new().mode(0o750).create(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o640).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }
}

impl WriteFile for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

impl ReadFile for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, out, offset)
    }
}

impl Lock for File {}
