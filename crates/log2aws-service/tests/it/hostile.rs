//! Whatever comes is answered, and no answer gives more than it should.

use axum::body::{Body, to_bytes};
use futures_util::FutureExt;
use http::{Request, StatusCode};
use log2aws_core::key::RawKey;
use log2aws_service::http::{Caller, router};
use proptest::prelude::*;
use tower::ServiceExt;
use url::Url;

use crate::http::app;
use crate::world::{ALLOWED, settings};

fn ask(mut request: Request<Body>) -> (StatusCode, String) {
    request.extensions_mut().insert(Caller(ALLOWED.parse().unwrap()));
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

/// Good requests, and what is near to them.
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
