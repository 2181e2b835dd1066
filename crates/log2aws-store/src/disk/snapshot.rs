//! A snapshot of a data folder, made while a server uses it.
//!
//! It only reads, so it needs no lock. A stored file is never changed in place: a hard link to it
//! is the whole object for ever. Raw logs are taken after results, so that no result is newer
//! than its log; what is older is found by the scan at the start of whoever serves the snapshot.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::fs::{FileSystem, OsFileSystem};
use super::layout;

/// The files beside the buckets that a snapshot holds: the format, and the keys.
const KEPT: [&str; 9] = [
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

/// The folder of files that grow: they are copied, because a link would grow with them.
const AUDIT: &str = "audit";

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It is no data folder, or one of a newer program.
    #[error(transparent)]
    Source(#[from] super::OpenError),
    /// It would be mixed with something else.
    #[error("{} exists already; name a folder that does not", .0.display())]
    Exists(PathBuf),
    /// It would hold itself.
    #[error("{} lies in the data folder; name a folder outside of it", .0.display())]
    Inside(PathBuf),
    /// The operating system refused.
    #[error("{what} {} failed", .path.display())]
    Io {
        /// What was being done.
        what: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// The refusal.
        #[source]
        source: io::Error,
    },
}

/// What a snapshot holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Files that share their blocks with the data folder.
    pub linked: u64,
    /// Files that were copied.
    pub copied: u64,
}

/// Makes a snapshot of the data folder `root` in `to`, which must not exist. Bodies are linked
/// where both are on one file system, else copied; the key files are copied. `to` has its final
/// name only when it is whole.
///
/// # Errors
/// [`SnapshotError`]; what was made by then lies in a folder `to.partial`.
pub fn snapshot(root: &Path, to: &Path) -> Result<Snapshot, SnapshotError> {
    let fs = &OsFileSystem;
    layout::check_format(fs, root)?;
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
    fs.create_dir(&partial).map_err(|e| failed("making", &partial, e))?;
    let mut made = Snapshot::default();
    for name in KEPT {
        let from = root.join(name);
        match std::fs::copy(&from, partial.join(name)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            done => {
                done.map_err(|e| failed("copying", &from, e))?;
                made.copied += 1;
            }
        }
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
    fs.create_dir(&target).map_err(|e| failed("making", &target, e))?;
    for name in names {
        let (from, to) = (buckets.join(&name), target.join(&name));
        take(fs, &from, &to, &mut made)?;
        // A put renames the body that it replaces: the first pass may have seen neither name.
        take(fs, &from, &to, &mut made)?;
    }
    for folder in [&target, &partial] {
        fs.sync_dir(folder).map_err(|e| failed("syncing", folder, e))?;
    }
    fs.rename(&partial, to).map_err(|e| failed("renaming", &partial, e))?;
    fs.sync_dir(above).map_err(|e| failed("syncing", above, e))?;
    Ok(made)
}

/// Links or copies what `to` has not yet.
fn take(
    fs: &dyn FileSystem,
    from: &Path,
    to: &Path,
    made: &mut Snapshot,
) -> Result<(), SnapshotError> {
    let entries = match fs.read_dir(from) {
        // Pruned meanwhile.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|e| failed("reading", from, e))?,
    };
    match fs.create_dir(to) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        done => done.map_err(|e| failed("making", to, e))?,
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

/// Copies the audit log, each file with its mode.
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
    fs.create_dir(&to).map_err(|e| failed("making", &to, e))?;
    for entry in entries {
        let entry = entry.map_err(|e| failed("reading", &from, e))?;
        let file = from.join(&entry.name);
        match std::fs::copy(&file, to.join(&entry.name)) {
            // Removed by age meanwhile.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            done => {
                done.map_err(|e| failed("copying", &file, e))?;
                made.copied += 1;
            }
        }
    }
    fs.sync_dir(&to).map_err(|e| failed("syncing", &to, e))
}

/// Copies a file; `false` if it has gone meanwhile.
fn copy(fs: &dyn FileSystem, from: &Path, to: &Path) -> Result<bool, SnapshotError> {
    // An open file stays what it is, whatever takes its name.
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
