//! Which requests are events.

use http::Request;
use http::response::Builder;

use super::*;

fn parts(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn of(method: &str, target: &str, headers: &[(&str, &str)]) -> Option<AuditEvent> {
    let keys = KnownKeys { operator: "LOG2OPERATOR".into(), signing: "LOG2SIGNING".into() };
    classify(&parts(method, target, headers), &keys, Timestamp::UNIX_EPOCH)
}

fn answer(status: u16, change: impl FnOnce(Builder) -> Builder) -> http::response::Parts {
    let builder = http::Response::builder().status(status);
    change(builder).body(()).unwrap().into_parts().0
}

const SIGNED: (&str, &str) = (
    "authorization",
    "AWS4-HMAC-SHA256 Credential=LOG2OPERATOR/20261130/local/s3/aws4_request, \
     SignedHeaders=host, Signature=c0ffee",
);

#[test]
fn each_operation_has_its_name() {
    let raw = "/serverlogs-local/web01/2026-11-29.log";
    let copy: &[(&str, &str)] = &[("x-amz-copy-source", "/b/k")];
    for (method, target, headers, name) in [
        ("GET", "/?server=web01&date=2026-11-29", &[][..], "url"),
        ("POST", "/", &[], "url"),
        ("GET", "/", &[SIGNED], "list"),
        ("PUT", raw, &[], "put"),
        ("PUT", raw, copy, "copy"),
        ("GET", raw, &[], "get"),
        ("HEAD", raw, &[], "head"),
        ("DELETE", raw, &[], "delete"),
        ("GET", "/serverlogs-local?list-type=2", &[], "list"),
        ("POST", "/analyzedlogs-local?delete", &[], "delete"),
        ("POST", "/serverlogs-local/a?uploads", &[], "upload_create"),
        ("PUT", "/serverlogs-local/a?partNumber=1&uploadId=x", &[], "upload_part"),
        ("PUT", "/serverlogs-local/a?uploadId=x", &[], "put"),
        ("PUT", "/serverlogs-local/a?partNumber=1", &[], "put"),
        ("PUT", "/serverlogs-local/a?uploadId=x", copy, "copy"),
        ("POST", "/serverlogs-local/a?uploads&uploadId=x", &[], "upload_create"),
        ("GET", "/serverlogs-local/a?uploadId=x", &[], "list"),
        ("POST", "/serverlogs-local/a?uploadId=x", &[], "upload_complete"),
        ("DELETE", "/serverlogs-local/a?uploadId=x", &[], "upload_abort"),
        ("PATCH", raw, &[], "other"),
        ("POST", "/ui/login", &[], "login"),
        ("GET", "/ui/login?once=x", &[], "login"),
        ("POST", "/ui/logout", &[], "logout"),
        ("GET", "/ui/s/web01", &[], "get"),
        ("GET", "/ui/s/web01/2026-11-29/values.json", &[], "get"),
        ("HEAD", "/ui/s/web01/2026-11-29/chart.svg", &[], "head"),
        ("GET", "/ui/compare?s=web01&s=web02&date=2026-11-29", &[], "get"),
    ] {
        let event = of(method, target, headers);
        assert_eq!(event.as_ref().map(|event| &*event.event), Some(name), "{method} {target}");
    }
}

#[test]
fn health_metrics_assets_and_the_calendar_are_no_events() {
    let browser = ("accept", "text/html");
    for (method, target) in [
        ("GET", "/"),
        ("GET", "/-/healthz"),
        ("GET", "/-/readyz"),
        ("GET", "/-/metrics"),
        ("GET", "/ui"),
        ("GET", "/ui/"),
        ("GET", "/ui/events"),
        ("GET", "/ui/status.json"),
        ("GET", "/ui/assets/app.js"),
        ("GET", "/ui/login"),
        ("HEAD", "/ui/login?once=x"),
        ("GET", "/ui/logout"),
        ("GET", "/ui/lang?to=ja"),
        ("POST", "/ui/s/web01"),
    ] {
        assert_eq!(of(method, target, &[browser]), None, "{method} {target}");
    }
}

#[test]
fn a_head_says_whose_log_and_as_whom() {
    let target = "/serverlogs-local/web01/2026-11-29.log?X-Amz-Credential=LOG2SIGNING%2F20261130\
                  &X-Amz-Signature=c0ffee";
    let put = of("PUT", target, &[("content-length", "12")]).unwrap();
    let expected = AuditEvent {
        principal: Some("url".into()),
        server: Some("web01".into()),
        date: Some("2026-11-29".into()),
        bucket: Some("serverlogs-local".into()),
        key: Some("web01/2026-11-29.log".into()),
        bytes: Some(12),
        ..AuditEvent::new(Timestamp::UNIX_EPOCH, "put")
    };
    assert_eq!(put, expected);
    let get = of("GET", "/analyzedlogs-local/0a1b/web01/2026-11-29.rejects.jsonl", &[SIGNED]);
    let get = get.unwrap();
    assert_eq!(get.principal.as_deref(), Some("LOG2OPERATOR"));
    assert_eq!((get.server.as_deref(), get.date.as_deref()), (Some("web01"), Some("2026-11-29")));
    let list = of("GET", "/serverlogs-local?prefix=web01%2F&list-type=2", &[SIGNED]).unwrap();
    assert_eq!(list.key.as_deref(), Some("web01/"));
    let url = of("GET", "/?server=web01&date=20261129", &[]).unwrap();
    assert_eq!((url.server.as_deref(), url.date.as_deref()), (Some("web01"), Some("2026-11-29")));
    let day = of("GET", "/ui/s/web01/2026-11-29/chart.svg?from=3", &[]).unwrap();
    assert_eq!((day.server.as_deref(), day.date.as_deref()), (Some("web01"), Some("2026-11-29")));
    assert_eq!(day.detail.as_deref(), Some("/ui/s/web01/2026-11-29/chart.svg"));
}

/// The dashboard decodes each segment of a path, so all of these are the same pages.
#[test]
fn a_page_is_an_event_however_its_path_is_encoded() {
    for target in [
        "/ui/%73/web01/2026-11-30/values.json",
        "/ui/s/web%301/2026-11-30/chart.svg",
        "/ui/s/web01/2026-11-3%30/web01-2026-11-30.log",
        "/ui/s/web01/20261130/",
        "/ui/%63ompare?s=web01&date=2026-11-30",
        "/ui/compare?s=%20web01&s=web01&s=&date=&date=20261130",
    ] {
        let event = of("GET", target, &[]).unwrap();
        let log = (event.server.as_deref(), event.date.as_deref());
        assert_eq!(log, (Some("web01"), Some("2026-11-30")), "{target}");
        assert!(event.detail.is_some(), "{target}");
    }
    let two = of("GET", "/ui/compare?s=web01&s=web02", &[]).unwrap();
    assert_eq!((two.server, two.detail.as_deref()), (None, Some("/ui/compare: web01,web02")));
    for unknown in ["/ui/%61ssets/app.js", "/ui/new", "/ui/s/%FF", "/ui/s"] {
        assert!(of("GET", unknown, &[]).unwrap().detail.is_some(), "{unknown}");
    }
    assert_eq!(of("GET", "/ui/%73tatus.json", &[]), None);
}

#[test]
fn the_principal_is_that_of_the_signature() {
    let principal =
        |target: &str, headers: &[(&str, &str)]| of("DELETE", target, headers).unwrap().principal;
    let operator = Some("LOG2OPERATOR".to_owned());
    for ignored in ["X-Amz-Credential=LOG2SIGNING%2Fx", "X-Amz-Credential=x"] {
        let target = format!("/analyzedlogs-local/a?{ignored}");
        assert_eq!(principal(&target, &[SIGNED]), operator, "{ignored}");
        assert_eq!(principal(&target, &[]), None, "{ignored}");
    }
    let prefixed = SIGNED.1.replace("256 C", "256 XCredential=LOG2SIGNING/x, C");
    assert_eq!(principal("/b/a", &[("authorization", &prefixed)]), operator);
    let twice = "/b/a?X-Amz-Signature=x&X-Amz-Credential=LOG2SIGNING%2Fx";
    assert_eq!(principal(twice, &[]).as_deref(), Some("url"));
    assert_eq!(principal(twice, &[SIGNED]), None, "signed twice: it is refused");
}

#[test]
fn no_secret_in_a_wrong_place_is_written_down() {
    let secret = "credential=wJalrXUtnFEMI";
    let swapped = SIGNED.1.replace("LOG2OPERATOR", "wJalrXUtnFEMI");
    let event = of("GET", "/serverlogs-local/a", &[("authorization", &swapped)]).unwrap();
    assert_eq!(event.principal, None);
    let encoded = "/serverlogs-local/a%3FX-Amz-Algorithm=x%26X-Amz-Signature=c0ffee";
    let event = of("PUT", encoded, &[]).unwrap();
    assert_eq!(event.key.as_deref(), Some("a?…"));
    for target in [
        "/b%3FX-Amz-Credential=k%2Fs3%2Fx&x%2Damz%2dsignature=c0ffee",
        "/b/web01/2026-11-29.log%3fx-amz-signature%3Dc0ffee",
        "/b?prefix=a%3FX-Amz-Signature%3Dc0ffee",
        "/b/a%253FX%252DAmz-Signature=c0ffee",
        "/ui/s/web01%3Fonce=c0ffee",
        "/ui/login%3Fonce=c0ffee",
        "/ui/compare?s=X-Amz-Signature%3Dc0ffee",
    ] {
        let line = of("GET", target, &[]).unwrap().to_line().unwrap();
        assert!(!line.contains("c0ffee"), "{line}");
    }
    let log = of("GET", "/b/web01/2026-11-29.log%3FX-Amz-Signature=c0ffee", &[]).unwrap();
    assert_eq!(log.key.as_deref(), Some("web01/2026-11-29.log?…"));
    assert_eq!(log.server.as_deref(), Some("web01"));
    let key = "X-Amz-/web09/2026-11-29.csv";
    assert_eq!(of("GET", &format!("/b/{key}"), &[]).unwrap().key.as_deref(), Some(key));
    for target in [
        format!("/?server={secret}&date={secret}"),
        format!("/ui/login?once={secret}"),
        format!("/ui/s/web01/2026-11-29/x.csv?token={secret}"),
        format!("/serverlogs-local/a?X-Amz-Security-Token={secret}"),
    ] {
        let line = of("GET", &target, &[("cookie", secret)]).unwrap().to_line().unwrap();
        assert!(!line.contains("wJalr"), "{line}");
    }
}

#[test]
fn an_answer_says_how_it_ended() {
    let begun = |method, target| of(method, target, &[]).unwrap();
    let mut put = begun("PUT", "/serverlogs-local/a");
    assert!(complete(&mut put, &answer(200, |a| a.header("x-amz-version-id", "v1"))));
    assert_eq!((put.status, put.version.as_deref(), put.reason), (Some(200), Some("v1"), None));
    let mut get = begun("GET", "/serverlogs-local/a");
    complete(&mut get, &answer(206, |a| a.header("content-length", "7")));
    assert_eq!(get.bytes, Some(7));
    let mut refused = begun("GET", "/serverlogs-local/a");
    let reason = RefusalReason("SignatureDoesNotMatch".into());
    complete(&mut refused, &answer(403, |a| a.extension(reason).header("content-length", "300")));
    assert_eq!((refused.bytes, refused.reason.as_deref()), (None, Some("SignatureDoesNotMatch")));
    let mut head = begun("HEAD", "/serverlogs-local/a");
    complete(&mut head, &answer(403, |a| a));
    assert_eq!(head.reason.as_deref(), Some("Forbidden"));
    let mut login = begun("POST", "/ui/login");
    assert!(complete(&mut login, &answer(303, |a| a.extension(TokenName::default()))));
    assert_eq!(login.principal.as_deref(), Some("token:default"));
    let mut login = begun("POST", "/ui/login");
    assert!(complete(&mut login, &answer(401, |a| a)));
    assert_eq!(login.reason.as_deref(), Some("wrong_token_or_link"));
    let mut prefetch = begun("GET", "/ui/login?once=x");
    assert!(!complete(&mut prefetch, &answer(200, |a| a)));
    let mut url = begun("POST", "/");
    let subject = UrlSubject { server: "web01".parse().ok(), ..UrlSubject::default() };
    complete(
        &mut url,
        &answer(403, |a| a.extension(ProblemCode("not-allowed")).extension(subject)),
    );
    assert_eq!(url.server.as_deref(), Some("web01"));
    assert_eq!(url.reason.as_deref(), Some("not-allowed"));
}

#[test]
fn a_record_of_an_operator_is_a_setting() {
    let key = "/analyzedlogs-local/.log2aws/reopen/web01/2026-11-29.json";
    let written = of("PUT", key, &[SIGNED]).unwrap();
    assert_eq!((&*written.event, written.detail.as_deref()), ("setting", Some("written")));
    assert_eq!(written.server.as_deref(), Some("web01"));
    let disguised = of("PUT", &format!("{key}?uploadId=x"), &[SIGNED]).unwrap();
    assert_eq!(&*disguised.event, "setting", "without a part number it is a put");
    let removed = of("DELETE", key, &[SIGNED]).unwrap();
    assert_eq!((&*removed.event, removed.detail.as_deref()), ("setting", Some("removed")));
    assert_eq!(&*of("GET", key, &[SIGNED]).unwrap().event, "get");
    let raw = key.replace("analyzedlogs", "serverlogs");
    assert_eq!(&*of("PUT", &raw, &[SIGNED]).unwrap().event, "put");
}

#[test]
fn every_name_is_a_known_one() {
    let parts = |method: &str, target: &str| parts(method, target, &[]);
    for method in ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"] {
        for query in ["", "?uploads", "?uploadId=x", "?delete"] {
            for key in ["", "k"] {
                let name = operation(&parts(method, &format!("/b/{key}{query}")), key);
                assert!(super::super::EVENTS.contains(&name), "{name}");
            }
        }
    }
}
