//! Multipart uploads.

use std::collections::BTreeMap;
use std::io::Write as _;

use log2aws_store::DiskStore;
use log2aws_store::disk::{
    Attributes, Condition, DiskError, ObjectInfo, PartInfo, UploadId, UploadQuery,
};

use crate::common::{HandClock, START, analyzed, at, count, get, key, open, open_at, put};

const MIB: usize = 1024 * 1024;

fn begin(store: &DiskStore, name: &str) -> UploadId {
    let attributes = Attributes {
        content_type: "application/gzip".to_owned(),
        user_metadata: BTreeMap::from([("from".to_owned(), "web01".to_owned())]),
        ..Attributes::default()
    };
    store.create_upload(&analyzed(), &key(name), &attributes).unwrap()
}

fn put_part(store: &DiskStore, upload: &UploadId, number: u32, bytes: &[u8]) -> PartInfo {
    let mut part = store.stage_part(upload, number).unwrap();
    part.write_all(bytes).unwrap();
    part.commit().unwrap()
}

fn named(parts: &[&PartInfo]) -> Vec<(u16, String)> {
    parts.iter().map(|part| (part.number, part.etag.clone())).collect()
}

fn complete(
    store: &DiskStore,
    upload: &UploadId,
    parts: &[(u16, String)],
) -> Result<ObjectInfo, DiskError> {
    store.assemble_upload(upload, parts)?.commit(&Condition::Always)
}

#[test]
fn an_upload_that_is_assembled_and_not_committed_stays() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let upload = begin(&store, "k");
    let part = put_part(&store, &upload, 1, b"whole");
    drop(store.assemble_upload(&upload, &named(&[&part])).unwrap());
    assert!(store.head(&analyzed(), &key("k"), None).is_err());
    assert_eq!(count(&home.path().join("staging")), 0);
    complete(&store, &upload, &named(&[&part])).unwrap();
    assert_eq!(get(&store, &analyzed(), "k").unwrap(), b"whole");
}

#[test]
fn parts_become_one_object_also_after_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let upload = begin(&store, "big/file.gz");
    let (a, b) = (vec![b'a'; 5 * MIB], vec![b'b'; 17]);
    let second = put_part(&store, &upload, 7, &b);
    put_part(&store, &upload, 2, b"an attempt that is put again");
    drop(store);

    let store = open(home.path());
    let first = put_part(&store, &upload, 2, &a);
    let listed = store.list_parts(&upload, 0, 10).unwrap();
    assert_eq!(listed.parts, [first.clone(), second.clone()]);
    let info = complete(&store, &upload, &named(&[&first, &second])).unwrap();
    // In Python: md5(md5(b"a" * 5 * 1024 * 1024).digest() + md5(b"b" * 17).digest()).hexdigest()
    assert_eq!(info.etag, "9c26760c411d09f32ff9f9d11ece7318-2");
    assert_eq!(info.content_type, "application/gzip");
    assert_eq!(info.user_metadata["from"], "web01");
    assert_eq!(get(&store, &analyzed(), "big/file.gz").unwrap(), [a, b].concat());
    assert_eq!(info.part_count(), Some(2));
    let end = 5 * MIB as u64;
    assert_eq!((info.part(1), info.part(2)), (Some(0..end), Some(end..end + 17)));
    // The record of the result remains.
    assert_eq!(count(&home.path().join("uploads")), 1);
    assert_eq!(count(&home.path().join("staging")), 0);
    let again = complete(&store, &upload, &named(&[&first, &second]));
    assert!(matches!(again, Err(DiskError::NoSuchUpload { .. })), "{again:?}");
}

#[test]
fn a_wrong_list_of_parts_is_refused_and_the_upload_stays() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    put(&store, &analyzed(), "k", b"stands").unwrap();
    let upload = begin(&store, "k");
    let small = put_part(&store, &upload, 1, b"too small to be first");
    let last = put_part(&store, &upload, 2, b"last");
    let refuse = |parts: &[(u16, String)]| complete(&store, &upload, parts).unwrap_err();

    let refused = refuse(&[]);
    assert!(matches!(refused, DiskError::InvalidPartOrder { .. }), "{refused}");
    for wrong in [[&last, &small], [&last, &last]] {
        let refused = refuse(&named(&wrong));
        assert!(matches!(refused, DiskError::InvalidPartOrder { .. }), "{refused}");
    }
    let refused = refuse(&[(2, small.etag.clone())]);
    assert!(matches!(refused, DiskError::InvalidPart { number: 2, .. }), "{refused}");
    let refused = refuse(&[(3, small.etag.clone())]);
    assert!(matches!(refused, DiskError::InvalidPart { number: 3, .. }), "{refused}");
    let refused = refuse(&named(&[&small, &last]));
    assert!(matches!(refused, DiskError::PartTooSmall { number: 1, size: 21, .. }), "{refused}");
    assert_eq!(get(&store, &analyzed(), "k").unwrap(), b"stands");

    complete(&store, &upload, &named(&[&last])).unwrap();
    assert_eq!(get(&store, &analyzed(), "k").unwrap(), b"last");
}

#[test]
fn part_numbers_have_bounds_and_parts_have_pages() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let upload = begin(&store, "k");
    for number in [0, 10_001, 65_537, u32::MAX] {
        let refused = store.stage_part(&upload, number).unwrap_err();
        assert!(matches!(refused, DiskError::PartNumber { .. }), "{refused}");
    }
    for number in [1, 10_000, 17, 3] {
        put_part(&store, &upload, number, b"x");
    }
    drop(store.stage_part(&upload, 5).unwrap());
    let numbers = |after, max| {
        let page = store.list_parts(&upload, after, max).unwrap();
        (page.parts.iter().map(|part| part.number).collect::<Vec<_>>(), page.next)
    };
    assert_eq!(numbers(0, 2), (vec![1, 3], Some(3)));
    assert_eq!(numbers(3, 2), (vec![17, 10_000], None));
}

#[test]
fn an_abort_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let upload = begin(&store, "k");
    put_part(&store, &upload, 1, b"x");
    let late = store.stage_part(&upload, 2).unwrap();
    store.abort_upload(&upload).unwrap();
    let refused = late.commit().unwrap_err();
    assert!(matches!(refused, DiskError::NoSuchUpload { .. }), "{refused}");
    for refused in [
        store.abort_upload(&upload).unwrap_err(),
        store.stage_part(&upload, 1).unwrap_err(),
        store.list_parts(&upload, 0, 1).unwrap_err(),
    ] {
        assert!(matches!(refused, DiskError::NoSuchUpload { .. }), "{refused}");
    }
    assert_eq!(count(&home.path().join("uploads")) + count(&home.path().join("staging")), 0);
}

#[test]
fn names_that_no_upload_can_have_are_not_taken() {
    for text in ["", "..", "../../buckets", "0", "00000000000000000000000w", "日本"] {
        assert_eq!(UploadId::parse(text), None, "{text}");
    }
}

#[test]
fn uploads_are_listed_and_swept_when_they_are_a_week_old() {
    let home = tempfile::tempdir().unwrap();
    let clock = HandClock::new();
    let store = open_at(home.path(), clock.clone());
    let week = 7 * 86_400_000;
    let old = begin(&store, "b");
    clock.set(START + 1000);
    let (young, other) = (begin(&store, "b"), begin(&store, "a/b"));
    let ids = |query: UploadQuery| {
        let page = store.list_uploads(&analyzed(), &query).unwrap();
        (page.uploads.into_iter().map(|upload| upload.id).collect::<Vec<_>>(), page.more)
    };
    let all = UploadQuery { max: 10, ..UploadQuery::default() };
    assert_eq!(ids(all.clone()), (vec![other.clone(), old.clone(), young.clone()], false));
    assert_eq!(ids(UploadQuery { max: 1, ..all.clone() }), (vec![other.clone()], true));
    assert_eq!(
        ids(UploadQuery { prefix: "b".into(), ..all.clone() }).0,
        [old.clone(), young.clone()]
    );
    let after = |id| UploadQuery { after: Some(("b".to_owned(), id)), ..all.clone() };
    assert_eq!(ids(after(Some(old))).0, std::slice::from_ref(&young));
    assert_eq!(ids(after(None)).0, []);

    assert_eq!(store.sweep(at(START + week)).unwrap(), 0);
    assert_eq!(store.sweep(at(START + week + 1)).unwrap(), 1);
    assert_eq!(ids(all).0, [other, young]);
}

#[test]
fn what_an_upload_became_is_remembered_for_a_day() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let upload = begin(&store, "k");
    assert_eq!(store.completed_upload(&upload).unwrap(), None);
    let part = put_part(&store, &upload, 1, b"whole");
    let info = complete(&store, &upload, &named(&[&part])).unwrap();
    drop(store);

    let store = open(home.path());
    let known = store.completed_upload(&upload).unwrap().unwrap();
    assert_eq!((known.bucket, known.key), (analyzed(), key("k")));
    assert_eq!((known.etag, known.version), (info.etag, info.version));
    let other = begin(&store, "other");
    assert_eq!(store.completed_upload(&other).unwrap(), None);

    let now = info.last_modified;
    let day = jiff::SignedDuration::from_hours(24);
    store.sweep(now + day).unwrap();
    assert!(store.completed_upload(&upload).unwrap().is_some());
    store.sweep(now + day + jiff::SignedDuration::from_mins(1)).unwrap();
    assert_eq!(store.completed_upload(&upload).unwrap(), None);
    let file = home.path().join("uploads").join(format!("{upload}.completed"));
    assert!(!file.exists());

    // An unreadable record answers nothing, and is removed.
    std::fs::write(&file, "rubbish").unwrap();
    assert!(matches!(store.completed_upload(&upload), Err(DiskError::Corrupt(_))));
    store.sweep(now).unwrap();
    assert!(!file.exists());
    assert_eq!(get(&store, &analyzed(), "k").unwrap(), b"whole");
}

#[test]
fn whoever_assembles_sees_every_byte_with_its_part() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let upload = begin(&store, "k");
    let large = vec![b'a'; 5 * MIB];
    let parts = [put_part(&store, &upload, 1, &large), put_part(&store, &upload, 4, b"end")];
    let mut seen = std::collections::BTreeMap::<u16, Vec<u8>>::new();
    let mut see = |number: u16, bytes: &[u8]| seen.entry(number).or_default().extend(bytes);
    let listed = named(&[&parts[0], &parts[1]]);
    drop(store.assemble_upload_with(&upload, &listed, &mut see).unwrap());
    assert_eq!(seen, [(1, large), (4, b"end".to_vec())].into());
}

#[test]
fn a_part_that_was_damaged_on_disk_becomes_no_object() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let upload = begin(&store, "k");
    let part = put_part(&store, &upload, 1, b"as it was sent");
    let file = home.path().join("uploads").join(upload.as_str()).join("00001");
    let mut bytes = std::fs::read(&file).unwrap();
    // The trailer and its entity tag stay the same.
    bytes[3] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let refused = complete(&store, &upload, &named(&[&part])).unwrap_err();
    assert!(matches!(&refused, DiskError::Corrupt(corrupt) if corrupt.file == file), "{refused}");
    assert!(store.head(&analyzed(), &key("k"), None).is_err());
    let part = put_part(&store, &upload, 1, b"as it was sent");
    complete(&store, &upload, &named(&[&part])).unwrap();
    assert_eq!(get(&store, &analyzed(), "k").unwrap(), b"as it was sent");
}

#[test]
fn a_damaged_upload_is_named_and_hides_no_other() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let (first, second, third) = (begin(&store, "a"), begin(&store, "b"), begin(&store, "c"));
    let manifest = |upload: &UploadId| home.path().join("uploads").join(upload.as_str());
    let file = manifest(&second).join("upload.json");
    let all = UploadQuery { max: 10, ..UploadQuery::default() };
    for damage in [&b"{"[..], b"", b"\xff"] {
        std::fs::write(&file, damage).unwrap();
        let page = store.list_uploads(&analyzed(), &all).unwrap();
        let ids: Vec<_> = page.uploads.into_iter().map(|upload| upload.id).collect();
        assert_eq!(ids, [first.clone(), third.clone()]);
        assert_eq!(page.unreadable.len(), 1);
        assert_eq!(page.unreadable[0].path, file);
    }
    // A read error is reported with the system's own reason.
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let page = store.list_uploads(&analyzed(), &all).unwrap();
    assert_eq!((page.uploads.len(), page.unreadable.len()), (2, 1));
    assert!(page.unreadable[0].source.to_string().contains("directory"), "{page:?}");
}
