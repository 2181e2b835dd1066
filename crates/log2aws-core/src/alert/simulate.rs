//! What the rules would have told in the past.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _};
use std::collections::BTreeSet;

use super::book::Book;
use super::evaluate::{AsOf, DayFacts, Overload, ServerFacts, evaluate};
use super::group::Network;
use super::message::Message;
use super::outbox::GROUP_WAIT;
use super::quiet::QuietHours;
use super::rule::Rule;
use crate::day::Day;
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
    /// What it has in common with others.
    pub network: Network,
    /// Its days, oldest first.
    pub days: Vec<DayFacts>,
}

/// The messages that would have been sent from `first` to `last`, if each log had arrived just
/// before it was due, at noon in `zone`. What was wrong at the beginning already is told on the first
/// day. `overload` is as for [`evaluate`].
pub fn simulate(
    rules: &[Rule],
    past: &[Past],
    (first, last): (Day, Day),
    zone: &TimeZone,
    quiet: Option<QuietHours>,
    overload: &mut dyn FnMut(&ServerName, &DayFacts, f64) -> Overload,
) -> Vec<Message> {
    let mut book = Book::default();
    let mut messages = Vec::new();
    let mut date = first.date();
    while date <= last.date() {
        let Ok(noon) = date.at(12, 0, 0, 0).to_zoned(zone.clone()) else { break };
        let noon = noon.timestamp();
        let Some(not_due) = Day::from_date(date) else { break };
        book.set_hooks(&BTreeSet::from([HOOK]), noon);
        let verdicts: Vec<_> = past
            .iter()
            .map(|Past { server, days, .. }| {
                // What arrives later was not known then.
                let known = &days[..days.partition_point(|day| day.day < not_due)];
                let facts = ServerFacts { server, days: known };
                let mut ask = |day: &DayFacts, limit| overload(server, day, limit);
                (server.clone(), evaluate(rules, facts, AsOf { not_due }, &mut ask))
            })
            .collect();
        let mut network = |server: &ServerName| {
            let found = past.iter().find(|past| past.server == *server);
            found.map_or_else(|| Network::of_name(server), |past| past.network.clone())
        };
        book.update(rules, &verdicts, &mut network, noon);
        let Ok(tomorrow) = date.checked_add(1.day()) else { break };
        let mut at = noon.checked_add(GROUP_WAIT).unwrap_or(noon);
        while at.to_zoned(zone.clone()).datetime() < tomorrow.at(12, 0, 0, 0) {
            book.form(HOOK, quiet.is_some_and(|quiet| quiet.contains(at, zone)), at);
            while let Some(message) = book.outbox(HOOK).and_then(|outbox| outbox.next()).cloned() {
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
