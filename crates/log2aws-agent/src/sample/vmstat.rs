//! The 17 columns of `vmstat`, from counters. Pure arithmetic.
//!
//! Checked against procps-ng 4.0.2 (Debian 12): shares of CPU are rounded to the nearest per
//! cent, halves up, over user + nice + system + irq + softirq + idle + iowait + steal.

use log2aws_core::sample::VMSTAT_COLUMNS;

use super::proc::{Counters, CpuTicks, Memory, Processes};

/// The columns, as a sample line takes them.
pub(crate) type Columns = [Option<u64>; VMSTAT_COLUMNS];

/// The units that the kernel counts in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Units {
    pub(crate) page_kib: u64,
    pub(crate) ticks_per_second: u64,
}

/// The columns as `vmstat | tail -1` writes them.
///
/// Up to 4.0.2 `vmstat` divides the counts since boot by the CPU time of all cores together, so
/// on a machine of 8 cores its si so bi bo in cs are an eighth of what they say. These do the
/// same: they stand in for the line that cron's `vmstat` wrote. Guest time leaves `us`.
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
    columns(now, memory, counters, units, rate, busy)
}

/// The columns of the time from `earlier` to `later`: rates in real seconds, guest time in `us`.
///
/// Both are of one boot, `later` the later one. Idle and iowait time can run backwards for a
/// moment (the kernel sums them up without a lock); no time was spent on them then.
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

/// Whether the counters can be of one boot, in this order: none but idle time ran backwards.
///
/// A counter of a 32-bit kernel that has wrapped fails this, too; what it counted is not known.
pub(crate) fn follows(earlier: &Counters, later: &Counters) -> bool {
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
            steal: cpu(|c| c.steal),
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

/// CPU time as `vmstat` groups it, in ticks.
#[derive(Clone, Copy)]
struct Shares {
    user: u128,
    system: u128,
    idle: u128,
    iowait: u128,
    steal: u128,
}

impl Shares {
    fn new(cpu: &CpuTicks) -> Self {
        let sum = |parts: &[u64]| parts.iter().map(|part| u128::from(*part)).sum();
        let shares = Self {
            user: sum(&[cpu.user, cpu.nice]),
            system: sum(&[cpu.system, cpu.irq, cpu.softirq]),
            idle: sum(&[cpu.idle]),
            iowait: sum(&[cpu.iowait]),
            steal: sum(&[cpu.steal]),
        };
        // No tick at all: a machine of which nothing is known counts as idle.
        if shares.total() == 0 { Self { idle: 1, ..shares } } else { shares }
    }

    fn total(self) -> u128 {
        self.user + self.system + self.idle + self.iowait + self.steal
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
    // Guest time is out of `busy.user` where it is not shown, never out of the whole.
    let whole = Shares::new(&counts.cpu).total();
    let percent = |ticks: u128| rounded(100 * ticks, whole);
    let pages = |pages: u64| rate(u128::from(pages) * u128::from(units.page_kib));
    let count = |count: u64| rate(u128::from(count));
    [
        now.running,
        now.blocked,
        memory.swapped,
        memory.free,
        memory.buffers,
        memory.cache,
        pages(counts.swapped_in),
        pages(counts.swapped_out),
        count(counts.paged_in),
        count(counts.paged_out),
        count(counts.interrupts),
        count(counts.switches),
        percent(busy.user),
        percent(busy.system),
        percent(busy.idle),
        percent(busy.iowait),
        percent(busy.steal),
    ]
    .map(Some)
}

/// `count / of`, to the nearest whole number, halves up.
fn rounded(count: u128, of: u128) -> u64 {
    u64::try_from((count + of / 2) / of).unwrap_or(u64::MAX)
}
