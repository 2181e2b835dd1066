//! The counters of the last sample, saved so that the next interval begins there.
//!
//! Losing this file costs one interval and never a line, so it is not synced, and an unreadable one
//! is not an error. It also contains the time of the last sample.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::proc::Counters;
use crate::spool::{self, read_json, replace_or_overwrite};

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
    read_json(&path(state_dir)).ok().flatten()
}

/// Saves a sample, replacing the previous one; creates the folder if needed.
pub(crate) fn save(state_dir: &Path, sample: &LastSample) -> io::Result<()> {
    fs::create_dir_all(state_dir).map_err(|error| match error.kind() {
        // The system's own words would sound like success.
        ErrorKind::AlreadyExists => ErrorKind::NotADirectory.into(),
        _ => error,
    })?;
    spool::state::make(state_dir).map_err(io::Error::other)?;
    replace_or_overwrite(&path(state_dir), &serde_json::to_vec(sample)?)
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
}
