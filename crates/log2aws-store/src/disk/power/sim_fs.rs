//! The store's [`FileSystem`] over a [`SimDisk`].

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::super::fs::{DirEntries, DirEntry, FileStat, FileSystem, Lock, ReadFile, WriteFile};
use super::sim_disk::{DirNode, FileNode, Ino, Node, SimDisk};

/// Called after each operation that changes the disk.
pub(crate) trait Observer: Send + Sync {
    fn changed(&self, disk: &SimFs);
}

/// A simulated disk with an observer.
pub(crate) struct SimFs {
    disk: Mutex<SimDisk>,
    observer: Option<Arc<dyn Observer>>,
    myself: Weak<Self>,
    /// The operations so far, for finding out why a check failed.
    pub(crate) log: Mutex<Vec<String>>,
}

impl SimFs {
    pub(crate) fn new(disk: SimDisk, observer: Option<Arc<dyn Observer>>) -> Arc<Self> {
        Arc::new_cyclic(|myself| Self {
            disk: Mutex::new(disk),
            observer,
            myself: myself.clone(),
            log: Mutex::default(),
        })
    }

    pub(crate) fn disk(&self) -> MutexGuard<'_, SimDisk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn change<T>(
        &self,
        what: impl FnOnce() -> String,
        change: impl FnOnce(&mut SimDisk) -> io::Result<T>,
    ) -> io::Result<T> {
        let done = change(&mut self.disk());
        if let Some(observer) = &self.observer
            && done.is_ok()
        {
            self.log.lock().unwrap_or_else(PoisonError::into_inner).push(what());
            observer.changed(self);
        }
        done
    }

    fn myself(&self) -> Arc<Self> {
        self.myself.upgrade().unwrap()
    }
}

impl fmt::Debug for SimFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimFs")
    }
}

impl FileSystem for SimFs {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        let ino = self.change(
            || format!("create {}", path.display()),
            |disk| {
                let (dir, name) = disk.parent(path)?;
                disk.create(dir, &name, Node::File(FileNode::default()))
            },
        )?;
        Ok(Box::new(SimFile { fs: self.myself(), ino, at: 0 }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadFile>> {
        let ino = self.disk().resolve(path)?;
        Ok(Box::new(SimFile { fs: self.myself(), ino, at: 0 }))
    }

    fn read_dir(&self, path: &Path) -> io::Result<DirEntries> {
        let disk = self.disk();
        let dir = disk.dir(disk.resolve(path)?)?;
        let entry = |(name, ino): (&String, &Ino)| {
            let is_dir = disk.dir(*ino).is_ok();
            Ok(DirEntry { name: name.into(), is_dir })
        };
        Ok(Box::new(dir.names.iter().map(entry).collect::<Vec<_>>().into_iter()))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        Ok(self.disk().resolve(path).is_ok())
    }

    fn stat(&self, path: &Path) -> io::Result<Option<FileStat>> {
        let disk = self.disk();
        let Ok(ino) = disk.resolve(path) else { return Ok(None) };
        let size = disk.file(ino)?.bytes.len() as u64;
        Ok(Some(FileStat { inode: ino, size, modified: 0, changed: 0 }))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.change(
            || format!("mkdir {}", path.display()),
            |disk| {
                let (dir, name) = disk.parent(path)?;
                disk.create(dir, &name, Node::Dir(DirNode::default())).map(drop)
            },
        )
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(
            || format!("rename {} {}", from.display(), to.display()),
            |disk| {
                let (from, to) = (disk.parent(from)?, disk.parent(to)?);
                disk.rename((from.0, &from.1), (to.0, &to.1))
            },
        )
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(
            || format!("link {} {}", from.display(), to.display()),
            |disk| {
                let (ino, to) = (disk.resolve(from)?, disk.parent(to)?);
                disk.link(ino, to.0, &to.1)
            },
        )
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.change(
            || format!("unlink {}", path.display()),
            |disk| {
                let (dir, name) = disk.parent(path)?;
                disk.unlink(dir, &name)
            },
        )
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.change(
            || format!("rmdir {}", path.display()),
            |disk| {
                let (dir, name) = disk.parent(path)?;
                disk.rmdir(dir, &name)
            },
        )
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.change(
            || format!("sync {}", path.display()),
            |disk| {
                let ino = disk.resolve(path)?;
                disk.sync(ino)
            },
        )
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        if !self.exists(path)? {
            self.create_new(path)?;
        }
        Ok(Some(Box::new(SimLock)))
    }
}

#[derive(Debug)]
struct SimLock;

impl Lock for SimLock {}

#[derive(Debug)]
struct SimFile {
    fs: Arc<SimFs>,
    ino: Ino,
    at: usize,
}

impl Write for SimFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (ino, at) = (self.ino, self.at);
        self.fs.change(
            || format!("write #{ino} {at}+{}", bytes.len()),
            |disk| disk.write(ino, at, bytes),
        )?;
        self.at += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl WriteFile for SimFile {
    fn sync(&mut self) -> io::Result<()> {
        let ino = self.ino;
        self.fs.change(|| format!("sync #{ino}"), |disk| disk.sync(ino))
    }
}

impl ReadFile for SimFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.fs.disk().file(self.ino)?.bytes.len() as u64)
    }

    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<usize> {
        let disk = self.fs.disk();
        let bytes = &disk.file(self.ino)?.bytes;
        let begin = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let rest = &bytes[begin..];
        let read = rest.len().min(out.len());
        out[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }
}
