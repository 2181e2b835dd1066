//! Lists compared with a model: a sorted map that is filtered directly.

use std::collections::{BTreeMap, BTreeSet};

use log2aws_store::DiskStore;
use log2aws_store::disk::{Condition, Entry, ListQuery, VersionEntry, VersionMarker, VersionQuery};
use proptest::prelude::*;
use proptest::sample::select;

use crate::common::{analyzed, key, open, put, raw};

/// Segments that are hard for a naive store.
const SEGMENTS: &[&str] = &[
    "",
    ".",
    "..",
    "...",
    ".a",
    "a",
    "a@",
    "@",
    "a@0",
    "%",
    "%2F",
    "%40",
    "a%",
    "a!",
    "a-",
    "a.b",
    "a0",
    "A",
    "\u{1}",
    "\n",
    "日本",
    "日本語",
    "é",
    "e\u{301}",
    "\u{10ffff}",
    "\u{7f}",
    " ",
    "\\",
];

/// One to four segments: leading, trailing and double slashes come from the empty one.
fn keys() -> impl Strategy<Value = String> {
    let joined = prop::collection::vec(select(SEGMENTS), 1..=4).prop_map(|s| s.join("/"));
    joined.prop_filter("a key has at least one byte", |key| !key.is_empty())
}

/// The beginning of a key, whole or cut at any character.
fn prefixes() -> impl Strategy<Value = String> {
    let cut = (keys(), 0..12_usize).prop_map(|(key, n)| key.chars().take(n).collect());
    prop_oneof![2 => Just(String::new()), 3 => cut]
}

fn delimiters() -> impl Strategy<Value = Option<String>> {
    let some = select(vec!["/", "/", "/", "a", "@", "//", "/a", "本", ""]);
    prop::option::weighted(0.7, some.prop_map(str::to_owned))
}

#[derive(Clone, Debug, PartialEq)]
enum Line {
    Key(String),
    Prefix(String),
}

/// The expected list, all pages together.
fn model<'a>(
    keys: impl Iterator<Item = &'a String>,
    prefix: &str,
    delimiter: Option<&str>,
    after: Option<&str>,
) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut seen = BTreeSet::new();
    for key in keys {
        let Some(rest) = key.strip_prefix(prefix) else { continue };
        let rolled = delimiter
            .filter(|delimiter| !delimiter.is_empty())
            .and_then(|delimiter| Some(rest.find(delimiter)? + delimiter.len()))
            .map(|end| &key[..prefix.len() + end]);
        if after.is_some_and(|after| rolled.unwrap_or(key) <= after) {
            continue;
        }
        match rolled {
            None => lines.push(Line::Key(key.clone())),
            Some(rolled) if seen.insert(rolled) => lines.push(Line::Prefix(rolled.to_owned())),
            Some(_) => {}
        }
    }
    lines
}

fn list_all(store: &DiskStore, mut query: ListQuery) -> Vec<Line> {
    let mut lines = Vec::new();
    loop {
        let page = store.list(&analyzed(), &query).unwrap();
        assert!(page.entries.len() <= query.max && page.unreadable.is_empty());
        assert!(page.next.is_none() || page.entries.len() == query.max, "{page:?}");
        lines.extend(page.entries.into_iter().map(|entry| match entry {
            Entry::Object(info) => Line::Key(info.key.to_string()),
            Entry::CommonPrefix(prefix) => Line::Prefix(prefix),
        }));
        let Some(next) = page.next else { return lines };
        assert!(query.after.as_ref().is_none_or(|after| next > *after), "{next:?} goes back");
        query.after = Some(next);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn objects_are_listed_in_order_and_page_by_page(
        put_keys in prop::collection::btree_set(keys(), 0..24),
        gone in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        queries in prop::collection::vec(
            (prefixes(), delimiters(), prop::option::of(prefixes()), 1..6_usize), 12),
    ) {
        let home = tempfile::tempdir().unwrap();
        let store = open(home.path());
        let mut here = put_keys.clone();
        for name in &put_keys {
            put(&store, &analyzed(), name, name.as_bytes()).unwrap();
        }
        let all: Vec<_> = put_keys.into_iter().collect();
        for index in gone.iter().filter(|_| !all.is_empty()) {
            let name: &String = index.get(&all);
            store.delete(&analyzed(), &key(name), &Condition::Always).unwrap();
            here.remove(name);
        }
        for (prefix, delimiter, after, max) in queries {
            let should = model(here.iter(), &prefix, delimiter.as_deref(), after.as_deref());
            let query = ListQuery { prefix, delimiter, after, max };
            let is = list_all(&store, query.clone());
            prop_assert_eq!(is, should, "{:?}", query);
        }
    }

    #[test]
    fn versions_are_listed_in_order_and_page_by_page(
        puts in prop::collection::vec((keys(), 0..3_u8), 0..24),
        queries in prop::collection::vec((prefixes(), delimiters(), 1..6_usize), 8),
    ) {
        let home = tempfile::tempdir().unwrap();
        let store = open(home.path());
        let mut here: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, byte) in &puts {
            let id = put(&store, &raw(), name, &[*byte]).unwrap().version.to_string();
            let versions = here.entry(name.clone()).or_default();
            if versions.first() != Some(&id) {
                versions.insert(0, id);
            }
        }
        for (prefix, delimiter, max) in queries {
            let lines = model(here.keys(), &prefix, delimiter.as_deref(), None);
            let should: Vec<(Line, String)> = lines.into_iter().flat_map(|line| {
                let versions = match &line {
                    Line::Key(key) => here[key].clone(),
                    Line::Prefix(_) => vec![String::new()],
                };
                versions.into_iter().map(move |id| (line.clone(), id))
            }).collect();
            let query = VersionQuery { prefix, delimiter, after: None, max };
            prop_assert_eq!(versions_of(&store, query.clone()), should, "{:?}", query);
        }
    }
}

fn versions_of(store: &DiskStore, mut query: VersionQuery) -> Vec<(Line, String)> {
    let mut lines = Vec::new();
    loop {
        let page = store.list_versions(&raw(), &query).unwrap();
        assert!(page.entries.len() <= query.max && page.unreadable.is_empty());
        lines.extend(page.entries.into_iter().map(|entry| match entry {
            VersionEntry::Version { info, .. } => {
                (Line::Key(info.key.to_string()), info.version.to_string())
            }
            VersionEntry::CommonPrefix(prefix) => (Line::Prefix(prefix), String::new()),
        }));
        let Some(VersionMarker { key, version }) = page.next else { return lines };
        assert!(lines.len() <= 1000, "the pages go round in a circle");
        query.after = Some(VersionMarker { key, version });
    }
}

#[test]
fn an_empty_page_is_the_last() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    put(&store, &analyzed(), "k", b"x").unwrap();
    let page = store.list(&analyzed(), &ListQuery::default()).unwrap();
    assert!(page.entries.is_empty() && page.next.is_none());
}

#[test]
fn what_others_leave_in_the_folder_is_not_listed() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    put(&store, &analyzed(), "k", b"x").unwrap();
    let bucket = home.path().join("buckets/analyzedlogs-local");
    for name in [".directory", "notes.txt", "a@b", "%zz@", "%@", "lost%2Ffound@"] {
        std::fs::write(bucket.join(name), "foreign").unwrap();
    }
    std::fs::create_dir_all(bucket.join("empty/folders")).unwrap();
    for delimiter in [None, Some("/".to_owned())] {
        let query = ListQuery { delimiter, max: 10, ..ListQuery::default() };
        assert_eq!(list_all(&store, query), [Line::Key("k".to_owned())]);
    }
}

#[test]
fn a_page_holds_a_thousand_at_most_and_large_folders_are_listed_whole() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let names: Vec<String> = (0..2100).map(|i| format!("web01/{i:05}")).collect();
    std::thread::scope(|scope| {
        for names in names.chunks(140) {
            let store = &store;
            scope.spawn(move || {
                for name in names {
                    put(store, &analyzed(), name, b"x").unwrap();
                }
            });
        }
    });
    let query = ListQuery { max: usize::MAX, ..ListQuery::default() };
    let page = store.list(&analyzed(), &query).unwrap();
    assert_eq!((page.entries.len(), page.next.as_deref()), (1000, Some("web01/00999")));
    let mut all = Vec::new();
    let mut query = ListQuery { max: 999, ..ListQuery::default() };
    loop {
        let page = store.list(&analyzed(), &query).unwrap();
        for entry in page.entries {
            let Entry::Object(info) = entry else { panic!("{entry:?}") };
            all.push(info.key.to_string());
        }
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(all, names);
}
