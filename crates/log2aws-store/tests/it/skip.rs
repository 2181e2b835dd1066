//! A test that this machine does not let run says so, and is counted.

use std::fs::OpenOptions;
use std::io::Write as _;

/// Prints that `test` did not run and why, and adds a line to the file that `LOG2AWS_SKIPS` names,
/// so that whoever runs the tests can refuse to call that a success.
pub(crate) fn skip(test: &str, why: &str) {
    let line = format!("SKIPPED {test}: {why}").replace('\n', " ");
    println!("{line}");
    if let Some(file) = std::env::var_os("LOG2AWS_SKIPS") {
        let mut file = OpenOptions::new().append(true).create(true).open(file).unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}
