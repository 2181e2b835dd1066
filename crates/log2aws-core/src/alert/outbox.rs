//! What one webhook still has to be told: collects, groups, holds back, and keeps until it is taken.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::found::Alert;
use super::message::{Change, Item, Message, Section};
use crate::summary::text;

/// How long the first alert of a group waits for others with the same cause.
pub const GROUP_WAIT: SignedDuration = SignedDuration::from_secs(60);

/// The time between two messages about one group.
pub const GROUP_INTERVAL: SignedDuration = SignedDuration::from_secs(600);

/// The most messages that wait for a webhook. What happens meanwhile waits as changes, of which
/// there are at most two for each alert.
pub const MAX_MESSAGES: usize = 20;

/// The most alerts in one message.
const MAX_ITEMS: usize = 500;

/// A change that is in no message yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Waiting {
    alert: String,
    change: Change,
    #[serde(with = "text")]
    at: Timestamp,
    /// Whether it was held back in quiet hours.
    #[serde(default)]
    held: bool,
}

/// When the last message about a group was formed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Formed {
    group: String,
    #[serde(with = "text")]
    at: Timestamp,
}

/// What one webhook still has to be told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outbox {
    waiting: Vec<Waiting>,
    messages: VecDeque<Message>,
    /// The last messages about groups.
    formed: Vec<Formed>,
}

impl Outbox {
    /// The message to send next; the others wait for it.
    pub fn next(&self) -> Option<&Message> {
        self.messages.front()
    }

    /// Forgets a message that the webhook has taken.
    pub fn taken(&mut self, id: &str) {
        self.messages.retain(|message| message.id != id);
    }

    /// The number of messages that were formed and not taken.
    pub fn messages(&self) -> usize {
        self.messages.len()
    }

    /// The number of changes that are in no message yet.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The alerts of which a change waits.
    pub(super) fn alerts(&self) -> BTreeSet<&str> {
        self.waiting.iter().map(|waiting| waiting.alert.as_str()).collect()
    }

    /// Adds a change. An alert that is resolved before anything was said about it, because it
    /// waited for others or was held back, is not told at all; nor is that a told alert was resolved
    /// and is firing again.
    pub(super) fn push(&mut self, alert: &str, change: Change, now: Timestamp) {
        let unsaid = |waiting: &Waiting| {
            waiting.alert == alert
                && waiting.change == Change::Firing
                && (waiting.held || now.duration_since(waiting.at) < GROUP_WAIT)
        };
        if change == Change::Resolved
            && let Some(at) = self.waiting.iter().position(unsaid)
        {
            self.waiting.remove(at);
            return;
        }
        let is_back = |waiting: &Waiting| {
            waiting.alert == alert && change == Change::Firing && waiting.change == Change::Resolved
        };
        if let Some(at) = self.waiting.iter().position(is_back) {
            self.waiting.remove(at);
            return;
        }
        self.waiting.push(Waiting { alert: alert.to_owned(), change, at: now, held: false });
    }

    /// Forms the messages that are due; returns whether anything changed. In quiet hours none is,
    /// and what was held back is told in one message at their end.
    pub(super) fn form(
        &mut self,
        hook: &str,
        alerts: &BTreeMap<String, Alert>,
        is_quiet: bool,
        now: Timestamp,
    ) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| alerts.contains_key(&waiting.alert));
        let mut changed = self.waiting.len() != before;
        if is_quiet {
            for waiting in &mut self.waiting {
                changed |= !std::mem::replace(&mut waiting.held, true);
            }
            return changed;
        }
        self.formed.retain(|Formed { at, .. }| {
            (SignedDuration::ZERO..GROUP_INTERVAL).contains(&now.duration_since(*at))
        });
        while self.messages.len() < MAX_MESSAGES
            && let Some(ready) = self.ready(alerts, now)
        {
            changed = true;
            let groups: BTreeSet<String> =
                ready.iter().map(|waiting| group(alerts, waiting)).collect();
            self.formed.extend(groups.into_iter().map(|group| Formed { group, at: now }));
            self.messages.push_back(message(hook, alerts, &ready, now));
        }
        changed
    }

    /// Takes the changes of the next message.
    fn ready(&mut self, alerts: &BTreeMap<String, Alert>, now: Timestamp) -> Option<Vec<Waiting>> {
        let is_held = self.waiting.iter().any(|waiting| waiting.held);
        let chosen = if is_held {
            None
        } else {
            let mut groups: BTreeMap<String, Timestamp> = BTreeMap::new();
            for waiting in &self.waiting {
                let since = groups.entry(group(alerts, waiting)).or_insert(waiting.at);
                *since = waiting.at.min(*since);
            }
            let is_due = |(group, since): &(String, Timestamp)| {
                let waited = now.duration_since(*since);
                let recently = self.formed.iter().any(|formed| formed.group == *group);
                !recently && (waited >= GROUP_WAIT || waited.is_negative())
            };
            Some(groups.into_iter().find(is_due)?.0)
        };
        let mut taken = Vec::new();
        self.waiting.retain(|waiting| {
            let is_in = match &chosen {
                None => waiting.held,
                Some(chosen) => group(alerts, waiting) == *chosen,
            };
            let take = is_in && taken.len() < MAX_ITEMS;
            if take {
                taken.push(waiting.clone());
            }
            !take
        });
        Some(taken)
    }
}

/// What the alerts of one message have in common.
fn group(alerts: &BTreeMap<String, Alert>, waiting: &Waiting) -> String {
    let alert = alerts.get(&waiting.alert);
    alert.map_or_else(String::new, |alert| format!("{} {}", alert.rule, alert.network))
}

fn message(
    hook: &str,
    alerts: &BTreeMap<String, Alert>,
    changes: &[Waiting],
    now: Timestamp,
) -> Message {
    let mut hash = Sha256::new();
    hash.update(format!("{hook}\n{now}\n"));
    let mut sections: BTreeMap<String, Section> = BTreeMap::new();
    for waiting in changes {
        let Some(alert) = alerts.get(&waiting.alert) else { continue };
        hash.update(format!("{} {:?}\n", waiting.alert, waiting.change));
        let section = sections.entry(group(alerts, waiting)).or_insert_with(|| Section {
            rule: alert.rule.clone(),
            severity: alert.severity,
            network: alert.network.clone(),
            items: Vec::new(),
        });
        section.items.push(Item {
            id: waiting.alert.clone(),
            change: waiting.change,
            server: alert.server.clone(),
            since: alert.since,
            until: alert.until,
            figure: alert.figure.clone(),
        });
    }
    let mut sections: Vec<Section> = sections.into_values().collect();
    for section in &mut sections {
        section.items.sort_by(|a, b| (a.change, &a.server).cmp(&(b.change, &b.server)));
    }
    sections.sort_by_key(|section| std::cmp::Reverse((section.severity, section.items.len())));
    Message { id: short_hex(&hash.finalize()), at: now, sections }
}

/// The first 64 bits in hex.
pub(super) fn short_hex(digest: &[u8]) -> String {
    let number = digest.iter().take(8).fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    format!("{number:016x}")
}
