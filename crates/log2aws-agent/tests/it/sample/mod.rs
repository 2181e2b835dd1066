//! `sample` on recorded machines with known `vmstat` rows, and on this one; with unusual disks,
//! folders and clocks.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::cell::{Cell, RefCell};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use log2aws_agent::sample::{SampleConfig, SampleError, SampleMode, SampleReport, run};
use log2aws_agent::world::{ProcRoot, Time, World};
use log2aws_core::convert::{Converter, Sink};
use log2aws_core::line::Row;
use log2aws_core::reject::Reject;
use log2aws_core::sample::Sample;

mod live;
mod moments;
mod places;
mod recorded;

const INTERVAL: SampleMode = SampleMode::Interval { window: Duration::from_secs(6) };

fn recorded(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/proc").join(name)
}

fn row(name: &str, file: &str) -> Vec<String> {
    words(&fs::read_to_string(recorded(name).join(file)).unwrap())
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// The 17 columns at the end of a sample line.
fn vmstat_of(line: &str) -> Vec<String> {
    let words = words(line);
    words[words.len() - 17..].to_vec()
}

/// The samples of a log after conversion, with no line rejected.
fn read(log: &str) -> Vec<Sample> {
    struct Samples(Vec<Sample>);
    impl Sink for Samples {
        fn row(&mut self, row: &Row<'_>) {
            self.0.push(row.sample());
        }

        fn reject(&mut self, reject: Reject) {
            panic!("{reject:?}");
        }
    }
    let mut samples = Samples(Vec::new());
    let mut converter = Converter::new();
    converter.push(log.as_bytes(), &mut samples);
    converter.finish(&mut samples);
    samples.0
}

/// A machine at one recorded tree until somebody waits, then at the next.
#[derive(Debug)]
struct Recorded {
    folder: tempfile::TempDir,
    next: RefCell<Vec<PathBuf>>,
    now: Cell<Timestamp>,
    slept: Cell<Duration>,
}

impl Recorded {
    fn new(trees: &[PathBuf]) -> Self {
        let recorded = Self {
            folder: tempfile::tempdir().unwrap(),
            next: RefCell::new(trees.iter().rev().cloned().collect()),
            now: Cell::new("2026-11-22T14:59:58Z".parse().unwrap()),
            slept: Cell::default(),
        };
        recorded.advance();
        recorded
    }

    fn advance(&self) {
        if let Some(tree) = self.next.borrow_mut().pop() {
            let proc = self.root().join("proc");
            let _ = fs::remove_file(&proc);
            symlink(tree.join("proc"), &proc).unwrap();
        }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    fn config(&self, mode: SampleMode) -> SampleConfig {
        SampleConfig {
            log_dir: self.root().join("log"),
            state_dir: None,
            server: "web01".parse().unwrap(),
            note: Some("本番 DB".parse().unwrap()),
            mode,
            interval: None,
            sync: false,
        }
    }

    fn run(&self, config: &SampleConfig) -> Result<SampleReport, SampleError> {
        let proc_root = ProcRoot { path: self.root(), page_size: 4096, ticks_per_second: 100 };
        run(config, &World { time: self, zone: TimeZone::get("Asia/Tokyo").unwrap(), proc_root })
    }
}

impl Time for Recorded {
    fn now(&self) -> Timestamp {
        self.now.get()
    }

    fn elapsed(&self) -> Duration {
        self.slept.get()
    }

    fn sleep(&self, duration: Duration) {
        self.slept.set(self.slept.get() + duration);
        self.now.set(self.now.get() + duration);
        self.advance();
    }

    fn jitter(&self) -> f64 {
        0.0
    }

    fn random(&self) -> std::io::Result<[u8; 32]> {
        Ok([7; 32])
    }
}

/// Copies a folder with the folders in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
