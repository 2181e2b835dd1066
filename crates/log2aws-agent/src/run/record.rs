//! `service.json`: what the running service knows, for `status` and `doctor`.
//!
//! They run in another environment than the service: without its sandbox, its time zone and its
//! proxy. So the service writes down its own view.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use rustix::fs::{Access, access};
use serde::{Deserialize, Serialize};

use super::port::{Facts, RunConfig};
use crate::spool;
use crate::world::zone_named;

/// The longest record that is read.
const MAX_FILE: u64 = 64 << 10;

/// What the service knows. It is written when something in it has changed; the time of the last
/// sample is in `last-sample.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRecord {
    /// The process.
    pub pid: u32,
    /// The version of the program.
    pub version: String,
    /// The name of the logs.
    pub server: String,
    /// The name of the service's time zone; `None` if it has none (`TZ=JST-9`).
    pub zone: Option<String>,
    /// The zone's present offset from UTC in seconds.
    pub utc_offset: i32,
    /// The proxy towards the API, as `host:port`; `None` for a direct connection, or no API.
    pub proxy: Option<String>,
    /// The time between two samples, in seconds.
    pub interval: u64,
    /// The folder of the day logs.
    pub log_dir: FolderView,
    /// The state folder.
    pub state_dir: FolderView,
    /// What is wrong with the config file. Nothing is delivered until it is right.
    pub config_error: Option<String>,
    /// What is wrong with the last sample.
    pub sample_problem: Option<String>,
    /// Whether it delivers at the moment.
    pub shipping: bool,
    /// The next attempt to deliver; `None` while it delivers, or without an API.
    pub next_ship: Option<Timestamp>,
}

/// A folder as the service sees it, inside its sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderView {
    /// The folder.
    pub path: PathBuf,
    /// Why no file can be made in it; `None` if one can.
    pub error: Option<String>,
}

impl FolderView {
    fn of(path: &Path) -> Self {
        let result = access(path, Access::WRITE_OK | Access::EXEC_OK);
        let error = result.err().map(|errno| io::Error::from(errno).to_string());
        Self { path: path.to_owned(), error }
    }
}

impl ServiceRecord {
    /// The view of this process.
    pub(super) fn of(config: &RunConfig, facts: &Facts, now: Timestamp) -> Self {
        let order = config.ship.as_ref();
        Self {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            server: config.spool.server.to_string(),
            zone: config.zone.iana_name().map(str::to_owned),
            utc_offset: config.zone.to_offset(now).seconds(),
            proxy: order.and_then(|order| order.proxy.clone()),
            interval: config.interval.duration().as_secs(),
            log_dir: FolderView::of(&config.spool.log_dir),
            state_dir: FolderView::of(&config.spool.state_dir),
            config_error: facts.config_error.clone(),
            sample_problem: facts.sample_problem.clone(),
            shipping: facts.shipping,
            next_ship: facts.next_ship,
        }
    }

    /// Its file in the state folder.
    pub fn path(state_dir: &Path) -> PathBuf {
        state_dir.join("service.json")
    }

    /// The record of the service that uses this state folder. `None` if none is running, or it has
    /// written none that is readable.
    pub fn load(state_dir: &Path) -> Option<Self> {
        if !super::is_running(state_dir).unwrap_or(false) {
            return None;
        }
        let mut text = Vec::new();
        File::open(Self::path(state_dir)).ok()?.take(MAX_FILE).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Saves it, replacing the previous one. It is not synced: after a crash there is no service
    /// that it could be the record of.
    pub(super) fn save(&self, state_dir: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        spool::replace(&Self::path(state_dir), &text, false)
    }

    /// The service's time zone; one without a name is its offset.
    pub fn time_zone(&self) -> TimeZone {
        let named = self.zone.as_deref().and_then(zone_named);
        let offset = || Offset::from_seconds(self.utc_offset).unwrap_or(Offset::UTC);
        named.unwrap_or_else(|| TimeZone::fixed(offset()))
    }

    /// The folder that the service cannot write, if there is one, and why.
    pub fn lost_folder(&self) -> Option<(&Path, &str)> {
        let folders = [&self.log_dir, &self.state_dir];
        folders.into_iter().find_map(|folder| Some((&*folder.path, folder.error.as_deref()?)))
    }
}
