//! The state of a folder. It is queried and never tried out, because the doctor writes nothing.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, StatVfsMountFlags, access, statfs, statvfs};

use crate::spool::reserve;

/// From `statfs(2)`: file systems in memory.
const TMPFS: u64 = 0x0102_1994;
const RAMFS: u64 = 0x8584_58f6;

/// A folder, and the user who checks it.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) state: State,
}

/// The state of a folder.
#[derive(Debug)]
pub(crate) enum State {
    /// It does not exist; may we create it?
    Missing { may_make: bool },
    /// There is something else with its name.
    NotAFolder,
    /// Its state is unknown.
    Unknown(io::Error),
    /// It exists.
    There(Disk, Owner),
}

/// The owner of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owner {
    /// A user id.
    pub(crate) of: u32,
    /// A file in it with another owner: its name and the owner's id.
    pub(crate) foreign_file: Option<(OsString, u32)>,
    /// The disk reserve was used up on a full disk.
    pub(crate) no_reserve: bool,
}

/// Who may add files to a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writers {
    /// We may, and perhaps others.
    We,
    /// We may not.
    Others,
    /// The file system is mounted read-only.
    Nobody,
}

/// The disk of an existing folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Disk {
    /// Who may add files.
    pub(crate) writers: Writers,
    /// It is lost on reboot.
    pub(crate) in_memory: bool,
    /// Free bytes that we may use.
    pub(crate) free: u64,
    /// There are no free inodes.
    pub(crate) no_inodes: bool,
}

pub(crate) fn inspect(path: &Path) -> Folder {
    let state = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => match disk(path) {
            Ok(disk) => State::There(disk, owner(path, found.uid())),
            Err(error) => State::Unknown(error),
        },
        Ok(_) => State::NotAFolder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            State::Missing { may_make: may_make(path) }
        }
        Err(error) => State::Unknown(error),
    };
    Folder { path: path.to_owned(), state }
}

/// Whether the nearest existing parent lets us create a folder.
fn may_make(path: &Path) -> bool {
    let above = path.ancestors().skip(1).find(|folder| folder.exists());
    above.is_some_and(|folder| disk(folder).is_ok_and(|disk| disk.writers == Writers::We))
}

fn owner(path: &Path, of: u32) -> Owner {
    let entries = fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
    let unknown_files = entries.filter_map(|entry| {
        let uid = entry.metadata().ok()?.uid();
        (uid != of).then(|| (entry.file_name(), uid))
    });
    Owner {
        of,
        // The last by name, which among day logs is the newest.
        foreign_file: unknown_files.max(),
        no_reserve: path.join("deliveries").is_dir() && !reserve::path(path).exists(),
    }
}

fn disk(path: &Path) -> io::Result<Disk> {
    let (kind, space) = (statfs(path)?.f_type, statvfs(path)?);
    #[expect(clippy::cast_sign_loss, reason = "a magic number, whatever the sign")]
    let kind = kind as u64;
    Ok(Disk {
        writers: if space.f_flag.contains(StatVfsMountFlags::RDONLY) {
            Writers::Nobody
        } else if access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok() {
            Writers::We
        } else {
            Writers::Others
        },
        in_memory: kind == TMPFS || kind == RAMFS,
        free: space.f_bavail.saturating_mul(space.f_frsize),
        // Some file systems do not count inodes and report none at all.
        no_inodes: space.f_files > 0 && space.f_favail == 0,
    })
}
