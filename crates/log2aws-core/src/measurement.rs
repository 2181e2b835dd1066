//! What of a sample can be a measurement.
//!
//! Kernels and tools print numbers that nothing can have measured, mostly counters that ran below
//! zero: `procs_blocked` of 2^64 - 1, a load average of 4294967297.15 (Linux 5.14 to 6.15 on 32 bits),
//! an I/O wait of 4141965915 % (procps 3.3.17). They stay in the CSV as they were written. Figures
//! and drawings leave them out.

use crate::csv::SERIES;
use crate::sample::{Sample, VMSTAT_COLUMNS};

/// The most processes that Linux can have (`PID_MAX_LIMIT`), and so the highest load average, the
/// longest run queue and the most users.
const MAX_PROCESSES: u64 = 1 << 22;

/// No memory has so many KiB, and no disk or interrupt line comes to so much in a second.
const MAX_AMOUNT: u64 = 1 << 48;

/// What -1 is in 32 bits.
const WRAPPED: u64 = u32::MAX as u64;

/// Where the columns of `vmstat` begin in [`SERIES`].
const VMSTAT: usize = SERIES.len() - VMSTAT_COLUMNS;

/// The columns of `vmstat` r and b.
const PROCESSES: std::ops::Range<usize> = 0..2;

/// The columns of `vmstat` us sy id wa st.
const SHARES: std::ops::Range<usize> = 12..VMSTAT_COLUMNS;

/// So many of 100 % may be lost because each share is rounded or cut off.
const ROUNDING: u64 = 5;

/// Rounding makes five shares of a whole no more than this.
const MAX_SHARES: u64 = 105;

/// A sample without the values that cannot be measurements.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The sample; a value that was left out is missing (a load average is NaN), and guest time that
    /// `vmstat` took from `us` without a column for it is in `guest`.
    pub sample: Sample,
    /// The first column that was left out, by its name in the CSV.
    pub left_out: Option<&'static str>,
}

/// Takes out what cannot be a measurement.
pub fn measured(sample: &Sample) -> Measured {
    let mut sample = sample.clone();
    let mut left_out = None;
    let mut leave_out = |column: &'static str| left_out = left_out.or(Some(column));
    if sample.users.is_some_and(|users| users > MAX_PROCESSES) {
        sample.users = None;
        leave_out("users");
    }
    for (load, column) in
        sample.load.iter_mut().zip(["load-average01", "load-average05", "load-average15"])
    {
        #[expect(clippy::cast_precision_loss, reason = "a power of two")]
        let possible = *load <= MAX_PROCESSES as f64;
        if !possible && !load.is_nan() {
            *load = f64::NAN;
            leave_out(column);
        }
    }
    for (index, (value, column)) in sample.vmstat.iter_mut().zip(&SERIES[VMSTAT..]).enumerate() {
        if value.is_some_and(|value| !is_possible(index, value)) {
            *value = None;
            leave_out(column);
        }
    }
    let shares = sample.vmstat[SHARES].iter().flatten().sum::<u64>();
    if shares > MAX_SHARES {
        sample.vmstat[SHARES].fill(None);
        left_out = left_out.or(Some("cpu-us"));
    }
    sample.guest = guest(&sample);
    Measured { sample, left_out }
}

fn is_possible(column: usize, value: u64) -> bool {
    if PROCESSES.contains(&column) {
        value <= MAX_PROCESSES
    } else if SHARES.contains(&column) {
        value <= 100
    } else {
        value < MAX_AMOUNT && value != WRAPPED
    }
}

/// Guest time in percent.
///
/// procps takes it from `us` since 4.0.0, and has no column for it in the narrow form before 4.0.4:
/// what the shares, `id` among them, lack to 100 is the guests'.
fn guest(sample: &Sample) -> Option<u64> {
    if let Some(guest) = sample.guest {
        return Some(guest);
    }
    let [Some(us), Some(sy), Some(id), Some(wa), st] = sample.vmstat[SHARES] else { return None };
    let sum = us + sy + id + wa + st.unwrap_or(0);
    // Shares over no time at all are all 0.
    let lacking = 100_u64.checked_sub(sum).filter(|_| sum > 0)?;
    (lacking >= ROUNDING).then_some(lacking)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(shares: [u64; 5], guest: Option<u64>) -> Sample {
        let mut vmstat = [Some(1); VMSTAT_COLUMNS];
        for (to, share) in vmstat[SHARES].iter_mut().zip(shares) {
            *to = Some(share);
        }
        Sample {
            time: "2019-08-01T11:40:01".parse().unwrap(),
            uptime_seconds: Some(60),
            users: Some(1),
            load: [0.5, 0.25, 0.125],
            vmstat,
            guest,
        }
    }

    #[test]
    fn an_ordinary_sample_stays_as_it_is() {
        for shares in [[26, 12, 60, 2, 0], [100, 0, 0, 0, 0], [0, 0, 100, 0, 0], [1, 1, 96, 1, 0]] {
            let sample = sample(shares, None);
            assert_eq!(measured(&sample), Measured { sample: sample.clone(), left_out: None });
        }
        let busy = Sample { load: [3446.04, 1242.09, 450.47], ..sample([9, 9, 80, 2, 0], None) };
        assert_eq!(measured(&busy).sample, busy);
    }

    #[test]
    fn what_no_machine_has_is_left_out() {
        for (column, value) in [
            (1, u64::MAX),
            (1, u64::from(u32::MAX)),
            (0, u64::MAX),
            (3, u64::from(u32::MAX)),
            (8, 1 << 63),
            (15, 4_141_965_915),
            (16, u64::MAX - 4),
            (12, 101),
        ] {
            let mut sample = sample([26, 12, 60, 2, 0], None);
            sample.vmstat[column] = Some(value);
            let measured = measured(&sample);
            assert_eq!(measured.sample.vmstat[column], None, "{column} {value}");
            assert_eq!(measured.left_out, Some(SERIES[VMSTAT + column]));
            let left = measured.sample.vmstat.iter().flatten().count();
            assert_eq!(left, VMSTAT_COLUMNS - 1);
        }
        let whole = sample([90, 90, 90, 90, 90], None);
        assert!(measured(&whole).sample.vmstat[SHARES].iter().all(Option::is_none));
        let load = [4_294_967_297.15, 715_827_882.67, 1.02];
        let measured = measured(&Sample { load, ..sample([26, 12, 60, 2, 0], None) });
        assert!(measured.sample.load[0].is_nan() && measured.sample.load[1].is_nan());
        assert_eq!(measured.sample.load[2].to_bits(), 1.02_f64.to_bits());
        assert_eq!(measured.left_out, Some("load-average01"));
    }

    #[test]
    fn guests_are_what_the_shares_lack() {
        for (shares, column, expected) in [
            // procps 4.0.2 on a KVM host, narrow and wide.
            ([10, 10, 40, 2, 0], None, Some(38)),
            ([10, 10, 40, 2, 0], Some(38), Some(38)),
            // Rounding.
            ([10, 10, 76, 2, 0], None, None),
            ([10, 10, 76, 2, 0], Some(1), Some(1)),
            // BusyBox over no time.
            ([0, 0, 0, 0, 0], None, None),
        ] {
            assert_eq!(measured(&sample(shares, column)).sample.guest, expected, "{shares:?}");
        }
    }
}
