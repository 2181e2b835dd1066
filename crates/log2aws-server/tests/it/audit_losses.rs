//! The audit log when its lines cannot be written: nothing waits or fails because of it.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use log2aws_server::{AUDIT_FOLDER, AUDIT_SUFFIX, RAW_BUCKET};
use serde_json::Value;
use tempfile::TempDir;

use crate::audit::{QUERY, lines_in, requests_in};
use crate::child::{Process, drain};
use crate::client::Request;
use crate::faulty_disk::{FaultyDisk, with_own_mounts};
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
    let server = start_on(config(folder.path()), ClockAt(0));
    eventually("the start is not there", || lines_in(folder.path()).len() == 3);
    fs::remove_dir_all(&in_the_way).unwrap();
    fs::write(&in_the_way, "").unwrap();
    let url = server.url(QUERY);
    assert_eq!(server.send(&Request::new("PUT", url).body(LOG)).status, 200);
    // The third is the line that says that the file was removed.
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
    // A part of a line may be there until the server has cut it off again.
    let mut text = String::new();
    eventually("a line is torn", || {
        text = fs::read_to_string(&inside).unwrap();
        text.ends_with("}\n")
    });
    assert!(text.len() > 4000, "{} bytes", text.len());
    for line in text.lines() {
        serde_json::from_str::<Value>(line).expect(line);
    }
    process.child.kill().unwrap();
    process.child.wait().unwrap();
    let log = log.join().unwrap();
    assert_eq!(log.matches("audit lines cannot be written").count(), 1, "{log}");
}

/// A data folder whose audit log is on a disk of its own.
fn data_with_faulty_disk() -> (TempDir, FaultyDisk) {
    let folder = tempfile::tempdir().unwrap();
    start_on(config(folder.path()), ClockAt(0)).stop();
    let audit = folder.path().join(AUDIT_FOLDER);
    fs::remove_dir_all(&audit).unwrap();
    fs::create_dir(&audit).unwrap();
    let disk = FaultyDisk::mount(&audit).unwrap();
    (folder, disk)
}

/// A refusal whose line is long: each control character takes six bytes of it.
fn long_refusal() -> Request {
    Request::new("GET", format!("/{RAW_BUCKET}/{}", "%01".repeat(1000)))
}

#[test]
fn a_disk_that_hangs_is_reported_and_a_flood_costs_no_line_of_an_accepted_request() {
    let name = "audit_losses::a_disk_that_hangs_is_reported_and_a_flood_costs_no_line_of_an_accepted_request";
    with_own_mounts(name, || {
        let (folder, disk) = data_with_faulty_disk();
        let mut process = Process::myself(folder.path());
        let log = drain(&mut process);
        let is_there = |event: &str| lines_in(folder.path()).iter().any(|l| l["event"] == event);
        eventually("the start is not there", || is_there("start"));
        let hang = disk.faults.hang();
        for _ in 0..1_000 {
            assert_eq!(long_refusal().send(process.address).status, 403);
        }
        // Where no long line fits, a short one may.
        for _ in 0..100 {
            let refused = Request::new("GET", format!("/{RAW_BUCKET}/x")).send(process.address);
            assert_eq!(refused.status, 403);
        }
        let told = ready(process.address);
        assert!(told.contains("audit: lines were dropped within the last minute"), "{told}");
        let put = Request::new("PUT", process.url("web01")).body(LOG).send(process.address);
        assert_eq!(put.status, 200);
        let hangs = "audit: the disk does not respond, and lines wait in memory";
        eventually("it is not told", || ready(process.address).contains(hangs));
        drop(hang);
        eventually("the put is not there", || is_there("put"));
        eventually("what was lost is not told", || is_there("dropped"));
        process.child.kill().unwrap();
        process.child.wait().unwrap();
        let log = log.join().unwrap();
        for once in [
            "audit lines were dropped: the disk is too slow",
            "the disk of the audit log does not respond",
            "the disk of the audit log responds again",
        ] {
            assert_eq!(log.matches(once).count(), 1, "{once}: {log}");
        }
    });
}

#[test]
fn a_disk_that_hangs_holds_up_neither_requests_nor_the_stop() {
    with_own_mounts(
        "audit_losses::a_disk_that_hangs_holds_up_neither_requests_nor_the_stop",
        || {
            let (folder, disk) = data_with_faulty_disk();
            let _hang = disk.faults.hang();
            let mut server = start_on(config(folder.path()), ClockAt(0));
            let url = server.url(QUERY);
            assert_eq!(server.send(&Request::new("PUT", url).body(LOG)).status, 200);
            let begin = Instant::now();
            server.stop();
            assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
        },
    );
}

#[test]
fn lines_are_synced_by_the_second_and_count_as_dropped_if_that_fails() {
    let name = "audit_losses::lines_are_synced_by_the_second_and_count_as_dropped_if_that_fails";
    with_own_mounts(name, || {
        let (folder, disk) = data_with_faulty_disk();
        let server = start_on(config(folder.path()), ClockAt(0));
        let syncs = || disk.faults.syncs.load(Ordering::SeqCst);
        eventually("nothing is synced", || syncs() > 0);
        let (before, begin) = (syncs(), Instant::now());
        for _ in 0..100 {
            server.url(QUERY);
        }
        eventually("the lines are not synced", || syncs() > before);
        let seconds = begin.elapsed().as_secs() + 2;
        assert!(syncs() - before <= seconds, "{} syncs in {seconds} s", syncs() - before);
        disk.faults.fails_syncs.store(true, Ordering::SeqCst);
        server.url(QUERY);
        let told = "audit: lines cannot be written, see the log";
        eventually("it is not told", || ready(server.address).contains(told));
        assert!(server.metric("log2aws_audit_lines_dropped_total{reason=\"disk\"}") >= 1.0);
        disk.faults.fails_syncs.store(false, Ordering::SeqCst);
        eventually("what was lost is not told", || {
            lines_in(folder.path()).iter().any(|line| line["event"] == "dropped")
        });
        eventually("it is told for ever", || ready(server.address) == "ready\n");
    });
}
