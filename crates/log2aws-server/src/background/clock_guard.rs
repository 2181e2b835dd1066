//! Keeps retention from trusting a wrong clock.
//!
//! The clock is trusted if an object confirms it: one that was stored within a day, and whose name
//! has a date not long before. The name comes from the server that wrote the log, with its own
//! clock; so one wrong clock alone removes nothing, not even after a new delivery.

use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use log2aws_core::day::Day;
use log2aws_core::key::{BucketName, is_check_key};
use log2aws_store::DiskStore;
use log2aws_store::disk::DiskError;
use prometheus_client::metrics::gauge::Gauge;

use super::Stop;

/// How far the clock may be ahead of the newest object.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// How old the date of a log may be that confirms the clock. Logs can be a day or two late.
const NAME_HOLDS: SignedDuration = SignedDuration::from_hours(4 * 24);

/// How early a log may come: its day may already have begun in another time zone.
pub(crate) const EARLY: SignedDuration = SignedDuration::from_hours(2 * 24);

/// How often the warning that nothing is removed is repeated.
const REMIND_EVERY: Duration = Duration::from_hours(24);

/// Why nothing is removed by age, in one clause.
pub(crate) const PAUSED: &str =
    "nothing is removed by age, because no log of the last day bears the clock out";

/// Asks before each removal by age whether the clock can be trusted, and reports if it cannot.
pub(crate) struct ClockCheck {
    store: DiskStore,
    buckets: [BucketName; 2],
    /// Whether the clock is trusted even if no object confirms it.
    trust_clock: bool,
    /// 1 while nothing is removed.
    paused: Gauge,
    reminded_at: Option<Instant>,
}

impl ClockCheck {
    /// Takes the objects of these buckets as witnesses.
    pub(crate) fn new(
        store: DiskStore,
        buckets: [BucketName; 2],
        trust_clock: bool,
        paused: Gauge,
    ) -> Self {
        Self { store, buckets, trust_clock, paused, reminded_at: None }
    }

    /// Whether the clock can be trusted. `None`: no stored log can confirm or refute it, or the
    /// server is stopping. Then nothing may be removed, and no warning is given.
    ///
    /// # Errors
    /// A bucket's folder cannot be read.
    pub(crate) fn confirm(
        &mut self,
        task: &'static str,
        now: Timestamp,
        stop: &Stop,
    ) -> Result<Option<bool>, DiskError> {
        let confirmed = if self.trust_clock {
            Some(true)
        } else {
            clock_is_confirmed(&self.store, &self.buckets, now, stop)?
        };
        if confirmed != Some(false) {
            self.skip();
            return Ok(confirmed);
        }
        self.paused.set(1);
        if self.reminded_at.is_none_or(|at| at.elapsed() >= REMIND_EVERY) {
            self.reminded_at = Some(Instant::now());
            tracing::warn!(
                task, %now,
                "{PAUSED}: check the clock; if it is right and deliveries have ended, start serve \
                 with --retention-trust-clock"
            );
        }
        Ok(confirmed)
    }

    /// Notes that nothing is to be removed.
    pub(crate) fn skip(&mut self) {
        self.paused.set(0);
        self.reminded_at = None;
    }
}

/// Whether an object of one of the buckets confirms `now`. `None` if it was stopped, or the buckets
/// contain no log at all.
///
/// # Errors
/// A bucket's folder cannot be read.
fn clock_is_confirmed(
    store: &DiskStore,
    buckets: &[BucketName],
    now: Timestamp,
    stop: &Stop,
) -> Result<Option<bool>, DiskError> {
    let found = std::cell::Cell::new(false);
    let mut any = false;
    for bucket in buckets {
        let ended = || found.get() || stop.is_set();
        store.scan(bucket, &ended, &mut |name| {
            let Ok(key) = name else { return };
            // A test delivery may come from this machine, whose clock is in question.
            if is_check_key(key) {
                return;
            }
            let Some(begin) = begin_of_day(key) else { return };
            any = true;
            let age = now.duration_since(begin);
            if found.get() || age > NAME_HOLDS || age < -EARLY {
                return;
            }
            let Ok(key) = key.parse() else { return };
            // An unreadable object confirms nothing; it is reported elsewhere.
            let Ok(info) = store.head(bucket, &key, None) else { return };
            let age = now.duration_since(info.last_modified);
            found.set(age <= AHEAD && age >= -AHEAD);
        })?;
        if found.get() {
            return Ok(Some(true));
        }
    }
    Ok((any && !stop.is_set()).then_some(false))
}

/// The start of the day in a key, in UTC; `None` if the name does not begin with a date.
pub(crate) fn begin_of_day(key: &str) -> Option<Timestamp> {
    let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
    let day = Day::parse_canonical(name.get(..10)?).ok()?;
    Some(day.date().to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_of_a_key_is_the_date_that_its_name_begins_with() {
        let begin = |key: &str| begin_of_day(key).map(|begin| begin.to_string());
        let first = Some("2019-08-01T00:00:00Z".to_owned());
        assert_eq!(begin("web01/2019-08-01.log"), first);
        assert_eq!(begin("0a1b/web01/2019-08-01.rejects.json"), first);
        for key in ["notes.txt", "web01/2019-13-01.log", "web01/2019-8-1.log", "日本/日本語日本語"]
        {
            assert_eq!(begin(key), None, "{key}");
        }
    }
}
