//! One panel: its frame, its axis, its legend, its series.

use std::collections::BTreeSet;

use super::axis::TimeAxis;
use super::drawing::{Drawing, Group, Path, Shape, Span};
use super::geometry::{LEFT, RIGHT};
use super::points::{CPU, LAYERS, VisiblePoints};
use super::scale::Scale;
use super::series::PanelKind;
use super::style::{DOTS, FILLS, PENS, width};

/// The space between a panel's head and its plot.
pub(super) const HEAD: i32 = 90;

/// The minimum width of a lone sample's bar in a stack.
const MIN_BAR_WIDTH: i32 = 30;

/// A panel being drawn: first its frame, then its series.
#[derive(Debug)]
pub(super) struct Panel<'a> {
    pub(super) axis: &'a TimeAxis,
    pub(super) points: &'a VisiblePoints<'a>,
    pub(super) scale: Scale,
    /// The upper edge of the plot, and its height.
    pub(super) top: i32,
    pub(super) height: i32,
}

/// An entry in a legend.
pub(super) struct LegendEntry {
    /// The index of the pen or fill.
    pub(super) pen: usize,
    pub(super) name: String,
    /// A figure such as the maximum, in a muted colour.
    pub(super) figure: String,
}

/// The symbol beside a name in a legend.
#[derive(Clone, Copy)]
pub(super) enum Swatch {
    Pen,
    Fill,
}

impl Panel<'_> {
    /// The lower edge of the plot.
    pub(super) fn bottom(&self) -> i32 {
        self.top + self.height
    }

    /// The y coordinate of a value, in tenths of a pixel.
    pub(super) fn y(&self, value: f64) -> i32 {
        let share = (value / self.scale.top).clamp(0.0, 1.0);
        #[expect(clippy::cast_possible_truncation, reason = "a share of the panel's height")]
        let up = (share * f64::from(self.height)).round() as i32;
        self.bottom() - up
    }

    /// Gaps, grid, ticks and frame.
    pub(super) fn frame(&self, drawing: &mut Drawing) {
        let classes: BTreeSet<_> = self.axis.gaps.iter().map(|gap| gap.class).collect();
        for class in classes.into_iter().filter(|class| !class.is_empty()) {
            let gaps = self.axis.gaps.iter().filter(|gap| gap.class == class);
            Self::columns(drawing, class, gaps.map(|gap| self.column(gap.from, gap.to)));
        }
        drawing.group(Group::Labels, |drawing| self.grid(drawing));
        if let Some((_, later)) = self.axis.days.split_first() {
            self.verticals(drawing, "f", later.iter().map(|day| day.from));
        }
        self.verticals(drawing, "boot", self.axis.marks.iter().map(|(second, _)| *second));
    }

    /// Vertical lines over the height of the plot.
    fn verticals(
        &self,
        drawing: &mut Drawing,
        class: &'static str,
        seconds: impl Iterator<Item = u32>,
    ) {
        let line = |second| {
            let x = self.axis.x(second);
            vec![(x, self.top), (x, self.bottom())]
        };
        let lines: Vec<_> = seconds.map(line).collect();
        if !lines.is_empty() {
            drawing.group(Group::Columns, |drawing| drawing.path(class, Path::lines(lines)));
        }
    }

    /// The grid, the labels of both axes, and the base line.
    fn grid(&self, drawing: &mut Drawing) {
        let mut grid = Vec::new();
        for (second, label) in &self.axis.ticks {
            let x = self.axis.x(*second);
            grid.push(vec![(x, self.top), (x, self.bottom())]);
            if !label.is_empty() {
                drawing.text("t m", x, self.bottom() + 150, label.as_str());
            }
        }
        for (value, label) in self.scale.ticks() {
            let y = self.y(value);
            grid.push(vec![(LEFT, y), (RIGHT, y)]);
            drawing.text("t e", LEFT - 80, y + 38, label);
        }
        drawing.path("g", Path::lines(grid));
        drawing.line("f", (LEFT, self.bottom()), (RIGHT, self.bottom()));
    }

    /// The head of the panel: title, unit and legend. Returns where it ends.
    pub(super) fn legend(
        &self,
        drawing: &mut Drawing,
        title: &str,
        unit: &str,
        swatch: Swatch,
        entries: &[LegendEntry],
    ) -> i32 {
        let base = self.top - HEAD;
        let span = |class, indent, text| Span { class, indent, text, japanese: false };
        let mut x = head(drawing, base, title, unit);
        for LegendEntry { pen, name, figure } in entries {
            let middle = base - 42;
            match swatch {
                Swatch::Pen => drawing.line(PENS[*pen], (x, middle), (x + 240, middle)),
                Swatch::Fill => drawing.rect(FILLS[*pen], x + 100, base - 92, 140, 100),
            }
            x += 300;
            let spans = vec![span("", 0, name.clone()), span("k", 50, figure.clone())];
            drawing.shapes.push(Shape::Text { class: "", x, y: base, spans });
            x += width(name, 12) + width(figure, 12) + 340;
        }
        x
    }

    /// Lines, the first at the bottom: it has the solid pen, which remains visible between dashes.
    pub(super) fn lines(&self, drawing: &mut Drawing, kind: &PanelKind) {
        drawing.shapes.push(Shape::Group(Group::Data));
        for (index, series) in kind.shown() {
            let place = |second, value| (self.axis.x(second), self.y(f64::from(value)));
            let strokes = self.points.strokes(series.field, place);
            let (lone, strokes): (Vec<_>, Vec<_>) = strokes.into_iter().partition(|s| s.len() == 1);
            if !strokes.is_empty() {
                drawing.path(PENS[index], Path::lines(strokes));
            }
            if !lone.is_empty() {
                drawing.path(DOTS[index], Path::lines(lone));
            }
        }
        drawing.shapes.push(Shape::End);
    }

    /// The CPU shares, stacked.
    pub(super) fn stack(&self, drawing: &mut Drawing, kind: &PanelKind) {
        let place = |second, value| (self.axis.x(second), self.y(f64::from(value)));
        let mut shown = [false; LAYERS];
        for (layer, _) in kind.shown() {
            shown[layer] = true;
        }
        let stacks = self.points.stack(shown, place);
        drawing.shapes.push(Shape::Group(Group::Data));
        for layer in (0..LAYERS).rev().filter(|layer| shown[*layer]) {
            if self.points.highest(CPU[layer]).is_none_or(|max| max <= 0.0) {
                continue;
            }
            let outlines = stacks.iter().map(|edges| self.outline(&edges[layer])).collect();
            drawing.path(FILLS[layer], Path::areas(outlines));
        }
        drawing.shapes.push(Shape::End);
    }

    /// The area under an edge.
    fn outline(&self, edge: &[(i32, i32)]) -> Vec<(i32, i32)> {
        let bottom = self.bottom();
        let mut outline = Vec::with_capacity(edge.len() + 2);
        match edge {
            [] => {}
            [(x, y)] => {
                let half = self.axis.length(self.axis.interval).max(MIN_BAR_WIDTH) / 2;
                let (left, right) = ((x - half).max(LEFT), (x + half).min(RIGHT));
                outline.extend([(left, bottom), (left, *y), (right, *y), (right, bottom)]);
            }
            [(first, _), .., (last, _)] => {
                outline.push((*first, bottom));
                outline.extend_from_slice(edge);
                outline.push((*last, bottom));
            }
        }
        outline
    }

    /// Hatches the stretches with averages since boot, and labels them.
    pub(super) fn since_boot(&self, drawing: &mut Drawing, pattern: &'static str) {
        let spans = self.axis.since_boot.iter().map(|&(from, to)| self.column(from, to));
        Self::columns(drawing, pattern, spans);
    }

    /// The outline of the plot between two seconds.
    fn column(&self, from: u32, to: u32) -> Vec<(i32, i32)> {
        let (from, to, top, bottom) = (self.axis.x(from), self.axis.x(to), self.top, self.bottom());
        vec![(from, top), (to, top), (to, bottom), (from, bottom)]
    }

    fn columns(
        drawing: &mut Drawing,
        class: &'static str,
        outlines: impl Iterator<Item = Vec<(i32, i32)>>,
    ) {
        let outlines: Vec<_> = outlines.collect();
        if !outlines.is_empty() {
            drawing.group(Group::Columns, |drawing| drawing.path(class, Path::areas(outlines)));
        }
    }

    /// Explains the hatching in the panel's head, with the first of the `texts` for which there is
    /// room behind the legend.
    pub(super) fn since_boot_label(
        &self,
        drawing: &mut Drawing,
        legend_end: i32,
        texts: [&str; 2],
    ) {
        let fits = |text: &&str| legend_end + width(text, 12) <= RIGHT;
        if let Some(text) =
            texts.into_iter().find(fits).filter(|_| !self.axis.since_boot.is_empty())
        {
            drawing.text("k e", RIGHT, self.top - HEAD, text);
        }
    }
}

/// The title and unit of a panel; returns where its legend begins.
pub(super) fn head(drawing: &mut Drawing, base: i32, title: &str, unit: &str) -> i32 {
    let span =
        |class, indent, text: &str| Span { class, indent, text: text.to_owned(), japanese: false };
    let mut spans = vec![span("h3", 0, title)];
    if !unit.is_empty() {
        spans.push(span("k", 70, unit));
    }
    drawing.shapes.push(Shape::Text { class: "", x: LEFT, y: base, spans });
    LEFT + width(title, 12) * 11 / 10 + 350 + width(unit, 12)
}
