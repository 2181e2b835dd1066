//! The alerts, for the pages.

use std::collections::BTreeMap;
use std::sync::Arc;

use log2aws_core::alert::{Alert, Rule};
use log2aws_core::server_name::ServerName;

/// The alerts and the webhooks at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertBoard {
    /// The rules.
    pub rules: Vec<Rule>,
    /// The alerts: those that are firing first, the newest first.
    pub alerts: Vec<Alert>,
    /// The webhooks.
    pub hooks: Vec<HookStatus>,
    /// Whether the rules have been applied since the start of the program.
    pub is_known: bool,
}

/// The state of a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookStatus {
    /// Its name.
    pub name: String,
    /// The number of messages that it has not taken yet.
    pub pending: usize,
    /// How many attempts in a row have failed.
    pub failures: u32,
    /// Why the last one failed, if it did. Without the URL.
    pub error: Option<String>,
}

impl AlertBoard {
    /// The number of alerts that are firing.
    pub fn firing(&self) -> usize {
        self.alerts.iter().filter(|alert| alert.is_firing()).count()
    }

    /// The number of alerts that are firing of each server that has any.
    pub(crate) fn by_server(&self) -> BTreeMap<&ServerName, u64> {
        let mut servers = BTreeMap::new();
        for alert in self.alerts.iter().filter(|alert| alert.is_firing()) {
            *servers.entry(&alert.server).or_default() += 1;
        }
        servers
    }
}

/// Returns the current alerts. It must not block.
pub type AlertSource = Arc<dyn Fn() -> Arc<AlertBoard> + Send + Sync>;
