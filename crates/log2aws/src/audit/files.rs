//! The files that `serve` writes, read line by line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use jiff::civil::Date;
use log2aws_core::day::Day;
use log2aws_server::{AUDIT_SUFFIX, AuditEvent, MAX_LINE_BYTES};

use super::filter::Filter;

/// How many unreadable lines are named; the rest of them are counted.
const MAX_NAMED: u64 = 10;

/// Takes an event and its line.
pub(super) type Sink<'a> = dyn FnMut(&AuditEvent, &str) -> io::Result<()> + 'a;

/// Hands on the wanted events of all files, oldest first. A line that cannot be read is named.
/// Returns how many there were.
///
/// # Errors
/// No file, or one that cannot be opened or read.
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
    let mut unreadable = 0;
    for (_, path) in files.into_iter().filter(|(day, _)| filter.wants_day(*day)) {
        let file = match File::open(&path) {
            // Removed by age meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            file => file.with_context(|| format!("{} cannot be read", path.display()))?,
        };
        unreadable = read_file(BufReader::new(file), &path, filter, sink, stderr, unreadable)?;
    }
    if unreadable > MAX_NAMED {
        writeln!(stderr, "warning: {unreadable} lines in all cannot be read")?;
    }
    Ok(unreadable)
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

/// Reads one file; tells how many lines were unreadable up to its end.
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

/// Reads a line into `line`, which is empty at the end of the file. `false` if it is longer than
/// any that is written: then the rest of it is passed over.
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
