//! Tests of the rules, of what is remembered, and of what is told.

mod book;
mod evaluate;
mod payload;
mod simulate;

use jiff::Timestamp;
use jiff::civil::date;

use super::*;
use crate::day::Day;
use crate::server_name::ServerName;

pub(super) fn day(text: &str) -> Day {
    text.parse().unwrap()
}

pub(super) fn name(text: &str) -> ServerName {
    text.parse().unwrap()
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn rule(json: &str) -> Rule {
    Rule::from_json(json).unwrap()
}

/// A day in order: 4 cores, little load, no rejects, 1 GiB free.
pub(super) fn fine(text: &str) -> DayFacts {
    DayFacts {
        day: day(text),
        is_read: true,
        samples: 144,
        rejects: 0,
        cores: Some(4),
        load_max: Some(1.0),
        free_min: Some(1_048_576.0),
        left_mean: Some(2_097_152.0),
    }
}

/// A day on which the load was above every limit that the tests use.
pub(super) fn busy(text: &str) -> DayFacts {
    DayFacts { load_max: Some(40.0), ..fine(text) }
}

/// The days of a month, from one date to another.
pub(super) fn days(from: i8, to: i8) -> Vec<DayFacts> {
    (from..=to).map(|d| fine(&date(2026, 11, d).to_string())).collect()
}

/// A whole day of overload.
pub(super) fn all_day(day: &DayFacts, _: f64) -> Overload {
    let from = day.day.date().at(0, 0, 0, 0);
    Overload::Known(Some(Stretch { from, minutes: 1440, max: 40.0 }))
}
