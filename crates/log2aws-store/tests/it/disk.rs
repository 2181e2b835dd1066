//! Guarantees of the disk store beyond the port.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use crate::common::{
    HandClock, START, analyzed, at, count, get, get_version, key, open, open_at, put, raw,
};
use log2aws_store::conformance;
use log2aws_store::disk::{
    Attributes, Condition, DiskError, Entry, ListQuery, RetentionRule, VersionEntry, VersionMarker,
    VersionQuery,
};

#[test]
fn keeps_every_promise_of_a_store() {
    let home = tempfile::tempdir().unwrap();
    conformance::run_all(&open(home.path()), &raw(), &analyzed()).unwrap();
    // And again, over the leftovers.
    conformance::run_all(&open(home.path()), &raw(), &analyzed()).unwrap();
    assert_eq!(count(&home.path().join("staging")), 0);
}

#[test]
fn a_restart_finds_everything() {
    let home = tempfile::tempdir().unwrap();
    let attributes = Attributes {
        content_type: "text/csv; charset=utf-8".to_owned(),
        user_metadata: BTreeMap::from([("note".to_owned(), "本番DB\"\n".to_owned())]),
        source: Some("2001:db8::7".parse().unwrap()),
        by_operator: true,
        etag: Some("0123-7".to_owned()),
    };
    let store = open(home.path());
    let mut staged = store.stage(&analyzed(), &key("web01/日本.csv")).unwrap();
    staged.write_all(b"datetime\n").unwrap();
    let before = staged.commit(attributes.clone(), &Condition::Always).unwrap();
    let old = put(&store, &raw(), "web01/2019-08-01.log", b"old").unwrap();
    let new = put(&store, &raw(), "web01/2019-08-01.log", b"newer").unwrap();
    drop(store);

    let store = open(home.path());
    let after = store.head(&analyzed(), &key("web01/日本.csv"), None).unwrap();
    assert_eq!(after, before);
    assert_eq!(after.content_type, attributes.content_type);
    assert_eq!(after.user_metadata, attributes.user_metadata);
    assert_eq!(after.source, attributes.source);
    assert_eq!(after.etag, "0123-7");
    assert_eq!(after.last_modified, at(START));
    assert_eq!(get(&store, &analyzed(), "web01/日本.csv").unwrap(), b"datetime\n");
    let log = "web01/2019-08-01.log";
    assert_eq!(get(&store, &raw(), log).unwrap(), b"newer");
    assert_eq!(get_version(&store, &raw(), log, Some(&old.version)).unwrap(), b"old");
    assert_eq!(get_version(&store, &raw(), log, Some(&new.version)).unwrap(), b"newer");
}

#[test]
fn the_data_come_first_in_the_file() {
    let home = tempfile::tempdir().unwrap();
    put(&open(home.path()), &raw(), "web01/2019-08-01.log", b"2019-08-01 00:00:01 up\n").unwrap();
    let file = home.path().join("buckets/serverlogs-local/web01/2019-08-01.log@");
    assert!(fs::read(file).unwrap().starts_with(b"2019-08-01 00:00:01 up\n\n{\"key\":"));
}

#[test]
fn hashes_are_known_before_the_commit_and_a_drop_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let mut staged = store.stage(&raw(), &key("web01/2019-08-01.log")).unwrap();
    staged.write_all(b"hello ").unwrap();
    staged.write_all(b"world").unwrap();
    let digests = staged.digests();
    assert_eq!(digests.size, 11);
    // printf 'hello world' | md5sum, and sha256sum
    assert_eq!(digests.md5, 0x5eb6_3bbb_e01e_eed0_93cb_22bb_8f5a_cdc3_u128.to_be_bytes());
    assert_eq!(digests.sha256[..4], [0xb9, 0x4d, 0x27, 0xb9]);
    assert_eq!(count(&home.path().join("staging")), 1);
    drop(staged);
    assert_eq!(count(&home.path().join("staging")), 0);
    assert_eq!(count(&home.path().join("buckets/serverlogs-local")), 0);
}

#[test]
fn a_reader_seeks_within_the_data_alone() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    put(&store, &analyzed(), "digits", b"0123456789").unwrap();
    let (_, mut reader) = store.open_object(&analyzed(), &key("digits"), None).unwrap();
    let mut text = String::new();
    assert_eq!(reader.seek(SeekFrom::End(-3)).unwrap(), 7);
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "789");
    assert_eq!(reader.seek(SeekFrom::Current(5)).unwrap(), 15);
    assert_eq!(reader.read(&mut [0; 4]).unwrap(), 0);
    reader.seek(SeekFrom::Start(2)).unwrap();
    assert!(reader.seek(SeekFrom::Current(-3)).is_err());
    let mut four = [0; 4];
    reader.read_exact(&mut four).unwrap();
    assert_eq!(&four, b"2345");
}

#[test]
fn equal_bytes_are_no_new_version_in_a_versioned_bucket() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let first = put(&store, &raw(), "k", b"same").unwrap();
    assert_eq!(put(&store, &raw(), "k", b"same").unwrap(), first);
    put(&store, &raw(), "k", b"other").unwrap();
    put(&store, &raw(), "k", b"same").unwrap();
    let all = VersionQuery { max: 10, ..VersionQuery::default() };
    assert_eq!(store.list_versions(&raw(), &all).unwrap().entries.len(), 3);
    put(&store, &analyzed(), "k", b"same").unwrap();
    put(&store, &analyzed(), "k", b"same").unwrap();
    assert_eq!(store.list_versions(&analyzed(), &all).unwrap().entries.len(), 1);
}

#[test]
fn equal_bytes_from_another_address_are_the_same_version_of_that_address() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let from = |address: &str| {
        let mut staged = store.stage(&raw(), &key("k")).unwrap();
        staged.write_all(b"same").unwrap();
        let source = Some(address.parse().unwrap());
        staged.commit(Attributes { source, ..Attributes::default() }, &Condition::Always).unwrap()
    };
    let first = from("192.0.2.1");
    let second = from("192.0.2.2");
    assert_eq!(second.version, first.version);
    assert_eq!(second.last_modified, first.last_modified);
    let now = store.head(&raw(), &key("k"), None).unwrap();
    assert_eq!(now.source, Some("192.0.2.2".parse().unwrap()));
    let all = VersionQuery { max: 10, ..VersionQuery::default() };
    assert_eq!(store.list_versions(&raw(), &all).unwrap().entries.len(), 1);
}

#[test]
fn a_clock_that_falls_back_does_not_turn_versions_round() {
    let home = tempfile::tempdir().unwrap();
    put(&open(home.path()), &raw(), "k", b"before").unwrap();
    let clock = HandClock::new();
    clock.set(START - 3_600_000);
    let store = open_at(home.path(), clock);
    put(&store, &raw(), "k", b"after").unwrap();
    let all = VersionQuery { max: 10, ..VersionQuery::default() };
    let listing = store.list_versions(&raw(), &all).unwrap();
    let ids: Vec<_> = listing
        .entries
        .iter()
        .map(|entry| match entry {
            VersionEntry::Version { info, latest } => (info.version.to_string(), *latest),
            VersionEntry::CommonPrefix(prefix) => panic!("{prefix}"),
        })
        .collect();
    assert_eq!(ids.iter().map(|(_, latest)| *latest).collect::<Vec<_>>(), [true, false]);
    assert!(ids[0].0 > ids[1].0, "{ids:?}");
}

#[test]
fn versions_are_listed_newest_first_and_page_by_page() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let mut should = Vec::new();
    for name in ["a", "a/b", "c"] {
        let mut of_key: Vec<_> = ["1", "2", "3"]
            .map(|bytes| put(&store, &raw(), name, bytes.as_bytes()).unwrap())
            .into_iter()
            .map(|info| (name.to_owned(), info.version.to_string()))
            .collect();
        of_key.reverse();
        should.extend(of_key);
    }
    for max in 1..=10 {
        let mut query = VersionQuery { max, ..VersionQuery::default() };
        let mut seen = Vec::new();
        loop {
            let page = store.list_versions(&raw(), &query).unwrap();
            for entry in page.entries {
                let VersionEntry::Version { info, latest } = entry else { panic!("{entry:?}") };
                assert_eq!(latest, info.digests.md5 == md5_of_3());
                seen.push((info.key.to_string(), info.version.to_string()));
            }
            assert!(seen.len() <= should.len(), "the pages go round in a circle");
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        assert_eq!(seen, should, "{max} a page");
    }
    let of_c = VersionQuery {
        after: Some(VersionMarker { key: "a/b".to_owned(), version: None }),
        max: 10,
        ..VersionQuery::default()
    };
    assert_eq!(store.list_versions(&raw(), &of_c).unwrap().entries.len(), 3);
}

fn md5_of_3() -> [u8; 16] {
    // printf 3 | md5sum
    0xeccb_c87e_4b5c_e2fe_2830_8fd9_f2a7_baf3_u128.to_be_bytes()
}

#[test]
fn a_put_that_was_cut_short_between_link_and_rename_shows_one_version() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let info = put(&store, &raw(), "k", b"once").unwrap();
    let folder = home.path().join("buckets/serverlogs-local");
    fs::hard_link(folder.join("k@"), folder.join(format!("k@{}", info.version))).unwrap();
    let all = VersionQuery { max: 10, ..VersionQuery::default() };
    assert_eq!(store.list_versions(&raw(), &all).unwrap().entries.len(), 1);
    store.delete(&raw(), &key("k"), &Condition::Always).unwrap();
    assert!(matches!(get(&store, &raw(), "k"), Err(DiskError::NoSuchKey { .. })));
    assert_eq!(get_version(&store, &raw(), "k", Some(&info.version)).unwrap(), b"once");
    // Put again and interrupted again: it also expires as one body.
    let info = put(&store, &raw(), "again/k", b"once").unwrap();
    let folder = folder.join("again");
    fs::hard_link(folder.join("k@"), folder.join(format!("k@{}", info.version))).unwrap();
    assert_eq!(
        store.expire(&raw(), &RetentionRule::everything_before(at(START + 1))).unwrap().removed,
        2
    );
    assert!(!folder.exists());
}

#[test]
fn a_deleted_key_takes_its_empty_folders_with_it() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    put(&store, &analyzed(), "a/b/c/d", b"x").unwrap();
    put(&store, &analyzed(), "a/e", b"x").unwrap();
    store.delete(&analyzed(), &key("a/b/c/d"), &Condition::Always).unwrap();
    let bucket = home.path().join("buckets/analyzedlogs-local");
    assert!(!bucket.join("a/b").exists() && bucket.join("a").exists());
    put(&store, &analyzed(), "a/b/c/d", b"again").unwrap();
    assert_eq!(get(&store, &analyzed(), "a/b/c/d").unwrap(), b"again");
}

#[test]
fn damage_is_told_with_the_name_of_the_file_and_hides_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let bucket = home.path().join("buckets/serverlogs-local");
    let whole = {
        put(&store, &raw(), "b", b"some data").unwrap();
        fs::read(bucket.join("b@")).unwrap()
    };
    put(&store, &raw(), "a", b"fine").unwrap();
    put(&store, &raw(), "c", b"fine").unwrap();
    let altered = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let mut longer = b"x".to_vec();
    longer.extend_from_slice(&whole);
    for damaged in [
        Vec::new(),
        b"not ours at all".to_vec(),
        whole[..whole.len() - 1].to_vec(),
        whole[1..].to_vec(),
        longer,
        altered(30),
        altered(whole.len() - 2),
        altered(whole.len() - 20),
        fs::read(bucket.join("a@")).unwrap(),
    ] {
        fs::write(bucket.join("b@"), &damaged).unwrap();
        let told = store.head(&raw(), &key("b"), None).unwrap_err().to_string();
        assert!(told.contains("serverlogs-local/b@ is damaged"), "{told}");
        let all = ListQuery { max: 10, ..ListQuery::default() };
        let listing = store.list(&raw(), &all).unwrap();
        assert_eq!((listing.entries.len(), listing.unreadable.len()), (2, 1));
        let all = VersionQuery { max: 10, ..VersionQuery::default() };
        assert_eq!(store.list_versions(&raw(), &all).unwrap().unreadable.len(), 1);
    }
    // A put replaces it, and the damaged body is kept for inspection.
    put(&store, &raw(), "b", b"good again").unwrap();
    assert_eq!(get(&store, &raw(), "b").unwrap(), b"good again");
    assert_eq!(count(&bucket), 4);
}

#[test]
fn metadata_has_a_limit_and_all_within_it_fits() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let long_key = key(&"\u{1}/".repeat(512));
    let attributes = |len: usize| Attributes {
        user_metadata: BTreeMap::from([("n".to_owned(), "\u{1}".repeat(len))]),
        ..Attributes::default()
    };
    let put =
        |len| store.stage(&raw(), &long_key).unwrap().commit(attributes(len), &Condition::Always);
    assert!(matches!(put(8192), Err(DiskError::MetadataTooLarge { size: 8193, .. })));
    let info = put(8191).unwrap();
    assert_eq!(store.head(&raw(), &long_key, None).unwrap(), info);
}

#[test]
fn bodies_expire_each_by_its_own_age() {
    let home = tempfile::tempdir().unwrap();
    let clock = HandClock::new();
    let store = open_at(home.path(), clock.clone());
    let mut versions = Vec::new();
    for day in 0..4 {
        clock.set(START + day * 86_400_000);
        versions.push(put(&store, &raw(), "web01/x.log", format!("{day}").as_bytes()).unwrap());
        put(&store, &raw(), &format!("web02/{day}.log"), b"x").unwrap();
    }
    let expired = store
        .expire(&raw(), &RetentionRule::everything_before(at(START + 2 * 86_400_000)))
        .unwrap();
    assert_eq!((expired.removed, expired.unreadable.len()), (4, 0));
    for (day, info) in versions.iter().enumerate() {
        let read = get_version(&store, &raw(), "web01/x.log", Some(&info.version));
        assert_eq!(read.is_ok(), day >= 2, "{day}");
    }
    let all = ListQuery { max: 10, ..ListQuery::default() };
    let keys: Vec<String> = store
        .list(&raw(), &all)
        .unwrap()
        .entries
        .into_iter()
        .map(|entry| match entry {
            Entry::Object(info) => info.key.to_string(),
            Entry::CommonPrefix(prefix) => prefix,
        })
        .collect();
    assert_eq!(keys, ["web01/x.log", "web02/2.log", "web02/3.log"]);
    assert_eq!(
        store
            .expire(&raw(), &RetentionRule::everything_before(at(START + 9 * 86_400_000)))
            .unwrap()
            .removed,
        4
    );
    assert_eq!(count(&home.path().join("buckets/serverlogs-local")), 0);
}

#[test]
fn a_file_that_is_cut_while_it_is_read_is_no_end_of_the_data() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    put(&store, &analyzed(), "k", &vec![b'x'; 100_000]).unwrap();
    let (_, mut reader) = store.open_object(&analyzed(), &key("k"), None).unwrap();
    reader.read_exact(&mut [0; 1000]).unwrap();
    let file = home.path().join("buckets/analyzedlogs-local/k@");
    fs::File::options().write(true).open(file).unwrap().set_len(5000).unwrap();
    let mut rest = Vec::new();
    let cut = reader.read_to_end(&mut rest).unwrap_err();
    assert_eq!(cut.kind(), std::io::ErrorKind::UnexpectedEof);
    assert_eq!(rest.len(), 4000);
}
