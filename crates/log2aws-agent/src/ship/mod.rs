//! `ship`: day logs into the raw bucket, each once, with proof.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;
use url::Url;

use crate::spool::{Deliveries, Delivery, LogFile, Spool, SpoolError};
use crate::world::World;

use self::attempt::{Failure, Shipper};
use self::http::Client;

mod answer;
mod attempt;
mod http;
mod proxy;
mod report;
mod retry;

pub use self::report::{DayReport, Outcome, ShipReport};

/// What `ship` is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShipConfig {
    /// Whom to ask for URLs.
    pub api: ApiUrl,
    /// Whose logs these are.
    pub server: ServerName,
    /// The folder of the day logs.
    pub log_dir: PathBuf,
    /// The folder that keeps what was delivered.
    pub state_dir: PathBuf,
    /// Which days.
    pub days: Days,
    /// Says what would be delivered; asks nobody and writes nothing.
    pub dry_run: bool,
    /// How long all of it may take, attempts and waits included ([`DEFAULT_MAX_TIME`]).
    pub max_time: Duration,
    /// How long a connection may stand still before it counts as lost ([`DEFAULT_STALL`]).
    pub stall: Duration,
    /// The way out.
    pub proxy: Proxy,
}

/// How long `ship` takes at most unless told otherwise.
pub const DEFAULT_MAX_TIME: Duration = Duration::from_mins(5);

/// How long a connection may stand still unless told otherwise.
pub const DEFAULT_STALL: Duration = Duration::from_mins(1);

/// Which days' logs to ship.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Days {
    /// The local day before this one.
    #[default]
    Yesterday,
    /// This one; today's, too, as far as it goes.
    Only(Day),
    /// Every day from this one to yesterday that has a log and is not delivered, oldest first.
    Since(Day),
}

/// Which HTTP proxy to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proxy {
    /// As `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say, in the manner of curl.
    #[default]
    FromEnvironment,
    /// None, whatever they say.
    Direct,
}

/// The address of generate-url.
///
/// Invariant: `http` or `https`, with a host, without user, password, query and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiUrl(Url);

/// Why a text is not an [`ApiUrl`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiUrlError {
    /// Not a URL of the web.
    #[error("the API's address must be a URL such as https://example.com/prod ({0})")]
    Shape(String),
    /// A user or password in it would end up in logs.
    #[error("the API's address must not hold a user name or password")]
    Login,
    /// `ship` writes the query itself.
    #[error("the API's address must end before '?' and '#': server and date are added to it")]
    Query,
}

impl ApiUrl {
    /// The address.
    pub fn url(&self) -> &Url {
        &self.0
    }
}

impl FromStr for ApiUrl {
    type Err = ApiUrlError;

    fn from_str(text: &str) -> Result<Self, ApiUrlError> {
        let url = Url::parse(text).map_err(|error| ApiUrlError::Shape(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ApiUrlError::Shape(format!(
                "{:?} is neither http nor https",
                url.scheme()
            )));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ApiUrlError::Login);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(ApiUrlError::Query);
        }
        Ok(Self(url))
    }
}

impl fmt::Display for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

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
    #[error(transparent)]
    Logs(#[from] SpoolError),
    /// `--since` names a day that is not over.
    #[error("{0} is not over yet; --since takes days up to yesterday, --date takes any")]
    NotOver(Day),
}

/// Ships the days that `config` names, oldest first; tells `on_day` what became of each as soon
/// as it is known.
///
/// # Errors
/// [`ShipError`] if nothing could be tried. What goes wrong with a day is in the report.
pub fn run(
    config: &ShipConfig,
    world: &World<'_>,
    on_day: &mut dyn FnMut(&DayReport),
) -> Result<ShipReport, ShipError> {
    let days = days(config, world)?;
    let client = Client::new(config.proxy, config.stall);
    // Held until the end of this function.
    let _lock = if config.dry_run { None } else { Some(lock(config)?) };

    let deadline = world.time.elapsed().saturating_add(config.max_time);
    let shipper = Shipper { config, client: &client, time: world.time, deadline };
    let spool = spool(config);
    let deliveries = spool.deliveries();
    let backlog = matches!(config.days, Days::Since(_));
    let mut report = ShipReport { days: Vec::with_capacity(days.len()), backlog };
    let mut go_on = true;
    for day in days {
        let outcome = if go_on { ship_day(&shipper, &deliveries, day) } else { Err(None) };
        let outcome = outcome.unwrap_or_else(|failure| {
            go_on &= matches!(failure, Some(Failure::ThisLog(_)));
            Outcome::from(failure)
        });
        let day = DayReport { day, file: spool.log(day), outcome };
        on_day(&day);
        report.days.push(day);
    }
    Ok(report)
}

fn spool(config: &ShipConfig) -> Spool {
    let ShipConfig { log_dir, state_dir, server, .. } = config.clone();
    Spool { log_dir, state_dir, server }
}

fn days(config: &ShipConfig, world: &World<'_>) -> Result<Vec<Day>, ShipError> {
    let today = world.time.now().to_zoned(world.zone.clone()).date();
    match config.days {
        Days::Only(day) => Ok(vec![day]),
        Days::Yesterday => {
            Ok(today.yesterday().ok().and_then(Day::from_date).into_iter().collect())
        }
        Days::Since(first) if first.date() >= today => Err(ShipError::NotOver(first)),
        Days::Since(first) => {
            let mut days = spool(config).logs()?.days;
            days.retain(|day| (first.date()..today).contains(&day.date()));
            Ok(days)
        }
    }
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
    shipper: &Shipper<'_>,
    deliveries: &Deliveries,
    day: Day,
) -> Result<Outcome, Option<Failure>> {
    let config = shipper.config;
    let path = spool(config).log(day);
    let mut log = LogFile::open(&path).map_err(|error| {
        let path = path.display();
        Failure::ThisLog(if error.kind() == ErrorKind::NotFound {
            format!(
                "{path} does not exist; was nothing sampled, or is the log elsewhere (--log-dir)?"
            )
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
        modified: log.modified,
    };
    deliveries.save(day, &delivery).map_err(|error| {
        let record = record.display();
        Failure::Everything(format!(
            "the store has the log, but that cannot be written down in {record}: {error}; the next \
             run delivers it again, which does no harm"
        ))
    })?;
    Ok(Outcome::Delivered { size, sha256, again, attempts: receipt.attempts })
}
