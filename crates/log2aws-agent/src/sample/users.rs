//! The number of logged-in users, as `uptime` counts them.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// The size of a utmp record: glibc uses the 32-bit layout wherever a 32-bit program of the same
/// machine may read the file, and 64-bit times elsewhere (utmp(5); glibc's `bits/utmp.h`).
const RECORD: usize =
    if cfg!(any(target_arch = "aarch64", target_arch = "riscv64", target_arch = "loongarch64")) {
        400
    } else {
        384
    };

/// `ut_type` of a logged-in user.
const USER_PROCESS: i16 = 7;

/// The offset of `ut_user` in a record, the same on every machine.
const USER_OFFSET: usize = 44;

/// The most that is read of one file: a utmp of 10,000 records.
const MAX_READ: u64 = 4 << 20;

/// Counts the users of the machine whose `run` is under `root`, as the newest `uptime` does
/// (procps-ng 4.0.5, `library/uptime.c`): with systemd, by its sessions; without it, or if it has
/// no sessions, by utmp.
///
/// Other versions differ. Up to 4.0.2 (Debian 12, RHEL 9) `uptime` reads only utmp, where each
/// window of screen(1) can be a further user; 4.0.3 and 4.0.4 count every session, including
/// greeters and managers. Our count is that of the newest version.
///
/// systemd calls its session files private, and libsystemd is the official reader. Loading it would
/// need `unsafe` code, and the library would have to be on every machine; all it does is read these
/// files, one `CLASS=` line each, in every release so far. Should their format change, utmp is
/// counted, or nobody.
pub(crate) fn count(root: &Path) -> io::Result<u64> {
    // The test of sd_booted(3).
    if root.join("run/systemd/system").is_dir()
        && let Ok(Some(users)) = in_sessions(&root.join("run/systemd/sessions"))
    {
        return Ok(users);
    }
    match File::open(root.join("run/utmp")) {
        Ok(file) => {
            let mut records = Vec::new();
            file.take(MAX_READ).read_to_end(&mut records)?;
            Ok(in_utmp(&records))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// Counts the user records with a name; an incomplete last record is ignored.
fn in_utmp(records: &[u8]) -> u64 {
    let logged_in = |record: &&[u8]| {
        i16::from_ne_bytes([record[0], record[1]]) == USER_PROCESS && record[USER_OFFSET] != 0
    };
    records.chunks_exact(RECORD).filter(logged_in).count() as u64
}

/// Counts systemd's sessions whose class is `user` or one of its kinds (`user-early`, …); `None` if
/// there are no sessions at all.
fn in_sessions(folder: &Path) -> io::Result<Option<u64>> {
    let mut users = None;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // Beside the session files there are pipes (`1.ref`), which must not be opened.
        if !entry.file_type()?.is_file() {
            continue;
        }
        let users = users.get_or_insert(0);
        let mut text = Vec::new();
        match File::open(entry.path()) {
            Ok(file) => file.take(MAX_READ).read_to_end(&mut text)?,
            // It ended after the listing.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let is_user = text.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"CLASS=user"));
        *users += u64::from(is_user);
    }
    Ok(users)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: i16, user: &str) -> Vec<u8> {
        let mut record = vec![0; RECORD];
        record[..2].copy_from_slice(&kind.to_ne_bytes());
        record[USER_OFFSET..USER_OFFSET + user.len()].copy_from_slice(user.as_bytes());
        record
    }

    #[test]
    fn only_logged_in_users_count() {
        let mut records = [
            record(2, "reboot"),
            record(USER_PROCESS, "alice"),
            record(8, "bob"),
            record(USER_PROCESS, ""),
            record(USER_PROCESS, "carol"),
        ]
        .concat();
        assert_eq!(in_utmp(&records), 2);
        records.extend(&record(USER_PROCESS, "torn")[..RECORD - 1]);
        assert_eq!(in_utmp(&records), 2);
        assert_eq!(in_utmp(&[]), 0);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn a_file_of_other_hands_is_read_as_uptime_reads_it() {
        assert_eq!(in_utmp(include_bytes!("../../../../testdata/utmp-x86_64")), 2);
    }

    #[test]
    fn where_systemd_runs_its_sessions_count() {
        let root = tempfile::tempdir().unwrap();
        let run = root.path().join("run");
        let sessions = run.join("systemd/sessions");
        assert_eq!(count(root.path()).unwrap(), 0, "a container");
        fs::create_dir_all(&sessions).unwrap();
        fs::write(run.join("utmp"), record(USER_PROCESS, "alice").repeat(3)).unwrap();
        for (name, class) in
            [("1", "user"), ("c1", "greeter"), ("2", "user-early"), ("3", "manager-early")]
        {
            let text = format!("# This is private data. Do not parse.\nUID=0\nCLASS={class}\n");
            fs::write(sessions.join(name), text).unwrap();
        }
        assert_eq!(count(root.path()).unwrap(), 3, "another init, whose logind left this behind");

        fs::create_dir(run.join("systemd/system")).unwrap();
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, sessions.join("1.ref"), mode).unwrap();
        assert_eq!(count(root.path()).unwrap(), 2);

        // Sessions without a user: nobody is logged in, whatever utmp says.
        for name in ["1", "2"] {
            fs::remove_file(sessions.join(name)).unwrap();
        }
        assert_eq!(count(root.path()).unwrap(), 0);
        // No session at all: logind is absent or counts nobody. Then utmp is used.
        fs::remove_dir_all(&sessions).unwrap();
        assert_eq!(count(root.path()).unwrap(), 3);
        fs::create_dir(&sessions).unwrap();
        assert_eq!(count(root.path()).unwrap(), 3);
    }
}
