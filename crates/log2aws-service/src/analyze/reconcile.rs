//! Looks at the newest version, writes its results, and checks again.

use log2aws_core::event::Record;
use log2aws_core::key::{RawKey, ResultKind};
use log2aws_core::summary::{RawObject, Summary};

use super::job::{Job, NewResult};
use super::{AnalyzeApp, Analyzed, Outcome, RecordFailure, convert, summary_store};
use crate::ports::{Settings, StoreError, Version};

/// How many versions are read one after the other before an event gives up.
pub const MAX_ATTEMPTS: u32 = 10;

/// How the work on one version ended.
enum Step {
    /// Its results stand.
    Analyzed(Analyzed),
    /// It is refused, or it is for its own event to decide.
    Refused(String),
    /// Another version is the newest by now, or another run came between: to be looked at again.
    Overtaken,
}

/// What stands in the summary of a version whose refusal was written over.
const PASSED: &str = "refused while an earlier version was being analyzed";

/// Works until the results are those of the newest version.
///
/// `refusal` says why the put that the event tells of is refused, if it is. It falls on the
/// version that the event names, or, if it names none, on the newest one at the first look. Every
/// other version has an event of its own, before or after this one, which may have been refused;
/// what it left in the store says so ([`Job::reconcile_other`]).
pub(super) fn reconcile(
    app: &AnalyzeApp,
    settings: &Settings,
    record: &Record,
    key: &RawKey,
    refusal: Option<&str>,
) -> Result<Outcome, RecordFailure> {
    let job = Job { app, settings, key, raw_key: key.object_key() };
    let gone = || Outcome::Gone { key: key.clone() };
    let refused = |reason| Outcome::Refused { key: key.clone(), source: record.source, reason };
    let Some(mut newest) = job.newest()? else { return Ok(gone()) };
    let put = record.version.clone().unwrap_or_else(|| newest.id.as_str().to_owned());
    for attempts in 0..MAX_ATTEMPTS {
        let own = newest.id.as_str() == put;
        let end = match refusal {
            Some(reason) if own => job.refuse(&newest, reason)?,
            None if own => job.analyze(&newest, own, attempts)?,
            _ => job.reconcile_other(&newest, refusal.is_some(), attempts)?,
        };
        // Another run's refusal removes what this one wrote.
        let removed = matches!(end, Step::Analyzed(_)) && !job.csv_stands()?;
        let next = job.newest()?;
        // A log that was removed meanwhile leaves its results: raw logs may be kept for less long.
        let moved = next.as_ref().is_some_and(|next| next.id != newest.id);
        let done = match end {
            Step::Overtaken if next.is_none() => Some(gone()),
            Step::Overtaken => None,
            _ if moved || removed => None,
            Step::Analyzed(analyzed) => Some(Outcome::Analyzed(analyzed)),
            Step::Refused(reason) => Some(refused(reason)),
        };
        if let Some(outcome) = done {
            return Ok(refusal.map_or(outcome, |reason| refused(reason.to_owned())));
        }
        newest = next.unwrap_or(newest);
    }
    Err(RecordFailure::KeepsChanging(job.raw_key))
}

impl Job<'_> {
    /// Whether a newer version stands there by now.
    fn moved_from(&self, version: &Version) -> Result<bool, StoreError> {
        Ok(self.newest()?.is_some_and(|next| next.id != version.id))
    }

    /// Works on a version that the event does not speak of.
    ///
    /// An event from an allowed address may do so: it only says *look*. It must not bring back
    /// what another event refused, though, and while two runs write, the last one's summary may
    /// hide the other's. But a refusal also removes the CSV, and nothing else does: a summary of
    /// an analysis without its CSV hides a refusal.
    ///
    /// A refused event (`refused`) has no right to have any version analyzed, but it has to put
    /// right what it did to one that was: that was analyzed whose summary says so, or whose CSV
    /// stands beside the summary of another version's refusal.
    fn reconcile_other(
        &self,
        version: &Version,
        refused: bool,
        attempts: u32,
    ) -> Result<Step, RecordFailure> {
        let Some(stored) =
            summary_store::summary(self.app.store.as_ref(), self.settings, self.key)?
        else {
            return if refused { Ok(left_alone()) } else { self.analyze(version, false, attempts) };
        };
        let names_it = stored.raw.version == version.id.as_str();
        match (stored.refused, refused) {
            (Some(reason), _) if names_it => {
                self.remove_results()?;
                Ok(Step::Refused(reason))
            }
            (None, true) if names_it => self.analyze(version, false, attempts),
            (Some(_), true) if self.csv_stands()? => self.analyze(version, false, attempts),
            (_, true) => Ok(left_alone()),
            (None, false) if !self.csv_stands()? => self.refuse(version, PASSED),
            (_, false) => self.analyze(version, false, attempts),
        }
    }

    /// Writes the results of one version. `own` says that the event spoke of this very version.
    fn analyze(&self, version: &Version, own: bool, restarts: u32) -> Result<Step, RecordFailure> {
        let read = match convert::convert(self, version) {
            // Removed, or removed and put again, since the look.
            Err(RecordFailure::Store(StoreError::NotFound { .. }))
                if self.newest()?.is_none_or(|next| next.id != version.id) =>
            {
                return Ok(Step::Overtaken);
            }
            read => read?,
        };
        if self.moved_from(version)? {
            return Ok(Step::Overtaken);
        }
        if !own && let Some(reason) = self.refusal_of(version)? {
            self.remove_results()?;
            return Ok(Step::Refused(reason));
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
        Ok(Step::Analyzed(analyzed))
    }

    /// Removes the results that stand, and writes the summary that says why.
    fn refuse(&self, version: &Version, reason: &str) -> Result<Step, RecordFailure> {
        self.remove_results()?;
        if self.moved_from(version)? {
            return Ok(Step::Overtaken);
        }
        let raw = self.raw_object(version, None);
        self.write_summary(&Summary::refused(&self.app.program, self.key, raw, reason))?;
        if self.moved_from(version)? {
            return Ok(Step::Overtaken);
        }
        // A run that had this version analyzed may have ended meanwhile. From here on it sees the
        // refusal or misses its CSV, unless it has written over the summary before that.
        self.remove_results()?;
        let stands = self.refusal_of(version)?.is_some();
        Ok(if stands { Step::Refused(reason.to_owned()) } else { Step::Overtaken })
    }

    /// Why the stored summary refuses this version, if it does.
    fn refusal_of(&self, version: &Version) -> Result<Option<String>, StoreError> {
        let summary = summary_store::summary(self.app.store.as_ref(), self.settings, self.key)?;
        let names_it = summary.filter(|summary| summary.raw.version == version.id.as_str());
        Ok(names_it.and_then(|summary| summary.refused))
    }

    /// The CSV goes last, as it is written first: if anything of a run at work was removed, so was
    /// its CSV, and that run will miss it.
    fn remove_results(&self) -> Result<(), StoreError> {
        for kind in [ResultKind::Rejects, ResultKind::Png, ResultKind::Svg, ResultKind::Csv] {
            self.remove(kind)?;
        }
        Ok(())
    }

    fn csv_stands(&self) -> Result<bool, StoreError> {
        let csv = self.key.result_key(ResultKind::Csv);
        Ok(self.app.store.head(&self.settings.analyzed_bucket, &csv)?.is_some())
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
        Ok(NewResult::of(self, ResultKind::Json, &summary.to_json()?)?.commit()?)
    }
}

/// For its own event to decide about.
fn left_alone() -> Step {
    Step::Refused(String::new())
}
