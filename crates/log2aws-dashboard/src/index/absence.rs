//! Why a cell is empty, inferred from the days around it.
//!
//! A machine's uptime goes back to its last boot. The first sample after an empty day therefore
//! says something about that day: if its uptime is longer than the time since that day ended, the
//! machine ran on that day, and the samples or the upload are missing. If not, the machine was off
//! or was booted since; these cannot be told apart, and neither is certainly a fault of the upload.
//! Times are those of the server's own clock, which may be changed by an hour between two days, so
//! an hour decides nothing.
//!
//! On the first day of a server nothing was due before its first line. It is the first one only if
//! the whole store was listed.
//!
//! From the day on which an operator retired a server, an empty day is [`Absence::Retired`],
//! whatever the days around it say.
//!
//! A day's log is due by noon of the next day in the time zone of the server, or in that of the store
//! if the server's is unknown. Until then an empty day is not a fault, unless the server's log of the day before
//! is missing as well: that one was due already, and the server is silent.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use log2aws_core::day::Day;

use super::calendar::{Absence, Cell};
use super::day_stats::Status;
use super::packed::{DayNumber, Packed};

/// How far a clock may have been changed between two days, in seconds.
const CLOCK_TOLERANCE: i64 = 3_600;

const DAY: i64 = 86_400;

/// The largest difference between two local clocks: UTC-12 to UTC+14.
const MAX_CLOCK_AHEAD: SignedDuration = SignedDuration::from_hours(26);

/// What an empty cell depends on besides the days of its server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AsOf {
    /// The moment.
    pub(crate) now: Timestamp,
    /// The first day whose log is not due yet.
    pub(crate) not_due: DayNumber,
    /// The present day.
    pub(crate) today: DayNumber,
    /// The latest date anywhere on Earth. Days after it are ignored.
    pub(crate) last: DayNumber,
    /// Whether the store has been listed completely.
    pub(crate) complete: bool,
}

impl AsOf {
    /// The values for a moment in a time zone.
    pub(crate) fn at(now: Timestamp, zone: &TimeZone, complete: bool) -> Self {
        let number = |now: Timestamp| {
            let date = now.to_zoned(zone.clone()).date();
            Day::from_date(date).map_or(DayNumber(i32::MAX), DayNumber::from)
        };
        let (today, last) = (number(now), number(now.checked_add(MAX_CLOCK_AHEAD).unwrap_or(now)));
        Self { now, not_due: first_not_due(now, zone), today, last, complete }
    }

    /// The same for a server in a time zone, if that is known.
    pub(crate) fn in_zone(self, zone: Option<&str>) -> Self {
        match zone.and_then(|name| TimeZoneDatabase::bundled().get(name).ok()) {
            Some(zone) => Self { not_due: first_not_due(self.now, &zone), ..self },
            None => self,
        }
    }
}

/// The first day whose log is not due yet.
fn first_not_due(now: Timestamp, zone: &TimeZone) -> DayNumber {
    Day::first_not_due(now, zone).map_or(DayNumber(i32::MAX), DayNumber::from)
}

/// The cells from `from` to `to`, both included, with the days that have results. No log is expected
/// from `retired` on.
pub(crate) fn cells(
    days: &[Packed],
    from: DayNumber,
    to: DayNumber,
    retired: Option<DayNumber>,
    now: AsOf,
) -> impl Iterator<Item = (Cell, Option<&Packed>)> {
    let mut at = days.partition_point(|packed| packed.day < from);
    let known = days.partition_point(|packed| packed.day <= now.last);
    (from.0..=to.0).map(move |number| match days.get(at) {
        Some(packed) if packed.day.0 == number => {
            let is_first = at == 0 && now.complete;
            at += 1;
            let judged = if is_first { packed.as_first_day() } else { *packed };
            (cell_of(&judged), Some(packed))
        }
        _ if retired.is_some_and(|first| first.0 <= number) => {
            (Cell::Empty(Absence::Retired), None)
        }
        _ => {
            let (before, after) = (&days[..at], &days[at..known.max(at)]);
            (Cell::Empty(absence(before, after, DayNumber(number), now)), None)
        }
    })
}

fn cell_of(packed: &Packed) -> Cell {
    match packed.status {
        Status::Read => Cell::Delivered(packed.counts()),
        Status::Refused => Cell::Refused,
        Status::Unreadable => Cell::Unreadable,
    }
}

fn absence(before: &[Packed], after: &[Packed], day: DayNumber, now: AsOf) -> Absence {
    let silent = before.last().is_some_and(|last| last.day.0 < now.not_due.0.saturating_sub(1));
    if day >= now.not_due && after.is_empty() && !(silent && now.complete) {
        return Absence::NotDue;
    }
    if !now.complete {
        return Absence::Loading;
    }
    if before.is_empty() {
        return Absence::NotYetKnown;
    }
    if after.is_empty() {
        return Absence::Silent;
    }
    let mut blind = false;
    for next in after.iter().filter(|next| next.status == Status::Read) {
        let Some(first) = next.first() else { continue };
        let Some(uptime) = first.uptime else {
            blind = true;
            continue;
        };
        let days_between = i64::from(next.day.0) - i64::from(day.0) - 1;
        let since_that_day = days_between * DAY + i64::from(first.second);
        let uptime = i64::try_from(uptime).unwrap_or(i64::MAX);
        return if uptime >= since_that_day + CLOCK_TOLERANCE {
            Absence::Ran
        } else if blind {
            // Booted after a day without information: it may have run until then.
            Absence::Unknown
        } else {
            Absence::Off
        };
    }
    Absence::Unknown
}
