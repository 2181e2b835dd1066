//! The usual day behind a panel's first line: its range as an area, its median as a thin line.

use jiff::civil::DateTime;

use super::axis::TimeAxis;
use super::drawing::{Drawing, Path};
use super::geometry::RIGHT;
use super::panel::{HEAD, Panel};
use super::style::width;
use super::values::BandValues;
use super::view::Language;
use super::words;
use crate::day_clock::DayClock;
use crate::usual::{Band, Usual};

/// The usual values of one figure in the window.
#[derive(Clone, Debug, Default)]
pub(super) struct UsualBand {
    /// Seconds of the day with their values; each run is one area.
    runs: Vec<Vec<(u32, Band)>>,
}

impl UsualBand {
    /// The band between the edges of the window, with a point in the middle of each slot.
    pub(super) fn new(
        usual: &Usual,
        clock: &DayClock,
        axis: &TimeAxis,
        at: impl Fn(&Usual, DateTime) -> Option<Band>,
    ) -> Self {
        let slot = u32::from(usual.slot_minutes()) * 60;
        let middles = (slot / 2..clock.seconds()).step_by(slot as usize);
        let inner = middles.filter(|second| axis.from < *second && *second < axis.to);
        // The last second of a day is its own; the next midnight would be the first slot's.
        let seconds = std::iter::once(axis.from).chain(inner).chain([axis.to]);
        let points: Vec<_> = seconds
            .map(|second| (second, at(usual, clock.civil(second.min(clock.seconds() - 1)))))
            .collect();
        let runs = points.chunk_by(|a, b| a.1.is_some() == b.1.is_some());
        let known = |run: &[(u32, Option<Band>)]| {
            run.iter().filter_map(|(second, band)| Some((*second, (*band)?))).collect::<Vec<_>>()
        };
        Self { runs: runs.map(known).filter(|run| run.len() > 1).collect() }
    }

    /// The highest value.
    pub(super) fn highest(&self) -> f64 {
        self.runs.iter().flatten().map(|(_, band)| band.high).fold(0.0, f64::max)
    }

    /// Draws it; the grid and the lines come over it.
    pub(super) fn draw(&self, drawing: &mut Drawing, panel: &Panel<'_>) {
        if self.runs.is_empty() {
            return;
        }
        let edge = |run: &[(u32, Band)], value: fn(&Band) -> f64| -> Vec<(i32, i32)> {
            run.iter().map(|(at, band)| (panel.axis.x(*at), panel.y(value(band)))).collect()
        };
        let area = |run: &Vec<(u32, Band)>| {
            let mut outline = edge(run, |band| band.high);
            outline.extend(edge(run, |band| band.low).into_iter().rev());
            outline
        };
        let median = |run: &Vec<(u32, Band)>| edge(run, |band| band.mid);
        drawing.path("band", Path::areas(self.runs.iter().map(area).collect()));
        drawing.path("usual", Path::lines(self.runs.iter().map(median).collect()));
    }

    /// Explains it behind the legend of the lines, which ends at `x`, if there is room.
    pub(super) fn legend(
        &self,
        drawing: &mut Drawing,
        panel: &Panel<'_>,
        x: i32,
        language: Language,
    ) {
        let text = words::usual(language);
        if self.runs.is_empty() || x + 300 + width(text, 12) > RIGHT {
            return;
        }
        let base = panel.top - HEAD;
        drawing.rect("band", x, base - 92, 240, 100);
        drawing.line("usual", (x, base - 42), (x + 240, base - 42));
        drawing.text("", x + 300, base, text);
    }

    /// The values, for programs; `None` if there is nothing.
    pub(super) fn values(&self, language: Language) -> Option<BandValues> {
        let mut values = BandValues { name: words::usual(language), ..BandValues::default() };
        for run in &self.runs {
            if let Some((first, _)) = run.first().filter(|_| !values.seconds.is_empty()) {
                values.push(*first, None);
            }
            for (second, band) in run {
                values.push(*second, Some(band));
            }
        }
        (!values.seconds.is_empty()).then_some(values)
    }
}
