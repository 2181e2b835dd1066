//! The versions of a day: who put them, and which were refused.

use log2aws_core::summary::{AcceptedVersion, Change, Summary};

use super::content::Refused;
use crate::i18n::{Words, count, fill, reason};
use crate::pages::layout::{Message, Severity};

/// A message if the day was replaced.
pub(super) fn replaced(summary: &Summary, w: &Words) -> Option<Message> {
    let is_replaced = |version: &AcceptedVersion| version.change == Some(Change::Replaced);
    let (newest, older) = summary.versions.split_first()?;
    if is_replaced(newest) {
        let source = source(newest, w);
        return Some(Message::new(Severity::Warn, fill(w.replaced, &[("source", &source)])));
    }
    older.iter().any(is_replaced).then(|| Message::new(Severity::Warn, w.replaced_before))
}

/// A message if versions were refused.
pub(super) fn refused(refused: &Refused, w: &Words) -> Option<Message> {
    let list = match refused {
        Ok(list) => list,
        Err(why) => {
            return Some(
                Message::new(Severity::Bad, w.refusals_unreadable).with_detail(why.as_str()),
            );
        }
    };
    let newest = list.listed.last()?;
    let from = newest.source.map_or_else(|| w.source_unknown.to_owned(), |from| from.to_string());
    let text = count(list.total(), [w.refusals_one, w.refusals_many]);
    Some(
        Message::new(Severity::Note, fill(&text, &[("source", &from)]))
            .with_detail(reason(w.language, &newest.reason)),
    )
}

/// The rows of the table about the source of the results.
pub(super) fn rows(summary: &Summary, w: &Words) -> Vec<(&'static str, String)> {
    let Some((newest, older)) = summary.versions.split_first() else { return Vec::new() };
    let total = summary.versions_more.saturating_add(summary.versions.len() as u64);
    let mut rows = vec![(w.raw_source, describe(newest, w)), (w.raw_versions, total.to_string())];
    rows.extend(
        older
            .iter()
            .map(|older| (w.raw_earlier, format!("{} · {}", older.version, describe(older, w)))),
    );
    rows
}

/// Who put a version, when, and how it differs from the one before.
fn describe(version: &AcceptedVersion, w: &Words) -> String {
    let change = match version.change {
        Some(Change::First) => w.version_first,
        Some(Change::Same) => w.version_same,
        Some(Change::Grew) => w.version_grew,
        Some(Change::Replaced) => w.version_replaced,
        None => w.version_unknown,
    };
    let mut parts = vec![source(version, w)];
    parts.extend(version.time.map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()));
    parts.push(change.to_owned());
    parts.join(" · ")
}

fn source(version: &AcceptedVersion, w: &Words) -> String {
    let from = version.source.map_or_else(|| w.source_unknown.to_owned(), |from| from.to_string());
    if version.operator { fill(w.source_operator, &[("source", &from)]) } else { from }
}
