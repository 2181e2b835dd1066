//! The days for which a URL is given: a window around today, and the rule for final days.

use std::num::NonZeroU32;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use log2aws_core::day::Day;
use log2aws_core::key::{BucketName, KeyPrefix, RawKey, ResultKind};
use log2aws_core::reopening::{self, Reopening};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::request::PutBody;
use super::{Problem, UrlApp};
use crate::analyze::MAX_SUMMARY_BYTES;
use crate::ports::{Settings, StoreError};

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
    pub(super) fn check_window(&self, day: Day, now: Timestamp) -> Result<(), Problem> {
        let today = today(now);
        let first = today.saturating_sub(days(self.days_back));
        let last = today.saturating_add(days(self.days_ahead));
        if (first..=last).contains(&day.date()) {
            return Ok(());
        }
        Err(Problem::DayOutsideWindow { day, first, last })
    }

    /// After how many days the day would be final, if it is old enough now.
    pub(super) fn final_after(&self, day: Day, now: Timestamp) -> Option<NonZeroU32> {
        let after = self.final_after_days?;
        let last_open = day.date().saturating_add(days(after.get()));
        (today(now) > last_open).then_some(after)
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

/// Allows another delivery of a final day only with the same bytes, or if an operator reopened it.
///
/// # Errors
/// [`Problem::DayIsFinal`]; [`Problem::Store`] if it is unknown whether the day is final.
pub(super) async fn check_final(
    app: &UrlApp,
    settings: &Settings,
    key: &RawKey,
    body: Option<&PutBody>,
    now: Timestamp,
) -> Result<(), Problem> {
    let Some(after_days) = app.days.final_after(key.day, now) else { return Ok(()) };
    let bucket = &settings.analyzed_bucket;
    let Some(delivery) = accepted_delivery(app, bucket, key).await? else { return Ok(()) };
    if delivery.refused.is_some() || body.is_some_and(|body| delivery.raw.is_of(body)) {
        return Ok(());
    }
    let reopening_key = Reopening::key(&key.server, key.day)
        .map_err(|error| failed(error.to_string(), std::io::ErrorKind::InvalidInput.into()))?;
    if let Some(bytes) = app.objects.read(bucket, &reopening_key, reopening::MAX_BYTES).await? {
        let reopening: Reopening = read_json(&bytes, &reopening_key)?;
        if reopening.allows_replacing(&delivery.raw.version) {
            return Ok(());
        }
    }
    Err(Problem::DayIsFinal { server: key.server.clone(), day: key.day, after_days })
}

/// Reads the summary of a day. It is under the other form of the key if the key prefix was switched
/// since the delivery.
async fn accepted_delivery(
    app: &UrlApp,
    bucket: &BucketName,
    key: &RawKey,
) -> Result<Option<AcceptedDelivery>, Problem> {
    let form = |prefix| RawKey::new(key.server.clone(), key.day, prefix);
    let mut forms = [form(KeyPrefix::Off), form(KeyPrefix::Spread)];
    forms.sort_by_key(|form| form != key);
    for form in forms {
        let summary = form.result_key(ResultKind::Json);
        if let Some(bytes) = app.objects.read(bucket, &summary, MAX_SUMMARY_BYTES).await? {
            return read_json(&bytes, &summary).map(Some);
        }
    }
    Ok(None)
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
            assert_eq!(rules.final_after(day, at("2026-08-10T00:00:00Z")), None);
        }
    }

    #[test]
    fn a_day_is_final_once_so_many_days_have_passed() {
        let rules = DayRules::default();
        let day = "2026-08-01".parse().unwrap();
        assert_eq!(rules.final_after(day, at("2026-08-08T23:59:59Z")), None);
        assert_eq!(rules.final_after(day, at("2026-08-09T00:00:00Z")), NonZeroU32::new(7));
        let never = DayRules { final_after_days: None, ..rules };
        assert_eq!(never.final_after(day, at("2099-08-09T00:00:00Z")), None);
    }
}
