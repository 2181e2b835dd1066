//! `ship` without faults.

use std::fs::{self, File, OpenOptions};
use std::io::Write;

use log2aws_agent::ship::{Days, ShipError};

use super::server::{Does, SECRET, Server};
use super::{Host, yesterday};

const DAY: &str = "2026-11-21";
/// printf abc | sha256sum
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn yesterdays_log_is_delivered_once_and_again_when_it_changes() {
    let (host, server) = (Host::new(&[(DAY, "abc")]), Server::right());
    let (line, code) = host.ship(&server);
    assert_eq!((line, code), (format!("{DAY}: delivered (3 bytes, sha256 {})", &ABC[..12]), 0));
    assert_eq!(server.stored(), [("/raw/web01/2026-11-21.log".to_owned(), b"abc".to_vec())]);

    let [get, put] = &server.requests()[..] else { panic!("{:?}", server.requests()) };
    let id = "07".repeat(16);
    let asked = format!("/prod?server=web01&date={DAY}&size=3&sha256={ABC}&request_id={id}");
    assert_eq!(get.target, asked);
    assert_eq!(get.headers["accept"], "application/json");
    assert_eq!(put.headers["content-length"], "3");
    assert!(!put.headers.contains_key("transfer-encoding") && !put.headers.contains_key("expect"));

    let mut record: serde_json::Value =
        serde_json::from_slice(&fs::read(host.record(DAY)).unwrap()).unwrap();
    let modified = record.as_object_mut().unwrap().remove("modified").unwrap();
    let since_1970 = fs::metadata(host.log(DAY)).unwrap().modified().unwrap();
    let since_1970 = since_1970.duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(u128::from(modified.as_u64().unwrap()), since_1970.as_nanos());
    assert_eq!(
        record,
        serde_json::json!({
            "sha256": ABC,
            "size": 3,
            "delivered_at": "2026-11-21T15:04:00Z",
            "api": format!("http://{}/prod", server.address),
            "store": null,
            "etag": "\"e1\"",
            "version_id": "v1",
        })
    );

    let (line, code) = host.ship(&server);
    let nothing = "nothing to do, these bytes were delivered at 2026-11-21T15:04:00Z";
    assert_eq!((line, code), (format!("{DAY}: {nothing}"), 0));
    assert_eq!(server.requests().len(), 2);

    OpenOptions::new().append(true).open(host.log(DAY)).unwrap().write_all(b"d").unwrap();
    let (line, code) = host.ship(&server);
    assert!(line.starts_with("2026-11-21: delivered again, for it has changed (4 bytes"), "{line}");
    assert_eq!((code, server.stored()[1].1.as_slice()), (0, &b"abcd"[..]));
}

#[test]
fn another_api_has_not_what_this_one_has() {
    let host = Host::new(&[(DAY, "abc")]);
    let (first, second) = (Server::right(), Server::right());
    host.ship(&first);
    let (line, code) = host.ship(&second);
    assert!(line.starts_with("2026-11-21: delivered (3 bytes"), "{line}");
    assert_eq!((code, second.stored().len()), (0, 1));
}

#[test]
fn an_empty_log_is_a_log() {
    let (host, server) = (Host::new(&[(DAY, "")]), Server::right());
    assert_eq!(host.ship(&server).1, 0);
    assert_eq!(server.stored()[0].1, b"");
    assert_eq!(server.requests()[1].headers["content-length"], "0");
}

#[test]
fn a_long_log_arrives_whole() {
    let text = "0123456789abcdef".repeat(1 << 18);
    let (host, server) = (Host::new(&[(DAY, &text)]), Server::right());
    assert_eq!(host.ship(&server).1, 0);
    assert!(server.stored()[0].1 == text.as_bytes(), "other bytes arrived");
}

#[test]
fn a_log_that_grows_is_sent_as_it_was_signed() {
    let host = Host::new(&[(DAY, "abc")]);
    let log = host.log(DAY);
    let server = Server::start(move |request| {
        if !request.is_put() {
            OpenOptions::new().append(true).open(&log).unwrap().write_all(b"def").unwrap();
        }
        Does::Right
    });
    assert_eq!(host.ship(&server).1, 0);
    assert_eq!(server.stored()[0].1, b"abc");
    // The rest is another version, for the next run.
    assert!(host.ship(&server).0.contains("again, for it has changed (6 bytes"));
}

#[test]
fn since_takes_what_is_left_oldest_first_and_never_today() {
    let days = ["2026-11-22", "2026-11-20", "2026-11-18", "2026-11-17", "2026-11-21"];
    let (host, server) = (Host::new(&days.map(|day| (day, day))), Server::right());
    let only = host.config(&server, Days::Only("2026-11-20".parse().unwrap()));
    assert_eq!(host.run(&only).unwrap().exit_code(), 0);

    let since = host.config(&server, Days::Since("2026-11-18".parse().unwrap()));
    let report = host.run(&since).unwrap();
    let lines: Vec<String> = report.days.iter().map(ToString::to_string).collect();
    assert!(lines[0].starts_with("2026-11-18: delivered (10 bytes"), "{lines:?}");
    assert!(lines[1].starts_with("2026-11-20: nothing to do"), "{lines:?}");
    assert!(lines[2].starts_with("2026-11-21: delivered (10 bytes"), "{lines:?}");
    assert_eq!((lines.len(), report.exit_code()), (3, 0));
    let stored: Vec<String> = server.stored().into_iter().map(|(path, _)| path).collect();
    assert_eq!(
        stored,
        ["20", "18", "21"].map(|day| format!("/raw/web01/2026-11-{day}.log")).to_vec()
    );
}

#[test]
fn a_day_that_is_not_over_has_no_backlog() {
    let (host, server) = (Host::new(&[]), Server::right());
    let today = "2026-11-22".parse().unwrap();
    let error = host.run(&host.config(&server, Days::Since(today))).unwrap_err();
    assert!(matches!(error, ShipError::NotOver(day) if day == today));
}

#[test]
fn a_dry_run_asks_nobody_and_writes_nothing() {
    let (host, server) = (Host::new(&[(DAY, "abc")]), Server::right());
    let config = host.config(&server, yesterday());
    let report = host.run(&log2aws_agent::ship::ShipConfig { dry_run: true, ..config }).unwrap();
    let log = host.log(DAY);
    let line = format!("{DAY}: would deliver {} (3 bytes, sha256 {})", log.display(), &ABC[..12]);
    assert_eq!((report.days[0].to_string(), report.exit_code()), (line, 0));
    assert!(server.requests().is_empty() && !host.state().exists());
}

#[test]
fn two_at_once_do_not_deliver_twice() {
    let (host, server) = (Host::new(&[(DAY, "abc")]), Server::right());
    fs::create_dir(host.state()).unwrap();
    let lock = File::create(host.state().join("ship.lock")).unwrap();
    lock.lock().unwrap();
    let error = host.run(&host.config(&server, yesterday())).unwrap_err();
    assert!(matches!(error, ShipError::Busy(_)), "{error}");
    drop(lock);
    assert_eq!(host.ship(&server).1, 0);
}

#[test]
fn programs_read_the_report_as_json() {
    let (host, server) = (Host::new(&[(DAY, "abc")]), Server::right());
    let report = host.run(&host.config(&server, yesterday())).unwrap();
    let expected = serde_json::json!({ "days": [{
        "day": DAY,
        "file": host.log(DAY),
        "outcome": "delivered",
        "size": 3,
        "sha256": ABC,
        "again": false,
        "attempts": 1,
        // The clock of these tests advances only when somebody waits.
        "milliseconds": 0,
    }], "removed": [], "warnings": []});
    assert_eq!(serde_json::to_value(&report).unwrap(), expected);
    assert!(!format!("{report:?}").contains(SECRET));
}
