//! Answers of the API, right and wrong.

use log2aws_core::encrypted_url::Fresh;

use super::*;

const API: &str = "https://api.example/prod";
const URL: &str = "https://b.s3.amazonaws.com/web01/2026-11-21.log?X-Amz-Signature=5ec3e7";

fn request_id() -> RequestId {
    "0123456789abcdef".parse().unwrap()
}

fn check_with(change: impl Fn(&mut serde_json::Value)) -> Result<Upload, AnswerError> {
    let server: ServerName = "web01".parse().unwrap();
    let day = "2026-11-21".parse().unwrap();
    let api = Url::parse(API).unwrap();
    let asked = UrlRequest {
        server: &server,
        day,
        size: 3,
        sha256: [7; 32],
        tls: true,
        api: &api,
        upload_hosts: &[],
        request_id: &request_id(),
        keys: &[],
        what: Target::Log,
    };
    let mut answer = serde_json::json!({
        "url": URL,
        "method": "PUT",
        "headers": {
            "content-length": "3",
            "x-amz-checksum-sha256": BASE64.encode([7; 32]),
        },
        "key": "web01/2026-11-21.log",
        "expires_at": "2026-11-22T00:05:00Z",
    });
    change(&mut answer);
    check(None, &serde_json::to_vec(&answer).unwrap(), &asked)
}

#[test]
fn a_right_answer_is_taken_and_keeps_its_secret() {
    let upload = check_with(|_| {}).unwrap();
    assert_eq!(upload.url.expose().as_str(), URL);
    assert_eq!(upload.headers.len(), 2);
    assert!(!format!("{upload:?}").contains("5ec3e7"));
    // A key with a prefix, path-style, as in a large fleet.
    let spread = RawKey::new(
        "web01".parse().unwrap(),
        "2026-11-21".parse().unwrap(),
        log2aws_core::key::KeyPrefix::Spread,
    );
    let key = spread.object_key().to_string();
    check_with(|answer| {
        answer["url"] = format!("https://s3.example/bucket/{key}?x").into();
        answer["key"] = key.as_str().into();
    })
    .unwrap();
}

#[test]
fn each_wrong_answer_is_refused_for_its_reason() {
    let url = |url: &'static str| check_with(move |answer| answer["url"] = url.into());
    let header = |name: &'static str, value: &'static str| {
        check_with(move |answer| answer["headers"][name] = value.into())
    };
    assert_eq!(url("http://b/web01/2026-11-21.log").unwrap_err(), AnswerError::Plain);
    assert_eq!(url("ftp://b/web01/2026-11-21.log").unwrap_err(), AnswerError::Scheme("ftp".into()));
    assert!(matches!(url("/web01/2026-11-21.log").unwrap_err(), AnswerError::Url(_)));
    assert_eq!(url("https://a:b@b/web01/2026-11-21.log").unwrap_err(), AnswerError::Login);
    assert!(matches!(url("https://b/web02/2026-11-21.log").unwrap_err(), AnswerError::Key { .. }));
    assert!(matches!(
        check_with(|answer| answer["key"] = "web01/2026-11-20.log".into()).unwrap_err(),
        AnswerError::Key { .. }
    ));
    assert_eq!(
        check_with(|answer| answer["method"] = "POST".into()).unwrap_err(),
        AnswerError::Method("POST".into())
    );
    for name in ["host", "Transfer-Encoding", "authorization", "x-amz-a\r\nb", "x-amz-ü"] {
        assert!(matches!(header(name, "x").unwrap_err(), AnswerError::Header(_)), "{name:?}");
    }
    assert!(matches!(header("x-amz-a", "b\r\nc: d").unwrap_err(), AnswerError::Header(_)));
    for (name, value) in [("content-length", "4"), ("x-amz-checksum-sha256", "AAAA")] {
        assert_eq!(header(name, value).unwrap_err(), AnswerError::Unbound(name));
    }
    assert_eq!(
        check_with(|answer| answer["headers"] = serde_json::json!({})).unwrap_err(),
        AnswerError::Unbound("content-length")
    );
}

#[test]
fn what_is_no_answer_is_told_without_its_secrets() {
    let server: ServerName = "web01".parse().unwrap();
    let day = "2026-11-21".parse().unwrap();
    let api = Url::parse(API).unwrap();
    let asked = UrlRequest {
        server: &server,
        day,
        size: 3,
        sha256: [7; 32],
        tls: false,
        api: &api,
        upload_hosts: &[],
        request_id: &request_id(),
        keys: &[],
        what: Target::Log,
    };
    let refused = |body: &[u8]| check(None, body, &asked).unwrap_err().to_string();
    assert!(refused(b"<!DOCTYPE html><html>").contains("a web page"));
    assert!(refused(b"").contains("nothing"));
    assert!(refused(b"error: no\x1b[31m such host").contains("\"error: no [31m such host\""));
    assert!(refused(b"[1,2]").contains("[1,2]"));
    assert!(refused(b"\xff\xfe").contains("instead of the JSON"));
    assert!(refused(URL.as_bytes()).contains("a URL alone"));
    let seen = refused(format!("see {URL}").as_bytes());
    assert!(seen.contains("see https://b.s3.amazonaws.com/web01/2026-11-21.log?…"), "{seen}");
    assert!(!refused(URL.as_bytes()).contains("5ec3e7"));
    assert!(refused("x".repeat(9999).as_bytes()).len() < 600);
}

#[test]
fn an_address_in_a_message_is_shown_and_its_secret_is_not() {
    let moved = "This endpoint was retired, use https://new.example/prod";
    assert_eq!(detail(moved.as_bytes()).unwrap(), moved);
    for (text, shown) in [
        ("to https://a/b?X-Amz-Signature=5ec3e7 now", "to https://a/b?… now"),
        ("{\"u\":\"https://a/b?sig=5ec3e7\"}", ""),
        ("\"https://a/b?sig=5ec3e7\"", "\"https://a/b?…"),
        ("https://ops:5ec3e7@a/b", "(…)"),
        ("X-Amz-Signature=5ec3e7", "(…)"),
        ("a=1&x-amz-signature=5ec3e7 b", "(…) b"),
        ("https://a/b&sig=5ec3e7", "https://a/b?…"),
    ] {
        assert_eq!(quote_of(text), shown, "{text}");
    }
}

fn quote_of(text: &str) -> String {
    detail(text.as_bytes()).unwrap_or_default()
}

#[test]
fn a_receipt_is_told_from_any_other_200() {
    let sum = BASE64.encode([7; 32]);
    let fault = |etag, checksum, body: &[u8]| not_from_a_store(etag, checksum, body, &[7; 32]);
    assert_eq!(fault(Some("\"e\""), None, b""), None);
    assert_eq!(fault(Some("\"e\""), Some(&sum), b""), None);
    assert!(fault(Some("\"e\""), None, b"<html>").unwrap().contains("a text"));
    assert!(fault(None, Some(&sum), b"").unwrap().contains("ETag"));
    assert!(fault(Some("\"\""), None, b"").unwrap().contains("ETag"));
    assert!(fault(Some("\"e\""), Some("AAAA"), b"").unwrap().contains("other bytes"));
}

#[test]
fn words_of_a_refusal() {
    assert_eq!(detail(br#"{"title":"t","detail":"no \"size\""}"#).unwrap(), "no \"size\"");
    assert_eq!(detail(br#"{"message":"Forbidden"}"#).unwrap(), "Forbidden");
    assert_eq!(detail(b"bad date\n").unwrap(), "bad date");
    for nothing in [&b""[..], b"<html>", b"{\"x\":1}", b"\xff"] {
        assert_eq!(detail(nothing), None);
    }
    let error = b"<Error><Code>AccessDenied</Code><StringToSign>s</StringToSign></Error>";
    assert_eq!(store_code(error).unwrap(), "AccessDenied");
    assert_eq!(store_code(b"<Code>a b</Code>"), None);
    assert_eq!(store_code(b"<Code>x"), None);
    let expired = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message>";
    assert!(is_expired(expired) && is_expired(b"<Code>ExpiredToken</Code>"));
    assert!(!is_expired(error) && !is_expired(b"Request has expired"));
}

/// The JSON of a right answer, encrypted for our request.
fn encrypted(to: &PrivateKey, asked: &UrlRequest<'_>) -> Vec<u8> {
    let answer = serde_json::json!({
        "url": URL,
        "method": "PUT",
        "headers": {
            "content-length": "3",
            "x-amz-checksum-sha256": BASE64.encode([7; 32]),
        },
        "key": "web01/2026-11-21.log",
        "expires_at": "2026-11-22T00:05:00Z",
    });
    let binding = Binding {
        server: asked.server,
        day: asked.day,
        size: asked.size,
        sha256: asked.sha256,
        request_id: asked.request_id,
    };
    let json = serde_json::to_vec(&answer).unwrap();
    let fresh = Fresh::new([1; 32]);
    let answer = EncryptedUrl::encrypt(&json, &to.public(), binding, &fresh).unwrap();
    serde_json::to_vec(&answer).unwrap()
}

#[test]
fn a_server_with_a_key_takes_only_what_is_encrypted_to_it() {
    let key = |number: u8| PrivateKey::generate(&Fresh::new([number; 32]));
    let server: ServerName = "web01".parse().unwrap();
    let (api, request_id) = (Url::parse(API).unwrap(), request_id());
    let keys = [key(1), key(2)];
    let asked = UrlRequest {
        server: &server,
        day: "2026-11-21".parse().unwrap(),
        size: 3,
        sha256: [7; 32],
        tls: true,
        api: &api,
        upload_hosts: &[],
        request_id: &request_id,
        keys: &keys,
        what: Target::Log,
    };
    assert!(
        asked
            .request()
            .query()
            .unwrap()
            .contains(&format!("request_id=0123456789abcdef&key_id={}", key(2).public().id()))
    );
    let media_type = Some(MEDIA_TYPE);
    for to in &keys {
        let upload = check(media_type, &encrypted(to, &asked), &asked).unwrap();
        assert_eq!(upload.url.expose().as_str(), URL);
    }
    let plain = serde_json::json!({"url": URL, "method": "PUT", "headers": {}, "key": "k"});
    let plain = serde_json::to_vec(&plain).unwrap();
    let told = check(Some("application/json"), &plain, &asked).unwrap_err();
    assert_eq!(told, AnswerError::NotEncrypted(key(2).public().id()));
    assert!(!told.to_string().contains("5ec3e7"));
    assert_eq!(check(None, b"<html>", &asked).unwrap_err(), AnswerError::WebPage);
    let told = check(media_type, &encrypted(&key(3), &asked), &asked).unwrap_err();
    assert!(told.to_string().contains("log2aws key register web01"), "{told}");
    let replayed =
        UrlRequest { request_id: &"another-request-1".parse().unwrap(), ..asked.clone() };
    let told = check(media_type, &encrypted(&key(1), &replayed), &asked).unwrap_err();
    assert!(told.to_string().contains("another request"), "{told}");
    let truncated = &encrypted(&key(1), &asked)[..80];
    let told = check(media_type, truncated, &asked).unwrap_err();
    assert!(told.to_string().contains("incomplete"), "{told}");
    let without = UrlRequest { keys: &[], ..asked.clone() };
    let told = check(media_type, &encrypted(&key(1), &asked), &without).unwrap_err();
    assert_eq!(told, AnswerError::NoKey(key(1).public().id().to_string()));
}
