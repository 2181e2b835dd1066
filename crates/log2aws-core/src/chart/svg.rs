//! Writes a drawing as SVG.

use std::fmt::Write;

use super::drawing::{Drawing, Path, Shape, Span};
use super::style::SHEET;
use super::view::Language;

/// Hatching for averages since boot, over filled areas and behind lines; and for stolen time, which
/// would look like user time without colour.
const PATTERNS: &str = "<defs>\
<pattern id=\"since-boot-area\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
patternTransform=\"rotate(45)\"><path class=\"w\" d=\"M3 0v6\"/></pattern>\
<pattern id=\"since-boot-line\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
patternTransform=\"rotate(45)\"><path class=\"v\" d=\"M3 0v6\"/></pattern>\
<pattern id=\"stolen\" width=\"4\" height=\"4\" patternUnits=\"userSpaceOnUse\">\
<path class=\"s\" d=\"M0 0h4v4h-4z\"/><path class=\"sl\" d=\"M0 2h4\"/></pattern></defs>\n";

impl Drawing {
    /// The drawing as an SVG document. Equal drawings give equal bytes, and all text is escaped.
    pub fn to_svg(&self) -> Vec<u8> {
        let mut svg = Svg { text: String::with_capacity(64 * 1024) };
        svg.document(self);
        svg.text.into_bytes()
    }
}

struct Svg {
    text: String,
}

impl Svg {
    fn document(&mut self, drawing: &Drawing) {
        self.raw("<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\"");
        if drawing.language == Language::Ja {
            self.raw(" xml:lang=\"ja\"");
        }
        self.attribute("width", drawing.width);
        self.attribute("height", drawing.height);
        self.raw(" viewBox=\"0 0 ");
        self.number(drawing.width);
        self.raw(" ");
        self.number(drawing.height);
        self.raw("\">\n<title>");
        self.escaped(&drawing.title);
        self.raw("</title>\n<desc>");
        self.escaped(&drawing.description);
        self.raw("</desc>\n<style>");
        let (sheet, patterns) = drawing.more;
        self.raw(SHEET);
        self.raw(sheet);
        self.raw("</style>\n");
        self.raw(PATTERNS);
        self.raw(patterns);
        for shape in &drawing.shapes {
            self.shape(shape);
        }
        self.raw("</svg>\n");
    }

    fn shape(&mut self, shape: &Shape) {
        match shape {
            Shape::Rect { class, x, y, width, height } => {
                self.open("rect", class);
                self.attribute("x", *x);
                self.attribute("y", *y);
                self.attribute("width", *width);
                self.attribute("height", *height);
                self.raw("/>\n");
            }
            Shape::Circle { class, x, y, r } => {
                self.open("circle", class);
                self.attribute("cx", *x);
                self.attribute("cy", *y);
                self.attribute("r", *r);
                self.raw("/>\n");
            }
            Shape::Path { class, path } => {
                self.open("path", class);
                self.raw(" d=\"");
                self.path(path);
                self.raw("\"/>\n");
            }
            Shape::Text { class, x, y, spans } => {
                self.open("text", class);
                self.attribute("x", *x);
                self.attribute("y", *y);
                self.raw(">");
                for span in spans {
                    self.span(span);
                }
                self.raw("</text>\n");
            }
            Shape::Upright { class, x, y, text } => {
                self.open("text", class);
                self.raw(" transform=\"translate(");
                self.number(*x);
                self.separated(*y);
                self.raw(") rotate(-90)\">");
                self.escaped(text);
                self.raw("</text>\n");
            }
            Shape::Group(group) => {
                self.open("g", group.class());
                self.raw(">\n");
            }
            Shape::End => self.raw("</g>\n"),
        }
    }

    fn span(&mut self, span: &Span) {
        if span.class.is_empty() {
            return self.escaped(&span.text);
        }
        self.open("tspan", span.class);
        if span.indent != 0 {
            self.attribute("dx", span.indent);
        }
        self.raw(if span.japanese { " xml:lang=\"ja\">" } else { ">" });
        self.escaped(&span.text);
        self.raw("</tspan>");
    }

    /// Relative steps, which are short. Steps along a level line are merged.
    fn path(&mut self, path: &Path) {
        for run in &path.runs {
            let Some((&(x, y), rest)) = run.split_first() else { continue };
            self.raw("M");
            self.number(x);
            self.separated(y);
            if rest.is_empty() {
                self.raw("h0"); // a dot, given a round pen
            }
            let (mut from, mut level) = ((x, y), 0);
            let mut drawing_lines = false;
            for &(x, y) in rest {
                let (dx, dy) = (x - from.0, y - from.1);
                from = (x, y);
                if dy == 0 && (level == 0 || (level > 0) == (dx > 0)) {
                    level += dx;
                    continue;
                }
                if level != 0 {
                    self.raw("h");
                    self.number(std::mem::take(&mut level));
                    drawing_lines = false;
                }
                if dy == 0 {
                    level = dx;
                    continue;
                }
                if drawing_lines {
                    self.separated(dx);
                } else {
                    self.raw("l");
                    self.number(dx);
                    drawing_lines = true;
                }
                self.separated(dy);
            }
            if level != 0 {
                self.raw("h");
                self.number(level);
            }
            if path.closed {
                self.raw("z");
            }
        }
    }

    fn open(&mut self, element: &str, class: &str) {
        self.raw("<");
        self.raw(element);
        self.raw(" class=\"");
        self.raw(class);
        self.raw("\"");
    }

    fn attribute(&mut self, name: &str, tenths: i32) {
        self.raw(" ");
        self.raw(name);
        self.raw("=\"");
        self.number(tenths);
        self.raw("\"");
    }

    /// A number after another one; a minus sign is enough of a separator.
    fn separated(&mut self, tenths: i32) {
        if tenths >= 0 {
            self.raw(" ");
        }
        self.number(tenths);
    }

    /// Tenths as the shortest decimal number.
    fn number(&mut self, tenths: i32) {
        let (whole, tenth) = (tenths.unsigned_abs() / 10, tenths.unsigned_abs() % 10);
        if tenths < 0 {
            self.raw("-");
        }
        if whole != 0 || tenth == 0 {
            self.integer(whole);
        }
        if tenth != 0 {
            self.raw(".");
            self.integer(tenth);
        }
    }

    fn integer(&mut self, value: u32) {
        // Writing to a `String` cannot fail.
        let _ = write!(self.text, "{value}");
    }

    fn raw(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn escaped(&mut self, text: &str) {
        escaped(&mut self.text, text);
    }
}

/// Appends text escaped for XML 1.0; characters that it forbids become U+FFFD.
pub(super) fn escaped(to: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => to.push_str("&amp;"),
            '<' => to.push_str("&lt;"),
            '>' => to.push_str("&gt;"),
            '"' => to.push_str("&quot;"),
            '\'' => to.push_str("&#39;"),
            '\t' | '\n' | '\r' => to.push(' '),
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => to.push('\u{fffd}'),
            c => to.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Svg)) -> String {
        let mut svg = Svg { text: String::new() };
        write(&mut svg);
        svg.text
    }

    #[test]
    fn numbers_are_short() {
        for (tenths, text) in
            [(0, "0"), (5, ".5"), (-5, "-.5"), (10, "1"), (-12, "-1.2"), (10_800, "1080")]
        {
            assert_eq!(written(|svg| svg.number(tenths)), text);
        }
    }

    #[test]
    fn a_path_is_written_in_relative_steps() {
        let run = vec![(0, 0), (10, 5), (20, 0), (30, 0), (45, 0), (50, -10), (60, -10), (55, -10)];
        let path = |closed| Path { runs: vec![run.clone(), vec![(100, 100), (110, 100)]], closed };
        assert_eq!(written(|svg| svg.path(&path(false))), "M0 0l1 .5 1-.5h2.5l.5-1h1h-.5M10 10h1");
        assert!(written(|svg| svg.path(&path(true))).ends_with("h-.5zM10 10h1z"));
    }

    #[test]
    fn no_text_is_markup() {
        let text = written(|svg| svg.escaped("</text><script>'&\"\u{1}\u{ffff}\n本"));
        assert_eq!(text, "&lt;/text&gt;&lt;script&gt;&#39;&amp;&quot;\u{fffd}\u{fffd} 本");
    }
}
