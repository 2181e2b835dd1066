//! Which data folders are refused because of their owner or mode.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::Command;

use log2aws_store::DiskStore;
use log2aws_store::disk::OpenError;

use crate::common::{HandClock, open, specs};

fn refused(root: &Path) -> String {
    let refused = DiskStore::open(root, &specs(), HandClock::new()).unwrap_err();
    assert!(matches!(refused, OpenError::Untrusted { .. }), "{refused}");
    refused.to_string()
}

#[test]
fn a_folder_that_others_can_change_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("data");
    drop(open(&root));
    for mode in [0o777, 0o1777, 0o770] {
        fs::set_permissions(&root, Permissions::from_mode(mode)).unwrap();
        assert!(refused(&root).contains(&format!("mode {mode:03o}")));
    }
    fs::set_permissions(&root, Permissions::from_mode(0o750)).unwrap();
    drop(open(&root));
    // A link to the whole folder is the operator's choice.
    let link = home.path().join("link");
    symlink(&root, &link).unwrap();
    drop(open(&link));
    let victim = home.path().join("victim");
    for name in ["lock", "format", "format.new", "buckets/serverlogs-local"] {
        let place = root.join(name);
        let aside = home.path().join("aside");
        let had = fs::rename(&place, &aside).is_ok();
        symlink(if had { &aside } else { &victim }, &place).unwrap();
        assert!(refused(&root).contains("is a link"), "{name}");
        fs::remove_file(&place).unwrap();
        if had {
            fs::rename(&aside, &place).unwrap();
        }
    }
    assert!(!victim.exists(), "something was written through the link");
    drop(open(&root));
    // Only root can change the owner of a folder.
    if chown(&root, Some(4711), None).is_ok() {
        assert!(refused(&root).contains("belongs to user 4711"));
    }
}

/// Neither a link nor a file of others may take an audit line, and a pipe would block who opens it.
#[test]
fn an_audit_folder_that_others_can_change_or_of_another_kind_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("data");
    drop(open(&root));
    let (audit, elsewhere) = (root.join("audit"), home.path().join("elsewhere"));
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, &audit).unwrap();
    assert!(refused(&root).contains("audit is a link"));
    fs::remove_file(&audit).unwrap();
    fs::write(&audit, "").unwrap();
    assert!(refused(&root).contains("audit is not a folder"));
    fs::remove_file(&audit).unwrap();
    fs::create_dir(&audit).unwrap();
    fs::set_permissions(&audit, Permissions::from_mode(0o770)).unwrap();
    assert!(refused(&root).contains("audit can be written by other users (mode 770)"));
    fs::set_permissions(&audit, Permissions::from_mode(0o700)).unwrap();

    let day = audit.join("2026-11-30.jsonl");
    symlink(elsewhere.join("victim"), &day).unwrap();
    assert!(refused(&root).contains("2026-11-30.jsonl is a link"));
    fs::remove_file(&day).unwrap();
    pipe(&day);
    assert!(refused(&root).contains("2026-11-30.jsonl is not a regular file"));
    fs::remove_file(&day).unwrap();
    fs::create_dir(&day).unwrap();
    assert!(refused(&root).contains("2026-11-30.jsonl is not a regular file"));
    fs::remove_dir(&day).unwrap();
    fs::write(&day, "{}\n").unwrap();
    fs::set_permissions(&day, Permissions::from_mode(0o620)).unwrap();
    assert!(refused(&root).contains("2026-11-30.jsonl can be written by other users"));
    fs::set_permissions(&day, Permissions::from_mode(0o600)).unwrap();
    // What an operator keeps beside the files of days is none of ours.
    symlink(&day, audit.join("latest")).unwrap();
    drop(open(&root));
    for owned in [&audit, &day] {
        if chown(owned, Some(4711), None).is_ok() {
            assert!(refused(&root).contains("belongs to user 4711"));
            chown(owned, Some(0), None).unwrap();
        }
    }
    drop(open(&root));
}

/// A pipe without a peer blocks the process that opens it.
#[test]
fn a_pipe_in_place_of_a_file_is_refused_and_holds_up_nobody() {
    for name in ["lock", "format", "format.new", "dashboard-logouts"] {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("data");
        drop(open(&root));
        let place = root.join(name);
        if place.exists() {
            fs::remove_file(&place).unwrap();
        }
        pipe(&place);
        assert!(refused(&root).contains("is not a regular file"), "{name}");
    }
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").args(["-m", "600"]).arg(path).status().unwrap().success());
}

#[test]
fn a_file_in_place_of_the_folder_is_called_no_directory() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("data");
    fs::write(&root, "").unwrap();
    let refused = DiskStore::open(&root, &specs(), HandClock::new()).unwrap_err();
    assert!(refused.to_string().contains("is not a folder"), "{refused}");
}
