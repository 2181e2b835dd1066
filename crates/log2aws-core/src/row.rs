//! One converted sample line.

use jiff::civil::DateTime;

/// How many columns of `vmstat` a row of CSV has (`gu` is not among them).
pub const VMSTAT_COLUMNS: usize = 17;

/// The numbers of one sample line, borrowed from it.
///
/// Texts are as the line has them (decimal commas made points), so that CSV repeats every digit.
/// Each has been checked to be a number; [`Row::load`] and [`Row::vmstat`] give its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Row<'a> {
    /// The local time of the line: a real calendar date and time, to the second.
    pub time: DateTime,
    /// Seconds since boot, as far as `uptime` prints them (whole minutes mostly).
    pub uptime_seconds: u64,
    /// Logged-in users; `None` where `uptime` has no users part (BusyBox).
    pub users: Option<u64>,
    /// Load averages over 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// r b swpd free buff cache si so bi bo in cs us sy id wa st; `st` is `None` on machines
    /// whose `vmstat` lacks it.
    pub vmstat: [Option<u64>; VMSTAT_COLUMNS],
    /// Guest time, % of CPU (procps-ng ≥ 4.0.3); it is not part of `us` then.
    pub guest: Option<u64>,
    /// The row as CSV, without the line end.
    pub csv: &'a [u8],
}
