//! The time axis that all panels share: its window, ticks, gaps and reboots.

use super::geometry::{LEFT, RIGHT};
use super::view::{Language, View, Window};
use super::words;
use crate::day::Day;
use crate::day_clock::DayClock;
use crate::summary::{Cause, Gap, LogSummary, Reboot};

/// A line breaks where a step is longer than this many half intervals.
const BREAK_AFTER_HALF_INTERVALS: u32 = 3;

/// On a whole day, gaps shorter than this many seconds (two pixels) are not drawn, which keeps the
/// file small on the worst day. The summary lists all of them.
const MIN_DRAWN_GAP: u32 = 180;

/// The lower limit in seconds for narrow windows: points are a minute apart, and a sample can be a
/// little late.
const MIN_DRAWN_GAP_IN_WINDOW: u32 = 120;

/// Reboots closer together than this, in seconds, are drawn as one line (for a whole day; scaled
/// for a window).
const MERGE_REBOOTS_WITHIN: u32 = 300;

/// The distances between ticks, in minutes.
const STEPS: [u16; 8] = [120, 60, 30, 20, 10, 5, 2, 1];

/// The most ticks whose labels fit.
const MAX_TICKS: u32 = 13;

/// Labels closer than this fraction of the axis (1/24) would overlap.
const MAX_LABELS: u32 = 24;

/// Seconds in a minute.
const MINUTE: u32 = 60;

/// The time axis.
#[derive(Clone, Debug)]
pub(super) struct TimeAxis {
    /// The start of the window, in seconds since midnight.
    pub(super) from: u32,
    pub(super) to: u32,
    /// The longest step, in seconds, that does not count as a gap.
    pub(super) longest: u32,
    /// Ticks: second of the day and label.
    pub(super) ticks: Vec<(u32, String)>,
    /// The gaps long enough to draw, in order.
    pub(super) gaps: Vec<GapSpan>,
    /// Reboots and changes of the clock, in order: second of the day and label.
    pub(super) marks: Vec<(u32, String)>,
    /// The usual step between samples, in seconds.
    pub(super) interval: u32,
    /// Where the averages of `vmstat` are since boot.
    pub(super) since_boot: Vec<(u32, u32)>,
    /// The days of a period; empty for a single day.
    pub(super) days: Vec<DaySpan>,
}

/// A day of a period: its start and end in seconds, and its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DaySpan {
    pub(super) day: Day,
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) label: String,
}

/// A stretch of the plot without samples, and its label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GapSpan {
    pub(super) from: u32,
    pub(super) to: u32,
    /// How it is shaded; empty where no samples were due.
    pub(super) class: &'static str,
    /// Why samples are missing, where some were due.
    pub(super) cause: Option<Cause>,
    pub(super) word: &'static str,
}

impl TimeAxis {
    /// The axis of a day. Each item of `changes` gives a second from which the averages are since
    /// boot (`true`) or not.
    pub(super) fn new(
        clock: &DayClock,
        log: &LogSummary,
        changes: &[(u32, bool)],
        view: &View,
    ) -> Self {
        let day = clock.seconds();
        let (from, to) = view.window.map_or((0, day), |window| edges(clock, window));
        Self::on_scale(clock, log, changes, (from, to, to - from), view)
    }

    /// The axis of a day, or of a part of it, on a page that shows `shown` seconds.
    pub(super) fn on_scale(
        clock: &DayClock,
        log: &LogSummary,
        changes: &[(u32, bool)],
        (from, to, shown): (u32, u32, u32),
        view: &View,
    ) -> Self {
        let day = clock.seconds();
        let share = |seconds: u32| {
            let part = u64::from(seconds) * u64::from(shown) / u64::from(day.max(1));
            u32::try_from(part).unwrap_or(seconds)
        };
        // What may be stretched later is drawn as finely as the narrowest window.
        let least_gap = if view.embedded { 0 } else { share(MIN_DRAWN_GAP) };
        let merged = if view.embedded { MINUTE } else { share(MERGE_REBOOTS_WITHIN) };
        let seen = least_gap.max(MIN_DRAWN_GAP_IN_WINDOW);
        let mut gaps = gap_spans(clock, log, seen, view.language);
        gaps.extend(not_yet(clock, log, view.language));
        let mut since_boot = without(spans(changes, day), &gaps);
        gaps.retain(|gap| gap.to > from && gap.from < to);
        since_boot.retain(|span| span.1 > from && span.0 < to);
        Self {
            from,
            to,
            longest: (log.interval_seconds.saturating_mul(BREAK_AFTER_HALF_INTERVALS) / 2)
                .max(seen),
            ticks: ticks(clock, from, to),
            gaps,
            marks: marks(clock, log, (from, to), merged, view.language),
            interval: log.interval_seconds,
            since_boot,
            days: Vec::new(),
        }
    }

    /// Whether there is room for the labels of marks above the first panel. A period always has it,
    /// so that its size is known before it is drawn.
    pub(super) fn has_mark_labels(&self) -> bool {
        !self.days.is_empty() || !self.marks.is_empty()
    }

    /// The x coordinate of a second of the day, in tenths of a pixel; clamped to the plot.
    pub(super) fn x(&self, second: u32) -> i32 {
        LEFT + self.length(second.clamp(self.from, self.to) - self.from)
    }

    /// The length of that many seconds, in tenths of a pixel; at most the whole axis.
    pub(super) fn length(&self, seconds: u32) -> i32 {
        let shown = self.to - self.from;
        let along = i64::from(seconds.min(shown)) * i64::from(RIGHT - LEFT);
        i32::try_from(along / i64::from(shown.max(1))).unwrap_or(0)
    }
}

/// The start and end of a window in seconds. An hour that the clock shows twice is included twice;
/// an hour that the clock skips becomes the minute after it.
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

/// Ticks at round clock times, as many as fit.
fn ticks(clock: &DayClock, from: u32, to: u32) -> Vec<(u32, String)> {
    let room = |step: &&u16| (to - from) / (u32::from(**step) * MINUTE) < MAX_TICKS;
    let step = *STEPS.iter().rev().find(room).unwrap_or(&STEPS[0]);
    let mut ticks = Vec::new();
    // Offsets from UTC are whole minutes in current zones.
    for second in (from.next_multiple_of(MINUTE)..=to).step_by(MINUTE as usize) {
        if second == clock.seconds() {
            ticks.push((second, "24:00".to_owned()));
            break;
        }
        let time = clock.civil(second);
        let minutes =
            u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs());
        // An hour that the clock shows twice is labelled twice if both labels fit.
        let near = |(last, _): &(u32, String)| (second - last) * MAX_LABELS < to - from;
        let round = minutes % step == 0 && time.second() == 0;
        if round && !ticks.last().is_some_and(near) {
            ticks.push((second, format!("{:02}:{:02}", minutes / 60, minutes % 60)));
        }
    }
    ticks
}

/// The reboots and changes of the clock between two seconds, with their labels.
fn marks(
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
    let offsets = clock.offsets();
    let changes = offsets.iter().zip(offsets.iter().skip(1));
    let changes = changes.map(|(old, new)| (new.from, words::clock_change(old, new)));
    reboots.extend(changes.filter(|(second, _)| (from..=to).contains(second)));
    reboots.sort();
    reboots
}

/// The stretches with averages since boot. The first mode applies from midnight, each later one
/// until the next change; where there are no samples nothing is drawn.
fn spans(changes: &[(u32, bool)], day: u32) -> Vec<(u32, u32)> {
    let ends = changes.iter().skip(1).map(|(second, _)| *second).chain([day]);
    let spans = changes.iter().zip(ends).enumerate();
    spans
        .filter(|(_, ((_, since_boot), _))| *since_boot)
        .map(|(index, ((second, _), end))| (if index == 0 { 0 } else { *second }, end))
        .filter(|(from, to)| from < to)
        .collect()
}

/// The gaps as they are shaded. A sample covers the time around it, so a gap begins half an
/// interval after it. Gaps with almost nothing between them are merged, but for those that meet,
/// such as where the machine booted.
fn gap_spans(clock: &DayClock, log: &LogSummary, seen: u32, language: Language) -> Vec<GapSpan> {
    let margin = log.interval_seconds / 2;
    let taken = taken(clock, log).unwrap_or(clock.seconds());
    let mut gap_spans: Vec<GapSpan> = Vec::new();
    for (index, gap) in log.gaps.iter().enumerate() {
        let meets = |other: Option<usize>| other.and_then(|other| log.gaps.get(other));
        let after = meets(index.checked_sub(1)).is_some_and(|last| last.to == gap.from);
        let before = meets(index.checked_add(1)).is_some_and(|next| next.from == gap.to)
            || log.taken == Some(gap.to);
        let (from, to) = seconds(clock, gap, log.interval_seconds);
        let from = from.map_or(0, |from| if after { from } else { from + margin });
        let to = to.map_or(taken, |to| if before { to } else { to.saturating_sub(margin) });
        if to < from + seen {
            continue;
        }
        let cause = Some(gap.cause);
        let span = GapSpan { from, to, class: "gap", cause, word: words::gap(language, gap.cause) };
        match gap_spans.last_mut() {
            Some(last) if after && last.to == from && last.word != span.word => {
                gap_spans.push(span);
            }
            Some(last) if from < last.to + seen => {
                if last.word != span.word {
                    last.word = words::gap(language, Cause::Unknown);
                }
                if last.cause != cause {
                    last.cause = Some(Cause::Unknown);
                }
                last.to = to;
            }
            _ => gap_spans.push(span),
        }
    }
    gap_spans
}

/// The rest of the day, if the log was taken before its end.
fn not_yet(clock: &DayClock, log: &LogSummary, language: Language) -> Option<GapSpan> {
    let (from, to) = (taken(clock, log)?, clock.seconds());
    Some(GapSpan { from, to, class: "", cause: None, word: words::not_yet(language) })
}

/// The second of the day at which the log was taken, if that is before its end.
fn taken(clock: &DayClock, log: &LogSummary) -> Option<u32> {
    // The time may be in an hour that the clock shows twice; it is never before the last sample.
    let last = log.last.and_then(|last| clock.elapsed(last, None));
    clock.elapsed(log.taken?, last)
}

/// The start and end of a gap; `None` for midnight. In an hour that the clock shows twice, the
/// number of missing samples decides which one is meant.
fn seconds(clock: &DayClock, gap: &Gap, interval: u32) -> (Option<u32>, Option<u32>) {
    let length = u32::try_from(gap.missing).unwrap_or(u32::MAX).saturating_mul(interval);
    let from = clock.elapsed(gap.from, None).unwrap_or(0);
    let to = clock.elapsed(gap.to, Some(from.saturating_add(length)));
    let latest = to.unwrap_or(clock.seconds());
    let earliest = latest.saturating_sub(length.saturating_add(interval.saturating_mul(2)));
    let from = clock.elapsed(gap.from, Some(earliest)).filter(|from| *from > 0);
    (from, to)
}

/// The spans minus the gaps; both are in order of time.
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
