//! `ship`: delivers day logs to the raw bucket, each once, with a record.

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};

use log2aws_core::day::Day;

use crate::net::CaError;
use crate::net::client::Client;
use crate::server_keys::{ServerKeys, ServerKeysError};
use crate::spool::state::{self, Lock};
use crate::spool::{SHIP_LOCK, SpoolError, StateError, with_hint};
use crate::world::World;

use self::attempt::{RunFindings, Shipper};
use self::attempt_error::Failure;
use self::plan::Plan;

pub(crate) mod answer;
pub(crate) mod attempt;
mod attempt_error;
mod config;
mod last;
mod one_day;
mod plan;
mod report;
mod retry;
mod upload_host;

pub use self::config::{ApiUrl, ApiUrlError, DEFAULT_MAX_TIME, Days, ShipConfig};
pub use self::last::{LastDelivery, LastShip};
pub use self::report::{DayReport, Outcome, Progress, ShipReport, day_range};
pub(crate) use self::retry::backoff;
pub use self::upload_host::{HostPattern, HostPatternError};

/// Why nothing was attempted.
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    /// The state folder cannot be used; without it a delivery could not be recorded.
    #[error(transparent)]
    State(#[from] StateError),
    /// Another `ship` is running, and everything would be delivered twice.
    #[error("another ship is at work with the state folder {0}; wait for it to end")]
    Busy(PathBuf),
    /// The log folder is not trusted, or cannot be read.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// `--since` is a day that is not over.
    #[error(
        "{0} is not over yet; --since takes days before today, and today with --partial, --date \
         takes today, too"
    )]
    NotOver(Day),
    /// The clock is outside the years that logs can have.
    #[error("the clock says {0}; a day log needs a year of four digits: set the clock")]
    Clock(jiff::civil::Date),
    /// The CA file cannot be used.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// The server's key cannot be used.
    #[error(transparent)]
    Keys(#[from] ServerKeysError),
}

/// Ships the days selected by `config`, oldest first (but the newest early if two in a row failed),
/// and reports progress. The result is also saved in the state folder: see [`LastShip`].
///
/// # Errors
/// [`ShipError`] if nothing could be attempted. Errors of single days are in the report.
pub fn run(
    config: &ShipConfig,
    world: &World<'_>,
    on_progress: &mut dyn FnMut(Progress<'_>),
) -> Result<ShipReport, ShipError> {
    let mut findings = RunFindings::default();
    if config.dry_run {
        return ship(config, world, on_progress, &mut findings);
    }
    // Held until the end of this function.
    let _lock = lock(&config.spool.state_dir)?;
    let mut result = ship(config, world, on_progress, &mut findings);
    if let Ok(report) = &mut result {
        expire(config, world, report, on_progress);
    }
    let last = last::of(config, world, &findings, result.as_ref());
    let saved = last.save(&config.spool.state_dir);
    if let (Ok(report), Err(error)) = (&mut result, saved) {
        let path = LastShip::path(&config.spool.state_dir);
        let error = with_hint(&path, error);
        let warning = format!(
            "{} cannot be written, so others will not know how this went: {error}",
            path.display()
        );
        on_progress(Progress::Warning(&warning));
        report.warnings.push(warning);
    }
    result
}

fn ship(
    config: &ShipConfig,
    world: &World<'_>,
    on_progress: &mut dyn FnMut(Progress<'_>),
    findings: &mut RunFindings,
) -> Result<ShipReport, ShipError> {
    let client = Client::new(&config.network)?;
    let keys = ServerKeys::load(&config.spool.state_dir)?;
    let plan = Plan::new(config, world)?;
    let mut report = ShipReport::new(config);
    let mut shipper =
        Shipper::new(config, &client, &keys, plan.today, world.time, on_progress, findings);
    for warning in plan.warnings {
        shipper.warn(warning);
    }
    let mut stop_rule = StopRule::default();
    let mut days = VecDeque::from(plan.days);
    let mut planned_for = shipper.destination.clone();
    loop {
        if days.is_empty() && shipper.destination != planned_for {
            // The API leads to another store than expected, where other logs are missing.
            planned_for = shipper.destination.clone();
            days = plan::also_pending(config, &planned_for, plan.today, &report)?.into();
        }
        let Some(day) = days.pop_front() else { break };
        shipper.others_wait = !days.is_empty();
        let outcome = if stop_rule.now {
            Outcome::Pending
        } else {
            one_day::ship(&mut shipper, day, plan.today).unwrap_or_else(|failure| {
                let newest = days.iter().rposition(|day| *day <= plan.today);
                if stop_rule.after(&failure, newest.is_some()) == Next::Newest
                    && let Some(newest) = newest.and_then(|at| days.remove(at))
                {
                    days.push_front(newest);
                }
                Outcome::from(failure)
            })
        };
        if matches!(outcome, Outcome::Delivered { .. }) {
            stop_rule.last_failed = false;
        }
        let day = DayReport { day, file: config.spool.log(day), outcome };
        shipper.progress(Progress::Day(&day));
        report.days.push(day);
    }
    report.warnings = shipper.warnings;
    Ok(report)
}

/// Decides whether to continue after failures.
#[derive(Debug, Default)]
struct StopRule {
    now: bool,
    /// The last attempted log failed for a reason that may be its own.
    last_failed: bool,
    /// The newest log was tried early.
    probed_newest: bool,
}

/// The next log.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Oldest,
    Newest,
}

impl StopRule {
    /// One log that always fails must not block those after it; two in a row suggest a fault of the
    /// network or the store. If the newest log succeeds, the fault is in the two logs, and without
    /// this test they would block all others every night.
    fn after(&mut self, failure: &Failure, newest_is_left: bool) -> Next {
        match failure {
            Failure::ThisLog(_) => {}
            Failure::Upload(_) if self.last_failed && !self.probed_newest && newest_is_left => {
                self.probed_newest = true;
                return Next::Newest;
            }
            Failure::Upload(_) => {
                self.now |= self.last_failed;
                self.last_failed = true;
            }
            Failure::Everything(_) | Failure::Refused(_) => self.now = true,
        }
        Next::Oldest
    }
}

/// Removes delivered logs that were kept long enough.
fn expire(
    config: &ShipConfig,
    world: &World<'_>,
    report: &mut ShipReport,
    on_progress: &mut dyn FnMut(Progress<'_>),
) {
    let Some(keep) = config.keep else { return };
    let destination = config.spool.destination(&config.api.to_string());
    match config.spool.expire(&destination, keep, world.time.now()) {
        Ok(days) => report.removed = days,
        Err(error) => {
            let warning = format!("old logs were not removed: {error}");
            on_progress(Progress::Warning(&warning));
            report.warnings.push(warning);
        }
    }
}

/// Creates the state folder and locks it.
fn lock(path: &Path) -> Result<File, ShipError> {
    match state::lock(path, SHIP_LOCK)? {
        Lock::Taken(lock) => Ok(lock),
        Lock::Held(_) => Err(ShipError::Busy(path.to_owned())),
    }
}
