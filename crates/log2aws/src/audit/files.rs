//! The files that `serve` writes, read line by line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use jiff::civil::Date;
use log2aws_core::day::Day;
use log2aws_server::{AUDIT_SUFFIX, AuditEvent, MAX_LINE_BYTES};
use rustix::fs::OFlags;

use super::filter::Filter;

/// The maximum number of unreadable lines that are reported one by one; the rest is counted.
const MAX_NAMED: u64 = 10;

/// Takes an event and its line.
pub(super) type Sink<'a> = dyn FnMut(&AuditEvent, &str) -> io::Result<()> + 'a;

/// Passes the selected events of all files to `sink`, oldest first. Reports unreadable lines and what is
/// not a regular file, and returns their number.
///
/// # Errors
/// There are no files, or one cannot be opened or read.
pub(super) fn read(
    folder: &Path,
    filter: &Filter,
    sink: &mut Sink<'_>,
    stderr: &mut dyn Write,
) -> anyhow::Result<u64> {
    let mut files = files(folder).with_context(|| {
        let folder = folder.display();
        format!("{folder} cannot be read: name the data folder of serve by --data-dir")
    })?;
    if files.is_empty() {
        let folder = folder.display();
        bail!("there is no audit log in {folder}: name the data folder of serve by --data-dir");
    }
    files.sort();
    let (mut unreadable, mut skipped) = (0, 0);
    for (_, path) in files.into_iter().filter(|(day, _)| filter.wants_day(*day)) {
        let opened = open_regular(&path);
        let file = match opened.with_context(|| format!("{} cannot be read", path.display()))? {
            Opened::Regular(file) => file,
            // Removed by age meanwhile.
            Opened::Gone => continue,
            Opened::Other => {
                skipped += 1;
                let path = path.display();
                writeln!(stderr, "warning: {path} is skipped: it is not a regular file")?;
                continue;
            }
        };
        unreadable = read_file(BufReader::new(file), &path, filter, sink, stderr, unreadable)?;
    }
    if unreadable > MAX_NAMED {
        writeln!(stderr, "warning: {unreadable} lines in all cannot be read")?;
    }
    Ok(unreadable + skipped)
}

/// What has the name of a day's file.
enum Opened {
    Regular(File),
    Gone,
    /// A folder, a pipe, a device.
    Other,
}

/// Opens a file for reading, without waiting for the other end of a pipe.
fn open_regular(path: &Path) -> io::Result<Opened> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    match File::options().read(true).custom_flags(flags).open(path) {
        Ok(file) if file.metadata()?.is_file() => Ok(Opened::Regular(file)),
        Ok(_) => Ok(Opened::Other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Opened::Gone),
        // A socket, or a device that is not there.
        Err(_) if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) => Ok(Opened::Other),
        Err(error) => Err(error),
    }
}

fn files(folder: &Path) -> io::Result<Vec<(Date, PathBuf)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let day = name.strip_suffix(AUDIT_SUFFIX).and_then(|day| Day::parse_canonical(day).ok());
        files.extend(day.map(|day| (day.date(), path)));
    }
    Ok(files)
}

/// Reads one file. Returns `unreadable` plus the number of unreadable lines in it.
fn read_file(
    mut file: impl BufRead,
    path: &Path,
    filter: &Filter,
    sink: &mut Sink<'_>,
    stderr: &mut dyn Write,
    mut unreadable: u64,
) -> anyhow::Result<u64> {
    let mut line = Vec::new();
    let mut number = 0_u64;
    loop {
        let is_whole = read_line(&mut file, &mut line)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        if line.is_empty() {
            return Ok(unreadable);
        }
        number += 1;
        let text = str::from_utf8(&line).ok().filter(|_| is_whole);
        let event = text.and_then(|text| serde_json::from_str::<AuditEvent>(text).ok());
        if let (Some(event), Some(text)) = (event, text) {
            if filter.wants(&event) {
                sink(&event, text)?;
            }
            continue;
        }
        unreadable += 1;
        if unreadable <= MAX_NAMED {
            let path = path.display();
            writeln!(
                stderr,
                "warning: {path}:{number}: the line cannot be read: a crash cut it off, or \
                 somebody changed it"
            )?;
        }
    }
}

/// Reads a line into `line`, which is empty at the end of the file. Returns `false` if the line is
/// longer than any that `serve` writes; the rest of it is then skipped.
fn read_line(file: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let most = MAX_LINE_BYTES as u64;
    if file.by_ref().take(most).read_until(b'\n', line)? < MAX_LINE_BYTES || line.ends_with(b"\n") {
        return Ok(true);
    }
    loop {
        let mut rest = Vec::new();
        let read = file.by_ref().take(most).read_until(b'\n', &mut rest)?;
        if read == 0 || rest.ends_with(b"\n") {
            return Ok(false);
        }
    }
}
