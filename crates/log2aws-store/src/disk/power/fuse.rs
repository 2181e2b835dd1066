//! The power-cut test over a kernel file system: the simulated disk, mounted.
//!
//! Here the store runs with its real system calls, so an `fsync` that never reaches the disk shows
//! up here and nowhere else.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyWrite, Request, Session, TimeOrNow, WriteFlags,
};

use super::super::DiskStore;
use super::model::Model;
use super::sim_disk::{DirNode, ENOENT, FileNode, Ino, Node, SimDisk, errno};
use super::sim_fs::{Observer, SimFs};
use super::workload::{Ticking, Worker, specs};
use super::{GENERATIONS, any_survival};
use fastrand::Rng;

const NAME: &str =
    "disk::power::fuse::what_was_acknowledged_outlives_a_power_cut_of_a_mounted_disk";
const STEPS: usize = 40;
/// The kernel caches nothing.
const TTL: Duration = Duration::ZERO;

/// A disk as the kernel sees it.
struct Mounted(Arc<SimFs>);

impl Mounted {
    fn mount(self, at: &Path) -> io::Result<BackgroundSession> {
        Session::new(self, at, &Config::default())?.spawn()
    }

    fn attr(&self, ino: Ino) -> io::Result<FileAttr> {
        let (kind, size) = match self.0.disk().node(ino)? {
            Node::File(file) => (FileType::RegularFile, file.bytes.len() as u64),
            Node::Dir(_) => (FileType::Directory, 0),
        };
        Ok(FileAttr {
            ino: INodeNo(ino),
            size,
            blocks: 0,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind,
            perm: 0o750,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        })
    }

    fn change<T>(
        &self,
        what: &str,
        name: &OsStr,
        change: impl FnOnce(&mut SimDisk, &str) -> io::Result<T>,
    ) -> io::Result<T> {
        let name = name.to_str().ok_or_else(|| errno(ENOENT))?;
        self.0.change(|| format!("{what} {name}"), |disk| change(disk, name))
    }

    fn entry(&self, found: io::Result<Ino>, reply: ReplyEntry) {
        match found.and_then(|ino| self.attr(ino)) {
            Ok(attr) => reply.entry(&TTL, &attr, Generation(0)),
            Err(e) => reply.error(e.into()),
        }
    }

    fn sync(&self, ino: INodeNo, reply: ReplyEmpty) {
        empty(self.0.change(|| format!("sync #{}", ino.0), |disk| disk.sync(ino.0)), reply);
    }
}

fn empty(done: io::Result<()>, reply: ReplyEmpty) {
    match done {
        Ok(()) => reply.ok(),
        Err(e) => reply.error(e.into()),
    }
}

impl Filesystem for Mounted {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = self.0.disk().lookup(parent.0, &name.to_string_lossy());
        self.entry(found, reply);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attr(ino.0) {
            Ok(attr) => reply.attr(&TTL, &attr),
            Err(e) => reply.error(e.into()),
        }
    }

    fn setattr(
        &self,
        request: &Request,
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
        _flags: Option<fuser::BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        match size {
            // The store never truncates a file.
            Some(_) => reply.error(Errno::ENOSYS),
            None => self.getattr(request, ino, None, reply),
        }
    }

    fn mkdir(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        let made = self.change("mkdir", name, |disk, name| {
            disk.create(parent.0, name, Node::Dir(DirNode::default()))
        });
        self.entry(made, reply);
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(self.change("unlink", name, |disk, name| disk.unlink(parent.0, name)), reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(self.change("rmdir", name, |disk, name| disk.rmdir(parent.0, name)), reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        to: INodeNo,
        new_name: &OsStr,
        _flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let new_name = new_name.to_string_lossy();
        let done = self
            .change("rename", name, |disk, name| disk.rename((parent.0, name), (to.0, &new_name)));
        empty(done, reply);
    }

    fn link(&self, _: &Request, ino: INodeNo, to: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let linked = self.change("link", name, |disk, name| disk.link(ino.0, to.0, name));
        self.entry(linked.map(|()| ino.0), reply);
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let made = self.change("create", name, |disk, name| {
            disk.create(parent.0, name, Node::File(FileNode::default()))
        });
        match made.and_then(|ino| self.attr(ino)) {
            Ok(attr) => {
                reply.created(&TTL, &attr, Generation(0), FileHandle(0), FopenFlags::empty());
            }
            Err(e) => reply.error(e.into()),
        }
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
        match self.0.disk().file(ino.0) {
            Ok(file) => {
                let begin = usize::try_from(offset).unwrap().min(file.bytes.len());
                let end = (begin + usize::try_from(size).unwrap()).min(file.bytes.len());
                reply.data(&file.bytes[begin..end]);
            }
            Err(e) => reply.error(e.into()),
        }
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
        let at = usize::try_from(offset).unwrap();
        let what = || format!("write #{} {at}+{}", ino.0, data.len());
        match self.0.change(what, |disk| disk.write(ino.0, at, data)) {
            Ok(()) => reply.written(u32::try_from(data.len()).unwrap()),
            Err(e) => reply.error(e.into()),
        }
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _data: bool, reply: ReplyEmpty) {
        self.sync(ino, reply);
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _data: bool, reply: ReplyEmpty) {
        self.sync(ino, reply);
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let disk = self.0.disk();
        let names = match disk.dir(ino.0) {
            Ok(dir) => &dir.names,
            Err(e) => return reply.error(e.into()),
        };
        for (at, (name, ino)) in names.iter().enumerate().skip(usize::try_from(offset).unwrap()) {
            let is_dir = disk.dir(*ino).is_ok();
            let kind = if is_dir { FileType::Directory } else { FileType::RegularFile };
            if reply.add(INodeNo(*ino), at as u64 + 1, kind, name) {
                break;
            }
        }
        reply.ok();
    }
}

/// Copies the disk, as a power cut would leave it, after some of the operations.
struct Sampler {
    model: Arc<Mutex<Model>>,
    rng: Mutex<Rng>,
    kept: Mutex<Vec<(String, SimDisk, Model)>>,
}

impl Observer for Sampler {
    fn changed(&self, fs: &SimFs) {
        let model = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        if rng.u64(..8) != 0 {
            return;
        }
        let survival = any_survival(&mut rng);
        let left = fs.disk().after_power_cut(survival, &mut rng);
        let log = fs.log.lock().unwrap_or_else(PoisonError::into_inner);
        let about = format!("{survival:?}, after {:?}", log.last());
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push((about, left, model.clone()));
    }
}

fn open(at: &Path, clock: &Arc<Ticking>) -> Result<DiskStore, String> {
    let clock = Arc::clone(clock);
    DiskStore::open(&at.join("data"), &specs(), clock).map_err(|e| format!("not opened: {e:?}"))
}

/// Puts and deletes on a mounted disk, then mounts what power cuts left of it, and compares.
fn cut_the_power_of_a_mounted_disk() {
    let home = tempfile::tempdir().unwrap();
    let clock = Ticking::new();
    let seed = super::number("LOG2AWS_POWER_SEED", 20_190_801);
    let mut rng = Rng::with_seed(seed);
    let (mut disk, mut before) = (SimDisk::new(), Model::default());
    let mut cuts = 0;
    for _ in 0..GENERATIONS {
        let model = Arc::new(Mutex::new(before.clone()));
        let sampler = Arc::new(Sampler {
            model: Arc::clone(&model),
            rng: Mutex::new(Rng::with_seed(rng.u64(..))),
            kept: Mutex::default(),
        });
        let fs = SimFs::new(disk.clone(), Some(Arc::<Sampler>::clone(&sampler)));
        let session = Mounted(fs).mount(home.path()).unwrap();
        let store = open(home.path(), &clock).unwrap();
        let found = model.lock().unwrap().check(&store).unwrap();
        *model.lock().unwrap() = found;
        let random = Rng::with_seed(rng.u64(..));
        let mut worker =
            Worker { store: &store, model: &model, rng: random, number: 0, alone: true };
        (0..STEPS).for_each(|_| worker.step());
        drop(store);
        session.umount_and_join().unwrap();

        let kept = std::mem::take(&mut *sampler.kept.lock().unwrap());
        cuts += kept.len();
        for (about, left, model) in kept {
            let session = Mounted(SimFs::new(left.clone(), None)).mount(home.path()).unwrap();
            let store = open(home.path(), &clock);
            let outcome = store.and_then(|store| model.check(&store));
            session.umount_and_join().unwrap();
            outcome.unwrap_or_else(|why| panic!("seed {seed}, {about}: {why}"));
            (disk, before) = (left, model);
        }
    }
    assert!(cuts > 50, "the power was cut {cuts} times only");
    println!("the power of a mounted disk was cut {cuts} times");
}

#[test]
fn what_was_acknowledged_outlives_a_power_cut_of_a_mounted_disk() {
    let probe = || {
        let disk = Mounted(SimFs::new(SimDisk::new(), None));
        disk.mount(tempfile::tempdir()?.path())?.umount_and_join()
    };
    log2aws_skip::with_own_mounts(NAME, probe, cut_the_power_of_a_mounted_disk);
}
