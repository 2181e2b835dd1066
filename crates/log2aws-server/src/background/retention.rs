//! Removes raw logs and results by age if the operator has configured it, and abandoned uploads.

use std::io::Read as _;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use log2aws_core::error_chain::ErrorChain;
use log2aws_core::key::{BucketName, ObjectKey, RawKey, ResultKind};
use log2aws_core::reopening::RECORDS_PREFIX;
use log2aws_core::summary::Summary;
use log2aws_service::analyze::MAX_SUMMARY_BYTES;
use log2aws_service::ports::{Clock, VersionId};
use log2aws_store::DiskStore;
use log2aws_store::disk::{DiskError, RetentionRule};
use log2aws_tlog::layout::is_of_log;

use super::clock_guard::{ClockCheck, EARLY, PAUSED, begin_of_day};
use super::unreadable_objects::UnreadableObjects;
use super::{BackgroundTask, Next, Stop, TaskError};
use crate::metrics::Metrics;

/// How often ages are checked.
const EVERY: Duration = Duration::from_hours(1);

/// How often every age is read from the file's content. Otherwise its modification time is used,
/// which is too recent after a restore from a backup.
const EXACT_EVERY: Duration = Duration::from_hours(24);

/// Removes objects and abandoned uploads by age.
pub(crate) struct Retention {
    pub(crate) store: DiskStore,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) unreadable: UnreadableObjects,
    pub(crate) rules: Vec<(BucketName, NonZeroU32)>,
    pub(crate) raw_bucket: BucketName,
    pub(crate) analyzed_bucket: BucketName,
    pub(crate) clock_check: ClockCheck,
    pub(crate) exact_at: Option<Instant>,
}

impl BackgroundTask for Retention {
    fn name(&self) -> &'static str {
        "retention"
    }

    fn run_once(&mut self, stop: &Stop) -> Result<Next, TaskError> {
        let now = self.clock.now();
        let swept = self.store.sweep(now);
        if let Ok(removed @ 1..) = swept {
            tracing::info!(removed, "abandoned uploads were removed");
        }
        let mut failures: Vec<_> = swept.err().into_iter().collect();
        let clock = if self.rules.is_empty() {
            Ok(None)
        } else {
            self.clock_check.confirm("retention", now, stop)
        };
        let clock = clock.unwrap_or_else(|error| {
            failures.push(error);
            None
        });
        if clock == Some(true) {
            let exact = is_over(self.exact_at, EXACT_EVERY);
            for (bucket, days) in &self.rules {
                failures.extend(self.expire(bucket, *days, now, exact, stop).err());
            }
            if exact && failures.is_empty() && !stop.is_set() {
                self.exact_at = Some(Instant::now());
            }
        }
        let mut first = None;
        for error in failures {
            self.metrics.count_store_error("failed");
            if first.is_none() {
                first = Some(error);
            } else {
                tracing::error!(error = %ErrorChain(&error), "retention failed in a second place");
            }
        }
        let notice = (clock == Some(false)).then_some(PAUSED);
        first.map_or(Ok(Next { after: EVERY, notice }), |error| Err(error.into()))
    }
}

impl Retention {
    fn expire(
        &self,
        bucket: &BucketName,
        days: NonZeroU32,
        now: Timestamp,
        exact: bool,
        stop: &Stop,
    ) -> Result<(), DiskError> {
        let Some(older_than) = days_before(now, days) else { return Ok(()) };
        let rule = RetentionRule {
            older_than,
            may_be_due: &|key| !self.is_record(bucket, key) && may_be_due(key, older_than, now),
            by_file_time: !exact,
            is_in_use: &|key, version| *bucket == self.raw_bucket && self.is_in_use(key, version),
            must_stay: &|key| *bucket == self.analyzed_bucket && self.has_log(key),
            stop: &|| stop.is_set(),
        };
        let expired = self.store.expire(bucket, &rule)?;
        self.metrics.expired.inc_by(expired.removed);
        self.unreadable.report(&expired.unreadable);
        if expired.removed > 0 {
            let (removed, in_use) = (expired.removed, expired.in_use);
            tracing::info!(%bucket, removed, in_use, days, "removed by age");
        }
        Ok(())
    }

    /// Whether a key holds a decision of an operator, e.g. that a day was reopened, or a part of the
    /// delivery log. Only a new decision replaces the former, and the log is proved by all of its
    /// parts; they never expire.
    fn is_record(&self, bucket: &BucketName, key: &str) -> bool {
        *bucket == self.analyzed_bucket && (key.starts_with(RECORDS_PREFIX) || is_of_log(key))
    }

    /// Whether this is the summary, or the list of refused versions, of a log that still exists.
    /// Without its summary a final day would be open again.
    fn has_log(&self, key: &ObjectKey) -> bool {
        let kinds = [ResultKind::Json, ResultKind::Refused];
        let stem = kinds.iter().find_map(|kind| key.as_str().strip_suffix(kind.suffix()));
        let Some(log) = stem.and_then(|stem| RawKey::parse(&format!("{stem}.log"))) else {
            return false;
        };
        // If the check fails, the log is assumed to exist.
        let state = self.store.file_state(&self.raw_bucket, &log.object_key());
        state.map_or(true, |state| state.is_some())
    }

    /// Whether the stored summary of a day names this version. An unreadable summary counts as yes.
    fn is_in_use(&self, key: &ObjectKey, version: &VersionId) -> bool {
        let Some(key) = RawKey::parse(key.as_str()) else { return false };
        let key = key.result_key(ResultKind::Json);
        let summary = match self.store.open_object(&self.analyzed_bucket, &key, None) {
            Err(DiskError::NoSuchKey { .. }) => return false,
            Err(_) => return true,
            Ok((_, reader)) => {
                let mut json = Vec::new();
                let read = reader.take(MAX_SUMMARY_BYTES).read_to_end(&mut json);
                read.ok().and_then(|_| Summary::from_json(&json).ok())
            }
        };
        summary.is_none_or(|summary| summary.raw.version == version.as_str())
    }
}

fn is_over(since: Option<Instant>, time: Duration) -> bool {
    since.is_none_or(|since| since.elapsed() >= time)
}

/// Whether an object of this name may have been stored before `older_than`. No log arrives long
/// before its day. A name without a day, or with a future one, rules nothing out.
fn may_be_due(key: &str, older_than: Timestamp, now: Timestamp) -> bool {
    begin_of_day(key).is_none_or(|begin| {
        older_than.duration_since(begin) > -EARLY || begin.duration_since(now) > EARLY
    })
}

/// The moment that many days ago; `None` if it is out of range, since nothing is that old.
pub(crate) fn days_before(now: Timestamp, days: NonZeroU32) -> Option<Timestamp> {
    now.checked_sub(SignedDuration::from_hours(24 * i64::from(days.get()))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_24_hours() {
        let now: Timestamp = "2019-08-03T00:00:00Z".parse().unwrap();
        let two = NonZeroU32::new(2).unwrap();
        assert_eq!(days_before(now, two).unwrap().to_string(), "2019-08-01T00:00:00Z");
        assert_eq!(days_before(now, NonZeroU32::MAX), None);
    }

    #[test]
    fn a_name_rules_out_only_what_cannot_be_old_enough() {
        let older_than: Timestamp = "2019-08-10T12:00:00Z".parse().unwrap();
        let now: Timestamp = "2019-09-10T12:00:00Z".parse().unwrap();
        let due = |key: &str| may_be_due(key, older_than, now);
        for key in ["web01/2019-08-01.log", "web01/2019-08-12.csv", "notes", "a/2019-09-14.log"] {
            assert!(due(key), "{key}");
        }
        for key in ["web01/2019-08-13.log", "web01/2019-09-10.log", "a/2019-09-11.log"] {
            assert!(!due(key), "{key}");
        }
    }
}
