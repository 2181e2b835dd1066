//! The drawing: shapes on a page, independent of any file format.
//!
//! Lengths are whole tenths of a CSS pixel, so that the same day gives the same bytes on every
//! machine. The class of a shape decides how it looks; see `style`.

use super::values::{Values, tenths};
use super::view::Language;

/// A finished chart, ready to be encoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    pub(super) width: i32,
    pub(super) height: i32,
    /// The accessible name of the drawing.
    pub(super) title: String,
    /// The accessible description.
    pub(super) description: String,
    /// The window and the number of samples in it, unless it is the whole day.
    pub(super) shown: Option<String>,
    /// The language of its text.
    pub(super) language: Language,
    /// Styles and patterns beyond those that every drawing has.
    pub(super) more: (&'static str, &'static str),
    /// The values behind the lines.
    pub(super) values: Values,
    pub(super) shapes: Vec<Shape>,
}

/// A shape. Later ones are drawn over earlier ones.
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
    /// Vertical text, for columns that are too narrow for a horizontal line.
    Upright {
        class: &'static str,
        x: i32,
        y: i32,
        text: String,
    },
    /// Begins a group, which ends with [`Shape::End`].
    Group(Group),
    /// Ends the last group.
    End,
}

/// Groups, by what a page does with them when it shows another part of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// A panel: the page moves it up or down.
    Panel,
    /// Columns as high as the plot: the page stretches them sideways.
    Columns,
    /// Whatever is drawn to the scales of both axes: the page stretches it both ways.
    Data,
    /// Text, grid and marks: the page sets them anew, because text must not be stretched.
    Labels,
}

impl Group {
    /// Its class in the SVG.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Panel => "panel",
            Self::Columns => "columns",
            Self::Data => "data",
            Self::Labels => "labels",
        }
    }
}

/// Part of a line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) class: &'static str,
    /// The distance from the part before it; whitespace at the edge of a part would be dropped.
    pub(super) indent: i32,
    pub(super) text: String,
    /// User-written text, rendered with Japanese glyphs where scripts share a character.
    pub(super) japanese: bool,
}

/// Lines drawn with one pen; each run is one stroke.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) runs: Vec<Vec<(i32, i32)>>,
    /// Whether each run is closed back to its start.
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
    /// Width and height in whole CSS pixels.
    pub fn size(&self) -> (u32, u32) {
        let pixels = |tenths: i32| tenths.max(0).unsigned_abs().div_ceil(10);
        (pixels(self.width), pixels(self.height))
    }

    /// What the drawing shows, in one line.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// A longer description of the drawing, for screen readers.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The window and the number of samples in it; `None` for the whole day or a period.
    pub fn shown(&self) -> Option<&str> {
        self.shown.as_deref()
    }

    /// The values behind the lines as JSON, for tooltips. At most one point a minute, as drawn.
    pub fn to_values_json(&self) -> Vec<u8> {
        // These values always serialise: NaN and infinities were left out.
        serde_json::to_vec(&self.values).unwrap_or_default()
    }

    /// Sets the height of the page from its lowest content; the background is the first shape.
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

    /// Draws something as a group.
    pub(super) fn group(&mut self, group: Group, draw: impl FnOnce(&mut Self)) {
        self.shapes.push(Shape::Group(group));
        draw(self);
        self.shapes.push(Shape::End);
    }

    pub(super) fn dot(&mut self, class: &'static str, (x, y): (i32, i32), r: i32) {
        self.shapes.push(Shape::Circle { class, x, y, r });
    }
}
