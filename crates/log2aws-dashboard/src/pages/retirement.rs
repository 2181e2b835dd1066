//! An operator's record that a server is retired: from which day, who wrote it, when and why.

use log2aws_core::day::Day;
use log2aws_core::retired::Retirement;

use super::layout::{Message, Severity};
use crate::i18n::{Words, fill};

/// In a few words.
pub(crate) fn short(record: &Retirement, w: &Words) -> String {
    fill(w.cell_retired_since, &[("day", &record.from)])
}

/// In one line, with the reason.
pub(crate) fn line(record: &Retirement, w: &Words) -> String {
    let Retirement { from, why, by, .. } = record;
    fill(w.retired_line, &[("day", from), ("why", why), ("by", by)])
}

/// A message about the record; `arrived` is the last day shown of which a log arrived though none was
/// expected.
pub(crate) fn message(record: &Retirement, arrived: Option<Day>, w: &Words) -> Message {
    let Retirement { from, why, by, at, .. } = record;
    let (severity, text) = match arrived {
        Some(_) => (Severity::Warn, w.retired_but_arrived),
        None => (Severity::Note, w.retired),
    };
    let at = at.strftime("%Y-%m-%dT%H:%M:%SZ");
    let arrived = arrived.map_or_else(String::new, |day| day.to_string());
    let text = fill(text, &[("day", from), ("by", by), ("at", &at), ("arrived", &arrived)]);
    Message::new(severity, text).with_detail(why.as_str())
}
