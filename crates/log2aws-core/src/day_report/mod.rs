//! What is worth telling about a day, by rules: facts with numbers and times, and no words.
//!
//! The limits are in `docs/dashboard.md`; they are fixed, so that a sentence means the same on every
//! page and every day. A rule that needs the number of cores or the usual day says nothing without.

mod minutes;
mod stretch;
#[cfg(test)]
mod tests;

use jiff::civil::DateTime;

use crate::day::Day;
use crate::sample::Sample;
use crate::summary::LogSummary;
use crate::trend::quantile;
use crate::usual::{Band, Usual};

use minutes::{Figure, Minute, Minutes};
use stretch::{Held, stretches};

pub use stretch::{Range, Stretch};

/// The most facts that are told.
pub const MAX_FACTS: usize = 8;

/// The most stretches of one kind that are told.
const MAX_OF_A_KIND: usize = 3;

/// Load above the cores, or time spent waiting, stolen or swapping, for at least so long, in
/// seconds.
const LEAST: u32 = 30 * 60;

/// Load outside of the usual range for at least so long, in seconds.
const LEAST_UNUSUAL: u32 = 60 * 60;

/// I/O wait in percent: worth a sentence; beside a load above the cores.
const MUCH_WAIT: f64 = 20.0;
const WAIT_BESIDE: f64 = 10.0;

/// The same for stolen time.
const MUCH_STOLEN: f64 = 10.0;
const STOLEN_BESIDE: f64 = 5.0;

/// The same for pages that go in and out of swap, in KiB/s.
const MUCH_SWAPPING: f64 = 1024.0;
const SWAPPING_BESIDE: f64 = 100.0;

/// Blocked processes, and blocks of 1 KiB a second, that are told beside something else.
const BLOCKED_BESIDE: f64 = 1.0;
const BLOCKS_BESIDE: f64 = 1000.0;

/// Less memory than this, in KiB, with buffers and cache, is little.
const LITTLE_MEMORY: f64 = 256.0 * 1024.0;

/// Swapped-out memory in KiB: so much is worth a sentence; or so much more than at first.
const MUCH_SWAPPED: f64 = 1024.0 * 1024.0;
const MORE_SWAPPED: f64 = 64.0 * 1024.0;

/// A load is unusual beyond this multiple of the usual range, and this many processes.
const UNUSUAL_FACTOR: f64 = 2.0;
const UNUSUAL_LOAD: f64 = 0.5;

/// The peak is unusual beyond this multiple of the median of the usual peaks.
const PEAK_FACTOR: f64 = 1.5;

/// More than half of the usual peaks within this many minutes of their median have a usual time.
const USUAL_PEAK_MINUTES: u16 = 30;

/// Something worth telling.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// The load average over 1 minute was above the cores.
    LoadAboveCores {
        /// The cores.
        cores: u32,
        /// When.
        stretch: Stretch,
        /// The highest load in it.
        peak: Peak,
        /// What else there was.
        beside: Beside,
        /// The usual load at that time.
        usual: Option<Range>,
    },
    /// The CPU waited for I/O, or was stolen, or pages went in and out of swap.
    Waited {
        /// When.
        stretch: Stretch,
        /// For what.
        beside: Beside,
    },
    /// There was little memory, or much of it was swapped out.
    Memory(Memory),
    /// The load was above or below the usual range.
    LoadUnusual {
        /// When.
        stretch: Stretch,
        /// The load.
        load: Range,
        /// The usual load at that time.
        usual: Range,
        /// Whether it was above.
        above: bool,
    },
    /// The highest load differs from that of all of the usual days.
    PeakUnusual {
        /// The highest load.
        peak: Peak,
        /// The lowest and the highest of the usual peaks.
        usual: Range,
        /// The usual time of the peak, in minutes of the clock, if there is one.
        usual_minute: Option<u16>,
        /// How many days these are.
        days: usize,
    },
}

/// The highest load and its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peak {
    /// In clock time.
    pub at: DateTime,
    /// Load average over 1 minute.
    pub load: f64,
}

/// What there was beside something else; each only if it was much.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Beside {
    /// CPU waiting for I/O, in percent.
    pub wait: Option<Range>,
    /// CPU stolen by the hypervisor, in percent.
    pub stolen: Option<Range>,
    /// Swapped in and out, in KiB/s.
    pub swapping: Option<Range>,
    /// Blocked processes.
    pub blocked: Option<Range>,
    /// Blocks of 1 KiB read a second.
    pub read: Option<Range>,
    /// The same written.
    pub written: Option<Range>,
    /// CPU of user, system and guests in percent, if nothing else explains the load.
    pub busy: Option<Range>,
}

/// The memory of the day, in KiB.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memory {
    /// The least free memory and its time.
    pub free: Option<(f64, DateTime)>,
    /// The least free memory with buffers and cache.
    pub left: Option<f64>,
    /// Whether `left` is little.
    pub is_little: bool,
    /// The most that was swapped out.
    pub swapped: f64,
    /// How much more that is than at the first sample.
    pub swapped_more: f64,
}

/// What is worth telling about a day, the most important first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// At most [`MAX_FACTS`].
    pub facts: Vec<Fact>,
    /// How many more there are.
    pub more: usize,
    /// How many samples could be compared with the usual day.
    pub compared: usize,
}

/// Takes the samples of a day.
#[derive(Clone, Debug)]
pub struct ReportBuilder {
    minutes: Minutes,
}

impl ReportBuilder {
    /// A day whose metadata are those of its summary.
    pub fn new(day: Day, log: &LogSummary) -> Self {
        Self { minutes: Minutes::new(day, log) }
    }

    /// Takes a sample; those of other days are left out.
    pub fn sample(&mut self, sample: &Sample) {
        self.minutes.sample(sample);
    }

    /// What is worth telling. `usual` are the days to compare with.
    pub fn finish(self, log: &LogSummary, usual: Option<&Usual>) -> Report {
        let rules = Rules {
            minutes: &self.minutes,
            interval: log.interval_seconds,
            cores: log.metadata.cores.filter(|cores| *cores > 0),
            usual,
        };
        rules.report()
    }
}

struct Rules<'a> {
    minutes: &'a Minutes,
    interval: u32,
    cores: Option<u32>,
    usual: Option<&'a Usual>,
}

impl<'a> Rules<'a> {
    fn report(&self) -> Report {
        let busy = self.cores.map_or_else(Vec::new, |cores| {
            let cores = f64::from(cores);
            self.stretches(LEAST, |minute| minute.get(Figure::Load).is_some_and(|l| l > cores))
        });
        let mut facts: Vec<Fact> = self.memory().map(Fact::Memory).into_iter().collect();
        facts.extend(
            self.cores
                .map(|cores| busy.iter().map(move |held| self.load(cores, held)))
                .into_iter()
                .flatten(),
        );
        facts.extend(self.waited(&busy));
        facts.extend(self.unusual(&busy));
        facts.extend(self.peak());
        let all = facts.len();
        facts = most_important(&facts);
        Report { more: all - facts.len(), facts, compared: self.compared() }
    }

    fn stretches(&self, least: u32, holds: impl Fn(&Minute) -> bool) -> Vec<Held<'a>> {
        let Minutes { all, clock, .. } = self.minutes;
        stretches(all, clock, self.interval, least, holds)
    }

    fn load(&self, cores: u32, held: &Held<'_>) -> Fact {
        Fact::LoadAboveCores {
            cores,
            stretch: held.stretch(&self.minutes.clock),
            peak: self.highest(held),
            beside: beside(held),
            usual: self.usual_in(held),
        }
    }

    /// The highest load of a stretch; that of the day is exact, others are means of a minute.
    fn highest(&self, held: &Held<'_>) -> Peak {
        let whole = self.minutes.peak.filter(|(at, _)| (held.from()..held.till()).contains(at));
        let means = held.minutes.iter().filter_map(|m| Some((m.second, m.get(Figure::Load)?)));
        let highest = means.reduce(|a, b| if b.1 > a.1 { b } else { a });
        let (second, load) = whole.or(highest).unwrap_or((held.from(), 0.0));
        Peak { at: self.minutes.clock.civil(second), load }
    }

    /// The usual load during a stretch: the medians of both edges.
    fn usual_in(&self, held: &Held<'_>) -> Option<Range> {
        let usual = self.usual?;
        let band = |minute: &&Minute| usual.load_at(self.minutes.clock.civil(minute.second));
        let bands: Vec<Band> = held.minutes.iter().filter_map(band).collect();
        let median = |edge: fn(&Band) -> f64| {
            let mut values: Vec<f64> = bands.iter().map(edge).collect();
            values.sort_by(f64::total_cmp);
            quantile(&values, 0.5)
        };
        (!bands.is_empty()).then(|| Range { low: median(|b| b.low), high: median(|b| b.high) })
    }

    fn waited(&self, busy: &[Held<'_>]) -> Vec<Fact> {
        let much = [
            (Figure::Wait, MUCH_WAIT),
            (Figure::Stolen, MUCH_STOLEN),
            (Figure::SwapRate, MUCH_SWAPPING),
        ];
        let holds = |minute: &Minute| {
            much.iter().any(|(figure, least)| minute.get(*figure).is_some_and(|v| v >= *least))
        };
        let found = self.stretches(LEAST, holds);
        let fact = |held: &Held<'_>| Fact::Waited {
            stretch: held.stretch(&self.minutes.clock),
            beside: Beside { busy: None, ..beside(held) },
        };
        found.iter().filter(|held| !held.is_within(busy)).map(fact).collect()
    }

    fn memory(&self) -> Option<Memory> {
        let minutes = &self.minutes.all;
        let known = |figure| minutes.iter().filter_map(move |m| Some((m.second, m.get(figure)?)));
        let least = |figure| known(figure).reduce(|a, b| if b.1 < a.1 { b } else { a });
        let first = known(Figure::Swapped).next().map_or(0.0, |(_, value)| value);
        let swapped = known(Figure::Swapped).map(|(_, value)| value).fold(0.0, f64::max);
        let left = least(Figure::Left).map(|(_, value)| value);
        let memory = Memory {
            free: least(Figure::Free).map(|(at, value)| (value, self.minutes.clock.civil(at))),
            left,
            is_little: left.is_some_and(|left| left < LITTLE_MEMORY),
            swapped,
            swapped_more: swapped - first,
        };
        let told =
            memory.is_little || swapped >= MUCH_SWAPPED || memory.swapped_more >= MORE_SWAPPED;
        told.then_some(memory)
    }

    /// The load outside of the usual range, where it is not above the cores.
    fn unusual(&self, busy: &[Held<'_>]) -> Vec<Fact> {
        let Some(usual) = self.usual else { return Vec::new() };
        let least = UNUSUAL_LOAD.max(self.cores.map_or(0.0, |cores| f64::from(cores) / 10.0));
        let compared = |minute: &Minute| {
            let band = usual.load_at(self.minutes.clock.civil(minute.second))?;
            Some((minute.get(Figure::Load)?, band))
        };
        let above = |minute: &Minute| {
            compared(minute).is_some_and(|(load, band)| {
                load > band.high * UNUSUAL_FACTOR && load > band.high + least
            })
        };
        let below = |minute: &Minute| {
            compared(minute).is_some_and(|(load, band)| {
                load * UNUSUAL_FACTOR < band.low && load + least < band.low
            })
        };
        let fact = |held: &Held<'_>, above| {
            let stretch = held.stretch(&self.minutes.clock);
            let (load, usual) = (held.range(Figure::Load)?, self.usual_in(held)?);
            Some(Fact::LoadUnusual { stretch, load, usual, above })
        };
        let high = self.stretches(LEAST_UNUSUAL, above);
        let low = self.stretches(LEAST_UNUSUAL, below);
        let high = high.iter().filter(|held| !held.is_within(busy)).filter_map(|h| fact(h, true));
        high.chain(low.iter().filter_map(|held| fact(held, false))).collect()
    }

    /// The peak, if it is higher than all of the usual ones by much, or lower.
    fn peak(&self) -> Option<Fact> {
        let (second, load) = self.minutes.peak?;
        let usual = self.usual?;
        let mut loads: Vec<f64> = usual.peaks().iter().map(|peak| peak.load).collect();
        loads.sort_by(f64::total_cmp);
        let (lowest, highest) = (*loads.first()?, *loads.last()?);
        let median = quantile(&loads, 0.5);
        let least = UNUSUAL_LOAD.max(self.cores.map_or(0.0, |cores| f64::from(cores) / 10.0));
        let higher = load > highest && load > median * PEAK_FACTOR && load > median + least;
        let lower = load < lowest && load * UNUSUAL_FACTOR < median && load + least < median;
        (higher || lower).then(|| Fact::PeakUnusual {
            peak: Peak { at: self.minutes.clock.civil(second), load },
            usual: Range { low: lowest, high: highest },
            usual_minute: usual_minute(usual),
            days: loads.len(),
        })
    }

    fn compared(&self) -> usize {
        let Some(usual) = self.usual else { return 0 };
        let times = self.minutes.all.iter().map(|m| self.minutes.clock.civil(m.second));
        times.filter(|time| usual.load_at(*time).is_some()).count()
    }
}

/// The usual time of the peak. A peak after midnight and one before it are not taken together.
fn usual_minute(usual: &Usual) -> Option<u16> {
    let mut minutes: Vec<u16> = usual.peaks().iter().map(|peak| peak.minute).collect();
    minutes.sort_unstable();
    let median = *minutes.get(minutes.len() / 2)?;
    let near = minutes.iter().filter(|at| at.abs_diff(median) <= USUAL_PEAK_MINUTES).count();
    (near * 2 > minutes.len()).then_some(median)
}

fn beside(held: &Held<'_>) -> Beside {
    let wait = held.range_from(Figure::Wait, WAIT_BESIDE);
    let stolen = held.range_from(Figure::Stolen, STOLEN_BESIDE);
    let swapping = held.range_from(Figure::SwapRate, SWAPPING_BESIDE);
    let explained = wait.is_some() || stolen.is_some() || swapping.is_some();
    let blocks = |figure| held.range_from(figure, BLOCKS_BESIDE).filter(|_| wait.is_some());
    Beside {
        wait,
        stolen,
        swapping,
        blocked: held.range_from(Figure::Blocked, BLOCKED_BESIDE),
        read: blocks(Figure::Read),
        written: blocks(Figure::Written),
        busy: held.range(Figure::Busy).filter(|_| !explained),
    }
}

/// The longest stretches of each kind, and no more than [`MAX_FACTS`]; the kinds keep their order.
fn most_important(facts: &[Fact]) -> Vec<Fact> {
    let kind = |fact: &Fact| std::mem::discriminant(fact);
    let mut kept: Vec<Fact> = Vec::new();
    for group in facts.chunk_by(|a, b| kind(a) == kind(b)) {
        let mut group = group.to_vec();
        group.sort_by_key(|fact| std::cmp::Reverse(length(fact)));
        group.truncate(MAX_OF_A_KIND);
        group.sort_by_key(start);
        kept.append(&mut group);
    }
    kept.truncate(MAX_FACTS);
    kept
}

fn stretch(fact: &Fact) -> Option<&Stretch> {
    match fact {
        Fact::LoadAboveCores { stretch, .. }
        | Fact::Waited { stretch, .. }
        | Fact::LoadUnusual { stretch, .. } => Some(stretch),
        Fact::Memory(_) | Fact::PeakUnusual { .. } => None,
    }
}

fn length(fact: &Fact) -> u32 {
    stretch(fact).map_or(0, |stretch| stretch.seconds)
}

fn start(fact: &Fact) -> Option<DateTime> {
    stretch(fact).map(|stretch| stretch.from)
}
