//! `run` with simulated clocks: its schedule, its loop, and a fleet.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests are tests")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::unchecked_time_subtraction,
    reason = "hosts, minutes and days are small"
)]

mod changes;
mod fleet;
mod schedule;
mod service;
mod simulator;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}
