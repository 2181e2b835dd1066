//! The settings of `ship`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use log2aws_core::day::Day;
use url::Url;

use crate::net::Network;
use crate::spool::Spool;

use super::upload_host::HostPattern;

/// The default time limit of `ship`.
pub const DEFAULT_MAX_TIME: Duration = Duration::from_hours(1);

/// The settings of `ship`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShipConfig {
    /// The API.
    pub api: ApiUrl,
    /// The logs, and the records of their delivery.
    pub spool: Spool,
    /// Which days to ship.
    pub days: Days,
    /// Also today's log so far.
    pub partial: bool,
    /// Only prints what would be delivered; sends no request and writes nothing.
    pub dry_run: bool,
    /// The time limit, including attempts and delays ([`DEFAULT_MAX_TIME`]).
    pub max_time: Duration,
    /// Further hosts that a log may be sent to, besides the API's own host and S3.
    pub upload_hosts: Vec<HostPattern>,
    /// How long a delivered log is kept; `None` is for ever.
    pub keep: Option<Duration>,
    /// Proxy, certificates and timeouts.
    pub network: Network,
}

/// Which days' logs to ship, never future ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Days {
    /// Every undelivered day before today, oldest first.
    #[default]
    Pending,
    /// This day, which may be today.
    Only(Day),
    /// Every day from this one to yesterday that has a log, oldest first.
    Since(Day),
}

/// The address of generate-url.
///
/// Invariant: `http` or `https`, with a host, without user, password, query and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiUrl(Url);

/// Why a text is not a valid [`ApiUrl`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiUrlError {
    /// Not an HTTP URL.
    #[error("the API's address must be a URL such as https://example.com/prod ({0})")]
    Shape(String),
    /// A user or password in it would end up in logs.
    #[error("the API's address must not hold a user name or password")]
    Login,
    /// `ship` adds the query itself.
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
