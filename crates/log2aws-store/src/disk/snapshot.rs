//! A snapshot of a data folder, taken while a server uses it.
//!
//! It only reads, so it needs no lock. A stored file is never modified in place, so a hard link to
//! it keeps the whole object. Raw logs are taken after results, so that no result is newer than its
//! log; results that are older are found by the startup scan of a server on the snapshot.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::OpenError;
use super::fs::{FileSystem, OsFileSystem};
use super::layout::{self, AUDIT};

/// The files beside the buckets that a snapshot holds: the format, the alerts, and the keys.
const KEPT: [&str; 10] = [
    "alerts.json",
    "format",
    "credentials",
    "credentials.env",
    "dashboard-logouts",
    "dashboard-session-key",
    "dashboard-token",
    "dashboard-tokens.json",
    "metrics-token",
    "signing-key",
];

/// Why a snapshot failed.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The source is not a data folder.
    #[error("{} {why}: name the data folder of serve by --data-dir", .root.display())]
    NotDataFolder {
        /// The source.
        root: PathBuf,
        /// What it is instead.
        why: &'static str,
    },
    /// The data folder cannot be read, or was written by a newer program.
    #[error(transparent)]
    Source(#[from] OpenError),
    /// The target exists.
    #[error("{} exists already; name a folder that does not", .0.display())]
    Exists(PathBuf),
    /// The target is inside the source.
    #[error("{} lies in the data folder; name a folder outside of it", .0.display())]
    Inside(PathBuf),
    /// The operating system reported an error.
    #[error("{what} {} failed", .path.display())]
    Io {
        /// The operation.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

/// What a snapshot contains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Files that share their blocks with the data folder.
    pub linked: u64,
    /// Files that were copied.
    pub copied: u64,
}

/// Takes a snapshot of the data folder `root` in `to`, which must not exist. Bodies are hard-linked
/// if both are on one file system, else copied; the key files are copied. `to` gets its final name
/// when it is complete.
///
/// # Errors
/// [`SnapshotError`]; an incomplete snapshot is left in a folder `to.partial`.
pub fn snapshot(root: &Path, to: &Path) -> Result<Snapshot, SnapshotError> {
    let fs = &OsFileSystem;
    check_source(fs, root)?;
    let partial = partial(to);
    for path in [to, &partial] {
        if path.symlink_metadata().is_ok() {
            return Err(SnapshotError::Exists(path.to_owned()));
        }
    }
    let above = to.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let canonical = |path: &Path| path.canonicalize().map_err(|e| failed("reading", path, e));
    if canonical(above)?.starts_with(canonical(root)?) {
        return Err(SnapshotError::Inside(to.to_owned()));
    }
    make_like(fs, root, &partial)?;
    let mut made = Snapshot::default();
    for name in KEPT {
        let from = root.join(name);
        made.copied += copy_with_mode(&from, &partial.join(name))?;
    }
    copy_audit(fs, root, &partial, &mut made)?;
    let buckets = root.join("buckets");
    let mut names = Vec::new();
    for entry in fs.read_dir(&buckets).map_err(|e| failed("reading", &buckets, e))? {
        let entry = entry.map_err(|e| failed("reading", &buckets, e))?;
        if entry.is_dir {
            names.push(entry.name);
        }
    }
    // "analyzedlogs-…" before "serverlogs-…".
    names.sort();
    let target = partial.join("buckets");
    make_like(fs, &buckets, &target)?;
    for name in names {
        let (from, to) = (buckets.join(&name), target.join(&name));
        take(fs, &from, &to, &mut made)?;
        // A put renames the body that it replaces: the first pass may have missed both names.
        take(fs, &from, &to, &mut made)?;
    }
    for folder in [&target, &partial] {
        fs.sync_dir(folder).map_err(|e| failed("syncing", folder, e))?;
    }
    fs.rename(&partial, to).map_err(|e| failed("renaming", &partial, e))?;
    fs.sync_dir(above).map_err(|e| failed("syncing", above, e))?;
    Ok(made)
}

/// Refuses a source that is not a data folder.
fn check_source(fs: &dyn FileSystem, root: &Path) -> Result<(), SnapshotError> {
    let not = |why| Err(SnapshotError::NotDataFolder { root: root.to_owned(), why });
    match root.metadata() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return not("does not exist"),
        Err(e) => return Err(failed("reading", root, e)),
        Ok(meta) if !meta.is_dir() => return not("is not a folder"),
        Ok(_) => {}
    }
    match layout::check_format(fs, root) {
        Err(OpenError::NotOurs { .. }) => {}
        checked => return Ok(checked?),
    }
    let mut entries = fs.read_dir(root).map_err(|e| failed("reading", root, e))?;
    if entries.next().is_none() {
        return not("is empty");
    }
    not("is not a data folder of log2aws (it has no `format` file)")
}

/// Links or copies what `to` does not have yet.
fn take(
    fs: &dyn FileSystem,
    from: &Path,
    to: &Path,
    made: &mut Snapshot,
) -> Result<(), SnapshotError> {
    let entries = match fs.read_dir(from) {
        // Pruned in the meantime.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|e| failed("reading", from, e))?,
    };
    if !fs.exists(to).map_err(|e| failed("reading", to, e))? {
        match make_like(fs, from, to) {
            // Pruned in the meantime.
            Err(SnapshotError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(());
            }
            done => done?,
        }
    }
    for entry in entries {
        let entry = entry.map_err(|e| failed("reading", from, e))?;
        let (from, to) = (from.join(&entry.name), to.join(&entry.name));
        if entry.is_dir {
            take(fs, &from, &to, made)?;
            continue;
        }
        match fs.hard_link(&from, &to) {
            Ok(()) => made.linked += 1,
            Err(e)
                if matches!(e.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound) => {}
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::CrossesDevices
                        | io::ErrorKind::PermissionDenied
                        | io::ErrorKind::Unsupported
                ) =>
            {
                made.copied += u64::from(copy(fs, &from, &to)?);
            }
            Err(e) => return Err(failed("linking", &from, e)),
        }
    }
    fs.sync_dir(to).map_err(|e| failed("syncing", to, e))
}

/// Creates the folder `to` with the mode of `from`: nobody can read more in the copy. This process can
/// always write into it.
fn make_like(fs: &dyn FileSystem, from: &Path, to: &Path) -> Result<(), SnapshotError> {
    let like = std::fs::metadata(from).map_err(|e| failed("reading", from, e))?;
    fs.create_dir(to).map_err(|e| failed("making", to, e))?;
    let mode = Permissions::from_mode(like.permissions().mode() & 0o777 | 0o700);
    std::fs::set_permissions(to, mode).map_err(|e| failed("making", to, e))
}

/// Copies the audit log. Its files grow, and a hard link would grow too.
fn copy_audit(
    fs: &dyn FileSystem,
    root: &Path,
    partial: &Path,
    made: &mut Snapshot,
) -> Result<(), SnapshotError> {
    let (from, to) = (root.join(AUDIT), partial.join(AUDIT));
    let entries = match fs.read_dir(&from) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|e| failed("reading", &from, e))?,
    };
    make_like(fs, &from, &to)?;
    for entry in entries {
        let entry = entry.map_err(|e| failed("reading", &from, e))?;
        // A link, a pipe or a folder is no part of the log.
        let is_file = |found: std::fs::Metadata| found.is_file();
        if !from.join(&entry.name).symlink_metadata().is_ok_and(is_file) {
            continue;
        }
        made.copied += copy_with_mode(&from.join(&entry.name), &to.join(&entry.name))?;
    }
    fs.sync_dir(&to).map_err(|e| failed("syncing", &to, e))
}

/// Copies a file with its mode, because others must not read keys and audit log, and syncs it. Returns
/// the number of files copied: none if it is gone.
fn copy_with_mode(from: &Path, to: &Path) -> Result<u64, SnapshotError> {
    match std::fs::copy(from, to) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(0),
        done => done.map_err(|e| failed("copying", from, e))?,
    };
    let synced = std::fs::File::open(to).and_then(|file| file.sync_all());
    synced.map_err(|e| failed("syncing", to, e))?;
    Ok(1)
}

/// Copies a file; `false` if it is gone.
fn copy(fs: &dyn FileSystem, from: &Path, to: &Path) -> Result<bool, SnapshotError> {
    // An open file keeps its content even if its name is replaced.
    let file = match fs.open(from) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        file => file.map_err(|e| failed("reading", from, e))?,
    };
    let mut target = match fs.create_new(to) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        target => target.map_err(|e| failed("writing", to, e))?,
    };
    let (mut buffer, mut at) = (vec![0; 256 * 1024], 0);
    loop {
        let read = file.read_at(&mut buffer, at).map_err(|e| failed("reading", from, e))?;
        if read == 0 {
            break;
        }
        target.write_all(&buffer[..read]).map_err(|e| failed("writing", to, e))?;
        at += read as u64;
    }
    target.sync().map_err(|e| failed("syncing", to, e))?;
    Ok(true)
}

fn partial(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

fn failed(what: &'static str, path: &Path, source: io::Error) -> SnapshotError {
    SnapshotError::Io { what, path: path.to_owned(), source }
}
