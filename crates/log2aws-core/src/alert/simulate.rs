//! What the rules would have told in the past.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::book::Book;
use super::evaluate::{AsOf, DayFacts, Overload, ServerFacts, evaluate};
use super::group::Network;
use super::message::Message;
use super::outbox::{GROUP_WAIT, Outbox};
use super::rule::Rule;
use crate::day::{DUE_HOUR, Day};
use crate::server_name::ServerName;

/// How often messages are formed.
const STEP: SignedDuration = SignedDuration::from_mins(15);

/// The name of the only outbox.
const HOOK: &str = "test";

/// What is known of a server's past.
#[derive(Clone, Debug)]
pub struct Past {
    /// The server.
    pub server: ServerName,
    /// Its days, oldest first.
    pub days: Vec<DayFacts>,
    /// The first day of which no log is expected.
    pub retired: Option<Day>,
}

/// What has to be asked elsewhere.
pub struct Asks<'a> {
    /// What a server has in common with others; only asked for alerts.
    pub network: &'a mut dyn FnMut(&ServerName) -> Network,
    /// Whether it is quiet at that time.
    pub is_quiet: &'a dyn Fn(Timestamp) -> bool,
    /// As for [`evaluate`].
    pub overload: &'a mut dyn FnMut(&ServerName, &DayFacts, f64) -> Overload,
}

impl std::fmt::Debug for Asks<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Asks")
    }
}

/// The messages that would have been sent from `first` to `last`, if each log had arrived just
/// before it was due, at noon in `zone`. What was wrong at the beginning already is told on the first
/// day.
pub fn simulate(
    rules: &[Rule],
    past: &[Past],
    (first, last): (Day, Day),
    zone: &TimeZone,
    asks: Asks<'_>,
) -> Vec<Message> {
    let Asks { network, is_quiet, overload } = asks;
    let mut book = Book::default();
    let mut messages = Vec::new();
    let mut date = first.date();
    while date <= last.date() {
        let Ok(noon) = date.at(DUE_HOUR, 0, 0, 0).to_zoned(zone.clone()) else { break };
        let noon = noon.timestamp();
        let Some(not_due) = Day::from_date(date) else { break };
        book.set_hooks(&BTreeSet::from([HOOK]), noon);
        let verdicts: Vec<_> = past
            .iter()
            .map(|Past { server, days, retired }| {
                // What arrives later was not known then.
                let known = &days[..days.partition_point(|day| day.day < not_due)];
                let facts = ServerFacts { server, days: known, retired: *retired };
                let mut ask = |day: &DayFacts, limit| overload(server, day, limit);
                (server.clone(), evaluate(rules, facts, AsOf { not_due }, &mut ask))
            })
            .collect();
        book.update(rules, &verdicts, network, noon);
        let Ok(tomorrow) = date.checked_add(1.day()) else { break };
        let mut at = noon.checked_add(GROUP_WAIT).unwrap_or(noon);
        while at.to_zoned(zone.clone()).datetime() < tomorrow.at(DUE_HOUR, 0, 0, 0) {
            book.form(HOOK, is_quiet(at), at);
            while let Some(message) = book.outbox(HOOK).and_then(Outbox::next).cloned() {
                book.taken(HOOK, &message.id);
                messages.push(message);
            }
            let Ok(next) = at.checked_add(STEP) else { return messages };
            at = next;
        }
        date = tomorrow;
    }
    messages
}
