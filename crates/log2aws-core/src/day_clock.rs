//! Converts clock times of a day to seconds since midnight, including days of 23 and 25 hours.

use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

use crate::day::Day;

/// Seconds of a day without a clock change.
pub const PLAIN_DAY_SECONDS: u32 = 86_400;

/// The first midnight of a day on earth comes so much before that of UTC (Line Islands).
const EASTERNMOST: SignedDuration = SignedDuration::from_hours(14);

/// Converts the clock times of one local day to seconds since its midnight, and back.
///
/// The zone comes from the built-in database, never from the machine, so that the same log gives
/// the same results everywhere.
#[derive(Clone, Debug)]
pub struct DayClock {
    day: Day,
    /// Midnight, if the zone is known.
    midnight: Option<Timestamp>,
    shift: Option<Shift>,
    seconds: u32,
}

/// Additional data for a day on which the zone's offset changes.
#[derive(Clone, Debug)]
struct Shift {
    zone: TimeZone,
    midnight: Timestamp,
}

impl DayClock {
    /// The clock of `day` in the named zone. If the zone is missing or unknown, the day has 24
    /// hours; see [`DayClock::zone_known`].
    pub fn new(day: Day, zone: Option<&str>) -> Self {
        let zone = zone.and_then(|name| TimeZoneDatabase::bundled().get(name).ok());
        let midnight =
            zone.as_ref().and_then(|zone| zone.to_timestamp(day.date().at(0, 0, 0, 0)).ok());
        let mut clock = Self { day, midnight, shift: None, seconds: PLAIN_DAY_SECONDS };
        if let Some((seconds, shift)) = zone.and_then(|zone| shift(day, zone)) {
            clock.seconds = seconds;
            clock.shift = Some(shift);
        }
        clock
    }

    /// The day.
    pub fn day(&self) -> Day {
        self.day
    }

    /// Whether the zone was given and is known.
    pub fn zone_known(&self) -> bool {
        self.midnight.is_some()
    }

    /// The length of the day in seconds: 86,400 except when the clock changes.
    pub fn seconds(&self) -> u32 {
        self.seconds
    }

    /// Seconds since midnight of a time of this day; `None` for a time of another day.
    ///
    /// In an hour that the clock shows twice, the first one is assumed unless that would be before
    /// `last`, the time of the line before. Times in an hour that the clock skips continue from the
    /// last one before it.
    pub fn elapsed(&self, time: DateTime, last: Option<u32>) -> Option<u32> {
        if time.date() != self.day.date() {
            return None;
        }
        let Some(Shift { zone, midnight }) = &self.shift else {
            return Some(second_of_day(time));
        };
        let since = |at: Timestamp| {
            let seconds = at.as_second().saturating_sub(midnight.as_second());
            u32::try_from(seconds.max(0)).unwrap_or(self.seconds).min(self.seconds)
        };
        let candidates = zone.to_ambiguous_timestamp(time);
        let first = since(candidates.compatible().ok()?);
        if candidates.is_ambiguous() && last.is_some_and(|last| first < last) {
            let second = since(candidates.later().ok()?);
            return Some(if Some(second) >= last { second } else { first });
        }
        Some(first)
    }

    /// Seconds from midnight to a moment: 0 before the day, its length after it. If the zone is not
    /// known, the most that it can be in any zone.
    pub fn elapsed_at(&self, moment: Timestamp) -> u32 {
        let midnight = self.midnight.or_else(|| {
            let utc = TimeZone::UTC.to_timestamp(self.day.date().at(0, 0, 0, 0)).ok()?;
            utc.checked_sub(EASTERNMOST).ok()
        });
        let Some(midnight) = midnight else { return self.seconds };
        let seconds = moment.as_second().saturating_sub(midnight.as_second());
        u32::try_from(seconds.max(0)).unwrap_or(self.seconds).min(self.seconds)
    }

    /// The stretches of the day with one offset each; a single one unless the clock changes.
    pub fn offsets(&self) -> Vec<Offset> {
        let Some(Shift { zone, midnight }) = &self.shift else {
            return vec![Offset { from: 0, clock: 0, abbreviation: String::new() }];
        };
        let offset = |at: Timestamp| {
            let from = self.elapsed_at(at);
            Offset {
                from,
                clock: second_of_day(self.civil(from)),
                abbreviation: zone.to_offset_info(at).abbreviation().to_owned(),
            }
        };
        let later = zone.following(*midnight).map(|change| change.timestamp());
        let within = later.take_while(|at| self.elapsed_at(*at) < self.seconds);
        std::iter::once(*midnight).chain(within).map(offset).collect()
    }

    /// The zone's abbreviation at that many seconds after midnight, on a day on which the clock
    /// changes; on other days it would be the same at all times.
    pub fn abbreviation(&self, elapsed: u32) -> Option<String> {
        let Shift { zone, midnight } = self.shift.as_ref()?;
        let at = midnight.checked_add(SignedDuration::from_secs(i64::from(elapsed))).ok()?;
        Some(zone.to_offset_info(at).abbreviation().to_owned())
    }

    /// The clock time at that many seconds after midnight.
    pub fn civil(&self, elapsed: u32) -> DateTime {
        let midnight = self.day.date().at(0, 0, 0, 0);
        let after = SignedDuration::from_secs(i64::from(elapsed));
        match &self.shift {
            None => midnight.saturating_add(after),
            Some(shift) => match shift.midnight.checked_add(after) {
                Ok(at) => shift.zone.to_datetime(at),
                Err(_) => midnight,
            },
        }
    }
}

/// A stretch of a day during which the zone's offset does not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offset {
    /// Its start in seconds since midnight.
    pub from: u32,
    /// What the clock shows at its start, in seconds: 3,600 is 01:00.
    pub clock: u32,
    /// The zone's abbreviation, such as `EST`; empty on a day without a change.
    pub abbreviation: String,
}

/// Length and zone of a day whose offset changes; `None` for a plain day.
fn shift(day: Day, zone: TimeZone) -> Option<(u32, Shift)> {
    let midnight_of = |date: jiff::civil::Date| zone.to_timestamp(date.at(0, 0, 0, 0)).ok();
    let midnight = midnight_of(day.date())?;
    let next = midnight_of(day.date().tomorrow().ok()?)?;
    let seconds = u32::try_from(next.as_second() - midnight.as_second()).ok()?;
    // A zone that skipped the whole day (Samoa, 2011-12-30) has no length to measure.
    let measurable = (PLAIN_DAY_SECONDS / 2..=PLAIN_DAY_SECONDS * 2).contains(&seconds);
    (measurable && seconds != PLAIN_DAY_SECONDS).then_some((seconds, Shift { zone, midnight }))
}

fn second_of_day(time: DateTime) -> u32 {
    let part = |value: i8| u32::from(value.unsigned_abs());
    part(time.hour()) * 3600 + part(time.minute()) * 60 + part(time.second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(day: &str, zone: Option<&str>) -> DayClock {
        DayClock::new(day.parse().unwrap(), zone)
    }

    fn at(text: &str) -> DateTime {
        text.parse().unwrap()
    }

    #[test]
    fn an_hour_that_comes_twice_has_two_names() {
        let clock = clock("2026-11-01", Some("America/New_York"));
        let offset =
            |from, clock, name: &str| Offset { from, clock, abbreviation: name.to_owned() };
        assert_eq!(clock.offsets(), [offset(0, 0, "EDT"), offset(7_200, 3_600, "EST")]);
        assert_eq!(clock.abbreviation(7_199).as_deref(), Some("EDT"));
        assert_eq!(clock.abbreviation(7_200).as_deref(), Some("EST"));
        let spring = self::clock("2026-03-29", Some("Europe/Berlin"));
        assert_eq!(spring.offsets(), [offset(0, 0, "CET"), offset(7_200, 10_800, "CEST")]);
        let plain = self::clock("2026-11-02", Some("America/New_York"));
        assert_eq!((plain.offsets(), plain.abbreviation(0)), (vec![offset(0, 0, "")], None));
    }

    #[test]
    fn a_day_is_as_long_as_its_zone_makes_it() {
        let hours = |day, zone| f64::from(clock(day, zone).seconds()) / 3600.0;
        for (day, zone, expected) in [
            ("2026-03-29", Some("Europe/Berlin"), 23.0),
            ("2026-10-25", Some("Europe/Berlin"), 25.0),
            ("2026-03-08", Some("America/New_York"), 23.0),
            ("2026-04-05", Some("Australia/Lord_Howe"), 24.5),
            ("2026-03-29", Some("Asia/Tokyo"), 24.0),
            ("2026-03-29", None, 24.0),
            ("2026-03-29", Some("Mars/Phobos"), 24.0),
            ("2011-12-30", Some("Pacific/Apia"), 24.0),
            ("9999-12-31", Some("Europe/Berlin"), 24.0),
        ] {
            assert!((hours(day, zone) - expected).abs() < 1e-9, "{day} {zone:?}");
        }
    }

    #[test]
    fn a_zone_is_known_or_not() {
        assert!(clock("2026-03-29", Some("Asia/Tokyo")).zone_known());
        assert!(!clock("2026-03-29", Some("../../etc/passwd")).zone_known());
        assert!(!clock("2026-03-29", None).zone_known());
    }

    #[test]
    fn the_hour_shown_twice_follows_the_line_before() {
        let clock = clock("2026-10-25", Some("Europe/Berlin"));
        let half_past_two = at("2026-10-25T02:30:00");
        assert_eq!(clock.elapsed(half_past_two, None), Some(9_000));
        assert_eq!(clock.elapsed(half_past_two, Some(8_400)), Some(9_000));
        assert_eq!(clock.elapsed(half_past_two, Some(10_800)), Some(12_600));
        // A clock that really went back is not corrected: by how much is unknown.
        assert_eq!(clock.elapsed(half_past_two, Some(50_000)), Some(9_000));
        assert_eq!(clock.elapsed(at("2026-10-25T03:00:00"), None), Some(14_400));
    }

    #[test]
    fn the_hour_left_out_is_no_time() {
        let clock = clock("2026-03-29", Some("Europe/Berlin"));
        assert_eq!(clock.elapsed(at("2026-03-29T01:50:00"), None), Some(6_600));
        assert_eq!(clock.elapsed(at("2026-03-29T03:00:00"), None), Some(7_200));
    }

    #[test]
    fn seconds_read_back_as_the_clock_shows_them() {
        let berlin = clock("2026-10-25", Some("Europe/Berlin"));
        assert_eq!(berlin.civil(12_600), at("2026-10-25T02:30:00"));
        assert_eq!(berlin.civil(90_000), at("2026-10-26T00:00:00"));
        assert_eq!(clock("2026-10-25", None).civil(86_400), at("2026-10-26T00:00:00"));
        assert_eq!(clock("9999-12-31", None).civil(86_400), DateTime::MAX);
    }

    #[test]
    fn a_moment_is_so_many_seconds_after_midnight() {
        let since =
            |zone, moment: &str| clock("2026-10-25", zone).elapsed_at(moment.parse().unwrap());
        for (zone, moment, expected) in [
            (Some("Asia/Tokyo"), "2026-10-24T15:00:00Z", 0),
            (Some("Asia/Tokyo"), "2026-10-24T17:48:00Z", 10_080),
            (Some("Asia/Tokyo"), "2026-10-24T14:00:00Z", 0),
            (Some("Asia/Tokyo"), "2026-10-26T14:00:00Z", 86_400),
            (Some("Europe/Berlin"), "2026-10-25T22:30:00Z", 88_200),
            (Some("Europe/Berlin"), "2026-10-25T23:30:00Z", 90_000),
            // Unknown zone: it can be 02:00 already.
            (None, "2026-10-24T12:00:00Z", 7_200),
            (None, "2026-10-25T10:00:00Z", 86_400),
        ] {
            assert_eq!(since(zone, moment), expected, "{zone:?} {moment}");
        }
    }

    #[test]
    fn another_day_is_not_this_one() {
        assert_eq!(clock("2026-10-25", None).elapsed(at("2026-10-26T00:00:00"), None), None);
    }
}
