//! The 17 columns of `vmstat` computed from counters. Pure arithmetic.
//!
//! Checked against procps-ng 4.0.2 (Debian 12): CPU shares are rounded to the nearest per cent,
//! halves up, over user + nice + system + irq + softirq + idle + iowait + steal.

use log2aws_core::sample::VMSTAT_COLUMNS;

use super::proc::{Counters, CpuTicks, Memory, Processes};

/// The columns of a sample line.
pub(crate) type Columns = [Option<u64>; VMSTAT_COLUMNS];

/// The index of `st`.
const STEAL: usize = VMSTAT_COLUMNS - 1;

/// The kernel's units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Units {
    pub(crate) page_kib: u64,
    pub(crate) ticks_per_second: u64,
}

/// The columns as `vmstat | tail -1` writes them, with 0 for steal if the kernel does not count it.
///
/// Up to 4.0.2 `vmstat` divides the counts since boot by the CPU time of all cores together, so on
/// 8 cores its si so bi bo in cs are an eighth of the real rates. This does the same, because it
/// replaces the lines of cron's `vmstat`. Guest time is not part of `us`.
pub(crate) fn since_boot(
    now: Processes,
    memory: Memory,
    counters: &Counters,
    units: Units,
) -> Columns {
    let shares = Shares::new(&counters.cpu);
    let guest = counters.cpu.guest.saturating_add(counters.cpu.guest_nice);
    let busy = Shares { user: shares.user.saturating_sub(u128::from(guest)), ..shares };
    let total = shares.total().max(1);
    let hz = u128::from(units.ticks_per_second);
    let rate = |count: u128| rounded(count * hz, total);
    let mut columns = columns(now, memory, counters, units, rate, busy);
    columns[STEAL] = columns[STEAL].or(Some(0));
    columns
}

/// The columns of the time from `earlier` to `later`: rates per real second, guest time in `us`, no
/// value for steal if the kernel does not count it.
///
/// Time in suspend counts as real time without activity; it has no CPU time, so the CPU shares
/// cover the time awake.
///
/// Both must be of one boot, in this order. Idle and iowait time can go back briefly (the kernel
/// sums them up without a lock), which counts as zero.
pub(crate) fn between(
    now: Processes,
    memory: Memory,
    earlier: &Counters,
    later: &Counters,
    units: Units,
) -> Columns {
    let spent = difference(earlier, later);
    let centis = u128::from(spent.uptime_centis.max(1));
    let rate = |count: u128| rounded(count * 100, centis);
    columns(now, memory, &spent, units, rate, Shares::new(&spent.cpu))
}

/// Whether the counters can belong to one boot in this order: only idle times may go back.
///
/// A wrapped counter of a 32-bit kernel fails this too, as does stolen time that jumps by
/// centuries, as on Linux 4.8 to 4.10 after a live migration under Xen (fixed by "xen/time: do not
/// decrease steal time after live migration on xen"): their values are unknown.
pub(crate) fn follows(earlier: &Counters, later: &Counters, cores: u32, units: Units) -> bool {
    let grows = |pick: fn(&Counters) -> u64| pick(earlier) <= pick(later);
    later.uptime_centis > earlier.uptime_centis
        && [
            (|c| c.interrupts) as fn(&Counters) -> u64,
            |c| c.switches,
            |c| c.paged_in,
            |c| c.paged_out,
            |c| c.swapped_in,
            |c| c.swapped_out,
            |c| c.cpu.user,
            |c| c.cpu.nice,
            |c| c.cpu.system,
        ]
        .into_iter()
        .all(grows)
        && is_possible(&difference(earlier, later), cores, units)
}

/// Whether that many cores can have used that much time; twice as much and a second are allowed for
/// cores that were removed since, and for the kernel's rounding.
fn is_possible(spent: &Counters, cores: u32, units: Units) -> bool {
    let seconds = u128::from(spent.uptime_centis) / 100 * 2 + 1;
    let most = u128::from(cores) * u128::from(units.ticks_per_second) * seconds;
    // A container may not see its cores.
    cores == 0 || Shares::new(&spent.cpu).total() <= most
}

fn difference(earlier: &Counters, later: &Counters) -> Counters {
    let cpu = |pick: fn(&CpuTicks) -> u64| pick(&later.cpu).saturating_sub(pick(&earlier.cpu));
    let sum = |pick: fn(&Counters) -> u64| pick(later).saturating_sub(pick(earlier));
    Counters {
        uptime_centis: sum(|c| c.uptime_centis),
        cpu: CpuTicks {
            user: cpu(|c| c.user),
            nice: cpu(|c| c.nice),
            system: cpu(|c| c.system),
            idle: cpu(|c| c.idle),
            iowait: cpu(|c| c.iowait),
            irq: cpu(|c| c.irq),
            softirq: cpu(|c| c.softirq),
            steal: later.cpu.steal.map(|_| cpu(|c| c.steal.unwrap_or_default())),
            guest: cpu(|c| c.guest),
            guest_nice: cpu(|c| c.guest_nice),
        },
        interrupts: sum(|c| c.interrupts),
        switches: sum(|c| c.switches),
        paged_in: sum(|c| c.paged_in),
        paged_out: sum(|c| c.paged_out),
        swapped_in: sum(|c| c.swapped_in),
        swapped_out: sum(|c| c.swapped_out),
    }
}

/// CPU time in ticks, grouped as in `vmstat`.
#[derive(Clone, Copy)]
struct Shares {
    user: u128,
    system: u128,
    idle: u128,
    iowait: u128,
    steal: Option<u128>,
}

impl Shares {
    fn new(cpu: &CpuTicks) -> Self {
        let sum = |parts: &[u64]| parts.iter().map(|part| u128::from(*part)).sum();
        let shares = Self {
            user: sum(&[cpu.user, cpu.nice]),
            system: sum(&[cpu.system, cpu.irq, cpu.softirq]),
            idle: sum(&[cpu.idle]),
            iowait: sum(&[cpu.iowait]),
            steal: cpu.steal.map(u128::from),
        };
        // No ticks at all: an unknown machine counts as idle.
        if shares.total() == 0 { Self { idle: 1, ..shares } } else { shares }
    }

    fn total(self) -> u128 {
        self.user + self.system + self.idle + self.iowait + self.steal.unwrap_or_default()
    }
}

fn columns(
    now: Processes,
    memory: Memory,
    counts: &Counters,
    units: Units,
    rate: impl Fn(u128) -> u64,
    busy: Shares,
) -> Columns {
    // Guest time is removed from `busy.user` if it has no column, but never from the total.
    let whole = Shares::new(&counts.cpu).total();
    let percent = |ticks: u128| rounded(100 * ticks, whole);
    let pages = |pages: u64| rate(u128::from(pages) * u128::from(units.page_kib));
    let count = |count: u64| rate(u128::from(count));
    [
        Some(now.running),
        Some(now.blocked),
        Some(memory.swapped),
        Some(memory.free),
        Some(memory.buffers),
        Some(memory.cache),
        Some(pages(counts.swapped_in)),
        Some(pages(counts.swapped_out)),
        Some(count(counts.paged_in)),
        Some(count(counts.paged_out)),
        Some(count(counts.interrupts)),
        Some(count(counts.switches)),
        Some(percent(busy.user)),
        Some(percent(busy.system)),
        Some(percent(busy.idle)),
        Some(percent(busy.iowait)),
        busy.steal.map(percent),
    ]
}

/// `count / of`, to the nearest whole number, halves up.
fn rounded(count: u128, of: u128) -> u64 {
    u64::try_from((count + of / 2) / of).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UNITS: Units = Units { page_kib: 4, ticks_per_second: 100 };

    fn counters() -> impl Strategy<Value = Counters> {
        proptest::array::uniform17(any::<u64>()).prop_map(|n| Counters {
            uptime_centis: n[0],
            cpu: CpuTicks {
                user: n[1],
                nice: n[2],
                system: n[3],
                idle: n[4],
                iowait: n[5],
                irq: n[6],
                softirq: n[7],
                steal: Some(n[8]),
                guest: n[9],
                guest_nice: n[10],
            },
            interrupts: n[11],
            switches: n[12],
            paged_in: n[13],
            paged_out: n[14],
            swapped_in: n[15],
            swapped_out: n[16],
        })
    }

    /// us sy id wa st
    fn shares(columns: &Columns) -> Vec<u64> {
        columns[12..].iter().map(|share| share.unwrap()).collect()
    }

    proptest! {
        #[test]
        fn no_counters_are_too_large_and_shares_make_a_whole(a in counters(), b in counters()) {
            let (now, memory) = (Processes::default(), Memory::default());
            for columns in [between(now, memory, &a, &b, UNITS), since_boot(now, memory, &b, UNITS)] {
                prop_assert!(columns.iter().all(Option::is_some));
                // The shares since boot lack guest time, so only the upper bound applies to both;
                // five rounding errors of at most a half each.
                prop_assert!(shares(&columns).iter().sum::<u64>() <= 102);
            }
            let interval: u64 = shares(&between(now, memory, &a, &b, UNITS)).iter().sum();
            prop_assert!((98..=102).contains(&interval), "{interval}");
        }
    }

    #[test]
    fn nothing_counted_is_idle() {
        let mut none = Counters::default();
        none.cpu.steal = Some(0);
        let columns = between(Processes::default(), Memory::default(), &none, &none, UNITS);
        assert_eq!(shares(&columns), [0, 0, 100, 0, 0]);
    }

    #[test]
    fn what_was_stolen_is_unknown_where_nobody_counts_it() {
        let none = Counters::default();
        let (now, memory) = (Processes::default(), Memory::default());
        assert_eq!(between(now, memory, &none, &none, UNITS)[STEAL], None);
        // `vmstat` cannot express that.
        assert_eq!(since_boot(now, memory, &none, UNITS)[STEAL], Some(0));
    }

    #[test]
    fn rates_are_of_real_seconds_and_guests_are_users() {
        let earlier = Counters::default();
        let mut later = Counters { uptime_centis: 250, interrupts: 1000, ..Counters::default() };
        later.cpu =
            CpuTicks { user: 300, guest: 200, idle: 700, steal: Some(0), ..CpuTicks::default() };
        (later.swapped_in, later.paged_out) = (5, 6);
        let columns = between(Processes::default(), Memory::default(), &earlier, &later, UNITS)
            .map(Option::unwrap);
        // si: 5 pages of 4 KiB in 2.5 s; bo: 6 KiB in 2.5 s, 2.4; in: 1000 in 2.5 s.
        assert_eq!((columns[6], columns[9], columns[10]), (8, 2, 400));
        assert_eq!(columns[12..], [30, 0, 70, 0, 0]);
    }

    #[test]
    fn idle_time_may_run_backwards_but_work_does_not() {
        let mut earlier = Counters { uptime_centis: 1, switches: 5, ..Counters::default() };
        earlier.cpu.idle = 100;
        let mut later = Counters { uptime_centis: 2, switches: 5, ..Counters::default() };
        later.cpu.idle = 99;
        let follows = |later: &Counters| follows(&earlier, later, 1, UNITS);
        assert!(follows(&later));
        later.switches = 4;
        assert!(!follows(&later), "a counter that wrapped");
        assert!(!follows(&earlier), "no time went by");
        for pick in [
            (|c| &mut c.cpu.user) as fn(&mut Counters) -> &mut u64,
            |c| &mut c.cpu.nice,
            |c| &mut c.cpu.system,
            |c| &mut c.interrupts,
            |c| &mut c.switches,
            |c| &mut c.paged_in,
            |c| &mut c.paged_out,
            |c| &mut c.swapped_in,
            |c| &mut c.swapped_out,
        ] {
            let mut earlier = Counters { uptime_centis: 100, ..Counters::default() };
            let later = Counters { uptime_centis: 200, ..Counters::default() };
            assert!(super::follows(&earlier, &later, 1, UNITS));
            *pick(&mut earlier) = 1;
            assert!(!super::follows(&earlier, &later, 1, UNITS), "{earlier:?}");
        }
    }

    #[test]
    fn no_core_spends_more_time_than_there_is() {
        let earlier = Counters::default();
        let mut later = Counters { uptime_centis: 60_000, ..Counters::default() };
        later.cpu.user = 2 * 60_000;
        assert!(follows(&earlier, &later, 2, UNITS));
        assert!(follows(&earlier, &later, 1, UNITS), "the other was taken away");
        later.cpu.steal = Some(u64::MAX / 10_000_000);
        assert!(!follows(&earlier, &later, 2, UNITS));
        assert!(follows(&earlier, &later, 0, UNITS), "nothing is known of the cores");
    }
}
