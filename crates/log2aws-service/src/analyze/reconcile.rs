//! Brings the results up to date with the newest accepted version.

use log2aws_core::key::ResultKind;
use log2aws_core::summary::{AcceptedVersion, Change, LogSummary, RawObject, Summary, Versions};

use super::convert::{self, convert};
use super::job::{Job, NewResult};
use super::stored_summary::{StoredSummary, day_after, has_interval_of};
use super::{Analyzed, Outcome, RecordFailure, refusals};
use crate::ports::{StoreError, VersionId};

/// The maximum number of attempts for one log and event.
pub const MAX_ATTEMPTS: u32 = 10;

/// Repeats until the results are those of the newest accepted version, out of `put` and those in
/// the summary.
///
/// The summary is written last, and only if it has not changed since it was read. It names the
/// version of every result written with it, so no two summaries are equal. Hence the run that wrote
/// the last summary also wrote all results last: a run that wrote a result in between has read an
/// earlier summary, cannot write its own, and starts over.
pub(super) fn reconcile(job: &Job<'_>, put: &[AcceptedVersion]) -> Result<Outcome, RecordFailure> {
    for restarts in 0..MAX_ATTEMPTS {
        // In this order, a version in the summary is never newer than `newest`.
        let stored = StoredSummary::read(job)?;
        let Some(newest) = job.newest()? else { return Ok(job.gone()) };
        if let Some(refused) = stored.refused()
            && put.iter().all(|put| put.version != refused.version)
        {
            refusals::record(job, &refused)?;
        }
        let before = stored.accepted();
        let versions = before.with(put, newest.id.as_str());
        if stored.is_of(job, &versions)? {
            refusals::forget_accepted(job, put)?;
            return Ok(Outcome::Current { key: job.key.clone() });
        }
        let outcome = match write(job, &stored, &before, versions, restarts) {
            // The log was removed since it was put. Existing results stay.
            Err(RecordFailure::Store(StoreError::NotFound { .. })) => return Ok(job.gone()),
            outcome => outcome?,
        };
        if let Some((analyzed, log)) = outcome {
            // A day before may have been analyzed meanwhile.
            if !has_interval_of(job, &log)? {
                continue;
            }
            refusals::forget_accepted(job, put)?;
            adapt_day_after(job)?;
            return Ok(Outcome::Analyzed(analyzed));
        }
    }
    Err(RecordFailure::KeepsChanging(job.raw_key.clone()))
}

/// Analyzes the next day again if its interval depends on this day's and is another now: it may
/// have arrived first. Days with their interval in the metadata depend on none.
fn adapt_day_after(job: &Job<'_>) -> Result<(), RecordFailure> {
    let Some(key) = day_after(job)? else { return Ok(()) };
    let after = Job::new(job.app, job.settings, &key)?;
    reconcile(&after, &[]).map(drop)
}

/// Writes results and summary of the newest of `versions`; `None` if a concurrent run interfered.
fn write(
    job: &Job<'_>,
    stored: &StoredSummary,
    before: &Versions,
    mut versions: Versions,
    restarts: u32,
) -> Result<Option<(Analyzed, LogSummary)>, RecordFailure> {
    learn_changes(job, before, &mut versions)?;
    let Some((target, older)) = versions.listed.split_first_mut() else { return Ok(None) };
    let read = convert(job, target, older.first().and_then(|before| before.size))?;
    // Not needed for correctness, but it keeps most late runs from overwriting results.
    if job.found(ResultKind::Json)? != stored.found {
        return Ok(None);
    }
    if !older.is_empty() || versions.more == 0 {
        let change = Change::of(older.first(), &read.sha256, read.beginning.as_deref());
        target.change = Some(change);
    }
    target.size = Some(read.size);
    let source = target.source;
    target.sha256 = Some(read.sha256.clone());
    let raw = RawObject {
        key: job.raw_key.to_string(),
        version: target.version.clone(),
        size: read.size,
        sha256: Some(read.sha256),
    };
    let replaced = versions.replaced().saturating_sub(before.replaced());
    let analyzed = Analyzed {
        key: job.key.clone(),
        version: VersionId::new(raw.version.clone()),
        source,
        bytes: read.size,
        rows: read.log.rows,
        rejects: read.log.rejects.count,
        replaced: replaced as u64,
        restarts,
    };
    let mut summary = Summary::read(&job.app.program, job.key, raw, read.log.clone());
    summary.results = read.results.commit(job)?;
    summary.versions = versions.listed;
    summary.versions_more = versions.more;
    let summary = NewResult::of(job, ResultKind::Json, &summary.to_json()?)?;
    let written = summary.commit_unless_changed(&stored.found)?;
    Ok(written.then_some((analyzed, read.log)))
}

/// Determines for the versions before the newest how each changed the one before it, if not known
/// yet. These are few: those that were put before the newest was analyzed.
fn learn_changes(
    job: &Job<'_>,
    known: &Versions,
    versions: &mut Versions,
) -> Result<(), RecordFailure> {
    let more = versions.more > 0;
    let listed = &mut versions.listed;
    for at in (1..listed.len()).rev() {
        let (newer, older) = listed.split_at_mut(at + 1);
        let Some(version) = newer.last_mut() else { continue };
        let before = older.first();
        if before.is_none() && more {
            continue;
        }
        let beside = known.listed.iter().position(|known| known.version == version.version);
        let known_before = beside.and_then(|at| known.listed.get(at + 1));
        let same_before =
            known_before.map(|known| &known.version) == before.map(|before| &before.version);
        if beside.is_some() && same_before && version.change.is_some() {
            continue;
        }
        match convert::digest(job, &version.version, before.and_then(|before| before.size)) {
            Ok((size, sha256, beginning)) => {
                version.change = Some(Change::of(before, &sha256, beginning.as_deref()));
                version.size = Some(size);
                version.sha256 = Some(sha256);
            }
            // Removed by age or by hand: it can no longer be determined.
            Err(StoreError::NotFound { .. }) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}
