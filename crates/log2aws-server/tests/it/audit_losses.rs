//! The audit log when its lines cannot be written: nothing waits or fails because of it.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use log2aws_server::{AUDIT_FOLDER, AUDIT_SUFFIX, RAW_BUCKET};
use serde_json::Value;

use crate::audit::{QUERY, lines_in, requests_in};
use crate::child::{Process, drain};
use crate::client::Request;
use crate::harness::{ClockAt, LOG, config, eventually, start_on, start_with};

fn ready(address: SocketAddr) -> String {
    Request::new("GET", "/-/readyz").send(address).text()
}

#[test]
fn a_reached_cap_refuses_nothing_and_is_told() {
    let server = start_with(|config| config.audit.max_bytes = 2_000);
    for _ in 0..20 {
        server.url(QUERY);
    }
    let dropped = "log2aws_audit_lines_dropped_total{reason=\"size\"}";
    eventually("nothing was dropped", || server.metric(dropped) > 0.0);
    let url = server.url(QUERY);
    assert_eq!(server.send(&Request::new("PUT", url).body(LOG)).status, 200);
    let lines = "log2aws_audit_lines_total";
    // The line of the start, and one for each of 22 requests.
    eventually("a line is missing", || (server.metric(lines) + server.metric(dropped)) >= 23.0);
    assert!(server.metric("log2aws_audit_bytes") <= 2_000.0);
    let told = "audit: nothing more is written, because --max-audit-size is reached";
    eventually("it is not told", || ready(server.address).contains(told));
}

#[test]
fn a_flood_of_refusals_leaves_room_for_what_is_done() {
    let server = start_with(|config| config.audit.max_bytes = 8_000);
    let dropped = "log2aws_audit_lines_dropped_total{reason=\"size\"}";
    for _ in 0..40 {
        assert_eq!(server.send(&Request::new("GET", format!("/{RAW_BUCKET}/x"))).status, 403);
    }
    eventually("no refusal was dropped", || server.metric(dropped) > 0.0);
    assert!(server.metric("log2aws_audit_bytes") < 4_500.0);
    server.url(QUERY);
    let is_url = |line: &Value| line["event"] == "url";
    eventually("the URL is not there", || requests_in(&server.folder).iter().any(is_url));
    let told = "audit: refused requests are not written";
    eventually("it is not told", || ready(server.address).contains(told));
}

#[test]
fn a_folder_that_cannot_be_used_refuses_nothing_and_what_was_lost_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let in_the_way = folder.path().join(AUDIT_FOLDER);
    start_on(config(folder.path()), ClockAt(0)).stop();
    fs::remove_dir_all(&in_the_way).unwrap();
    fs::write(&in_the_way, "").unwrap();
    let server = start_on(config(folder.path()), ClockAt(0));
    let url = server.url(QUERY);
    assert_eq!(server.send(&Request::new("PUT", url).body(LOG)).status, 200);
    // The line of the start is the third.
    server.counts("log2aws_audit_lines_dropped_total{reason=\"disk\"}", 3.0);
    let told = "audit: lines cannot be written, see the log";
    eventually("it is not told", || ready(server.address).contains(told));
    fs::remove_file(&in_the_way).unwrap();
    eventually("what was lost is not told", || {
        lines_in(folder.path()).iter().any(|line| line["event"] == "dropped" && line["lines"] == 3)
    });
    eventually("it is told for ever", || ready(server.address) == "ready\n");
}

/// A small disk for the audit log alone; where the machine does not allow one, the test says so.
#[test]
fn a_full_disk_refuses_nothing_and_tears_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let audit = data.join(AUDIT_FOLDER);
    start_on(config(&data), ClockAt(0)).stop();
    let mut command = Command::new("unshare");
    let script = "mount -t tmpfs -o size=8k,mode=700 tmpfs \"$1\" && shift && exec \"$@\"";
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
    command.arg(&audit).arg(std::env::current_exe().unwrap());
    let Some(mut process) = Process::start(command, &data) else {
        log2aws_skip::required(
            "audit_losses::a_full_disk_refuses_nothing_and_tears_no_line",
            "no small disk can be mounted in a user name space",
        );
        return;
    };
    let log = drain(&mut process);
    let metrics = || {
        let token = fs::read_to_string(data.join("metrics-token")).unwrap();
        let bearer = format!("Bearer {}", token.trim());
        Request::new("GET", "/-/metrics").header("authorization", bearer).send(process.address)
    };
    let dropped = "log2aws_audit_lines_dropped_total{reason=\"disk\"}";
    eventually("the disk does not become full", || {
        process.url("web01");
        metrics().text().contains(dropped)
    });
    let put = Request::new("PUT", process.url("web01")).body(LOG).send(process.address);
    assert_eq!(put.status, 200);
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let inside =
        format!("/proc/{}/root{}/{today}{AUDIT_SUFFIX}", process.child.id(), audit.display());
    let text = fs::read_to_string(inside).unwrap();
    assert!(text.len() > 4000 && text.ends_with("}\n"), "{} bytes", text.len());
    for line in text.lines() {
        serde_json::from_str::<Value>(line).expect(line);
    }
    process.child.kill().unwrap();
    process.child.wait().unwrap();
    let log = log.join().unwrap();
    assert_eq!(log.matches("audit lines cannot be written").count(), 1, "{log}");
}

/// A pipe that nobody reads stands for a disk that does not answer.
#[test]
fn a_disk_that_hangs_holds_up_neither_requests_nor_the_stop() {
    let folder = tempfile::tempdir().unwrap();
    start_on(config(folder.path()), ClockAt(0)).stop();
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let file = folder.path().join(AUDIT_FOLDER).join(format!("{today}{AUDIT_SUFFIX}"));
    fs::remove_file(&file).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    let mut server = start_on(config(folder.path()), ClockAt(0));
    // Each control character takes six bytes of a line.
    let long = Request::new("GET", format!("/{RAW_BUCKET}/{}", "%01".repeat(1000)));
    let dropped = "log2aws_audit_lines_dropped_total{reason=\"queue\"}";
    for _ in 0..1_000 {
        assert_eq!(server.send(&long).status, 403);
    }
    assert!(server.metric(dropped) > 0.0);
    let url = server.url(QUERY);
    assert_eq!(server.send(&Request::new("PUT", url).body(LOG)).status, 200);
    let begin = Instant::now();
    server.stop();
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}
