//! The list of refused versions beside the results.
//!
//! Concurrent runs may change it, so it is only written if it has not changed since it was read.

use log2aws_core::key::ResultKind;
use log2aws_core::refused::{RefusedVersion, RefusedVersions};
use log2aws_core::summary::AcceptedVersion;

use super::job::{Found, Job, NewResult};
use super::stored_summary::StoredSummary;
use super::{MAX_ATTEMPTS, Outcome, RecordFailure};
use crate::ports::StoreError;

/// The list as it was read.
pub(super) struct StoredRefusals {
    found: Found,
    pub(super) list: RefusedVersions,
}

/// Reads the list; a missing one counts as empty.
pub(super) fn read(job: &Job<'_>) -> Result<StoredRefusals, RecordFailure> {
    let found = job.result(ResultKind::Refused)?.map_or(Found::Absent, Found::Version);
    let bytes = match &found {
        Found::Version(version) => job.read(ResultKind::Refused, version)?,
        Found::Absent | Found::Damaged => None,
    };
    // A list that was removed meanwhile reads as empty. Then the conditional write fails.
    let list = RefusedVersions::from_jsonl(&bytes.unwrap_or_default()).map_err(|source| {
        RecordFailure::Refusals { key: job.key.result_key(ResultKind::Refused), source }
    })?;
    Ok(StoredRefusals { found, list })
}

/// Records that a version is refused, and changes nothing else.
///
/// Another run may have accepted the same version meanwhile, with another allow-list. Each run
/// writes before it reads what the other wrote, so at least one of the two sees both, and then the
/// acceptance wins.
pub(super) fn refuse(job: &Job<'_>, version: &RefusedVersion) -> Result<Outcome, RecordFailure> {
    let (id, source, reason) = (version.version.clone(), version.source, version.reason.clone());
    let recorded = record(job, version)?;
    if StoredSummary::read(job)?.accepted().get(&id).is_some() {
        forget(job, |refused| refused == id)?;
        return Ok(Outcome::Current { key: job.key.clone() });
    }
    Ok(Outcome::Refused { key: job.key.clone(), source, reason, recorded })
}

/// Adds a version. Returns whether it was new.
pub(super) fn record(job: &Job<'_>, version: &RefusedVersion) -> Result<bool, RecordFailure> {
    update(job, |list| {
        let new = !list.contains(&version.version);
        if new {
            list.push(version.clone());
        }
        new
    })
}

/// Removes versions from the list that were accepted after all.
pub(super) fn forget_accepted(
    job: &Job<'_>,
    accepted: &[AcceptedVersion],
) -> Result<(), RecordFailure> {
    forget(job, |refused| accepted.iter().any(|accepted| accepted.version == refused))
}

fn forget(job: &Job<'_>, accepted: impl Fn(&str) -> bool) -> Result<(), RecordFailure> {
    update(job, |list| {
        let before = list.listed.len();
        list.listed.retain(|refused| !accepted(&refused.version));
        list.listed.len() != before
    })?;
    Ok(())
}

/// Changes the list. `change` returns whether there is anything to write.
fn update(
    job: &Job<'_>,
    change: impl Fn(&mut RefusedVersions) -> bool,
) -> Result<bool, RecordFailure> {
    for _ in 0..MAX_ATTEMPTS {
        let StoredRefusals { found, mut list } = read(job)?;
        if !change(&mut list) {
            return Ok(false);
        }
        let bytes = list.to_jsonl().map_err(log2aws_core::summary::SummaryError::Json)?;
        let result = NewResult::of(job, ResultKind::Refused, &bytes)?;
        if result.commit_unless_changed(&found)? {
            return Ok(true);
        }
    }
    let what =
        format!("{}/{}", job.settings.analyzed_bucket, job.key.result_key(ResultKind::Refused));
    Err(StoreError::Changed { what }.into())
}
