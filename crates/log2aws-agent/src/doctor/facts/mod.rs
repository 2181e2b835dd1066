//! The facts that the doctor judges, collected from this machine and from the API.
//!
//! Nothing is written, locked or delivered. One request asks for a URL for an empty log, as `ship`
//! does; the URL is inspected and discarded. If the store is another host than the API, a second one
//! asks for nothing there (HEAD).

use std::path::PathBuf;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use log2aws_core::day::Day;
use log2aws_core::server_key::PublicKey;
use rustix::process::geteuid;

use crate::net::CaError;
use crate::run::{self, ServiceRecord};
use crate::sample;
use crate::sample::log_lines::{self, Lines};
use crate::server_keys::{ServerKeys, ServerKeysError};
use crate::spool::{Logs, Spool, SpoolError};
use crate::world::{World, latest_day};

use super::DoctorConfig;

pub(crate) mod api;
pub(crate) mod folder;

use self::api::{ApiResponse, Probe};
use self::folder::Folder;

/// All facts.
#[derive(Debug)]
pub(crate) struct Facts {
    /// The zone of the logs: the running service's, else that of this process.
    pub(crate) zone: TimeZone,
    /// The current time, and the local day.
    pub(crate) now: Timestamp,
    pub(crate) today: Day,
    /// The latest day that it is now in any zone.
    pub(crate) latest: Day,
    /// The user id of this process.
    pub(crate) user: u32,
    pub(crate) log_dir: Folder,
    pub(crate) state_dir: Folder,
    /// The content of the log folder, if it is readable.
    pub(crate) logs: Option<Logs>,
    /// The newest log that is not in the future, and its lines.
    pub(crate) newest: Option<(Day, std::io::Result<Lines>)>,
    /// The time of the last sample with this state folder.
    pub(crate) last_sample: Option<Timestamp>,
    /// Whether `run` uses this state folder.
    pub(crate) service: bool,
    /// What it has written down, if it runs.
    pub(crate) record: Option<ServiceRecord>,
    /// The public key of this server, if it has one.
    pub(crate) key: Result<Option<PublicKey>, ServerKeysError>,
    /// Undelivered logs of past days, if there are an API and a server name.
    pub(crate) pending: Option<Result<Vec<Day>, SpoolError>>,
    /// The connection to the API and its response, if there is an API.
    pub(crate) api: Option<Result<Probe<ApiResponse>, CaError>>,
}

/// Collects the facts. `None` if the clock is outside the years that logs can have.
pub(crate) fn gather(config: &DoctorConfig, world: &World<'_>) -> Option<Facts> {
    let now = world.time.now();
    let record = ServiceRecord::load(&config.state_dir);
    let zone = record.as_ref().map_or_else(|| world.zone.clone(), ServiceRecord::time_zone);
    let today = Day::from_date(now.to_zoned(zone.clone()).date())?;
    let spool = |server| Spool {
        log_dir: config.log_dir.clone(),
        state_dir: config.state_dir.clone(),
        server,
    };
    // The list of logs does not depend on the name.
    let any_name = config.server.clone().or_else(|_| "unnamed".parse());
    let logs = any_name.ok().and_then(|server| spool(server).logs().ok());
    let path = |day: Day| -> PathBuf { config.log_dir.join(format!("{day}.log")) };
    let newest = logs.as_ref().and_then(|logs| logs.days.iter().rev().find(|day| **day <= today));
    let pending = config.api.as_ref().zip(config.server.as_ref().ok());
    let yesterday = today.date().yesterday().ok().and_then(Day::from_date);
    let keys = ServerKeys::load(&config.state_dir);
    let usable = keys.as_ref().cloned().unwrap_or_default();
    Some(Facts {
        now,
        today,
        latest: latest_day(now).unwrap_or(today),
        user: geteuid().as_raw(),
        log_dir: folder::inspect(&config.log_dir),
        state_dir: folder::inspect(&config.state_dir),
        newest: newest.map(|day| (*day, log_lines::read(&path(*day)))),
        last_sample: sample::last(&config.state_dir).map(|last| last.at),
        service: run::is_running(&config.state_dir).unwrap_or(false),
        record,
        zone,
        key: keys.map(|keys| keys.newest()),
        pending: pending
            .map(|(api, server)| spool(server.clone()).pending(&api.to_string(), today)),
        logs,
        api: match (&config.api, &config.server, yesterday) {
            (Some(api), Ok(server), Some(day)) => {
                Some(api::ask(api, server, day, config, &usable, world))
            }
            _ => None,
        },
    })
}
