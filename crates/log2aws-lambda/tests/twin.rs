//! A request gets the same response as plain HTTP and as each of AWS's events.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Request;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use lambda_http::request::LambdaRequest;
use lambda_http::{Context, LambdaEvent, Service as _, service_fn};
use log2aws_core::key::{BucketName, KeyPrefix, ObjectKey};
use log2aws_lambda::front::{converted, plain};
use log2aws_service::http::{
    ClientIp, DayRules, REGISTRY_HOLD, UrlApp, UrlKeys, UrlLimits, router,
};
use log2aws_service::ports::{
    Clock, ObjectReader, Settings, SettingsSource, SettingsUnavailable, StoreError,
};
use log2aws_service::signer::{Addressing, Credentials, SigV4Signer};
use proptest::prelude::*;
use serde_json::{Value, json};
use tower::ServiceExt as _;

struct World;

impl SettingsSource for World {
    fn current(&self) -> Result<Arc<Settings>, SettingsUnavailable> {
        Ok(Arc::new(Settings {
            allow_list: "203.0.113.0/24, 2001:db8::/32".parse().unwrap(),
            raw_bucket: "serverlogs-dev".parse().unwrap(),
            analyzed_bucket: "analyzedlogs-dev".parse().unwrap(),
            key_prefix: KeyPrefix::Off,
        }))
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_564_617_600).unwrap()
    }
}

#[async_trait]
impl ObjectReader for World {
    async fn read(
        &self,
        _: &BucketName,
        key: &ObjectKey,
        _: u64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let is_registry = key.as_str() == log2aws_core::key_registry::KEY;
        Ok(is_registry.then(|| log2aws_core::key_registry::KeyRegistry::default().to_json()))
    }
}

fn app() -> Router {
    let endpoint = "https://s3.dualstack.ap-northeast-1.amazonaws.com".parse().unwrap();
    let credentials = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI", Some("IQoJb3JpZ2luX2Vj"));
    let signer =
        SigV4Signer::new(endpoint, Addressing::VirtualHost, "ap-northeast-1", credentials).unwrap();
    router(UrlApp {
        signer: Arc::new(signer),
        settings: Arc::new(World),
        clock: Arc::new(World),
        days: DayRules::default(),
        objects: Arc::new(World),
        keys: Arc::new(UrlKeys::new(
            Arc::new(World),
            Arc::new(World),
            || Ok([1; 32]),
            false,
            REGISTRY_HOLD,
        )),
        limits: UrlLimits::default(),
        store_id: "ap-northeast-1".parse().unwrap(),
    })
}

/// What a caller receives.
#[derive(Debug, PartialEq)]
struct Heard {
    status: u64,
    headers: BTreeMap<String, String>,
    body: String,
}

#[derive(Clone, Debug)]
struct Asked {
    method: &'static str,
    path: &'static str,
    query: String,
    headers: Vec<(&'static str, &'static str)>,
    body: Option<&'static str>,
    source: &'static str,
}

const GET: Asked = Asked {
    method: "GET",
    path: "/",
    query: String::new(),
    headers: Vec::new(),
    body: None,
    source: "203.0.113.7",
};

/// The kinds of events; `testdata/events/README.md` says where they are from.
const EVENTS: [(&str, &str); 3] = [
    ("rest-v1", include_str!("../../../testdata/events/api/rest-v1.json")),
    ("http-v2", include_str!("../../../testdata/events/api/http-v2.json")),
    ("function-url", include_str!("../../../testdata/events/api/function-url.json")),
];

impl Asked {
    async fn as_plain_http(&self) -> Heard {
        let uri = format!("{}?{}", self.path, self.query);
        let mut request = Request::builder().method(self.method).uri(uri);
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(self.body.map_or_else(Body::empty, Body::from)).unwrap();
        if let Ok(source) = self.source.parse::<IpAddr>() {
            request.extensions_mut().insert(ClientIp(source));
        }
        let (parts, body) = app().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
        Heard {
            status: parts.status.as_u16().into(),
            headers: parts.headers.iter().map(|(n, v)| (n.to_string(), text(v))).collect(),
            body: String::from_utf8(body.into()).unwrap(),
        }
    }

    /// The recorded event with this request in place of the recorded one.
    fn event(&self, kind: &str, recorded: &str) -> Value {
        let mut event: Value = serde_json::from_str(recorded).unwrap();
        for (name, value) in &self.headers {
            event["headers"][*name] = json!(value);
            if kind == "rest-v1" {
                event["multiValueHeaders"][*name] = json!([value]);
            }
        }
        if let Some(body) = self.body {
            event["body"] = json!(BASE64.encode(body));
            event["isBase64Encoded"] = json!(true);
        }
        if kind == "rest-v1" {
            event["httpMethod"] = json!(self.method);
            event["requestContext"]["httpMethod"] = json!(self.method);
            event["requestContext"]["identity"]["sourceIp"] = json!(self.source);
            event["path"] = json!(self.path);
            if self.path != "/" {
                event["requestContext"]["resourcePath"] = json!("/{proxy+}");
            }
            // A REST API decodes names and values.
            let mut all = BTreeMap::<String, Vec<String>>::new();
            for (name, value) in url::form_urlencoded::parse(self.query.as_bytes()) {
                all.entry(name.into_owned()).or_default().push(value.into_owned());
            }
            let last: BTreeMap<_, _> = all.iter().map(|(n, v)| (n, v.last().unwrap())).collect();
            event["queryStringParameters"] = json!(last);
            event["multiValueQueryStringParameters"] = json!(all);
            return event;
        }
        let stage = if kind == "http-v2" { "/dev" } else { "" };
        let path = json!(format!("{stage}{}", self.path));
        event["rawPath"] = path.clone();
        event["rawQueryString"] = json!(self.query);
        event["requestContext"]["http"]["path"] = path;
        event["requestContext"]["http"]["method"] = json!(self.method);
        event["requestContext"]["http"]["sourceIp"] = json!(self.source);
        event
    }
}

async fn hear(event: &Value) -> Heard {
    let payload: LambdaRequest = serde_json::from_str(&event.to_string()).unwrap();
    let mut service =
        converted(service_fn(|request| async { Ok(app().oneshot(plain(request)).await?) }));
    let answer = service.call(LambdaEvent::new(payload, Context::default())).await.unwrap();
    let answer = serde_json::to_value(answer).unwrap();
    // A REST API passes Base64 on unless binary types are configured.
    assert_ne!(answer["isBase64Encoded"], json!(true), "{answer}");
    let mut headers = BTreeMap::new();
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        headers.insert(name.clone(), value.as_str().unwrap().to_owned());
    }
    for (name, values) in answer["multiValueHeaders"].as_object().into_iter().flatten() {
        let values = values.as_array().unwrap().iter();
        let values: Vec<&str> = values.map(|value| value.as_str().unwrap()).collect();
        headers.insert(name.clone(), values.join(", "));
    }
    let body = answer["body"].as_str().unwrap_or_default().to_owned();
    Heard { status: answer["statusCode"].as_u64().unwrap(), headers, body }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn every_event_is_answered_as_plain_http_is() {
    let query = "server=web01&date=2019-08-01".to_owned();
    let as_json = vec![("accept", "application/json")];
    let bound = format!("{query}&size=22000&sha256={}", "0123456789abcdef".repeat(4));
    let form = vec![("content-type", "application/x-www-form-urlencoded")];
    let json_body = vec![("content-type", "application/json"), ("accept", "application/json")];
    let posing = vec![("x-forwarded-for", "203.0.113.7"), ("accept", "application/json")];
    let twice = format!("{query}&server=web02");
    let odd = "server=web%2D01&date=2019%2F08%2F01&x=a+b%26c".to_owned();
    let get = |query: &str| Asked { query: query.to_owned(), ..GET };
    let post = |headers, body| Asked { method: "POST", headers, body: Some(body), ..GET };
    let asked = [
        (200, get(&query)),
        (200, Asked { headers: as_json.clone(), ..get(&query) }),
        (200, Asked { headers: as_json.clone(), ..get(&bound) }),
        (200, get(&odd)),
        (200, Asked { source: "2001:db8::7", ..get(&query) }),
        (200, post(form, "server=web01&date=20190801")),
        (200, post(json_body, r#"{"server":"web01","date":"2019-08-01"}"#)),
        (400, get("server=web01")),
        (400, Asked { headers: as_json.clone(), ..get(&twice) }),
        (400, get("server=%E6%9C%AC%00&date=x")),
        (403, Asked { source: "198.51.100.1", ..get(&query) }),
        (403, Asked { source: "198.51.100.1", headers: posing, ..get(&query) }),
        (404, Asked { path: "/other", headers: as_json, ..get(&query) }),
        (405, Asked { method: "DELETE", ..get(&query) }),
        (500, Asked { source: "AWS Internal", ..get(&query) }),
    ];
    for (status, asked) in asked {
        let plain = block_on(asked.as_plain_http());
        assert_eq!(plain.status, status, "{asked:?}: {plain:?}");
        for (kind, recorded) in EVENTS {
            let heard = block_on(hear(&asked.event(kind, recorded)));
            assert_eq!(heard, plain, "{kind}: {asked:?}");
        }
    }
}

#[test]
fn a_base_path_or_a_stage_before_the_root_changes_nothing() {
    let asked = Asked { query: "server=web01&date=2019-08-01".to_owned(), ..GET };
    let plain = block_on(asked.as_plain_http());
    // A custom domain maps a base path to the stage.
    let mut rest = asked.event("rest-v1", EVENTS[0].1);
    rest["path"] = json!("/logs");
    assert_eq!(block_on(hear(&rest)), plain);
    let raw_path = |raw: &str| {
        let mut http = asked.event("http-v2", EVENTS[1].1);
        http["rawPath"] = json!(raw);
        block_on(hear(&http))
    };
    for raw in ["/dev", "/dev/", "/", ""] {
        assert_eq!(raw_path(raw), plain, "{raw}");
    }
    for raw in ["/device", "/dev/other", "/dev//", "/devdev"] {
        assert_eq!(raw_path(raw).status, 404, "{raw}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever the caller controls, there is a response.
    #[test]
    fn nothing_that_a_caller_writes_breaks_the_conversion(
        text in "\\PC{0,40}",
        path in "\\PC{0,20}",
        host in "[!-~]{0,30}",
    ) {
        for (kind, recorded) in EVENTS {
            let mut event = GET.event(kind, recorded);
            event["headers"]["host"] = json!(host);
            event["headers"]["x-forwarded-proto"] = json!(host);
            if kind == "rest-v1" {
                event["path"] = json!(path);
                event["multiValueQueryStringParameters"] = json!({ text.clone(): [text.clone()] });
            } else {
                event["rawPath"] = json!(path);
                event["rawQueryString"] = json!(text);
            }
            let heard = block_on(hear(&event));
            prop_assert!([400, 404].contains(&heard.status), "{heard:?}");
        }
    }
}
