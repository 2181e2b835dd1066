//! The summary of a delivery: what a day log contains and what is missing from it.
//!
//! Written beside the CSV as `{server}/{date}.json`, and read by everything that displays or
//! verifies deliveries. A [`SummaryBuilder`] takes the samples and is finished into a [`Summary`].

mod builder;
mod coverage;
mod first_day;
mod series;
mod taken;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod versions;

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use crate::convert::Totals;
use crate::coverage::interval::{self, DayBefore};
use crate::coverage::writers::is_second_writer;
use crate::day::Day;
use crate::key::RawKey;
use crate::reject::Stopped;
use crate::server_name::ServerName;

pub use builder::SummaryBuilder;
pub use coverage::MAX_LISTED;
pub use first_day::Lead;
pub use series::{EXACT_ROWS, Series, Stats, row};

pub use crate::csv::SERIES;
pub use taken::{TakenAt, TakenAtError};
pub use versions::{AcceptedVersion, Change, MAX_VERSIONS, Versions};

/// The format that this version writes, and the newest that it reads.
pub const FORMAT: u32 = 2;

/// The most changes between interval averages and averages since boot that are listed; real logs
/// have fewer.
pub const MAX_MODES: usize = 100;

/// What is known of the deliveries of one day. The order of the JSON keys is fixed, so equal
/// summaries are equal bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The version of this format, [`FORMAT`].
    pub format: u32,
    /// The version of the program that wrote it.
    pub program: String,
    /// The server.
    #[serde(with = "text")]
    pub server: ServerName,
    /// The local day.
    #[serde(with = "text")]
    pub date: Day,
    /// The delivery that was analyzed: the newest accepted version.
    pub raw: RawObject,
    /// The accepted versions, the newest first; empty in a summary of an older program.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<AcceptedVersion>,
    /// The number of accepted versions that `versions` does not list.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub versions_more: u64,
    /// The version of each result object that was written, by the suffix of its key. Results with
    /// other versions come from an incomplete run or another writer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub results: BTreeMap<String, String>,
    /// Why the delivery was not analyzed; then there is no `log`. Older programs wrote this for a
    /// refused version. It is no longer written: see [`crate::refused`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The content of the log; absent only together with `refused`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogSummary>,
}

/// The raw object that a summary describes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawObject {
    /// Its key in the raw bucket.
    pub key: String,
    /// Its version id in the store.
    pub version: String,
    /// Its length in bytes, as stored.
    pub size: u64,
    /// SHA-256 of its stored bytes, lower-case hex; `None` if they were not read.
    pub sha256: Option<String>,
}

/// The content of a day log. Times are local, as in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogSummary {
    /// Rows of the CSV.
    pub rows: u64,
    /// Rows with a date other than the key's; they count in `series` and nowhere else.
    pub other_days: u64,
    /// Lines that could not be read.
    pub rejects: Rejects,
    /// What was read although it was not whole or not exact.
    #[serde(default, skip_serializing_if = "Remarks::is_empty")]
    pub remarks: Remarks,
    /// The values of the last metadata lines.
    pub metadata: MetadataInForce,
    /// The day's earliest sample.
    #[serde(with = "text::optional")]
    pub first: Option<DateTime>,
    /// The day's latest sample.
    #[serde(with = "text::optional")]
    pub last: Option<DateTime>,
    /// Seconds since boot at `first`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_uptime_seconds: Option<u64>,
    /// Seconds since boot at `last`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_uptime_seconds: Option<u64>,
    /// The time from one sample to the next, in seconds.
    pub interval_seconds: u32,
    /// From where the interval is known; `None` in a summary of an older program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_from: Option<interval::Source>,
    /// The interval that the log's own samples show, in seconds, if they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_shown_seconds: Option<u32>,
    /// Up to when the log was taken, if that is before the end of the day.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "text::optional")]
    pub taken: Option<DateTime>,
    /// The number of samples that were due until the log was taken; a day with a clock change has
    /// 23 or 25 hours.
    pub expected: u64,
    /// The number of samples that were due later that day.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_yet: u64,
    /// The number of missing samples: the sum over all gaps but those of unreadable lines.
    pub missing: u64,
    /// The number of samples that were due and whose lines could not be read.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unreadable: u64,
    /// The missing samples by their cause; empty in a summary of an older program.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing_by_cause: BTreeMap<Cause, u64>,
    /// For how many of the samples that were due there is more than one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sampled_twice: u64,
    /// The number of samples beyond one for each that was due: a second writer, or lines written
    /// twice.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub surplus: u64,
    /// The number of gaps.
    pub gaps_total: u64,
    /// The gaps in order of time; only the longest [`MAX_LISTED`] if there are more.
    pub gaps: Vec<Gap>,
    /// The number of reboots.
    pub reboots_total: u64,
    /// The first [`MAX_LISTED`] reboots in log order.
    pub reboots: Vec<Reboot>,
    /// How often a line's time is earlier than that of the line before.
    pub clock_steps: u64,
    /// The day's highest load average over 1 minute; `None` if no load is above 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak: Option<Peak>,
    /// The highest guest time of a sample of the day, in percent, if above 0. The CSV has no column
    /// for it; it is what the shares lack to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest_max: Option<u64>,
    /// The rows with values that cannot be measurements. These are in the CSV, and in no figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impossible: Option<Impossible>,
    /// What the averages of `vmstat` cover, if that changes within the day: the mode and the row
    /// from which it applies, in log order; the first [`MAX_MODES`]. Empty if it does not change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modes: Vec<ModeFrom>,
    /// The figures of each numeric column of the CSV.
    pub series: Series,
}

/// The highest load and its time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    /// The time of the first sample with this load.
    #[serde(with = "text")]
    pub at: DateTime,
    /// Load average over 1 minute.
    pub load: f64,
}

/// Rows with values that cannot be measurements; see [`crate::measurement`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impossible {
    /// How many rows there are.
    pub rows: u64,
    /// The time of the first one.
    #[serde(with = "text")]
    pub at: DateTime,
    /// Its first such column, by its name in the CSV.
    pub column: String,
}

/// A change of mode: from which row on, and to which mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModeFrom {
    /// The time of the first row that it applies to.
    #[serde(with = "text")]
    pub from: DateTime,
    /// `interval` or `since-boot`, as in [`MetadataInForce`].
    pub mode: String,
}

/// Lines that could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejects {
    /// How many there are.
    pub count: u64,
    /// How many of them are stored beside the CSV.
    pub kept: u64,
    /// Why reading stopped before the end of the log, and where; the last of the rejects, which is
    /// not stored if there are too many before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
}

/// What was read although it was not whole or not exact; see [`Totals::remarks`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remarks {
    /// Rows with a number that `vmstat` shortened (`2.3m`): figures of these columns are rounded.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rounded_rows: u64,
    /// Zeros (NUL) before lines, as a power cut leaves them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub nul_bytes: u64,
    /// Zeros behind gzip data.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub padding_bytes: u64,
}

impl Remarks {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl From<Totals> for Rejects {
    fn from(totals: Totals) -> Self {
        Self { count: totals.rejects, kept: totals.rejects_kept, stopped: totals.stopped }
    }
}

/// The metadata in force at the end of the log: the last value of each pair, `None` if there was
/// none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataInForce {
    /// The server's own name for itself.
    pub server: Option<String>,
    /// Its cores.
    pub cores: Option<u32>,
    /// The time zone of the lines, as given.
    pub tz: Option<String>,
    /// `interval` or `since-boot`: what the averages of `vmstat` cover.
    pub mode: Option<String>,
    /// What people call the machine.
    pub note: Option<String>,
}

/// A stretch of the day without the expected samples.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The sample or the boot before it, the line that could not be read, or midnight.
    #[serde(with = "text")]
    pub from: DateTime,
    /// The sample or the boot after it, the moment at which the log was taken, or the next
    /// midnight.
    #[serde(with = "text")]
    pub to: DateTime,
    /// The number of missing samples.
    pub missing: u64,
    /// The cause, as inferred from the uptimes before and after it.
    pub cause: Cause,
}

/// Why there are no samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The machine booted at the end of the gap: it was off for a part of it. In a summary of an
    /// older program the gap can go on after the boot.
    Off,
    /// The machine had just booted.
    Starting,
    /// The lines are there, and could not be read.
    Unreadable,
    /// The uptime kept growing: the machine ran, and its samples are missing.
    Running,
    /// There is no later sample whose uptime could show the cause.
    Unknown,
}

/// A boot of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reboot {
    /// When, to the minute: the time of the first sample after it less the uptime there.
    #[serde(with = "text")]
    pub at: DateTime,
    /// The first sample after it.
    #[serde(with = "text")]
    pub seen: DateTime,
}

/// Why bytes are not a summary that this version can read.
#[derive(Debug, thiserror::Error)]
pub enum SummaryError {
    /// Not valid as the JSON of a summary.
    #[error("this is not a summary: {0}")]
    Json(#[from] serde_json::Error),
    /// Written by a newer version.
    #[error("the summary has format {0}; this program reads formats up to {FORMAT}")]
    Newer(u32),
}

impl LogSummary {
    /// The number of samples that were due and are there.
    pub fn sampled(&self) -> u64 {
        self.expected.saturating_sub(self.missing).saturating_sub(self.unreadable)
    }

    /// Whether two writers are at work, or lines were written twice: see [`is_second_writer`].
    pub fn has_second_writer(&self) -> bool {
        is_second_writer(self.sampled_twice, self.sampled())
    }

    /// The number of missing samples with that cause.
    pub fn missing_because(&self, cause: Cause) -> u64 {
        if self.missing_by_cause.is_empty() {
            let gaps = self.gaps.iter().filter(|gap| gap.cause == cause);
            return gaps.map(|gap| gap.missing).sum();
        }
        self.missing_by_cause.get(&cause).copied().unwrap_or(0)
    }

    /// What the next days need to know of this day's interval.
    pub fn day_before(&self) -> DayBefore {
        DayBefore { interval: self.interval_seconds, shown: self.interval_shown_seconds }
    }
}

impl Summary {
    /// The summary of a delivery that was analyzed.
    pub fn read(program: &str, key: &RawKey, raw: RawObject, log: LogSummary) -> Self {
        Self {
            format: FORMAT,
            program: program.to_owned(),
            server: key.server.clone(),
            date: key.day,
            raw,
            versions: Vec::new(),
            versions_more: 0,
            results: BTreeMap::new(),
            refused: None,
            log: Some(log),
        }
    }

    /// The accepted versions. A summary of an older program has only the one that it analyzed.
    pub fn accepted(&self) -> Versions {
        let mut listed = self.versions.clone();
        if listed.is_empty() && self.refused.is_none() {
            listed.push(AcceptedVersion {
                version: self.raw.version.clone(),
                size: Some(self.raw.size),
                sha256: self.raw.sha256.clone(),
                ..AcceptedVersion::default()
            });
        }
        Versions { listed, more: self.versions_more }
    }

    /// The summary as indented JSON with a line end.
    ///
    /// # Errors
    /// None in practice: every field can be serialised.
    pub fn to_json(&self) -> Result<Vec<u8>, SummaryError> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        Ok(json)
    }

    /// Parses a summary.
    ///
    /// # Errors
    /// [`SummaryError::Newer`] for a format that this version does not know, whatever else it
    /// contains; [`SummaryError::Json`] for anything that is not a summary.
    pub fn from_json(json: &[u8]) -> Result<Self, SummaryError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let Head { format } = serde_json::from_slice(json)?;
        if format > FORMAT {
            Err(SummaryError::Newer(format))
        } else {
            Ok(serde_json::from_slice(json)?)
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
