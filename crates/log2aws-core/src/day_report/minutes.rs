//! The samples of the day, as means of each minute.

use crate::chart::mode_timeline::ModeTimeline;
use crate::day::Day;
use crate::day_clock::DayClock;
use crate::measurement::measured;
use crate::metadata::Mode;
use crate::sample::{Sample, VMSTAT_COLUMNS};
use crate::summary::LogSummary;

/// A figure that the rules look at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Figure {
    /// Load average over 1 minute.
    Load,
    /// Blocked processes.
    Blocked,
    /// Memory swapped out, in KiB.
    Swapped,
    /// Free memory, in KiB.
    Free,
    /// Free memory, buffers and cache, in KiB.
    Left,
    /// Swapped in and out, in KiB/s. This and the rest only from averages over the interval.
    SwapRate,
    /// Blocks of 1 KiB a second.
    Read,
    /// The same.
    Written,
    /// Percent of the CPU's time: user, system and guests.
    Busy,
    /// Waiting for I/O.
    Wait,
    /// Stolen by the hypervisor.
    Stolen,
}

const FIGURES: usize = Figure::Stolen as usize + 1;

/// The columns of `vmstat`.
const B: usize = 1;
const SWPD: usize = 2;
const FREE: usize = 3;
const BUFF: usize = 4;
const CACHE: usize = 5;
const SI: usize = 6;
const SO: usize = 7;
const BI: usize = 8;
const BO: usize = 9;
const US: usize = 12;
const SY: usize = 13;
const WA: usize = 15;
const ST: usize = 16;
const _: () = assert!(ST < VMSTAT_COLUMNS);

/// The means of one minute.
#[derive(Clone, Debug)]
pub(super) struct Minute {
    /// The second of the day of the first sample.
    pub(super) second: u32,
    sums: [f64; FIGURES],
    counts: [u32; FIGURES],
}

impl Minute {
    /// The mean; `None` if no sample of the minute has the figure.
    pub(super) fn get(&self, figure: Figure) -> Option<f64> {
        let count = self.counts[figure as usize];
        (count > 0).then(|| self.sums[figure as usize] / f64::from(count))
    }
}

/// The samples of a day, in order of time.
#[derive(Clone, Debug)]
pub(super) struct Minutes {
    pub(super) clock: DayClock,
    pub(super) all: Vec<Minute>,
    /// The highest load: second of the day and value.
    pub(super) peak: Option<(u32, f64)>,
    mode: Option<Mode>,
    timeline: Option<ModeTimeline>,
    last: Option<u32>,
}

impl Minutes {
    pub(super) fn new(day: Day, log: &LogSummary) -> Self {
        let held = &log.metadata;
        Self {
            clock: DayClock::new(day, held.tz.as_deref()),
            all: Vec::new(),
            peak: None,
            mode: held.mode.as_deref().and_then(|mode| mode.parse().ok()),
            timeline: ModeTimeline::new(&log.modes),
            last: None,
        }
    }

    pub(super) fn sample(&mut self, sample: &Sample) {
        let second = self.clock.elapsed(sample.time, self.last);
        self.last = second;
        let Some(second) = second else { return };
        if let Some(timeline) = &mut self.timeline {
            self.mode = Some(timeline.mode_at(sample.time));
        }
        let values = values(sample, self.mode == Some(Mode::Interval));
        if let Some(load) = values[Figure::Load as usize]
            && self.peak.is_none_or(|(_, highest)| load > highest)
        {
            self.peak = Some((second, load));
        }
        let at = self.all.partition_point(|known| known.second / 60 < second / 60);
        if self.all.get(at).is_none_or(|known| known.second / 60 != second / 60) {
            let new = Minute { second, sums: [0.0; FIGURES], counts: [0; FIGURES] };
            self.all.insert(at, new);
        }
        let minute = &mut self.all[at];
        minute.second = minute.second.min(second);
        for (index, value) in values.into_iter().enumerate() {
            if let Some(value) = value {
                minute.sums[index] += value;
                minute.counts[index] += 1;
            }
        }
    }
}

/// The figures of a sample, without those that cannot be measurements. Averages since boot say
/// nothing of a time of day.
fn values(sample: &Sample, interval: bool) -> [Option<f64>; FIGURES] {
    let sample = measured(sample).sample;
    #[expect(clippy::cast_precision_loss, reason = "less than 2^48")]
    let column = |at: usize| sample.vmstat[at].map(|value| value as f64);
    let rate = |at: usize| column(at).filter(|_| interval);
    #[expect(clippy::cast_precision_loss, reason = "a percentage")]
    let guest = sample.guest.map_or(0.0, |guest| guest as f64);
    let load = Some(sample.load[0]).filter(|load| load.is_finite());
    let sum = |parts: &[Option<f64>]| parts.iter().copied().sum::<Option<f64>>();
    let mut values = [None; FIGURES];
    for (figure, value) in [
        (Figure::Load, load),
        (Figure::Blocked, column(B)),
        (Figure::Swapped, column(SWPD)),
        (Figure::Free, column(FREE)),
        (Figure::Left, sum(&[column(FREE), column(BUFF), column(CACHE)])),
        (Figure::SwapRate, sum(&[rate(SI), rate(SO)])),
        (Figure::Read, rate(BI)),
        (Figure::Written, rate(BO)),
        (Figure::Busy, sum(&[rate(US), rate(SY)]).map(|busy| busy + guest)),
        (Figure::Wait, rate(WA)),
        (Figure::Stolen, rate(ST)),
    ] {
        values[figure as usize] = value;
    }
    values
}
