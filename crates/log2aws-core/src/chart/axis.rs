//! The time axis that all panels share: its window, its ticks, and what happened along it.

use super::geometry::{LEFT, RIGHT};
use super::view::{Language, View, Window};
use super::words;
use crate::day_clock::DayClock;
use crate::summary::{Cause, Gap, LogSummary, Reboot};

/// A line is broken where a step is longer than so many halves of the interval.
const BREAK_HALVES: u32 = 3;

/// On a whole day less than so many seconds, two pixels, are nothing to be seen: shorter gaps are
/// not drawn, so that the file stays small on the worst day. The summary has them all.
const SEEN: u32 = 180;

/// However narrow the window is: points are a minute apart, and a sample can come a little late.
const LEAST_SEEN: u32 = 120;

/// Reboots nearer than this, in seconds, are one line; again on a whole day.
const APART: u32 = 300;

/// The distances between ticks, in minutes.
const STEPS: [u16; 8] = [120, 60, 30, 20, 10, 5, 2, 1];

/// So many ticks have room for their labels.
const MAX_TICKS: u32 = 13;

/// Labels nearer than this part of the axis would touch.
const LABELS: u32 = 24;

/// Seconds of a minute.
const MINUTE: u32 = 60;

/// The time axis.
#[derive(Clone, Debug)]
pub(super) struct TimeAxis {
    /// What it shows, in seconds since midnight.
    pub(super) from: u32,
    pub(super) to: u32,
    /// The longest step, in seconds, that is no gap.
    pub(super) longest: u32,
    /// The seconds that have a tick.
    pub(super) ticks: Vec<(u32, String)>,
    /// The gaps that can be seen, in order.
    pub(super) gaps: Vec<GapSpan>,
    /// The seconds of reboots, in order, with their names.
    pub(super) reboots: Vec<(u32, String)>,
    /// The usual step, in seconds.
    pub(super) interval: u32,
    /// Where the averages of `vmstat` are averages since boot.
    pub(super) since_boot: Vec<(u32, u32)>,
}

/// A stretch of the plot in which nothing is, and the word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GapSpan {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) word: &'static str,
}

impl TimeAxis {
    /// The axis of a day. `changes` says from which second on the averages are averages since boot,
    /// or are not.
    pub(super) fn new(
        clock: &DayClock,
        log: &LogSummary,
        changes: &[(u32, bool)],
        view: &View,
    ) -> Self {
        let day = clock.seconds();
        let (from, to) = view.window.map_or((0, day), |window| edges(clock, window));
        let share = |seconds: u32| {
            let part = u64::from(seconds) * u64::from(to - from) / u64::from(day.max(1));
            u32::try_from(part).unwrap_or(seconds)
        };
        let seen = share(SEEN).max(LEAST_SEEN);
        let mut gaps = gap_spans(clock, log, seen, view.language);
        let mut since_boot = without(spans(changes, day), &gaps);
        gaps.retain(|gap| gap.to > from && gap.from < to);
        since_boot.retain(|span| span.1 > from && span.0 < to);
        Self {
            from,
            to,
            longest: (log.interval_seconds.saturating_mul(BREAK_HALVES) / 2).max(seen),
            ticks: ticks(clock, from, to),
            gaps,
            reboots: reboots(clock, log, (from, to), share(APART), view.language),
            interval: log.interval_seconds,
            since_boot,
        }
    }

    /// Where a second of the day is, in tenths of a pixel; at the edge, if it is not to be seen.
    pub(super) fn x(&self, second: u32) -> i32 {
        LEFT + self.length(second.clamp(self.from, self.to) - self.from)
    }

    /// How long so many seconds are, in tenths of a pixel; at most as long as the axis.
    pub(super) fn length(&self, seconds: u32) -> i32 {
        let shown = self.to - self.from;
        let along = i64::from(seconds.min(shown)) * i64::from(RIGHT - LEFT);
        i32::try_from(along / i64::from(shown.max(1))).unwrap_or(0)
    }
}

/// Where a window begins and ends. Of an hour that the clock shows twice it holds both; an hour
/// that the clock leaves out is shown as the minute after.
fn edges(clock: &DayClock, window: Window) -> (u32, u32) {
    let day = clock.seconds();
    let at = |minutes: u16| {
        let [hour, minute] = [minutes / 60, minutes % 60].map(|n| i8::try_from(n).unwrap_or(0));
        clock.day().date().at(hour, minute, 0, 0)
    };
    let first = clock.elapsed(at(window.from().minutes()), None).unwrap_or(0);
    let from = first.min(day.saturating_sub(MINUTE));
    let to = match window.till().minutes() {
        1_440 => day,
        minutes => {
            let first = clock.elapsed(at(minutes), None).unwrap_or(day);
            clock.elapsed(at(minutes), Some(first.saturating_add(1))).unwrap_or(first)
        }
    };
    (from, to.clamp(from + MINUTE, day.max(from + MINUTE)))
}

/// Ticks at round times that the clock shows, as many as have room.
fn ticks(clock: &DayClock, from: u32, to: u32) -> Vec<(u32, String)> {
    let room = |step: &&u16| (to - from) / (u32::from(**step) * MINUTE) < MAX_TICKS;
    let step = *STEPS.iter().rev().find(room).unwrap_or(&STEPS[0]);
    let mut ticks = Vec::new();
    // Offsets from UTC are whole minutes in our times.
    for second in (from.next_multiple_of(MINUTE)..=to).step_by(MINUTE as usize) {
        if second == clock.seconds() {
            ticks.push((second, "24:00".to_owned()));
            break;
        }
        let time = clock.civil(second);
        let minutes =
            u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs());
        // An hour that the clock shows twice has its label twice, if there is room for it.
        let near = |(last, _): &(u32, String)| (second - last) * LABELS < to - from;
        let round = minutes % step == 0 && time.second() == 0;
        if round && !ticks.last().is_some_and(near) {
            ticks.push((second, format!("{:02}:{:02}", minutes / 60, minutes % 60)));
        }
    }
    ticks
}

/// The reboots between two seconds, with their names.
fn reboots(
    clock: &DayClock,
    log: &LogSummary,
    (from, to): (u32, u32),
    apart: u32,
    language: Language,
) -> Vec<(u32, String)> {
    let reboot = |reboot: &Reboot| {
        let second = clock.elapsed(reboot.at, None)?;
        Some((second, words::reboot(language, reboot.at)))
    };
    let mut reboots: Vec<_> = log.reboots.iter().filter_map(reboot).collect();
    reboots.retain(|(second, _)| (from..=to).contains(second));
    reboots.sort();
    reboots.dedup_by_key(|(second, _)| *second / apart.max(1));
    reboots
}

/// The stretches of averages since boot. The first kind of values holds from midnight, the last to
/// the next: where no samples are, nothing is drawn in them.
fn spans(changes: &[(u32, bool)], day: u32) -> Vec<(u32, u32)> {
    let ends = changes.iter().skip(1).map(|(second, _)| *second).chain([day]);
    let spans = changes.iter().zip(ends).enumerate();
    spans
        .filter(|(_, ((_, since_boot), _))| *since_boot)
        .map(|(index, ((second, _), end))| (if index == 0 { 0 } else { *second }, end))
        .filter(|(from, to)| from < to)
        .collect()
}

/// The gaps as they are shaded. A sample stands for the time around it: a gap begins half an
/// interval off. Gaps with next to nothing between them are one.
fn gap_spans(clock: &DayClock, log: &LogSummary, seen: u32, language: Language) -> Vec<GapSpan> {
    let margin = log.interval_seconds / 2;
    let mut gap_spans: Vec<GapSpan> = Vec::new();
    for gap in &log.gaps {
        let (from, to) = seconds(clock, gap, log.interval_seconds);
        let from = from.map_or(0, |from| from + margin);
        let to = to.map_or(clock.seconds(), |to| to.saturating_sub(margin));
        if to < from + seen {
            continue;
        }
        let word = words::gap(language, gap.cause);
        match gap_spans.last_mut() {
            Some(last) if from < last.to + seen => {
                if last.word != word {
                    last.word = words::gap(language, Cause::Unknown);
                }
                last.to = to;
            }
            _ => gap_spans.push(GapSpan { from, to, word }),
        }
    }
    gap_spans
}

/// Where a gap begins and ends; `None` for the midnights. In an hour that the clock shows twice,
/// the number of missing samples tells which one is meant.
fn seconds(clock: &DayClock, gap: &Gap, interval: u32) -> (Option<u32>, Option<u32>) {
    let length = u32::try_from(gap.missing).unwrap_or(u32::MAX).saturating_mul(interval);
    let from = clock.elapsed(gap.from, None).unwrap_or(0);
    let to = clock.elapsed(gap.to, Some(from.saturating_add(length)));
    let latest = to.unwrap_or(clock.seconds());
    let earliest = latest.saturating_sub(length.saturating_add(interval.saturating_mul(2)));
    let from = clock.elapsed(gap.from, Some(earliest)).filter(|from| *from > 0);
    (from, to)
}

/// What the gaps leave of the spans; both are in order of time.
fn without(spans: Vec<(u32, u32)>, gaps: &[GapSpan]) -> Vec<(u32, u32)> {
    let mut left = Vec::new();
    for (start, to) in spans {
        let mut from = start;
        for gap in gaps.iter().filter(|gap| gap.to > start && gap.from < to) {
            if gap.from > from {
                left.push((from, gap.from));
            }
            from = gap.to;
        }
        if from < to {
            left.push((from, to));
        }
    }
    left
}
