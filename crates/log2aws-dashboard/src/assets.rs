//! What pages are dressed with: style sheets, scripts, the icon. They are part of the program.

use std::fmt::Write;
use std::sync::LazyLock;

use log2aws_core::chart::{CHART_CSS, CHART_JS};
use sha2::{Digest, Sha256};

/// A file below `/ui/assets/`.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Its name there.
    pub(crate) name: &'static str,
    /// Its media type.
    pub(crate) content_type: &'static str,
    /// Its text.
    pub(crate) text: &'static str,
    /// Tells this text from that of another version of the program.
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

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

impl Asset {
    fn new(name: &'static str, content_type: &'static str, text: &'static str) -> Self {
        let mut tag = String::with_capacity(16);
        for byte in &Sha256::digest(text)[..8] {
            // Writing to a `String` cannot fail.
            let _ = write!(tag, "{byte:02x}");
        }
        let url = format!("/ui/assets/{name}?v={tag}");
        Self { name, content_type, text, tag, url }
    }

    /// Where it is, for as long as its text is this one.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// The asset of that name.
pub(crate) fn find(name: &str) -> Option<&'static Asset> {
    let all: [&'static Asset; 5] = [&SHEET, &SCRIPT, &ICON, &CHART_SHEET, &CHART_SCRIPT];
    all.into_iter().find(|asset| asset.name == name)
}
