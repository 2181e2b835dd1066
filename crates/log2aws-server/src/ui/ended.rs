//! Sessions that were logged out, kept in a file so that a restart does not revive them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The file in the data folder: one line `NAME UNTIL` per session. NAME is hexadecimal, UNTIL is in
/// seconds since the epoch.
pub(crate) const FILE: &str = "dashboard-logouts";

/// The maximum number of sessions. Beyond that, the ones that expire soonest are forgotten.
const MOST: usize = 10_000;

/// How long a logout waits for the disk.
const WRITE_WITHIN: Duration = Duration::from_secs(10);

/// The name of a session: random bytes from its cookie.
pub(crate) type SessionName = [u8; 16];

/// Replaces a file in one step, and syncs it. Blocks.
type Replace = fn(&Path, &str) -> io::Result<()>;

/// Sessions that were ended early, each kept until its cookie expires anyway.
#[derive(Debug)]
pub(crate) struct EndedSessions {
    path: PathBuf,
    replace: Replace,
    /// Every request checks it, so it is never locked during a file operation.
    until: Mutex<HashMap<SessionName, i64>>,
    /// Only one task writes the file at a time.
    turn: tokio::sync::Mutex<()>,
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
        let until = Mutex::new(text.lines().filter_map(line).collect());
        Ok(Self { path, replace, until, turn: tokio::sync::Mutex::default() })
    }

    /// Whether a session has been ended.
    pub(crate) fn contains(&self, name: &SessionName) -> bool {
        self.until().contains_key(name)
    }

    /// Ends a session: at once for this process, and across restarts when it resolves. `until` is
    /// when the last of its cookies expires. Goes on if the caller is dropped. Needs a tokio runtime.
    ///
    /// # Errors
    /// The file could not be written within ten seconds. The session has ended nevertheless, until
    /// the process exits.
    pub(crate) async fn end(
        self: &Arc<Self>,
        name: SessionName,
        until: i64,
        now: i64,
    ) -> io::Result<()> {
        self.insert(name, until, now);
        let ended = self.clone();
        let writing = tokio::spawn(async move {
            // A disk that hangs blocks one thread of the blocking pool, not all of them.
            let _turn = ended.turn.lock().await;
            let ended = ended.clone();
            tokio::task::spawn_blocking(move || ended.write()).await?
        });
        tokio::time::timeout(WRITE_WITHIN, writing).await??
    }

    fn insert(&self, name: SessionName, until: i64, now: i64) {
        let mut known = self.until();
        known.retain(|_, until| *until > now);
        if known.len() >= MOST
            && let Some(soonest) = known.iter().min_by_key(|(_, until)| **until)
        {
            let soonest = *soonest.0;
            known.remove(&soonest);
        }
        known.insert(name, until);
    }

    /// Writes the file, and syncs it. Blocks.
    fn write(&self) -> io::Result<()> {
        let mut text = String::new();
        for (name, until) in &*self.until() {
            writeln!(text, "{:032x} {until}", u128::from_be_bytes(*name))
                .map_err(io::Error::other)?;
        }
        (self.replace)(&self.path, &text)
    }

    fn until(&self) -> MutexGuard<'_, HashMap<SessionName, i64>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut aside = tempfile::NamedTempFile::new_in(folder)?;
    aside.write_all(text.as_bytes())?;
    aside.as_file().sync_all()?;
    aside.persist(path)?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_ended_is_ended_after_a_restart_until_its_cookie_ends() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Arc::new(EndedSessions::open(folder.path()).unwrap());
        let ended = open();
        ended.end([0xfe; 16], 100, 0).await.unwrap();
        ended.end([0; 16], 50, 0).await.unwrap();
        assert!(open().contains(&[0xfe; 16]) && open().contains(&[0; 16]));
        open().end([1; 16], 200, 60).await.unwrap();
        let ended = open();
        assert!(ended.contains(&[0xfe; 16]) && ended.contains(&[1; 16]));
        assert!(!ended.contains(&[0; 16]), "it is kept for ever");
    }

    #[tokio::test]
    async fn a_damaged_line_costs_itself_alone() {
        let folder = tempfile::tempdir().unwrap();
        let ended = Arc::new(EndedSessions::open(folder.path()).unwrap());
        ended.end([7; 16], 100, 0).await.unwrap();
        let path = folder.path().join(FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("nonsense\n\n{text}{} x\n", "f".repeat(40))).unwrap();
        let ended = EndedSessions::open(folder.path()).unwrap();
        assert!(ended.contains(&[7; 16]));
        assert_eq!(ended.until().len(), 1);
    }

    #[test]
    fn a_disk_that_hangs_holds_up_neither_other_requests_nor_the_pool() {
        const NAMES: [SessionName; 4] = [[1; 16], [2; 16], [3; 16], [4; 16]];
        static DISK: Mutex<()> = Mutex::new(());
        let folder = tempfile::tempdir().unwrap();
        let hanging: Replace = |path, text| {
            let _answer = DISK.lock().unwrap();
            replace(path, text)
        };
        let ended =
            EndedSessions { replace: hanging, ..EndedSessions::open(folder.path()).unwrap() };
        let ended = Arc::new(ended);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .max_blocking_threads(2)
            .build()
            .unwrap();
        let mut hang = Some(DISK.lock().unwrap());
        runtime.block_on(async {
            let end = |name| {
                let ended = ended.clone();
                tokio::spawn(async move { ended.end(name, 100, 0).await })
            };
            let logouts = NAMES.map(end);
            // A page is rendered on the same pool, by a session that is looked up.
            let page = || {
                let ended = ended.clone();
                tokio::task::spawn_blocking(move || NAMES.iter().all(|name| ended.contains(name)))
            };
            let mut is_ended = false;
            while !is_ended {
                let page = tokio::time::timeout(Duration::from_secs(5), page());
                is_ended = page.await.expect("the pool waits for the disk").unwrap();
            }
            assert!(!folder.path().join(FILE).exists());
            drop(hang.take());
            for logout in logouts {
                logout.await.unwrap().unwrap();
            }
        });
        let again = EndedSessions::open(folder.path()).unwrap();
        assert!(NAMES.iter().all(|name| again.contains(name)));
    }
}
