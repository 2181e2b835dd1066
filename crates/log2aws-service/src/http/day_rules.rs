//! The days of which logs are taken: a window around today, and the rule for final days.

use std::fmt;
use std::num::NonZeroU32;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use log2aws_core::day::Day;
use log2aws_core::key::{BucketName, RawKey, ResultKind};
use log2aws_core::reopening::{self, Reopening};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Problem;
use super::request::PutBody;
use crate::analyze::MAX_SUMMARY_BYTES;
use crate::ports::{ObjectReader, StoreError};

/// The rules for days, set by the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayRules {
    /// How many days before today (UTC) are accepted.
    pub days_back: u32,
    /// How many days after today (UTC) are accepted. Less than 1 refuses servers east of Greenwich
    /// in their morning.
    pub days_ahead: u32,
    /// After how many days a delivered day is final; `None`: never.
    pub final_after_days: Option<NonZeroU32>,
}

/// The default of [`DayRules::days_back`].
pub const DEFAULT_DAYS_BACK: u32 = 400;

/// The default of [`DayRules::days_ahead`].
pub const DEFAULT_DAYS_AHEAD: u32 = 1;

/// The default of [`DayRules::final_after_days`].
pub const DEFAULT_FINAL_AFTER_DAYS: u32 = 7;

impl Default for DayRules {
    fn default() -> Self {
        Self {
            days_back: DEFAULT_DAYS_BACK,
            days_ahead: DEFAULT_DAYS_AHEAD,
            final_after_days: NonZeroU32::new(DEFAULT_FINAL_AFTER_DAYS),
        }
    }
}

impl DayRules {
    /// # Errors
    /// [`Problem::DayOutsideWindow`] with the first and the last accepted day.
    fn check_window(&self, day: Day, now: Timestamp) -> Result<(), Problem> {
        let today = today(now);
        let first = today.saturating_sub(days(self.days_back));
        let last = today.saturating_add(days(self.days_ahead));
        if (first..=last).contains(&day.date()) {
            return Ok(());
        }
        Err(Problem::DayOutsideWindow { day, first, last })
    }

    /// From which date (UTC) on the day is final if a log of it was delivered; `None`: never.
    pub fn final_from(&self, day: Day) -> Option<Date> {
        let after = self.final_after_days?;
        Some(day.date().saturating_add(days(after.get())).saturating_add(days(1)))
    }

    /// Whether the day is final now if a log of it was delivered.
    pub fn is_past(&self, day: Day, now: Timestamp) -> bool {
        self.final_from(day).is_some_and(|from| today(now) >= from)
    }
}

fn today(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

/// A span of whole days; saturates at the range of the calendar.
fn days(count: u32) -> Span {
    const CALENDAR: u32 = 7_304_484;
    Span::new().days(i64::from(count.min(CALENDAR)))
}

/// The part of a summary that identifies the delivery of a day's results.
#[derive(Deserialize)]
struct AcceptedDelivery {
    raw: AcceptedVersion,
    /// Present in summaries of older programs: then there are no results.
    #[serde(default)]
    refused: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct AcceptedVersion {
    version: String,
    size: u64,
    sha256: Option<String>,
}

impl AcceptedVersion {
    fn is_of(&self, body: &PutBody) -> bool {
        let sha256 = self.sha256.as_ref().is_some_and(|hex| *hex == hex::encode(body.sha256));
        sha256 && self.size == body.size
    }
}

/// Decides whether a log of a day is taken. generate-url checks before it gives a URL, and `serve`
/// once more when the log arrives.
#[derive(Clone, Copy)]
pub struct DayCheck<'a> {
    /// The operator's rules.
    pub rules: &'a DayRules,
    /// Reads summaries and the records of reopened days.
    pub objects: &'a dyn ObjectReader,
    /// Where these are.
    pub analyzed_bucket: &'a BucketName,
}

impl fmt::Debug for DayCheck<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DayCheck").field("rules", self.rules).finish_non_exhaustive()
    }
}

/// A day that is old enough to be final, and takes this log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldDay {
    /// The version of the raw log that the day's results come from; `None` if the day has none.
    pub accepted: Option<String>,
}

impl DayCheck<'_> {
    /// Whether `body`, if it is known, may be delivered under `key` at the time `now`: a final day
    /// takes the same bytes, or others if an operator reopened it. `None` if the day is too recent
    /// to be final.
    ///
    /// # Errors
    /// [`Problem::DayOutsideWindow`]; [`Problem::DayIsFinal`]; [`Problem::Store`] if it is unknown
    /// whether the day is final.
    pub async fn check(
        &self,
        key: &RawKey,
        body: Option<&PutBody>,
        now: Timestamp,
    ) -> Result<Option<OldDay>, Problem> {
        self.rules.check_window(key.day, now)?;
        let (Some(final_from), Some(after_days)) =
            (self.rules.final_from(key.day), self.rules.final_after_days)
        else {
            return Ok(None);
        };
        if !self.rules.is_past(key.day, now) {
            return Ok(None);
        }
        let delivery = self.accepted_delivery(key).await?;
        let Some(delivery) = delivery.filter(|delivery| delivery.refused.is_none()) else {
            return Ok(Some(OldDay { accepted: None }));
        };
        let is_same = body.is_some_and(|body| delivery.raw.is_of(body));
        let version = delivery.raw.version;
        if is_same || self.is_reopened(key, &version, final_from).await? {
            return Ok(Some(OldDay { accepted: Some(version) }));
        }
        Err(Problem::DayIsFinal { server: key.server.clone(), day: key.day, after_days })
    }

    async fn is_reopened(
        &self,
        key: &RawKey,
        version: &str,
        final_from: Date,
    ) -> Result<bool, Problem> {
        let record = Reopening::key(&key.server, key.day)
            .map_err(|error| failed(error.to_string(), std::io::ErrorKind::InvalidInput.into()))?;
        let bytes = self.objects.read(self.analyzed_bucket, &record, reopening::MAX_BYTES).await?;
        let Some(bytes) = bytes else { return Ok(false) };
        let reopening: Reopening = read_json(&bytes, &record)?;
        Ok(reopening.allows_replacing(version, final_from))
    }

    /// Reads the summary of a day.
    async fn accepted_delivery(&self, key: &RawKey) -> Result<Option<AcceptedDelivery>, Problem> {
        for form in key.both_forms() {
            let summary = form.result_key(ResultKind::Json);
            let bytes =
                self.objects.read(self.analyzed_bucket, &summary, MAX_SUMMARY_BYTES).await?;
            if let Some(bytes) = bytes {
                return read_json(&bytes, &summary).map(Some);
            }
        }
        Ok(None)
    }
}

fn read_json<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
    key: &log2aws_core::key::ObjectKey,
) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        failed(format!("reading {key}, which decides whether a day is final"), error.into())
    })
}

fn failed(what: String, source: std::io::Error) -> Problem {
    Problem::Store(StoreError::Failed { what, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_window_is_counted_in_utc_days_and_both_ends_are_in() {
        let rules = DayRules { days_back: 3, days_ahead: 1, final_after_days: None };
        let taken = |day: &str| {
            rules.check_window(day.parse().unwrap(), at("2026-08-10T23:59:59Z")).is_ok()
        };
        for day in ["2026-08-07", "2026-08-10", "2026-08-11"] {
            assert!(taken(day), "{day}");
        }
        for day in ["0000-01-01", "2026-08-06", "2026-08-12", "9999-12-31"] {
            assert!(!taken(day), "{day}");
        }
    }

    #[test]
    fn windows_as_wide_as_the_calendar_take_every_day() {
        let rules = DayRules {
            days_back: u32::MAX,
            days_ahead: u32::MAX,
            final_after_days: NonZeroU32::new(u32::MAX),
        };
        for day in ["0000-01-01", "9999-12-31"] {
            let day = day.parse().unwrap();
            assert!(rules.check_window(day, at("2026-08-10T00:00:00Z")).is_ok());
            assert!(rules.final_from(day).unwrap() > jiff::civil::date(9000, 1, 1));
        }
    }

    #[test]
    fn a_day_is_final_once_so_many_days_have_passed() {
        let rules = DayRules::default();
        let day = "2026-08-01".parse().unwrap();
        assert_eq!(rules.final_from(day), Some(jiff::civil::date(2026, 8, 9)));
        assert!(!rules.is_past(day, at("2026-08-08T23:59:59Z")));
        assert!(rules.is_past(day, at("2026-08-09T00:00:00Z")));
        let never = DayRules { final_after_days: None, ..rules };
        assert_eq!(never.final_from(day), None);
        assert!(!never.is_past(day, at("2099-08-09T00:00:00Z")));
    }
}
