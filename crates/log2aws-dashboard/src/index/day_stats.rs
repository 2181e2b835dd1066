//! What the index keeps of one day of one server.

use serde::{Deserialize, Serialize};

/// Tells one body of a summary from another: the first 64 bits of a hash of the store's own tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag(pub u64);

/// What the summary says of the delivery as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// The log was read.
    Read,
    /// It came from off the allow-list and was not read.
    Refused,
    /// The summary cannot be read: half-written, of a newer version, or none at all.
    Unreadable,
}

/// The figures of one day of one server, taken from its summary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DayStats {
    /// The summary that they were taken from.
    pub tag: Tag,
    /// What became of the delivery. All that follows is zero or `None` unless it was read.
    pub status: Status,
    /// Samples of the day itself: rows of other days are not among them.
    pub samples: u32,
    /// How many samples such a day has.
    pub expected: u32,
    /// How many are missing, over all gaps.
    pub missing: u32,
    /// How many of the missing ones fall into gaps in which the machine was started: it was off.
    pub missing_off: u32,
    /// Lines that could not be read.
    pub rejects: u32,
    /// How often the machine was started.
    pub reboots: u32,
    /// How often the clock went back.
    pub clock_steps: u32,
    /// The first and the last sample of the day.
    pub first: Option<Edge>,
    /// See `first`.
    pub last: Option<Edge>,
    /// Of the day's series.
    pub figures: Figures,
}

/// A sample at the day's edge: what it tells of the days beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// Second of the local day, as the clock showed it.
    pub second: u32,
    /// Uptime there, in seconds, if the summary tells it.
    pub uptime: Option<u64>,
}

/// What a week or a month of one server shows of a day. `None` where the log had no such values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Load average over 1 minute: its mean, p95 and maximum over the day.
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
    /// Means of bi and bo, in blocks of 1 KiB a second.
    pub blocks: [Option<f32>; 2],
    /// Cores, if the log says so.
    pub cores: Option<u32>,
}
