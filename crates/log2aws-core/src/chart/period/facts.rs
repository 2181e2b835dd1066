//! What the text of a week's page says of all its days.

use crate::day::Day;

/// What the text of the page says of all days.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// Days with results.
    pub(super) delivered: usize,
    pub(super) sampled: u64,
    pub(super) expected: u64,
    pub(super) missing: u64,
    pub(super) reboots: u64,
    pub(super) impossible: u64,
    /// The most guest time that is not drawn, in percent.
    pub(super) guest_max: Option<u64>,
    /// The zones in order, each with the first day on which it is in force; `None` is unknown.
    pub(super) zones: Vec<(Day, Option<String>)>,
    /// Days that are shorter or longer than usual, with their length in seconds.
    pub(super) odd_days: Vec<(Day, u32)>,
}
