//! The common parts of every page: head, menu, language, footer.

use std::sync::Arc;

use log2aws_core::chart::Language;

use crate::alert_board::AlertBoard;
use crate::assets::Asset;
use crate::i18n::{Words, count, fill};
use crate::query::encode;
use crate::viewer::Viewer;

/// Parameters of the layout.
#[derive(Debug)]
pub(crate) struct PageLayout<'a> {
    pub(crate) w: &'static Words,
    /// The title of the page.
    pub(crate) title: String,
    /// The current entry of the menu.
    pub(crate) here: &'static str,
    /// The page's own path and query, for the link to the other language.
    pub(crate) back: &'a str,
    /// Whether the user is logged in: then there is a menu, and the page updates itself.
    pub(crate) live: bool,
    /// The script of the page's charts, if it has any.
    pub(crate) chart: Option<&'static Asset>,
    /// The revision of the index that the page shows.
    pub(crate) revision: u64,
    /// Whether the index is still being filled.
    pub(crate) loading: bool,
    /// The data source: this machine, or a bucket.
    pub(crate) source: &'a str,
    /// The logged-in user, if known.
    pub(crate) viewer: Option<&'a Viewer>,
    /// The version of this program.
    pub(crate) version: &'a str,
    /// The alerts, whose number is in the menu.
    pub(crate) alerts: Arc<AlertBoard>,
}

impl PageLayout<'_> {
    pub(crate) fn other(&self) -> Language {
        match self.w.language {
            Language::En => Language::Ja,
            Language::Ja => Language::En,
        }
    }

    /// The other language's name in that language.
    pub(crate) fn other_name(&self) -> &'static str {
        match self.other() {
            Language::En => "English",
            Language::Ja => "日本語",
        }
    }

    pub(crate) fn language_link(&self) -> String {
        format!("/ui/lang?to={}&back={}", self.other().as_str(), encode(self.back))
    }

    /// How many alerts are firing, in words; `None` if none is.
    pub(crate) fn firing(&self) -> Option<String> {
        let firing = self.alerts.firing() as u64;
        (firing > 0).then(|| count(firing, [self.w.alerts_one, self.w.alerts_many]))
    }

    pub(crate) fn footer(&self) -> String {
        if self.source.is_empty() {
            return format!("log2aws {}", self.version);
        }
        let source = fill(self.w.shown_from, &[("source", &self.source)]);
        let viewer = self.viewer.map(|viewer| {
            let rights = if viewer.read_only { self.w.viewer_reads } else { self.w.viewer };
            fill(rights, &[("token", &viewer.token)]) + " · "
        });
        format!("{}{source} · log2aws {}", viewer.unwrap_or_default(), self.version)
    }
}

/// The severity of a message, shown by colour, symbol and text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    Ok,
    Note,
    Warn,
    Bad,
}

/// A status message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) severity: Severity,
    pub(crate) text: String,
    /// The message of the underlying error, always in English.
    pub(crate) detail: Option<String>,
}

impl Message {
    pub(crate) fn new(severity: Severity, text: impl Into<String>) -> Self {
        Self { severity, text: text.into(), detail: None }
    }

    /// Adds the message of the underlying error.
    pub(crate) fn with_detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// The text in parts that alternate between prose and, in backquotes, code.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (bool, &str)> {
        [false, true].into_iter().cycle().zip(self.text.split('`'))
    }

    pub(crate) fn class(&self) -> &'static str {
        match self.severity {
            Severity::Ok => "ok",
            Severity::Note => "note",
            Severity::Warn => "warn",
            Severity::Bad => "bad",
        }
    }

    /// The symbol, which differs in shape and not only in colour.
    pub(crate) fn sign(&self) -> &'static str {
        match self.severity {
            Severity::Ok => "✓",
            Severity::Note => "i",
            Severity::Warn => "▾",
            Severity::Bad => "!",
        }
    }

    /// The severity as text for screen readers.
    pub(crate) fn severity_word(&self, w: &Words) -> &'static str {
        match self.severity {
            Severity::Ok => w.kind_ok,
            Severity::Note => w.kind_note,
            Severity::Warn => w.kind_warn,
            Severity::Bad => w.kind_bad,
        }
    }
}
