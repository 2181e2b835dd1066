//! Hostile requests: each gets a response, and none reveals too much.

use axum::body::{Body, to_bytes};
use futures_util::FutureExt;
use http::{Request, StatusCode};
use log2aws_core::key::RawKey;
use log2aws_core::summary::Summary;
use log2aws_service::analyze::{Outcome, analyze};
use log2aws_service::http::{ClientIp, router};
use proptest::prelude::*;
use tower::ServiceExt;
use url::Url;

use crate::http::app;
use crate::world::{self, ALLOWED, MIXED, allowed, memory, put, results, settings};

fn ask(mut request: Request<Body>) -> (StatusCode, String) {
    request.extensions_mut().insert(ClientIp(ALLOWED.parse().unwrap()));
    let router = router(app(Some(settings(ALLOWED))));
    let response = router.oneshot(request).now_or_never().unwrap().unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).now_or_never().unwrap().unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// A URL names one day log in the raw bucket of our own endpoint, or there is none.
fn check(status: StatusCode, body: &str) -> Result<(), TestCaseError> {
    if status != StatusCode::OK {
        prop_assert!(status.is_client_error(), "{status} {body}");
        prop_assert!(!body.contains("X-Amz"), "{body}");
        return Ok(());
    }
    let url: Url = body.parse().unwrap();
    prop_assert_eq!(url.origin().ascii_serialization(), "http://127.0.0.1:8750");
    let key = url.path().strip_prefix("/serverlogs-local/").unwrap();
    prop_assert!(RawKey::parse(key).is_some(), "{key}");
    Ok(())
}

/// Valid requests, and similar ones.
fn parameters() -> impl Strategy<Value = String> {
    let server =
        prop_oneof![4 => "[-._a-zA-Z0-9]{1,12}", 1 => "[-./%0-9a-z]{0,12}", 1 => "\\PC{0,20}"];
    let date = prop_oneof![4 => "20[0-9]{2}-(0[1-9]|1[0-2])-[0-3][0-9]", 1 => "[0-9]{8}", 1 => "\\PC{0,12}"];
    let others = prop_oneof![
        4 => Just(String::new()),
        1 => "&(size|sha256|date|x)=[0-9a-f]{0,6}",
        1 => "&size=[0-9]{1,12}&sha256=[0-9a-fA-F]{64}",
    ];
    (server, date, others)
        .prop_map(|(server, date, others)| format!("server={server}&date={date}{others}"))
}

proptest! {
    #[test]
    fn no_query_is_too_strange(query in parameters()) {
        if let Ok(request) = Request::get(format!("/?{query}")).body(Body::empty()) {
            let (status, body) = ask(request);
            check(status, &body)?;
        }
    }

    #[test]
    fn no_body_is_too_strange(
        content_type in prop_oneof!["application/json", "application/x-www-form-urlencoded", "\\PC{0,9}"],
        body in prop_oneof![
            parameters().prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..200),
            "\\{(\"(server|date|size)\":(\"[a-z0-9/-]{0,10}\"|1|null|\\[\\]),?){0,4}\\}"
                .prop_map(String::into_bytes),
        ],
    ) {
        let request = Request::post("/").header("content-type", content_type).body(body.into());
        if let Ok(request) = request {
            let (status, body) = ask(request);
            check(status, &body)?;
        }
    }

    #[test]
    fn no_accept_header_is_too_strange(accept in prop::collection::vec(any::<u8>(), 0..60)) {
        let request = Request::get("/").header("accept", accept).body(Body::empty());
        if let Ok(request) = request {
            prop_assert_eq!(ask(request).0, StatusCode::BAD_REQUEST);
        }
    }
}

/// Lines of a real log, similar lines, and garbage.
fn log() -> impl Strategy<Value = Vec<u8>> {
    let real: Vec<&str> = MIXED.lines().collect();
    let line = prop_oneof![
        4 => proptest::sample::select(real.clone()).prop_map(|line| line.as_bytes().to_vec()),
        2 => (proptest::sample::select(real), any::<prop::sample::Index>(), any::<u8>()).prop_map(
            |(line, at, byte)| {
                let mut line = line.as_bytes().to_vec();
                let at = at.index(line.len());
                line[at] = byte;
                line
            }
        ),
        1 => "2019-08-0[1-3] [0-2][0-9]:[0-5][0-9]:00 up [0-9]{1,9} days, 1:00, load average: \
              [0-9]{1,12}\\.[0-9]{1,3}, 0\\.0, 0\\.0( [0-9]{1,18}){16,18}"
            .prop_map(String::into_bytes),
        1 => "# log2aws/1( (server|cores|tz|mode|note)=[-A-Za-z0-9/%<&\"]{0,9}){0,3}"
            .prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..80),
    ];
    prop::collection::vec(line, 0..30).prop_map(|lines| lines.join(&b'\n'))
}

proptest! {
    #[test]
    fn no_log_is_too_strange(log in log()) {
        let store = memory();
        let version = put(&store, &log);
        let outcomes = analyze(&world::app(store.clone()), &allowed(&version)).unwrap();
        let [Outcome::Analyzed(analyzed)] = &outcomes[..] else { panic!("{outcomes:?}") };
        let results = results(&store);
        let lines = |kind: &str| {
            let text = results.get(&format!("web01/2019-08-01.{kind}"));
            text.map_or(0, |(text, _)| text.split(|b| *b == b'\n').count() as u64 - 1)
        };
        prop_assert_eq!(lines("csv"), analyzed.rows + 1);
        prop_assert_eq!(lines("rejects.jsonl"), analyzed.rejects);
        let summary = Summary::from_json(&results["web01/2019-08-01.json"].0).unwrap();
        prop_assert_eq!(summary.log.unwrap().rows, analyzed.rows);
        let svg = std::str::from_utf8(&results["web01/2019-08-01.svg"].0).unwrap();
        prop_assert!(svg.ends_with("</svg>\n") && !svg.contains("NaN"));
    }
}
