//! Collects the times of the lines of a log, and turns them into the gaps and reboots of a summary.

use std::collections::BTreeMap;

use jiff::civil::DateTime;

use super::{Cause, Gap, Reboot};
use crate::coverage::interval::{self, DayBefore, Source};
use crate::coverage::{Frame, Mark, State, Stretch, boot, compact, cover, not_yet};
use crate::day_clock::DayClock;

/// The most gaps and reboots that are listed; further ones are only counted.
pub const MAX_LISTED: usize = 1_000;

/// Marks are sorted and merged at this number; a day has at most 90,000 seconds, so memory stays
/// bounded for any number of samples.
const COMPACT_AT_MARKS: usize = 200_000;

/// The previous line.
#[derive(Clone, Copy)]
struct Previous {
    time: DateTime,
    /// `None` if it belongs to another day.
    second: Option<u32>,
}

/// Lines without a readable time, in place of samples.
struct Undated {
    /// The sample before them; `None` if there was none.
    after: Option<u32>,
    count: u32,
}

/// Collects the times of the samples and of the lines that could not be read.
#[derive(Default)]
pub(super) struct Coverage {
    marks: Vec<Mark>,
    undated: Vec<Undated>,
    previous: Option<Previous>,
    /// The second and the uptime of the last line of this day that says its uptime.
    uptime: Option<(u32, u64)>,
    /// The intervals that the metadata give, each with the second from which it holds.
    intervals: Vec<(u32, u32)>,
    /// An interval that holds from the next line on.
    next_interval: Option<u32>,
    reboots: Vec<Reboot>,
    reboots_total: u64,
    clock_steps: u64,
    other_days: u64,
}

/// What is known besides the lines.
#[derive(Clone, Copy, Default)]
pub(super) struct Known {
    /// The interval of a day before.
    pub(super) before: Option<DayBefore>,
    /// The second of the day up to which the log was taken.
    pub(super) taken: Option<u32>,
}

/// The result of [`Coverage`].
pub(super) struct CoverageResult {
    pub(super) first: Option<DateTime>,
    pub(super) last: Option<DateTime>,
    pub(super) first_uptime: Option<u64>,
    pub(super) last_uptime: Option<u64>,
    pub(super) interval: u32,
    pub(super) interval_from: Source,
    pub(super) interval_shown: Option<u32>,
    pub(super) taken: Option<DateTime>,
    pub(super) expected: u64,
    pub(super) not_yet: u64,
    pub(super) missing: u64,
    pub(super) unreadable: u64,
    pub(super) causes: BTreeMap<Cause, u64>,
    pub(super) sampled_twice: u64,
    pub(super) surplus: u64,
    pub(super) gaps_total: u64,
    pub(super) gaps: Vec<Gap>,
    pub(super) reboots: Vec<Reboot>,
    pub(super) reboots_total: u64,
    pub(super) clock_steps: u64,
    pub(super) other_days: u64,
}

impl Coverage {
    /// Takes a row; returns whether it belongs to this day.
    pub(super) fn sample(&mut self, clock: &DayClock, time: DateTime, uptime: Option<u64>) -> bool {
        let last = self.previous.and_then(|previous| previous.second);
        let second = clock.elapsed(time, last);
        if self.previous.is_some_and(|previous| went_back(&previous, time, second)) {
            self.clock_steps += 1;
        }
        match second {
            None => self.other_days += 1,
            Some(second) => {
                if let Some(interval) = self.next_interval.take()
                    && self.intervals.len() < MAX_LISTED
                {
                    self.intervals.push((second, interval));
                }
                if let Some(uptime) = uptime {
                    self.detect_reboot(clock, second, uptime);
                    self.uptime = Some((second, uptime));
                }
                self.mark(Mark { second, samples: 1, uptime });
            }
        }
        self.previous = Some(Previous { time, second });
        second.is_some()
    }

    /// Takes an interval in seconds, which holds from the next line on.
    pub(super) fn interval(&mut self, interval: u32) {
        self.next_interval = Some(interval);
    }

    /// Whether the metadata give the interval.
    pub(super) fn knows_interval(&self) -> bool {
        !self.intervals.is_empty() || self.next_interval.is_some()
    }

    /// Takes a line that could not be read, with its time if that could be.
    pub(super) fn unreadable(&mut self, clock: &DayClock, time: Option<DateTime>) {
        let after = self.previous.and_then(|previous| previous.second);
        match (time, self.undated.last_mut()) {
            (Some(time), _) => {
                if let Some(second) = clock.elapsed(time, after) {
                    self.mark(Mark { second, samples: 0, uptime: None });
                }
            }
            (None, Some(last)) if last.after == after => last.count = last.count.saturating_add(1),
            (None, _) => self.undated.push(Undated { after, count: 1 }),
        }
    }

    fn mark(&mut self, mark: Mark) {
        if self.marks.len() >= COMPACT_AT_MARKS {
            compact(&mut self.marks);
        }
        self.marks.push(mark);
    }

    /// Works in line order. A log is append-only, so a clock that goes back neither hides a reboot
    /// nor invents one.
    fn detect_reboot(&mut self, clock: &DayClock, second: u32, uptime: u64) {
        let before = self.uptime.map(|(_, uptime)| uptime);
        let since = self.uptime.map_or(0, |(second, _)| second);
        let Some(at) = boot(since, before, second, uptime) else { return };
        self.reboots_total += 1;
        if self.reboots.len() < MAX_LISTED {
            self.reboots.push(Reboot { at: clock.civil(at), seen: clock.civil(second) });
        }
    }

    pub(super) fn finish(mut self, clock: &DayClock, known: Known) -> CoverageResult {
        compact(&mut self.marks);
        let day = clock.seconds();
        let interval_shown = interval::shown(&self.marks);
        let (mut intervals, interval_from) = self.known_intervals();
        let interval_from = interval_from.unwrap_or_else(|| {
            let (interval, source) = interval::choose(known.before, interval_shown);
            intervals = vec![(0, interval)];
            source
        });
        let interval = intervals.last().map_or(interval::DEFAULT, |(_, interval)| *interval);
        self.date_the_undated(interval);
        let samples = || self.marks.iter().filter(|mark| mark.samples > 0);
        let (first, last) = (samples().next(), samples().next_back());
        // A delivery that arrived before its last sample: the clocks differ.
        let written = last.map_or(0, |last| last.second.saturating_add(1));
        let taken = known.taken.unwrap_or(day).max(written).min(day);
        let frame = Frame { day, taken, intervals: &intervals };
        let coverage = cover(&self.marks, &frame);
        let lacking = || coverage.stretches.iter().filter(|stretch| stretch.missing > 0);
        let mut causes = BTreeMap::new();
        for stretch in lacking() {
            *causes.entry(Cause::of(stretch.state)).or_default() += u64::from(stretch.missing);
        }
        let due: u64 = causes.values().sum::<u64>() + u64::from(coverage.sampled);
        // Lines that could not be read are there.
        let unreadable = causes.remove(&Cause::Unreadable).unwrap_or(0);
        let civil = |mark: Option<&Mark>| mark.map(|mark| clock.civil(mark.second));
        CoverageResult {
            first: civil(first),
            last: civil(last),
            first_uptime: first.and_then(|mark| mark.uptime),
            last_uptime: last.and_then(|mark| mark.uptime),
            interval,
            interval_from,
            interval_shown,
            taken: (taken < day).then(|| clock.civil(taken)),
            expected: due,
            not_yet: u64::from(not_yet(&frame)),
            missing: causes.values().sum(),
            unreadable,
            causes,
            sampled_twice: u64::from(coverage.sampled_twice),
            surplus: coverage.surplus,
            gaps_total: lacking().count() as u64,
            gaps: gaps(lacking(), clock),
            reboots: self.reboots,
            reboots_total: self.reboots_total,
            clock_steps: self.clock_steps,
            other_days: self.other_days,
        }
    }

    /// The intervals that the metadata give. The first one holds from midnight on; the clock may
    /// have gone back between two of them.
    fn known_intervals(&self) -> (Vec<(u32, u32)>, Option<Source>) {
        let mut intervals = self.intervals.clone();
        intervals.extend(self.next_interval.filter(|_| intervals.is_empty()).map(|held| (0, held)));
        if let Some(first) = intervals.first_mut() {
            first.0 = 0;
        }
        intervals.sort_by_key(|(from, _)| *from);
        let source = (!intervals.is_empty()).then_some(Source::Metadata);
        (intervals, source)
    }

    /// A line without a time was written when the next sample was due.
    fn date_the_undated(&mut self, interval: u32) {
        for Undated { after, count } in std::mem::take(&mut self.undated) {
            let first = after.map_or(0, |after| after.saturating_add(interval));
            self.marks.extend((0..count).map(|index| Mark {
                second: first.saturating_add(index.saturating_mul(interval)),
                samples: 0,
                uptime: None,
            }));
        }
        compact(&mut self.marks);
    }
}

/// The longest gaps, in order of time.
fn gaps<'a>(stretches: impl Iterator<Item = &'a Stretch>, clock: &DayClock) -> Vec<Gap> {
    let mut listed: Vec<&Stretch> = stretches.collect();
    if listed.len() > MAX_LISTED {
        listed.sort_by_key(|stretch| std::cmp::Reverse(stretch.to - stretch.from));
        listed.truncate(MAX_LISTED);
        listed.sort_by_key(|stretch| stretch.from);
    }
    let gap = |stretch: &Stretch| Gap {
        from: clock.civil(stretch.since),
        to: clock.civil(stretch.to),
        missing: u64::from(stretch.missing),
        cause: Cause::of(stretch.state),
    };
    listed.into_iter().map(gap).collect()
}

impl Cause {
    fn of(state: State) -> Self {
        match state {
            State::Off => Self::Off,
            State::Starting => Self::Starting,
            State::Unreadable => Self::Unreadable,
            State::Missing => Self::Running,
            State::Unknown | State::Sampled | State::SampledTwice | State::NotYet => Self::Unknown,
        }
    }
}

/// Compares seconds where both lines have them: on a day with a repeated hour, the clock time goes
/// back although nobody set the clock.
fn went_back(previous: &Previous, time: DateTime, second: Option<u32>) -> bool {
    match (previous.second, second) {
        (Some(before), Some(now)) => now < before,
        _ => time < previous.time,
    }
}
