//! The numbers of one sample line.

use jiff::civil::DateTime;

/// How many columns of `vmstat` a CSV row has (`gu` is not among them).
pub const VMSTAT_COLUMNS: usize = 17;

/// The numbers of one sample line.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The local time of the line, to the second: a real calendar date and time of day.
    pub time: DateTime,
    /// Seconds since boot, at the precision that `uptime` prints (mostly whole minutes); `None` if
    /// the line does not say.
    pub uptime_seconds: Option<u64>,
    /// Logged-in users; `None` where `uptime` has no users part (BusyBox).
    pub users: Option<u64>,
    /// Load averages over 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// r b swpd free buff cache si so bi bo in cs us sy id wa st. Memory in KiB, si so in KiB/s,
    /// bi bo in blocks of 1 KiB a second, in cs a second, us to st in % of CPU. `st` is `None` on
    /// machines whose `vmstat` lacks it.
    pub vmstat: [Option<u64>; VMSTAT_COLUMNS],
    /// Guest time, % of CPU: the 18th column (procps-ng from 4.0.4 on, `-w` from 4.0.0 on, BusyBox
    /// from 1.38 on). Where it is given it is not part of `us`.
    pub guest: Option<u64>,
}

/// Where the shares of CPU begin in [`Sample::vmstat`]: us sy id wa st.
const SHARES: usize = 12;

/// What six shares of CPU add up to: each is rounded, by procps-ng to the nearest number, by BusyBox
/// down.
const WHOLE: std::ops::RangeInclusive<u64> = 95..=103;

/// Whether the 18th number of a line can be guest time: it makes the five shares of CPU in `vmstat`
/// complete. Where they are complete without it, it is somebody's own column.
pub fn is_guest_time(vmstat: &[Option<u64>; VMSTAT_COLUMNS], number: u64) -> bool {
    let shares =
        vmstat[SHARES..].iter().try_fold(0_u64, |sum, share| Some(sum.saturating_add((*share)?)));
    number == 0
        || shares.is_some_and(|sum| sum < 100 && WHOLE.contains(&sum.saturating_add(number)))
}
