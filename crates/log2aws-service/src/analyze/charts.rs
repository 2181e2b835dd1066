//! The formats in which the chart of a day is stored.

use std::fmt;
use std::str::FromStr;

/// The formats of the chart beside each CSV; there is at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartFormats {
    /// SVG alone.
    Svg,
    /// PNG alone.
    Png,
    /// Both.
    SvgAndPng,
}

/// The text is not a valid list of formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write svg, png or svg,png")]
pub struct UnknownChartFormat;

impl ChartFormats {
    /// The formats as settings write them.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
            Self::SvgAndPng => "svg,png",
        }
    }

    /// Whether the SVG is stored.
    pub fn svg(self) -> bool {
        self != Self::Png
    }

    /// Whether a PNG is rendered and stored.
    pub fn png(self) -> bool {
        self != Self::Svg
    }
}

impl FromStr for ChartFormats {
    type Err = UnknownChartFormat;

    fn from_str(text: &str) -> Result<Self, UnknownChartFormat> {
        let known = [Self::Svg, Self::Png, Self::SvgAndPng];
        known.into_iter().find(|charts| charts.as_str() == text).ok_or(UnknownChartFormat)
    }
}

impl fmt::Display for ChartFormats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formats_are_read_as_they_are_written() {
        for (text, svg, png) in
            [("svg", true, false), ("png", false, true), ("svg,png", true, true)]
        {
            let charts: ChartFormats = text.parse().unwrap();
            assert_eq!((charts.to_string().as_str(), charts.svg(), charts.png()), (text, svg, png));
        }
        for text in ["", "SVG", "none", "png,svg", "svg,png,html"] {
            assert_eq!(text.parse::<ChartFormats>(), Err(UnknownChartFormat), "{text}");
        }
    }
}
