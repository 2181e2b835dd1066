//! The day's load chart: one drawing, which can be written in several file formats.
//!
//! A [`ChartBuilder`] takes the samples of a day log, or the rows of its CSV, and is finished with
//! the log's summary into a [`Drawing`], which is written as SVG, as an HTML page, or as the values
//! behind its lines. Only `svg`, `html` and `values` know a file format.

mod axis;
mod band;
mod drawing;
mod geometry;
mod html;
pub(crate) mod mode_timeline;
mod page;
mod panel;
pub mod period;
mod points;
mod scale;
mod series;
mod style;
mod svg;
#[cfg(test)]
mod tests;
mod values;
mod view;
mod words;

use crate::day::Day;
use crate::day_clock::DayClock;
use crate::metadata::{Metadata, Mode, ZoneName};
use crate::sample::Sample;
use crate::server_name::ServerName;
use crate::summary::{LogSummary, MAX_MODES};
use crate::usual::Usual;

use axis::TimeAxis;
use mode_timeline::ModeTimeline;
use page::{Page, PageText};
use points::{Peak, Points};
use values::{DayInput, Values};

pub use drawing::Drawing;
pub use html::{CHART_CSS, CHART_JS, DAY_JS};
pub use view::{Language, SeriesId, Time, View, ViewError, Window};

/// The most changes between interval averages and averages since boot that are drawn.
const MAX_MODE_CHANGES: usize = MAX_MODES;

/// Takes the samples and metadata lines of one day log in order. Keeps at most one point a minute,
/// so memory does not grow with the log.
#[derive(Clone, Debug)]
pub struct ChartBuilder {
    clock: DayClock,
    zone: Option<ZoneName>,
    mode: Option<Mode>,
    points: Points,
    peak: Option<Peak>,
    last: Option<u32>,
    /// The seconds from which the averages are (`true`) or are not since boot.
    since_boot: Vec<(u32, bool)>,
    /// The modes listed in a summary, for rows that come without metadata lines.
    mode_timeline: Option<ModeTimeline>,
    usual: Option<Usual>,
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
            mode_timeline: None,
            usual: None,
        }
    }

    /// A chart from the rows of the CSV, which has no metadata lines: `log`, the summary, provides
    /// their values. It equals the chart of the log itself, except that guest time is what the
    /// shares lack to 100, since the CSV has no column for it.
    pub fn in_force(day: Day, log: &LogSummary) -> Self {
        let mut chart = Self::new(day);
        let held = &log.metadata;
        chart.metadata(&Metadata {
            zone: held.tz.as_deref().and_then(|name| name.parse().ok()),
            mode: held.mode.as_deref().and_then(|mode| mode.parse().ok()),
            ..Metadata::default()
        });
        chart.mode_timeline = ModeTimeline::new(&log.modes);
        chart
    }

    /// The same with the usual day behind the load and the free memory. Stored charts have none: they
    /// depend on their log alone.
    #[must_use]
    pub fn with_usual(self, usual: Option<Usual>) -> Self {
        Self { usual, ..self }
    }

    /// Takes a metadata line, which applies to the lines after it.
    pub fn metadata(&mut self, metadata: &Metadata) {
        self.mode = metadata.mode.or(self.mode);
        if metadata.zone.is_some() && metadata.zone != self.zone {
            self.zone.clone_from(&metadata.zone);
            let name = self.zone.as_ref().map(ZoneName::as_str);
            self.clock = DayClock::new(self.clock.day(), name);
        }
    }

    /// Takes a sample. Without metadata the averages are since boot, because that is what `vmstat |
    /// tail -1` prints.
    pub fn sample(&mut self, sample: &Sample) {
        let second = self.clock.elapsed(sample.time, self.last);
        self.last = second;
        let Some(second) = second else { return };
        if let Some(timeline) = &mut self.mode_timeline {
            self.mode = Some(timeline.mode_at(sample.time));
        }
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
        self.finish_view(server, log, &View::default())
    }

    /// Draws the part of it that `view` selects.
    pub fn finish_view(self, server: &ServerName, log: &LogSummary, view: &View) -> Drawing {
        let clock = &self.clock;
        let axis = TimeAxis::new(clock, log, &self.since_boot, view);
        let points = self.points.within((axis.from, axis.to), axis.longest, view.embedded);
        // In a window, seconds are visible, so the peak and the point of its minute could differ.
        let peak = if view.window.is_some() { points.peak() } else { self.peak };
        // A day of zeros has no peak to label.
        let peak = peak.filter(|peak| peak.load > 0.0);
        let language = view.language;
        let shown = points.counts().sum();
        let text = PageText {
            title: words::title(language, server, clock.day()),
            description: words::description(clock, log, view, peak, shown),
            shown: words::window(view, shown),
            subtitle: words::subtitle(clock, log, view, shown),
            caption: words::axis(language, clock, log, points.has_guest_time()),
            peak: peak.map_or_else(String::new, |peak| words::peak(language, clock, peak)),
        };
        let cores = log.metadata.cores.map(|cores| (axis.from, axis.to, cores));
        let points = &points;
        let values = Values::of_day(&DayInput { server, clock, log, axis: &axis, points, view });
        Page {
            server,
            note: log.metadata.note.as_deref(),
            text,
            more: ("", ""),
            cores: cores.into_iter().collect(),
            values,
            points,
            peak,
            axis,
            view,
            usual: self.usual.as_ref().map(|usual| (usual, clock)),
            no_swapping: self.points.no_swapping(),
        }
        .draw()
    }
}
