//! Judges whether the two folders can be used. Pure.

use crate::doctor::facts::folder::{Disk, Folder, Owner, State, Writers};
use crate::doctor::finding::{Check, Finding};

/// Below this a day's log may not fit, considering what the system itself needs.
const LOW_SPACE: u64 = 16 << 20;

/// Below this, nothing of ours fits.
const NO_SPACE: u64 = 64 << 10;

/// The purpose of a folder, and who checks it.
pub(crate) struct FolderPurpose {
    pub(crate) check: Check,
    /// The flag that sets it.
    pub(crate) flag: &'static str,
    /// What is lost with it.
    pub(crate) loses: &'static str,
    /// The user id of this process.
    pub(crate) user: u32,
}

pub(crate) fn judge(folder: &Folder, purpose: &FolderPurpose) -> Finding {
    let (path, check, flag) = (folder.path.display(), purpose.check, purpose.flag);
    let (disk, owner) = match &folder.state {
        State::Missing { may_make: true } => {
            return Finding::ok(check, format!("{path} is not there yet; it is made when needed"));
        }
        State::Missing { may_make: false } => {
            return Finding::fail(
                check,
                format!("{path} is not there, and user {} cannot make it", purpose.user),
                format!("make it and give it to that user, or name another with {flag}"),
            );
        }
        State::NotAFolder => {
            return Finding::fail(
                check,
                format!("{path} is no folder (a link is none, either)"),
                format!("move it away, or name another with {flag}"),
            );
        }
        State::Unknown(error) => {
            return Finding::fail(
                check,
                format!("{path} cannot be looked at ({error})"),
                format!(
                    "let user {} into it and the folders above, or name another with {flag}",
                    purpose.user
                ),
            );
        }
        State::There(disk, owner) => (*disk, owner),
    };
    there(&folder.path.display().to_string(), disk, owner, purpose)
}

fn there(path: &str, disk: Disk, owner: &Owner, purpose: &FolderPurpose) -> Finding {
    let (check, flag, user) = (purpose.check, purpose.flag, purpose.user);
    if disk.writers == Writers::Nobody {
        return Finding::fail(
            check,
            format!("{path} is on a file system that is mounted read-only"),
            format!(
                "see in dmesg whether its disk is broken, mount it with rw, or name another with {flag}"
            ),
        );
    }
    if disk.writers == Writers::Others {
        return Finding::fail(
            check,
            format!("{path} cannot be written by user {user}"),
            format!(
                "run doctor as the user of the service (sudo -u log2aws); if this is that user, \
                 chown it to {user}, or name another with {flag}"
            ),
        );
    }
    if let Some(foreign) = foreign(path, owner, purpose) {
        return foreign;
    }
    if disk.no_inodes {
        return Finding::fail(
            check,
            format!("the file system of {path} has no inode left"),
            "remove files that nobody needs: df -i shows where",
        );
    }
    if disk.free < NO_SPACE {
        return Finding::fail(
            check,
            format!("the file system of {path} is full ({} left)", size(disk.free)),
            "make room: df -h shows where",
        );
    }
    if disk.in_memory {
        return Finding::fail(
            check,
            format!("{path} is on a tmpfs: a reboot loses {}", purpose.loses),
            format!("name a folder on a disk with {flag}"),
        );
    }
    if owner.no_reserve {
        return Finding::warn(
            check,
            format!("the reserve in {path} was given up, so its disk was full"),
            "make room; the next delivery takes it again",
        );
    }
    if disk.free < LOW_SPACE {
        return Finding::warn(
            check,
            format!("the file system of {path} is nearly full ({} left)", size(disk.free)),
            "make room: df -h shows where",
        );
    }
    Finding::ok(check, format!("{path}, {} free", size(disk.free)))
}

/// Files with the wrong owner. Root may do everything here, but is not the user of the service.
fn foreign(path: &str, owner: &Owner, purpose: &FolderPurpose) -> Option<Finding> {
    let (check, of, user) = (purpose.check, owner.of, purpose.user);
    if user != 0 && of != 0 && of != user {
        return Some(Finding::fail(
            check,
            format!("{path} belongs to user {of}, and this is user {user}"),
            format!("run as user {of}, or name a folder of your own with {}", purpose.flag),
        ));
    }
    let (name, by) = owner.foreign_file.as_ref()?;
    if of == 0 || *by == of {
        return None;
    }
    Some(Finding::fail(
        check,
        format!("{path}/{} belongs to user {by}, the folder to user {of}", name.to_string_lossy()),
        format!("chown -R {of} {path}; and do not run log2aws-agent as anybody but user {of}"),
    ))
}

/// Bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut rest = bytes;
    while rest >= 10 * 1024 && unit + 1 < UNITS.len() {
        rest /= 1024;
        unit += 1;
    }
    format!("{rest} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    const GOOD: Disk =
        Disk { writers: Writers::We, in_memory: false, free: 1 << 40, no_inodes: false };

    fn say(state: State) -> Finding {
        let purpose = FolderPurpose {
            check: Check::StateFolder,
            flag: "--state-dir",
            loses: "what was delivered",
            user: 998,
        };
        judge(&Folder { path: "/var/lib/log2aws-agent".into(), state }, &purpose)
    }

    #[test]
    fn each_fault_of_a_folder_is_its_own() {
        let disk = |change: fn(&mut Disk)| {
            let mut disk = GOOD;
            change(&mut disk);
            State::There(disk, Owner::default())
        };
        let of = |of, foreign_file: Option<(&str, u32)>, no_reserve| {
            let foreign_file = foreign_file.map(|(name, by)| (name.into(), by));
            State::There(GOOD, Owner { of, foreign_file, no_reserve })
        };
        let cases = [
            (disk(|_| {}), Verdict::Ok, "1024 GiB free"),
            (disk(|d| d.free = 1 << 20), Verdict::Warn, "nearly full (1024 KiB left)"),
            (disk(|d| d.free = 0), Verdict::Fail, "is full (0 bytes left)"),
            (
                disk(|d| d.writers = Writers::Others),
                Verdict::Fail,
                "cannot be written by user 998 -> run doctor as the user of the service",
            ),
            (disk(|d| d.writers = Writers::Nobody), Verdict::Fail, "mounted read-only"),
            (disk(|d| d.in_memory = true), Verdict::Fail, "a reboot loses what was delivered"),
            (of(998, None, false), Verdict::Ok, "free"),
            (of(0, Some(("reserve", 998)), false), Verdict::Ok, "free"),
            (
                of(33, None, false),
                Verdict::Fail,
                "belongs to user 33, and this is user 998 -> run as",
            ),
            (of(998, Some(("ship.lock", 0)), false), Verdict::Fail, "/ship.lock belongs to user 0"),
            (of(998, None, true), Verdict::Warn, "was given up, so its disk was full -> make room"),
            (disk(|d| d.no_inodes = true), Verdict::Fail, "no inode left -> remove files"),
            (State::Missing { may_make: true }, Verdict::Ok, "is not there yet; it is made"),
            (
                State::Missing { may_make: false },
                Verdict::Fail,
                "user 998 cannot make it -> make it",
            ),
            (State::NotAFolder, Verdict::Fail, "is no folder"),
        ];
        for (state, verdict, words) in cases {
            let finding = say(state);
            assert_eq!(finding.verdict, verdict, "{finding}");
            assert!(finding.to_string().contains(words), "{finding}");
        }
    }

    #[test]
    fn sizes() {
        for (bytes, text) in
            [(0, "0 bytes"), (22_000, "21 KiB"), (5 << 20, "5120 KiB"), (u64::MAX, "16777215 TiB")]
        {
            assert_eq!(size(bytes), text);
        }
    }
}
