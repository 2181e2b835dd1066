//! `ship`: day logs into the raw bucket, each once, with proof.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use jiff::Timestamp;
use log2aws_core::day::Day;

use crate::spool::{self, Deliveries, Delivery, LogFile};
use crate::world::World;

use self::attempt::{Failure, Shipper};
use self::http::Client;

mod answer;
mod attempt;
mod ca;
mod config;
mod http;
mod last;
mod proxy;
mod rate;
mod report;
mod retry;
mod upload_host;

pub use self::ca::CaError;
pub use self::config::{
    ApiUrl, ApiUrlError, DEFAULT_MAX_TIME, DEFAULT_STALL, Days, Network, Proxy, ShipConfig,
};
pub use self::last::{LastDelivery, LastShip};
pub use self::rate::{RateError, parse_rate};
pub use self::report::{DayReport, Outcome, Progress, ShipReport};
pub use self::upload_host::{HostPattern, HostPatternError};

/// Why nothing was tried at all.
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    /// The state folder cannot be used; without it a delivery could not be written down.
    #[error(
        "the state folder {path} cannot be used: {source}; run as the user who owns it, or name \
         another with --state-dir"
    )]
    State {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Two at once would deliver everything twice.
    #[error("another ship is at work with the state folder {0}; wait for it to end")]
    Busy(PathBuf),
    /// The logs cannot be listed.
    #[error("the log folder {path} cannot be read: {source}; name another with --log-dir")]
    Logs {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// `--since` names a day that is not over.
    #[error("{0} is not over yet; --since takes days up to yesterday, --date takes any")]
    NotOver(Day),
    /// No day has such a date.
    #[error("the clock says {0}; set it, or no log can be told from another")]
    Clock(jiff::civil::Date),
    /// The certificates that were named cannot be used.
    #[error(transparent)]
    Ca(#[from] CaError),
}

/// Ships the days that `config` names, oldest first, and tells how it goes.
///
/// # Errors
/// [`ShipError`] if nothing could be tried. What goes wrong with a day is in the report.
pub fn run(
    config: &ShipConfig,
    world: &World<'_>,
    tell: &mut dyn FnMut(Progress<'_>),
) -> Result<ShipReport, ShipError> {
    let client = Client::new(&config.network)?;
    // Held until the end of this function.
    let _lock = if config.dry_run { None } else { Some(lock(config)?) };
    let plan = Plan::new(config, world)?;

    let deadline = world.time.elapsed().saturating_add(config.max_time);
    let mut shipper = Shipper::new(config, &client, world.time, deadline, tell);
    let deliveries = Deliveries::new(&config.state_dir, &config.server);
    let backlog = !matches!(config.days, Days::Only(_));
    let mut report = ShipReport { days: Vec::with_capacity(plan.days.len()), backlog };
    let mut go_on = true;
    for day in plan.days {
        let outcome =
            if go_on { ship_day(&mut shipper, &deliveries, day, plan.today) } else { Err(None) };
        let outcome = outcome.unwrap_or_else(|failure| {
            go_on &= matches!(failure, Some(Failure::ThisLog(_)));
            Outcome::from(failure)
        });
        let day = DayReport { day, file: spool::path(&config.log_dir, day), outcome };
        shipper.tell(Progress::Day(&day));
        report.days.push(day);
    }
    if !config.dry_run {
        let last = last_ship(config, world, &shipper, &deliveries, &report, plan.today);
        if let Err(error) = last.save(&config.state_dir) {
            tracing::warn!(%error, "how this ship went cannot be written down");
        }
    }
    Ok(report)
}

/// Which days are taken, and which day it is.
struct Plan {
    days: Vec<Day>,
    today: Day,
}

impl Plan {
    fn new(config: &ShipConfig, world: &World<'_>) -> Result<Self, ShipError> {
        if let Days::Only(day) = config.days {
            return Ok(Self { days: vec![day], today: today(world)? });
        }
        // The logs before the clock: at midnight, the log of a new day is not one of the future.
        let mut days = spool::days(&config.log_dir)
            .map_err(|source| ShipError::Logs { path: config.log_dir.clone(), source })?;
        let today = today(world)?;
        match config.days {
            Days::Since(first) if first > today || first == today && !config.partial => {
                return Err(ShipError::NotOver(first));
            }
            Days::Since(first) => days.retain(|day| *day >= first),
            Days::Pending | Days::Only(_) => {
                let deliveries = Deliveries::new(&config.state_dir, &config.server);
                days.retain(|day| !is_delivered(config, &deliveries, *day));
            }
        }
        days.retain(|day| *day != today || config.partial);
        Ok(Self { days, today })
    }
}

fn today(world: &World<'_>) -> Result<Day, ShipError> {
    let date = world.time.now().to_zoned(world.zone.clone()).date();
    Day::from_date(date).ok_or(ShipError::Clock(date))
}

/// Makes the state folder and keeps others out of it.
fn lock(config: &ShipConfig) -> Result<File, ShipError> {
    let path = &config.state_dir;
    let failed = |source| ShipError::State { path: path.clone(), source };
    fs::create_dir_all(path).map_err(failed)?;
    let lock = File::create(path.join("ship.lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(ShipError::Busy(path.clone())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn ship_day(
    shipper: &mut Shipper<'_>,
    deliveries: &Deliveries,
    day: Day,
    today: Day,
) -> Result<Outcome, Option<Failure>> {
    let config = shipper.config;
    let path = spool::path(&config.log_dir, day);
    if day > today {
        return Err(Some(Failure::ThisLog(format!(
            "{} is the log of a day that has not come, for it is {today} here; set this machine's \
             clock (or TZ) right, or move the file away",
            path.display()
        ))));
    }
    let mut log = LogFile::open(&path).map_err(|error| {
        let path = path.display();
        Failure::ThisLog(if error.kind() == ErrorKind::NotFound {
            format!(
                "{path} does not exist; was nothing sampled, or is the log elsewhere (--log-dir)?"
            )
        } else if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
            format!("{path} is a symbolic link, which is not followed; put the log itself there")
        } else {
            format!("{path} cannot be read: {error}")
        })
    })?;
    let record = deliveries.path(day);
    let before = deliveries.load(day).map_err(|error| {
        let record = record.display();
        Failure::Everything(format!("the record {record} cannot be read: {error}; not delivered"))
    })?;
    let api = config.api.to_string();
    let before = before.filter(|delivery| delivery.api == api);
    let (size, sha256) = (log.size, log.sha256_hex());
    let again = match before {
        Some(delivery) if delivery.sha256 == sha256 && delivery.size == size => {
            return Ok(Outcome::AlreadyDelivered { at: delivery.delivered_at });
        }
        other => other.is_some(),
    };
    if config.dry_run {
        return Ok(Outcome::WouldDeliver { size, sha256, again });
    }

    let receipt = shipper.deliver(day, &mut log)?;
    let delivery = Delivery {
        sha256: sha256.clone(),
        size,
        delivered_at: shipper.time.now(),
        api,
        etag: receipt.etag,
        version_id: receipt.version_id,
    };
    deliveries.save(day, &delivery).map_err(|error| {
        let record = record.display();
        Failure::Everything(format!(
            "the store has the log, but that cannot be written down in {record}: {error}; the next \
             run delivers it again, which does no harm"
        ))
    })?;
    let milliseconds = u64::try_from(receipt.took.as_millis()).unwrap_or(u64::MAX);
    shipper.delivered =
        Some(LastDelivery { day, at: delivery.delivered_at, bytes: size, milliseconds });
    Ok(Outcome::Delivered { size, sha256, again, attempts: receipt.attempts, milliseconds })
}

fn last_ship(
    config: &ShipConfig,
    world: &World<'_>,
    shipper: &Shipper<'_>,
    deliveries: &Deliveries,
    report: &ShipReport,
    today: Day,
) -> LastShip {
    let before = LastShip::load(&config.state_dir);
    let mut pending = spool::days(&config.log_dir).unwrap_or_default();
    pending.retain(|day| *day < today && !is_delivered(config, deliveries, *day));
    let at: Timestamp = world.time.now();
    LastShip {
        at,
        pending,
        delivered: shipper.delivered.or_else(|| before.as_ref()?.delivered),
        error: report.error(),
        exit_code: report.exit_code(),
        source: shipper.source.or_else(|| before.as_ref()?.source),
        not_before: shipper.not_before,
    }
}

fn is_delivered(config: &ShipConfig, deliveries: &Deliveries, day: Day) -> bool {
    let size = fs::metadata(spool::path(&config.log_dir, day)).map(|log| log.len()).ok();
    matches!(deliveries.load(day), Ok(Some(delivery))
        if delivery.api == config.api.to_string() && Some(delivery.size) == size)
}
