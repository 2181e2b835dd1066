//! How a refresh is divided into lists, so that many can run at once.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use log2aws_core::key::{KeyPrefix, RawKey};
use log2aws_core::server_name::ServerName;
use log2aws_service::ports::{ListQuery, StoreError};

use super::{Inner, RECENT_DAYS};
use crate::index::{DayNumber, KeyLayout, Packed};

/// The limit for folder names in bytes: far more than any fleet has, and little enough for a small
/// machine.
const MAX_FOLDER_BYTES: usize = 32 * 1024 * 1024;

/// One list: the keys below a prefix.
#[derive(Clone, Debug)]
pub(super) struct ListJob {
    pub(super) prefix: String,
    pub(super) after: Option<String>,
    /// The days that the list covers completely, so that days missing from it are gone.
    pub(super) coverage: Option<ListCoverage>,
}

#[derive(Clone, Debug)]
pub(super) struct ListCoverage {
    pub(super) server: Arc<ServerName>,
    layout: KeyLayout,
    from: DayNumber,
    to: DayNumber,
}

impl ListCoverage {
    pub(super) fn holds(&self, packed: &Packed) -> bool {
        packed.layout == self.layout && (self.from..=self.to).contains(&packed.day)
    }
}

/// The top-level folders of the bucket; counts the list requests. `None` if it was stopped.
pub(super) fn folders(
    inner: &Inner,
    stop: &(dyn Fn() -> bool + Sync),
    requests: &mut u64,
) -> Result<Option<BTreeSet<String>>, StoreError> {
    let mut query = ListQuery { folders: true, ..ListQuery::default() };
    let mut folders = BTreeSet::new();
    let mut bytes = 0;
    loop {
        if stop() {
            return Ok(None);
        }
        *requests += 1;
        let page = inner.config.lister.list(&inner.config.analyzed, &query)?;
        bytes += page.folders.iter().map(String::len).sum::<usize>();
        folders.extend(page.folders);
        if bytes > MAX_FOLDER_BYTES {
            return Err(endless("the names of its folders have no end"));
        }
        if !next_page(&mut query, page.next)? {
            return Ok(Some(folders));
        }
    }
}

/// Advances the query to the next page; `false` after the last one. A page that does not advance is
/// an error, because it would be requested for ever.
pub(super) fn next_page(query: &mut ListQuery, next: Option<String>) -> Result<bool, StoreError> {
    let Some(next) = next else { return Ok(false) };
    if query.after.as_ref().is_some_and(|after| next <= *after) {
        return Err(endless("a page of it leads no further than the one before"));
    }
    query.after = Some(next);
    Ok(true)
}

fn endless(reason: &'static str) -> StoreError {
    StoreError::Failed { what: "listing the bucket".to_owned(), source: io::Error::other(reason) }
}

/// The lists of a full refresh: a folder may belong to a server, or contain parts of several.
pub(super) fn full(folders: &BTreeSet<String>) -> Vec<ListJob> {
    let job = |folder: &String| ListJob { prefix: folder.clone(), after: None, coverage: None };
    folders.iter().map(job).collect()
}

/// The lists of each server's latest days, and of new folders.
pub(super) fn recent(inner: &Inner, folders: &BTreeSet<String>, today: DayNumber) -> Vec<ListJob> {
    let from = DayNumber(today.0.saturating_sub(RECENT_DAYS));
    let known: BTreeSet<String> = inner.state().folders.clone();
    let mut jobs = Vec::new();
    let index = inner.index();
    for (server, days) in index.names() {
        let days = days.as_slice();
        if folders.contains(&format!("{server}/")) || any(days, KeyLayout::Plain, from) {
            jobs.extend(job(server, KeyLayout::Plain, from, DayNumber(i32::MAX)));
        }
        if days.iter().any(|packed| packed.layout == KeyLayout::Spread) {
            let mut first = from;
            while first <= DayNumber(today.0.saturating_add(1)) {
                let Some(last) = end_of_month(first) else { break };
                jobs.extend(job(server, KeyLayout::Spread, first, last));
                first = DayNumber(last.0 + 1);
            }
        }
    }
    let is_server = |folder: &str| {
        let name = folder.trim_end_matches('/').parse::<ServerName>();
        name.is_ok_and(|name| !index.days(&name).is_empty())
    };
    let new = folders.iter().filter(|folder| !known.contains(*folder) && !is_server(folder));
    jobs.extend(new.map(|folder| ListJob { prefix: folder.clone(), after: None, coverage: None }));
    jobs
}

fn any(days: &[Packed], layout: KeyLayout, from: DayNumber) -> bool {
    days.iter().rev().take_while(|p| p.day >= from).any(|packed| packed.layout == layout)
}

/// The list of a server's days from `from` to `to`; in the spread layout they are in one month.
fn job(
    server: &Arc<ServerName>,
    layout: KeyLayout,
    from: DayNumber,
    to: DayNumber,
) -> Option<ListJob> {
    let prefix = match layout {
        KeyLayout::Plain => KeyPrefix::Off,
        KeyLayout::Spread => KeyPrefix::Spread,
    };
    let after = RawKey::new(ServerName::clone(server), from.day()?, prefix).to_string();
    let at = after.rfind('/')?;
    let coverage = ListCoverage { server: server.clone(), layout, from, to };
    Some(ListJob { prefix: after[..=at].to_owned(), after: Some(after), coverage: Some(coverage) })
}

fn end_of_month(day: DayNumber) -> Option<DayNumber> {
    let last = log2aws_core::day::Day::from_date(day.day()?.date().last_of_month())?;
    Some(last.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_leads_no_further_is_an_error() {
        let mut query = ListQuery::default();
        assert!(next_page(&mut query, Some("b/".to_owned())).unwrap());
        assert!(next_page(&mut query, Some("c/".to_owned())).unwrap());
        for next in ["c/", "a/"] {
            assert!(next_page(&mut query, Some(next.to_owned())).is_err(), "{next}");
        }
        assert!(!next_page(&mut query, None).unwrap());
    }
}
