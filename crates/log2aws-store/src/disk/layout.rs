//! The data folder: its owner, its lock and its format.

use std::io::{self, Write as _};
use std::path::Path;

use super::error::OpenError;
use super::fs::{FileSystem, Kind, Lock};

/// The folder of the audit log.
pub(crate) const AUDIT: &str = "audit";

/// The suffix of the audit log's files.
const AUDIT_SUFFIX: &str = ".jsonl";

/// The content of the `format` file before the number.
const FORMAT: &str = "log2aws-data ";

/// Upgrades a data folder from one format to the next. After a crash it runs again, so it must be
/// able to continue from any point.
pub(crate) type Upgrade = fn(&dyn FileSystem, &Path) -> io::Result<()>;

/// The upgrades to the current format: step `i` leads from format `i + 1` to `i + 2`.
pub(crate) const UPGRADES: &[Upgrade] = &[];

/// Opens the data folder `root`: creates it if needed, refuses a foreign one, locks it, upgrades
/// it, and empties its staging folder. The lock is held until it is dropped.
pub(crate) fn open_data_dir(
    fs: &dyn FileSystem,
    root: &Path,
    upgrades: &[Upgrade],
    buckets: &[&str],
) -> Result<Box<dyn Lock>, OpenError> {
    // The name of a new folder is stored in its parent, which needs a sync. (The parent of an
    // existing one may not be accessible.)
    let new: Vec<&Path> =
        root.ancestors().take_while(|folder| !matches!(fs.exists(folder), Ok(true))).collect();
    fs.create_dir_all(root).map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            OpenError::NotAFolder { root: root.to_owned() }
        }
        _ => failed("making", root, e),
    })?;
    for folder in new.iter().filter_map(|folder| folder.parent()) {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        fs.sync_dir(folder).map_err(|e| failed("syncing", folder, e))?;
    }
    refuse_foreign(fs, root)?;
    refuse_untrusted(fs, root, buckets)?;
    let lock = lock(fs, root)?;
    upgrade(fs, root, upgrades)?;
    let staging = root.join("staging");
    match fs.remove_dir_all(&staging) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            return Err(failed("emptying", &staging, e));
        }
        _ => {}
    }
    for name in ["staging", "uploads", "buckets"] {
        make(fs, &root.join(name))?;
    }
    for bucket in buckets {
        make(fs, &root.join("buckets").join(bucket))?;
    }
    for folder in [root, &root.join("buckets")] {
        fs.sync_dir(folder).map_err(|e| failed("syncing", folder, e))?;
    }
    Ok(lock)
}

/// Refuses a non-empty folder without a `format` file. Leftovers of an interrupted first start, and
/// files that a file system puts into its root, do not count.
fn refuse_foreign(fs: &dyn FileSystem, root: &Path) -> Result<(), OpenError> {
    if fs.exists(&root.join("format")).map_err(|e| failed("reading", root, e))? {
        return Ok(());
    }
    for entry in fs.read_dir(root).map_err(|e| failed("reading", root, e))? {
        let name = entry.map_err(|e| failed("reading", root, e))?.name;
        if !["lock", "format.new", "lost+found"].iter().any(|known| name == *known) {
            return Err(OpenError::NotOurs { root: root.to_owned() });
        }
    }
    Ok(())
}

/// Refuses a folder that other users own or can write to, or that links elsewhere: their files
/// would be read as ours, and ours could be written into their files.
fn refuse_untrusted(fs: &dyn FileSystem, root: &Path, buckets: &[&str]) -> Result<(), OpenError> {
    let check = |path: &Path, kind, may_link| match fs
        .distrust(path, kind, may_link)
        .map_err(|e| failed("reading", path, e))?
    {
        Some(reason) => Err(OpenError::Untrusted { path: path.to_owned(), reason }),
        None => Ok(()),
    };
    check(root, Kind::Folder, true)?;
    for name in ["lock", "format", "format.new", "dashboard-logouts"] {
        check(&root.join(name), Kind::File, false)?;
    }
    for name in [
        "staging",
        "uploads",
        "buckets",
        AUDIT,
        "scan-cache",
        "dashboard-cache",
        "delivery-log-cache",
    ] {
        check(&root.join(name), Kind::Folder, false)?;
    }
    for bucket in buckets {
        check(&root.join("buckets").join(bucket), Kind::Folder, false)?;
    }
    let audit = root.join(AUDIT);
    let entries = match fs.read_dir(&audit) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|e| failed("reading", &audit, e))?,
    };
    for entry in entries {
        let name = entry.map_err(|e| failed("reading", &audit, e))?.name;
        if name.as_encoded_bytes().ends_with(AUDIT_SUFFIX.as_bytes()) {
            check(&audit.join(name), Kind::File, false)?;
        }
    }
    Ok(())
}

fn lock(fs: &dyn FileSystem, root: &Path) -> Result<Box<dyn Lock>, OpenError> {
    let path = root.join("lock");
    let lock = fs.try_lock(&path).map_err(|e| failed("locking", &path, e))?;
    lock.ok_or_else(|| OpenError::InUse { root: root.to_owned() })
}

/// Upgrades the folder step by step; the format file is updated after each step.
fn upgrade(fs: &dyn FileSystem, root: &Path, upgrades: &[Upgrade]) -> Result<(), OpenError> {
    let known = newest(upgrades);
    let Some(found) = read_format(fs, root, known)? else {
        return write_format(fs, root, known);
    };
    for (step, format) in upgrades.iter().zip(2..).skip(found as usize - 1) {
        step(fs, root).map_err(|e| failed("upgrading", root, e))?;
        write_format(fs, root, format)?;
    }
    Ok(())
}

/// Refuses a folder that is not a data folder or was written by a newer program. Changes nothing.
pub(crate) fn check_format(fs: &dyn FileSystem, root: &Path) -> Result<(), OpenError> {
    match read_format(fs, root, newest(UPGRADES))? {
        Some(_) => Ok(()),
        None => Err(OpenError::NotOurs { root: root.to_owned() }),
    }
}

fn newest(upgrades: &[Upgrade]) -> u32 {
    u32::try_from(upgrades.len()).unwrap_or(u32::MAX - 1) + 1
}

/// The folder's format; `None` if it has no format file.
fn read_format(fs: &dyn FileSystem, root: &Path, known: u32) -> Result<Option<u32>, OpenError> {
    let path = root.join("format");
    let text = match fs.read(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|e| failed("reading", &path, e))?,
    };
    let text = String::from_utf8(text).unwrap_or_default();
    let found = text.strip_prefix(FORMAT).and_then(|number| number.trim_end().parse().ok());
    let found: u32 = found.filter(|number| *number > 0).ok_or_else(|| OpenError::Format {
        file: path.clone(),
        text: text.chars().take(40).collect(),
    })?;
    if found > known {
        return Err(OpenError::Newer { root: root.to_owned(), found, known });
    }
    Ok(Some(found))
}

fn write_format(fs: &dyn FileSystem, root: &Path, format: u32) -> Result<(), OpenError> {
    let (new, path) = (root.join("format.new"), root.join("format"));
    let write = || {
        // An interrupted start may have left one.
        match fs.remove_file(&new) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut file = fs.create_new(&new)?;
        writeln!(file, "{FORMAT}{format}")?;
        file.sync()?;
        fs.rename(&new, &path)?;
        fs.sync_dir(root)
    };
    write().map_err(|e| failed("writing", &path, e))
}

fn make(fs: &dyn FileSystem, folder: &Path) -> Result<(), OpenError> {
    fs.create_dir_all(folder).map_err(|e| failed("making", folder, e))
}

fn failed(what: &'static str, path: &Path, source: io::Error) -> OpenError {
    OpenError::Io { what, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::super::fs::OsFileSystem;
    use super::*;

    fn format_of(root: &Path) -> String {
        fs::read_to_string(root.join("format")).unwrap()
    }

    #[test]
    fn a_fresh_folder_gets_the_newest_format() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("made/too");
        open_data_dir(&OsFileSystem, &root, UPGRADES, &["serverlogs-local"]).unwrap();
        assert_eq!(format_of(&root), "log2aws-data 1\n");
        assert!(root.join("buckets/serverlogs-local").is_dir());
    }

    #[test]
    fn a_folder_of_something_else_is_refused_and_left_alone() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("thesis.tex"), "mine").unwrap();
        let refused = open_data_dir(&OsFileSystem, home.path(), UPGRADES, &[]).unwrap_err();
        assert!(matches!(refused, OpenError::NotOurs { .. }), "{refused}");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_first_start_that_was_killed_is_no_obstacle() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("lock"), "").unwrap();
        fs::write(home.path().join("format.new"), "log2").unwrap();
        open_data_dir(&OsFileSystem, home.path(), UPGRADES, &[]).unwrap();
        assert_eq!(format_of(home.path()), "log2aws-data 1\n");
    }

    #[test]
    fn a_second_opener_is_told_so() {
        let home = tempfile::tempdir().unwrap();
        let first = open_data_dir(&OsFileSystem, home.path(), UPGRADES, &[]).unwrap();
        let refused = open_data_dir(&OsFileSystem, home.path(), UPGRADES, &[]).unwrap_err();
        assert!(refused.to_string().contains("in use by another log2aws process"), "{refused}");
        drop(first);
        open_data_dir(&OsFileSystem, home.path(), UPGRADES, &[]).unwrap();
    }

    #[test]
    fn a_newer_format_and_rubbish_are_refused() {
        let home = tempfile::tempdir().unwrap();
        let format = home.path().join("format");
        fs::write(&format, "log2aws-data 2\n").unwrap();
        let refused = open_data_dir(&OsFileSystem, home.path(), UPGRADES, &[]).unwrap_err();
        assert!(matches!(refused, OpenError::Newer { found: 2, known: 1, .. }), "{refused}");
        for rubbish in [
            &b"log2aws-data 0\n"[..],
            b"",
            b"log2aws-data -1",
            b"PNG\xff\xfe",
            b"log2aws-data 99999999999",
        ] {
            fs::write(&format, rubbish).unwrap();
            let refused = open_data_dir(&OsFileSystem, home.path(), UPGRADES, &[]).unwrap_err();
            assert!(matches!(refused, OpenError::Format { .. }), "{refused}");
        }
    }

    #[test]
    fn older_formats_are_upgraded_step_by_step() {
        fn note(root: &Path, step: &str) -> io::Result<()> {
            let notes = root.join("notes");
            let before = fs::read_to_string(&notes).unwrap_or_default();
            fs::write(notes, before + step)
        }
        fn fail(_: &dyn FileSystem, _: &Path) -> io::Result<()> {
            Err(io::Error::other("no"))
        }
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("format"), "log2aws-data 2\n").unwrap();
        let steps: [Upgrade; 3] =
            [fail, |_, root| note(root, "2to3 "), |_, root| note(root, "3to4")];
        open_data_dir(&OsFileSystem, home.path(), &steps, &[]).unwrap();
        assert_eq!(fs::read_to_string(home.path().join("notes")).unwrap(), "2to3 3to4");
        assert_eq!(format_of(home.path()), "log2aws-data 4\n");
    }

    #[test]
    fn an_upgrade_that_fails_goes_on_where_it_stopped() {
        fn fail(_: &dyn FileSystem, _: &Path) -> io::Result<()> {
            Err(io::Error::other("the disk is on fire"))
        }
        fn once(_: &dyn FileSystem, root: &Path) -> io::Result<()> {
            File::create_new(root.join("once")).map(drop)
        }
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("format"), "log2aws-data 1\n").unwrap();
        let refused = open_data_dir(&OsFileSystem, home.path(), &[once, fail], &[]).unwrap_err();
        assert!(matches!(refused, OpenError::Io { what: "upgrading", .. }), "{refused}");
        assert_eq!(format_of(home.path()), "log2aws-data 2\n");
        open_data_dir(&OsFileSystem, home.path(), &[once, |_, _| Ok(())], &[]).unwrap();
        assert_eq!(format_of(home.path()), "log2aws-data 3\n");
    }

    #[test]
    fn staging_is_emptied() {
        let home = tempfile::tempdir().unwrap();
        drop(open_data_dir(&OsFileSystem, home.path(), UPGRADES, &[]).unwrap());
        fs::write(home.path().join("staging/half"), "of it").unwrap();
        fs::create_dir(home.path().join("staging/aborted")).unwrap();
        drop(open_data_dir(&OsFileSystem, home.path(), UPGRADES, &[]).unwrap());
        assert_eq!(fs::read_dir(home.path().join("staging")).unwrap().count(), 0);
    }
}
