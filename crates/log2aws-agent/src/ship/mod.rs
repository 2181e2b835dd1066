//! `ship`: day logs into the raw bucket, each once, with proof.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;
use serde::Serialize;
use url::Url;

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
    /// The way out.
    pub proxy: Proxy,
}

/// How long `ship` takes at most unless told otherwise.
pub const DEFAULT_MAX_TIME: Duration = Duration::from_mins(5);

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
    /// As `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
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

/// What became of each day, in the order in which they were taken.
#[derive(Debug, Default, Serialize)]
pub struct ShipReport {
    /// One entry a day.
    pub days: Vec<DayReport>,
}

/// What became of one day's log.
#[derive(Debug, Serialize)]
pub struct DayReport {
    /// The day.
    #[serde(serialize_with = "day_as_text")]
    pub day: Day,
    /// Its log.
    pub file: PathBuf,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What became of a log. Only [`Outcome::Delivered`] and [`Outcome::AlreadyDelivered`] mean that
/// the store has it.
#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The store has taken it, and that is written down here.
    Delivered {
        /// Bytes.
        size: u64,
        /// The bytes' SHA-256, in hex.
        sha256: String,
        /// Whether another version of this log was delivered before.
        again: bool,
        /// How many URLs it took.
        attempts: u32,
    },
    /// These very bytes were delivered before.
    AlreadyDelivered {
        /// When.
        at: Timestamp,
    },
    /// It would be delivered, were this not a dry run.
    WouldDeliver {
        /// Bytes.
        size: u64,
        /// The bytes' SHA-256, in hex.
        sha256: String,
        /// Whether another version of this log was delivered before.
        again: bool,
    },
    /// It is not delivered; the log stands where it stood.
    Failed {
        /// What happened, where, and what to do.
        reason: String,
    },
    /// The server does not let this machine deliver; the log stands where it stood.
    Refused {
        /// What happened, where, and what to do.
        reason: String,
    },
    /// It was not tried any more, for a reason that an earlier day gave.
    Pending,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn day_as_text<S: serde::Serializer>(day: &Day, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(day)
}
