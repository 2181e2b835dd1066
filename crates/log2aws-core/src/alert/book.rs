//! Remembers the alerts, and what each webhook has to be told about them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::evaluate::Verdict;
use super::found::Alert;
use super::group::Network;
use super::message::Change;
use super::outbox::{Outbox, short_hex};
use super::rule::Rule;
use crate::day::Day;
use crate::server_name::ServerName;

/// The format that this version writes, and the newest that it reads.
const FORMAT: u32 = 1;

/// How long a resolved alert is kept.
pub const KEEP_RESOLVED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The most alerts that are kept. Further ones are found again once there is room.
pub const MAX_ALERTS: usize = 20_000;

/// A change that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The alert's id.
    pub alert: String,
    /// What happened to it.
    pub change: Change,
}

/// All alerts, and the outboxes of the webhooks. It is what has to be on disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Book {
    format: u32,
    /// By id.
    alerts: BTreeMap<String, Alert>,
    /// By the webhook's name.
    outboxes: BTreeMap<String, Outbox>,
    /// Whether the rules were never applied.
    is_new: bool,
}

impl Default for Book {
    fn default() -> Self {
        Self { format: FORMAT, alerts: BTreeMap::new(), outboxes: BTreeMap::new(), is_new: true }
    }
}

impl Book {
    /// Reads a book.
    ///
    /// # Errors
    /// It is no book, or one of a newer version.
    pub fn from_json(json: &[u8]) -> Result<Self, String> {
        let book: Self = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        if book.format > FORMAT {
            return Err(format!("it has format {}; this program reads {FORMAT}", book.format));
        }
        Ok(book)
    }

    /// The book as JSON.
    ///
    /// # Errors
    /// None in practice: every field can be serialised.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// All alerts, with their ids.
    pub fn alerts(&self) -> impl Iterator<Item = (&str, &Alert)> {
        self.alerts.iter().map(|(id, alert)| (id.as_str(), alert))
    }

    /// What a webhook has to be told.
    pub fn outbox(&self, hook: &str) -> Option<&Outbox> {
        self.outboxes.get(hook)
    }

    /// Forgets a message that a webhook has taken.
    pub fn taken(&mut self, hook: &str, id: &str) {
        if let Some(outbox) = self.outboxes.get_mut(hook) {
            outbox.taken(id);
        }
    }

    /// Sets the webhooks. A new one is told the alerts that are firing, and one that is gone is
    /// forgotten with what it had to be told. Returns whether anything changed.
    pub fn set_hooks(&mut self, hooks: &BTreeSet<&str>, now: Timestamp) -> bool {
        let before = self.outboxes.len();
        self.outboxes.retain(|name, _| hooks.contains(name.as_str()));
        let mut changed = self.outboxes.len() != before;
        for hook in hooks {
            if self.outboxes.contains_key(*hook) {
                continue;
            }
            changed = true;
            let mut outbox = Outbox::default();
            for (id, _) in self.alerts.iter().filter(|(_, alert)| alert.is_firing()) {
                outbox.push(id, Change::Firing, now);
            }
            self.outboxes.insert((*hook).to_owned(), outbox);
        }
        changed
    }

    /// Takes the verdicts about all servers; those that are not among them are in order.
    /// `network` is only asked for new alerts. Returns what changed; the outboxes have it.
    ///
    /// The first time, what is over already is recorded and not told.
    pub fn update(
        &mut self,
        rules: &[Rule],
        verdicts: &[(ServerName, Vec<Verdict>)],
        network: &mut dyn FnMut(&ServerName) -> Network,
        now: Timestamp,
    ) -> Vec<Told> {
        let mut told = Vec::new();
        let mut going_on: BTreeSet<(&str, &ServerName)> = BTreeSet::new();
        let known = self.by_subject();
        for (server, verdicts) in verdicts {
            for verdict in verdicts {
                let (Verdict::Unknown { rule } | Verdict::Found { rule, .. }) = verdict;
                let Some(rule) = rules.get(*rule) else { continue };
                let Verdict::Found { since, until, figure, .. } = verdict else {
                    going_on.insert((&rule.name, server));
                    continue;
                };
                if until.is_none() {
                    going_on.insert((&rule.name, server));
                }
                let known = known.get(&(rule.name.clone(), server.clone()));
                let is_firing = |id: &&String| self.alerts.get(*id).is_some_and(Alert::is_firing);
                let firing = known.and_then(|ids| ids.iter().find(is_firing).cloned());
                if let Some(alert) = firing.and_then(|id| self.alerts.get_mut(&id))
                    && (until.is_none() || alert.overlaps(*since, *until))
                {
                    alert.figure = figure.clone();
                    alert.severity = rule.severity;
                    // Resolved below.
                    alert.until = *until;
                    continue;
                }
                let is_about = |id: &String| {
                    self.alerts.get(id).is_some_and(|alert| alert.overlaps(*since, *until))
                };
                if until.is_some() && known.is_some_and(|ids| ids.iter().any(is_about)) {
                    continue;
                }
                if self.alerts.len() >= MAX_ALERTS {
                    continue;
                }
                let alert = Alert {
                    rule: rule.name.clone(),
                    severity: rule.severity,
                    server: server.clone(),
                    network: network(server),
                    since: *since,
                    until: *until,
                    figure: figure.clone(),
                    found: now,
                    resolved: until.map(|_| now),
                };
                let change = if until.is_some() { Change::Over } else { Change::Firing };
                let id = id(&rule.name, server, *since);
                if change == Change::Firing || !self.is_new {
                    told.push(Told { alert: id.clone(), change });
                }
                self.alerts.insert(id, alert);
            }
        }
        for ((rule, server), ids) in &known {
            if going_on.contains(&(rule.as_str(), server)) {
                continue;
            }
            for id in ids {
                if let Some(alert) = self.alerts.get_mut(id)
                    && alert.is_firing()
                {
                    alert.resolved = Some(now);
                    told.push(Told { alert: id.clone(), change: Change::Resolved });
                }
            }
        }
        self.is_new = false;
        for outbox in self.outboxes.values_mut() {
            for Told { alert, change } in &told {
                outbox.push(alert, *change, now);
            }
        }
        told
    }

    /// Forms the messages that are due for a webhook; returns whether anything changed.
    pub fn form(&mut self, hook: &str, is_quiet: bool, now: Timestamp) -> bool {
        let Some(outbox) = self.outboxes.get_mut(hook) else { return false };
        outbox.form(hook, &self.alerts, is_quiet, now)
    }

    /// Forgets alerts that were resolved long ago; returns whether there were any.
    pub fn prune(&mut self, now: Timestamp) -> bool {
        let before = self.alerts.len();
        let waiting: BTreeSet<&str> = self.outboxes.values().flat_map(Outbox::alerts).collect();
        self.alerts.retain(|id, alert| {
            waiting.contains(id.as_str())
                || alert.resolved.is_none_or(|at| now.duration_since(at) < KEEP_RESOLVED)
        });
        self.alerts.len() != before
    }

    /// The ids of all alerts, by rule and server.
    fn by_subject(&self) -> BTreeMap<(String, ServerName), Vec<String>> {
        let mut subjects: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for (id, alert) in &self.alerts {
            let subject = (alert.rule.clone(), alert.server.clone());
            subjects.entry(subject).or_default().push(id.clone());
        }
        subjects
    }
}

/// The id of an alert: the same for the same rule, server and first day.
fn id(rule: &str, server: &ServerName, since: Day) -> String {
    short_hex(&Sha256::digest(format!("{rule}\n{server}\n{since}")))
}
