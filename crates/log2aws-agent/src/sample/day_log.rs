//! Appending to a day log: whole lines, in one write, under the right metadata line.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use log2aws_core::metadata::Metadata;

use crate::spool::{is_at, metadata_in_force, open_regular, read_tail, with_hint};
use crate::world::Time;

/// How long another sampler may hold the lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
const LOCK_POLL: Duration = Duration::from_millis(5);

/// Why a line could not be appended. No part of it is then in the file.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The folder does not exist and cannot be created.
    #[error("the log folder {path} cannot be made: {source}; or name another with --log-dir")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file cannot be opened for writing.
    #[error("the day log {path} cannot be opened: {source}; or name another folder with --log-dir")]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A symbolic link, a pipe, a folder.
    #[error("{0} is not a regular file; move it away, so that the day log can be written")]
    NotAFile(PathBuf),
    /// The file cannot be read or written, for example because the disk is full.
    #[error("the line cannot be written to {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl AppendError {
    /// The system's error, if there is one.
    pub(crate) fn source(&self) -> Option<&io::Error> {
        match self {
            Self::Folder { source, .. }
            | Self::Open { source, .. }
            | Self::Write { source, .. } => Some(source),
            Self::NotAFile(_) => None,
        }
    }
}

/// Appends `line` to the log at `path`, after `metadata` if that differs from the metadata in
/// force.
///
/// The lock makes reading and appending one step among samplers; a writer without the lock (a cron
/// job's `>>`) is kept apart by `O_APPEND` and the single write. An incomplete last line is
/// terminated first. With `sync` the line is on disk on return (fsync).
///
/// Any user may lock a log that he can read, so a lock that is not available in time must not cost
/// a line: it is appended without the lock, and the reason is returned. The worst result is a
/// second metadata line.
pub(crate) fn append(
    path: &Path,
    metadata: &Metadata,
    line: &str,
    sync: bool,
    time: &dyn Time,
) -> Result<Option<String>, AppendError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .map_err(|source| with_hint(folder, source))
            .map_err(|source| AppendError::Folder { path: folder.to_owned(), source })?;
    }
    let failed =
        |source| AppendError::Write { path: path.to_owned(), source: with_hint(path, source) };
    loop {
        let mut file = open(path)?;
        let unlocked = lock(&file, time);
        // During the wait for the lock, the log may have been removed as delivered, and the line
        // would be lost with it.
        if !is_at(&file, path).map_err(failed)? {
            continue;
        }
        append_locked(&mut file, metadata, line).map_err(failed)?;
        if sync {
            flush(&file, path).map_err(failed)?;
        }
        return Ok(unlocked);
    }
}

/// Syncs the file, and its folder if it is new.
fn flush(file: &File, path: &Path) -> io::Result<()> {
    file.sync_all()?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Opens without following a link and without blocking on a pipe.
fn open(path: &Path) -> Result<File, AppendError> {
    let mut options = OpenOptions::new();
    let opened = open_regular(path, options.read(true).append(true).create(true));
    opened.map_err(|source| {
        // Some of these cannot be opened for appending, so the type is checked here.
        if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
            AppendError::NotAFile(path.to_owned())
        } else {
            AppendError::Open { path: path.to_owned(), source: with_hint(path, source) }
        }
    })
}

/// Waits for the lock; returns why it is not available.
fn lock(file: &File, time: &dyn Time) -> Option<String> {
    let deadline = time.elapsed() + LOCK_TIMEOUT;
    loop {
        match file.try_lock() {
            Ok(()) => return None,
            Err(TryLockError::WouldBlock) if time.elapsed() < deadline => time.sleep(LOCK_POLL),
            Err(TryLockError::WouldBlock) => {
                return Some("another process has had it locked for 5 s".to_owned());
            }
            Err(TryLockError::Error(error)) => return Some(error.to_string()),
        }
    }
}

fn append_locked(file: &mut File, metadata: &Metadata, line: &str) -> io::Result<()> {
    let before = file.metadata()?.len();
    let tail = read_tail(file, before)?;
    let mut text = String::with_capacity(line.len() + 160);
    if tail.last().is_some_and(|byte| *byte != b'\n') {
        text.push('\n');
    }
    if metadata_in_force(&tail, before).as_ref() != Some(metadata) {
        text.push_str(&metadata.to_string());
        text.push('\n');
    }
    text.push_str(line);
    text.push('\n');
    let written = file.write(text.as_bytes())?;
    if written < text.len() {
        // Part of a line can look like a whole one with other numbers, so it is removed, unless
        // somebody has appended in the meantime.
        if file.metadata()?.len() == before + written as u64 {
            file.set_len(before)?;
        }
        return Err(ErrorKind::StorageFull.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::world::SystemTime;

    fn metadata(mode: &str) -> Metadata {
        Metadata::parse(format!("# log2aws/1 server=web01 cores=2 mode={mode}").as_bytes()).unwrap()
    }

    fn add(path: &Path, mode: &str, line: &str) -> Result<Option<String>, AppendError> {
        append(path, &metadata(mode), line, false, &SystemTime::new())
    }

    #[test]
    fn the_metadata_line_stands_once_until_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/2026-11-22.log");
        for (mode, line) in
            [("interval", "a"), ("interval", "b"), ("since-boot", "c"), ("interval", "d")]
        {
            add(&path, mode, line).unwrap();
        }
        let interval = metadata("interval");
        let since_boot = metadata("since-boot");
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            format!("{interval}\na\nb\n{since_boot}\nc\n{interval}\nd\n")
        );
    }

    #[test]
    fn a_log_of_cron_is_told_apart_from_here_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("2026-11-22.log");
        fs::write(&path, "# a comment\ncron\n").unwrap();
        add(&path, "interval", "ours").unwrap();
        let expected = format!("# a comment\ncron\n{}\nours\n", metadata("interval"));
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    }

    #[test]
    fn a_torn_last_line_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("2026-11-22.log");
        let head = metadata("interval").to_string();
        fs::write(&path, format!("{head}\na\n2026-11-22 00:0")).unwrap();
        add(&path, "interval", "b").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{head}\na\n2026-11-22 00:0\nb\n"));
    }

    #[test]
    fn a_long_log_is_read_from_its_end_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("2026-11-22.log");
        let head = metadata("interval").to_string();
        let filler = "x".repeat(1023) + "\n";
        fs::write(&path, format!("{head}\n{}", filler.repeat(2000))).unwrap();
        add(&path, "interval", "a").unwrap();
        add(&path, "interval", "b").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.ends_with(&format!("x\n{head}\na\nb\n")), "{}", &text[text.len() - 200..]);
    }

    #[test]
    fn samplers_at_once_write_one_metadata_line_and_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("2026-11-22.log");
        std::thread::scope(|scope| {
            for worker in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    for n in 0..50 {
                        add(path, "interval", &format!("{worker} {n} {}", "y".repeat(150)))
                            .unwrap();
                    }
                });
            }
        });
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with('#'));
        assert_eq!(text.lines().filter(|line| line.starts_with('#')).count(), 1);
        assert_eq!(text.lines().filter(|line| line.ends_with(&"y".repeat(150))).count(), 400);
        assert_eq!(text.lines().count(), 401);
    }

    #[test]
    fn a_log_that_is_removed_while_a_sampler_waits_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("2026-11-22.log");
        add(&path, "interval", "delivered").unwrap();
        let locked = File::open(&path).unwrap();
        locked.lock().unwrap();
        std::thread::scope(|scope| {
            let sampler = scope.spawn(|| add(&path, "interval", "late"));
            // The sampler has the file open, so this process has two descriptors for it.
            let inode = locked.metadata().unwrap().ino();
            let opened = |entry: io::Result<fs::DirEntry>| {
                fs::metadata(entry.unwrap().path()).is_ok_and(|found| found.ino() == inode)
            };
            while fs::read_dir("/proc/self/fd").unwrap().map(opened).filter(|is| *is).count() < 2 {
                std::thread::yield_now();
            }
            fs::remove_file(&path).unwrap();
            drop(locked);
            sampler.join().unwrap().unwrap();
        });
        let head = metadata("interval");
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{head}\nlate\n"));
    }

    #[test]
    fn what_is_not_a_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        fs::write(&target, "precious").unwrap();
        let link = folder.path().join("2026-11-22.log");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(matches!(add(&link, "interval", "a"), Err(AppendError::NotAFile(_))));
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");

        let pipe = folder.path().join("2026-11-23.log");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).unwrap();
        assert!(matches!(add(&pipe, "interval", "a"), Err(AppendError::NotAFile(_))));
        assert!(matches!(
            add(&folder.path().join("target/x.log"), "interval", "a"),
            Err(AppendError::Folder { .. })
        ));
    }

    #[test]
    fn a_full_disk_is_an_error() {
        // The kernel's own full disk; it is not a regular file, so the inner function is tested.
        let mut full = OpenOptions::new().read(true).append(true).open("/dev/full").unwrap();
        let error = append_locked(&mut full, &metadata("interval"), "a").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
    }
}
