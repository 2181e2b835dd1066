//! The counters of the last sample, saved so that the next interval begins there.
//!
//! Losing this file costs one interval and never a line, so it is not synced, and an unreadable one
//! is not an error. It also contains the time of the last sample.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::proc::Counters;
use crate::spool::{self, is_full, replace};

/// The longest state that is read.
const MAX_STATE: u64 = 64 << 10;

/// The counters of a sample and the boot they belong to.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastSample {
    /// When its line was written.
    pub(crate) at: Timestamp,
    /// `/proc/sys/kernel/random/boot_id`: a different one means that all counters were reset.
    /// `None` if the kernel does not provide it; then the state is not used.
    pub(crate) boot_id: Option<String>,
    /// The counters.
    pub(crate) counters: Counters,
}

/// The file of the state.
pub(crate) fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("last-sample.json")
}

/// The last sample, if it is readable.
pub(crate) fn load(state_dir: &Path) -> Option<LastSample> {
    let mut text = Vec::new();
    File::open(path(state_dir)).ok()?.take(MAX_STATE).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Saves a sample, replacing the previous one; creates the folder if needed.
pub(crate) fn save(state_dir: &Path, sample: &LastSample) -> io::Result<()> {
    fs::create_dir_all(state_dir).map_err(|error| match error.kind() {
        // The system's own words would sound like success.
        ErrorKind::AlreadyExists => ErrorKind::NotADirectory.into(),
        _ => error,
    })?;
    spool::state::make(state_dir).map_err(io::Error::other)?;
    let text = serde_json::to_vec(sample)?;
    let path = path(state_dir);
    match replace(&path, &text, false) {
        // On a full disk the existing file has a block to overwrite.
        Err(error) if is_full(&error) => overwrite(&path, &text),
        done => done,
    }
}

/// A crash in between leaves garbage, which is ignored when read.
fn overwrite(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.write_all(text)?;
    file.set_len(text.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_and_takes_rubbish_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let state_dir = folder.path().join("made/by/save");
        assert_eq!(load(&state_dir), None);
        let counters = Counters { uptime_centis: 7, swapped_out: u64::MAX, ..Counters::default() };
        let at = "2026-11-24T00:00:00.5Z".parse().unwrap();
        let sample = LastSample { at, boot_id: Some("x".into()), counters };
        save(&state_dir, &sample).unwrap();
        assert_eq!(load(&state_dir), Some(sample));
        for rubbish in ["", "{", "[]", "{\"boot_id\":1}"] {
            fs::write(path(&state_dir), rubbish).unwrap();
            assert_eq!(load(&state_dir), None, "{rubbish}");
        }
    }

    #[test]
    fn what_is_written_over_reads_back_whether_longer_or_shorter() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(folder.path());
        for boot_id in ["x", "a longer one", "y"] {
            let at = "2026-11-24T00:00:00Z".parse().unwrap();
            let boot_id = Some(boot_id.to_owned());
            let sample = LastSample { at, boot_id, counters: Counters::default() };
            fs::OpenOptions::new().append(true).create(true).open(&path).unwrap();
            overwrite(&path, &serde_json::to_vec(&sample).unwrap()).unwrap();
            assert_eq!(load(folder.path()), Some(sample));
        }
    }
}
