//! generate-url, row by row of its error table, without a runtime.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use futures_util::FutureExt;
use http::header::HeaderMap;
use http::{Request, StatusCode};
use log2aws_core::key::KeyPrefix;
use log2aws_core::key_registry::{KEY, KeyRegistry};
use log2aws_service::http::{
    ClientIp, DayRules, REGISTRY_HOLD, RefusalLog, UrlApp, UrlKeys, UrlLimits, router,
    too_many_requests,
};
use log2aws_service::ports::{PresignedPut, PutRequest, Settings, SignError, Signer};
use log2aws_service::signer::{Addressing, Credentials, SigV4Signer};
use serde_json::{Value, json};
use tower::ServiceExt;
use url::Url;

use crate::world::{At, Fixed, Objects, RAW, settings};

const SHA256: &str = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855";
const SHA256_BASE64: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
const GOOD: &str = "/?server=web01&date=2019-08-01";

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

fn real_signer() -> Arc<dyn Signer> {
    let endpoint = "http://127.0.0.1:8750".parse().unwrap();
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "not-so-secret", None);
    let signer = SigV4Signer::new(endpoint, Addressing::Path, "us-east-1", credentials);
    Arc::new(signer.unwrap())
}

/// The keys of a registry.
pub(crate) fn url_keys(registry: &KeyRegistry, require: bool) -> Arc<UrlKeys> {
    let object = (KEY.to_owned(), Some(registry.to_json()));
    let objects = Arc::new(Objects([object].into()));
    let clock = Arc::new(At("2019-08-02T00:05:07.25Z"));
    Arc::new(UrlKeys::new(objects, clock, || Ok([7; 32]), require, REGISTRY_HOLD))
}

pub(crate) fn app(settings: Option<Settings>) -> UrlApp {
    UrlApp {
        signer: real_signer(),
        settings: Arc::new(Fixed(settings)),
        clock: Arc::new(At("2019-08-02T00:05:07.25Z")),
        days: DayRules::default(),
        objects: Arc::new(Objects::default()),
        keys: url_keys(&KeyRegistry::default(), false),
        limits: UrlLimits::default(),
        store_id: "0f3c".parse().unwrap(),
    }
}

pub(crate) fn ask_app(app: UrlApp, caller: Option<&str>, mut request: Request<Body>) -> Answer {
    if let Some(caller) = caller {
        let address: IpAddr = caller.parse().unwrap();
        request.extensions_mut().insert(ClientIp(address));
    }
    // Neither the router nor our bodies wait for anything, so no runtime is needed.
    let response = router(app).oneshot(request).now_or_never().unwrap().unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1 << 20).now_or_never().unwrap().unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Answer { status: parts.status, headers: parts.headers, body }
}

fn ask(request: Request<Body>) -> Answer {
    let answer = ask_app(app(Some(settings("203.0.113.7"))), Some("203.0.113.7"), request);
    assert_eq!(answer.header("log2aws-source"), "203.0.113.7");
    assert_eq!(answer.header("cache-control"), "no-store");
    answer
}

fn get(uri: &str) -> Request<Body> {
    Request::get(uri).body(Body::empty()).unwrap()
}

fn get_json(uri: &str) -> Request<Body> {
    Request::get(uri).header("accept", "application/json").body(Body::empty()).unwrap()
}

fn post(content_type: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post("/").header("content-type", content_type).body(body.into()).unwrap()
}

/// The path of the URL in a plain answer; the answer is the URL and nothing else.
fn path_of(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "text/plain");
    assert!(!answer.body.contains(char::is_whitespace));
    let url: Url = answer.body.parse().unwrap();
    url.path().to_owned()
}

#[test]
fn an_allowed_caller_gets_the_url_alone() {
    let answer = ask(get(GOOD));
    assert_eq!(path_of(&answer), "/serverlogs-local/web01/2019-08-01.log");
    let url: Url = answer.body.parse().unwrap();
    let query: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!(query["X-Amz-Expires"], "300");
    assert_eq!(query["X-Amz-Date"], "20190802T000507Z");
    assert_eq!(query["X-Amz-SignedHeaders"], "host");
}

#[test]
fn json_names_all_that_the_put_needs() {
    let answer = ask(get_json(GOOD));
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "application/json");
    let mut given = answer.json();
    let url: Url = given["url"].take().as_str().unwrap().parse().unwrap();
    assert_eq!(url.path(), "/serverlogs-local/web01/2019-08-01.log");
    let expected = json!({
        "url": null, "method": "PUT", "headers": {},
        "key": "web01/2019-08-01.log", "expires_at": "2019-08-02T00:10:07Z",
    });
    assert_eq!(given, expected);
}

#[test]
fn size_and_sha256_are_signed_and_named() {
    let answer = ask(get_json(&format!("{GOOD}&size=0&sha256={SHA256}")));
    let given = answer.json();
    let headers = json!({"content-length": "0", "x-amz-checksum-sha256": SHA256_BASE64});
    assert_eq!(given["headers"], headers);
    let url = given["url"].as_str().unwrap();
    assert!(
        url.contains("X-Amz-SignedHeaders=content-length%3Bhost%3Bx-amz-checksum-sha256&"),
        "{url}"
    );
    let lower = SHA256.to_lowercase();
    let largest = ask(get(&format!("{GOOD}&size=5368709120&sha256={lower}")));
    assert_eq!(largest.status, StatusCode::OK);
}

#[test]
fn three_spellings_of_a_day_are_one_key() {
    for date in ["2019-08-01", "20190801", "2019/08/01", "2019%2F08%2F01"] {
        let answer = ask(get(&format!("/?server=web01&date={date}")));
        assert_eq!(path_of(&answer), "/serverlogs-local/web01/2019-08-01.log");
    }
}

#[test]
fn the_prefix_setting_spreads_keys() {
    let spread = Settings { key_prefix: KeyPrefix::Spread, ..settings("203.0.113.7") };
    let answer = ask_app(app(Some(spread)), Some("203.0.113.7"), get(GOOD));
    assert_eq!(path_of(&answer), "/serverlogs-local/f052/web01/2019-08-01.log");
}

#[test]
fn post_takes_json_and_forms() {
    let form = "application/x-www-form-urlencoded";
    let requests = [
        post("application/json", r#"{"server":"web01","date":"2019-08-01"}"#),
        post("application/json; charset=utf-8", r#"{"date":20190801,"server":"web01","x":[1]}"#),
        post("application/json", r#"{"server":"web01","date":"20190801","size":null}"#),
        post(form, "server=web01&date=2019-08-01"),
        post(form, "server=web01&date=2019%2F08%2F01&other=1"),
        post(form, " {\"server\":\"web01\",\"date\":\"2019-08-01\"}"),
        Request::post("/").body("server=web01&date=20190801".into()).unwrap(),
        Request::post(GOOD).body(Body::empty()).unwrap(),
        Request::post("/?server=web01").body("date=2019-08-01".into()).unwrap(),
    ];
    for request in requests {
        assert_eq!(path_of(&ask(request)), "/serverlogs-local/web01/2019-08-01.log");
    }
    let bound = format!(r#"{{"server":"web01","date":"20190801","size":7,"sha256":"{SHA256}"}}"#);
    assert!(ask(post("application/json", bound)).body.contains("content-length%3Bhost"));
}

#[test]
fn each_bad_parameter_is_named() {
    let long = "a".repeat(300);
    let sha = SHA256;
    let cases = [
        ("server=web01&date=2019-02-30", "date \"2019-02-30\" does not exist in the calendar"),
        ("server=web01&date=yesterday", "date \"yesterday\" is not written YYYY-MM-DD"),
        ("server=web01&date=", "date \"\" is not written"),
        ("server=..&date=20190801", "the server name begins with '.'"),
        ("server=%2e%2e&date=20190801", "the server name begins with '.'"),
        ("server=%252e%252e&date=20190801", "the server name contains '%'"),
        ("server=a..b&date=20190801", "the server name contains \"..\""),
        ("server=a%2Fb&date=20190801", "the server name contains '/'"),
        ("server=a%0Ab&date=20190801", "the server name contains '\\n'"),
        ("server=a%00&date=20190801", "the server name contains '\\0'"),
        ("server=a%FF&date=20190801", "the server name contains '\u{fffd}'"),
        ("server=&date=20190801", "the server name is empty"),
        (&format!("server={long}&date=20190801"), "the server name has 300 bytes"),
        ("server=%E3%82%B5%E3%83%BC%E3%83%90&date=20190801", "the server name contains 'サ'"),
        ("date=20190801", "the parameter server is missing"),
        ("server=web01", "the parameter date is missing"),
        ("", "the parameter server is missing"),
        ("server=a&server=a&date=20190801", "the parameter server is given more than once"),
        ("server=a&date=20190801&date=20190802", "the parameter date is given more than once"),
        ("server=a&date=20190801&size=1&size=1", "the parameter size is given more than once"),
        ("server=a&date=20190801&size=1", "sha256 is missing"),
        (&format!("server=a&date=20190801&sha256={sha}"), "size is missing"),
        (&format!("server=a&date=20190801&size=-1&sha256={sha}"), "size is not"),
        (&format!("server=a&date=20190801&size=%2B1&sha256={sha}"), "size is not"),
        (&format!("server=a&date=20190801&size=&sha256={sha}"), "size is not"),
        (&format!("server=a&date=20190801&size=1e3&sha256={sha}"), "size is not"),
        (&format!("server=a&date=20190801&size=5368709121&sha256={sha}"), "size is not"),
        (&format!("server=a&date=20190801&size=99999999999999999999&sha256={sha}"), "size is not"),
        ("server=a&date=20190801&size=1&sha256=00", "sha256 is not 64 hexadecimal"),
        (&format!("server=a&date=20190801&size=1&sha256=g{}", &sha[1..]), "sha256 is not 64"),
    ];
    for (query, sentence) in cases {
        let plain = ask(get(&format!("/?{query}")));
        assert_eq!(plain.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(plain.body.contains(sentence), "{query}: {}", plain.body);
        assert_eq!(plain.body.lines().count(), 1, "{}", plain.body);

        let problem = ask(get_json(&format!("/?{query}")));
        assert_eq!(problem.header("content-type"), "application/problem+json");
        let expected = json!({
            "type": "about:blank", "title": "Bad Request", "status": 400,
            "detail": plain.body.trim_end(), "code": "bad-parameter",
        });
        assert_eq!(problem.json(), expected);
    }
}

#[test]
fn each_bad_body_is_named() {
    let json = "application/json";
    let cases = [
        (post(json, ""), 400, "not a JSON object (line 1, column 0)"),
        (post(json, "[]"), 400, "not a JSON object"),
        (post(json, r#"{"server":"a""#), 400, "not a JSON object (line 1, column 13)"),
        (post(json, r#"{"server":"a","date":"20190801"} x"#), 400, "not a JSON object"),
        (post(json, "server=a&date=20190801"), 400, "not a JSON object"),
        (post(json, r#"{"server":["a"],"date":"20190801"}"#), 400, "server must be text"),
        (post(json, r#"{"server":"a","server":"b","date":1}"#), 400, "server is given more than"),
        (post(json, r#"{"server":"a","date":-1}"#), 400, "date \"-1\""),
        (post(json, vec![b'{', b'"', 0xff]), 400, "not a JSON object"),
        (post(json, "[".repeat(8000)), 400, "not a JSON object"),
        (post("text/xml", "<a/>"), 415, "send application/json or"),
        (post("multipart/form-data; boundary=x", "--x--"), 415, "send application/json or"),
        (post("application/x-www-form-urlencoded", "a=".repeat(5000)), 413, "at most 8192 bytes"),
        (post(json, " ".repeat(8193)), 413, "at most 8192 bytes"),
        (get(&format!("{GOOD}&x={}", "y".repeat(8192))), 414, "at most 8192 bytes"),
    ];
    for (request, status, sentence) in cases {
        let shown = format!("{request:?}");
        let answer = ask(request);
        assert_eq!(answer.status.as_u16(), status, "{shown} {}", answer.body);
        assert!(answer.body.contains(sentence), "{shown} {}", answer.body);
    }
}

#[test]
fn every_answer_names_the_store() {
    let ask = |caller, request| ask_app(app(Some(settings("203.0.113.7"))), Some(caller), request);
    let post = Request::post(GOOD).body(Body::empty()).unwrap();
    let put = Request::put(GOOD).body(Body::empty()).unwrap();
    for (answer, status) in [
        (ask("203.0.113.7", get(GOOD)), 200),
        (ask("203.0.113.7", get_json(GOOD)), 200),
        (ask("203.0.113.7", post), 200),
        (ask("203.0.113.7", get("/?server=web01")), 400),
        (ask("203.0.113.8", get(GOOD)), 403),
        (ask("203.0.113.7", get("/nowhere")), 404),
        (ask("203.0.113.7", put), 405),
    ] {
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("log2aws-store"), format!("{RAW}/0f3c"), "{status}");
    }
    let no_keys = UrlApp { signer: Arc::new(NoKeys), ..app(Some(settings("203.0.113.7"))) };
    let answer = ask_app(no_keys, Some("203.0.113.7"), get(GOOD));
    assert_eq!(answer.header("log2aws-store"), format!("{RAW}/0f3c"));
}

#[test]
fn a_refused_caller_learns_no_detail() {
    let bound = "web*@203.0.113.7, 10.0.0.0/8";
    for (caller, server) in [("203.0.113.8", "web01"), ("203.0.113.7", "db01")] {
        let uri = format!("/?server={server}&date=20190801");
        let answer = ask_app(app(Some(settings(bound))), Some(caller), get(&uri));
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_eq!(answer.body, "this address may not ask for this URL\n");
        assert_eq!(answer.header("log2aws-source"), caller);
        let answer = ask_app(app(Some(settings(bound))), Some(caller), get_json(&uri));
        assert_eq!(answer.json()["code"], "not-allowed");
        assert_eq!(answer.json()["status"], 403);
    }
    let mapped = ask_app(app(Some(settings(bound))), Some("::ffff:203.0.113.7"), get(GOOD));
    assert_eq!(mapped.status, StatusCode::OK);
    assert_eq!(mapped.header("log2aws-source"), "203.0.113.7");
}

#[test]
fn what_is_away_for_a_while_says_when_to_come_back() {
    let no_settings = ask_app(app(None), Some("203.0.113.7"), get(GOOD));
    let no_keys = UrlApp { signer: Arc::new(NoKeys), ..app(Some(settings("203.0.113.7"))) };
    let no_keys = ask_app(no_keys, Some("203.0.113.7"), get(GOOD));
    for answer in [no_settings, no_keys] {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.header("retry-after"), "10");
        assert_eq!(answer.header("log2aws-source"), "203.0.113.7");
        for internal in ["parameter store", "expired"] {
            assert!(!answer.body.contains(internal), "{}", answer.body);
        }
    }
}

/// A signer whose credentials have expired.
struct NoKeys;

impl Signer for NoKeys {
    fn presign_put(&self, _: &PutRequest) -> Result<PresignedPut, SignError> {
        Err(SignError { reason: "the session token has expired".into() })
    }
}

#[test]
fn other_methods_and_paths_are_refused() {
    for method in ["PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW"] {
        let request = Request::builder().method(method).uri(GOOD).body(Body::empty()).unwrap();
        let answer = ask(request);
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.header("allow"), "GET, POST");
    }
    for uri in ["/x", "/web01/2019-08-01.log", "//", "/index.html?server=web01&date=20190801"] {
        assert_eq!(ask(get(uri)).status, StatusCode::NOT_FOUND, "{uri}");
    }
}

#[test]
fn a_world_that_does_not_say_who_asks_gives_nothing() {
    let answer = ask_app(app(Some(settings("0.0.0.0/0, ::/0"))), None, get(GOOD));
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!answer.body.contains("Signature"));
}

#[test]
fn worlds_hold_callers_back_in_the_same_form() {
    let caller = ClientIp("203.0.113.7".parse().unwrap());
    let response = too_many_requests(
        get_json(GOOD).headers(),
        caller,
        7,
        &RefusalLog::new(Arc::new(At("2019-08-02T00:05:07Z"))),
    );
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()["retry-after"], "7");
    assert_eq!(response.headers()["log2aws-source"], "203.0.113.7");
    assert_eq!(response.headers()["content-type"], "application/problem+json");
}

/// Everything that the program logs, at the finest level.
#[derive(Clone, Default)]
pub(crate) struct Log(pub(crate) Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn no_log_holds_a_signature_and_a_refusal_is_explained() {
    let log = Log::default();
    let sink = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || sink.clone())
        .finish();
    let signatures: Vec<String> = tracing::subscriber::with_default(subscriber, || {
        let refused = "/?server=db01&date=20190801";
        let bound = || Some(settings("web*@203.0.113.7"));
        ask_app(app(bound()), Some("203.0.113.7"), get(refused));
        ask_app(app(None), Some("203.0.113.7"), get(GOOD));
        [get(GOOD), get_json(GOOD)]
            .map(|request| ask_app(app(bound()), Some("203.0.113.7"), request).body)
            .map(|body| {
                let signature = body.split("X-Amz-Signature=").nth(1).unwrap();
                signature.chars().take(64).collect()
            })
            .to_vec()
    });
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for secret in signatures.iter().map(String::as_str).chain(["X-Amz-", "not-so-secret"]) {
        assert!(!log.contains(secret), "{log}");
    }
    assert!(log.contains("INFO") && log.contains("key=web01/2019-08-01.log"), "{log}");
    assert!(log.contains("WARN") && log.contains("refused 203.0.113.7 for server db01"), "{log}");
    assert!(log.contains("the address is not listed for this server"), "{log}");
    assert!(log.contains("ERROR") && log.contains("parameter store: timed out"), "{log}");
    let debug = format!("{:?}", app(None));
    assert!(!debug.contains("not-so-secret") && !debug.contains("AKIA"), "{debug}");
}
