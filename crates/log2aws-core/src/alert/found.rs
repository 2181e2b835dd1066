//! An alert as it is remembered.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::figure::Figure;
use super::group::Network;
use super::rule::Severity;
use crate::day::Day;
use crate::server_name::ServerName;
use crate::summary::text;

/// An alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// The name of its rule.
    pub rule: String,
    /// The rule's severity.
    pub severity: Severity,
    /// The server.
    #[serde(with = "text")]
    pub server: ServerName,
    /// What the server has in common with others.
    pub network: Network,
    /// The first day.
    #[serde(with = "text")]
    pub since: Day,
    /// The day on which it was over, if there is one.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub until: Option<Day>,
    /// The numbers.
    pub figure: Figure,
    /// When it was first found.
    #[serde(with = "text")]
    pub found: Timestamp,
    /// When it was first found to be over; `None` while it is firing.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Timestamp>,
}

impl Alert {
    /// Whether the rule applies now.
    pub fn is_firing(&self) -> bool {
        self.resolved.is_none()
    }

    /// Whether these days, of which the last one may be open, are days of this alert.
    pub(super) fn overlaps(&self, since: Day, until: Option<Day>) -> bool {
        let last = if self.is_firing() { None } else { self.until.or(self.figure.day()) };
        until.is_none_or(|until| self.since <= until) && last.is_none_or(|last| since <= last)
    }
}
