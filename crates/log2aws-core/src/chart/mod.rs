//! The day's load chart: one drawing, from which file formats are written.
//!
//! A [`ChartBuilder`] is fed with the samples of a day log and finished, with the log's summary,
//! into a [`Drawing`]; `Drawing::to_svg` writes it. Nothing here knows a file format but `svg`.

mod drawing;
mod page;
mod panel;
mod points;
mod scale;
mod style;
mod svg;
#[cfg(test)]
mod tests;
mod words;

use crate::day::Day;
use crate::day_clock::DayClock;
use crate::metadata::{Metadata, Mode, ZoneName};
use crate::sample::Sample;
use crate::server_name::ServerName;
use crate::summary::{Cause, Gap, LogSummary, Reboot};

use page::Page;
use panel::{Blank, TimeAxis};
use points::{Peak, Points};

pub use drawing::Drawing;

/// A line is broken where a step is longer than so many halves of the interval.
const BREAK_HALVES: u32 = 3;

/// Less than so many seconds, two pixels, are nothing to be seen: shorter gaps are not drawn, so
/// that the file stays small on the worst day. The summary has them all.
const SEEN: u32 = 180;

/// Reboots nearer than this, in seconds, are one line.
const APART: u32 = 300;

/// So many changes between interval values and averages since boot are drawn; nobody has more.
const MAX_MODE_CHANGES: usize = 100;

/// Takes the samples and metadata lines of one day log in their order. Keeps at most one point a
/// minute, so that memory does not grow with the log.
#[derive(Debug)]
pub struct ChartBuilder {
    clock: DayClock,
    zone: Option<ZoneName>,
    mode: Option<Mode>,
    points: Points,
    peak: Option<Peak>,
    last: Option<u32>,
    /// From which second on the averages are (or are not) averages since boot.
    since_boot: Vec<(u32, bool)>,
}

impl ChartBuilder {
    /// A chart of `day`; samples of other days are not drawn.
    pub fn new(day: Day) -> Self {
        Self {
            clock: DayClock::new(day, None),
            zone: None,
            mode: None,
            points: Points::default(),
            peak: None,
            last: None,
            since_boot: Vec::new(),
        }
    }

    /// Takes a metadata line, which holds for the lines after it.
    pub fn metadata(&mut self, metadata: &Metadata) {
        self.mode = metadata.mode.or(self.mode);
        if metadata.zone.is_some() && metadata.zone != self.zone {
            self.zone.clone_from(&metadata.zone);
            let name = self.zone.as_ref().map(ZoneName::as_str);
            self.clock = DayClock::new(self.clock.day(), name);
        }
    }

    /// Takes a sample. A log that does not say otherwise is one of averages since boot: that is
    /// what `vmstat | tail -1` prints.
    pub fn sample(&mut self, sample: &Sample) {
        let second = self.clock.elapsed(sample.time, self.last);
        self.last = second;
        let Some(second) = second else { return };
        let since_boot = self.mode != Some(Mode::Interval);
        let changed = self.since_boot.last().is_none_or(|(_, before)| *before != since_boot);
        if changed && self.since_boot.len() < MAX_MODE_CHANGES {
            self.since_boot.push((second, since_boot));
        }
        let load = sample.load[0];
        if load.is_finite() && self.peak.is_none_or(|peak| load > peak.load) {
            self.peak = Some(Peak { second, load });
        }
        self.points.add(second, sample);
    }

    /// Draws the chart of `server`; `log` is the summary of the same samples.
    pub fn finish(self, server: &ServerName, log: &LogSummary) -> Drawing {
        let clock = &self.clock;
        let day = clock.seconds();
        let reboot = |reboot: &Reboot| {
            let name = reboot.at.strftime("reboot %H:%M").to_string();
            clock.elapsed(reboot.at, None).map(|second| (second, name))
        };
        let mut reboots: Vec<_> = log.reboots.iter().filter_map(reboot).collect();
        reboots.sort();
        reboots.dedup_by_key(|(second, _)| *second / APART);
        let gaps = blanks(clock, log);
        let axis = TimeAxis {
            day,
            interval: log.interval_seconds,
            longest: (log.interval_seconds.saturating_mul(BREAK_HALVES) / 2).max(SEEN),
            ticks: ticks(clock),
            since_boot: without(spans(&self.since_boot, day), &gaps),
            gaps,
            reboots,
        };
        // A day of nothing but zeros has no peak worth a word.
        let peak = self.peak.filter(|peak| peak.load > 0.0);
        Page { server, clock, log, points: &self.points, peak, axis }.draw()
    }
}

/// A tick every other hour that the clock shows.
fn ticks(clock: &DayClock) -> Vec<(u32, String)> {
    let hour = |hour: i8| {
        let time = clock.day().date().at(hour, 0, 0, 0);
        let second = clock.elapsed(time, None)?;
        (clock.civil(second) == time).then(|| (second, format!("{hour:02}:00")))
    };
    let mut ticks: Vec<_> = (0..24).step_by(2).filter_map(hour).collect();
    ticks.push((clock.seconds(), "24:00".to_owned()));
    ticks
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
fn blanks(clock: &DayClock, log: &LogSummary) -> Vec<Blank> {
    let margin = log.interval_seconds / 2;
    let mut blanks: Vec<Blank> = Vec::new();
    for gap in &log.gaps {
        let (from, to) = seconds(clock, gap, log.interval_seconds);
        let from = from.map_or(0, |from| from + margin);
        let to = to.map_or(clock.seconds(), |to| to.saturating_sub(margin));
        if to < from + SEEN {
            continue;
        }
        let word = if gap.cause == Cause::Off { "off" } else { "no samples" };
        match blanks.last_mut() {
            Some(last) if from < last.to + SEEN => {
                last.word = if last.word == word { word } else { "no samples" };
                last.to = to;
            }
            _ => blanks.push(Blank { from, to, word }),
        }
    }
    blanks
}

/// Where a gap begins and ends; `None` for the midnights. In an hour that the clock shows twice,
/// the number of missing samples tells which one is meant.
fn seconds(clock: &DayClock, gap: &Gap, interval: u32) -> (Option<u32>, Option<u32>) {
    let length = u32::try_from(gap.missing).unwrap_or(u32::MAX).saturating_mul(interval);
    let from = clock.elapsed(gap.from, None).unwrap_or(0);
    let to = clock.elapsed(gap.to, Some(from.saturating_add(length)));
    let latest = to.unwrap_or(clock.seconds());
    let earliest = latest.saturating_sub(length.saturating_add(2 * interval));
    let from = clock.elapsed(gap.from, Some(earliest)).filter(|from| *from > 0);
    (from, to)
}

/// What the gaps leave of the spans; both are in order of time.
fn without(spans: Vec<(u32, u32)>, gaps: &[Blank]) -> Vec<(u32, u32)> {
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
