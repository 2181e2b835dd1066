//! How many users are logged in, as `uptime` counts them.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Bytes of a utmp record: glibc keeps the 32-bit layout wherever a 32-bit program of the same
/// machine may read the file, and has 64-bit times elsewhere (utmp(5); glibc's `bits/utmp.h`).
const RECORD: usize =
    if cfg!(any(target_arch = "aarch64", target_arch = "riscv64", target_arch = "loongarch64")) {
        400
    } else {
        384
    };

/// `ut_type` of somebody who is logged in.
const USER_PROCESS: i16 = 7;

/// Where the first byte of `ut_user` stands in a record, on every machine.
const USER_OFFSET: usize = 44;

/// The most that is read of one file: a utmp of 10,000 records, a session file many times over.
const MAX_READ: u64 = 4 << 20;

/// Counts the users of the machine whose `run` is under `root`.
///
/// A machine that keeps utmp is counted by it, as procps-ng 4.0.2 does. One that has none (so
/// newer distributions, for the year 2038) is counted by systemd's sessions, as procps-ng 4.0.4
/// does; one that has neither has no users.
pub(crate) fn count(root: &Path) -> io::Result<u64> {
    match File::open(root.join("run/utmp")) {
        Ok(file) => {
            let mut records = Vec::new();
            file.take(MAX_READ).read_to_end(&mut records)?;
            Ok(in_utmp(&records))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            in_sessions(&root.join("run/systemd/sessions"))
        }
        Err(error) => Err(error),
    }
}

/// Counts the user records with a name; a torn record at the end counts for nothing.
fn in_utmp(records: &[u8]) -> u64 {
    let logged_in = |record: &&[u8]| {
        i16::from_ne_bytes([record[0], record[1]]) == USER_PROCESS && record[USER_OFFSET] != 0
    };
    records.chunks_exact(RECORD).filter(logged_in).count() as u64
}

/// Counts systemd's sessions whose class is `user` or one of its kinds (`user-early`, …).
fn in_sessions(folder: &Path) -> io::Result<u64> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut users = 0;
    for entry in entries {
        let entry = entry?;
        // Beside the sessions' files stand pipes (`1.ref`), which must not be opened.
        if !entry.file_type()?.is_file() {
            continue;
        }
        let mut text = Vec::new();
        match File::open(entry.path()) {
            Ok(file) => file.take(MAX_READ).read_to_end(&mut text)?,
            // It ended between the listing and now.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let is_user = text.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"CLASS=user"));
        users += u64::from(is_user);
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
    fn without_utmp_systemd_knows() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(count(root.path()).unwrap(), 0);
        let sessions = root.path().join("run/systemd/sessions");
        fs::create_dir_all(&sessions).unwrap();
        fs::write(sessions.join("1"), "UID=1000\nCLASS=user\n").unwrap();
        fs::write(sessions.join("c1"), "UID=42\nCLASS=greeter\n").unwrap();
        fs::write(sessions.join("2"), "UID=0\nCLASS=user-early\n").unwrap();
        assert_eq!(count(root.path()).unwrap(), 2);
        fs::write(root.path().join("run/utmp"), record(USER_PROCESS, "alice")).unwrap();
        assert_eq!(count(root.path()).unwrap(), 1);
    }
}
