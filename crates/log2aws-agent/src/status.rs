//! `status`: the state of the service, from the files that it and cron jobs left. Read-only.

use std::fmt;
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use log2aws_core::day::Day;
use serde::{Serialize, Serializer};

use crate::day_serde;
use crate::run::{self, Interval, Offset, Schedule, ServiceRecord, ShipWindow};
use crate::sample::{self, log_lines};
use crate::ship::{ApiUrl, LastShip};
use crate::spool::{Spool, SpoolError, with_hint};
use crate::world::World;

/// After this many intervals without a sample something is wrong.
const TIMEOUT: u32 = 3;

/// The settings of `status`.
#[derive(Clone, Debug)]
pub struct StatusConfig {
    /// The logs and the records of their deliveries.
    pub spool: Spool,
    /// The API; without it nothing is pending.
    pub api: Option<ApiUrl>,
    /// The time between two samples.
    pub interval: Interval,
    /// The time window of deliveries.
    pub window: ShipWindow,
}

/// The state of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The server.
    #[serde(serialize_with = "as_text")]
    pub server: log2aws_core::server_name::ServerName,
    /// Whether a `run` is active. `None` if unknown.
    pub running: Option<bool>,
    /// What the active `run` knows.
    pub service: Option<ServiceRecord>,
    /// When the last line was written.
    pub last_sample: Option<Timestamp>,
    /// Whether that is too long ago, or in the future.
    pub sample_overdue: bool,
    /// The time of the last delivery.
    pub last_delivery: Option<Timestamp>,
    /// The day of the last delivery.
    #[serde(serialize_with = "as_maybe_text")]
    pub last_delivered_day: Option<Day>,
    /// Undelivered days before today, oldest first. `None` if unknown: it depends on the API, and
    /// none is set.
    #[serde(serialize_with = "as_texts")]
    pub pending: Option<Vec<Day>>,
    /// The end of the last attempt to deliver.
    pub last_ship: Option<Timestamp>,
    /// Why it did not deliver everything, if so.
    pub last_error: Option<String>,
    /// A warning that another machine may deliver under the same name, if the store has shown that.
    pub name_conflict: Option<String>,
    /// The next attempt to deliver: the service's own plan, else this host's next moment. `None`
    /// without an API, while the service delivers, and while it is not running: then nothing is
    /// planned, and when a cron job delivers is not known.
    pub next_ship: Option<Timestamp>,
    /// Whether samples are recent, no day before yesterday is pending, and the service can write
    /// its folders and deliver.
    pub healthy: bool,
    #[serde(skip)]
    zone: TimeZone,
    #[serde(skip)]
    now: Timestamp,
}

/// Why the state is unknown.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// The logs or the records cannot be read.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The state folder cannot be read: an unreadable file would look like an absent one.
    #[error("the state folder {path} cannot be read: {source}")]
    State {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The clock is outside the years that logs can have.
    #[error("the clock says {0}; set it")]
    Clock(jiff::civil::Date),
}

/// Reads the state.
///
/// # Errors
/// [`StatusError`]
pub fn read(config: &StatusConfig, world: &World<'_>) -> Result<Status, StatusError> {
    let now = world.time.now();
    let service = ServiceRecord::load(&config.spool.state_dir);
    // Its days and times are those of its own zone.
    let zone = service.as_ref().map_or_else(|| world.zone.clone(), ServiceRecord::time_zone);
    let date = now.to_zoned(zone.clone()).date();
    let today = Day::from_date(date).ok_or(StatusError::Clock(date))?;
    let spool = &config.spool;
    if let Err(source) = std::fs::read_dir(&spool.state_dir)
        && source.kind() != io::ErrorKind::NotFound
    {
        let source = with_hint(&spool.state_dir, source);
        return Err(StatusError::State { path: spool.state_dir.clone(), source });
    }
    let pending = match &config.api {
        Some(api) => match spool.pending(&api.to_string(), today) {
            Err(SpoolError::Missing(_)) => Some(Vec::new()),
            result => Some(result?),
        },
        None => None,
    };
    let schedule = Schedule {
        interval: config.interval,
        window: config.window,
        offset: Offset::of(&spool.server),
        zone: zone.clone(),
    };
    // A cron job of another sampler leaves nothing but its lines.
    let saved = sample::last(&spool.state_dir).map(|last| last.at);
    let last_sample = saved.max(last_line(spool, today, &zone));
    let sample_overdue = is_overdue(last_sample, now, config.interval);
    let last = LastShip::load(&spool.state_dir);
    let delivered = last.as_ref().and_then(|last| last.delivered);
    let yesterday = date.yesterday().ok().and_then(Day::from_date);
    let first = pending.iter().flatten().next();
    let old = first.is_some_and(|day| yesterday.is_none_or(|yesterday| *day < yesterday));
    let is_hindered = service.as_ref().is_some_and(|service| {
        service.config_error.is_some()
            || service.lost_folder().is_some()
            || service.sample_problem.is_some()
    });
    let running = run::is_running(&spool.state_dir).ok();
    let next_ship = match &service {
        // A record that a service left behind when it ended plans nothing.
        _ if running == Some(false) => None,
        Some(service) => service.next_ship,
        None => config.api.as_ref().map(|_| schedule.next_moment(now)),
    };
    Ok(Status {
        server: spool.server.clone(),
        running,
        last_sample,
        sample_overdue,
        last_delivery: delivered.map(|delivery| delivery.at),
        last_delivered_day: delivered.map(|delivery| delivery.day),
        pending,
        last_ship: last.as_ref().map(|last| last.at),
        last_error: last.as_ref().and_then(|last| last.error.clone()),
        name_conflict: last.and_then(|last| last.name_conflict),
        next_ship,
        healthy: !sample_overdue && !old && !is_hindered,
        service,
        zone,
        now,
    })
}

/// The time of the last line in the newest log that is not of a future day.
fn last_line(spool: &Spool, today: Day, zone: &TimeZone) -> Option<Timestamp> {
    let logs = spool.logs().ok()?;
    let day = logs.days.iter().rev().find(|day| **day <= today)?;
    log_lines::read(&spool.log_dir.join(format!("{day}.log"))).ok()?.last(zone)
}

/// Whether a sample is missing. One further in the future than the next is from a wrong clock, and
/// is ignored.
fn is_overdue(last: Option<Timestamp>, now: Timestamp, interval: Interval) -> bool {
    let interval = interval.duration();
    let tolerance = interval.saturating_mul(TIMEOUT);
    last.is_none_or(|at| {
        now.checked_sub(tolerance).is_ok_and(|bound| at < bound)
            || now.checked_add(interval).is_ok_and(|bound| at > bound)
    })
}

impl Status {
    /// Whether samples are recent and no day before yesterday is pending.
    pub fn is_healthy(&self) -> bool {
        self.healthy
    }

    /// What keeps the running service from sampling or delivering.
    fn problem(&self) -> Option<String> {
        let service = self.service.as_ref()?;
        if let Some((path, error)) = service.lost_folder() {
            let path = path.display();
            return Some(format!(
                ", but cannot write {path} ({error}); systemctl restart log2aws-agent"
            ));
        }
        if let Some(error) = &service.config_error {
            return Some(format!(", but delivers nothing until its config is right: {error}"));
        }
        service.sample_problem.as_ref().map(|problem| format!(", but reports: {problem}"))
    }

    fn clock(&self, at: Timestamp) -> String {
        let zoned = at.to_zoned(self.zone.clone());
        strtime::format("%F %T %Z", &zoned).unwrap_or_else(|_| at.to_string())
    }
}

impl fmt::Display for Status {
    /// Lines, each with its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let maybe = |at: Option<Timestamp>| at.map(|at| self.clock(at));
        let never = || "never".to_owned();
        writeln!(f, "server:         {}", self.server)?;
        let service = match self.running {
            Some(true) => "at work",
            Some(false) => "not running (a cron job may be sampling and shipping)",
            None => "cannot be known: its lock cannot be opened",
        };
        writeln!(f, "service:        {service}{}", self.problem().unwrap_or_default())?;
        write!(f, "last sample:    {}", maybe(self.last_sample).unwrap_or_else(never))?;
        let overdue = match (self.sample_overdue, self.last_sample) {
            (false, _) | (true, None) => "",
            (true, Some(at)) if at > self.now => ", which is yet to come; was the clock ahead?",
            (true, Some(_)) => " (overdue)",
        };
        writeln!(f, "{overdue}")?;
        write!(f, "last delivery:  {}", maybe(self.last_delivery).unwrap_or_else(never))?;
        match self.last_delivered_day {
            Some(day) => writeln!(f, ", the log of {day}")?,
            None => writeln!(f)?,
        }
        let pending = match self.pending.as_deref() {
            None => "cannot be known: no API to ship to is named (--api)".to_owned(),
            Some([]) => "nothing".to_owned(),
            Some([day]) => day.to_string(),
            Some(days @ [first, .., last]) => format!("{first} to {last} ({} logs)", days.len()),
        };
        writeln!(f, "pending:        {pending}")?;
        let error = self.last_error.as_deref().unwrap_or("none");
        writeln!(f, "last error:     {error}")?;
        if let Some(warning) = &self.name_conflict {
            writeln!(f, "warning:        {warning}")?;
        }
        let next = match (&self.service, maybe(self.next_ship)) {
            (_, Some(next)) => next,
            (_, None) if self.running == Some(false) && self.pending.is_some() => {
                "none: the service is not running".to_owned()
            }
            (Some(service), None) if service.shipping => "it delivers now".to_owned(),
            (Some(service), None) if service.config_error.is_some() => {
                "none until the config is right".to_owned()
            }
            (_, None) => "never: no API to ship to is named (--api)".to_owned(),
        };
        writeln!(f, "next delivery:  {next}")
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    clippy::ref_option,
    reason = "serde calls it with a reference"
)]
fn as_maybe_text<S: Serializer>(day: &Option<Day>, serializer: S) -> Result<S::Ok, S::Error> {
    match day {
        Some(day) => day_serde::day::serialize(day, serializer),
        None => serializer.serialize_none(),
    }
}

fn as_text<S: Serializer>(name: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(name)
}

#[expect(clippy::ref_option, reason = "serde calls it with a reference")]
fn as_texts<S: Serializer>(days: &Option<Vec<Day>>, serializer: S) -> Result<S::Ok, S::Error> {
    match days {
        Some(days) => day_serde::days::serialize(days, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_long_ago_or_yet_to_come_is_overdue() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let is = |at: &str| is_overdue(Some(at.parse().unwrap()), now, Interval::DEFAULT);
        assert!(
            is("2026-11-24T11:29:59Z") && is("2026-11-24T12:10:01Z") && is("2031-01-01T00:00:00Z")
        );
        assert!(!is("2026-11-24T11:30:00Z") && !is("2026-11-24T12:10:00Z"));
        assert!(is_overdue(None, now, Interval::DEFAULT));
    }
}
