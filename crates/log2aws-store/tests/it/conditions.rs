//! Conditional writes and deletes: compare and change are one step per key.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use log2aws_core::key::BucketName;
use log2aws_store::DiskStore;
use log2aws_store::disk::{Attributes, Condition, DiskError, ObjectInfo};

use crate::common::{analyzed, count, get, key, open, put, raw};

fn put_if(
    store: &DiskStore,
    bucket: &BucketName,
    bytes: &[u8],
    condition: &Condition,
) -> Result<ObjectInfo, DiskError> {
    let mut staged = store.stage(bucket, &key("k")).unwrap();
    staged.write_all(bytes).unwrap();
    staged.commit(Attributes::default(), condition)
}

fn is_precondition(error: &DiskError) -> bool {
    matches!(error, DiskError::PreconditionFailed { .. })
}

fn is_absent(error: &DiskError) -> bool {
    matches!(error, DiskError::NoSuchKey { .. })
}

#[test]
fn a_condition_that_does_not_hold_changes_nothing() {
    for bucket in [raw(), analyzed()] {
        let home = tempfile::tempdir().unwrap();
        let store = open(home.path());
        for wants_an_object in [Condition::Present, Condition::Matches("x".to_owned())] {
            let refused = put_if(&store, &bucket, b"1", &wants_an_object).unwrap_err();
            assert!(is_absent(&refused), "{refused}");
            let refused = store.delete(&bucket, &key("k"), &wants_an_object).unwrap_err();
            assert!(is_absent(&refused), "{refused}");
        }
        let first = put_if(&store, &bucket, b"1", &Condition::Absent).unwrap();
        let other = Condition::Matches("x".to_owned());
        // Also for equal bytes, because the key has an object.
        for (bytes, condition) in
            [(b"1", Condition::Absent), (b"2", Condition::Absent), (b"2", other.clone())]
        {
            let refused = put_if(&store, &bucket, bytes, &condition).unwrap_err();
            assert!(is_precondition(&refused), "{refused}");
        }
        for condition in [Condition::Absent, other] {
            let refused = store.delete(&bucket, &key("k"), &condition).unwrap_err();
            assert!(is_precondition(&refused), "{refused}");
        }
        assert_eq!(get(&store, &bucket, "k").unwrap(), b"1");
        let second = put_if(&store, &bucket, b"2", &Condition::Matches(first.etag)).unwrap();
        put_if(&store, &bucket, b"3", &Condition::Present).unwrap();
        let refused =
            put_if(&store, &bucket, b"4", &Condition::Matches(second.etag.clone())).unwrap_err();
        assert!(is_precondition(&refused), "{refused}");
        let third = store.head(&bucket, &key("k"), None).unwrap();
        store.delete(&bucket, &key("k"), &Condition::Matches(third.etag)).unwrap();
        assert!(is_absent(&get(&store, &bucket, "k").unwrap_err()));
        put_if(&store, &bucket, b"5", &Condition::Absent).unwrap();
        assert_eq!(count(&home.path().join("staging")), 0);
    }
}

#[test]
fn an_upload_whose_condition_fails_stays() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    put(&store, &analyzed(), "k", b"first").unwrap();
    let upload = store.create_upload(&analyzed(), &key("k"), &Attributes::default()).unwrap();
    let mut part = store.stage_part(&upload, 1).unwrap();
    part.write_all(b"in parts").unwrap();
    let parts = [(1, part.commit().unwrap().etag)];
    let complete =
        |condition: &Condition| store.assemble_upload(&upload, &parts).unwrap().commit(condition);
    let refused = complete(&Condition::Absent).unwrap_err();
    assert!(is_precondition(&refused), "{refused}");
    assert_eq!(get(&store, &analyzed(), "k").unwrap(), b"first");
    complete(&Condition::Present).unwrap();
    assert_eq!(get(&store, &analyzed(), "k").unwrap(), b"in parts");
}

/// Every thread reads the counter, adds one and writes it back if it is unchanged. If anything
/// could come between compare and write, an addition would be lost.
#[test]
fn no_write_is_lost_when_everybody_compares() {
    const WORKERS: usize = 6;
    const EACH: usize = 15;
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    put_if(&store, &analyzed(), b"0", &Condition::Absent).unwrap();
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let mut done = 0;
                while done < EACH {
                    let etag = store.head(&analyzed(), &key("k"), None).unwrap().etag;
                    let number: usize = String::from_utf8(get(&store, &analyzed(), "k").unwrap())
                        .unwrap()
                        .parse()
                        .unwrap();
                    let next = (number + 1).to_string();
                    match put_if(&store, &analyzed(), next.as_bytes(), &Condition::Matches(etag)) {
                        Ok(_) => done += 1,
                        Err(refused) => assert!(is_precondition(&refused), "{refused}"),
                    }
                }
            });
        }
    });
    assert_eq!(get(&store, &analyzed(), "k").unwrap(), (WORKERS * EACH).to_string().as_bytes());
}

/// Puts that require the key to be absent, and deletes that require what one of them put: between
/// two deletes there is one put.
#[test]
fn of_many_who_create_one_succeeds_and_of_many_who_delete_one() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    for round in 0..20 {
        let (created, deleted) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for worker in 0..6 {
                let (store, created) = (&store, &created);
                scope.spawn(move || {
                    let body = format!("{round} {worker}");
                    match put_if(store, &raw(), body.as_bytes(), &Condition::Absent) {
                        Ok(_) => _ = created.fetch_add(1, Ordering::Relaxed),
                        Err(refused) => assert!(is_precondition(&refused), "{refused}"),
                    }
                });
            }
        });
        assert_eq!(created.into_inner(), 1, "round {round}");
        let etag = store.head(&raw(), &key("k"), None).unwrap().etag;
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let condition = Condition::Matches(etag.clone());
                    match store.delete(&raw(), &key("k"), &condition) {
                        Ok(()) => _ = deleted.fetch_add(1, Ordering::Relaxed),
                        Err(refused) => assert!(is_absent(&refused), "{refused}"),
                    }
                });
            }
        });
        assert_eq!(deleted.into_inner(), 1, "round {round}");
    }
}
