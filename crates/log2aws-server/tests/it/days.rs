//! Which days are accepted, and that a final day is not replaced without an operator.

use std::io::{BufReader, Write as _};
use std::net::TcpStream;
use std::num::NonZeroU32;
use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use log2aws_server::{ANALYZED_BUCKET, RAW_BUCKET};
use log2aws_service::http::DayRules;
use sha2::{Digest as _, Sha256};

use crate::client::{Request, read_answer};
use crate::door::half_open;
use crate::harness::{LOG, Running, eventually, files_under, start_with};

fn days_ago(days: i64) -> String {
    Timestamp::now().to_zoned(TimeZone::UTC).date().saturating_sub(days.days()).to_string()
}

fn started() -> Running {
    start_with(|config| config.days = DayRules::default())
}

fn status(server: &Running, query: &str) -> (u16, String) {
    let answer = server.send(&Request::new("GET", format!("/?{query}")));
    (answer.status, answer.text())
}

#[test]
fn days_outside_the_window_get_no_url() {
    let server = started();
    for (day, taken) in [
        (days_ago(400), true),
        (days_ago(402), false),
        (days_ago(-1), true),
        (days_ago(-3), false),
        ("1970-01-01".to_owned(), false),
        ("9999-12-31".to_owned(), false),
    ] {
        let (status, text) = status(&server, &format!("server=web01&date={day}"));
        assert_eq!(status, if taken { 200 } else { 400 }, "{day}: {text}");
        assert!(taken || text.contains("only days from "), "{text}");
    }
}

/// Writes the record that lets the day be delivered once more.
fn reopen(server: &Running, day: &str, version: &str, at: Timestamp) {
    let record = serde_json::json!({"format": 1, "version": version, "why": "the clock was wrong",
        "by": "root", "at": at.to_string()});
    let key = format!("/{ANALYZED_BUCKET}/.log2aws/reopen/web01/{day}.json");
    let put = server.signed(Request::new("PUT", key).body(record.to_string()));
    assert_eq!(put.status, 200, "{}", put.text());
}

/// Delivers a log of a day, and waits for the summary; the log, and its version.
fn delivered(server: &Running, day: &str) -> (String, String) {
    let log = LOG.replace("2019-08-01", day);
    let url = server.url(&format!("server=web01&date={day}"));
    assert_eq!(server.send(&Request::new("PUT", url).body(&*log)).status, 200);
    (log, version(server, day))
}

/// The version that the day's results come from.
fn version(server: &Running, day: &str) -> String {
    let summary = server.result(&format!("web01/{day}.json"));
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    summary["raw"]["version"].as_str().unwrap().to_owned()
}

fn stored_log(server: &Running, day: &str) -> String {
    server.stored(RAW_BUCKET, &format!("web01/{day}.log")).unwrap()
}

const REFUSED_BY_DAY: &str = "log2aws_puts_refused_total{reason=\"day\"}";

#[test]
fn a_url_from_before_the_day_was_final_replaces_nothing_afterwards() {
    let server = start_with(|config| {
        config.days = DayRules { final_after_days: NonZeroU32::new(20), ..DayRules::default() };
    });
    let day = days_ago(20);
    let (log, _) = delivered(&server, &day);
    let query = format!("server=web01&date={day}");
    let url = server.url(&query);
    let same = format!("{query}&size={}&sha256={}", log.len(), hex::encode(Sha256::digest(&log)));
    let same = server.url(&same);
    server.ahead.fetch_add(24 * 60 * 60, Ordering::SeqCst);

    let changed = log.replace("25.06", "00.01");
    let put = Request::new("PUT", url).body(&*changed);
    let refused = read_answer(&mut BufReader::new(half_open(server.address, &put)), "PUT");
    assert_eq!((refused.status, &*refused.code()), (409, "DayIsFinal"), "{}", refused.text());
    assert!(refused.text().contains("log2aws reopen web01"), "{}", refused.text());
    server.counts(REFUSED_BY_DAY, 1.0);
    assert_eq!(stored_log(&server, &day), log);
    let checksum = BASE64_STANDARD.encode(Sha256::digest(&log));
    let again = Request::new("PUT", same).header("x-amz-checksum-sha256", checksum).body(&*log);
    assert_eq!(server.send(&again).status, 200);
}

#[test]
fn one_reopening_takes_one_delivery_however_many_urls_were_given() {
    let server = started();
    let day = days_ago(20);
    let (log, version) = delivered(&server, &day);
    reopen(&server, &day, &version, Timestamp::now());
    let query = format!("server=web01&date={day}");
    let urls: Vec<String> = (0..4).map(|_| server.url(&query)).collect();
    // Long enough that a file of each is there before the last byte.
    let body = |load: &str| log.replace("25.06", load) + &"\n".repeat(1 << 20);
    let put = |url: &str, load: &str| Request::new("PUT", url).body(body(load));
    // Two begin before either has ended.
    let begin = |url: &str, load: &str| {
        let mut stream = half_open(server.address, &put(url, load));
        let body = body(load);
        stream.write_all(&body.as_bytes()[..body.len() - 1]).unwrap();
        stream
    };
    let (mut first, mut second) = (begin(&urls[0], "00.01"), begin(&urls[1], "00.02"));
    let staging = server.folder.join("staging");
    eventually("one has not begun", || files_under(&staging).len() == 2);
    let finish = |stream: &mut TcpStream| {
        stream.write_all(b"\n").unwrap();
        read_answer(&mut BufReader::new(stream), "PUT")
    };
    assert_eq!(finish(&mut first).status, 200);
    let late = finish(&mut second);
    assert_eq!((late.status, &*late.code()), (409, "DayIsFinal"), "{}", late.text());
    // The results of the first may not be there yet, and after that the day is final again.
    let third = server.send(&put(&urls[2], "00.03"));
    assert!([409, 503].contains(&third.status), "{}", third.text());
    eventually("the day stays open", || server.send(&put(&urls[3], "00.03")).status == 409);
    assert!(stored_log(&server, &day).contains("00.01"));
}

#[test]
fn a_record_from_before_the_day_was_final_opens_nothing() {
    let server = started();
    let day = days_ago(20);
    let (_, version) = delivered(&server, &day);
    reopen(&server, &day, &version, Timestamp::now() - (15 * 24).hours());
    assert_eq!(status(&server, &format!("server=web01&date={day}")).0, 409);
}

#[test]
fn a_day_that_left_the_window_takes_no_log_with_an_earlier_url() {
    let server = started();
    let day = days_ago(400);
    let url = server.url(&format!("server=web01&date={day}"));
    server.ahead.fetch_add(24 * 60 * 60, Ordering::SeqCst);
    let answer = server.send(&Request::new("PUT", url).body(LOG));
    assert_eq!((answer.status, &*answer.code()), (400, "DayOutsideWindow"), "{}", answer.text());
    server.assert_empty();
}

#[test]
fn a_final_day_is_replaced_only_after_an_operator_reopened_it() {
    let server = started();
    let day = days_ago(20);
    let query = format!("server=web01&date={day}");
    let log = LOG.replace("2019-08-01", &day);
    assert_eq!(server.send(&Request::new("PUT", server.url(&query)).body(&*log)).status, 200);
    let summary = server.result(&format!("web01/{day}.json"));

    let (refused, text) = status(&server, &query);
    assert_eq!(refused, 409, "{text}");
    assert!(text.contains(&format!("log2aws reopen web01 {day} --why ")), "{text}");
    let same = format!("{query}&size={}&sha256={}", log.len(), hex::encode(Sha256::digest(&log)));
    assert_eq!(status(&server, &same).0, 200);

    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    let version = summary["raw"]["version"].as_str().unwrap();
    reopen(&server, &day, version, Timestamp::now());

    let changed = log.replace("25.06", "00.01");
    assert_eq!(server.send(&Request::new("PUT", server.url(&query)).body(&*changed)).status, 200);
    eventually("the day stays open after the delivery", || status(&server, &query).0 == 409);
    assert!(server.result(&format!("web01/{day}.csv")).contains("0.01"));
}

#[test]
fn a_day_that_is_not_final_yet_is_replaced_freely() {
    let server = start_with(|config| {
        config.days = DayRules { final_after_days: NonZeroU32::new(30), ..DayRules::default() };
    });
    let day = days_ago(20);
    let query = format!("server=web01&date={day}");
    assert_eq!(server.send(&Request::new("PUT", server.url(&query)).body(LOG)).status, 200);
    server.result(&format!("web01/{day}.json"));
    assert_eq!(status(&server, &query).0, 200);
}
