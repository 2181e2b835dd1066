//! Sessions that were logged out, kept in a file so that a restart does not revive them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The file in the data folder: one line `NAME UNTIL` per session. NAME is hexadecimal, UNTIL is in
/// seconds since the epoch.
pub(crate) const FILE: &str = "dashboard-logouts";

/// The maximum number of sessions. Beyond that, the ones that expire soonest are forgotten.
const MOST: usize = 10_000;

/// The name of a session: random bytes from its cookie.
pub(crate) type SessionName = [u8; 16];

/// Sessions that were ended early, each kept until its cookie expires anyway.
#[derive(Debug)]
pub(crate) struct EndedSessions {
    path: PathBuf,
    until: HashMap<SessionName, i64>,
}

impl EndedSessions {
    /// Reads the file in a data folder. A missing file counts as empty. Invalid lines are ignored:
    /// anybody who can damage the file can also read the token beside it.
    ///
    /// # Errors
    /// The file exists but cannot be read.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        let line = |line: &str| {
            let (name, until) = line.split_once(' ')?;
            Some((u128::from_str_radix(name, 16).ok()?.to_be_bytes(), until.parse().ok()?))
        };
        Ok(Self { path, until: text.lines().filter_map(line).collect() })
    }

    /// Whether a session has been ended.
    pub(crate) fn contains(&self, name: &SessionName) -> bool {
        self.until.contains_key(name)
    }

    /// Ends a session. `until` is when the last of its cookies expires. The file is synced on
    /// return.
    ///
    /// # Errors
    /// The file could not be written. The session has ended nevertheless, until the process exits.
    pub(crate) fn insert(&mut self, name: SessionName, until: i64, now: i64) -> io::Result<()> {
        self.until.retain(|_, until| *until > now);
        if self.until.len() >= MOST
            && let Some(soonest) = self.until.iter().min_by_key(|(_, until)| **until)
        {
            let soonest = *soonest.0;
            self.until.remove(&soonest);
        }
        self.until.insert(name, until);
        self.write()
    }

    fn write(&self) -> io::Result<()> {
        let mut text = String::new();
        for (name, until) in &self.until {
            writeln!(text, "{:032x} {until}", u128::from_be_bytes(*name))
                .map_err(io::Error::other)?;
        }
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut aside = tempfile::NamedTempFile::new_in(folder)?;
        aside.write_all(text.as_bytes())?;
        aside.as_file().sync_all()?;
        aside.persist(&self.path)?;
        std::fs::File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_ended_is_ended_after_a_restart_until_its_cookie_ends() {
        let folder = tempfile::tempdir().unwrap();
        let open = || EndedSessions::open(folder.path()).unwrap();
        let mut ended = open();
        ended.insert([0xfe; 16], 100, 0).unwrap();
        ended.insert([0; 16], 50, 0).unwrap();
        assert!(open().contains(&[0xfe; 16]) && open().contains(&[0; 16]));
        open().insert([1; 16], 200, 60).unwrap();
        let ended = open();
        assert!(ended.contains(&[0xfe; 16]) && ended.contains(&[1; 16]));
        assert!(!ended.contains(&[0; 16]), "it is kept for ever");
    }

    #[test]
    fn a_damaged_line_costs_itself_alone() {
        let folder = tempfile::tempdir().unwrap();
        EndedSessions::open(folder.path()).unwrap().insert([7; 16], 100, 0).unwrap();
        let path = folder.path().join(FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("nonsense\n\n{text}{} x\n", "f".repeat(40))).unwrap();
        let ended = EndedSessions::open(folder.path()).unwrap();
        assert!(ended.contains(&[7; 16]));
        assert_eq!(ended.until.len(), 1);
    }
}
