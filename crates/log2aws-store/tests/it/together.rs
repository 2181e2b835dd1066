//! Concurrency: puts, deletes, readers, retention and a backup at the same time.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use log2aws_service::ports::Store;
use log2aws_store::DiskStore;
use log2aws_store::disk::{Condition, DiskError, RetentionRule};

use crate::common::{
    HandClock, START, analyzed, at, count, get, get_version, key, open, open_at, put, raw,
    read_bucket, read_everything,
};

#[test]
fn folders_come_and_go_under_running_puts() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    thread::scope(|scope| {
        for worker in 0..8 {
            let store = &store;
            scope.spawn(move || {
                let name = format!("a/b/c/{}", worker % 4);
                for _ in 0..60 {
                    put(store, &analyzed(), &name, b"here").unwrap();
                    store.delete(&analyzed(), &key(&name), &Condition::Always).unwrap();
                }
                put(store, &analyzed(), &format!("a/b/last/{worker}"), b"kept").unwrap();
            });
        }
    });
    for worker in 0..8 {
        assert_eq!(get(&store, &analyzed(), &format!("a/b/last/{worker}")).unwrap(), b"kept");
    }
    assert!(!home.path().join("buckets/analyzedlogs-local/a/b/c").exists());
}

#[test]
fn a_folder_removed_by_hand_is_made_again() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    put(&store, &raw(), "web01/a/k", b"1").unwrap();
    std::fs::remove_dir_all(home.path().join("buckets/serverlogs-local/web01")).unwrap();
    put(&store, &raw(), "web01/a/k", b"2").unwrap();
    assert_eq!(get(&store, &raw(), "web01/a/k").unwrap(), b"2");
}

#[test]
fn a_version_can_be_opened_while_it_is_replaced() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    put(&store, &raw(), "k", b"0").unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (store, done) = (&store, &done);
        let reader = scope.spawn(move || {
            let mut read = 0;
            while !done.load(Ordering::Relaxed) {
                let newest = Store::head(store, &raw(), &key("k")).unwrap().unwrap();
                get_version(store, &raw(), "k", Some(&newest.id)).unwrap();
                read += 1;
            }
            read
        });
        for i in 1..=150 {
            put(store, &raw(), "k", format!("{i}").as_bytes()).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 10);
    });
}

#[test]
fn puts_of_one_key_leave_every_version_once() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    thread::scope(|scope| {
        for worker in 0..6 {
            let store = &store;
            scope.spawn(move || {
                for i in 0..20 {
                    put(store, &raw(), "k", format!("{worker} {i}").as_bytes()).unwrap();
                }
            });
        }
    });
    assert_eq!(read_everything(&store).len(), 120);
}

#[test]
fn retention_takes_nothing_that_was_put_beside_it() {
    let home = tempfile::tempdir().unwrap();
    let clock = HandClock::new();
    let store = open_at(home.path(), clock.clone());
    for i in 0..100 {
        put(&store, &analyzed(), &format!("d{}/{i}", i % 10), b"old").unwrap();
    }
    clock.set(START + 10_000);
    thread::scope(|scope| {
        let store = &store;
        scope.spawn(move || {
            for i in 0..50 {
                put(store, &analyzed(), &format!("d{}/{i}", i % 10), b"new").unwrap();
            }
        });
        for _ in 0..5 {
            store
                .expire(&analyzed(), &RetentionRule::everything_before(at(START + 5_000)))
                .unwrap();
        }
    });
    for i in 0..100 {
        let body = get(&store, &analyzed(), &format!("d{}/{i}", i % 10));
        if i < 50 {
            assert_eq!(body.unwrap(), b"new");
        } else {
            assert!(matches!(body, Err(DiskError::NoSuchKey { .. })), "{i}");
        }
    }
}

/// Puts until `stop` is set.
fn put_along(store: &DiskStore, worker: usize, stop: &AtomicBool) {
    // Bounded, because a reader of versions that is slower than the puts would never finish.
    for i in (0_usize..1_000).take_while(|_| !stop.load(Ordering::Relaxed)) {
        let body = format!("{i} {}", "x".repeat(i * 37 % 90_000));
        put(store, &raw(), &format!("web{worker}/{}", i % 20), body.as_bytes()).unwrap();
        put(store, &analyzed(), &format!("web{worker}/{}", i % 20), body.as_bytes()).unwrap();
    }
}

fn back_up_while_puts_run(backup: impl Fn(&Path, &Path)) {
    let home = tempfile::tempdir().unwrap();
    let (data, copy) = (home.path().join("data"), home.path().join("copy"));
    let store = open(&data);
    let stop = AtomicBool::new(false);
    let before = thread::scope(|scope| {
        for worker in 0..4 {
            let (store, stop) = (&store, &stop);
            scope.spawn(move || put_along(store, worker, stop));
        }
        let deadline = Instant::now() + Duration::from_mins(1);
        let before = loop {
            // The other bucket keeps no older versions: a listed body may be gone when it is
            // opened.
            let here = read_bucket(&store, &raw());
            if here.len() >= 40 || Instant::now() > deadline {
                break here;
            }
            thread::sleep(Duration::from_millis(5));
        };
        backup(&data, &copy);
        stop.store(true, Ordering::Relaxed);
        before
    });
    assert!(before.len() >= 40, "too little was put before the backup");
    drop(store);
    let restored = open(&copy);
    assert_eq!(count(&copy.join("staging")), 0);
    let whole = read_everything(&restored);
    // Ids grow with time. A version that was replaced while its folder was being read may have been
    // renamed too late to be copied; then its replacement is there.
    for (bucket, key, version) in &before {
        let same_or_newer = (bucket.clone(), key.clone(), version.clone())..;
        let found =
            whole.range(same_or_newer).next().is_some_and(|(b, k, _)| (b, k) == (bucket, key));
        assert!(found, "{bucket}/{key} is not in the backup");
    }
    put(&restored, &raw(), "web0/0", b"and it goes on").unwrap();
}

#[test]
fn a_copy_of_the_folder_is_a_backup() {
    // cp exits with an error if staged files vanish before it reads them; that loses nothing.
    back_up_while_puts_run(|data, copy| {
        Command::new("cp").arg("-a").args([data, copy]).output().unwrap();
    });
}

#[test]
fn an_archive_of_the_folder_is_a_backup() {
    back_up_while_puts_run(|data, copy| {
        let archive = data.with_extension("tar");
        let tar = |how: &str, folder: &Path| {
            let mut tar = Command::new("tar");
            tar.arg(how).arg(&archive).arg("-C").arg(folder).arg(".").output().unwrap()
        };
        tar("-cf", data);
        std::fs::create_dir(copy).unwrap();
        assert!(tar("-xf", copy).status.success());
    });
}
