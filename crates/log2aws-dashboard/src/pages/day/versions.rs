//! Which versions of a day there are, who put them, and which were refused.

use log2aws_core::summary::{AcceptedVersion, Change, Summary};

use super::content::Refused;
use crate::pages::frame::{Kind, Said};
use crate::words::{Words, count, say};

/// That the day was replaced, if it was.
pub(super) fn replaced(summary: &Summary, w: &Words) -> Option<Said> {
    let is_replaced = |version: &AcceptedVersion| version.change == Some(Change::Replaced);
    let (newest, older) = summary.versions.split_first()?;
    if is_replaced(newest) {
        let source = source(newest, w);
        return Some(Said::new(Kind::Warn, say(w.replaced, &[("source", &source)])));
    }
    older.iter().any(is_replaced).then(|| Said::new(Kind::Warn, w.replaced_before))
}

/// Which versions were refused, if any were.
pub(super) fn refused(refused: &Refused, w: &Words) -> Option<Said> {
    let list = match refused {
        Ok(list) => list,
        Err(why) => {
            return Some(Said::new(Kind::Bad, w.refusals_unreadable).because(why.as_str()));
        }
    };
    let newest = list.listed.last()?;
    let from = newest.source.map_or_else(|| w.source_unknown.to_owned(), |from| from.to_string());
    let text = count(list.total(), [w.refusals_one, w.refusals_many]);
    Some(Said::new(Kind::Note, say(&text, &[("source", &from)])).because(newest.reason.as_str()))
}

/// The rows of the table that says where the results come from.
pub(super) fn rows(summary: &Summary, w: &Words) -> Vec<(&'static str, String)> {
    let Some((newest, older)) = summary.versions.split_first() else { return Vec::new() };
    let total = summary.versions_more.saturating_add(summary.versions.len() as u64);
    let mut rows = vec![(w.raw_source, told(newest, w)), (w.raw_versions, total.to_string())];
    rows.extend(
        older
            .iter()
            .map(|older| (w.raw_earlier, format!("{} · {}", older.version, told(older, w)))),
    );
    rows
}

/// Who put a version, when, and what it did to the one before.
fn told(version: &AcceptedVersion, w: &Words) -> String {
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
    if version.operator { say(w.source_operator, &[("source", &from)]) } else { from }
}
