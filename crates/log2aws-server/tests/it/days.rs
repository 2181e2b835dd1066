//! Which days are accepted, and that a final day is not replaced without an operator.

use std::num::NonZeroU32;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use log2aws_server::ANALYZED_BUCKET;
use log2aws_service::http::DayRules;
use sha2::{Digest as _, Sha256};

use crate::client::{Request, hex};
use crate::harness::{LOG, Running, eventually, start_with};

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
    let same = format!("{query}&size={}&sha256={}", log.len(), hex(&Sha256::digest(&log)));
    assert_eq!(status(&server, &same).0, 200);

    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    let version = summary["raw"]["version"].as_str().unwrap();
    let record = serde_json::json!({"format": 1, "version": version, "why": "the clock was wrong",
        "by": "root", "at": "2026-08-20T00:00:00Z"});
    let key = format!("/{ANALYZED_BUCKET}/.log2aws/reopen/web01/{day}.json");
    let put = server.signed(Request::new("PUT", key).body(record.to_string()));
    assert_eq!(put.status, 200, "{}", put.text());

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
