//! generate-url: which days it accepts, and that a final day cannot be replaced.

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use futures_util::FutureExt as _;
use http::{Request, StatusCode};
use log2aws_core::key::{KeyPrefix, RawKey, ResultKind};
use log2aws_service::http::{ClientIp, DayRules, UrlApp, router};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::http::app;
use crate::world::{At, Objects, settings};

/// Of the empty log.
const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const SUMMARY: &str = "web01/2019-08-01.json";
const REOPENING: &str = ".log2aws/reopen/web01/2019-08-01.json";

fn summary(version: &str) -> Vec<u8> {
    let raw =
        json!({"key": "web01/2019-08-01.log", "version": version, "size": 0, "sha256": SHA256});
    json!({"format": 1, "raw": raw, "log": {}}).to_string().into_bytes()
}

fn reopening(version: &str) -> Vec<u8> {
    let record = json!({"format": 1, "version": version, "why": "the clock was wrong", "by": "root",
        "at": "2019-08-20T00:00:00Z"});
    record.to_string().into_bytes()
}

/// Sends a request at `now` for the day of the summary, with these objects in the analyzed bucket.
fn ask(now: &'static str, objects: &[(&str, Option<Vec<u8>>)], query: &str) -> (StatusCode, Value) {
    let objects = objects.iter().map(|(key, bytes)| ((*key).to_owned(), bytes.clone())).collect();
    let app = UrlApp {
        clock: Arc::new(At(now)),
        objects: Arc::new(Objects(objects)),
        ..app(Some(settings("203.0.113.7")))
    };
    ask_app(app, &format!("/?server=web01&date=2019-08-01{query}"))
}

fn ask_app(app: UrlApp, uri: &str) -> (StatusCode, Value) {
    let mut request =
        Request::get(uri).header("accept", "application/json").body(Body::empty()).unwrap();
    request.extensions_mut().insert(ClientIp("203.0.113.7".parse().unwrap()));
    let response = router(app).oneshot(request).now_or_never().unwrap().unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).now_or_never().unwrap().unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[test]
fn days_outside_the_window_are_refused_with_the_days_that_are_taken() {
    let days = DayRules { days_back: 10, days_ahead: 2, final_after_days: None };
    for (day, taken) in [
        ("2019-07-22", false),
        ("2019-07-23", true),
        ("2019-08-04", true),
        ("2019-08-05", false),
        ("0000-01-01", false),
        ("9999-12-31", false),
    ] {
        let app = UrlApp { days, ..app(Some(settings("203.0.113.7"))) };
        let (status, answer) = ask_app(app, &format!("/?server=web01&date={day}"));
        if taken {
            assert_eq!(status, StatusCode::OK, "{day}");
        } else {
            assert_eq!(
                (status, &answer["code"]),
                (StatusCode::BAD_REQUEST, &json!("day-outside-window"))
            );
            let detail = answer["detail"].as_str().unwrap();
            assert_eq!(
                detail,
                format!("{day} is not taken: only days from 2019-07-23 to 2019-08-04 are")
            );
        }
    }
}

#[test]
fn a_delivered_day_can_be_replaced_until_it_is_final() {
    let delivered = [(SUMMARY, Some(summary("v1")))];
    assert_eq!(ask("2019-08-08T23:59:59Z", &delivered, "").0, StatusCode::OK);
    let (status, answer) = ask("2019-08-09T00:00:00Z", &delivered, "");
    assert_eq!((status, &answer["code"]), (StatusCode::CONFLICT, &json!("day-is-final")));
    let detail = answer["detail"].as_str().unwrap();
    assert!(detail.contains("log2aws reopen web01 2019-08-01 --why"), "{detail}");
    // A log that ended with an outage of more than a week is no exception.
    assert!(detail.contains("whole or in part"), "{detail}");
    // A day that was never delivered is accepted as long as the window allows.
    assert_eq!(ask("2019-09-09T00:00:00Z", &[], "").0, StatusCode::OK);
}

#[test]
fn a_final_day_takes_the_same_bytes_again_and_no_others() {
    let now = "2019-09-09T00:00:00Z";
    let delivered = [(SUMMARY, Some(summary("v1")))];
    let other = SHA256.replace('e', "f");
    for (query, status) in [
        (format!("&size=0&sha256={SHA256}"), StatusCode::OK),
        (format!("&size=1&sha256={SHA256}"), StatusCode::CONFLICT),
        (format!("&size=0&sha256={other}"), StatusCode::CONFLICT),
    ] {
        assert_eq!(ask(now, &delivered, &query).0, status, "{query}");
    }
}

#[test]
fn a_day_stays_final_when_the_key_prefix_is_switched() {
    let now = "2019-09-09T00:00:00Z";
    let day = "2019-08-01".parse().unwrap();
    let spread = RawKey::new("web01".parse().unwrap(), day, KeyPrefix::Spread);
    let spread = spread.result_key(ResultKind::Json).to_string();
    let delivered = [(&*spread, Some(summary("v1")))];
    assert_eq!(ask(now, &delivered, "").0, StatusCode::CONFLICT);
}

#[test]
fn a_reopened_day_takes_one_delivery() {
    let now = "2019-09-09T00:00:00Z";
    let with =
        |version: &str| [(SUMMARY, Some(summary(version))), (REOPENING, Some(reopening("v1")))];
    assert_eq!(ask(now, &with("v1"), "").0, StatusCode::OK);
    assert_eq!(ask(now, &with("v2"), "").0, StatusCode::CONFLICT);
}

#[test]
fn a_store_that_cannot_be_read_opens_no_final_day() {
    let now = "2019-09-09T00:00:00Z";
    let damaged = || Some(b"{\"raw\":".to_vec());
    for objects in [
        vec![(SUMMARY, None)],
        vec![(SUMMARY, damaged())],
        vec![(SUMMARY, Some(summary("v1"))), (REOPENING, None)],
        vec![(SUMMARY, Some(summary("v1"))), (REOPENING, damaged())],
    ] {
        let (status, answer) = ask(now, &objects, "");
        assert_eq!(
            (status, &answer["code"]),
            (StatusCode::SERVICE_UNAVAILABLE, &json!("store-unavailable"))
        );
    }
}

#[test]
fn a_summary_of_a_refusal_makes_no_day_final() {
    let mut refused: Value = serde_json::from_slice(&summary("v1")).unwrap();
    refused["refused"] = json!("not on the allow-list");
    refused["raw"]["sha256"] = Value::Null;
    let refused = [(SUMMARY, Some(refused.to_string().into_bytes()))];
    assert_eq!(ask("2019-09-09T00:00:00Z", &refused, "").0, StatusCode::OK);
}

#[test]
fn days_are_never_final_where_the_operator_says_so() {
    let days = DayRules { final_after_days: None, ..DayRules::default() };
    let objects = Arc::new(Objects([(SUMMARY.to_owned(), Some(summary("v1")))].into()));
    let app = UrlApp {
        days,
        objects,
        clock: Arc::new(At("2020-08-09T00:00:00Z")),
        ..app(Some(settings("203.0.113.7")))
    };
    assert_eq!(ask_app(app, "/?server=web01&date=2019-08-01").0, StatusCode::OK);
    assert_eq!(DayRules::default().final_after_days, NonZeroU32::new(7));
}
