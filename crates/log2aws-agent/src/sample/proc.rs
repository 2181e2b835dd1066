//! Parses the kernel's files in /proc. Pure: text in, numbers out.
//!
//! Unknown lines are ignored, and lines that old kernels and containers lack count as zero, as in
//! `vmstat`; a line that is present but invalid is an error. (Sources: proc(5), and the kernel's
//! Documentation/filesystems/proc.rst.)

use serde::{Deserialize, Serialize};

/// The counters since boot from which rates are computed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counters {
    /// Time since boot, suspended time included, in hundredths of a second.
    pub(crate) uptime_centis: u64,
    /// CPU time of all cores together, in ticks.
    pub(crate) cpu: CpuTicks,
    /// Interrupts.
    pub(crate) interrupts: u64,
    /// Context switches.
    pub(crate) switches: u64,
    /// KiB read from block devices.
    pub(crate) paged_in: u64,
    /// KiB written to block devices.
    pub(crate) paged_out: u64,
    /// Pages read from swap.
    pub(crate) swapped_in: u64,
    /// Pages written to swap.
    pub(crate) swapped_out: u64,
}

/// Ticks of CPU time by kind. User time includes guest time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CpuTicks {
    pub(crate) user: u64,
    pub(crate) nice: u64,
    pub(crate) system: u64,
    pub(crate) idle: u64,
    pub(crate) iowait: u64,
    pub(crate) irq: u64,
    pub(crate) softirq: u64,
    /// `None` if the kernel does not count it.
    pub(crate) steal: Option<u64>,
    pub(crate) guest: u64,
    pub(crate) guest_nice: u64,
}

/// The current values in /proc/stat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Processes {
    /// Running or waiting for a CPU, including the process that reads this.
    pub(crate) running: u64,
    /// Waiting for I/O to end.
    pub(crate) blocked: u64,
    /// Cores that are online.
    pub(crate) cores: u32,
}

/// Memory in KiB, with the names of `vmstat`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) swapped: u64,
    pub(crate) free: u64,
    pub(crate) buffers: u64,
    /// Page cache and reclaimable slab.
    pub(crate) cache: u64,
}

/// A line with a missing or invalid number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is not as the kernel writes it: {line:?}")]
pub struct ProcError {
    what: &'static str,
    line: String,
}

impl ProcError {
    fn new(what: &'static str, line: &str) -> Self {
        Self { what, line: line.chars().take(80).collect() }
    }
}

/// Parses the counters and the current values of /proc/stat.
pub(crate) fn read_stat(text: &str, counters: &mut Counters) -> Result<Processes, ProcError> {
    let mut now = Processes::default();
    let mut has_cpu = false;
    for line in text.lines() {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        let first = || number("/proc/stat", line, rest.split_whitespace().next());
        match name {
            "cpu" => {
                counters.cpu = cpu_ticks(line, rest)?;
                has_cpu = true;
            }
            "intr" => counters.interrupts = first()?,
            "ctxt" => counters.switches = first()?,
            "procs_running" => now.running = first()?,
            "procs_blocked" => now.blocked = first()?,
            core if core.starts_with("cpu") => now.cores += 1,
            _ => {}
        }
    }
    // Without the total, every percentage would be invented.
    if has_cpu { Ok(now) } else { Err(ProcError::new("/proc/stat (no line \"cpu\")", text)) }
}

/// Kernels before 2.6.33 write fewer than ten columns, the oldest only four; so do systems that
/// emulate Linux.
fn cpu_ticks(line: &str, rest: &str) -> Result<CpuTicks, ProcError> {
    let mut ticks = [0_u64; 10];
    let mut given = 0;
    for (slot, field) in ticks.iter_mut().zip(rest.split_whitespace()) {
        *slot = number("/proc/stat", line, Some(field))?;
        given += 1;
    }
    if given < 4 {
        return Err(ProcError::new("/proc/stat", line));
    }
    let [user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice] = ticks;
    let steal = (given > 7).then_some(steal);
    Ok(CpuTicks { user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice })
}

/// Reads /proc/vmstat into `counters`.
pub(crate) fn read_vmstat(text: &str, counters: &mut Counters) -> Result<(), ProcError> {
    for line in text.lines() {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        let slot = match name {
            "pgpgin" => &mut counters.paged_in,
            "pgpgout" => &mut counters.paged_out,
            "pswpin" => &mut counters.swapped_in,
            "pswpout" => &mut counters.swapped_out,
            _ => continue,
        };
        *slot = number("/proc/vmstat", line, Some(rest.trim()))?;
    }
    Ok(())
}

/// Reads /proc/meminfo.
pub(crate) fn read_meminfo(text: &str) -> Result<Memory, ProcError> {
    let mut memory = Memory::default();
    let (mut swap_total, mut swap_free) = (0, 0);
    let (mut cached, mut reclaimable) = (0, 0);
    let mut has_free = false;
    for line in text.lines() {
        let (name, rest) = line.split_once(':').unwrap_or((line, ""));
        let slot = match name {
            "MemFree" => {
                has_free = true;
                &mut memory.free
            }
            "Buffers" => &mut memory.buffers,
            "Cached" => &mut cached,
            "SReclaimable" => &mut reclaimable,
            "SwapTotal" => &mut swap_total,
            "SwapFree" => &mut swap_free,
            _ => continue,
        };
        *slot = number("/proc/meminfo", line, rest.split_whitespace().next())?;
    }
    // Every kernel writes it. A file without it is truncated, and 0 would be wrong.
    if !has_free {
        return Err(ProcError::new("/proc/meminfo (no line \"MemFree\")", text));
    }
    memory.cache = cached.saturating_add(reclaimable);
    memory.swapped = u64::saturating_sub(swap_total, swap_free);
    Ok(memory)
}

/// Reads /proc/uptime: hundredths of a second since boot.
pub(crate) fn read_uptime(text: &str) -> Result<u64, ProcError> {
    let error = || ProcError::new("/proc/uptime", text);
    let first = text.split_whitespace().next().ok_or_else(error)?;
    let (seconds, fraction) = first.split_once('.').unwrap_or((first, "0"));
    let seconds: u64 = seconds.parse().map_err(|_| error())?;
    // The kernel writes two digits; other lengths are cut or padded.
    let mut centis = 0;
    for place in 0..2 {
        let digit = fraction.as_bytes().get(place).copied().unwrap_or(b'0');
        if !digit.is_ascii_digit() {
            return Err(error());
        }
        centis = centis * 10 + u64::from(digit - b'0');
    }
    seconds.checked_mul(100).and_then(|s| s.checked_add(centis)).ok_or_else(error)
}

/// Reads /proc/loadavg.
pub(crate) fn read_loadavg(text: &str) -> Result<[f64; 3], ProcError> {
    let error = || ProcError::new("/proc/loadavg", text);
    let mut fields = text.split_whitespace();
    let mut load = [0.0_f64; 3];
    for slot in &mut load {
        *slot = fields.next().and_then(|field| field.parse().ok()).ok_or_else(error)?;
        if !slot.is_finite() || *slot < 0.0 {
            return Err(error());
        }
    }
    Ok(load)
}

fn number(what: &'static str, line: &str, field: Option<&str>) -> Result<u64, ProcError> {
    field.and_then(|field| field.parse().ok()).ok_or_else(|| ProcError::new(what, line))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_makes_a_panic(
            text in "((cpu|intr|ctxt|pgpgin|MemFree:|Cached:|procs_running)? ?[0-9.xé:-]{0,25}[ \n]{0,2}){0,12}"
        ) {
            let mut counters = Counters::default();
            let _ = read_stat(&text, &mut counters);
            let _ = read_vmstat(&text, &mut counters);
            let _ = read_meminfo(&text);
            let _ = read_loadavg(&text);
            let _ = read_uptime(&text);
        }
    }

    #[test]
    fn a_stat_of_two_cores() {
        let text = "cpu  10 1 5 80 2 0 1 3 4 0\ncpu0 5 0 2 40 1 0 1 1 2 0\ncpu1 5 1 3 40 1 0 0 2 2 0\n\
                    intr 926017 0 39\nctxt 2486733\nbtime 1795368598\nprocs_running 4\nprocs_blocked 7\n";
        let mut counters = Counters::default();
        let now = read_stat(text, &mut counters).unwrap();
        assert_eq!(now, Processes { running: 4, blocked: 7, cores: 2 });
        assert_eq!(
            counters.cpu,
            CpuTicks {
                user: 10,
                nice: 1,
                system: 5,
                idle: 80,
                iowait: 2,
                irq: 0,
                softirq: 1,
                steal: Some(3),
                guest: 4,
                guest_nice: 0
            }
        );
        assert_eq!((counters.interrupts, counters.switches), (926_017, 2_486_733));
    }

    #[test]
    fn an_old_kernel_has_fewer_columns_and_lines() {
        let mut counters = Counters::default();
        let now = read_stat("cpu 1 2 3 4\n", &mut counters).unwrap();
        assert_eq!(now, Processes::default());
        assert_eq!((counters.cpu.idle, counters.cpu.steal), (4, None));
        read_stat("cpu 1 2 3 4 5 6 7\n", &mut counters).unwrap();
        assert_eq!((counters.cpu.softirq, counters.cpu.steal), (7, None));
        read_stat("cpu 1 2 3 4 5 6 7 8\n", &mut counters).unwrap();
        assert_eq!((counters.cpu.steal, counters.cpu.guest), (Some(8), 0));
    }

    #[test]
    fn rubbish_is_an_error_not_a_zero() {
        let mut counters = Counters::default();
        for text in ["", "cpu", "cpu 1 2 3", "cpu 1 2 3 x", "cpu 1 2 3 4\nintr\n", "cpu 1 2 3 -4"] {
            assert!(read_stat(text, &mut counters).is_err(), "{text:?}");
        }
        assert!(read_vmstat("pgpgin\n", &mut counters).is_err());
        assert!(read_vmstat("pswpin 18446744073709551616\n", &mut counters).is_err());
        for text in ["MemFree: kB\n", "", "MemTotal: 100 kB\nBuffers: 1 kB\n"] {
            assert!(read_meminfo(text).is_err(), "{text:?}");
        }
        for text in ["", "x", "1.x", "-1.00", "18446744073709551615.00"] {
            assert!(read_uptime(text).is_err(), "{text:?}");
        }
        for text in ["", "0.1 0.2", "0.1 0.2 nan", "0.1 -0.2 0.3", "0,1 0,2 0,3"] {
            assert!(read_loadavg(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_error_repeats_no_more_than_eighty_characters() {
        let error = read_uptime(&"字".repeat(5000)).unwrap_err().to_string();
        assert!(error.chars().count() < 150, "{error}");
    }

    #[test]
    fn memory_as_vmstat_counts_it() {
        let text = "MemTotal: 9 kB\nMemFree:  100 kB\nBuffers: 20 kB\nCached: 300 kB\nSwapCached: 5 kB\n\
                    SwapTotal: 1000 kB\nSwapFree: 400 kB\nSReclaimable: 40 kB\n";
        let memory = Memory { swapped: 600, free: 100, buffers: 20, cache: 340 };
        assert_eq!(read_meminfo(text), Ok(memory));
    }

    #[test]
    fn uptime_in_hundredths() {
        for (text, centis) in
            [("1669.27 2587.97\n", 166_927), ("5 1", 500), ("0.5 0", 50), ("7.129 0", 712)]
        {
            assert_eq!(read_uptime(text), Ok(centis), "{text:?}");
        }
    }
}
