//! Reports tests that cannot run on this machine: a skip is counted, never silent.
//!
//! Each skip is one line, printed and appended to the file that `LOG2AWS_SKIPS` names. `cargo xtask
//! test` sets that variable, prints the lines at its end, and fails in CI if a required test did
//! not run.

mod mounts;

use std::ffi::OsStr;
use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::{self, Write as _};

pub use mounts::with_own_mounts;

/// The variable that names the file.
pub const SKIPS: &str = "LOG2AWS_SKIPS";

/// Reports a skipped test of a guarantee: a full disk, a power cut. In CI this is a failure.
///
/// # Panics
///
/// If the file that `LOG2AWS_SKIPS` names cannot be written.
pub fn required(test: &str, why: impl Display) {
    skip("SKIPPED", test, &why);
}

/// Reports a skipped test that needs what not every machine has: root, a certain version of a
/// program. Counted, and not a failure.
///
/// # Panics
///
/// If the file that `LOG2AWS_SKIPS` names cannot be written.
pub fn optional(test: &str, why: impl Display) {
    skip("LEFT OUT", test, &why);
}

fn skip(kind: &str, test: &str, why: &dyn Display) {
    let line = format!("{kind}: {test}: {why}").replace('\n', " ");
    println!("{line}");
    if let Some(file) = std::env::var_os(SKIPS) {
        let done = append(&file, &line);
        assert!(done.is_ok(), "{}: {done:?}", file.display());
    }
}

/// One write, so that lines of concurrent tests do not mix.
fn append(file: &OsStr, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    file.write_all(format!("{line}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_skip_is_a_line_of_the_file_that_is_named() {
        const INNER: &str = "tests::a_skip_is_a_line_of_the_file_that_is_named";
        if std::env::var_os("LOG2AWS_SKIP_INNER").is_some() {
            required("full_disk", "no mount\nhere");
            optional("chown", "not root");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("skips");
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", INNER])
            .env("LOG2AWS_SKIP_INNER", "1")
            .env(SKIPS, &file)
            .output()
            .unwrap();
        assert!(output.status.success());
        let lines = std::fs::read_to_string(file).unwrap();
        assert_eq!(lines, "SKIPPED: full_disk: no mount here\nLEFT OUT: chown: not root\n");
    }
}
