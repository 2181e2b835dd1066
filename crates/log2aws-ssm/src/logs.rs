//! CloudWatch Logs: the events of a log group.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::service::{JSON_1_1, Kind, Place, RequestError, Service};
use aws_credential_types::Credentials;

/// A response has at most 1 MiB of events; as JSON they are longer.
const KIND: Kind =
    Kind { scope: "logs", name: "CloudWatch Logs", content_type: JSON_1_1, max_answer: 16 << 20 };

const FILTER: &str = "Logs_20140328.FilterLogEvents";

/// CloudWatch Logs of one region.
#[derive(Clone, Debug)]
pub struct Logs(Service);

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LogEvent {
    /// When it was written, in milliseconds since the epoch.
    #[serde(default)]
    pub timestamp: i64,
    /// What was written.
    #[serde(default)]
    pub message: String,
}

/// A page of events, in chronological order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEvents {
    /// The events. An empty page is not necessarily the last one.
    #[serde(default)]
    pub events: Vec<LogEvent>,
    /// The token for the next page; `None` at the end.
    pub next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Filter<'a> {
    log_group_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<&'a str>,
}

impl Logs {
    /// A client. It opens no connection yet. It uses the proxy from the environment.
    pub fn new(place: Place, region: &str, credentials: Credentials) -> Self {
        Self(Service::new(KIND, place, region, credentials))
    }

    /// A page of the events of a group between two times, both in milliseconds since the epoch: the
    /// first page, or the one for `next_token` of the previous page. Blocks.
    ///
    /// # Errors
    /// [`RequestError`]; for a transient error, after the last attempt.
    pub fn filter(
        &self,
        group: &str,
        (start_time, end_time): (Option<i64>, Option<i64>),
        next_token: Option<&str>,
        now: Timestamp,
    ) -> Result<LogEvents, RequestError> {
        let filter = Filter { log_group_name: group, start_time, end_time, next_token };
        self.0.ask(FILTER, &filter, now)
    }
}
