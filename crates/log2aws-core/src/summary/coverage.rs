//! Which samples of the day exist: the interval, the gaps, the reboots.

use jiff::civil::DateTime;

use super::{Cause, Gap, Reboot};
use crate::day_clock::DayClock;

/// The most gaps and reboots that are listed; further ones are only counted.
pub const MAX_LISTED: usize = 1_000;

/// The interval, in seconds, to assume for a log that is too short to derive it: the traditional
/// cron setting.
const DEFAULT_INTERVAL: u32 = 600;

/// From this many samples on, the interval is derived from the log.
const MIN_SAMPLES_FOR_INTERVAL: usize = 24;

/// `uptime` prints whole minutes, so up to this many seconds more may have passed.
const UPTIME_RESOLUTION: u64 = 60;

/// Marks are sorted and deduplicated at this number; a day has at most 90,000 seconds, so memory
/// stays bounded for any number of samples.
const COMPACT_AT_MARKS: usize = 200_000;

/// A second of the day that has a sample.
#[derive(Clone, Copy)]
struct Mark {
    second: u32,
    uptime: u64,
}

/// The previous line.
#[derive(Clone, Copy)]
struct Previous {
    time: DateTime,
    /// `None` if it belongs to another day.
    second: Option<u32>,
    uptime: u64,
}

/// Collects the times of the samples.
#[derive(Default)]
pub(super) struct Coverage {
    marks: Vec<Mark>,
    previous: Option<Previous>,
    reboots: Vec<Reboot>,
    reboots_total: u64,
    clock_steps: u64,
    other_days: u64,
}

/// The result of [`Coverage`].
pub(super) struct CoverageResult {
    pub(super) first: Option<DateTime>,
    pub(super) last: Option<DateTime>,
    pub(super) first_uptime: Option<u64>,
    pub(super) last_uptime: Option<u64>,
    pub(super) interval: u32,
    pub(super) expected: u64,
    pub(super) missing: u64,
    pub(super) gaps_total: u64,
    pub(super) gaps: Vec<Gap>,
    pub(super) reboots: Vec<Reboot>,
    pub(super) reboots_total: u64,
    pub(super) clock_steps: u64,
    pub(super) other_days: u64,
}

/// A gap in seconds of the day.
struct OpenGap {
    from: u32,
    to: u32,
    missing: u32,
    cause: Cause,
}

impl Coverage {
    /// Takes a row; returns whether it belongs to this day.
    pub(super) fn sample(&mut self, clock: &DayClock, time: DateTime, uptime: u64) -> bool {
        let last = self.previous.and_then(|previous| previous.second);
        let second = clock.elapsed(time, last);
        if self.previous.is_some_and(|previous| went_back(&previous, time, second)) {
            self.clock_steps += 1;
        }
        match second {
            None => self.other_days += 1,
            Some(second) => {
                self.detect_reboot(clock, second, uptime);
                if self.marks.len() >= COMPACT_AT_MARKS {
                    compact(&mut self.marks);
                }
                self.marks.push(Mark { second, uptime });
            }
        }
        self.previous = Some(Previous { time, second, uptime });
        second.is_some()
    }

    /// Works in line order. A log is append-only, so a clock that goes back neither hides a reboot
    /// nor invents one.
    fn detect_reboot(&mut self, clock: &DayClock, second: u32, uptime: u64) {
        let before = self.previous.and_then(|p| p.second.map(|second| (second, p.uptime)));
        let since = before.map_or(0, |(second, _)| second);
        let fell = before.is_some_and(|(_, before)| uptime < before);
        if !fell && !booted_within(second.saturating_sub(since), uptime) {
            return;
        }
        self.reboots_total += 1;
        if self.reboots.len() < MAX_LISTED {
            let at = second.saturating_sub(u32::try_from(uptime).unwrap_or(u32::MAX));
            let at = at.clamp(since.min(second), second);
            self.reboots.push(Reboot { at: clock.civil(at), seen: clock.civil(second) });
        }
    }

    pub(super) fn finish(mut self, clock: &DayClock) -> CoverageResult {
        compact(&mut self.marks);
        let day = clock.seconds();
        let interval = interval(&self.marks);
        let mut gaps = find_gaps(&self.marks, interval, day);
        let missing = gaps.iter().map(|gap| u64::from(gap.missing)).sum();
        let gaps_total = gaps.len() as u64;
        if gaps.len() > MAX_LISTED {
            gaps.sort_by_key(|gap| std::cmp::Reverse(gap.to - gap.from));
            gaps.truncate(MAX_LISTED);
            gaps.sort_by_key(|gap| gap.from);
        }
        let civil = |mark: &Mark| clock.civil(mark.second);
        CoverageResult {
            first: self.marks.first().map(civil),
            last: self.marks.last().map(civil),
            first_uptime: self.marks.first().map(|mark| mark.uptime),
            last_uptime: self.marks.last().map(|mark| mark.uptime),
            interval,
            expected: u64::from(((day + interval / 2) / interval).max(1)),
            missing,
            gaps_total,
            gaps: gaps.into_iter().map(|gap| gap.into_gap(clock)).collect(),
            reboots: self.reboots,
            reboots_total: self.reboots_total,
            clock_steps: self.clock_steps,
            other_days: self.other_days,
        }
    }
}

impl OpenGap {
    fn into_gap(self, clock: &DayClock) -> Gap {
        Gap {
            from: clock.civil(self.from),
            to: clock.civil(self.to),
            missing: u64::from(self.missing),
            cause: self.cause,
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

/// Whether a machine with that uptime booted less than `seconds` ago.
fn booted_within(seconds: u32, uptime: u64) -> bool {
    uptime.saturating_add(UPTIME_RESOLUTION) < u64::from(seconds)
}

/// Sorts by time and keeps one mark per second.
fn compact(marks: &mut Vec<Mark>) {
    marks.sort_by_key(|mark| mark.second);
    marks.dedup_by_key(|mark| mark.second);
}

/// The median step, rounded to whole minutes if it is a minute or more.
fn interval(marks: &[Mark]) -> u32 {
    let mut steps: Vec<u32> =
        marks.windows(2).map(|pair| pair[1].second - pair[0].second).collect();
    if marks.len() < MIN_SAMPLES_FOR_INTERVAL {
        return DEFAULT_INTERVAL;
    }
    let middle = (steps.len() - 1) / 2;
    let (_, median, _) = steps.select_nth_unstable(middle);
    if *median < 60 { *median } else { (*median + 30) / 60 * 60 }
}

/// The gaps of a day of `day` seconds between marks in ascending order.
fn find_gaps(marks: &[Mark], interval: u32, day: u32) -> Vec<OpenGap> {
    let (Some(first), Some(last)) = (marks.first(), marks.last()) else {
        let missing = ((day + interval / 2) / interval).max(1);
        return vec![OpenGap { from: 0, to: day, missing, cause: Cause::Unknown }];
    };
    let cause = |off: bool| if off { Cause::Off } else { Cause::Running };
    let mut gaps = Vec::new();
    let missing = first.second / interval;
    if missing > 0 {
        let cause = cause(booted_within(first.second, first.uptime));
        gaps.push(OpenGap { from: 0, to: first.second, missing, cause });
    }
    for pair in marks.windows(2) {
        let (before, after) = (pair[0], pair[1]);
        let step = after.second - before.second;
        if step > interval + interval / 2 {
            let missing = (step + interval / 2) / interval - 1;
            let off = after.uptime < before.uptime || booted_within(step, after.uptime);
            gaps.push(OpenGap {
                from: before.second,
                to: after.second,
                missing,
                cause: cause(off),
            });
        }
    }
    // Because of a timer's jitter the last sample can be a little early, which must not look like
    // two missing ones.
    let rest = day.saturating_sub(last.second);
    let missing = (rest.saturating_sub(interval / 20)).div_ceil(interval).saturating_sub(1);
    if missing > 0 {
        gaps.push(OpenGap { from: last.second, to: day, missing, cause: Cause::Unknown });
    }
    gaps
}
