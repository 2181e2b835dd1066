//! `ship`: day logs into the raw bucket, each once, with proof.

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};

use log2aws_core::day::Day;

use crate::spool::state::{self, Lock};
use crate::spool::{SpoolError, StateError};
use crate::world::World;

use self::attempt::{Learnt, Shipper};
use self::http::Client;
use self::plan::Plan;
use self::trouble::Failure;

pub(crate) mod answer;
pub(crate) mod attempt;
mod ca;
mod config;
pub(crate) mod http;
mod last;
mod one_day;
mod plan;
mod proxy;
mod rate;
mod report;
mod retry;
mod trouble;
mod upload_host;

pub use self::ca::CaError;
pub use self::config::{
    ApiUrl, ApiUrlError, DEFAULT_MAX_TIME, DEFAULT_STALL, Days, Network, Proxy, ShipConfig,
};
pub use self::last::{LastDelivery, LastShip};
pub use self::plan::is_everybodys_name;
pub use self::rate::{RateError, parse_rate};
pub use self::report::{DayReport, Outcome, Progress, ShipReport};
pub use self::upload_host::{HostPattern, HostPatternError};

/// Why nothing was tried at all.
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    /// The state folder cannot be used; without it a delivery could not be written down.
    #[error(transparent)]
    State(#[from] StateError),
    /// Two at once would deliver everything twice.
    #[error("another ship is at work with the state folder {0}; wait for it to end")]
    Busy(PathBuf),
    /// The log folder is none that logs may be taken from, or cannot be read.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// `--since` names a day that is not over.
    #[error(
        "{0} is not over yet; --since takes days before today, and today with --partial, --date \
         takes today, too"
    )]
    NotOver(Day),
    /// No day log can have such a date.
    #[error("the clock says {0}; a day log needs a year of four digits: set the clock")]
    Clock(jiff::civil::Date),
    /// The certificates that were named cannot be used.
    #[error(transparent)]
    Ca(#[from] CaError),
}

/// Ships the days that `config` names, oldest first (but the newest before its turn where two did
/// not arrive), and tells how it goes. How it went is also
/// left in the state folder: see [`LastShip`].
///
/// # Errors
/// [`ShipError`] if nothing could be tried. What goes wrong with a day is in the report.
pub fn run(
    config: &ShipConfig,
    world: &World<'_>,
    tell: &mut dyn FnMut(Progress<'_>),
) -> Result<ShipReport, ShipError> {
    let mut learnt = Learnt::default();
    if config.dry_run {
        return ship(config, world, tell, &mut learnt);
    }
    // Held until the end of this function.
    let _lock = lock(&config.spool.state_dir)?;
    let mut result = ship(config, world, tell, &mut learnt);
    if let Ok(report) = &mut result {
        expire(config, world, report);
    }
    let last = last::of(config, world, &learnt, result.as_ref());
    let saved = last.save(&config.spool.state_dir);
    if let (Ok(report), Err(error)) = (&mut result, saved) {
        let path = LastShip::path(&config.spool.state_dir);
        report.warnings.push(format!(
            "{} cannot be written, so others will not know how this went: {error}",
            path.display()
        ));
    }
    result
}

fn ship(
    config: &ShipConfig,
    world: &World<'_>,
    tell: &mut dyn FnMut(Progress<'_>),
    learnt: &mut Learnt,
) -> Result<ShipReport, ShipError> {
    let client = Client::new(&config.network)?;
    let plan = Plan::new(config, world)?;
    let mut report = ShipReport::new(config, plan.warnings);
    let mut shipper = Shipper::new(config, &client, world.time, tell, learnt);
    let mut halt = Halt::default();
    let mut days = VecDeque::from(plan.days);
    while let Some(day) = days.pop_front() {
        shipper.others_wait = !days.is_empty();
        let outcome = if halt.now {
            Outcome::Pending
        } else {
            one_day::ship(&mut shipper, day, plan.today).unwrap_or_else(|failure| {
                let newest = days.iter().rposition(|day| *day <= plan.today);
                if halt.after(&failure, newest.is_some()) == Next::Newest
                    && let Some(newest) = newest.and_then(|at| days.remove(at))
                {
                    days.push_front(newest);
                }
                Outcome::from(failure)
            })
        };
        if matches!(outcome, Outcome::Delivered { .. }) {
            halt.doubt = false;
        }
        let day = DayReport { day, file: config.spool.log(day), outcome };
        shipper.tell(Progress::Day(&day));
        report.days.push(day);
    }
    Ok(report)
}

/// Whether the days that are left would fare any better.
#[derive(Debug, Default)]
struct Halt {
    now: bool,
    /// The last log that was tried did not arrive, for a reason that may be its own.
    doubt: bool,
    /// The newest log was tried before its turn.
    probed: bool,
}

/// Which log comes next.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Oldest,
    Newest,
}

impl Halt {
    /// One log that never arrives must not hold up all that come after it; that two in a row do
    /// not is the line's fault, or the store's. Unless the newest arrives: then it is theirs, and
    /// without it two such logs would hold up all others each night.
    fn after(&mut self, failure: &Failure, newest_is_left: bool) -> Next {
        match failure {
            Failure::ThisLog(_) => {}
            Failure::Upload(_) if self.doubt && !self.probed && newest_is_left => {
                self.probed = true;
                return Next::Newest;
            }
            Failure::Upload(_) => {
                self.now |= self.doubt;
                self.doubt = true;
            }
            Failure::Everything(_) | Failure::Refused(_) => self.now = true,
        }
        Next::Oldest
    }
}

/// Removes the logs that have been kept for as long as was wished.
fn expire(config: &ShipConfig, world: &World<'_>, report: &mut ShipReport) {
    let Some(keep) = config.keep else { return };
    match config.spool.expire(&config.api.to_string(), keep, world.time.now()) {
        Ok(days) => report.removed = days,
        Err(error) => report.warnings.push(format!("old logs were not removed: {error}")),
    }
}

/// Makes the state folder and keeps others out of it.
fn lock(path: &Path) -> Result<File, ShipError> {
    match state::lock(path, "ship.lock")? {
        Lock::Taken(lock) => Ok(lock),
        Lock::Held(_) => Err(ShipError::Busy(path.to_owned())),
    }
}
