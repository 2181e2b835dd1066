//! What alert rules need to know of the days in the index.

use log2aws_core::alert::{AsOf, DayFacts, HISTORY_DAYS, ServerFacts};
use log2aws_core::day::Day;

use super::StoreIndex;
use crate::index::{DayNumber, Packed, Status, Tag};

/// Takes a server, the moment in its time zone, and the tag of each day's summary.
pub type VisitServer<'a> = dyn FnMut(ServerFacts<'_>, AsOf, &[Tag]) + 'a;

impl StoreIndex {
    /// Calls `visit` for each server with its days up to now, oldest first: the last one, and those
    /// of [`HISTORY_DAYS`] before `not_due`. Each day comes with the tag of its summary. Returns
    /// `false`, and visits none, until the store has been listed completely.
    pub fn each_server(&self, not_due: Day, visit: &mut VisitServer<'_>) -> bool {
        let now = self.inner.now();
        if !now.complete {
            return false;
        }
        let since = DayNumber(DayNumber::from(not_due).0.saturating_sub(HISTORY_DAYS));
        let index = self.inner.index();
        for (server, held) in index.names() {
            let days = held.as_slice();
            let days = &days[..days.partition_point(|packed| packed.day <= now.last)];
            let first = days.partition_point(|packed| packed.day < since);
            let days = &days[first.min(days.len().saturating_sub(1))..];
            let known = days.iter().filter_map(|packed| Some((facts(packed)?, packed.tag())));
            let (facts, tags): (Vec<_>, Vec<_>) = known.unzip();
            let retired = index.retired().of(server).map(|record| record.from);
            let not_due = now.in_zone(held.zone()).not_due.day().unwrap_or(not_due);
            visit(ServerFacts { server, days: &facts, retired }, AsOf { not_due }, &tags);
        }
        true
    }

    /// Makes open pages look again although no day has changed.
    pub fn touch(&self) {
        self.inner.state().unnotified = true;
        self.inner.notify();
    }
}

/// `None` for a day outside the range of keys.
fn facts(packed: &Packed) -> Option<DayFacts> {
    let (stats, figures) = (packed.stats(), packed.figures());
    Some(DayFacts {
        day: packed.day.day()?,
        is_read: packed.status == Status::Read,
        samples: stats.samples,
        rejects: stats.rejects,
        cores: figures.cores,
        load_max: figures.load_max.map(f64::from),
        free_min: figures.free_min.map(f64::from),
        left_mean: figures.left_mean.map(f64::from),
    })
}
