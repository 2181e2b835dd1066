//! What the index stores about one day of one server.

use serde::{Deserialize, Serialize};

/// Identifies one body of a summary: the first 64 bits of a hash of the store's entity tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag(pub u64);

/// The state of a delivery according to its summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// The log was analyzed.
    Read,
    /// The uploader was not on the allow-list, and the log was not analyzed.
    Refused,
    /// The summary cannot be read: incomplete, of a newer version, or absent.
    Unreadable,
}

/// The figures of one day of one server, taken from its summary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DayStats {
    /// The summary that they come from.
    pub tag: Tag,
    /// The state of the delivery. All other fields are zero or `None` unless it is `Read`.
    pub status: Status,
    /// Samples of the day itself, without rows of other days.
    pub samples: u32,
    /// The number of samples such a day should have.
    pub expected: u32,
    /// The number of missing samples, over all gaps.
    pub missing: u32,
    /// The number of missing samples in gaps in which the machine booted: it was off.
    pub missing_off: u32,
    /// How many of the missing samples are before the day's first line, in all and while the machine
    /// was off: on the first day of a server they were not due.
    pub lead: [u32; 2],
    /// Lines that could not be read.
    pub rejects: u32,
    /// The number of reboots.
    pub reboots: u32,
    /// How often the clock went back.
    pub clock_steps: u32,
    /// The first and the last sample of the day.
    pub first: Option<Edge>,
    /// See `first`.
    pub last: Option<Edge>,
    /// Of the day's series.
    pub figures: Figures,
    /// The note in the log's metadata. The index keeps that of each server's newest day alone.
    pub note: Option<Box<str>>,
    /// The name of the time zone in the log's metadata. The index keeps it like the note.
    pub zone: Option<Box<str>>,
}

/// The first or last sample of a day, used to judge the days next to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// Second of the local day, in clock time.
    pub second: u32,
    /// The uptime then, in seconds, if the summary contains it.
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
    /// p95 of wa, in percent.
    pub wait_p95: Option<f32>,
    /// The minimum of free memory, in KiB.
    pub free_min: Option<f32>,
    /// The maximum of swapped-out memory, in KiB.
    pub swapped_max: Option<f32>,
    /// The mean of free memory, buffers and cache together, in KiB.
    pub left_mean: Option<f32>,
    /// Means of bi and bo, in blocks of 1 KiB a second.
    pub blocks: [Option<f32>; 2],
    /// Cores, if the log contains the number.
    pub cores: Option<u32>,
}

impl Figures {
    /// The mean of the time that the CPU was not idle, in percent.
    pub fn cpu_busy(&self) -> Option<f32> {
        self.cpu.iter().flatten().copied().reduce(|sum, part| sum + part)
    }
}
