//! The file of one day. Lines are appended; a failure leaves no partial line.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use log2aws_core::day::Day;
use rustix::fs::OFlags;

use super::AUDIT_SUFFIX;

/// One day's file, open for appending.
#[derive(Debug)]
pub(super) struct DayFile {
    pub(super) day: Date,
    file: File,
    /// The length up to the end of the last complete line, in bytes.
    len: u64,
}

impl DayFile {
    /// Opens the file of a day, creating folder and file if necessary. If a crash left a partial
    /// line, terminates it, so that the next line is intact.
    ///
    /// # Errors
    /// An I/O error, or a symbolic link in place of the file.
    pub(super) fn open(folder: &Path, day: Date) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let no_link = OFlags::NOFOLLOW.bits().cast_signed();
        let path = folder.join(format!("{day}{AUDIT_SUFFIX}"));
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600).custom_flags(no_link);
        let file = options.open(path)?;
        let mut len = file.metadata()?.len();
        if len == 0 {
            // So that the file itself survives a power cut.
            File::open(folder)?.sync_all()?;
        } else {
            let mut last = [0];
            file.read_exact_at(&mut last, len - 1)?;
            if last != *b"\n" {
                (&file).write_all(b"\n")?;
                len += 1;
            }
        }
        Ok(Self { day, file, len })
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

/// The audit files in a folder: day, path and size in bytes. Files with other names are ignored. A
/// missing folder counts as empty.
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
        if let Some(day) = day.and_then(|day| Day::parse_canonical(day).ok()) {
            files.push((day.date(), entry.path(), entry.metadata()?.len()));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, symlink};

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
}
