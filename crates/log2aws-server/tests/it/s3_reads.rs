//! GET, HEAD and lists as RFC 9110 and S3's clients expect them.

use crate::client::{Answer, Request};
use crate::harness::{Running, start};
use crate::s3_api::all;

const BUCKET: &str = "/analyzedlogs-local";
const RAW: &str = "/serverlogs-local/web01/2019-08-01.log";
/// `printf hello | md5sum`
const TAG: &str = "\"5d41402abc4b2a76b9719d911017c592\"";

/// A server whose analyzed bucket holds `k`, with the bytes `hello`.
fn with_hello() -> Running {
    let server = start();
    let put = Request::new("PUT", format!("{BUCKET}/k")).body("hello");
    assert_eq!(server.signed(put).status, 200);
    server
}

fn read(server: &Running, method: &'static str, headers: &[(&str, &str)]) -> Answer {
    let request = Request::new(method, format!("{BUCKET}/k"));
    server
        .signed(headers.iter().fold(request, |request, (name, value)| request.header(name, *value)))
}

#[test]
fn a_range_that_cannot_be_served_as_one_is_ignored() {
    let server = with_hello();
    for range in ["items=0-1", "bytes=0-1,3-4", "bytes=5-2", "bytes=x", "bytes=", "bytes"] {
        for method in ["GET", "HEAD"] {
            let answer = read(&server, method, &[("range", range)]);
            assert_eq!(answer.status, 200, "{method} {range}: {}", answer.text());
            assert_eq!(answer.header("content-length"), Some("5"), "{method} {range}");
            assert_eq!(answer.header("content-range"), None, "{method} {range}");
        }
        assert_eq!(read(&server, "GET", &[("range", range)]).text(), "hello", "{range}");
    }
    // Unit names are case-insensitive.
    let answer = read(&server, "GET", &[("range", "BYTES=0-1")]);
    assert_eq!((answer.status, &answer.text()[..]), (206, "he"));
}

#[test]
fn a_range_of_a_head_is_answered_as_that_of_a_get() {
    let server = with_hello();
    for (range, length, content_range) in
        [("bytes=0-1", "2", "bytes 0-1/5"), ("bytes=-2", "2", "bytes 3-4/5")]
    {
        let head = read(&server, "HEAD", &[("range", range)]);
        assert_eq!(head.status, 206, "{range}");
        assert_eq!(head.header("content-length"), Some(length), "{range}");
        assert_eq!(head.header("content-range"), Some(content_range), "{range}");
    }
    let outside = read(&server, "HEAD", &[("range", "bytes=5-")]);
    assert_eq!((outside.status, outside.header("content-range")), (416, Some("bytes */5")));
}

#[test]
fn a_range_is_of_the_version_that_if_range_names() {
    let server = with_hello();
    for (condition, status) in [
        (TAG, 206),
        ("\"other\"", 200),
        // Weak tags never match.
        ("W/\"5d41402abc4b2a76b9719d911017c592\"", 200),
        ("Thu, 01 Aug 2019 00:00:00 GMT", 200),
        ("rubbish", 200),
    ] {
        let answer = read(&server, "GET", &[("range", "bytes=0-1"), ("if-range", condition)]);
        assert_eq!(answer.status, status, "{condition}");
        assert_eq!(answer.text(), if status == 206 { "he" } else { "hello" }, "{condition}");
    }
    let head = read(&server, "HEAD", &[]);
    let modified = head.header("last-modified").unwrap().to_owned();
    let same = read(&server, "GET", &[("range", "bytes=0-1"), ("if-range", &modified)]);
    assert_eq!(same.status, 206);
}

#[test]
fn the_end_of_an_empty_object_is_empty() {
    let server = start();
    for target in [format!("{BUCKET}/empty"), RAW.to_owned()] {
        assert_eq!(server.signed(Request::new("PUT", target.clone())).status, 200);
        for method in ["GET", "HEAD"] {
            let range = |range: &str| {
                server.signed(Request::new(method, target.clone()).header("range", range))
            };
            let answer = range("bytes=-100");
            assert_eq!((answer.status, answer.header("content-range")), (200, None), "{method}");
            assert_eq!(answer.header("content-length"), Some("0"));
            let answer = range("bytes=0-");
            assert_eq!((answer.status, answer.header("content-range")), (416, Some("bytes */0")));
        }
    }
    let answer = with_hello();
    let none = read(&answer, "GET", &[("range", "bytes=-0")]);
    assert_eq!((none.status, none.header("content-range")), (416, Some("bytes */5")));
}

#[test]
fn conditions_are_read_as_http_has_them() {
    let server = with_hello();
    let listed = format!("\"x\", {TAG}");
    let weak = format!("W/{TAG}");
    let comma = format!("\"a,b\",{TAG}");
    for (name, value, status) in [
        ("if-match", listed.as_str(), 200),
        ("if-match", comma.as_str(), 200),
        ("if-match", "\"x\", \"y\"", 412),
        ("if-match", "*", 200),
        // A weak tag never matches strongly, and always weakly.
        ("if-match", weak.as_str(), 412),
        ("if-none-match", weak.as_str(), 304),
        ("if-none-match", listed.as_str(), 304),
        ("if-none-match", "*", 304),
        ("if-none-match", "\"x\", \"y\"", 200),
        // Some clients send the tag without quotes.
        ("if-match", TAG.trim_matches('"'), 200),
        ("if-none-match", TAG.trim_matches('"'), 304),
        ("if-modified-since", "garbage", 200),
        ("if-unmodified-since", "garbage", 200),
        ("if-modified-since", "Sunday, 06-Nov-94 08:49:37 GMT", 200),
        ("if-unmodified-since", "Sunday, 06-Nov-94 08:49:37 GMT", 412),
        ("if-unmodified-since", "Wed Nov 16 08:49:37 1994", 412),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = read(&server, method, &[(name, value)]);
            assert_eq!(answer.status, status, "{method} {name}: {value}");
        }
    }
}

#[test]
fn not_modified_announces_no_body() {
    let server = with_hello();
    for method in ["GET", "HEAD"] {
        let answer = read(&server, method, &[("if-none-match", TAG)]);
        assert_eq!((answer.status, answer.header("etag")), (304, Some(TAG)));
        assert!([None, Some("5")].contains(&answer.header("content-length")), "{answer:?}");
        assert!(answer.header("last-modified").is_some(), "{answer:?}");
    }
}

#[test]
fn what_others_wrote_runs_nowhere() {
    let server = start();
    let hostile = |target: &str| {
        Request::new("PUT", target)
            .header("content-type", "text/html")
            .header("content-disposition", "inline")
            .body("<script>fetch('/ui/')</script>")
    };
    assert_eq!(server.signed(hostile(&format!("{BUCKET}/k"))).status, 200);
    // Anybody with a URL can set these headers, unsigned.
    let url = server.url("server=web01&date=2019-08-01");
    assert_eq!(server.send(&hostile(&url)).status, 200);
    for target in [RAW, "/analyzedlogs-local/k"] {
        for method in ["GET", "HEAD"] {
            for (range, status) in [(None, 200), (Some("bytes=0-9"), 206)] {
                let mut request = Request::new(method, target);
                if let Some(range) = range {
                    request = request.header("range", range);
                }
                let answer = server.presigned(request);
                assert_eq!(answer.status, status, "{}", answer.text());
                assert_eq!(
                    answer.header("content-security-policy"),
                    Some("sandbox; default-src 'none'")
                );
                assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            }
        }
    }
    let inline =
        format!("{RAW}?response-content-disposition=inline&response-content-type=text%2Fhtml");
    for (target, disposition) in [
        (RAW.to_owned(), "attachment"),
        (inline, "attachment"),
        (
            format!("{RAW}?response-content-disposition=attachment%3B%20filename%3Dday.log"),
            "attachment; filename=day.log",
        ),
    ] {
        let answer = server.presigned(Request::new("GET", target.clone()));
        assert_eq!(answer.header("content-disposition"), Some(disposition), "{target}");
    }
}

#[test]
fn the_version_of_a_bucket_without_versions_is_null() {
    let server = with_hello();
    let named = |method, id: &str| {
        server.signed(Request::new(method, format!("{BUCKET}/k?versionId={id}")))
    };
    assert_eq!(named("GET", "null").text(), "hello");
    assert_eq!(named("HEAD", "null").status, 200);
    assert_eq!(named("GET", "1").code(), "NoSuchVersion");
    // In a versioned bucket no version has that name.
    assert_eq!(server.signed(Request::new("PUT", RAW).body("x")).status, 200);
    let raw = server.signed(Request::new("GET", format!("{RAW}?versionId=null")));
    assert_eq!(raw.code(), "NoSuchVersion");

    assert_eq!(named("DELETE", "1").code(), "NoSuchVersion");
    assert_eq!(named("DELETE", "null").status, 204);
    assert_eq!(named("GET", "null").status, 404);
    let put = Request::new("PUT", format!("{BUCKET}/k")).body("hello");
    assert_eq!(server.signed(put).status, 200);
    let list = "<Delete><Object><Key>k</Key><VersionId>null</VersionId></Object></Delete>";
    let many = server.signed(Request::new("POST", format!("{BUCKET}?delete")).body(list));
    assert_eq!(all(&many.text(), "Key"), ["k"], "{}", many.text());
    assert!(!many.text().contains("<Error>"), "{}", many.text());
    assert_eq!(named("GET", "null").status, 404);
}

#[test]
fn lists_name_the_owner_where_s3_does() {
    let server = with_hello();
    let registry = Request::new("DELETE", format!("{BUCKET}/.log2aws/keys.json"));
    assert_eq!(server.signed(registry).status, 204);
    let list = |query: &str| server.signed(Request::new("GET", format!("{BUCKET}?{query}"))).text();
    assert_eq!(all(&list("fetch-owner=true&list-type=2"), "ID"), ["log2aws"]);
    assert!(all(&list("list-type=2"), "ID").is_empty());
    assert_eq!(all(&list("prefix=k"), "ID"), ["log2aws"]);
    assert_eq!(all(&list("versions"), "ID"), ["log2aws"]);
}

#[test]
fn buckets_are_listed_in_pages_and_by_prefix() {
    let server = start();
    let list = |query: &str| server.signed(Request::new("GET", format!("/?{query}")));
    let first = list("max-buckets=1").text();
    assert_eq!(all(&first, "Name"), ["analyzedlogs-local"]);
    let token = all(&first, "ContinuationToken").pop().unwrap();
    let second = list(&format!("continuation-token={token}&max-buckets=1")).text();
    assert_eq!(all(&second, "Name"), ["serverlogs-local"]);
    assert!(all(&second, "ContinuationToken").is_empty(), "{second}");
    assert_eq!(all(&list("prefix=server").text(), "Name"), ["serverlogs-local"]);
    assert_eq!(list("max-buckets=0").status, 400);
    // `HEAD /` is answered as GET, without the body.
    assert_eq!(server.signed(Request::new("HEAD", "/")).status, 200);
}

#[test]
fn every_answer_has_a_request_id_and_every_error_says_of_what() {
    let server = with_hello();
    let good = read(&server, "GET", &[]);
    let id = good.header("x-amz-request-id").unwrap().to_owned();
    assert_ne!(read(&server, "HEAD", &[]).header("x-amz-request-id"), Some(id.as_str()));
    let unsigned = server.send(&Request::new("GET", format!("{BUCKET}/k%26x")));
    let missing = server.signed(Request::new("GET", format!("{BUCKET}/none")));
    let not_served = server.signed(Request::new("GET", format!("{BUCKET}?policy")));
    for (answer, status, resource) in [
        (unsigned, 403, "/analyzedlogs-local/k%26x".to_owned()),
        (missing, 404, "/analyzedlogs-local/none".to_owned()),
        (not_served, 501, "/analyzedlogs-local".to_owned()),
    ] {
        assert_eq!(answer.status, status, "{}", answer.text());
        let header = answer.header("x-amz-request-id").unwrap();
        assert_eq!(all(&answer.text(), "RequestId"), [header], "{}", answer.text());
        assert_eq!(all(&answer.text(), "Resource"), [resource], "{}", answer.text());
        assert!(answer.text().ends_with("</Error>"), "{}", answer.text());
    }
}
