//! A disk that hangs, or whose fsync fails: a FUSE file system with one folder of files in memory.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem,
    FopenFlags, Generation, INodeNo, LockOwner, OpenFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyWrite, Request, Session, TimeOrNow, WriteFlags,
};

/// Nothing is cached.
const TTL: Duration = Duration::ZERO;

/// What is wrong with the disk, and what it was asked for.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    hangs: Mutex<bool>,
    changed: Condvar,
    pub(crate) fails_syncs: AtomicBool,
    pub(crate) syncs: AtomicU64,
}

impl Faults {
    /// Lets every write and fsync wait until the result is dropped. A process whose write waits
    /// cannot be killed: the result must be dropped before it is waited for.
    pub(crate) fn hang(self: &Arc<Self>) -> Hang {
        self.set_hangs(true);
        Hang(self.clone())
    }

    fn set_hangs(&self, hangs: bool) {
        *self.hangs.lock().unwrap() = hangs;
        self.changed.notify_all();
    }

    fn wait(&self) {
        let hangs = self.hangs.lock().unwrap();
        drop(self.changed.wait_while(hangs, |hangs| *hangs).unwrap());
    }
}

/// While it exists, the disk hangs.
pub(crate) struct Hang(Arc<Faults>);

impl Drop for Hang {
    fn drop(&mut self) {
        self.0.set_hangs(false);
    }
}

/// A mounted disk.
pub(crate) struct FaultyDisk {
    pub(crate) faults: Arc<Faults>,
    session: Option<BackgroundSession>,
}

impl FaultyDisk {
    /// Mounts an empty disk on a folder.
    pub(crate) fn mount(at: &Path) -> std::io::Result<Self> {
        let faults = Arc::new(Faults::default());
        let files = Files { faults: faults.clone(), files: Mutex::default() };
        let session = Session::new(files, at, &Config::default())?.spawn()?;
        Ok(Self { faults, session: Some(session) })
    }
}

impl Drop for FaultyDisk {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            let _ = session.umount_and_join();
        }
    }
}

/// Runs a test that mounts such a disk; where that is impossible, the skip is reported.
pub(crate) fn with_own_mounts(name: &str, run: impl FnOnce()) {
    let probe = || FaultyDisk::mount(tempfile::tempdir()?.path()).map(drop);
    log2aws_skip::with_own_mounts(name, probe, run);
}

struct Files {
    faults: Arc<Faults>,
    /// The files by inode; the folder is inode 1.
    files: Mutex<BTreeMap<u64, (String, Vec<u8>)>>,
}

impl Files {
    fn files(&self) -> MutexGuard<'_, BTreeMap<u64, (String, Vec<u8>)>> {
        self.files.lock().unwrap()
    }

    fn attr(&self, ino: u64) -> Option<FileAttr> {
        let (kind, size, perm) = if ino == 1 {
            (FileType::Directory, 0, 0o700)
        } else {
            (FileType::RegularFile, self.files().get(&ino)?.1.len() as u64, 0o600)
        };
        Some(FileAttr {
            ino: INodeNo(ino),
            size,
            blocks: 0,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind,
            perm,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        })
    }

    fn reply_attr(&self, ino: INodeNo, reply: ReplyAttr) {
        match self.attr(ino.0) {
            Some(attr) => reply.attr(&TTL, &attr),
            None => reply.error(Errno::ENOENT),
        }
    }
}

impl Filesystem for Files {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let is_it = |(_, (known, _)): &(&u64, &(String, Vec<u8>))| name == OsStr::new(known);
        let ino = self.files().iter().find(is_it).map(|(ino, _)| *ino);
        match ino.and_then(|ino| self.attr(ino)) {
            Some(attr) => reply.entry(&TTL, &attr, Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        self.reply_attr(ino, reply);
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<std::time::SystemTime>,
        _fh: Option<FileHandle>,
        _crtime: Option<std::time::SystemTime>,
        _chgtime: Option<std::time::SystemTime>,
        _bkuptime: Option<std::time::SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        if let (Some(size), Some((_, bytes))) = (size, self.files().get_mut(&ino.0)) {
            bytes.resize(usize::try_from(size).unwrap(), 0);
        }
        self.reply_attr(ino, reply);
    }

    fn create(
        &self,
        _: &Request,
        _parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let mut files = self.files();
        let ino = files.keys().next_back().map_or(2, |last| last + 1);
        files.insert(ino, (name.to_str().unwrap().to_owned(), Vec::new()));
        drop(files);
        let attr = self.attr(ino).unwrap();
        reply.created(&TTL, &attr, Generation(0), FileHandle(0), FopenFlags::empty());
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let files = self.files();
        let bytes = &files[&ino.0].1;
        let begin = usize::try_from(offset).unwrap().min(bytes.len());
        let end = (begin + usize::try_from(size).unwrap()).min(bytes.len());
        reply.data(&bytes[begin..end]);
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        self.faults.wait();
        let mut files = self.files();
        let bytes = &mut files.get_mut(&ino.0).unwrap().1;
        let begin = usize::try_from(offset).unwrap();
        bytes.resize(bytes.len().max(begin + data.len()), 0);
        bytes[begin..begin + data.len()].copy_from_slice(data);
        reply.written(u32::try_from(data.len()).unwrap());
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _data: bool, reply: ReplyEmpty) {
        self.faults.wait();
        self.faults.syncs.fetch_add(1, Ordering::SeqCst);
        if self.faults.fails_syncs.load(Ordering::SeqCst) {
            reply.error(Errno::EIO);
        } else {
            reply.ok();
        }
    }

    fn readdir(
        &self,
        _: &Request,
        _: INodeNo,
        _fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let files = self.files();
        let skipped = usize::try_from(offset).unwrap();
        for (at, (ino, (name, _))) in files.iter().enumerate().skip(skipped) {
            if reply.add(INodeNo(*ino), at as u64 + 1, FileType::RegularFile, name) {
                break;
            }
        }
        reply.ok();
    }
}
