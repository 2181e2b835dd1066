//! Building blocks of a period's panels.

use crate::chart::drawing::{Drawing, Path};
use crate::chart::panel::{self, HEAD};
use crate::chart::scale::{self, Scale};
use crate::chart::style::width;
use crate::chart::values::{PanelValues, SeriesValues, tenths};

/// A panel: its position and scale.
pub(super) struct Plot {
    pub(super) top: i32,
    pub(super) height: i32,
    pub(super) scale: Scale,
}

impl Plot {
    pub(super) fn bottom(&self) -> i32 {
        self.top + self.height
    }

    pub(super) fn y(&self, value: f64) -> i32 {
        let share = (value / self.scale.top).clamp(0.0, 1.0);
        #[expect(clippy::cast_possible_truncation, reason = "a share of the panel's height")]
        let up = (share * f64::from(self.height)).round() as i32;
        self.bottom() - up
    }
}

/// The head of a panel; returns where its legend begins.
pub(super) fn head(drawing: &mut Drawing, plot: &Plot, title: &str, unit: &str) -> i32 {
    panel::head(drawing, plot.top - HEAD, title, unit)
}

/// Adds a name to a legend after its swatch, which `swatch` draws at a left edge and a middle;
/// returns where the next entry begins.
pub(super) fn legend(
    drawing: &mut Drawing,
    plot: &Plot,
    x: i32,
    name: &str,
    swatch: impl FnOnce(&mut Drawing, i32, i32),
) -> i32 {
    let base = plot.top - HEAD;
    swatch(drawing, x, base - 42);
    drawing.text("", x + 300, base, name);
    x + 300 + width(name, 12) + 200
}

pub(super) fn panel(
    drawing: &mut Drawing,
    plot: &Plot,
    id: &'static str,
    title: &'static str,
    unit: &'static str,
    fills: bool,
    series: Vec<SeriesValues>,
) {
    let (top, height) = (tenths(plot.top), tenths(plot.height));
    drawing.values.panels.push(PanelValues {
        id,
        title,
        unit,
        top,
        height,
        fills,
        series,
        drawn: None,
        band: None,
    });
}

pub(super) fn bar(from: i32, to: i32, bottom: i32, top: i32) -> Vec<(i32, i32)> {
    vec![(from, bottom), (from, top), (to, top), (to, bottom)]
}

/// A vertical line with a short horizontal one at its upper end.
pub(super) fn whisker(x: i32, low: i32, high: i32, cap: i32) -> Vec<Vec<(i32, i32)>> {
    vec![vec![(x, low), (x, high)], vec![(x - cap, high), (x + cap, high)]]
}

pub(super) fn areas(drawing: &mut Drawing, class: &'static str, outlines: Vec<Vec<(i32, i32)>>) {
    if !outlines.is_empty() {
        drawing.path(class, Path::areas(outlines));
    }
}

pub(super) fn lines(drawing: &mut Drawing, class: &'static str, runs: Vec<Vec<(i32, i32)>>) {
    if !runs.is_empty() {
        drawing.path(class, Path::lines(runs));
    }
}

/// The figure if it can be drawn.
pub(super) fn value(figure: Option<f32>) -> Option<f64> {
    figure.and_then(|figure| scale::finite(f64::from(figure)))
}

#[expect(clippy::cast_precision_loss, reason = "a chart's precision")]
pub(super) fn small(count: u32) -> f32 {
    count as f32
}
