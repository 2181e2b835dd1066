//! A full disk. It is a small tmpfs, mounted in a namespace of its own.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use log2aws_service::ports::{Store as _, StoreError};
use log2aws_store::DiskStore;
use log2aws_store::disk::{Attributes, Condition, DiskError};

use crate::common::{again, analyzed, count, get, key, open, put, raw, read_everything};

const HOME: &str = "LOG2AWS_FULL_DISK";

/// Runs `test` in a mount namespace in which `HOME` is a tmpfs with these options. If the machine
/// does not allow that, the test is skipped, and the skip is counted.
fn on_a_small_disk(name: &str, options: &str, test: fn(&Path)) {
    if let Some(home) = std::env::var_os(HOME) {
        return test(Path::new(&home));
    }
    let home = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o "$1" tmpfs "$2" || exit 77; shift 2; exec "$@""#;
    let inner = again(name, HOME, home.path());
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script, "sh", options])
        .arg(home.path())
        .arg(inner.get_program())
        .args(inner.get_args())
        .env(HOME, home.path())
        .output();
    // 77: the mount was refused. unshare itself exits with 1, which a failing test (101) does not.
    match &output {
        Ok(output) if !matches!(output.status.code(), Some(1 | 77)) => {
            let told = String::from_utf8_lossy(&output.stdout);
            assert!(told.contains("1 passed"), "{told}{}", String::from_utf8_lossy(&output.stderr));
        }
        refused => {
            log2aws_skip::required(name, format!("no small disk can be mounted: {refused:?}"));
        }
    }
}

/// Puts until the disk is full; returns the number of successful puts.
fn fill(store: &DiskStore, size: usize) -> usize {
    for i in 0..1000 {
        match put(store, &analyzed(), &format!("fill/{i}"), &vec![b'f'; size]) {
            Ok(_) => {}
            Err(DiskError::Full { what }) => {
                assert_eq!(what, format!("analyzedlogs-local/fill/{i}"));
                return i;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    panic!("the disk does not fill up");
}

#[test]
fn a_full_disk_loses_nothing() {
    on_a_small_disk("full::a_full_disk_loses_nothing", "size=2m,mode=750", |home| {
        let store = open(home);
        for bucket in [raw(), analyzed()] {
            put(&store, &bucket, "web01/k", &vec![b'o'; 100_000]).unwrap();
        }
        let upload = store.create_upload(&raw(), &key("big"), &Attributes::default()).unwrap();
        assert!(fill(&store, 150_000) > 5);
        let before = read_everything(&store);

        for bucket in [raw(), analyzed()] {
            let refused = put(&store, &bucket, "web01/k", &vec![b'n'; 300_000]).unwrap_err();
            assert!(matches!(refused, DiskError::Full { .. }), "{refused:?}");
            let refused = put(&store, &bucket, "new/folder/k", &vec![b'n'; 300_000]).unwrap_err();
            assert!(matches!(refused, DiskError::Full { .. }), "{refused:?}");
        }
        let mut part = store.stage_part(&upload, 1).unwrap();
        let write = part.write_all(&vec![b'p'; 300_000]).unwrap_err();
        assert_eq!(write.kind(), std::io::ErrorKind::StorageFull);
        let again = part.write_all(b"p").unwrap_err();
        assert_eq!(again.kind(), std::io::ErrorKind::StorageFull);
        assert!(matches!(part.commit(), Err(DiskError::Full { .. })));
        let mut upload = store.create(&raw(), &key("port"), "text/plain").unwrap();
        assert!(upload.write_all(&vec![b'p'; 300_000]).is_err());
        assert!(matches!(upload.commit(), Err(StoreError::Full { .. })));

        assert_eq!(count(&home.join("staging")), 0);
        assert_eq!(read_everything(&store), before);
        store.delete(&analyzed(), &key("fill/0"), &Condition::Always).unwrap();
        store.delete(&analyzed(), &key("fill/1"), &Condition::Always).unwrap();
        put(&store, &raw(), "web01/k", &vec![b'n'; 150_000]).unwrap();
        assert_eq!(get(&store, &raw(), "web01/k").unwrap(), vec![b'n'; 150_000]);
        drop(store);
        read_everything(&open(home));
    });
}

#[test]
fn a_disk_without_room_for_names_is_full_too() {
    on_a_small_disk(
        "full::a_disk_without_room_for_names_is_full_too",
        "nr_inodes=60,mode=750",
        |home| {
            let store = open(home);
            put(&store, &raw(), "web01/k", b"old").unwrap();
            assert!(fill(&store, 10) > 5);
            let refused = put(&store, &raw(), "web01/k", b"new").unwrap_err();
            assert!(matches!(refused, DiskError::Full { .. }), "{refused:?}");
            let upload = store.create_upload(&raw(), &key("big"), &Attributes::default());
            assert!(matches!(upload, Err(DiskError::Full { .. })), "{upload:?}");
            assert_eq!(get(&store, &raw(), "web01/k").unwrap(), b"old");
            assert_eq!(count(&home.join("staging")), 0);

            // There is room for the staged file, but not for its target folders.
            store.delete(&analyzed(), &key("fill/0"), &Condition::Always).unwrap();
            let refused = put(&store, &raw(), "new/folder/k", b"new").unwrap_err();
            assert!(matches!(refused, DiskError::Full { .. }), "{refused:?}");
            assert_eq!(count(&home.join("staging")), 0);
            for i in 1..5 {
                store.delete(&analyzed(), &key(&format!("fill/{i}")), &Condition::Always).unwrap();
            }
            put(&store, &raw(), "new/folder/k", b"new").unwrap();
            put(&store, &raw(), "web01/k", b"new").unwrap();
        },
    );
}
