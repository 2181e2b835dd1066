//! `ship` with a correct server, and with every known fault.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod answers;
mod backlog;
mod faults;
mod proxies;
mod server;
mod stores;
mod tls;
mod works;

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use log2aws_agent::net::Network;
use log2aws_agent::ship::{Days, Progress, ShipConfig, ShipError, ShipReport, run};
use log2aws_agent::spool::Spool;
use log2aws_agent::world::{ProcRoot, Time, World};

use self::server::Server;

/// Four minutes past midnight of the 22nd in Tokyo.
const NOW: &str = "2026-11-21T15:04:00Z";

/// The day before [`NOW`].
pub(crate) fn yesterday() -> Days {
    Days::Only("2026-11-21".parse().unwrap())
}

/// A clock that advances when somebody waits.
#[derive(Debug)]
pub(crate) struct Clock {
    slept: Cell<Duration>,
}

impl Clock {
    pub(crate) fn advance(&self, duration: Duration) {
        self.slept.set(self.slept.get() + duration);
    }
}

impl Time for Clock {
    fn now(&self) -> Timestamp {
        NOW.parse::<Timestamp>().unwrap() + self.slept.get()
    }

    fn elapsed(&self) -> Duration {
        self.slept.get()
    }

    fn sleep(&self, duration: Duration) {
        self.slept.set(self.slept.get() + duration);
    }

    fn jitter(&self) -> f64 {
        0.5
    }

    fn random(&self) -> std::io::Result<[u8; 32]> {
        Ok([7; 32])
    }
}

/// A machine with day logs.
pub(crate) struct Host {
    folder: tempfile::TempDir,
    pub(crate) clock: Clock,
}

impl Host {
    pub(crate) fn new(logs: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("log")).unwrap();
        let host = Self { folder, clock: Clock { slept: Cell::default() } };
        for (day, text) in logs {
            fs::write(host.log(day), text).unwrap();
        }
        host
    }

    pub(crate) fn log(&self, day: &str) -> PathBuf {
        self.folder.path().join(format!("log/{day}.log"))
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub(crate) fn record(&self, day: &str) -> PathBuf {
        self.state().join(format!("deliveries/web01/{day}.json"))
    }

    pub(crate) fn config(&self, server: &Server, days: Days) -> ShipConfig {
        ShipConfig {
            api: format!("http://{}/prod", server.address).parse().unwrap(),
            spool: Spool {
                log_dir: self.folder.path().join("log"),
                state_dir: self.state(),
                server: "web01".parse().unwrap(),
            },
            days,
            partial: false,
            dry_run: false,
            max_time: Duration::from_mins(5),
            upload_hosts: Vec::new(),
            keep: None,
            network: Network { stall: Duration::from_millis(300), ..Network::default() },
        }
    }

    pub(crate) fn run(&self, config: &ShipConfig) -> Result<ShipReport, ShipError> {
        let zone = TimeZone::get("Asia/Tokyo").unwrap();
        let world = World { time: &self.clock, zone, proc_root: ProcRoot::system() };
        let mut told = Vec::new();
        let report = run(config, &world, &mut |progress| {
            if let Progress::Day(day) = progress {
                told.push(day.to_string());
            }
        })?;
        let lines: Vec<String> = report.days.iter().map(ToString::to_string).collect();
        assert_eq!(told, lines);
        Ok(report)
    }

    /// Ships yesterday's log: its line and the exit code.
    pub(crate) fn ship(&self, server: &Server) -> (String, u8) {
        let report = self.run(&self.config(server, yesterday())).unwrap();
        assert_eq!(report.days.len(), 1);
        (report.days[0].to_string(), report.exit_code())
    }
}
