//! What the real binary syncs to disk, and in which order, by strace. Only the order makes a record
//! true after a power cut: the log, the record's bytes, its name, the folder of the name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::server::Served;

/// A call that succeeded: its name and the path it was about; of a rename, the new name.
type Call = (String, PathBuf);

/// Runs the agent under strace; its calls that change what a disk holds.
fn trace(folder: &Path, verb: &[&str]) -> Vec<Call> {
    let trace = folder.join("trace");
    let mut command = Command::new("strace");
    command.args([
        "-f",
        "-y",
        "-qq",
        "-e",
        "trace=write,fsync,fdatasync,rename,renameat,renameat2",
    ]);
    command.arg("-o").arg(&trace).arg(env!("CARGO_BIN_EXE_log2aws-agent")).args(verb);
    command.args(["--server", "web01"]);
    command.arg("--log-dir").arg(folder.join("log"));
    command.arg("--state-dir").arg(folder.join("state"));
    command.env_clear().env("TZ", "UTC").env("PATH", "/usr/bin:/bin");
    let output = command.output().unwrap_or_else(|error| {
        panic!("no strace: {error}; install Debian's package strace");
    });
    assert!(output.status.success(), "{output:?}");
    fs::read_to_string(&trace).unwrap().lines().filter_map(call).collect()
}

/// `123 fsync(5</a/b>) = 0`, `123 rename("/a/.b.new", "/a/b") = 0`
fn call(line: &str) -> Option<Call> {
    let (name, rest) = line.split_once(' ')?.1.trim_start().split_once('(')?;
    let path = if name.starts_with("rename") {
        rest.split('"').nth(3)?
    } else {
        rest.split_once('<')?.1.split_once('>')?.0
    };
    Some((name.to_owned(), PathBuf::from(path)))
}

/// Asserts that the calls occur in this order; others may lie between.
fn in_order(calls: &[Call], expected: &[(&str, PathBuf)]) {
    let mut left = calls.iter();
    for (name, path) in expected {
        let found = left.any(|(made, of)| made == name && of == path);
        assert!(found, "no {name} of {} in its place: {calls:#?}", path.display());
    }
}

#[test]
fn a_delivery_is_recorded_when_the_log_is_durable_and_the_record_is_durable_then() {
    let served = Served::start();
    let api = served.api();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (log, state) = (folder.join("log"), folder.join("state"));
    fs::create_dir(&log).unwrap();
    fs::write(log.join("2020-02-02.log"), "# log2aws/1 server=web01\none\n").unwrap();
    let calls = trace(folder, &["ship", "--api", &api]);
    let records = state.join("deliveries/web01");
    in_order(
        &calls,
        &[
            ("fsync", log.join("2020-02-02.log")),
            ("fsync", log.clone()),
            ("fsync", records.join(".2020-02-02.json.new")),
            ("rename", records.join("2020-02-02.json")),
            ("fsync", records.clone()),
        ],
    );
    // Space that is only promised may be missing on a full disk.
    in_order(&calls, &[("write", state.join("reserve")), ("fsync", state.join("reserve"))]);
}

#[test]
fn a_synced_sample_is_durable_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let calls = trace(folder.path(), &["sample", "--since-boot", "--sync"]);
    let log = folder.path().join("log");
    let day = fs::read_dir(&log).unwrap().next().unwrap().unwrap().path();
    in_order(&calls, &[("write", day.clone()), ("fsync", day.clone()), ("fsync", log)]);

    let folder = tempfile::tempdir().unwrap();
    let calls = trace(folder.path(), &["sample", "--since-boot"]);
    let name = day.file_name().unwrap();
    let synced = calls.iter().any(|(call, path)| call == "fsync" && path.ends_with(name));
    assert!(!synced, "without --sync: {calls:#?}");
}
