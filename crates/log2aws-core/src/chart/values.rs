//! The numbers behind the lines, for programs that display them.

use serde::Serialize;

use super::axis::{GapSpan, TimeAxis};
use super::geometry::{LEFT, RIGHT, WIDTH};
use super::points::{CPU, Minute};
use super::series::{PanelKind, PanelShape};
use crate::day_clock::DayClock;
use crate::server_name::ServerName;
use crate::usual::Band;

/// Positions of the plots and their contents. Lengths are in CSS pixels of the drawing.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
    pub(super) panels: Vec<PanelValues>,
}

/// A stretch without samples, in seconds, and why there are none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct GapValues {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) why: &'static str,
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
    pub(super) hidden: bool,
    pub(super) values: Vec<Option<f32>>,
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
    pub(super) fn of_day(
        server: &ServerName,
        clock: &DayClock,
        axis: &TimeAxis,
        minutes: &[Minute],
    ) -> Self {
        let time = |minute: &Minute| {
            let time = clock.civil(minute.second);
            let part = i8::unsigned_abs;
            format!(
                "{:02}:{:02}:{:02}",
                part(time.hour()),
                part(time.minute()),
                part(time.second())
            )
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
            panels: Vec::new(),
        }
    }
}

fn gap(span: &GapSpan) -> GapValues {
    GapValues { from: span.from, to: span.to, why: span.word }
}

impl PanelValues {
    /// The values of a panel of a day; `place` is its upper edge and height if it is drawn.
    pub(super) fn of_day(
        kind: &PanelKind,
        place: Option<(i32, i32)>,
        minutes: &[Minute],
        band: Option<BandValues>,
    ) -> Self {
        let (top, height) = place.unwrap_or_default();
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
