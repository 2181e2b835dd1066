//! analyze-log: turns raw logs that have arrived into their results.
//!
//! An event only says *look*. What is read is the newest version of the raw log, whichever the
//! event named; after the last write it is looked at again, and if a newer one stands there by
//! then, the work starts over. So repeated, reordered and concurrent events end in the same
//! results. The summary is written last: what it names stands complete.

mod charts;
mod convert;
mod job;
mod reconcile;
mod summary_store;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use log2aws_core::error_chain::ErrorChain;
use log2aws_core::event::{Event, Record, Unreadable};
use log2aws_core::key::{BucketName, ObjectKey, RawKey};
use log2aws_core::summary::SummaryError;

use crate::ports::{
    Rasterizer, Settings, SettingsSource, SettingsUnavailable, Store, StoreError, VersionId,
};

pub use charts::{ChartFormats, UnknownChartFormat};
pub use reconcile::MAX_ATTEMPTS;
pub use summary_store::{MAX_SUMMARY_BYTES, needs_analysis};

/// What analyze-log works with.
#[derive(Clone)]
pub struct AnalyzeApp {
    /// Holds both buckets.
    pub store: Arc<dyn Store>,
    /// Names the buckets, and says who may put.
    pub settings: Arc<dyn SettingsSource>,
    /// The version of the program, which summaries name.
    pub program: String,
    /// In which formats charts are kept.
    pub charts: ChartFormats,
    /// Who makes the PNG.
    pub rasterizer: Rasterizer,
}

impl fmt::Debug for AnalyzeApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnalyzeApp").field("program", &self.program).finish_non_exhaustive()
    }
}

/// What came of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The results of the newest version stand.
    Analyzed(Analyzed),
    /// The put came from off the allow-list, or an earlier event was, and told of the version
    /// that is the newest: that has no results but a summary that says so.
    Refused {
        /// The log.
        key: RawKey,
        /// The address that it was put from, if the event names one.
        source: Option<IpAddr>,
        /// Why it was refused.
        reason: String,
    },
    /// Nothing to do, which is no failure.
    Ignored {
        /// The record: its bucket and key, or its place in the event.
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

/// The figures of one analysis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Analyzed {
    /// The log.
    pub key: RawKey,
    /// The version that was read.
    pub version: VersionId,
    /// Its length in bytes, as stored.
    pub bytes: u64,
    /// Rows of the CSV.
    pub rows: u64,
    /// Lines that could not be read.
    pub rejects: u64,
    /// How often the work was started over because a newer version had arrived.
    pub restarts: u32,
}

/// Some records failed. Those that did not are done all the same.
#[derive(Debug)]
pub struct AnalyzeError {
    /// Each record that failed, in the event's order; at least one.
    pub failed: Vec<Failure>,
    /// What came of the others.
    pub done: Vec<Outcome>,
}

/// One record that failed.
#[derive(Debug)]
pub struct Failure {
    /// The record, if it could be read: it may be tried again.
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
    /// The event is of a bucket that is not ours to read.
    #[error("event for bucket {named}; this analyzer reads {ours}: let its notification go there")]
    OtherBucket {
        /// The bucket that the event names.
        named: BucketName,
        /// The raw bucket of the settings.
        ours: BucketName,
    },
    /// Writing results into the raw bucket would start an analysis of the results, and so on.
    #[error("{0} is set as raw and as analyzed bucket; they must be two")]
    OneBucket(BucketName),
    /// There are no settings to act on.
    #[error(transparent)]
    Settings(#[from] SettingsUnavailable),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store gave fewer or more bytes of the log than it has: a connection that ended early.
    #[error("of {what} came {read} bytes, not {size}; nothing was written of it")]
    Length {
        /// The log, as `bucket/key@version`.
        what: String,
        /// How many bytes came.
        read: u64,
        /// How many the store says that there are.
        size: u64,
    },
    /// There is no PNG. All results stand but that and the summary.
    #[error("the chart of {key} could not be made a PNG: {reason}")]
    Picture {
        /// The log.
        key: ObjectKey,
        /// What the rasterizer said.
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

/// Brings the results of every log that the event tells of up to date.
///
/// Every record succeeds or fails by itself. The source address is checked against the allow-list
/// again. A put from off the list, or one whose event names no address (S3 always names one; what
/// stands for an AWS service is not on any list), is refused: `Outcome::Refused`, no error. Of a
/// refused version only a summary is written, and the results of an earlier version are removed:
/// results are those of the newest delivery, or there are none. The earlier delivery is still in
/// the raw bucket; put again from an allowed address it has its results again. A refusal falls on
/// the version that the event names. When that is not the newest any more, there is nothing to
/// refuse but the event, and the newest version is looked at as ever.
///
/// Runs need no lock. However many events of allowed puts are at work on one log at once, its
/// results end as those of the newest version; with refusals among them that holds for any two.
/// Three at once, some of them refused, can hide a refusal from each other: a world that wants to
/// be sure of that too lets one run at a time work on a log, as `serve` does.
///
/// # Errors
/// [`AnalyzeError`] names every record that failed; the caller has to see to it that these come
/// again. An event may come any number of times.
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

fn one(app: &AnalyzeApp, settings: &Settings, record: &Record) -> Result<Outcome, RecordFailure> {
    if settings.raw_bucket == settings.analyzed_bucket {
        return Err(RecordFailure::OneBucket(settings.raw_bucket.clone()));
    }
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
    let refusal = refusal(settings, &key, record.source);
    reconcile::reconcile(app, settings, record, &key, refusal.as_deref())
}

/// Why a put from `source` is refused, if it is.
fn refusal(settings: &Settings, key: &RawKey, source: Option<IpAddr>) -> Option<String> {
    let Some(source) = source else {
        return Some("the event names no source address".to_owned());
    };
    let refusal = settings.allow_list.check(source, &key.server).err()?;
    Some(format!("put from {}: {refusal}", source.to_canonical()))
}
