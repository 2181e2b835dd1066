//! What is told in one piece.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::figure::Figure;
use super::group::Network;
use super::rule::Severity;
use crate::day::Day;
use crate::server_name::ServerName;
use crate::summary::text;

/// What happened to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// The rule applies.
    Firing,
    /// The rule applied, which is only known now that it is over.
    Over,
    /// The rule does not apply any more.
    Resolved,
}

/// An alert in a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// The alert's id, the same in each message about it.
    pub id: String,
    /// What happened to it.
    pub change: Change,
    /// The server.
    #[serde(with = "text")]
    pub server: ServerName,
    /// Its first day.
    #[serde(with = "text")]
    pub since: Day,
    /// The day on which it was over, if there is one.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub until: Option<Day>,
    /// The numbers.
    pub figure: Figure,
}

/// The alerts of one rule in one network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// The name of the rule.
    pub rule: String,
    /// Its severity.
    pub severity: Severity,
    /// What the servers have in common.
    pub network: Network,
    /// The alerts, by change and name.
    pub items: Vec<Item>,
}

/// A message. It is kept until the webhook has taken it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its id: a repeated message has the same.
    pub id: String,
    /// When it was formed.
    #[serde(with = "text")]
    pub at: Timestamp,
    /// Its parts, critical ones first. None in a test message.
    pub sections: Vec<Section>,
}

impl Message {
    /// A message that only says that the webhook works.
    pub fn test(at: Timestamp) -> Self {
        Self { id: format!("test-{}", at.as_second()), at, sections: Vec::new() }
    }

    /// All alerts in it, each with its section.
    pub fn items(&self) -> impl Iterator<Item = (&Section, &Item)> {
        self.sections
            .iter()
            .flat_map(|section| section.items.iter().map(move |item| (section, item)))
    }
}
