//! What a folder is like. Asked of the system, never tried: the doctor writes nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, StatVfsMountFlags, access, statfs, statvfs};

/// Of `statfs(2)`: file systems that are gone with the machine's memory.
const TMPFS: u64 = 0x0102_1994;
const RAMFS: u64 = 0x8584_58f6;

/// A folder, and who looks at it.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) state: State,
}

/// How it stands with a folder.
#[derive(Debug)]
pub(crate) enum State {
    /// It is not there; may we make it?
    Missing { may_make: bool },
    /// Something else has its name.
    NotAFolder,
    /// It cannot be looked at.
    Unknown(io::Error),
    /// It is there.
    There(Disk),
}

/// A folder that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Disk {
    /// We may add files.
    pub(crate) writable: bool,
    /// Nobody may: the file system is mounted read-only.
    pub(crate) read_only: bool,
    /// It is gone after a reboot.
    pub(crate) in_memory: bool,
    /// Bytes that we may still write.
    pub(crate) free: u64,
    /// No file can be added for want of inodes.
    pub(crate) no_inodes: bool,
}

pub(crate) fn look(path: &Path) -> Folder {
    let state = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => disk(path).map_or_else(State::Unknown, State::There),
        Ok(_) => State::NotAFolder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            State::Missing { may_make: may_make(path) }
        }
        Err(error) => State::Unknown(error),
    };
    Folder { path: path.to_owned(), state }
}

/// Whether the nearest folder above that exists lets us add one.
fn may_make(path: &Path) -> bool {
    let above = path.ancestors().skip(1).find(|folder| folder.exists());
    above.is_some_and(|folder| disk(folder).is_ok_and(|disk| disk.writable && !disk.read_only))
}

fn disk(path: &Path) -> io::Result<Disk> {
    let (kind, space) = (statfs(path)?.f_type, statvfs(path)?);
    #[expect(clippy::cast_sign_loss, reason = "a magic number, whatever the sign")]
    let kind = kind as u64;
    Ok(Disk {
        writable: access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok(),
        read_only: space.f_flag.contains(StatVfsMountFlags::RDONLY),
        in_memory: kind == TMPFS || kind == RAMFS,
        free: space.f_bavail.saturating_mul(space.f_frsize),
        // Some file systems do not count them, and say that there are none at all.
        no_inodes: space.f_files > 0 && space.f_favail == 0,
    })
}
