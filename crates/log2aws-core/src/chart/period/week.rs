//! A week of one server: the panels of a day over a longer axis, with the samples themselves.
//!
//! Each day is taken as a chart of its own and appended, so what is known of a day's gaps, reboots
//! and averages is what its own chart shows. Memory is bounded: one point for ten minutes, which is
//! about a pixel, however many samples a day has.

use super::facts::Facts;
use super::kind::Missing;
use super::style::{PATTERNS, SHEET};
use super::words as period_words;
use crate::chart::ChartBuilder;
use crate::chart::axis::{DaySpan, GapSpan, TimeAxis};
use crate::chart::drawing::Drawing;
use crate::chart::geometry::{LEFT, RIGHT, WIDTH};
use crate::chart::page::{BELOW, DAY_LABELS, FIRST_BELOW_LABELS, PLOT_SPACING, Page, PageText};
use crate::chart::points::{Peak, Points};
use crate::chart::series::panels;
use crate::chart::values::{DayValues, GapValues, Values, tenths};
use crate::chart::view::{Language, View};
use crate::chart::words;
use crate::day::Day;
use crate::day_clock::{DayClock, PLAIN_DAY_SECONDS};
use crate::server_name::ServerName;
use crate::summary::LogSummary;

/// Seconds for each point: about a pixel of a week.
const STEP: u32 = 600;

/// Seconds on a page for which the shortest visible gap is calculated.
const SHOWN: u32 = 7 * PLAIN_DAY_SECONDS;

/// Hours between the ticks within a day.
const TICK_HOURS: i8 = 12;

/// Takes the days of a week in order.
#[derive(Clone, Debug)]
pub struct WeekBuilder {
    language: Language,
    points: Points,
    axis: TimeAxis,
    /// From a second on, the longest step that a line bridges.
    longest: Vec<(u32, u32)>,
    cores: Vec<(u32, u32, u32)>,
    peak: Option<Peak>,
    /// Where each gap is, in words.
    gap_times: Vec<String>,
    facts: Facts,
    /// The clocks of the days.
    clocks: Vec<DayClock>,
    /// The zone of the last day that has one, for days without results.
    zone: Option<String>,
}

/// The size of the drawing of a week in whole CSS pixels.
pub fn week_size() -> (u32, u32) {
    let plots: i32 = panels(&View::default(), false).iter().map(|kind| kind.height).sum();
    let panels = i32::try_from(panels(&View::default(), false).len()).unwrap_or(0);
    let height = FIRST_BELOW_LABELS + plots + (panels - 1) * PLOT_SPACING + DAY_LABELS + BELOW;
    let pixels = |tenths: i32| tenths.unsigned_abs().div_ceil(10);
    (pixels(WIDTH), pixels(height))
}

impl WeekBuilder {
    /// A week without days.
    pub fn new(language: Language) -> Self {
        let axis = TimeAxis {
            from: 0,
            to: 0,
            longest: 0,
            ticks: Vec::new(),
            gaps: Vec::new(),
            marks: Vec::new(),
            interval: 0,
            since_boot: Vec::new(),
            days: Vec::new(),
        };
        Self {
            language,
            points: Points::every(STEP),
            axis,
            longest: Vec::new(),
            cores: Vec::new(),
            peak: None,
            gap_times: Vec::new(),
            facts: Facts::default(),
            clocks: Vec::new(),
            zone: None,
        }
    }

    /// The zone that is assumed for days before the first one with a zone.
    pub fn assume_zone(&mut self, zone: Option<&str>) {
        self.zone = self.zone.take().or_else(|| zone.map(str::to_owned));
    }

    /// Takes a day with samples; `log` is the summary of the same samples.
    pub fn day(&mut self, chart: ChartBuilder, log: &LogSummary) {
        let ChartBuilder { clock, since_boot, points, peak, .. } = chart;
        self.zone = log.metadata.tz.clone().or(self.zone.take());
        let zone = log.metadata.tz.clone().filter(|_| clock.zone_known());
        if self.facts.zones.last().is_none_or(|(_, last)| *last != zone) {
            self.facts.zones.push((clock.day(), zone));
        }
        let (from, length) = (self.axis.to, clock.seconds());
        let view = View { language: self.language, ..View::default() };
        let day = TimeAxis::on_scale(&clock, log, &since_boot, (0, length, SHOWN), &view);
        for gap in day.gaps {
            let class = gap.cause.map_or("", |cause| Missing::from(cause).class());
            let edge = |second| period_words::time(&clock, second);
            self.gap_times.push(format!(
                "{} {}–{}",
                words::date(self.language, clock.day().date()),
                edge(gap.from),
                edge(gap.to)
            ));
            self.axis.gaps.push(GapSpan { from: gap.from + from, to: gap.to + from, class, ..gap });
        }
        let shifted = |(second, label): (u32, String)| (second + from, label);
        self.axis.marks.extend(day.marks.into_iter().map(shifted));
        let spans = day.since_boot.into_iter().map(|(start, end)| (start + from, end + from));
        self.axis.since_boot.extend(spans);
        self.axis.interval = self.axis.interval.max(day.interval);
        self.longest.push((from, day.longest.max(2 * STEP)));
        if let Some(cores) = log.metadata.cores {
            self.cores.push((from, from + length, cores));
        }
        let higher = |peak: &Peak| self.peak.is_none_or(|last| peak.load > last.load);
        if let Some(peak) = peak.filter(|peak| peak.load > 0.0).filter(higher) {
            self.peak = Some(Peak { second: peak.second + from, ..peak });
        }
        let facts = &mut self.facts;
        facts.delivered += 1;
        facts.sampled += log.sampled();
        facts.expected += log.expected;
        facts.missing += log.missing;
        facts.reboots += log.reboots_total;
        facts.impossible += log.impossible.as_ref().map_or(0, |impossible| impossible.rows);
        facts.guest_max = facts.guest_max.max(log.guest_max);
        self.points.append(points, from);
        self.add(clock);
    }

    /// Takes a day without samples; `reason` is in the language of the drawing.
    pub fn empty(&mut self, day: Day, kind: Missing, reason: &'static str) {
        let clock = DayClock::new(day, self.zone.as_deref());
        let (from, to) = (self.axis.to, self.axis.to + clock.seconds());
        let date = words::date(self.language, day.date());
        let class = kind.class();
        match (self.axis.gaps.last_mut(), self.gap_times.last_mut()) {
            // Days with one reason are one gap, so that its label has room.
            (Some(gap), Some(times))
                if gap.to == from
                    && gap.class == class
                    && gap.word == reason
                    && gap.cause.is_none() =>
            {
                gap.to = to;
                *times = match times.split_once(" – ") {
                    Some((first, _)) => format!("{first} – {date}"),
                    None => format!("{times} – {date}"),
                };
            }
            _ => {
                self.axis.gaps.push(GapSpan { from, to, class, cause: None, word: reason });
                self.gap_times.push(date);
            }
        }
        self.longest.push((from, 2 * STEP));
        self.add(clock);
    }

    /// Adds a day to the axis.
    fn add(&mut self, clock: DayClock) {
        let (day, length) = (clock.day(), clock.seconds());
        let (from, to) = (self.axis.to, self.axis.to + length);
        if length != PLAIN_DAY_SECONDS {
            self.facts.odd_days.push((day, length));
        }
        let noon = clock.elapsed(day.date().at(TICK_HOURS, 0, 0, 0), None);
        let noon = noon.map(|noon| (from + noon, format!("{TICK_HOURS}:00")));
        self.axis.ticks.extend(noon);
        let label = words::date(self.language, day.date());
        self.axis.days.push(DaySpan { day, from, to, label });
        self.axis.to = to;
        self.clocks.push(clock);
    }

    /// Draws the week of `server`.
    pub fn finish(mut self, server: &ServerName, note: Option<&str>) -> Drawing {
        self.axis.to = self.axis.to.max(1);
        let points = self.points.all(self.longest.clone());
        let days: Vec<Day> = self.axis.days.iter().map(|day| day.day).collect();
        let peak = self.peak.map(|peak| (peak, self.time_of(peak.second)));
        let peak = peak.map(|(peak, time)| (peak, period_words::peak(self.language, peak, &time)));
        let cores = self.cores.last().map(|(.., cores)| *cores);
        let guests = points.has_guest_time();
        let subtitle = period_words::week_subtitle(self.language, &days, &self.facts, cores);
        let label = peak.as_ref().map_or("", |(_, label)| label);
        let text = PageText {
            title: period_words::title(self.language, server, &days),
            description: period_words::with_peak(self.language, &subtitle, label),
            subtitle,
            shown: None,
            caption: period_words::caption(self.language, &self.facts, guests),
            peak: label.to_owned(),
        };
        let values = self.values(server, &points.seconds());
        let view = View { language: self.language, ..View::default() };
        Page {
            server,
            note,
            text,
            more: (SHEET, PATTERNS),
            cores: self.cores,
            values,
            points: &points,
            peak: peak.map(|(peak, _)| peak),
            axis: self.axis,
            view: &view,
            usual: None,
            no_swapping: false,
        }
        .draw()
    }

    /// The clock time of a second of the week, `2026-03-10 (Tue) 10:30`.
    fn time_of(&self, second: u32) -> String {
        let at = self.axis.days.partition_point(|day| day.from <= second).saturating_sub(1);
        let (Some(day), Some(clock)) = (self.axis.days.get(at), self.clocks.get(at)) else {
            return String::new();
        };
        format!("{} {}", day.label, period_words::time(clock, second - day.from))
    }

    fn values(&self, server: &ServerName, seconds: &[u32]) -> Values {
        let gap = |(gap, when): (&GapSpan, &String)| GapValues {
            from: gap.from,
            to: gap.to,
            why: gap.word,
            when: Some(when.clone()),
        };
        let day =
            |day: &DaySpan| DayValues { date: day.day.to_string(), from: day.from, to: day.to };
        Values {
            server: server.to_string(),
            date: self.axis.days.last().map(|day| day.day.to_string()).unwrap_or_default(),
            width: tenths(WIDTH),
            height: 0.0,
            left: tenths(LEFT),
            right: tenths(RIGHT),
            from: 0,
            to: self.axis.to,
            day: self.axis.to,
            zoom: false,
            times: seconds.iter().map(|second| self.time_of(*second)).collect(),
            seconds: seconds.to_vec(),
            gaps: self.axis.gaps.iter().zip(&self.gap_times).map(gap).collect(),
            days: self.axis.days.iter().map(day).collect(),
            live: None,
            panels: Vec::new(),
        }
    }
}
