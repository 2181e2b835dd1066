//! The stored summary of a log.

use jiff::ToSpan as _;
use log2aws_core::coverage::interval::{self, DayBefore, Source};
use log2aws_core::day::Day;
use log2aws_core::key::{RawKey, ResultKind};
use log2aws_core::refused::RefusedVersion;
use log2aws_core::summary::{LogSummary, Summary, Versions};

use super::job::{Found, Job};
use super::{AnalyzeApp, RecordFailure, refusals};
use crate::ports::StoreError;

/// How many days before a day may say what its interval is.
const DAYS_BEFORE: i64 = 3;

/// The results that a summary lists.
const RESULTS: [ResultKind; 4] =
    [ResultKind::Csv, ResultKind::Svg, ResultKind::Png, ResultKind::Rejects];

/// The summary as it was read.
pub(super) struct StoredSummary {
    /// The object.
    pub(super) found: Found,
    /// Also `None` if this version of the program cannot read it.
    summary: Option<Summary>,
}

impl StoredSummary {
    pub(super) fn read(job: &Job<'_>) -> Result<Self, StoreError> {
        let found = job.found(ResultKind::Json)?;
        let json = match &found {
            Found::Version(version) => job.read(ResultKind::Json, version)?,
            Found::Absent | Found::Damaged => None,
        };
        Ok(Self { found, summary: json.and_then(|json| Summary::from_json(&json).ok()) })
    }

    /// The versions accepted so far.
    pub(super) fn accepted(&self) -> Versions {
        self.summary.as_ref().map(Summary::accepted).unwrap_or_default()
    }

    /// The version that an earlier version of the program refused: it wrote that into the summary.
    pub(super) fn refused(&self) -> Option<RefusedVersion> {
        let summary = self.summary.as_ref()?;
        summary.refused.as_ref().map(|reason| RefusedVersion {
            version: summary.raw.version.clone(),
            source: None,
            time: None,
            reason: reason.clone(),
        })
    }

    /// Whether this version of the program wrote it for `versions`, and every result is still the
    /// object that was written with it. Then there is nothing to do.
    pub(super) fn is_of(&self, job: &Job<'_>, versions: &Versions) -> Result<bool, StoreError> {
        let Some(summary) = &self.summary else { return Ok(false) };
        let Some(log) = &summary.log else { return Ok(false) };
        let newest = versions.listed.first().map(|newest| newest.version.as_str());
        if newest != Some(summary.raw.version.as_str())
            || summary.accepted() != *versions
            || summary.program != job.app.program
        {
            return Ok(false);
        }
        for kind in RESULTS {
            let wanted = match kind {
                ResultKind::Svg => job.app.charts.svg(),
                ResultKind::Png => job.app.charts.png(),
                ResultKind::Rejects => log.rejects.kept > 0,
                _ => true,
            };
            let written = summary.results.get(result_name(kind));
            let as_written = match job.found(kind)? {
                Found::Version(present) => written.is_some_and(|id| id == present.id.as_str()),
                Found::Absent => written.is_none(),
                Found::Damaged => false,
            };
            if !as_written || wanted != written.is_some() {
                return Ok(false);
            }
        }
        has_interval_of(job, log)
    }
}

/// Whether the log still has the interval that the days before give it. They may have been analyzed
/// later than it.
pub(super) fn has_interval_of(job: &Job<'_>, log: &LogSummary) -> Result<bool, StoreError> {
    if matches!(log.interval_from, None | Some(Source::Metadata)) {
        return Ok(true);
    }
    let (interval, _) = interval::choose(day_before(job)?, log.interval_shown_seconds);
    Ok(interval == log.interval_seconds)
}

/// The first of the days after whose interval is not what the days before give it. The days behind
/// the first one that shows an interval follow that one, as [`day_before`] does.
pub(super) fn day_after(job: &Job<'_>) -> Result<Option<RawKey>, StoreError> {
    for days in 1..=DAYS_BEFORE {
        let Some(key) = key_of_day(job, days) else { continue };
        if let Some(log) = log_of(job, &key)? {
            let Ok(after) = Job::new(job.app, job.settings, &key) else { continue };
            if !has_interval_of(&after, &log)? {
                return Ok(Some(key));
            }
            if log.rows > 0 {
                return Ok(None);
            }
        }
    }
    Ok(None)
}

/// What the newest of the days before that has a summary says of the server's interval.
pub(super) fn day_before(job: &Job<'_>) -> Result<Option<DayBefore>, StoreError> {
    for days in 1..=DAYS_BEFORE {
        let Some(key) = key_of_day(job, -days) else { continue };
        // An empty log shows no interval.
        if let Some(log) = log_of(job, &key)?.filter(|log| log.rows > 0) {
            return Ok(Some(log.day_before()));
        }
    }
    Ok(None)
}

/// The key of the same server's log so many days later.
fn key_of_day(job: &Job<'_>, days: i64) -> Option<RawKey> {
    let date = job.key.day.date().saturating_add(days.days());
    Day::from_date(date).map(|day| job.key.of_day(day))
}

/// What the summary of another log says, if there is one.
fn log_of(job: &Job<'_>, key: &RawKey) -> Result<Option<LogSummary>, StoreError> {
    let Ok(other) = Job::new(job.app, job.settings, key) else { return Ok(None) };
    Ok(StoredSummary::read(&other)?.summary.and_then(|summary| summary.log))
}

/// The name of a result in a summary.
pub(super) fn result_name(kind: ResultKind) -> &'static str {
    kind.suffix().trim_start_matches('.')
}

/// Whether the newest version of a raw log differs from the one in its summary, and was not
/// refused. True if the summary is missing or cannot be read; false if the log is missing.
///
/// # Errors
/// [`RecordFailure`] if the store fails.
pub fn needs_analysis(app: &AnalyzeApp, key: &RawKey) -> Result<bool, RecordFailure> {
    let settings = app.settings.current()?;
    let job = Job::new(app, &settings, key)?;
    let Some(newest) = job.newest()? else { return Ok(false) };
    let stored = StoredSummary::read(&job)?;
    // A summary names one version: the one that was analyzed, or one that an earlier version of the
    // program refused.
    let named = stored.summary.as_ref().map(|summary| summary.raw.version.as_str());
    if named == Some(newest.id.as_str()) {
        return Ok(false);
    }
    Ok(!refusals::read(&job)?.list.contains(newest.id.as_str()))
}
