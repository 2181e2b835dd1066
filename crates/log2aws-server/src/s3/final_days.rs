//! Checks the rules of days once more when a log arrives: its URL may have been given before the day
//! became final, or before another delivery used a reopening up.

use std::sync::Arc;

use http::StatusCode;
use log2aws_core::error_chain::ErrorChain;
use log2aws_core::key::{RawKey, ResultKind};
use log2aws_core::refused::RefusedVersions;
use log2aws_service::analyze::MAX_SUMMARY_BYTES;
use log2aws_service::http::{DayCheck, DayRules, Problem, PutBody};
use log2aws_service::ports::{Clock, ObjectReader, Settings};
use log2aws_store::DiskStore;
use log2aws_store::disk::{Condition, DiskError, ObjectInfo};
use s3s::{S3Error, S3Result, s3_error};

use super::error::{answer, custom, unavailable};
use crate::metrics::Metrics;

/// The rules of days, and access to what is stored of a day.
pub(crate) struct FinalDays {
    pub(crate) rules: DayRules,
    pub(crate) objects: Arc<dyn ObjectReader>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: DiskStore,
}

/// The condition of the commit of an old day's log. An extension of the request, because two logs of
/// one reopened day may arrive at once, and a body may take an hour.
#[derive(Clone, Debug)]
pub(crate) struct DayCondition(Condition);

/// Why a log is not taken.
pub(crate) struct DayRefusal {
    /// The response.
    pub(crate) error: S3Error,
    /// Whether the rules refuse the log; otherwise a retry may help.
    pub(crate) by_rules: bool,
}

impl FinalDays {
    /// Whether the day takes this log now. For a day that is old enough to be final, returns the
    /// condition under which the log may be committed.
    ///
    /// # Errors
    /// [`DayRefusal`].
    pub(crate) async fn check(
        &self,
        key: &RawKey,
        body: Option<&PutBody>,
        metrics: &Metrics,
    ) -> Result<Option<DayCondition>, DayRefusal> {
        let now = self.clock.now();
        // Looked up before the summary is read: the condition detects a log that is stored between.
        let newest =
            if self.rules.is_past(key.day, now) { self.newest(key, metrics).await? } else { None };
        let days = DayCheck {
            rules: &self.rules,
            objects: &*self.objects,
            analyzed_bucket: &self.settings.analyzed_bucket,
        };
        let old = days.check(key, body, now).await.map_err(|problem| refusal(&problem, metrics))?;
        let Some(old) = old else { return Ok(None) };
        let Some(newest) = newest else { return Ok(Some(DayCondition(Condition::Absent))) };
        let is_analyzed = old.accepted.is_none_or(|version| version == newest.version.as_str());
        let is_same = body.is_some_and(|body| is_of(&newest, body));
        if !is_analyzed && !is_same && !self.is_refused(key, &newest, metrics).await? {
            return Err(later(unanalyzed()));
        }
        Ok(Some(DayCondition(Condition::Matches(newest.etag))))
    }

    /// The newest version of the log.
    async fn newest(
        &self,
        key: &RawKey,
        metrics: &Metrics,
    ) -> Result<Option<ObjectInfo>, DayRefusal> {
        let (store, bucket) = (self.store.clone(), self.settings.raw_bucket.clone());
        let key = key.object_key();
        let head = tokio::task::spawn_blocking(move || store.head(&bucket, &key, None));
        match head.await {
            Ok(Ok(info)) => Ok(Some(info)),
            Ok(Err(DiskError::NoSuchKey { .. })) => Ok(None),
            Ok(Err(error)) => Err(later(answer(&error, metrics))),
            Err(_) => Err(later(s3_error!(InternalError, "the server's disk thread broke down"))),
        }
    }

    /// Whether the analysis refused this version, which then is not the accepted one.
    async fn is_refused(
        &self,
        key: &RawKey,
        newest: &ObjectInfo,
        metrics: &Metrics,
    ) -> Result<bool, DayRefusal> {
        let list = key.result_key(ResultKind::Refused);
        let bucket = &self.settings.analyzed_bucket;
        let bytes = self.objects.read(bucket, &list, MAX_SUMMARY_BYTES).await;
        let bytes = bytes.map_err(|error| unreadable(&error, metrics))?.unwrap_or_default();
        let refused = RefusedVersions::from_jsonl(&bytes);
        let refused = refused.map_err(|error| unreadable(&error, metrics))?;
        Ok(refused.contains(newest.version.as_str()))
    }
}

impl DayCondition {
    /// Both this condition and that of the request.
    ///
    /// # Errors
    /// `PreconditionFailed` if they exclude each other.
    pub(crate) fn and(&self, asked: Condition) -> S3Result<Condition> {
        match (asked, &self.0) {
            (Condition::Always, day) | (Condition::Present, day @ Condition::Matches(_)) => {
                Ok(day.clone())
            }
            (asked, day) if asked == *day => Ok(asked),
            _ => Err(s3_error!(PreconditionFailed, "the condition of the request does not hold")),
        }
    }
}

/// The response if another log of the day was stored while this one arrived.
pub(crate) fn overtaken() -> S3Error {
    custom(
        StatusCode::CONFLICT,
        "DayIsFinal",
        "another log of this day was stored while this one arrived, and the day is final: nothing \
         was written",
    )
}

/// Whether the version has these bytes.
fn is_of(version: &ObjectInfo, body: &PutBody) -> bool {
    (version.digests.size, version.digests.sha256) == (body.size, body.sha256)
}

fn refusal(problem: &Problem, metrics: &Metrics) -> DayRefusal {
    let by_rules =
        |status, code, message| DayRefusal { error: custom(status, code, message), by_rules: true };
    match problem {
        Problem::DayIsFinal { .. } => {
            by_rules(StatusCode::CONFLICT, "DayIsFinal", problem.to_string())
        }
        Problem::DayOutsideWindow { .. } => {
            by_rules(StatusCode::BAD_REQUEST, "DayOutsideWindow", problem.to_string())
        }
        other => unreadable(other, metrics),
    }
}

/// What decides about the day cannot be read.
fn unreadable(error: &(dyn std::error::Error + 'static), metrics: &Metrics) -> DayRefusal {
    metrics.count_store_error("failed");
    tracing::error!(error = %ErrorChain(error), "whether a day is final cannot be read");
    later(unavailable())
}

/// Whether the newest log may be replaced is known when it has been analyzed.
fn unanalyzed() -> S3Error {
    let mut error = custom(
        StatusCode::SERVICE_UNAVAILABLE,
        "SlowDown",
        "another log of this day was stored just now and is not analyzed yet: try again later",
    );
    let mut headers = http::HeaderMap::new();
    headers.insert(http::header::RETRY_AFTER, http::HeaderValue::from_static("5"));
    error.set_headers(headers);
    error
}

fn later(error: S3Error) -> DayRefusal {
    DayRefusal { error, by_rules: false }
}

#[cfg(test)]
mod tests {
    use s3s::S3ErrorCode;

    use super::*;

    #[test]
    fn the_condition_of_the_request_counts_as_well() {
        let tag = |tag: &str| Condition::Matches(tag.to_owned());
        let (absent, matches) = (DayCondition(Condition::Absent), DayCondition(tag("a")));
        assert_eq!(absent.and(Condition::Always).unwrap(), Condition::Absent);
        assert_eq!(absent.and(Condition::Absent).unwrap(), Condition::Absent);
        assert_eq!(matches.and(Condition::Present).unwrap(), tag("a"));
        assert_eq!(matches.and(tag("a")).unwrap(), tag("a"));
        for (day, asked) in [
            (&absent, Condition::Present),
            (&absent, tag("a")),
            (&matches, Condition::Absent),
            (&matches, tag("b")),
        ] {
            let error = day.and(asked).unwrap_err();
            assert_eq!(*error.code(), S3ErrorCode::PreconditionFailed);
        }
    }
}
