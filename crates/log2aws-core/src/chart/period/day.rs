//! One day of a period.

use super::kind::Missing;
use crate::day::Day;

/// A day of the period. A figure is `None` if the log had no values for it.
#[derive(Clone, Debug, PartialEq)]
pub struct PeriodDay {
    /// The day.
    pub day: Day,
    /// Why there is no data for this day, also in the drawing's language; `None` if there is.
    pub empty: Option<(Missing, String)>,
    /// Samples of the day.
    pub samples: u32,
    /// The number of samples expected.
    pub expected: u32,
    /// How often the machine booted.
    pub reboots: u32,
    /// Load average over 1 minute: mean, p95 and maximum of the day.
    pub load_mean: Option<f32>,
    /// See `load_mean`.
    pub load_p95: Option<f32>,
    /// See `load_mean`.
    pub load_max: Option<f32>,
    /// Means of us, sy, wa and st, in percent.
    pub cpu: [Option<f32>; 4],
    /// The least free memory, in KiB.
    pub free_min: Option<f32>,
    /// The most that was swapped out, in KiB.
    pub swapped_max: Option<f32>,
    /// Cores, if the log says so.
    pub cores: Option<u32>,
}

impl PeriodDay {
    /// A day of which there is nothing.
    pub fn empty(day: Day, kind: Missing, reason: impl Into<String>) -> Self {
        Self { empty: Some((kind, reason.into())), ..Self::delivered(day) }
    }

    /// A day that was delivered; its figures are to be filled in.
    pub fn delivered(day: Day) -> Self {
        Self {
            day,
            empty: None,
            samples: 0,
            expected: 0,
            reboots: 0,
            load_mean: None,
            load_p95: None,
            load_max: None,
            cpu: [None; 4],
            free_min: None,
            swapped_max: None,
            cores: None,
        }
    }
}
