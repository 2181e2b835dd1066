//! The result of each day, for people (`Display`) and for programs (`Serialize`).

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use log2aws_core::day::Day;
use serde::Serialize;

use crate::day_serde;

use super::attempt_error::Failure;
use super::{Days, ShipConfig};

/// Progress, reported immediately.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// An attempt failed; another follows.
    Waiting {
        /// The day.
        day: Day,
        /// The reason.
        reason: &'a str,
        /// The delay.
        wait: Duration,
    },
    /// Something that prevents no delivery, but should be known. One sentence.
    Warning(&'a str),
    /// The result of a day.
    Day(&'a DayReport),
}

/// The results of a run.
#[derive(Debug, Default, Serialize)]
pub struct ShipReport {
    /// One entry a day, in the order of the attempts.
    pub days: Vec<DayReport>,
    /// The days whose delivered logs were removed.
    #[serde(serialize_with = "day_serde::days::serialize")]
    pub removed: Vec<Day>,
    /// Warnings that did not prevent a delivery, as reported by [`Progress::Warning`]. One sentence
    /// each.
    pub warnings: Vec<String>,
    /// Whether several days were requested: then the rest is pending, not failed.
    #[serde(skip)]
    backlog: bool,
}

/// The result of one day's log.
#[derive(Debug, Serialize)]
pub struct DayReport {
    /// The day.
    #[serde(serialize_with = "day_serde::day::serialize")]
    pub day: Day,
    /// Its log.
    pub file: PathBuf,
    /// The result.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// How many digits of a checksum a line shows.
const SHORT_CHECKSUM: usize = 12;

/// The result of a log. Only with [`Outcome::Delivered`] and [`Outcome::AlreadyDelivered`] does the
/// store have it.
#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The store acknowledged it, and the delivery is recorded.
    Delivered {
        /// Bytes.
        size: u64,
        /// The bytes' SHA-256, in hex.
        sha256: String,
        /// Whether another version of this log was delivered before.
        again: bool,
        /// How many URLs were used.
        attempts: u32,
        /// The duration of the upload including the response.
        milliseconds: u64,
    },
    /// Exactly these bytes were delivered before.
    AlreadyDelivered {
        /// When.
        at: Timestamp,
    },
    /// A dry run: it would be delivered.
    WouldDeliver {
        /// Bytes.
        size: u64,
        /// The bytes' SHA-256, in hex.
        sha256: String,
        /// Whether another version of this log was delivered before.
        again: bool,
    },
    /// It was not delivered; the log is kept.
    Failed {
        /// What happened, where, and what to do.
        reason: String,
    },
    /// The server refuses deliveries of this machine; the log is kept.
    Refused {
        /// What happened, where, and what to do.
        reason: String,
    },
    /// Not attempted, for the same reason as the day before.
    Pending,
}

impl Outcome {
    /// Whether nothing is left to do for this day.
    pub fn is_done(&self) -> bool {
        match self {
            Self::Delivered { .. } | Self::AlreadyDelivered { .. } | Self::WouldDeliver { .. } => {
                true
            }
            Self::Failed { .. } | Self::Refused { .. } | Self::Pending => false,
        }
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::ThisLog(reason) | Failure::Upload(reason) | Failure::Everything(reason) => {
                Self::Failed { reason }
            }
            Failure::Refused(reason) => Self::Refused { reason },
        }
    }
}

impl ShipReport {
    pub(super) fn new(config: &ShipConfig) -> Self {
        let backlog = !matches!(config.days, Days::Only(_));
        Self { backlog, ..Self::default() }
    }

    /// The reason for the first failed log.
    pub fn error(&self) -> Option<String> {
        self.days.iter().find(|day| !day.outcome.is_done()).map(ToString::to_string)
    }

    /// The exit code: 0 all is delivered, 5 refused by the server, 4 days are pending, 1 failed.
    pub fn exit_code(&self) -> u8 {
        let any = |test: fn(&Outcome) -> bool| self.days.iter().any(|day| test(&day.outcome));
        if any(|outcome| matches!(outcome, Outcome::Refused { .. })) {
            5
        } else if !any(|outcome| !outcome.is_done()) {
            0
        } else if self.backlog {
            4
        } else {
            1
        }
    }
}

/// Any number of days in one line; `None` if there is none.
pub fn day_range(days: &[Day]) -> Option<String> {
    match days {
        [] => None,
        [day] => Some(day.to_string()),
        [first, .., last] => Some(format!("{first} to {last} ({} logs)", days.len())),
    }
}

/// The beginning of a checksum: enough to tell two logs apart. JSON has all of it.
fn short(sha256: &str) -> &str {
    sha256.get(..SHORT_CHECKSUM).unwrap_or(sha256)
}

impl fmt::Display for DayReport {
    /// One line, without its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = self.day;
        let once_more = |again: &bool| if *again { " again, for it has changed" } else { "" };
        match &self.outcome {
            Outcome::Delivered { size, sha256, again, attempts, .. } => {
                let (sha256, once_more) = (short(sha256), once_more(again));
                write!(f, "{day}: delivered{once_more} ({size} bytes, sha256 {sha256}")?;
                if *attempts > 1 {
                    write!(f, ", {attempts} attempts")?;
                }
                f.write_str(")")
            }
            Outcome::AlreadyDelivered { at } => {
                write!(f, "{day}: nothing to do, these bytes were delivered at {at:.0}")
            }
            Outcome::WouldDeliver { size, sha256, again } => {
                write!(f, "{day}: would deliver {}", self.file.display())?;
                let sha256 = short(sha256);
                write!(f, "{} ({size} bytes, sha256 {sha256})", once_more(again))
            }
            Outcome::Failed { reason } => write!(f, "{day}: not delivered: {reason}"),
            Outcome::Refused { reason } => write!(f, "{day}: refused: {reason}"),
            Outcome::Pending => write!(f, "{day}: pending, not tried after that"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_days_are_one_line() {
        let days: Vec<Day> =
            ["2026-11-01", "2026-11-03", "2026-11-21"].map(|day| day.parse().unwrap()).to_vec();
        assert_eq!(day_range(&[]), None);
        assert_eq!(day_range(&days[..1]).unwrap(), "2026-11-01");
        assert_eq!(day_range(&days).unwrap(), "2026-11-01 to 2026-11-21 (3 logs)");
    }
}
