//! Writes a drawing as a self-contained HTML page that loads nothing else.

use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::drawing::Drawing;
use super::scale;
use super::svg::escaped;
use super::values::{PanelValues, Values};
use super::view::Language;
use super::words::names;

/// Files joined to one script, whose names are in no other script of a page.
macro_rules! script {
    ($($file:literal),*) => {
        concat!("(() => {\n\"use strict\";\n\n", $(include_str!($file), "\n",)* "})();\n")
    };
}

/// Shows the values of a week or a month under the pointer.
pub const CHART_JS: &str = script!("script/common.js", "script/chart.js");

/// Shows the values of a day's chart under the pointer, another part of the day, and chosen series.
pub const DAY_JS: &str = script!(
    "script/common.js",
    "script/scale.js",
    "script/clock.js",
    "script/overlay.js",
    "script/input.js",
    "script/day.js"
);

/// Styles for `CHART_JS` and `DAY_JS`.
pub const CHART_CSS: &str = include_str!("chart.css");

/// Styles for the rest of the page.
const PAGE_CSS: &str = include_str!("page.css");

/// The most rows of the table; a day of one-minute samples is grouped into steps.
const MAX_ROWS: usize = 288;

impl Drawing {
    /// The drawing as an HTML document with its values, both as tooltips and as a table. All text
    /// is escaped, including text from logs.
    pub fn to_html(&self) -> Vec<u8> {
        let mut page = String::with_capacity(256 * 1024);
        let language = self.language.as_str();
        let (class, script) =
            if self.values.zoom { ("chart day", DAY_JS) } else { ("chart", CHART_JS) };
        let hash = STANDARD.encode(Sha256::digest(script.as_bytes()));
        // Writing to a `String` cannot fail.
        let _ = write!(
            page,
            "<!DOCTYPE html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
             style-src 'unsafe-inline'; script-src 'sha256-{hash}'; base-uri 'none'; \
             form-action 'none'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>"
        );
        escaped(&mut page, &self.title);
        page.push_str("</title>\n<style>\n");
        page.push_str(CHART_CSS);
        page.push_str(PAGE_CSS);
        page.push_str("</style>\n</head>\n<body>\n<main>\n<h1 class=\"chart-unseen\">");
        escaped(&mut page, &self.title);
        let _ = writeln!(page, "</h1>\n<figure class=\"{class}\" tabindex=\"0\">");
        page.push_str(&String::from_utf8_lossy(&self.to_svg()));
        page.push_str("<script type=\"application/json\" class=\"chart-values\">");
        let json = self.to_values_json();
        // Only `<` could end the element, and in JSON it occurs only inside strings.
        page.push_str(&String::from_utf8_lossy(&json).replace('<', "\\u003c"));
        page.push_str("</script>\n</figure>\n");
        table(&mut page, &self.values, self.language);
        page.push_str("</main>\n<script>");
        page.push_str(script);
        page.push_str("</script>\n</body>\n</html>\n");
        page.into_bytes()
    }
}

/// The values as a table that is collapsed at first.
fn table(page: &mut String, values: &Values, language: Language) {
    let names = names(language);
    let step = values.times.len().div_ceil(MAX_ROWS).max(1);
    let _ = write!(page, "<details>\n<summary>{}</summary>\n", names.values);
    if step > 1 {
        let _ = match language {
            Language::En => {
                writeln!(page, "<p>Each row is the highest of {step} points in a row.</p>")
            }
            Language::Ja => writeln!(page, "<p>各行は連続する {step} 点の最大値です。</p>"),
        };
    }
    let shown = |panel: &&PanelValues| panel.series.iter().any(|series| !series.hidden);
    let panels: Vec<_> = values.panels.iter().filter(shown).collect();
    let time = if values.zoom { names.time } else { names.day };
    page.push_str("<div class=\"table\" tabindex=\"0\">\n<table>\n<thead>\n<tr>");
    let _ = write!(page, "<th rowspan=\"2\" scope=\"col\">{time}</th>");
    for panel in &panels {
        let count = panel.series.iter().filter(|series| !series.hidden).count();
        let _ = write!(page, "<th colspan=\"{count}\" scope=\"colgroup\">{}", panel.title);
        // Sizes already carry their unit.
        if !panel.unit.is_empty() && !is_size(panel) {
            let _ = write!(page, " <small>{}</small>", panel.unit);
        }
        page.push_str("</th>");
    }
    page.push_str("</tr>\n<tr>");
    let series: Vec<_> = panels
        .iter()
        .flat_map(|panel| panel.series.iter().map(move |series| (*panel, series)))
        .filter(|(_, series)| !series.hidden)
        .collect();
    for (_, series) in &series {
        let _ = write!(page, "<th scope=\"col\">{}</th>", series.name);
    }
    page.push_str("</tr>\n</thead>\n<tbody>\n");
    for (row, times) in values.times.chunks(step).enumerate() {
        let Some(time) = times.first() else { continue };
        let _ = write!(page, "<tr><th scope=\"row\">{time}</th>");
        for (panel, series) in &series {
            let from = (row * step).min(series.values.len());
            let to = (from + step).min(series.values.len());
            let highest = series.values[from..to].iter().flatten().copied().reduce(f32::max);
            page.push_str("<td>");
            if let Some(value) = highest.map(f64::from) {
                let text = if is_size(panel) { scale::size(value) } else { scale::number(value) };
                page.push_str(&text);
            }
            page.push_str("</td>");
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table>\n</div>\n</details>\n");
}

/// Whether the values are sizes, which are easier to read in larger units.
fn is_size(panel: &PanelValues) -> bool {
    panel.unit == "KiB"
}
