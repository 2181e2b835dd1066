//! `doctor` on machines with one real fault each.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod answers;
mod child;
mod connection;
mod home;
mod server;

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use log2aws_agent::doctor::{Check, DoctorConfig, Finding, Report, Verdict, run};
use log2aws_agent::net::Network;
use log2aws_agent::run::RunLock;
use log2aws_agent::world::{ProcRoot, Time, World, ZoneSource};

/// Ten past nine in the morning in Tokyo.
pub(crate) const NOW: &str = "2026-11-22T00:10:05Z";

/// A line of a quiet machine, from its uptime on.
pub(crate) const REST: &str =
    "up 5 days, 20:04, 1 user, load average: 0.24, 0.24, 0.16 1 0 0 9 9 9 0 0 1 5 9 9 2 1 97 0 0";

/// A fixed clock.
#[derive(Debug)]
pub(crate) struct Clock {
    pub(crate) now: Cell<Timestamp>,
}

impl Time for Clock {
    fn now(&self) -> Timestamp {
        self.now.get()
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _: Duration) {}

    fn jitter(&self) -> f64 {
        0.5
    }

    fn random(&self) -> std::io::Result<[u8; 32]> {
        Ok([7; 32])
    }
}

/// A machine that samples correctly and delivers nothing.
pub(crate) struct Host {
    folder: tempfile::TempDir,
    pub(crate) clock: Clock,
    service: Option<RunLock>,
}

impl Host {
    /// One without a fault, except that it has no API.
    pub(crate) fn right() -> Self {
        // Not in the folder for temporary files, which may be a tmpfs.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        for name in ["log", "state", "root"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let service = Some(RunLock::take(&folder.path().join("state")).unwrap());
        let clock = Clock { now: Cell::new(NOW.parse().unwrap()) };
        let host = Self { folder, clock, service };
        host.log_lines("2026-11-22", &["08:40:01", "08:50:01", "09:00:01", "09:10:01"]);
        host
    }

    pub(crate) fn stop_service(&mut self) {
        self.service = None;
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes a day's log with a line at each of these times.
    pub(crate) fn log_lines(&self, day: &str, times: &[&str]) {
        let head = "# log2aws/1 server=web01 cores=2 tz=Asia/Tokyo mode=interval\n".to_owned();
        let lines = times.iter().map(|time| format!("{day} {time} {REST}\n"));
        self.write(&format!("log/{day}.log"), &(head + &lines.collect::<String>()));
    }

    pub(crate) fn config(&self) -> DoctorConfig {
        DoctorConfig {
            config_file: None,
            unread_settings: None,
            server: Ok("web01".parse().unwrap()),
            is_named_by_host: false,
            zone: ZoneSource::default(),
            log_dir: self.path("log"),
            state_dir: self.path("state"),
            interval: Duration::from_mins(10),
            api: None,
            network: Network::default(),
            upload_hosts: Vec::new(),
        }
    }

    pub(crate) fn asking(&self, api: &str) -> DoctorConfig {
        DoctorConfig { api: Some(api.parse().unwrap()), ..self.config() }
    }

    /// Runs the doctor, which must not change anything.
    pub(crate) fn run(&self, config: &DoctorConfig) -> Report {
        let proc_root = ProcRoot { path: self.path("root"), ..ProcRoot::system() };
        let zone = TimeZone::get("Asia/Tokyo").unwrap();
        let before = contents(self.folder.path());
        let report = run(config, &World { time: &self.clock, zone, proc_root });
        assert_eq!(contents(self.folder.path()), before, "the doctor writes nothing");
        report
    }

    /// The faults of the machine, apart from the missing API.
    pub(crate) fn faults_at_home(&self) -> Vec<Finding> {
        faults(&self.run(&self.config())).into_iter().filter(|f| f.check != Check::Api).collect()
    }
}

/// Everything that is not ok.
pub(crate) fn faults(report: &Report) -> Vec<Finding> {
    report.findings.iter().filter(|finding| finding.verdict != Verdict::Ok).cloned().collect()
}

/// The only fault, as text.
pub(crate) fn only(faults: &[Finding]) -> String {
    let [fault] = faults else { panic!("not one fault: {faults:#?}") };
    fault.to_string()
}

/// Names, sizes and bytes of everything under `folder`.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
            let bytes = fs::read(entry.path()).unwrap_or_default();
            all.push((entry.path(), bytes));
        }
    }
    all.sort();
    all
}
