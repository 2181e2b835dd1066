//! What `ship` is asked to do.

use std::fmt;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use log2aws_core::day::Day;
use url::Url;

use crate::spool::Spool;

use super::upload_host::HostPattern;

/// How long `ship` takes at most unless told otherwise.
pub const DEFAULT_MAX_TIME: Duration = Duration::from_hours(1);

/// How long a connection may stand still unless told otherwise.
pub const DEFAULT_STALL: Duration = Duration::from_mins(1);

/// What `ship` is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShipConfig {
    /// Whom to ask for URLs.
    pub api: ApiUrl,
    /// The logs, and where it is kept what became of them.
    pub spool: Spool,
    /// Which days.
    pub days: Days,
    /// Today's log, too, as far as it goes.
    pub partial: bool,
    /// Says what would be delivered; asks nobody and writes nothing.
    pub dry_run: bool,
    /// How long all of it may take, attempts and waits included ([`DEFAULT_MAX_TIME`]).
    pub max_time: Duration,
    /// Where a log may go besides the API's own host and S3.
    pub upload_hosts: Vec<HostPattern>,
    /// How many bytes of a log are sent in a second at most.
    pub limit_rate: Option<NonZeroU64>,
    /// How long a delivered log is kept here; `None` is for ever.
    pub keep: Option<Duration>,
    /// The way out.
    pub network: Network,
}

/// The way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Which HTTP proxy to use.
    pub proxy: Proxy,
    /// Certificates (PEM) that are trusted besides the machine's own.
    pub ca_file: Option<PathBuf>,
    /// How long a connection may stand still before it counts as lost.
    pub stall: Duration,
}

impl Default for Network {
    fn default() -> Self {
        Self { proxy: Proxy::FromEnvironment, ca_file: None, stall: DEFAULT_STALL }
    }
}

/// Which days' logs to ship. Never those of days that have not come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Days {
    /// Every day before today that has a log which is not delivered, oldest first.
    #[default]
    Pending,
    /// This one; today's, too, as far as it goes.
    Only(Day),
    /// Every day from this one to yesterday that has a log, oldest first.
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
