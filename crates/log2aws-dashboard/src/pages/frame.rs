//! What stands around every page: head, menu, language, footer.

use log2aws_core::chart::Language;

use crate::http::query::encode;
use crate::words::{self, Words, say};

/// What a page is framed with.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
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
    /// Of this program.
    pub(crate) version: &'a str,
}

impl Frame<'_> {
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
        let source = say(self.w.shown_from, &[("source", &self.source)]);
        format!("{source} · log2aws {}", self.version)
    }
}

/// What a sentence about a state means, at a glance: by colour, by sign and in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Ok,
    Note,
    Warn,
    Bad,
}

/// A sentence about a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    /// The fault's own words, which are English wherever they come from.
    pub(crate) detail: Option<String>,
}

impl Said {
    pub(crate) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), detail: None }
    }

    /// With the fault's own words.
    pub(crate) fn because(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    pub(crate) fn class(&self) -> &'static str {
        match self.kind {
            Kind::Ok => "ok",
            Kind::Note => "note",
            Kind::Warn => "warn",
            Kind::Bad => "bad",
        }
    }

    /// Differs in shape, not in colour alone.
    pub(crate) fn sign(&self) -> &'static str {
        match self.kind {
            Kind::Ok => "✓",
            Kind::Note => "i",
            Kind::Warn => "▾",
            Kind::Bad => "!",
        }
    }

    /// The sign for those who do not see it.
    pub(crate) fn kind_word(&self, w: &words::Words) -> &'static str {
        match self.kind {
            Kind::Ok => w.kind_ok,
            Kind::Note => w.kind_note,
            Kind::Warn => w.kind_warn,
            Kind::Bad => w.kind_bad,
        }
    }
}
