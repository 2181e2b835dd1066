//! The drawing: shapes on a page, before any file format.
//!
//! Lengths are tenths of a CSS pixel in whole numbers, so that equal days are equal bytes on every
//! machine. What a shape looks like is a matter of its class; see `style`.

use super::values::{Values, tenths};
use super::view::Language;

/// A finished chart, ready to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    pub(super) width: i32,
    pub(super) height: i32,
    /// Names the drawing for those who do not see it.
    pub(super) title: String,
    /// Tells them what is to be seen.
    pub(super) description: String,
    /// Of its words.
    pub(super) language: Language,
    /// The numbers behind the lines.
    pub(super) values: Values,
    pub(super) shapes: Vec<Shape>,
}

/// One thing on the page. Later ones lie over earlier ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Rect {
        class: &'static str,
        x: i32,
        y: i32,
        width: i32,
        height: i32,
    },
    Circle {
        class: &'static str,
        x: i32,
        y: i32,
        r: i32,
    },
    Path {
        class: &'static str,
        path: Path,
    },
    Text {
        class: &'static str,
        x: i32,
        y: i32,
        spans: Vec<Span>,
    },
    /// A text that runs upwards, where there is no room along the line.
    Upright {
        class: &'static str,
        x: i32,
        y: i32,
        text: String,
    },
}

/// Part of a line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) class: &'static str,
    /// How far it stands off the part before it; blanks at the edge of a part would not show.
    pub(super) indent: i32,
    pub(super) text: String,
    /// What people wrote: shown with Japanese glyphs where scripts share a character.
    pub(super) japanese: bool,
}

/// Lines that are drawn with one pen; each run is one stroke.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) runs: Vec<Vec<(i32, i32)>>,
    /// Whether each run is led back to where it began.
    pub(super) closed: bool,
}

impl Path {
    /// Open strokes.
    pub(super) fn lines(runs: Vec<Vec<(i32, i32)>>) -> Self {
        Self { runs, closed: false }
    }

    /// Closed outlines.
    pub(super) fn areas(runs: Vec<Vec<(i32, i32)>>) -> Self {
        Self { runs, closed: true }
    }
}

impl Drawing {
    /// Its width and height, in whole pixels of CSS.
    pub fn size(&self) -> (u32, u32) {
        let pixels = |tenths: i32| tenths.max(0).unsigned_abs().div_ceil(10);
        (pixels(self.width), pixels(self.height))
    }

    /// What the drawing is of, in one line.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What is to be seen on it, for those who do not see it.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The numbers behind the lines as JSON: what a pointer over the chart shows. At most one
    /// point a minute, as drawn.
    pub fn to_values_json(&self) -> Vec<u8> {
        // Numbers and texts always have a JSON form; NaN and the infinite ones were left out.
        serde_json::to_vec(&self.values).unwrap_or_default()
    }

    /// Ends the page, whose background is the first shape, below what is on it.
    pub(super) fn set_height(&mut self, bottom: i32) {
        self.height = bottom;
        self.values.height = tenths(bottom);
        if let Some(Shape::Rect { height, .. }) = self.shapes.first_mut() {
            *height = bottom;
        }
    }

    pub(super) fn text(&mut self, class: &'static str, x: i32, y: i32, text: impl Into<String>) {
        let span = Span { class: "", indent: 0, text: text.into(), japanese: false };
        self.shapes.push(Shape::Text { class, x, y, spans: vec![span] });
    }

    pub(super) fn rect(&mut self, class: &'static str, x: i32, y: i32, width: i32, height: i32) {
        self.shapes.push(Shape::Rect { class, x, y, width, height });
    }

    pub(super) fn path(&mut self, class: &'static str, path: Path) {
        self.shapes.push(Shape::Path { class, path });
    }

    pub(super) fn line(&mut self, class: &'static str, from: (i32, i32), to: (i32, i32)) {
        self.path(class, Path::lines(vec![vec![from, to]]));
    }

    pub(super) fn dot(&mut self, class: &'static str, (x, y): (i32, i32), r: i32) {
        self.shapes.push(Shape::Circle { class, x, y, r });
    }
}
