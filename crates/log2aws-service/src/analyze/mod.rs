//! analyze-log: turns raw logs that have arrived into their results.
//!
//! Each version of a log is checked once, when its event arrives, against the allow-list of that
//! moment. The results are those of the newest accepted version, which the summary lists together
//! with the earlier ones. A refused version is added to a separate list and changes nothing else.
//!
//! Events may be repeated, reordered and handled concurrently: the final results are the same. The
//! summary is written last; the results that it names belong together.

mod charts;
mod convert;
mod digest;
mod job;
mod reconcile;
mod refusals;
mod stored_summary;

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use log2aws_core::error_chain::ErrorChain;
use log2aws_core::event::{Event, Record, Unreadable};
use log2aws_core::key::{BucketName, ObjectKey, RawKey};
use log2aws_core::refused::{RefusedError, RefusedVersion};
use log2aws_core::summary::{AcceptedVersion, SummaryError};

use self::job::Job;
use self::stored_summary::StoredSummary;
use crate::ports::{
    Rasterizer, Settings, SettingsSource, SettingsUnavailable, Store, StoreError, Version,
    VersionId,
};

pub use charts::{ChartFormats, UnknownChartFormat};
pub use job::MAX_SUMMARY_BYTES;
pub use reconcile::MAX_ATTEMPTS;
pub use stored_summary::needs_analysis;

/// The dependencies and settings of analyze-log.
#[derive(Clone)]
pub struct AnalyzeApp {
    /// Holds both buckets.
    pub store: Arc<dyn Store>,
    /// The buckets and the allow-list.
    pub settings: Arc<dyn SettingsSource>,
    /// The version of the program, for the summaries.
    pub program: String,
    /// The formats of the charts.
    pub charts: ChartFormats,
    /// Renders the PNG.
    pub rasterizer: Rasterizer,
    /// The maximum expansion factor of a gzip log. Reading stops there, with a reject.
    pub max_gzip_ratio: NonZeroU32,
    /// The session that signs our presigned URLs, as in the last part of an event's principal. A
    /// put by any other principal was made with an operator's own credentials and is accepted.
    /// `None`: every put is checked by its address.
    pub url_session: Option<String>,
}

impl fmt::Debug for AnalyzeApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnalyzeApp").field("program", &self.program).finish_non_exhaustive()
    }
}

/// The outcome of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The results of the newest accepted version were written.
    Analyzed(Analyzed),
    /// The results were up to date already: the event was a repetition.
    Current {
        /// The log.
        key: RawKey,
    },
    /// The put came from an address not on the allow-list. It is on the list of refused versions;
    /// nothing else changed.
    Refused {
        /// The log.
        key: RawKey,
        /// The address that it was put from, if the event contains one.
        source: Option<IpAddr>,
        /// Why it was refused.
        reason: String,
        /// Whether it was new on the list of refused versions.
        recorded: bool,
    },
    /// There was nothing to do, which is not a failure.
    Ignored {
        /// The record: its bucket and key, or its position in the event.
        what: String,
        /// Why there is nothing to do.
        reason: String,
    },
    /// The log was removed before it could be read.
    Gone {
        /// The log.
        key: RawKey,
    },
}

impl Outcome {
    /// The log, if the record was of one.
    pub fn log(&self) -> Option<&RawKey> {
        match self {
            Self::Analyzed(done) => Some(&done.key),
            Self::Current { key } | Self::Refused { key, .. } | Self::Gone { key } => Some(key),
            Self::Ignored { .. } => None,
        }
    }
}

/// The figures of one analysis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Analyzed {
    /// The log.
    pub key: RawKey,
    /// The version that was read.
    pub version: VersionId,
    /// The address that it was put from, if an event contained one.
    pub source: Option<IpAddr>,
    /// Its length in bytes, as stored.
    pub bytes: u64,
    /// Rows of the CSV.
    pub rows: u64,
    /// Lines that could not be parsed.
    pub rejects: u64,
    /// How many versions were found to have replaced the bytes of the version before.
    pub replaced: u64,
    /// How often the work was restarted because of a concurrent run.
    pub restarts: u32,
}

/// Some records failed. The others were processed.
#[derive(Debug)]
pub struct AnalyzeError {
    /// Each record that failed, in the event's order; at least one.
    pub failed: Vec<Failure>,
    /// The outcomes of the others.
    pub done: Vec<Outcome>,
}

/// One record that failed.
#[derive(Debug)]
pub struct Failure {
    /// The record, if it could be read: it may be retried.
    pub record: Option<Record>,
    /// Why it failed.
    pub error: RecordFailure,
}

/// Why one record failed.
#[derive(Debug, thiserror::Error)]
pub enum RecordFailure {
    /// The record itself is bad.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The event is about a bucket other than the raw bucket.
    #[error("event for bucket {named}; this analyzer reads {ours}: let its notification go there")]
    OtherBucket {
        /// The bucket that the event names.
        named: BucketName,
        /// The raw bucket of the settings.
        ours: BucketName,
    },
    /// Results in the raw bucket would be analyzed again, in an endless loop.
    #[error("{0} is set as raw and as analyzed bucket; they must be two")]
    OneBucket(BucketName),
    /// The list of refused versions is invalid. It is not overwritten: it may contain something
    /// that an operator must see.
    #[error("{key}: {source}; move it away")]
    Refusals {
        /// The list.
        key: ObjectKey,
        /// What is wrong with it.
        source: RefusedError,
    },
    /// The settings are not available.
    #[error(transparent)]
    Settings(#[from] SettingsUnavailable),
    /// An operation of the store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store returned fewer or more bytes than the size of the log, e.g. because a connection
    /// ended early.
    #[error("{what} has {read} bytes instead of {size}; no results were written")]
    Length {
        /// The log, as `bucket/key@version`.
        what: String,
        /// The number of bytes that were read.
        read: u64,
        /// The size according to the store, in bytes.
        size: u64,
    },
    /// The PNG could not be rendered. All results but the PNG and the summary were written.
    #[error("the chart of {key} could not be made a PNG: {reason}")]
    Picture {
        /// The log.
        key: ObjectKey,
        /// The error of the rasterizer.
        reason: String,
    },
    /// Rejects or summary could not be written as JSON.
    #[error(transparent)]
    Json(#[from] SummaryError),
    /// New versions arrive faster than they can be read.
    #[error("{0} keeps changing: after {MAX_ATTEMPTS} attempts there was always a newer version")]
    KeepsChanging(ObjectKey),
}

impl fmt::Display for AnalyzeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = self.failed.len() + self.done.len();
        write!(f, "{} of {of} records failed", self.failed.len())?;
        for failure in &self.failed {
            write!(f, "; ")?;
            if let Some(record) = &failure.record {
                write!(f, "{}/{}: ", record.bucket, record.key.as_str().escape_debug())?;
            }
            write!(f, "{}", ErrorChain(&failure.error))?;
        }
        Ok(())
    }
}

impl std::error::Error for AnalyzeError {}

/// Brings the results of every log in the event up to date.
///
/// Each record succeeds or fails by itself. A put with one of our URLs is checked by its source
/// address. If the address is not on the list, or the event has none (S3 always sends one; the name
/// of an AWS service in its place is on no list), it is refused: `Outcome::Refused`, not an error.
///
/// Concurrent runs on the same log need no lock.
///
/// # Errors
/// [`AnalyzeError`] with every record that failed; the caller must make sure that these are
/// retried. An event may be repeated any number of times.
pub fn analyze(app: &AnalyzeApp, event: &Event) -> Result<Vec<Outcome>, AnalyzeError> {
    let ignored = event.ignored.iter().map(|ignored| Outcome::Ignored {
        what: format!("record {} of the event", ignored.place),
        reason: format!("{:?} is not the creation of an object", ignored.name),
    });
    let mut done: Vec<Outcome> = ignored.collect();
    let unreadable = event.unreadable.iter().cloned();
    let mut failed: Vec<Failure> =
        unreadable.map(|bad| Failure { record: None, error: bad.into() }).collect();
    if !event.records.is_empty() {
        let settings = app.settings.current();
        for record in &event.records {
            let outcome = match &settings {
                Ok(settings) => one(app, settings, record),
                Err(unavailable) => Err(unavailable.clone().into()),
            };
            match outcome {
                Ok(outcome) => done.push(outcome),
                Err(error) => failed.push(Failure { record: Some(record.clone()), error }),
            }
        }
    }
    if failed.is_empty() { Ok(done) } else { Err(AnalyzeError { failed, done }) }
}

/// Brings the results of a log up to date in a store that checks each put before storing it, so
/// that every stored version is accepted. `versions` are all stored versions, or the newest of
/// them, newest first.
///
/// # Errors
/// [`RecordFailure`]; the caller must retry.
pub fn analyze_stored(
    app: &AnalyzeApp,
    key: &RawKey,
    versions: &[AcceptedVersion],
) -> Result<Outcome, RecordFailure> {
    let settings = app.settings.current()?;
    let job = Job::new(app, &settings, key)?;
    let Some((newest, older)) = versions.split_first() else { return Ok(job.gone()) };
    // Earlier versions of the program stored a put first and refused it later. The newest version
    // was checked before it was stored.
    let refused = refusals::read(&job)?.list;
    let accepted = older.iter().filter(|older| !refused.contains(&older.version));
    let accepted: Vec<_> = std::iter::once(newest).chain(accepted).cloned().collect();
    reconcile::reconcile(&job, &accepted)
}

fn one(app: &AnalyzeApp, settings: &Settings, record: &Record) -> Result<Outcome, RecordFailure> {
    if record.bucket != settings.raw_bucket {
        return Err(RecordFailure::OtherBucket {
            named: record.bucket.clone(),
            ours: settings.raw_bucket.clone(),
        });
    }
    let Some(key) = RawKey::parse(record.key.as_str()) else {
        return Ok(Outcome::Ignored {
            what: format!("{}/{}", record.bucket, record.key.as_str().escape_debug()),
            reason: "its key is not that of a day log".to_owned(),
        });
    };
    let job = Job::new(app, settings, &key)?;
    let Some(newest) = job.newest()? else { return Ok(job.gone()) };
    let put = put(app, record, &newest);
    match verdict(&job, &put, newest.id.as_str())? {
        Verdict::Accepted => reconcile::reconcile(&job, &[put]),
        Verdict::Refused(reason) => {
            let AcceptedVersion { version, source, time, .. } = put;
            refusals::refuse(&job, &RefusedVersion { version, source, time, reason })
        }
    }
}

/// The version in the event, or the newest one if the event has none.
fn put(app: &AnalyzeApp, record: &Record, newest: &Version) -> AcceptedVersion {
    let version = record.version.clone().unwrap_or_else(|| newest.id.to_string());
    let size = record.size.or_else(|| (version == newest.id.as_str()).then_some(newest.size));
    AcceptedVersion {
        version,
        size,
        sha256: None,
        source: record.source.map(|source| source.to_canonical()),
        operator: is_operator(app.url_session.as_deref(), record.principal.as_deref()),
        time: record.time,
        sequencer: record.sequencer.clone(),
        change: None,
    }
}

/// Whether a put was made by a principal other than the one that signs our URLs.
fn is_operator(url_session: Option<&str>, principal: Option<&str>) -> bool {
    let (Some(ours), Some(principal)) = (url_session, principal) else { return false };
    match principal.strip_prefix("AWS:") {
        Some(id) => id.rsplit(':').next() != Some(ours),
        // A service acts on the configuration of somebody with permissions, and holds no URL.
        None => principal.ends_with(".amazonaws.com"),
    }
}

enum Verdict {
    Accepted,
    Refused(String),
}

/// Checks a version, unless that was done when its event first came.
fn verdict(job: &Job<'_>, put: &AcceptedVersion, newest: &str) -> Result<Verdict, RecordFailure> {
    let stored = StoredSummary::read(job)?;
    let accepted = stored.accepted();
    if accepted.get(&put.version).is_some() {
        return Ok(Verdict::Accepted);
    }
    let refused = refusals::read(job)?.list;
    let mut before = refused.listed.into_iter().chain(stored.refused());
    if let Some(refused) = before.find(|refused| refused.version == put.version) {
        return Ok(Verdict::Refused(refused.reason));
    }
    // Once the list of accepted versions is full, a version older than all of them may have been
    // accepted before. It does not affect the results, so there is nothing to check.
    if accepted.with(std::slice::from_ref(put), newest).get(&put.version).is_none() {
        return Ok(Verdict::Accepted);
    }
    let settings = job.settings;
    if put.operator {
        return Ok(Verdict::Accepted);
    }
    let Some(source) = put.source else {
        return Ok(Verdict::Refused("the event names no source address".to_owned()));
    };
    Ok(match settings.allow_list.check(source, &job.key.server) {
        Ok(()) => Verdict::Accepted,
        Err(refusal) => Verdict::Refused(format!("put from {source}: {refusal}")),
    })
}

#[cfg(test)]
mod tests {
    use super::is_operator;

    #[test]
    fn only_the_session_that_signs_our_urls_is_ours() {
        let ours = Some("log2aws-dev-generate-url");
        for (principal, operator) in [
            (Some("AWS:AROAEXAMPLEID:log2aws-dev-generate-url"), false),
            (Some("AWS:AROAEXAMPLEID:log2aws-prod-generate-url"), true),
            (Some("AWS:AROAEXAMPLEID:alice@example.com"), true),
            (Some("AWS:AIDAEXAMPLEID"), true),
            (Some("AWS:AROAEXAMPLEID:s3-replication"), true),
            (Some("s3.amazonaws.com"), true),
            // A principal in an unknown form is checked by its address.
            (Some("EXAMPLE"), false),
            (Some(""), false),
            (None, false),
        ] {
            assert_eq!(is_operator(ours, principal), operator, "{principal:?}");
            assert!(!is_operator(None, principal));
        }
    }
}
