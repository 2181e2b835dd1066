//! Style sheets, scripts and the icon, built into the program.

use std::sync::LazyLock;

use log2aws_core::chart::{CHART_CSS, CHART_JS, DAY_JS};
use sha2::{Digest, Sha256};

/// A file below `/ui/assets/`.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Its file name.
    pub(crate) name: &'static str,
    /// Its media type.
    pub(crate) content_type: &'static str,
    /// Its text.
    pub(crate) text: &'static str,
    /// A hash of the content, which distinguishes versions of the program.
    pub(crate) tag: String,
    url: String,
}

pub(crate) static SHEET: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("dashboard.css", CSS, include_str!("../assets/dashboard.css")));
pub(crate) static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("dashboard.js", JS, include_str!("../assets/dashboard.js")));
pub(crate) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")));
pub(crate) static CHART_SHEET: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("chart.css", CSS, CHART_CSS));
pub(crate) static CHART_SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("chart.js", JS, CHART_JS));

pub(crate) static DAY_SCRIPT: LazyLock<Asset> = LazyLock::new(|| Asset::new("day.js", JS, DAY_JS));

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

impl Asset {
    fn new(name: &'static str, content_type: &'static str, text: &'static str) -> Self {
        let tag = hex::encode(&Sha256::digest(text)[..8]);
        let url = format!("/ui/assets/{name}?v={tag}");
        Self { name, content_type, text, tag, url }
    }

    /// Its URL, which contains the hash.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// The asset with that name.
pub(crate) fn find(name: &str) -> Option<&'static Asset> {
    let all: [&'static Asset; 6] =
        [&SHEET, &SCRIPT, &ICON, &CHART_SHEET, &CHART_SCRIPT, &DAY_SCRIPT];
    all.into_iter().find(|asset| asset.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The variables of the sheet in light and in dark mode.
    fn variables() -> [BTreeMap<String, String>; 2] {
        let (light, rest) = SHEET.text.split_once("@media screen").unwrap();
        let night = rest.split_once("\n}").unwrap().0;
        let read = |css: &str| {
            let pairs = css.split(';').filter_map(|part| part.rsplit_once("--")?.1.split_once(':'));
            pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
        };
        [read(light), read(night)]
    }

    /// WCAG 2's relative luminance.
    fn luminance(hex: &str) -> f64 {
        let digits: String = match hex.strip_prefix('#').unwrap() {
            short if short.len() == 3 => short.chars().flat_map(|c| [c, c]).collect(),
            long => long.to_owned(),
        };
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(&digits[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_text_stands_out_from_what_it_is_written_on() {
        assert!((contrast("#fff", "#000") - 21.0).abs() < 0.01);
        let mut pairs = 0;
        for sheet in variables() {
            for (name, ink) in &sheet {
                let Some(own) = name.strip_suffix("-ink") else { continue };
                let on = sheet.get(&format!("{own}-bg")).map(|bg| vec![bg]);
                let everywhere = || vec![&sheet["bg"], &sheet["panel-bg"], &sheet["weekend-bg"]];
                for bg in on.unwrap_or_else(everywhere) {
                    pairs += 1;
                    assert!(contrast(ink, bg) >= 4.5, "{name} on {bg}: {}", contrast(ink, bg));
                }
            }
            for name in ["ink", "focus", "field-line"] {
                let least = if name == "ink" { 7.0 } else { 3.0 };
                for bg in ["bg", "panel-bg"] {
                    let found = contrast(&sheet[name], &sheet[bg]);
                    assert!(found >= least, "{name} on {bg}: {found}");
                }
            }
            // The login button's background is the link colour and its text is the page's
            // background.
            assert!(contrast(&sheet["bg"], &sheet["link-ink"]) >= 4.5);
        }
        assert!(pairs > 30, "{pairs}");
    }

    #[test]
    fn every_variable_that_is_used_is_there_by_light_and_by_night() {
        let [light, night] = variables();
        assert_eq!(light.keys().collect::<Vec<_>>(), night.keys().collect::<Vec<_>>());
        for used in SHEET.text.split("var(--").skip(1) {
            let name = used.split_once(')').unwrap().0;
            assert!(light.contains_key(name), "{name}");
        }
    }

    #[test]
    fn assets_fetch_nothing_from_elsewhere() {
        for asset in [&SHEET, &SCRIPT, &ICON, &CHART_SHEET, &CHART_SCRIPT, &DAY_SCRIPT] {
            let text = asset.text.replace("http://www.w3.org/2000/svg", "").replace("url(#", "");
            assert!(!text.contains("http:") && !text.contains("https:"), "{}", asset.name);
            assert!(!text.contains("@import") && !text.contains("url("), "{}", asset.name);
        }
    }
}
