//! Snapshots of a folder in use.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use log2aws_store::disk::snapshot::{SnapshotError, snapshot};

use crate::common::{analyzed, get, open, put, raw, read_everything};

#[test]
fn a_snapshot_beside_running_puts_is_whole_and_opens() {
    let home = tempfile::tempdir().unwrap();
    let (root, copy) = (home.path().join("data"), home.path().join("copy"));
    let store = open(&root);
    for number in 0..50 {
        put(&store, &raw(), &format!("web{number}/x.log"), b"first").unwrap();
        put(&store, &analyzed(), &format!("web{number}/x.csv"), b"result").unwrap();
    }
    let before = read_everything(&store);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut round = 0;
            while !done.load(Ordering::Relaxed) {
                round += 1;
                for number in 0..50 {
                    let body = format!("body {round}");
                    put(&store, &raw(), &format!("web{number}/x.log"), body.as_bytes()).unwrap();
                }
            }
        });
        let made = snapshot(&root, &copy).unwrap();
        done.store(true, Ordering::Relaxed);
        assert!(made.linked >= 100, "{made:?}");
    });
    let restored = open(&copy);
    // Every object is complete; `read_everything` compares each with its trailer.
    let found = read_everything(&restored);
    assert!(found.is_superset(&before), "versions are missing");
    // A change to the copy does not affect the original.
    put(&restored, &raw(), "web1/x.log", b"in the copy alone").unwrap();
    assert_ne!(get(&store, &raw(), "web1/x.log").unwrap(), b"in the copy alone");
}

#[test]
fn a_snapshot_has_the_audit_log_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let (root, copy) = (home.path().join("data"), home.path().join("copy"));
    let store = open(&root);
    put(&store, &raw(), "web1/x.log", b"first").unwrap();
    fs::create_dir(root.join("audit")).unwrap();
    let live = root.join("audit/2026-11-30.jsonl");
    fs::write(&live, "{}\n").unwrap();
    fs::set_permissions(&live, fs::Permissions::from_mode(0o600)).unwrap();
    snapshot(&root, &copy).unwrap();
    // What is appended afterwards is not in it.
    fs::OpenOptions::new().append(true).open(&live).unwrap().write_all(b"{}\n").unwrap();
    let copied = copy.join("audit/2026-11-30.jsonl");
    assert_eq!(fs::read_to_string(&copied).unwrap(), "{}\n");
    assert_eq!(fs::metadata(&copied).unwrap().permissions().mode() & 0o777, 0o600);
    drop(open(&copy));
}

#[test]
fn a_snapshot_has_the_modes_of_the_folders() {
    let home = tempfile::tempdir().unwrap();
    let (root, copy) = (home.path().join("data"), home.path().join("copy"));
    let store = open(&root);
    put(&store, &raw(), "web1/x.log", b"first").unwrap();
    fs::create_dir(root.join("audit")).unwrap();
    // What an operator put beside the files is no part of the log, and does not end the snapshot.
    fs::create_dir(root.join("audit/old")).unwrap();
    let bucket = Path::new("buckets").join(raw().as_str());
    let folders = [Path::new("").to_owned(), "audit".into(), "buckets".into(), bucket.join("web1")];
    for folder in &folders {
        fs::set_permissions(root.join(folder), fs::Permissions::from_mode(0o700)).unwrap();
    }
    snapshot(&root, &copy).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for folder in &folders {
        assert_eq!(mode(&copy.join(folder)), 0o700, "{}", folder.display());
    }
    assert_eq!(mode(&copy.join(bucket)), 0o750);
    assert!(!copy.join("audit/old").exists());
}

#[test]
fn a_snapshot_is_refused_where_it_would_mix_or_hold_itself() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("data");
    drop(open(&root));
    let refused = |to: &std::path::Path| snapshot(&root, to).unwrap_err();
    assert!(matches!(refused(home.path()), SnapshotError::Exists(_)));
    assert!(matches!(refused(&root.join("copy")), SnapshotError::Inside(_)));
    fs::write(root.join("format"), "log2aws-data 99\n").unwrap();
    let newer = refused(&home.path().join("copy"));
    assert!(newer.to_string().contains("data format 99"), "{newer}");
    let none = snapshot(home.path(), &home.path().join("copy")).unwrap_err();
    assert!(matches!(none, SnapshotError::NotDataFolder { .. }));
    assert!(!home.path().join("copy").exists() && !home.path().join("copy.partial").exists());
}
