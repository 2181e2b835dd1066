//! What stands around every page: head, menu, language, footer.

use log2aws_core::chart::Language;

use crate::http::Viewer;
use crate::http::query::encode;
use crate::i18n::{Words, fill};

/// What a page is framed with.
#[derive(Debug)]
pub(crate) struct PageLayout<'a> {
    pub(crate) w: &'static Words,
    /// The title of the page, as its head has it.
    pub(crate) title: String,
    /// Where the page stands in the menu.
    pub(crate) here: &'static str,
    /// The page's own path and query: the other language leads back to it.
    pub(crate) back: &'a str,
    /// Whether somebody is logged in: then there is a menu, and the page keeps itself up to date.
    pub(crate) live: bool,
    /// Whether there are charts on it.
    pub(crate) chart: bool,
    /// The revision of the index that the page was made of.
    pub(crate) revision: u64,
    /// Whether the index is still being filled.
    pub(crate) loading: bool,
    /// What is shown: this machine, or a bucket.
    pub(crate) source: &'a str,
    /// Who looks, if that is known.
    pub(crate) viewer: Option<&'a Viewer>,
    /// Of this program.
    pub(crate) version: &'a str,
}

impl PageLayout<'_> {
    pub(crate) fn other(&self) -> Language {
        match self.w.language {
            Language::En => Language::Ja,
            Language::Ja => Language::En,
        }
    }

    /// The other language by its own name, for those who read only that.
    pub(crate) fn other_name(&self) -> &'static str {
        match self.other() {
            Language::En => "English",
            Language::Ja => "日本語",
        }
    }

    pub(crate) fn language_link(&self) -> String {
        format!("/ui/lang?to={}&back={}", self.other().as_str(), encode(self.back))
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

/// What a sentence about a state means, at a glance: by colour, by sign and in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    Ok,
    Note,
    Warn,
    Bad,
}

/// A sentence about a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) severity: Severity,
    pub(crate) text: String,
    /// The fault's own words, which are English wherever they come from.
    pub(crate) detail: Option<String>,
}

impl Message {
    pub(crate) fn new(severity: Severity, text: impl Into<String>) -> Self {
        Self { severity, text: text.into(), detail: None }
    }

    /// With the fault's own words.
    pub(crate) fn with_detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    pub(crate) fn class(&self) -> &'static str {
        match self.severity {
            Severity::Ok => "ok",
            Severity::Note => "note",
            Severity::Warn => "warn",
            Severity::Bad => "bad",
        }
    }

    /// Differs in shape, not in colour alone.
    pub(crate) fn sign(&self) -> &'static str {
        match self.severity {
            Severity::Ok => "✓",
            Severity::Note => "i",
            Severity::Warn => "▾",
            Severity::Bad => "!",
        }
    }

    /// The sign for those who do not see it.
    pub(crate) fn severity_word(&self, w: &Words) -> &'static str {
        match self.severity {
            Severity::Ok => w.kind_ok,
            Severity::Note => w.kind_note,
            Severity::Warn => w.kind_warn,
            Severity::Bad => w.kind_bad,
        }
    }
}
