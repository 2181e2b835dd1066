//! A record of what a simulated host did, written immediately so that it survives a kill.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use log2aws_core::day::Day;
use serde::{Deserialize, Serialize};

/// An event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Entry {
    /// The clocks in milliseconds, and the number of past marks.
    At { wall: i64, steady: u64, mark: u32 },
    /// A line with this local time is about to be written.
    Trying { time: DateTime },
    /// The agent reports that it was written.
    Sampled { day: String, line: String },
    /// The agent reports that it was not: no part of it is in the log.
    Refused { time: DateTime, text: String },
    /// A cron job has appended a line without a lock.
    Foreign { day: String, line: String },
    /// An incomplete line that a crash left at the end of a log.
    Torn { day: String, text: String },
    /// What `ship` reports as delivered: day and SHA-256.
    Shipped { days: Vec<(String, String)> },
    /// What `ship` reports as not delivered.
    Left { text: String },
    /// A violation.
    Wrong { text: String },
}

/// The journal of one host.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
}

impl Journal {
    /// Opens it for appending. An incomplete last entry is removed.
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

/// The state after a journal.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// The last clocks and mark: wall, steady, mark.
    pub(crate) at: Option<(i64, u64, u32)>,
    /// The latest time that the wall clock ever showed.
    pub(crate) latest: i64,
    /// The local times of lines without a report of success.
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

    /// The last messages, for finding a cause.
    pub(crate) fn said(&self) -> Vec<&String> {
        [&self.wrong, &self.refused, &self.left]
            .into_iter()
            .filter_map(|said| said.last())
            .collect()
    }

    /// Whether a line with this time would be ambiguous.
    pub(crate) fn is_taken(&self, time: DateTime) -> bool {
        let near = time.saturating_sub(MOMENT * 2)..=time.saturating_add(MOMENT * 2);
        self.times.range(near).next().is_some()
    }
}

/// The attempt that wrote a line with this time: measuring takes a moment.
pub(crate) fn tried(open: &BTreeSet<DateTime>, time: DateTime) -> Option<DateTime> {
    let tried = *open.range(..=time).next_back()?;
    (time.duration_since(tried) <= MOMENT).then_some(tried)
}

/// The longest duration of a sample on the simulated clock.
pub(crate) const MOMENT: SignedDuration = SignedDuration::from_secs(10);

/// The time at the start of a sample line.
pub(crate) fn local_time(line: &str) -> Option<DateTime> {
    line.get(..19)?.replace(' ', "T").parse().ok()
}
