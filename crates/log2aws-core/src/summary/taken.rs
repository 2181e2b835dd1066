//! When a log was taken.

use std::cmp::Ordering;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;

use crate::day_clock::DayClock;

/// The moment up to which a log could contain samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenAt {
    /// When its delivery arrived. In an unknown zone, it is the latest time of day that it can have
    /// been there.
    Moment(Timestamp),
    /// A time on the server's own clock.
    Local(DateTime),
}

/// The text is no [`TakenAt`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no time; expected one such as 2026-11-30T14:30 on the server's clock, or \
     2026-11-30T05:30Z"
)]
pub struct TakenAtError(String);

impl TakenAt {
    /// The second of the day.
    pub(super) fn second(self, clock: &DayClock) -> u32 {
        match self {
            Self::Moment(moment) => clock.elapsed_at(moment),
            Self::Local(time) => match time.date().cmp(&clock.day().date()) {
                Ordering::Less => 0,
                Ordering::Equal => clock.elapsed(time, None).unwrap_or(clock.seconds()),
                Ordering::Greater => clock.seconds(),
            },
        }
    }
}

impl FromStr for TakenAt {
    type Err = TakenAtError;

    fn from_str(text: &str) -> Result<Self, TakenAtError> {
        let moment = || text.parse().ok().map(Self::Moment);
        let local = || text.parse().ok().map(Self::Local);
        moment().or_else(local).ok_or_else(|| TakenAtError(text.chars().take(40).collect()))
    }
}
