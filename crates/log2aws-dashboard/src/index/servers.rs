//! All servers: adding and removing days.

use std::collections::BTreeMap;
use std::sync::Arc;

use log2aws_core::day::Day;
use log2aws_core::retired::Retired;
use log2aws_core::server_name::ServerName;

use super::absence::{self, AsOf};
use super::calendar::Cell;
use super::day_stats::Tag;
use super::days::{Days, NoteOf};
use super::packed::{DayNumber, KeyLayout, Packed};
use super::search::Search;

/// The most days in one calendar.
const MAX_DAYS: i32 = 400;

/// The statistics of every day of every server.
#[derive(Debug, Default)]
pub(crate) struct Index {
    servers: BTreeMap<Arc<ServerName>, Days>,
    summaries: usize,
    retired: Retired,
}

/// A day as found in a list of the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) server: Arc<ServerName>,
    pub(crate) day: DayNumber,
    pub(crate) layout: KeyLayout,
    pub(crate) tag: Tag,
}

impl Index {
    pub(crate) fn servers(&self) -> usize {
        self.servers.len()
    }

    pub(crate) fn summaries(&self) -> usize {
        self.summaries
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = (&Arc<ServerName>, &Days)> {
        self.servers.iter()
    }

    /// The first servers of which the name or the note matches a search, with the note.
    pub(crate) fn matching(&self, search: &str, most: usize) -> Vec<(String, Option<String>)> {
        let search = Search::new(search);
        let matching = self.names().filter(|(name, days)| {
            search.holds(name.as_str()) || days.note_text().is_some_and(|note| search.holds(note))
        });
        let shown = |(name, days): (&Arc<ServerName>, &Days)| {
            (name.to_string(), days.note_text().map(str::to_owned))
        };
        matching.take(most).map(shown).collect()
    }

    /// The servers that operators retired.
    pub(crate) fn retired(&self) -> &Retired {
        &self.retired
    }

    pub(crate) fn set_retired(&mut self, retired: Retired) {
        self.retired = retired;
    }

    /// The first day of which no log of the server is expected.
    pub(crate) fn retired_from(&self, server: &ServerName) -> Option<DayNumber> {
        self.retired.of(server).map(|record| record.from.into())
    }

    pub(crate) fn days(&self, server: &ServerName) -> &[Packed] {
        self.servers.get(server).map_or(&[], Days::as_slice)
    }

    pub(crate) fn get(&self, server: &ServerName, day: DayNumber) -> Option<&Packed> {
        self.servers.get(server)?.get(day)
    }

    /// The shared copy of the server's name, if it is in the index.
    pub(crate) fn name(&self, server: &ServerName) -> Option<Arc<ServerName>> {
        self.servers.get_key_value(server).map(|(name, _)| name.clone())
    }

    /// Adds the days of a server; days already in the index stay.
    pub(crate) fn put_server(&mut self, server: Arc<ServerName>, days: Days) {
        if days.is_empty() || server.is_check() {
            return;
        }
        let held = self.servers.entry(server).or_default();
        self.summaries -= held.len();
        let newer = std::mem::replace(held, days);
        for packed in newer.as_slice() {
            held.put(*packed);
        }
        if let Some(note) = newer.note() {
            held.put_note(note.clone());
        }
        self.summaries += held.len();
    }

    /// Adds one day. Results in the other key layout do not replace those in the preferred one.
    pub(crate) fn put(&mut self, server: &Arc<ServerName>, packed: Packed, preferred: KeyLayout) {
        if server.is_check() {
            return;
        }
        let days = self.servers.entry(server.clone()).or_default();
        if days.get(packed.day).is_some_and(|held| hides(held, packed.layout, preferred)) {
            return;
        }
        self.summaries += usize::from(days.put(packed));
    }

    /// Takes the note of a server's day.
    pub(crate) fn put_note(&mut self, server: &ServerName, note: NoteOf) {
        if let Some(days) = self.servers.get_mut(server) {
            days.put_note(note);
        }
    }

    /// The note of a server's newest day.
    pub(crate) fn note(&self, server: &ServerName) -> Option<&NoteOf> {
        self.servers.get(server)?.note()
    }

    /// Removes one day; returns whether there was one.
    pub(crate) fn remove(
        &mut self,
        server: &ServerName,
        day: DayNumber,
        layout: KeyLayout,
    ) -> bool {
        self.forget(server, |packed| packed.day == day && packed.layout == layout) > 0
    }

    /// Removes the days of a server for which `gone` is true; returns how many.
    pub(crate) fn forget(
        &mut self,
        server: &ServerName,
        mut gone: impl FnMut(&Packed) -> bool,
    ) -> usize {
        let Some(days) = self.servers.get_mut(server) else { return 0 };
        let forgotten = days.retain(|packed| !gone(packed));
        if days.is_empty() {
            self.servers.remove(server);
        }
        self.summaries -= forgotten;
        forgotten
    }

    /// Marks a day as seen; returns whether it must be read because it is new or has changed.
    pub(crate) fn mark_seen(&mut self, listing: &Listing, preferred: KeyLayout) -> bool {
        let days = self.servers.get_mut(&listing.server);
        let Some(held) = days.and_then(|days| days.get_mut(listing.day)) else { return true };
        if hides(held, listing.layout, preferred) {
            return false;
        }
        if held.layout == listing.layout {
            held.seen = true;
        }
        held.layout != listing.layout || held.tag() != listing.tag
    }

    /// Marks every day as unseen.
    pub(crate) fn mark_all_unseen(&mut self) {
        self.servers.values_mut().for_each(|days| days.each_mut(|packed| packed.seen = false));
    }

    /// Marks days as unseen.
    pub(crate) fn mark_unseen(&mut self, server: &ServerName, of: impl Fn(&Packed) -> bool) {
        if let Some(days) = self.servers.get_mut(server) {
            days.each_mut(|packed| packed.seen &= !of(packed));
        }
    }

    /// The cells of one server.
    pub(crate) fn cells(&self, server: &ServerName, from: Day, to: Day, now: AsOf) -> Vec<Cell> {
        let (from, to) = span(from, to);
        let (retired, zone) =
            (self.retired_from(server), self.servers.get(server).and_then(Days::zone));
        let now = now.in_zone(zone);
        absence::cells(self.days(server), from, to, retired, now).map(|(cell, _)| cell).collect()
    }
}

/// Whether `held` stays when the same day is found under a key of `other`.
fn hides(held: &Packed, other: KeyLayout, preferred: KeyLayout) -> bool {
    held.layout == preferred && other != preferred
}

/// The days as numbers, limited to the last [`MAX_DAYS`].
pub(super) fn span(from: Day, to: Day) -> (DayNumber, DayNumber) {
    let (from, to) = (DayNumber::from(from), DayNumber::from(to));
    (from.max(DayNumber(to.0.saturating_sub(MAX_DAYS - 1))), to)
}
