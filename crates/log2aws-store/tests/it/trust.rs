//! Which data folders are refused because of their owner or mode.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;

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

#[test]
fn a_file_in_place_of_the_folder_is_called_no_directory() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("data");
    fs::write(&root, "").unwrap();
    let refused = DiskStore::open(&root, &specs(), HandClock::new()).unwrap_err();
    assert!(refused.to_string().contains("is not a folder"), "{refused}");
}
