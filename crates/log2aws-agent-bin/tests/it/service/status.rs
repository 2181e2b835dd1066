//! `status`: its output, its exit code, and that it changes nothing.

use std::fs;

use super::agent::{Place, days_ago};

const API: &str = "--api=http://127.0.0.1:9";

fn status(place: &Place, flags: &[&str]) -> (Option<i32>, String) {
    let output = place.output("status", &[&["--server=web01"], flags].concat());
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_machine_that_never_sampled_is_not_well() {
    let place = Place::new();
    let (code, text) = status(&place, &[]);
    assert_eq!(code, Some(4), "{text}");
    assert!(text.contains("last sample:    never\n"), "{text}");
    assert!(text.contains("service:        not running"), "{text}");
    assert!(!place.path("state").exists(), "it has made something");
}

#[test]
fn days_before_yesterday_that_are_pending_are_not_well() {
    let place = Place::new();
    assert_eq!(place.output("sample", &[]).status.code(), Some(0));
    assert_eq!(status(&place, &[API]).0, Some(0));
    fs::write(place.path(&format!("log/{}.log", days_ago(1))), "x\n").unwrap();
    let (code, text) = status(&place, &[API]);
    assert_eq!(code, Some(0), "yesterday's is on its way: {text}");
    assert!(text.contains(&format!("pending:        {}\n", days_ago(1))), "{text}");
    fs::write(place.path(&format!("log/{}.log", days_ago(2))), "x\n").unwrap();
    let (code, text) = status(&place, &[API, "--json"]);
    assert_eq!(code, Some(4));
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["pending"], serde_json::json!([days_ago(2), days_ago(1)]));
    assert_eq!((&json["healthy"], &json["sample_overdue"]), (&false.into(), &false.into()));
    assert_eq!(json["server"], "web01");
    // Without an API it is unknown what is pending.
    let (code, text) = status(&place, &[]);
    assert_eq!(code, Some(0));
    assert!(text.contains("pending:        cannot be known: no API"), "{text}");
    let (_, text) = status(&place, &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(json["pending"].is_null(), "{text}");
}

#[test]
fn many_pending_days_are_one_span() {
    let place = Place::new();
    assert_eq!(place.output("sample", &[]).status.code(), Some(0));
    for days in 1..=90 {
        fs::write(place.path(&format!("log/{}.log", days_ago(days))), "x\n").unwrap();
    }
    let (_, text) = status(&place, &[API]);
    let span = format!("pending:        {} to {} (90 logs)\n", days_ago(90), days_ago(1));
    assert!(text.contains(&span), "{text}");
}

#[test]
fn a_line_of_another_sampler_is_a_sample() {
    let place = Place::new();
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).datetime();
    let line = format!(
        "{} up 5 min, 1 user, load average: 0.24, 0.24, 0.16 1 0 0 9 9 9 0 0 1 5 9 9 2 1 97 0 0\n",
        now.strftime("%F %T")
    );
    fs::write(place.path(&format!("log/{}.log", now.date())), line).unwrap();
    let (code, text) = status(&place, &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains(&format!("last sample:    {} UTC\n", now.strftime("%F %T"))), "{text}");
}

#[test]
fn the_last_error_is_that_of_the_last_ship() {
    let place = Place::new();
    fs::write(place.path(&format!("log/{}.log", days_ago(1))), "x\n").unwrap();
    let ship = place.output("ship", &["--server=web01", API, "--max-time=1"]);
    assert_eq!(ship.status.code(), Some(4), "{ship:?}");
    let (_, text) = status(&place, &[API]);
    let error = text.lines().find(|line| line.starts_with("last error:")).unwrap();
    assert!(error.contains("127.0.0.1:9"), "{text}");
}

#[test]
fn a_name_that_another_machine_uses_is_shown_and_is_no_failure() {
    let place = Place::new();
    assert_eq!(place.output("sample", &[]).status.code(), Some(0));
    let last = serde_json::json!({
        "at": "2026-11-22T01:00:00Z", "pending": [], "delivered": null, "error": null,
        "exit_code": 0, "source": null, "name_conflict": "the store already had one; rename",
    });
    fs::write(place.path("state/last-ship.json"), last.to_string()).unwrap();
    let (code, text) = status(&place, &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("warning:        the store already had one; rename\n"), "{text}");
    let (_, json) = status(&place, &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["name_conflict"], last["name_conflict"]);
}

#[test]
fn a_last_sample_that_is_yet_to_come_is_not_well() {
    let place = Place::new();
    assert_eq!(place.output("sample", &[]).status.code(), Some(0));
    let mut last: serde_json::Value =
        serde_json::from_str(&place.text("state/last-sample.json")).unwrap();
    assert!(last["at"].is_string(), "{last}");
    last["at"] = "2099-01-01T00:00:00Z".into();
    fs::write(place.path("state/last-sample.json"), last.to_string()).unwrap();
    let (code, text) = status(&place, &[]);
    assert_eq!(code, Some(4), "{text}");
    assert!(text.contains(", which is yet to come; was the clock ahead?\n"), "{text}");
}
