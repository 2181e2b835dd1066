//! Looks at the newest version, writes its results, and looks again.

use log2aws_core::event::Record;
use log2aws_core::key::{ObjectKey, RawKey, ResultKind};
use log2aws_core::summary::{RawObject, Summary};

use super::{AnalyzeApp, Analyzed, Outcome, RecordFailure, stored, stream};
use crate::ports::{Settings, StoreError, Version};

/// How many versions are read one after the other before an event gives up.
pub const MAX_LOOKS: u32 = 10;

/// One log and what it takes to work on it.
pub(super) struct Job<'a> {
    pub(super) app: &'a AnalyzeApp,
    pub(super) settings: &'a Settings,
    pub(super) key: &'a RawKey,
    pub(super) raw_key: ObjectKey,
}

/// How the work on one version ended.
enum End {
    /// Its results stand.
    Analyzed(Analyzed),
    /// It is refused, and its summary says so.
    Refused(String),
    /// Another version is the newest by now; no summary was written.
    Overtaken,
}

/// Works until the results are those of the newest version.
///
/// `refusal` says why the put that the event tells of is refused, if it is. It falls on the
/// version that the event names, or, if it names none, on the newest one at the first look. Any
/// other version has an event of its own, before or after this one; if that event was refused,
/// the stored summary says so, and it stays refused. One moment escapes this: a refusal of a newer
/// version that comes and goes between our last look and our summary is written over.
pub(super) fn bring_up_to_date(
    app: &AnalyzeApp,
    settings: &Settings,
    record: &Record,
    key: &RawKey,
    refusal: Option<&str>,
) -> Result<Outcome, RecordFailure> {
    let job = Job { app, settings, key, raw_key: key.object_key() };
    let refused = |reason| Outcome::Refused { key: key.clone(), source: record.source, reason };
    let Some(mut newest) = job.newest()? else { return Ok(Outcome::Gone { key: key.clone() }) };
    let put = record.version.clone().unwrap_or_else(|| newest.id.as_str().to_owned());
    for looks in 0..MAX_LOOKS {
        let own = newest.id.as_str() == put;
        let end = match refusal {
            Some(reason) if own => job.refuse(&newest, reason)?,
            // Nothing was written for the refused version, so nothing has to be put right.
            Some(reason) if looks == 0 => return Ok(refused(reason.to_owned())),
            _ => job.analyze(&newest, own, looks)?,
        };
        let outcome = match (end, job.newest()?) {
            (End::Overtaken, None) => Outcome::Gone { key: key.clone() },
            (End::Analyzed(analyzed), next) if stands(&newest, next.as_ref()) => {
                Outcome::Analyzed(analyzed)
            }
            (End::Refused(reason), next) if stands(&newest, next.as_ref()) => refused(reason),
            (_, next) => {
                newest = next.unwrap_or(newest);
                continue;
            }
        };
        return Ok(outcome);
    }
    Err(RecordFailure::KeepsChanging(job.raw_key))
}

/// Whether the version that was worked on is still the one to show. A log that was removed
/// meanwhile leaves its results behind: raw logs may be kept for a shorter time.
fn stands(worked_on: &Version, next: Option<&Version>) -> bool {
    next.is_none_or(|next| next.id == worked_on.id)
}

impl Job<'_> {
    pub(super) fn newest(&self) -> Result<Option<Version>, StoreError> {
        self.app.store.newest(&self.settings.raw_bucket, &self.raw_key)
    }

    /// Writes the results of one version. `own` says that the event spoke of this very version.
    fn analyze(&self, version: &Version, own: bool, restarts: u32) -> Result<End, RecordFailure> {
        if !own && let Some(reason) = self.refused_before(version)? {
            return Ok(End::Refused(reason));
        }
        let read = match stream::convert(self, version) {
            // Removed, or removed and put again, since the look.
            Err(RecordFailure::Store(StoreError::NotFound { .. }))
                if self.newest()?.is_none_or(|next| next.id != version.id) =>
            {
                return Ok(End::Overtaken);
            }
            read => read?,
        };
        if self.newest()?.is_some_and(|next| next.id != version.id) {
            return Ok(End::Overtaken);
        }
        if !own && let Some(reason) = self.refused_before(version)? {
            return Ok(End::Refused(reason));
        }
        let analyzed = Analyzed {
            key: self.key.clone(),
            version: version.id.clone(),
            bytes: version.size,
            rows: read.log.rows,
            rejects: read.log.rejects.count,
            restarts,
        };
        let raw = self.raw_object(version, Some(read.sha256));
        self.write_summary(&Summary::read(&self.app.program, self.key, raw, read.log))?;
        Ok(End::Analyzed(analyzed))
    }

    fn refuse(&self, version: &Version, reason: &str) -> Result<End, RecordFailure> {
        self.remove_results()?;
        let raw = self.raw_object(version, None);
        self.write_summary(&Summary::refused(&self.app.program, self.key, raw, reason))?;
        Ok(End::Refused(reason.to_owned()))
    }

    /// Whether the stored summary refuses this version. If it does, no results may stand beside
    /// it: another event may have had this version analyzed before it was refused.
    fn refused_before(&self, version: &Version) -> Result<Option<String>, RecordFailure> {
        let summary = stored::summary(self.app.store.as_ref(), self.settings, self.key)?;
        let refused = summary
            .filter(|summary| summary.raw.version == version.id.as_str())
            .and_then(|summary| summary.refused);
        if refused.is_some() {
            self.remove_results()?;
        }
        Ok(refused)
    }

    fn remove_results(&self) -> Result<(), StoreError> {
        for kind in [ResultKind::Csv, ResultKind::Svg, ResultKind::Png, ResultKind::Rejects] {
            self.remove(kind)?;
        }
        Ok(())
    }

    pub(super) fn remove(&self, kind: ResultKind) -> Result<(), StoreError> {
        self.app.store.delete(&self.settings.analyzed_bucket, &self.key.result_key(kind))
    }

    fn raw_object(&self, version: &Version, sha256: Option<String>) -> RawObject {
        RawObject {
            key: self.raw_key.to_string(),
            version: version.id.to_string(),
            size: version.size,
            sha256,
        }
    }

    fn write_summary(&self, summary: &Summary) -> Result<(), RecordFailure> {
        let mut result = stream::NewResult::create(self, ResultKind::Json)?;
        result.write(&summary.to_json()?)?;
        Ok(result.commit()?)
    }
}
