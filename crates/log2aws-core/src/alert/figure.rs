//! The numbers of an alert.

use serde::{Deserialize, Serialize};

use crate::day::Day;
use crate::summary::text;

/// What a rule found, in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Figure {
    /// Nothing arrived.
    Silent {
        /// The last day with results.
        #[serde(with = "text")]
        last: Day,
        /// How many logs were due since.
        days: u32,
    },
    /// The load of a day.
    Load {
        /// The day.
        #[serde(with = "text")]
        day: Day,
        /// The clock time at which the longest stretch begins, `HH:MM`.
        from: String,
        /// Its length.
        minutes: u32,
        /// Its highest load average over 1 minute.
        max: f64,
        /// The cores.
        cores: u32,
    },
    /// The trend of free memory.
    Memory {
        /// The newest day of the trend.
        #[serde(with = "text")]
        day: Day,
        /// In how many days none is left, at the earliest.
        from_days: u32,
        /// The same, at the latest; `None`: it is not known.
        to_days: Option<u32>,
        /// The least free memory of that day, in KiB.
        free_kib: u64,
    },
    /// The unreadable lines of a day.
    Rejects {
        /// The day.
        #[serde(with = "text")]
        day: Day,
        /// How many there are.
        rejects: u32,
        /// Of how many lines.
        lines: u32,
    },
}

impl Figure {
    /// The last day that the numbers are of; `None` if they are of no single day.
    pub(super) fn day(&self) -> Option<Day> {
        match self {
            Self::Silent { .. } => None,
            Self::Load { day, .. } | Self::Memory { day, .. } | Self::Rejects { day, .. } => {
                Some(*day)
            }
        }
    }
}
