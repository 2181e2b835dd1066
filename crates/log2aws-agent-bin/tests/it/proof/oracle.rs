//! The invariants: at every moment, and at the end.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use log2aws_core::day::Day;
use log2aws_core::metadata::Metadata;

use super::journal::{History, local_time, tried};
use super::server::{HOST, Served, Stored};
use super::simulation::Home;

/// A kill can interrupt a write at this granularity.
const PAGE: usize = 4096;

/// The invariants between processes: nothing is recorded as delivered, or removed, that the store
/// does not have; and no written line is gone.
pub(crate) fn check(home: &Home, served: &Served) -> History {
    let history = History::read(&home.journal());
    assert!(history.wrong.is_empty(), "{:#?}", history.wrong);
    let mut stored = Store { served, versions: BTreeMap::new() };
    for (day, sha256) in records(&home.state_dir(), HOST).iter().chain(&history.shipped) {
        let is_there = stored.versions(*day).iter().any(|version| version.sha256 == *sha256);
        assert!(is_there, "{day} with {sha256} counts as delivered; the store does not have it");
    }
    for (day, lines) in &history.lines {
        let text = fs::read(log(home, *day)).ok();
        let text = text.unwrap_or_else(|| {
            let newest = stored.versions(*day).first();
            newest.unwrap_or_else(|| panic!("the log of {day} is gone undelivered")).bytes.clone()
        });
        for line in lines {
            let count = text.split(|byte| *byte == b'\n').filter(|l| *l == line.as_bytes()).count();
            assert_eq!(count, 1, "{day}: {line:?} stands {count} times in what is left of the log");
        }
    }
    history
}

/// The invariants after all deliveries: each log in the store equals the local one, and every line
/// in it was sampled, exactly once, in the log of its day.
pub(crate) fn check_end(home: &Home, served: &Served) -> History {
    let history = check(home, served);
    for day in days(&home.log_dir()) {
        let versions = served.versions(day);
        let newest = versions.first().unwrap_or_else(|| panic!("{day} was never delivered"));
        let here = fs::read(log(home, day)).unwrap();
        assert!(newest.bytes == here, "{day}: the store has other bytes than stand here");
    }
    for day in history.lines.keys().chain(history.torn.keys()) {
        assert!(!served.versions(*day).is_empty(), "{day} was never delivered");
    }
    for key in served.keys() {
        let day = key.strip_prefix(&format!("{HOST}/")).and_then(|k| k.strip_suffix(".log"));
        let day: Day = day.unwrap_or_else(|| panic!("{key}")).parse().unwrap();
        explain(day, &served.versions(day)[0].bytes, &history);
    }
    let strays = strays(&home.log_dir(), &home.state_dir(), HOST);
    assert!(strays.is_empty(), "left behind: {strays:?}");
    history
}

/// Accounts for each line of a stored log.
fn explain(day: Day, bytes: &[u8], history: &History) {
    let (mut heads, mut open) = (0, history.open.clone());
    let mut torn = history.torn.get(&day).cloned().unwrap_or_default();
    let mut sampled = history.lines.get(&day).cloned().unwrap_or_default();
    let mut end = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        end += line.len();
        let line = std::str::from_utf8(line).unwrap();
        let line = line.strip_suffix('\n').unwrap_or(line);
        let time = local_time(line);
        if let Some(at) = sampled.iter().position(|sampled| sampled == line) {
            sampled.swap_remove(at);
            assert_eq!(time.unwrap().date(), day.date(), "{line:?} stands in the log of {day}");
        } else if let Some(at) = torn.iter().position(|torn| torn == line) {
            torn.swap_remove(at);
        } else if Metadata::parse(line.as_bytes()).is_some() {
            heads += 1;
        } else {
            // Written, and killed before the report. A kill ends a write at a page boundary.
            let tried = time.and_then(|time| tried(&open, time));
            let tried = tried.unwrap_or_else(|| panic!("{day}: nobody sampled {line:?}"));
            open.remove(&tried);
            assert!(is_whole(line) || (end - 1) % PAGE == 0, "{day}: a part of a line: {line:?}");
            assert_eq!(time.unwrap().date(), day.date(), "{line:?} stands in the log of {day}");
        }
    }
    assert!(sampled.is_empty(), "{day}: not in the store: {sampled:#?}");
    // A log whose first line did not fit is empty.
    assert_eq!(heads, usize::from(!bytes.is_empty()), "{day}: metadata lines");
}

/// Three averages and seventeen columns of `vmstat`.
pub(crate) fn is_whole(line: &str) -> bool {
    let numbers = line.split_once("load average: ").map(|(_, numbers)| numbers.split_whitespace());
    numbers.is_some_and(|numbers| numbers.count() == 20)
}

struct Store<'a> {
    served: &'a Served,
    versions: BTreeMap<Day, Vec<Stored>>,
}

impl Store<'_> {
    fn versions(&mut self, day: Day) -> &[Stored] {
        self.versions.entry(day).or_insert_with(|| self.served.versions(day))
    }
}

/// The file of a day's log.
pub(crate) fn log(home: &Home, day: Day) -> PathBuf {
    home.log_dir().join(format!("{day}.log"))
}

/// The days that have a log here.
pub(crate) fn days(log_dir: &Path) -> Vec<Day> {
    names(log_dir).iter().map(|name| name.strip_suffix(".log").unwrap().parse().unwrap()).collect()
}

/// The recorded deliveries: day and SHA-256. Garbage does not count.
pub(crate) fn records(state_dir: &Path, host: &str) -> Vec<(Day, String)> {
    let folder = state_dir.join("deliveries").join(host);
    let record = |name: &String| {
        let day = name.strip_suffix(".json")?.parse().ok()?;
        let text = fs::read(folder.join(name)).ok()?;
        let record: serde_json::Value = serde_json::from_slice(&text).ok()?;
        Some((day, record["sha256"].as_str()?.to_owned()))
    };
    names(&folder).iter().filter_map(record).collect()
}

/// Leftover files: each kill would leave one more.
pub(crate) fn strays(log_dir: &Path, state_dir: &Path, host: &str) -> Vec<String> {
    let mut strays = names(log_dir);
    strays.retain(|name| name.strip_suffix(".log").is_none());
    let state = names(state_dir);
    strays.extend(state.into_iter().filter(|name| !KEPT.contains(&name.as_str())));
    let records = names(&state_dir.join("deliveries").join(host));
    strays.extend(records.into_iter().filter(|name| name.strip_suffix(".json").is_none()));
    strays
}

/// The expected content of a state folder.
const KEPT: [&str; 7] = [
    "deliveries",
    "last-sample.json",
    "last-ship.json",
    "reserve",
    "run.lock",
    "ship.lock",
    "store.json",
];

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
