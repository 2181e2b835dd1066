//! When to sample and when to ship. Pure: time, zone, name and randomness are arguments.
//!
//! Whether something is due depends only on the current time, so a changed clock, a suspended
//! machine and a restarted service are not special cases.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan, Zoned};
use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;
use sha2::{Digest, Sha256};

use crate::ship::backoff;

/// The bounds of the delay after a failed delivery.
const FIRST_RETRY: Duration = Duration::from_mins(5);
const LAST_RETRY: Duration = Duration::from_hours(1);

/// The minimum time between two deliveries, whatever the jitter.
const LEAST_RETRY: Duration = Duration::from_secs(30);

/// How long after a start overdue days are delivered.
pub const CATCH_UP: Duration = Duration::from_mins(15);

/// So many logs that another store has are sent again like any others; more, at a moment of their
/// own: see [`Schedule::next_resend`].
pub const MAX_RESENT_AT_ONCE: usize = 7;

/// The time between two samples.
///
/// Invariant: 10 s to 24 h, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval(Duration);

/// Why a text is not a valid [`Interval`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntervalError {
    /// Not a number with a unit.
    #[error("an interval is written 600, 600s, 10m or 1h")]
    Shape,
    /// Too short or too long.
    #[error("an interval is at least 10 s and at most 24 h")]
    Range,
}

impl Interval {
    /// Ten minutes, like the older cron jobs.
    pub const DEFAULT: Self = Self(Duration::from_mins(10));

    /// As a duration.
    pub fn duration(self) -> Duration {
        self.0
    }

    /// In seconds.
    pub fn seconds(self) -> u32 {
        u32::try_from(self.0.as_secs()).unwrap_or(u32::MAX)
    }
}

impl FromStr for Interval {
    type Err = IntervalError;

    fn from_str(text: &str) -> Result<Self, IntervalError> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match &text[digits.len()..] {
            "" | "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(IntervalError::Shape),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(IntervalError::Shape);
        }
        // Only digits: a number that overflows is too long.
        let number: u64 = digits.parse().map_err(|_| IntervalError::Range)?;
        let seconds = number.checked_mul(unit).ok_or(IntervalError::Range)?;
        if (10..=24 * 3600).contains(&seconds) {
            Ok(Self(Duration::from_secs(seconds)))
        } else {
            Err(IntervalError::Range)
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            seconds if seconds % 3600 == 0 => write!(f, "{}h", seconds / 3600),
            seconds if seconds % 60 == 0 => write!(f, "{}m", seconds / 60),
            seconds => write!(f, "{seconds}s"),
        }
    }
}

/// The local time of day over which a fleet's deliveries are spread.
///
/// Invariant: not empty; a window that ends before it begins ends on the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShipWindow {
    from: Time,
    to: Time,
}

/// Why a text is not a valid [`ShipWindow`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShipWindowError {
    /// Not two times of day.
    #[error("a window is written 00:10-04:10, two times of day")]
    Shape,
    /// Empty.
    #[error("a window must not end when it begins")]
    Empty,
}

impl ShipWindow {
    /// Four hours, starting ten minutes after midnight.
    pub const DEFAULT: Self =
        Self { from: Time::constant(0, 10, 0, 0), to: Time::constant(4, 10, 0, 0) };

    /// From one midnight to the next.
    const WHOLE_DAY: Self = Self { from: Time::midnight(), to: Time::midnight() };

    /// The window that begins on `date`. A clock change within it shortens or lengthens it, and a
    /// bound that does not exist is shifted.
    fn on(self, date: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        let last = if self.to <= self.from { date.tomorrow().ok()? } else { date };
        let at = |date: Date, time| zone.to_timestamp(date.to_datetime(time)).ok();
        Some((at(date, self.from)?, at(last, self.to)?))
    }
}

impl FromStr for ShipWindow {
    type Err = ShipWindowError;

    fn from_str(text: &str) -> Result<Self, ShipWindowError> {
        let time = |text: &str| {
            let (hour, minute) = text.trim().split_once(':')?;
            let number = |digits: &str| {
                let is_number = (1..=2).contains(&digits.len())
                    && digits.bytes().all(|byte| byte.is_ascii_digit());
                is_number.then(|| digits.parse::<i8>().ok()).flatten()
            };
            Time::new(number(hour)?, number(minute)?, 0, 0).ok()
        };
        let (from, to) = text.split_once('-').ok_or(ShipWindowError::Shape)?;
        let from = time(from).ok_or(ShipWindowError::Shape)?;
        let to = time(to).ok_or(ShipWindowError::Shape)?;
        if from == to { Err(ShipWindowError::Empty) } else { Ok(Self { from, to }) }
    }
}

impl fmt::Display for ShipWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = self;
        write!(f, "{:02}:{:02}-", from.hour(), from.minute())?;
        write!(f, "{:02}:{:02}", to.hour(), to.minute())
    }
}

/// The position of a host among all hosts: evenly distributed, and constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    of_day: u64,
    of_start: u64,
}

impl Offset {
    /// Derived from the SHA-256 of the name. The position after a start is independent of the daily
    /// one: a power cut holds back one part of the window, whose hosts must not return at the same
    /// moment.
    pub fn of(server: &ServerName) -> Self {
        let hash: [u8; 32] = Sha256::digest(server.as_str()).into();
        let number = |at: usize| {
            hash[at..at + 8].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
        };
        Self { of_day: number(0), of_start: number(8) }
    }
}

/// The fraction of `length` that `offset` is of the whole range, in whole milliseconds.
fn share(offset: u64, length: Duration) -> Duration {
    let millis = (length.as_millis() * u128::from(offset)) >> 64;
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// The schedule of one host.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The sampling interval.
    pub interval: Interval,
    /// The time window of deliveries.
    pub window: ShipWindow,
    /// The position in the window.
    pub offset: Offset,
    /// The time zone of the day logs.
    pub zone: TimeZone,
}

impl Schedule {
    /// The last mark up to `now` and the next one.
    ///
    /// Marks are whole intervals after each local midnight, in real time: a day of 23 or 25 hours
    /// has fewer or more, and none is missing or duplicated.
    pub fn sample_times(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        let interval = self.interval.duration();
        let date = now.to_zoned(self.zone.clone()).date();
        let mut midnights: Vec<Timestamp> =
            days_around(date).flat_map(|date| midnights(date, &self.zone)).collect();
        midnights.sort_unstable();
        let after = midnights.partition_point(|midnight| *midnight <= now);
        // At the limits of the time range there may be no midnight.
        let from = after.checked_sub(1).map_or(Timestamp::UNIX_EPOCH, |i| midnights[i]);
        let passed = now.duration_since(from).unsigned_abs();
        let whole = passed.as_nanos() / interval.as_nanos();
        let last = from + interval.saturating_mul(u32::try_from(whole).unwrap_or(0));
        let next = last.checked_add(interval).unwrap_or(Timestamp::MAX);
        (last, midnights.get(after).map_or(next, |midnight| next.min(*midnight)))
    }

    /// Whether a sample is due: one between two marks, as early as possible. A last sample far in
    /// the future comes from a wrong clock.
    pub fn sample_is_due(&self, last: Option<Timestamp>, now: Timestamp) -> bool {
        let Some(last) = last else { return true };
        let wrong = last > now.checked_add(self.interval.duration()).unwrap_or(Timestamp::MAX);
        wrong || last < self.sample_times(now).0
    }

    /// This host's first shipping moment after `now`.
    pub fn next_moment(&self, now: Timestamp) -> Timestamp {
        let date = now.to_zoned(self.zone.clone()).date();
        self.moments(date).filter(|moment| *moment > now).min().unwrap_or(Timestamp::MAX)
    }

    /// When to ship the log of `day`: at the first moment after the day.
    pub fn moment_of(&self, day: Day) -> Timestamp {
        let over = day.date().tomorrow().ok().and_then(|date| start_of_day(date, &self.zone));
        let over = over.unwrap_or(Timestamp::MAX);
        self.moments(day.date()).filter(|moment| *moment >= over).min().unwrap_or(Timestamp::MAX)
    }

    /// The first moment after `now` to send again what another store has: a fleet whose store
    /// changed sends all kept logs again, which is spread over a whole day. A time of day, so that
    /// a restart does not put it off.
    pub fn next_resend(&self, now: Timestamp) -> Timestamp {
        let date = now.to_zoned(self.zone.clone()).date();
        let moments = self.moments_in(ShipWindow::WHOLE_DAY, self.offset.of_start, date);
        moments.filter(|moment| *moment > now).min().unwrap_or(Timestamp::MAX)
    }

    /// The shipping moments around `date`.
    fn moments(&self, date: Date) -> impl Iterator<Item = Timestamp> {
        self.moments_in(self.window, self.offset.of_day, date)
    }

    /// The moments of a window around `date`.
    fn moments_in(
        &self,
        window: ShipWindow,
        offset: u64,
        date: Date,
    ) -> impl Iterator<Item = Timestamp> {
        days_around(date).filter_map(move |date| {
            let (from, to) = window.on(date, &self.zone)?;
            let length = to.duration_since(from).unsigned_abs();
            from.checked_add(share(offset, length)).ok()
        })
    }

    /// How long after a start to deliver overdue days.
    pub fn catch_up(&self) -> Duration {
        share(self.offset.of_start, CATCH_UP)
    }
}

/// The delay after `failures` failed deliveries in a row (from 1): exponential backoff with full
/// jitter, so that a fleet that failed at the same time does not return at the same time.
pub fn retry_after(failures: u32, jitter: f64) -> Duration {
    backoff(FIRST_RETRY, LAST_RETRY, failures, jitter).max(LEAST_RETRY)
}

/// The delay after a refusal, which only a person can resolve.
pub const RETRY_REFUSED: Duration = Duration::from_hours(1);

/// Two days before and after: a zone that crosses the date line skips a whole day.
fn days_around(date: Date) -> impl Iterator<Item = Date> {
    (-2..=2).filter_map(move |days: i64| date.checked_add(days.days()).ok())
}

/// The local midnights of a date, or the first moment of a day without one. If the clock goes back
/// over midnight, there are two.
fn midnights(date: Date, zone: &TimeZone) -> impl Iterator<Item = Timestamp> {
    let ambiguous = zone.to_ambiguous_zoned(date.to_datetime(Time::midnight()));
    let again = match ambiguous.offset() {
        AmbiguousOffset::Fold { .. } => ambiguous.later().ok().map(|zoned| zoned.timestamp()),
        AmbiguousOffset::Gap { .. } | AmbiguousOffset::Unambiguous { .. } => None,
    };
    start_of_day(date, zone).into_iter().chain(again)
}

fn start_of_day(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    let noon = date.to_datetime(Time::constant(12, 0, 0, 0));
    let start = zone.to_zoned(noon).and_then(|noon| noon.start_of_day());
    start.as_ref().map(Zoned::timestamp).ok()
}
