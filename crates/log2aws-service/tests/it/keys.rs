//! generate-url: whose URL is encrypted, and that nobody gets a plain one by mistake.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use async_trait::async_trait;
use axum::body::Body;
use http::{Request, StatusCode};
use jiff::Timestamp;
use log2aws_core::encrypted_url::{Binding, EncryptedUrl, Fresh, RequestId};
use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_core::key_registry::{EnrolmentCode, KEY, KeyRecord, KeyRegistry, Revocation};
use log2aws_core::server_key::PrivateKey;
use log2aws_core::server_name::ServerName;
use log2aws_service::http::{REGISTRY_HOLD, UrlApp, UrlKeys};
use log2aws_service::ports::{Clock, ObjectReader, StoreError};
use serde_json::Value;

use crate::http::{Answer, app, ask_app, url_keys};
use crate::world::{Objects, RAW, settings};

/// Of the empty log.
const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const REQUEST: &str = "0123456789abcdef0123456789abcdef";

fn web01() -> ServerName {
    "web01".parse().unwrap()
}

fn pair(number: u8) -> PrivateKey {
    PrivateKey::generate(&Fresh::new([number; 32]))
}

fn record(number: u8) -> KeyRecord {
    let at = "2019-08-01T00:00:00Z".parse().unwrap();
    KeyRecord { key: pair(number).public(), by: "root".to_owned(), at, revoked: None }
}

fn registry(keys: &[u8]) -> KeyRegistry {
    let mut registry = KeyRegistry::default();
    for (at, number) in keys.iter().enumerate() {
        registry.register(&web01(), record(*number), at > 0).unwrap();
    }
    registry
}

fn ask_with(keys: Arc<UrlKeys>, query: &str) -> Answer {
    let app = UrlApp { keys, ..app(Some(settings("203.0.113.7"))) };
    let uri = format!("/?server=web01&date=2019-08-01{query}");
    let request = Request::get(uri).header("accept", "application/json");
    ask_app(app, Some("203.0.113.7"), request.body(Body::empty()).unwrap())
}

fn ask(registry: &KeyRegistry, query: &str) -> Answer {
    ask_with(url_keys(registry, false), query)
}

fn bound() -> String {
    format!("&size=0&sha256={SHA256}&request_id={REQUEST}")
}

fn code(answer: &Answer) -> String {
    let json: Value = serde_json::from_str(&answer.body).unwrap();
    json["code"].as_str().unwrap().to_owned()
}

/// The answer's JSON, as the server with this key reads it.
fn decrypted(answer: &Answer, number: u8) -> Value {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let media_type = "application/vnd.log2aws.encrypted-url+json";
    assert_eq!(answer.header("content-type"), media_type);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(!answer.body.contains("X-Amz-"), "{}", answer.body);
    let request_id: RequestId = REQUEST.parse().unwrap();
    let binding = Binding {
        server: &web01(),
        day: "2019-08-01".parse().unwrap(),
        size: 0,
        sha256: hex::decode(SHA256).unwrap().try_into().unwrap(),
        request_id: &request_id,
    };
    let answer = EncryptedUrl::parse(answer.body.as_bytes()).unwrap();
    serde_json::from_slice(&answer.decrypt(&[pair(number)], binding).unwrap()).unwrap()
}

#[test]
fn a_server_with_a_key_gets_its_url_encrypted_and_bound_to_its_bytes() {
    let answer = decrypted(&ask(&registry(&[1]), &bound()), 1);
    let url = answer["url"].as_str().unwrap();
    assert!(url.contains("X-Amz-SignedHeaders=content-length%3Bhost%3Bx-amz-checksum-sha256"));
    assert_eq!(answer["key"], "web01/2019-08-01.log");
    assert_eq!(answer["headers"]["content-length"], "0");
    // As text or JSON, whatever was asked for; and a server without a key goes on as before.
    let plain = ask(&KeyRegistry::default(), &bound());
    assert_eq!(plain.header("content-type"), "application/json");
    assert!(plain.body.contains("X-Amz-Signature"));
}

#[test]
fn a_request_that_an_encrypted_answer_cannot_be_bound_to_gets_none() {
    let registry = registry(&[1]);
    let no_request_id = format!("&size=0&sha256={SHA256}");
    let no_bytes = format!("&request_id={REQUEST}");
    for query in ["", &no_request_id, &no_bytes] {
        let answer = ask(&registry, query);
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(code(&answer), "key-needs-binding", "{query}");
        assert!(!answer.body.contains("X-Amz-"));
    }
    for query in ["&request_id=short", "&key_id=xyz", "&enrol=yes"] {
        assert_eq!(code(&ask(&registry, query)), "bad-parameter", "{query}");
    }
}

#[test]
fn of_two_keys_the_one_that_the_server_has_is_taken() {
    let registry = registry(&[1, 2]);
    let known = |number: u8| format!("{}&key_id={}", bound(), pair(number).public().id());
    decrypted(&ask(&registry, &known(1)), 1);
    decrypted(&ask(&registry, &known(2)), 2);
    decrypted(&ask(&registry, &known(3)), 2);
    decrypted(&ask(&registry, &bound()), 2);
}

#[test]
fn a_revoked_server_gets_no_url_at_all() {
    let mut registry = registry(&[1]);
    let at = "2019-08-01T12:00:00Z".parse().unwrap();
    let end = |plain| Revocation { by: "root".to_owned(), at, why: "stolen".to_owned(), plain };
    registry.revoke(&web01(), None, &end(false)).unwrap();
    let answer = ask(&registry, &bound());
    assert_eq!((answer.status, code(&answer).as_str()), (StatusCode::FORBIDDEN, "key-revoked"));
}

#[test]
fn where_keys_are_required_a_server_without_one_gets_no_url() {
    let answer = ask_with(url_keys(&KeyRegistry::default(), true), &bound());
    assert_eq!((answer.status, code(&answer).as_str()), (StatusCode::FORBIDDEN, "key-required"));
    decrypted(&ask_with(url_keys(&registry(&[1]), true), &bound()), 1);
}

/// A registry object, and how often it was read.
struct Counted {
    object: Option<Vec<u8>>,
    reads: AtomicUsize,
}

#[async_trait]
impl ObjectReader for Counted {
    async fn read(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        max_bytes: u64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let objects: BTreeMap<_, _> = [(KEY.to_owned(), self.object.clone())].into();
        Objects(objects).read(bucket, key, max_bytes).await
    }
}

struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

#[test]
fn without_a_readable_registry_nobody_gets_a_url() {
    let half = registry(&[1]).to_json()[..40].to_vec();
    let newer = br#"{"format":9}"#.to_vec();
    for object in [None, Some(half), Some(newer), Some(Vec::new())] {
        let objects = Arc::new(Counted { object, reads: AtomicUsize::new(0) });
        let clock = Arc::new(SetClock(AtomicI64::new(1_000)));
        let keys = UrlKeys::new(objects, clock, || Ok([7; 32]), false, REGISTRY_HOLD);
        let answer = ask_with(Arc::new(keys), &bound());
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(code(&answer), "keys-unavailable");
        assert_eq!(answer.header("retry-after"), "10");
    }
    let absent = Arc::new(Objects::default());
    let clock = Arc::new(SetClock(AtomicI64::new(1_000)));
    let keys = UrlKeys::new(absent, clock, || Ok([7; 32]), false, REGISTRY_HOLD);
    assert_eq!(code(&ask_with(Arc::new(keys), &bound())), "keys-unavailable");
}

#[test]
fn the_registry_is_read_once_a_minute_and_a_failure_is_tried_again_soon() {
    let clock = Arc::new(SetClock(AtomicI64::new(1_000)));
    let make = |object| {
        let objects = Arc::new(Counted { object, reads: AtomicUsize::new(0) });
        let keys =
            UrlKeys::new(objects.clone(), clock.clone(), || Ok([7; 32]), false, REGISTRY_HOLD);
        (objects, Arc::new(keys))
    };
    let at = |second: i64| clock.0.store(1_000 + second, Ordering::Relaxed);
    let (objects, keys) = make(Some(registry(&[1]).to_json()));
    for (second, reads) in [(0, 1), (59, 1), (60, 2), (61, 2), (200, 3), (0, 4)] {
        at(second);
        ask_with(keys.clone(), &bound());
        assert_eq!(objects.reads.load(Ordering::Relaxed), reads, "{second}");
    }
    let (objects, keys) = make(None);
    for (second, reads) in [(0, 1), (0, 1), (1, 2)] {
        at(second);
        ask_with(keys.clone(), &bound());
        assert_eq!(objects.reads.load(Ordering::Relaxed), reads, "{second}");
    }
}

#[test]
fn without_randomness_nothing_is_encrypted_and_nothing_plain_is_given() {
    let objects = [(KEY.to_owned(), Some(registry(&[1]).to_json()))].into();
    let clock = Arc::new(SetClock(AtomicI64::new(1_000)));
    let random = || Err(std::io::ErrorKind::Unsupported.into());
    let keys = UrlKeys::new(Arc::new(Objects(objects)), clock, random, false, REGISTRY_HOLD);
    let answer = ask_with(Arc::new(keys), &bound());
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(code(&answer), "encryption-unavailable");
}

#[test]
fn an_enrolling_server_gets_a_url_for_its_key_alone() {
    let now: Timestamp = "2019-08-02T00:05:07Z".parse().unwrap();
    let expires = now + jiff::SignedDuration::from_secs(60);
    let enrolment = EnrolmentCode::generate(web01(), expires, &Fresh::new([5; 32]));
    let mut registry = KeyRegistry::default();
    let query = format!("&size=300&sha256={SHA256}&enrol=1");
    let closed = ask(&registry, &query);
    assert_eq!((closed.status, code(&closed).as_str()), (StatusCode::FORBIDDEN, "not-enrolling"));
    let record = enrolment.enrolment("root".to_owned(), now);
    registry.open_enrolment(&web01(), record, now).unwrap();
    let answer: Value = serde_json::from_str(&ask(&registry, &query).body).unwrap();
    assert_eq!(answer["key"], ".log2aws/enrol/web01");
    let url = answer["url"].as_str().unwrap();
    assert!(url.contains(&format!("/{RAW}/.log2aws/enrol/web01?")), "{url}");
    assert_eq!(answer["headers"]["content-length"], "300");
    for query in ["&enrol=1", &format!("&size=4097&sha256={SHA256}&enrol=1")] {
        assert_eq!(code(&ask(&registry, query)), "bad-parameter");
    }
    let mut request =
        Request::get(format!("/?server=web02&date=2019-08-01{query}")).body(Body::empty()).unwrap();
    request.headers_mut().insert("accept", "application/json".parse().unwrap());
    let keys = url_keys(&registry, false);
    let app = UrlApp { keys, ..app(Some(settings("203.0.113.7"))) };
    assert_eq!(code(&ask_app(app, Some("203.0.113.7"), request)), "not-enrolling");
}
