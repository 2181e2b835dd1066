//! The files of the audit log while somebody moves, removes or replaces them.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use log2aws_server::{AUDIT_FOLDER, AUDIT_SUFFIX};

use crate::audit::{QUERY, lines_in};
use crate::client::Request;
use crate::harness::{Running, eventually, start};

fn audit(server: &Running) -> PathBuf {
    server.folder.join(AUDIT_FOLDER)
}

fn today(server: &Running) -> PathBuf {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    audit(server).join(format!("{today}{AUDIT_SUFFIX}"))
}

fn ready(server: &Running) -> String {
    server.send(&Request::new("GET", "/-/readyz")).text()
}

fn urls_in(file: &Path) -> usize {
    fs::read_to_string(file).unwrap_or_default().matches("\"event\":\"url\"").count()
}

#[test]
fn a_file_that_is_moved_keeps_its_lines_and_the_next_go_to_a_new_one() {
    let mut server = start();
    let file = today(&server);
    let moved = |number: usize| audit(&server).join(format!("moved.{number}"));
    for number in 0..5 {
        for _ in 0..20 {
            server.url(QUERY);
        }
        eventually("a line is missing", || file.exists() && urls_in(&file) > 0);
        // While more lines are written.
        fs::rename(&file, moved(number)).unwrap();
        if number % 2 == 1 {
            // As logrotate does with `create`, unless the server was faster.
            let _ = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file);
        }
    }
    server.url(QUERY);
    let begins = "was moved or removed\"}\n";
    eventually("there is no new file", || {
        fs::read_to_string(&file).is_ok_and(|text| text.contains(begins))
    });
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    server.stop();
    let kept: usize =
        (0..5).map(|number| urls_in(&audit(&server).join(format!("moved.{number}")))).sum();
    assert_eq!(kept + urls_in(&file), 101);
    let dropped = lines_in(&server.folder).iter().any(|line| line["event"] == "dropped");
    assert!(!dropped);
}

#[test]
fn a_folder_that_is_removed_is_made_again() {
    let server = start();
    server.url(QUERY);
    let file = today(&server);
    eventually("the line is not there", || urls_in(&file) == 1);
    fs::remove_dir_all(audit(&server)).unwrap();
    for _ in 0..2 {
        server.url(QUERY);
    }
    eventually("the lines are not there", || urls_in(&file) == 2);
    assert_eq!(fs::metadata(audit(&server)).unwrap().permissions().mode() & 0o777, 0o700);
    let size = u32::try_from(fs::metadata(&file).unwrap().len()).unwrap();
    server.counts("log2aws_audit_bytes", f64::from(size));
    assert_eq!(ready(&server), "ready\n");
}

#[test]
fn a_pipe_in_place_of_the_file_is_reported_and_takes_no_line() {
    let mut server = start();
    server.url(QUERY);
    let file = today(&server);
    eventually("the line is not there", || urls_in(&file) == 1);
    fs::remove_file(&file).unwrap();
    assert!(Command::new("mkfifo").args(["-m", "600"]).arg(&file).status().unwrap().success());
    server.url(QUERY);
    // The line that says that the file was removed is lost with it.
    eventually("it is not counted", || {
        server.metric("log2aws_audit_lines_dropped_total{reason=\"disk\"}") >= 1.0
    });
    let told = "audit: lines cannot be written, see the log";
    assert!(ready(&server).contains(told), "{}", ready(&server));
    fs::remove_file(&file).unwrap();
    server.url(QUERY);
    eventually("the line is not there", || urls_in(&file) == 1);
    eventually("it is told for ever", || ready(&server) == "ready\n");
    server.stop();
}
