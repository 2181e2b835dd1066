//! The file of one day. Lines are appended; a failure leaves no partial line.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use log2aws_core::day::Day;
use rustix::fs::{Mode, OFlags, openat};

use super::AUDIT_SUFFIX;

/// One day's file, open for appending.
#[derive(Debug)]
pub(super) struct DayFile {
    pub(super) day: Date,
    file: File,
    /// Device and inode.
    id: (u64, u64),
    /// The length up to the end of the last complete line, in bytes.
    len: u64,
}

impl DayFile {
    /// Opens the file of a day, creating folder and file if necessary. If a crash left a partial
    /// line, terminates it, so that the next line is intact.
    ///
    /// # Errors
    /// An I/O error. Folder or file is a link, belongs to another user, or can be written by others;
    /// or the file is not a regular one.
    pub(super) fn open(folder: &Path, day: Date) -> io::Result<Self> {
        let within = open_folder(folder)?;
        let name = file_name(day);
        let about = |error: io::Error| io::Error::new(error.kind(), format!("{name}: {error}"));
        // Not through a link, and without waiting for the other end of a pipe.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | flags;
        let opened = openat(&within, &name, flags, Mode::RUSR | Mode::WUSR);
        let file = File::from(opened.map_err(|errno| about(errno.into()))?);
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(about(io::Error::other("it is not a regular file")));
        }
        refuse_untrusted(&meta).map_err(about)?;
        let mut len = meta.len();
        if len == 0 {
            // So that the file itself survives a power cut.
            within.sync_all()?;
        } else {
            let mut last = [0];
            file.read_exact_at(&mut last, len - 1)?;
            if last != *b"\n" {
                (&file).write_all(b"\n")?;
                len += 1;
            }
        }
        Ok(Self { day, file, id: (meta.dev(), meta.ino()), len })
    }

    /// Its name in the folder.
    pub(super) fn name(&self) -> String {
        file_name(self.day)
    }

    /// Whether it still has its name in the folder. An operator may have moved or removed it. Takes
    /// over its length, which is less if it was truncated.
    pub(super) fn is_in_place(&mut self, folder: &Path) -> bool {
        // If its folder cannot be read, opening it again says why.
        let Ok(meta) = fs::symlink_metadata(folder.join(self.name())) else { return false };
        self.len = meta.len();
        (meta.dev(), meta.ino()) == self.id
    }

    /// Appends all of the lines, or nothing.
    ///
    /// # Errors
    /// An I/O error.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(lines) {
            // If this fails too, the partial line is terminated when the file is opened again.
            self.file.set_len(self.len).unwrap_or_default();
            return Err(error);
        }
        self.len += lines.len() as u64;
        Ok(())
    }

    /// Syncs what was appended to the disk.
    ///
    /// # Errors
    /// An I/O error.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

fn file_name(day: Date) -> String {
    format!("{day}{AUDIT_SUFFIX}")
}

/// Opens the folder, creating it if necessary.
fn open_folder(folder: &Path) -> io::Result<File> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => {
            made?;
            // So that the folder itself survives a power cut.
            File::open(folder.parent().unwrap_or(Path::new(".")))?.sync_all()?;
        }
    }
    let flags = (OFlags::DIRECTORY | OFlags::NOFOLLOW).bits().cast_signed();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(folder)?;
    refuse_untrusted(&opened.metadata()?)?;
    Ok(opened)
}

/// Refuses what another user owns or can write to, as the start does for the whole data folder.
fn refuse_untrusted(meta: &Metadata) -> io::Result<()> {
    let (owner, mode) = (meta.uid(), meta.mode() & 0o7777);
    if owner != rustix::process::geteuid().as_raw() && owner != 0 {
        return Err(io::Error::other(format!("it belongs to user {owner}")));
    }
    if mode & 0o022 != 0 {
        return Err(io::Error::other(format!("other users can write to it (mode {mode:03o})")));
    }
    Ok(())
}

/// The audit files in a folder: day, path and size in bytes. Files with other names are ignored, and
/// what is not a regular file. A missing folder counts as empty.
///
/// # Errors
/// The folder cannot be read.
pub(crate) fn files(folder: &Path) -> io::Result<Vec<(Date, PathBuf, u64)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let day = name.to_str().and_then(|name| name.strip_suffix(AUDIT_SUFFIX));
        let Some(day) = day.and_then(|day| Day::parse_canonical(day).ok()) else { continue };
        match entry.metadata() {
            Ok(meta) if meta.is_file() => files.push((day.date(), entry.path(), meta.len())),
            Ok(_) => {}
            // Moved or removed in the meantime.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::process::Command;

    use super::*;

    const DAY: Date = jiff::civil::date(2026, 11, 30);

    #[test]
    fn a_torn_line_is_ended_and_the_next_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("audit");
        DayFile::open(&place, DAY).unwrap().append(b"{}\n{\"ti").unwrap();
        let mut file = DayFile::open(&place, DAY).unwrap();
        file.append(b"{}\n").unwrap();
        let path = place.join("2026-11-30.jsonl");
        assert_eq!(fs::read(&path).unwrap(), b"{}\n{\"ti\n{}\n");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&place).unwrap().mode() & 0o777, 0o700);
        fs::write(place.join("notes.jsonl"), "x").unwrap();
        assert_eq!(files(&place).unwrap(), [(DAY, path, 11)]);
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        fs::write(&victim, "kept").unwrap();
        symlink(&victim, folder.path().join("2026-11-30.jsonl")).unwrap();
        assert!(DayFile::open(folder.path(), DAY).is_err());
        assert_eq!(fs::read(&victim).unwrap(), b"kept");
    }

    #[test]
    fn a_pipe_or_a_folder_of_others_is_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("2026-11-30.jsonl");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let error = DayFile::open(folder.path(), DAY).unwrap_err().to_string();
        assert_eq!(error, "2026-11-30.jsonl: it is not a regular file");
        assert!(files(folder.path()).unwrap().is_empty());
        fs::remove_file(&pipe).unwrap();
        let allow = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        allow(folder.path(), 0o770);
        let error = DayFile::open(folder.path(), DAY).unwrap_err().to_string();
        assert_eq!(error, "other users can write to it (mode 770)");
        allow(folder.path(), 0o700);
        fs::write(&pipe, "").unwrap();
        allow(&pipe, 0o620);
        let error = DayFile::open(folder.path(), DAY).unwrap_err().to_string();
        assert_eq!(error, "2026-11-30.jsonl: other users can write to it (mode 620)");
        let link = folder.path().join("link");
        symlink(folder.path(), &link).unwrap();
        assert!(DayFile::open(&link, DAY).is_err());
    }

    #[test]
    fn a_file_that_was_cut_or_removed_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = DayFile::open(folder.path(), DAY).unwrap();
        file.append(b"{\"a\":1}\n").unwrap();
        let path = folder.path().join("2026-11-30.jsonl");
        fs::write(&path, "").unwrap();
        assert!(file.is_in_place(folder.path()));
        assert_eq!(file.len, 0);
        fs::remove_file(&path).unwrap();
        assert!(!file.is_in_place(folder.path()));
    }
}
