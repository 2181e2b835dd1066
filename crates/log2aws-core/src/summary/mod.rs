//! The summary of a delivery: what a day log holds and what is missing from it.
//!
//! Written beside the CSV as `{server}/{date}.json`, and read again by whoever shows or proves
//! deliveries. A [`SummaryBuilder`] is fed with the samples and finished into a [`Summary`].

mod builder;
mod coverage;
mod series;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod versions;

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use crate::day::Day;
use crate::key::RawKey;
use crate::server_name::ServerName;

pub use builder::SummaryBuilder;
pub use coverage::MAX_LISTED;
pub use series::{EXACT_ROWS, SERIES, Series, Stats};
pub use versions::{AcceptedVersion, Change, MAX_VERSIONS, Versions};

/// The format that this version writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// So many changes between interval values and averages since boot are listed; nobody has more.
pub const MAX_MODES: usize = 100;

/// What is known of the deliveries of one day. Its JSON has its keys in a fixed order: equal
/// summaries are equal bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The version of this format, [`FORMAT`].
    pub format: u32,
    /// The version of the program that wrote it.
    pub program: String,
    /// Whose log.
    #[serde(with = "text")]
    pub server: ServerName,
    /// Of which local day.
    #[serde(with = "text")]
    pub date: Day,
    /// The delivery that was read: the newest accepted version.
    pub raw: RawObject,
    /// The accepted versions, the newest first; empty in a summary of an earlier program.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<AcceptedVersion>,
    /// How many more there are than `versions` lists.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub versions_more: u64,
    /// The version of each result object, by what its key ends with, as it was written. Results
    /// of other versions are those of a run that did not end, or somebody else's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub results: BTreeMap<String, String>,
    /// Why the delivery was not read; then there is no `log`. Earlier programs wrote so of a
    /// refused version. Nothing writes it any more: see [`crate::refused`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// What the log holds; absent only beside `refused`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogSummary>,
}

/// The raw object that a summary speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawObject {
    /// Its key in the raw bucket.
    pub key: String,
    /// Its version, as the store names it.
    pub version: String,
    /// Its length in bytes, as stored.
    pub size: u64,
    /// SHA-256 of its stored bytes, lower-case hex; `None` if they were not read.
    pub sha256: Option<String>,
}

/// What a day log holds. Times are local, as in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogSummary {
    /// Rows of the CSV.
    pub rows: u64,
    /// Those among them whose date is not the key's; they count in `series` and nowhere else.
    pub other_days: u64,
    /// Lines that could not be read.
    pub rejects: Rejects,
    /// What the last metadata lines said.
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
    /// From one sample to the next, in seconds: the median from 24 samples on, else 600.
    pub interval_seconds: u32,
    /// How many samples such a day has; a day on which the clock is changed has 23 or 25 hours.
    pub expected: u64,
    /// How many of them are missing: the sum over all gaps.
    pub missing: u64,
    /// How many gaps there are.
    pub gaps_total: u64,
    /// The gaps in order of time; the longest [`MAX_LISTED`], if there are more.
    pub gaps: Vec<Gap>,
    /// How many reboots there were.
    pub reboots_total: u64,
    /// The first [`MAX_LISTED`] reboots in the order of the log.
    pub reboots: Vec<Reboot>,
    /// How often a line's time is earlier than that of the line before.
    pub clock_steps: u64,
    /// The day's highest load average over 1 minute; none where no load is above 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak: Option<Peak>,
    /// The highest guest time of a sample of the day, in percent, if above 0. The CSV has no column
    /// for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest_max: Option<u64>,
    /// What the averages of `vmstat` are of, where that changes within the day: from which row on
    /// which mode, in the order of the log; the first [`MAX_MODES`]. Empty where it does not change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modes: Vec<ModeFrom>,
    /// The figures of each numeric column of the CSV.
    pub series: Series,
}

/// A highest load and when it was.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    /// The time of the first sample that has it.
    #[serde(with = "text")]
    pub at: DateTime,
    /// Load average over 1 minute.
    pub load: f64,
}

/// From when on the averages of `vmstat` are of what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModeFrom {
    /// The time of the first row that it holds for.
    #[serde(with = "text")]
    pub from: DateTime,
    /// `interval` or `since-boot`, as in [`MetadataInForce`].
    pub mode: String,
}

/// Lines that could not be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejects {
    /// How many there are.
    pub count: u64,
    /// How many of them are kept beside the CSV.
    pub kept: u64,
}

/// What the metadata lines said: of each pair the last. Where they said nothing it is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataInForce {
    /// The server's own name for itself.
    pub server: Option<String>,
    /// Its cores.
    pub cores: Option<u32>,
    /// The zone of the line times, as it was given.
    pub tz: Option<String>,
    /// `interval` or `since-boot`: what the averages of `vmstat` are averages of.
    pub mode: Option<String>,
    /// What people call the machine.
    pub note: Option<String>,
}

/// A stretch of the day without the samples that it should have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The sample before it, or midnight.
    #[serde(with = "text")]
    pub from: DateTime,
    /// The sample after it, or the next midnight.
    #[serde(with = "text")]
    pub to: DateTime,
    /// How many samples it lacks.
    pub missing: u64,
    /// What the uptimes on its sides tell.
    pub cause: Cause,
}

/// Why there are no samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The machine was started in the gap: it was off for some of it.
    Off,
    /// Uptime kept growing: the machine ran, its samples are missing.
    Running,
    /// There is no sample after it whose uptime could tell.
    Unknown,
}

/// The machine was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reboot {
    /// When, to the minute: the time of the first sample after it less the uptime there.
    #[serde(with = "text")]
    pub at: DateTime,
    /// The first sample after it.
    #[serde(with = "text")]
    pub seen: DateTime,
}

/// Why bytes are not a summary that this version reads.
#[derive(Debug, thiserror::Error)]
pub enum SummaryError {
    /// Not the JSON of a summary.
    #[error("this is not a summary: {0}")]
    Json(#[from] serde_json::Error),
    /// Written by a newer version.
    #[error("the summary has format {0}; this program reads formats up to {FORMAT}")]
    Newer(u32),
}

impl Summary {
    /// The summary of a delivery that was read.
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

    /// The accepted versions. A summary of an earlier program names the one that was read.
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

    /// The summary as JSON with a line end, fit for a person to read.
    ///
    /// # Errors
    /// None in practice: every part of a summary has a JSON form.
    pub fn to_json(&self) -> Result<Vec<u8>, SummaryError> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        Ok(json)
    }

    /// Reads a summary.
    ///
    /// # Errors
    /// [`SummaryError::Newer`] for a format that this version does not know, whatever else it
    /// holds; [`SummaryError::Json`] for what is no summary.
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
