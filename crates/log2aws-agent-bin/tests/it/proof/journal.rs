//! What a simulated host did, written down as it does it, so that it outlasts its kill.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use log2aws_core::day::Day;
use serde::{Deserialize, Serialize};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Entry {
    /// The clocks stand so (milliseconds), and so many marks are gone.
    At { wall: i64, steady: u64, mark: u32 },
    /// A line of this local time will be written.
    Trying { time: DateTime },
    /// It was, the agent says.
    Sampled { day: String, line: String },
    /// It was not, the agent says: nothing of it stands in the log.
    Refused { time: DateTime, text: String },
    /// A cron job has appended a line, without asking anybody.
    Foreign { day: String, line: String },
    /// A part of a line that a crash left at the end of a log.
    Torn { day: String, text: String },
    /// What `ship` says that the store has: day and SHA-256.
    Shipped { days: Vec<(String, String)> },
    /// What `ship` says of what it did not deliver.
    Left { text: String },
    /// What must not happen.
    Wrong { text: String },
}

/// The journal of one host.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
}

impl Journal {
    /// Opens it to write on. A last entry that a kill tore off is taken away.
    pub(crate) fn open(path: &Path) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        let text = fs::read(path).unwrap();
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        file.set_len(whole as u64).unwrap();
        Self { file }
    }

    pub(crate) fn note(&self, entry: &Entry) {
        let mut text = serde_json::to_vec(entry).unwrap();
        text.push(b'\n');
        (&self.file).write_all(&text).unwrap();
    }
}

/// What a journal comes to.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// The clocks and the mark at last: wall, steady, mark.
    pub(crate) at: Option<(i64, u64, u32)>,
    /// The highest that the wall clock ever stood.
    pub(crate) latest: i64,
    /// The local times of lines that the agent did not say it had written.
    pub(crate) open: BTreeSet<DateTime>,
    /// All local times.
    pub(crate) times: BTreeSet<DateTime>,
    pub(crate) lines: BTreeMap<Day, Vec<String>>,
    pub(crate) torn: BTreeMap<Day, Vec<String>>,
    pub(crate) shipped: BTreeSet<(Day, String)>,
    pub(crate) left: Vec<String>,
    pub(crate) refused: Vec<String>,
    pub(crate) wrong: Vec<String>,
}

impl History {
    pub(crate) fn read(path: &Path) -> Self {
        let mut history = Self::default();
        let text = fs::read(path).unwrap_or_default();
        let day = |text: &str| text.parse::<Day>().unwrap();
        for line in text.split_inclusive(|byte| *byte == b'\n').filter(|l| l.ends_with(b"\n")) {
            match serde_json::from_slice(line).unwrap() {
                Entry::At { wall, steady, mark } => {
                    history.at = Some((wall, steady, mark));
                    history.latest = history.latest.max(wall);
                }
                Entry::Trying { time } => {
                    history.open.insert(time);
                    history.times.insert(time);
                }
                Entry::Sampled { day: of, line } => {
                    let time = local_time(&line).unwrap();
                    let tried = tried(&history.open, time);
                    history.open.remove(&tried.unwrap_or_else(|| panic!("nobody tried {line}")));
                    history.lines.entry(day(&of)).or_default().push(line);
                }
                Entry::Refused { time, text } => {
                    history.open.remove(&time);
                    history.refused.push(text);
                }
                Entry::Foreign { day: of, line } => {
                    history.times.insert(local_time(&line).unwrap());
                    history.lines.entry(day(&of)).or_default().push(line);
                }
                Entry::Torn { day: of, text } => {
                    history.torn.entry(day(&of)).or_default().push(text);
                }
                Entry::Shipped { days } => {
                    history.shipped.extend(days.into_iter().map(|(of, sha)| (day(&of), sha)));
                }
                Entry::Left { text } => history.left.push(text),
                Entry::Wrong { text } => history.wrong.push(text),
            }
        }
        history
    }

    /// The last of what was said, for whoever looks for a cause.
    pub(crate) fn said(&self) -> Vec<&String> {
        [&self.wrong, &self.refused, &self.left]
            .into_iter()
            .filter_map(|said| said.last())
            .collect()
    }

    /// Whether a line of this time could be taken for another.
    pub(crate) fn is_taken(&self, time: DateTime) -> bool {
        let near = time.saturating_sub(MOMENT * 2)..=time.saturating_add(MOMENT * 2);
        self.times.range(near).next().is_some()
    }
}

/// The attempt that a line of this time comes from: to measure takes a moment.
pub(crate) fn tried(open: &BTreeSet<DateTime>, time: DateTime) -> Option<DateTime> {
    let tried = *open.range(..=time).next_back()?;
    (time.duration_since(tried) <= MOMENT).then_some(tried)
}

/// How long a sample takes at most, on the simulated clock.
pub(crate) const MOMENT: SignedDuration = SignedDuration::from_secs(10);

/// The time that a sample line begins with.
pub(crate) fn local_time(line: &str) -> Option<DateTime> {
    line.get(..19)?.replace(' ', "T").parse().ok()
}
