//! The numbers behind the lines, for programs that display them.

use serde::Serialize;

use super::axis::{GapSpan, TimeAxis};
use super::geometry::{LEFT, RIGHT, WIDTH};
use super::points::{CPU, Minute, VisiblePoints};
use super::scale::{MAX_CORES_PER_LOAD, ScaleKind};
use super::series::{PanelKind, PanelShape};
use super::view::View;
use super::words;
use crate::day_clock::{DayClock, Offset};
use crate::server_name::ServerName;
use crate::summary::LogSummary;
use crate::usual::Band;

/// Positions of the plots and their contents. Lengths are in CSS pixels of the drawing.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Values {
    pub(super) server: String,
    /// The day, or the last day of a period.
    pub(super) date: String,
    pub(super) width: f64,
    pub(super) height: f64,
    /// The left edge of all plots.
    pub(super) left: f64,
    pub(super) right: f64,
    /// The start of the window, in seconds since the first midnight.
    pub(super) from: u32,
    pub(super) to: u32,
    /// The length of the whole day in seconds, whether shown or not.
    pub(super) day: u32,
    /// Whether the server can draw a part of it.
    pub(super) zoom: bool,
    /// The times of the points in clock time.
    pub(super) times: Vec<String>,
    /// The times of the points in seconds.
    pub(super) seconds: Vec<u32>,
    /// The stretches without samples.
    pub(super) gaps: Vec<GapValues>,
    /// The days of a period.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) days: Vec<DayValues>,
    /// What a page needs to show another part of the day by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) live: Option<LiveValues>,
    pub(super) panels: Vec<PanelValues>,
}

/// A stretch without samples, in seconds, and why there are none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct GapValues {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) why: &'static str,
    /// Where it is, in words, if its seconds are not those of one day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) when: Option<String>,
}

/// A day of a period, in seconds since the period's first midnight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct DayValues {
    pub(super) date: String,
    pub(super) from: u32,
    pub(super) to: u32,
}

/// What a page needs to show another part of the day by itself, with what it has.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct LiveValues {
    /// The offsets of the clock, in order.
    clock: Vec<ClockValues>,
    /// The number of samples of each point; empty if each is one.
    counts: Vec<u32>,
    /// The longest step in seconds that a line bridges.
    longest: u32,
    /// The usual step between samples, in seconds.
    interval: u32,
    /// Reboots and changes of the clock: second and label.
    marks: Vec<(u32, String)>,
    cores: Option<(u32, String)>,
    /// The cores are within the scale up to so many times the highest load.
    most_cores: f64,
    /// The load that the scale has room for at least.
    up_to: Option<u32>,
    /// The caption of the time axis.
    caption: String,
    /// Date, and what follows the window or, on a whole day, the date.
    subtitle: [String; 3],
    words: Words,
}

/// A stretch of the day with one offset of the clock, in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct ClockValues {
    from: u32,
    clock: u32,
    zone: String,
}

/// Words of the drawing that change with the part of the day, with parameters in braces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Words {
    max: &'static str,
    no_values: &'static str,
    peak: &'static str,
    above: &'static str,
    shown: [&'static str; 2],
    after_gap: &'static str,
    keys: &'static [[&'static str; 2]],
}

/// How a panel is drawn.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct DrawnPanel {
    /// The rule of its scale, and the value at the upper edge of the plot.
    pub(super) scale: (ScaleKind, f64),
    /// A remark in its head.
    pub(super) note: &'static str,
}

/// A panel. A hidden panel has no height.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct PanelValues {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) unit: &'static str,
    pub(super) top: f64,
    pub(super) height: f64,
    /// Whether its series are filled, with the fills of a stack.
    pub(super) fills: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) drawn: Option<DrawnPanel>,
    pub(super) series: Vec<SeriesValues>,
    /// What is usual for the first series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) band: Option<BandValues>,
}

/// A series. A hidden series has no values.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct SeriesValues {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    /// The pen or fill it is drawn with, from 1 on.
    pub(super) pen: usize,
    /// The mark it is drawn with, if that is neither a pen nor a fill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mark: Option<&'static str>,
    pub(super) hidden: bool,
    pub(super) values: Vec<Option<f32>>,
}

/// What the values of a day are made from.
#[derive(Clone, Copy, Debug)]
pub(super) struct DayInput<'a> {
    pub(super) server: &'a ServerName,
    pub(super) clock: &'a DayClock,
    pub(super) log: &'a LogSummary,
    pub(super) axis: &'a TimeAxis,
    pub(super) points: &'a VisiblePoints<'a>,
    pub(super) view: &'a View,
}

/// The usual values of a series. A part of the day ends where there is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct BandValues {
    pub(super) name: &'static str,
    pub(super) seconds: Vec<u32>,
    pub(super) low: Vec<Option<f64>>,
    pub(super) mid: Vec<Option<f64>>,
    pub(super) high: Vec<Option<f64>>,
}

impl Values {
    /// The frame of a day's values; its panels are added as they are drawn.
    pub(super) fn of_day(day: &DayInput<'_>) -> Self {
        let DayInput { server, clock, axis, points, .. } = day;
        let minutes = points.minutes();
        let time = |minute: &Minute| {
            let time = clock.civil(minute.second);
            let part = i8::unsigned_abs;
            let [hour, minutes, second] = [time.hour(), time.minute(), time.second()].map(part);
            let mut text = format!("{hour:02}:{minutes:02}:{second:02}");
            if let Some(zone) = clock.abbreviation(minute.second) {
                text.push(' ');
                text.push_str(&zone);
            }
            text
        };
        Self {
            server: server.to_string(),
            date: clock.day().to_string(),
            width: tenths(WIDTH),
            height: 0.0,
            left: tenths(LEFT),
            right: tenths(RIGHT),
            from: axis.from,
            to: axis.to,
            day: clock.seconds(),
            zoom: true,
            times: minutes.iter().map(time).collect(),
            seconds: minutes.iter().map(|minute| minute.second).collect(),
            gaps: axis.gaps.iter().map(gap).collect(),
            days: Vec::new(),
            live: Some(LiveValues::new(day)),
            panels: Vec::new(),
        }
    }
}

impl LiveValues {
    fn new(day: &DayInput<'_>) -> Self {
        let DayInput { clock, log, points, axis, view, .. } = day;
        let language = view.language;
        let offset =
            |Offset { from, clock, abbreviation }| ClockValues { from, clock, zone: abbreviation };
        let counts: Vec<u32> = points.counts().collect();
        let cores = |count: u32| (count, words::cores(language, f64::from(count)));
        let names = words::names(language);
        Self {
            clock: clock.offsets().into_iter().map(offset).collect(),
            counts: if counts.iter().all(|count| *count == 1) { Vec::new() } else { counts },
            longest: points.longest(),
            interval: axis.interval,
            marks: axis.marks.clone(),
            cores: log.metadata.cores.map(cores),
            most_cores: MAX_CORES_PER_LOAD,
            up_to: view.load_up_to,
            caption: words::axis(language, clock, log, points.has_guest_time()),
            subtitle: [
                words::date(language, clock.day().date()),
                words::machine(language, clock, log, true),
                words::machine(language, clock, log, false),
            ],
            words: Words {
                max: names.max,
                no_values: names.no_values,
                peak: names.peak,
                above: names.above,
                shown: names.shown,
                after_gap: names.after_gap,
                keys: names.keys,
            },
        }
    }
}

fn gap(span: &GapSpan) -> GapValues {
    GapValues { from: span.from, to: span.to, why: span.word, when: None }
}

impl PanelValues {
    /// The values of a panel of a day; `place` is its upper edge, its height and how it is drawn, if
    /// it is.
    pub(super) fn of_day(
        kind: &PanelKind,
        place: Option<(i32, i32, DrawnPanel)>,
        minutes: &[Minute],
        band: Option<BandValues>,
    ) -> Self {
        let (top, height, drawn) = match place {
            Some((top, height, drawn)) => (top, height, Some(drawn)),
            None => (0, 0, None),
        };
        let series = kind.series.iter().enumerate().map(|(index, series)| {
            let value = |minute: &Minute| {
                let value = minute.value(series.field)?;
                // These are means of whole numbers: decimals beyond the first are noise.
                let mean = CPU.contains(&series.field);
                Some(if mean { (value * 10.0).round() / 10.0 } else { value })
            };
            let shown = if series.hidden { &[][..] } else { minutes };
            SeriesValues {
                id: series.id.as_str(),
                name: series.name,
                pen: index + 1,
                mark: None,
                hidden: series.hidden,
                values: shown.iter().map(value).collect(),
            }
        });
        Self {
            id: kind.shape.id(),
            title: kind.title,
            unit: kind.unit,
            top: tenths(top),
            height: tenths(height),
            fills: kind.shape == PanelShape::Cpu,
            drawn,
            series: series.collect(),
            band,
        }
    }
}

impl BandValues {
    pub(super) fn push(&mut self, second: u32, band: Option<&Band>) {
        // Loads have two decimals.
        let rounded = |value: f64| (value * 100.0).round() / 100.0;
        self.seconds.push(second);
        self.low.push(band.map(|band| rounded(band.low)));
        self.mid.push(band.map(|band| rounded(band.mid)));
        self.high.push(band.map(|band| rounded(band.high)));
    }
}

/// Converts tenths of a pixel to pixels.
pub(super) fn tenths(length: i32) -> f64 {
    f64::from(length) / 10.0
}
