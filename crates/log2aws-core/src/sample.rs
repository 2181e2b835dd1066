//! The numbers of one sample line.

use jiff::civil::DateTime;

/// How many columns of `vmstat` a CSV row has (`gu` is not among them).
pub const VMSTAT_COLUMNS: usize = 17;

/// The numbers of one sample line.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The local time of the line, to the second: a real calendar date and time of day.
    pub time: DateTime,
    /// Seconds since boot, at the precision that `uptime` prints (mostly whole minutes).
    pub uptime_seconds: u64,
    /// Logged-in users; `None` where `uptime` has no users part (BusyBox).
    pub users: Option<u64>,
    /// Load averages over 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// r b swpd free buff cache si so bi bo in cs us sy id wa st. Memory in KiB, si so in KiB/s,
    /// bi bo in blocks of 1 KiB a second, in cs a second, us to st in % of CPU. `st` is `None` on
    /// machines whose `vmstat` lacks it.
    pub vmstat: [Option<u64>; VMSTAT_COLUMNS],
    /// Guest time, % of CPU (procps-ng ≥ 4.0.3); where it is given it is not part of `us`.
    pub guest: Option<u64>,
}
