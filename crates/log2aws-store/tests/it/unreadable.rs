//! An unreadable file or folder does not affect others.

use std::fs;
use std::path::Path;

use log2aws_store::disk::{Entry, ListQuery, RetentionRule, Unreadable, VersionQuery};

use crate::common::{HandClock, START, at, get, open, open_at, put, raw};

/// Puts a folder in place of a file: it can be opened, but neither read nor removed as a file, not
/// even by root.
fn spoil(file: &Path) {
    fs::remove_file(file).unwrap();
    fs::create_dir(file).unwrap();
    fs::write(file.join("in the way"), "").unwrap();
}

fn named(unreadable: &[Unreadable], file: &Path) {
    let [one] = unreadable else { panic!("{unreadable:?}") };
    assert_eq!((&*one.path, one.is_corrupt()), (file, false));
    let reason = std::error::Error::source(one).unwrap().to_string();
    assert!(reason.contains("directory"), "{reason}");
}

#[test]
fn lists_name_what_they_cannot_read_and_show_the_rest() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    for name in ["a/1.log", "b/1.log", "b/2.log", "b/3.log", "c/1.log"] {
        put(&store, &raw(), name, b"x").unwrap();
    }
    let file = home.path().join("buckets/serverlogs-local/b/2.log@");
    spoil(&file);
    let all = ListQuery { max: 10, ..ListQuery::default() };
    let listing = store.list(&raw(), &all).unwrap();
    assert_eq!(listing.entries.len(), 4);
    named(&listing.unreadable, &file);
    let listing = store.list(&raw(), &ListQuery { max: 2, ..ListQuery::default() }).unwrap();
    assert!(listing.next.is_some() && listing.unreadable.is_empty());
    let after = ListQuery { max: 2, after: listing.next, ..ListQuery::default() };
    let listing = store.list(&raw(), &after).unwrap();
    assert_eq!((listing.entries.len(), listing.unreadable.len()), (1, 1));
    assert!(listing.next.is_some(), "the page ends with what cannot be read");
    let folders = ListQuery { delimiter: Some("/".to_owned()), max: 10, ..ListQuery::default() };
    let listing = store.list(&raw(), &folders).unwrap();
    assert!(listing.entries.iter().all(|entry| matches!(entry, Entry::CommonPrefix(_))));
    assert_eq!(listing.entries.len(), 3);
    let versions = VersionQuery { max: 10, ..VersionQuery::default() };
    let listing = store.list_versions(&raw(), &versions).unwrap();
    assert_eq!(listing.entries.len(), 4);
    named(&listing.unreadable, &file);
}

#[test]
fn retention_removes_the_rest_and_counts_it() {
    let home = tempfile::tempdir().unwrap();
    let clock = HandClock::new();
    let store = open_at(home.path(), clock.clone());
    for name in ["a/1.log", "b/1.log", "b/2.log", "c/1.log"] {
        put(&store, &raw(), name, b"x").unwrap();
    }
    let file = home.path().join("buckets/serverlogs-local/b/1.log@");
    spoil(&file);
    let expired = store.expire(&raw(), &RetentionRule::everything_before(at(START + 1))).unwrap();
    assert_eq!(expired.removed, 3);
    named(&expired.unreadable, &file);
}

#[test]
fn retention_opens_no_file_that_its_name_or_its_time_rules_out() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    for name in ["a/1.log", "b/1.log"] {
        put(&store, &raw(), name, b"x").unwrap();
    }
    let file = home.path().join("buckets/serverlogs-local/b/1.log@");
    // What opens it names it.
    spoil(&file);
    let everything = RetentionRule::everything_before(at(START + 1));
    let by_name = RetentionRule { may_be_due: &|key| key != "b/1.log", ..everything };
    let expired = store.expire(&raw(), &by_name).unwrap();
    assert_eq!((expired.removed, expired.unreadable.len()), (1, 0));
    let everything = RetentionRule::everything_before(at(START + 1));
    let by_time = RetentionRule { by_file_time: true, ..everything };
    let expired = store.expire(&raw(), &by_time).unwrap();
    assert_eq!((expired.removed, expired.unreadable.len()), (0, 0));
    let expired = store.expire(&raw(), &RetentionRule::everything_before(at(START + 1))).unwrap();
    named(&expired.unreadable, &file);
}

#[test]
fn a_scan_meets_every_key_once_and_stops_when_it_is_asked_to() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    for name in ["a/1.log", "a/b/2.log", "3.log"] {
        put(&store, &raw(), name, b"x").unwrap();
        put(&store, &raw(), name, b"newer").unwrap();
    }
    let mut keys = Vec::new();
    let finished =
        store.scan(&raw(), &|| false, &mut |name| keys.push(name.unwrap().to_owned())).unwrap();
    keys.sort();
    assert!(finished);
    assert_eq!(keys, ["3.log", "a/1.log", "a/b/2.log"]);
    let mut met = 0;
    assert!(!store.scan(&raw(), &|| true, &mut |_| met += 1).unwrap());
    assert_eq!(met, 0);
}

#[test]
fn retention_passes_over_names_and_new_files_and_stops_when_it_is_asked_to() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    put(&store, &raw(), "old", b"x").unwrap();
    put(&store, &raw(), "not-by-name", b"x").unwrap();
    let rule = |stop: &'static dyn Fn() -> bool, by_file_time| RetentionRule {
        may_be_due: &|key| key == "old",
        by_file_time,
        stop,
        ..RetentionRule::everything_before(at(START + 1))
    };
    let expired = store.expire(&raw(), &rule(&|| true, false)).unwrap();
    assert_eq!((expired.removed, expired.stopped), (0, true));
    // The file was written just now, even though the test's clock says otherwise.
    let newer = fs::File::open(home.path().join("buckets/serverlogs-local/old@")).unwrap();
    newer
        .set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(4_000_000_000))
        .unwrap();
    assert_eq!(store.expire(&raw(), &rule(&|| false, true)).unwrap().removed, 0);
    let expired = store.expire(&raw(), &rule(&|| false, false)).unwrap();
    assert_eq!((expired.removed, expired.stopped), (1, false));
    assert_eq!(get(&store, &raw(), "not-by-name").unwrap(), b"x");
}

#[test]
fn the_version_that_results_came_from_stays_as_long_as_its_key() {
    let home = tempfile::tempdir().unwrap();
    let clock = HandClock::new();
    let store = open_at(home.path(), clock.clone());
    let used = put(&store, &raw(), "a", b"the results are of this").unwrap();
    put(&store, &raw(), "a", b"replaced at once").unwrap();
    clock.set(START + 10);
    put(&store, &raw(), "a", b"refused").unwrap();
    let is_in_use = |_: &_, version: &_| *version == used.version;
    let rule = |before: i64| RetentionRule {
        is_in_use: &is_in_use,
        ..RetentionRule::everything_before(at(before))
    };
    let expired = store.expire(&raw(), &rule(START + 5)).unwrap();
    assert_eq!((expired.removed, expired.in_use), (1, 1));
    let versions = VersionQuery { max: 10, ..VersionQuery::default() };
    assert_eq!(store.list_versions(&raw(), &versions).unwrap().entries.len(), 2);
    assert_eq!(store.expire(&raw(), &rule(START + 15)).unwrap().removed, 2);
}

#[test]
fn a_present_body_that_must_stay_stays_whatever_its_age() {
    let home = tempfile::tempdir().unwrap();
    let clock = HandClock::new();
    let store = open_at(home.path(), clock.clone());
    put(&store, &raw(), "kept", b"older").unwrap();
    put(&store, &raw(), "kept", b"present").unwrap();
    put(&store, &raw(), "other", b"x").unwrap();
    let rule = RetentionRule {
        must_stay: &|key| key.as_str() == "kept",
        ..RetentionRule::everything_before(at(START + 10))
    };
    let expired = store.expire(&raw(), &rule).unwrap();
    assert_eq!((expired.removed, expired.in_use), (2, 1));
    assert_eq!(get(&store, &raw(), "kept").unwrap(), b"present");
}
