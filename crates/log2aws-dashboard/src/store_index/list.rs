//! Groups the keys of a list into days.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use log2aws_core::key::{KeyPrefix, RawKey, ResultKind};
use log2aws_core::server_name::ServerName;
use log2aws_service::ports::{ListQuery, ObjectMeta, StoreError};

use super::Inner;
use super::list_plan::{self, ListJob};
use crate::index::{KeyLayout, Listing, Tag};

/// A day in the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundDay {
    pub(super) key: RawKey,
    pub(super) tag: Tag,
    pub(super) kind: FoundKind,
}

/// What the lists say of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FoundKind {
    /// It has a summary.
    Summary,
    /// A CSV without one: it is not written yet, or was removed.
    Csv,
    /// Neither: nothing but refused puts.
    Refused,
}

/// The tags of the objects that say what there is of a day.
#[derive(Debug, Default)]
struct Tags {
    json: Option<Tag>,
    csv: Option<Tag>,
    refused: Option<Tag>,
}

impl Tags {
    fn found(self, key: RawKey) -> Option<FoundDay> {
        let kinds = [
            (self.json, FoundKind::Summary),
            (self.csv, FoundKind::Csv),
            (self.refused, FoundKind::Refused),
        ];
        let found = kinds.into_iter().find_map(|(tag, kind)| Some((tag?, kind)));
        found.map(|(tag, kind)| FoundDay { key, tag, kind })
    }

    fn place(&mut self, kind: ResultKind) -> &mut Option<Tag> {
        match kind {
            ResultKind::Csv => &mut self.csv,
            ResultKind::Refused => &mut self.refused,
            _ => &mut self.json,
        }
    }
}

/// The objects that say what there is of a day.
const TOLD_BY: [ResultKind; 3] = [ResultKind::Json, ResultKind::Csv, ResultKind::Refused];

impl FoundDay {
    pub(super) fn listing(&self, server: Arc<ServerName>) -> Listing {
        Listing { server, day: self.key.day.into(), layout: layout_of(&self.key), tag: self.tag }
    }
}

/// The layout of a key.
pub(super) fn layout_of(key: &RawKey) -> KeyLayout {
    let plain = RawKey::new(key.server.clone(), key.day, KeyPrefix::Off);
    if plain == *key { KeyLayout::Plain } else { KeyLayout::Spread }
}

/// Groups the keys of one list into days.
///
/// The keys of a day are adjacent in a list, but may be on two pages.
#[derive(Debug, Default)]
pub(super) struct GroupByDay {
    open: Option<(String, Tags)>,
}

impl GroupByDay {
    /// Takes an object; returns the previous day if this one belongs to another.
    pub(super) fn take(&mut self, object: &ObjectMeta) -> Option<FoundDay> {
        let key = object.key.as_str();
        let stem = |kind: ResultKind| Some((key.strip_suffix(kind.suffix())?, kind));
        let (stem, kind) = TOLD_BY.into_iter().find_map(stem)?;
        let same = self.open.as_ref().is_some_and(|(open, ..)| open == stem);
        let done = if same { None } else { self.finish() };
        let open = self.open.get_or_insert_with(|| (stem.to_owned(), Tags::default()));
        *open.1.place(kind) = Some(Tag::of(&object.e_tag));
        done
    }

    /// Returns the last day.
    pub(super) fn finish(&mut self) -> Option<FoundDay> {
        let (stem, tags) = self.open.take()?;
        tags.found(RawKey::parse(&format!("{stem}.log"))?)
    }
}

/// Runs one list job: passes on the days of each page and counts the list requests. Returns whether
/// it reached the end.
pub(super) fn job(
    inner: &Inner,
    job: &ListJob,
    stop: &(dyn Fn() -> bool + Sync),
    requests: &AtomicU64,
    mut take: impl FnMut(Vec<FoundDay>),
) -> Result<bool, StoreError> {
    let mut query =
        ListQuery { prefix: job.prefix.clone(), after: job.after.clone(), folders: false };
    let mut group = GroupByDay::default();
    loop {
        if stop() {
            return Ok(false);
        }
        requests.fetch_add(1, Ordering::Relaxed);
        let page = inner.config.lister.list(&inner.config.analyzed, &query)?;
        let mut found: Vec<FoundDay> =
            page.objects.iter().filter_map(|object| group.take(object)).collect();
        if page.next.is_none() {
            found.extend(group.finish());
        }
        take(found);
        if !list_plan::next_page(&mut query, page.next)? {
            return Ok(true);
        }
    }
}

/// The results of one day under exactly that key.
pub(super) fn one(inner: &Inner, key: &RawKey) -> Result<Option<FoundDay>, StoreError> {
    let query = ListQuery { prefix: format!("{key}."), ..ListQuery::default() };
    let page = inner.config.lister.list(&inner.config.analyzed, &query)?;
    let tags: BTreeMap<&str, &str> =
        page.objects.iter().map(|object| (object.key.as_str(), object.e_tag.as_str())).collect();
    let tag = |kind| tags.get(key.result_key(kind).as_str()).map(|tag| Tag::of(tag));
    let mut found = Tags::default();
    for kind in TOLD_BY {
        *found.place(kind) = tag(kind);
    }
    Ok(found.found(key.clone()))
}
