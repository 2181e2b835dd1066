//! The S3 API, request by request.

use crate::client::{Answer, Request};
use crate::harness::{Running, start};

const BUCKET: &str = "/analyzedlogs-local";

fn put(server: &Running, key: &str, body: &str) -> Answer {
    server.signed(Request::new("PUT", format!("{BUCKET}/{key}")).body(body))
}

fn get(server: &Running, target: &str) -> Answer {
    server.signed(Request::new("GET", format!("{BUCKET}{target}")))
}

/// The texts of one XML element.
pub(crate) fn all(xml: &str, tag: &str) -> Vec<String> {
    let open = format!("<{tag}>");
    xml.split(&open).skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
}

#[test]
fn a_signed_request_for_the_root_lists_the_buckets() {
    let server = start();
    let answer = server.signed(Request::new("GET", "/"));
    assert_eq!(all(&answer.text(), "Name"), ["analyzedlogs-local", "serverlogs-local"]);
    for (target, status) in [("/serverlogs-local", 200), ("/no-such-bucket", 404)] {
        assert_eq!(server.signed(Request::new("HEAD", target)).status, status);
    }
    let raw = server.signed(Request::new("GET", "/serverlogs-local?versioning"));
    assert_eq!(all(&raw.text(), "Status"), ["Enabled"]);
    assert!(all(&get(&server, "?versioning").text(), "Status").is_empty());
    assert_eq!(get(&server, "?location").status, 200);
}

#[test]
fn ranges_and_conditions() {
    let server = start();
    let request = Request::new("PUT", format!("{BUCKET}/k"))
        .header("content-type", "text/x")
        .header("cache-control", "no-cache")
        .header("x-amz-meta-mtime", "1.5");
    assert_eq!(server.signed(request.body("hello")).status, 200);
    let tag = "\"5d41402abc4b2a76b9719d911017c592\"";
    let with = |method, name: &str, value: &str| {
        server.signed(Request::new(method, format!("{BUCKET}/k")).header(name, value))
    };
    for (range, status, body) in [
        ("bytes=1-3", 206, "ell"),
        ("bytes=-2", 206, "lo"),
        ("bytes=4-", 206, "o"),
        ("bytes=0-99", 206, "hello"),
    ] {
        let answer = with("GET", "range", range);
        assert_eq!((answer.status, &answer.text()[..]), (status, body), "{range}");
        assert!(answer.header("content-range").unwrap().ends_with("/5"));
    }
    let outside = with("GET", "range", "bytes=5-");
    assert_eq!((outside.status, outside.header("content-range")), (416, Some("bytes */5")));
    for (name, value, status) in [
        ("if-match", tag, 200),
        ("if-match", "\"0\"", 412),
        ("if-none-match", tag, 304),
        ("if-none-match", "\"0\"", 200),
        ("if-modified-since", "Thu, 01 Aug 2019 00:00:00 GMT", 200),
        ("if-modified-since", "Fri, 01 Aug 2098 00:00:00 GMT", 304),
        ("if-unmodified-since", "Thu, 01 Aug 2019 00:00:00 GMT", 412),
    ] {
        for method in ["GET", "HEAD"] {
            assert_eq!(with(method, name, value).status, status, "{method} {name}: {value}");
        }
    }
    let head = with("HEAD", "x-amz-checksum-mode", "ENABLED");
    for (name, value) in [
        ("etag", tag),
        ("content-length", "5"),
        ("content-type", "text/x"),
        ("cache-control", "no-cache"),
        ("x-amz-meta-mtime", "1.5"),
        ("x-amz-checksum-sha256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="),
    ] {
        assert_eq!(head.header(name), Some(value));
    }
    assert_eq!(get(&server, "/none").code(), "NoSuchKey");
}

#[test]
fn large_objects_come_back_whole_and_in_parts() {
    let server = start();
    let numbers: Vec<String> = (0..150_000).map(|n| format!("{n:06}\n")).collect();
    let body = numbers.concat();
    assert_eq!(put(&server, "large", &body).status, 200);
    assert_eq!(get(&server, "/large").text(), body);
    let request = Request::new("GET", format!("{BUCKET}/large"));
    let part = server.signed(request.header("range", "bytes=262100-800000"));
    assert_eq!(part.text(), body[262_100..=800_000]);
}

#[test]
fn conditional_writes() {
    let server = start();
    let put_if = |name: &str, value: &str| {
        let request = Request::new("PUT", format!("{BUCKET}/once")).header(name, value);
        server.signed(request.body("hello")).status
    };
    assert_eq!(put_if("if-match", "*"), 404);
    assert_eq!(put_if("if-none-match", "*"), 200);
    assert_eq!(put_if("if-none-match", "*"), 412);
    assert_eq!(put_if("if-match", "\"0\""), 412);
    let tag = "\"5d41402abc4b2a76b9719d911017c592\"";
    assert_eq!(put_if("if-match", tag), 200);
    let delete_if = |value: &str| {
        let request = Request::new("DELETE", format!("{BUCKET}/once")).header("if-match", value);
        server.signed(request).status
    };
    assert_eq!(delete_if("\"0\""), 412);
    assert_eq!(delete_if(tag), 204);
    assert_eq!(delete_if(tag), 404);
    assert_eq!(delete_if("*"), 404);
    assert_eq!(put_if("if-none-match", "*"), 200);
    let both = Request::new("PUT", format!("{BUCKET}/once")).header("if-none-match", "*");
    assert_eq!(server.signed(both.header("if-match", "*").body("hello")).status, 501);
    let many = |tag: &str| {
        let object = format!("<Object><Key>once</Key><ETag>{tag}</ETag></Object>");
        let list = format!("<Delete>{object}</Delete>");
        server.signed(Request::new("POST", format!("{BUCKET}?delete")).body(list)).text()
    };
    assert!(many("&quot;0&quot;").contains("PreconditionFailed"));
    assert!(many(&tag.replace('"', "&quot;")).contains("<Deleted>"));
}

#[test]
fn of_many_that_may_write_only_once_one_does() {
    let server = start();
    let won: usize = std::thread::scope(|scope| {
        let write = |name: usize| {
            let request =
                Request::new("PUT", format!("{BUCKET}/once")).header("if-none-match", "*");
            usize::from(server.signed(request.body(name.to_string())).status == 200)
        };
        let threads: Vec<_> = (0..8).map(|name| scope.spawn(move || write(name))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(won, 1);
}

#[test]
fn lists_page_and_fold_and_encode() {
    let server = start();
    let keys = ["a/1", "a/2", "b/1", "c", "d%20%2B%E6%9C%AC", "e%26f"];
    for key in keys {
        assert_eq!(put(&server, key, key).status, 200, "{key}");
    }
    assert_eq!(
        server.signed(Request::new("DELETE", format!("{BUCKET}/.log2aws/keys.json"))).status,
        204
    );
    let listed = get(&server, "?list-type=2").text();
    assert_eq!(all(&listed, "Key"), ["a/1", "a/2", "b/1", "c", "d +本", "e&amp;f"]);
    let encoded = get(&server, "?encoding-type=url&list-type=2").text();
    assert_eq!(all(&encoded, "Key")[4..], ["d%20%2B%E6%9C%AC", "e%26f"]);
    let folded = get(&server, "?delimiter=%2F&list-type=2").text();
    assert_eq!(all(&folded, "KeyCount"), ["5"]);
    assert_eq!(all(&folded, "Key"), ["c", "d +本", "e&amp;f"]);
    assert!(folded.contains("<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>"), "{folded}");
    assert_eq!(all(&get(&server, "?list-type=2&prefix=a%2F").text(), "Key"), ["a/1", "a/2"]);
    assert_eq!(all(&get(&server, "?marker=b%2F1").text(), "Key").len(), 3);
    assert_eq!(all(&get(&server, "?list-type=2&start-after=c").text(), "Key").len(), 2);

    let mut found = Vec::new();
    let mut target = "?list-type=2&max-keys=2".to_owned();
    loop {
        let page = get(&server, &target).text();
        found.extend(all(&page, "Key"));
        let Some(token) = all(&page, "NextContinuationToken").pop() else { break };
        target = format!("?continuation-token={token}&list-type=2&max-keys=2");
    }
    assert_eq!(found.len(), keys.len());
    assert_eq!(all(&get(&server, "?list-type=2&max-keys=0").text(), "Key").len(), 0);
    assert_eq!(get(&server, "?continuation-token=%21&list-type=2").status, 400);
    assert_eq!(get(&server, "?max-keys=-1").status, 400);
    let versions = get(&server, "?versions").text();
    assert_eq!(all(&versions, "VersionId"), vec!["null"; keys.len()]);
}

#[test]
fn uploads_in_parts() {
    let server = start();
    let request = |method, query: String| Request::new(method, format!("{BUCKET}/mp?{query}"));
    let begun = server.signed(request("POST", "uploads".to_owned()));
    let id = all(&begun.text(), "UploadId").pop().unwrap();
    let large = "x".repeat(5 * 1024 * 1024);
    let mut tags = Vec::new();
    for (number, body) in [(1, large.as_str()), (2, "end")] {
        let part = request("PUT", format!("partNumber={number}&uploadId={id}"));
        let answer = server.signed(part.body(body));
        assert_eq!(answer.status, 200, "{}", answer.text());
        tags.push(answer.header("etag").unwrap().to_owned());
    }
    let wrong = request("PUT", format!("partNumber=2&uploadId={id}"));
    let wrong = wrong.header("x-amz-checksum-crc32", "AAAAAA==").body("bad");
    assert_eq!(server.signed(wrong).code(), "BadDigest");
    let parts = server.signed(request("GET", format!("uploadId={id}")));
    assert_eq!(all(&parts.text(), "Size"), ["5242880", "3"]);
    assert_eq!(all(&get(&server, "?uploads").text(), "Key"), ["mp"]);

    let complete = |order: [usize; 2]| {
        let list = order.map(|n| {
            format!("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", n + 1, tags[n])
        });
        let list = format!("<CompleteMultipartUpload>{}</CompleteMultipartUpload>", list.concat());
        server.signed(request("POST", format!("uploadId={id}")).body(list))
    };
    assert_eq!(complete([1, 0]).code(), "InvalidPartOrder");
    assert_eq!(get(&server, "/mp").status, 404);
    let done = complete([0, 1]);
    assert!(done.text().contains("-2\"</ETag>"), "{}", done.text());
    assert_eq!(get(&server, "/mp").text(), large + "end");
    // The response may have been lost.
    assert_eq!(complete([0, 1]).text(), done.text());

    let other = server.signed(request("POST", "uploads".to_owned()));
    let id = all(&other.text(), "UploadId").pop().unwrap();
    let elsewhere = Request::new("DELETE", format!("{BUCKET}/other?uploadId={id}"));
    assert_eq!(server.signed(elsewhere).code(), "NoSuchUpload");
    assert_eq!(server.signed(request("DELETE", format!("uploadId={id}"))).status, 204);
    assert!(all(&get(&server, "?uploads").text(), "Key").is_empty());
}

#[test]
fn results_can_be_deleted_and_raw_logs_cannot() {
    let server = start();
    for key in ["a", "b", "c"] {
        put(&server, key, "x");
    }
    assert_eq!(server.signed(Request::new("DELETE", format!("{BUCKET}/a"))).status, 204);
    assert_eq!(server.signed(Request::new("DELETE", format!("{BUCKET}/a"))).status, 204);
    let list = "<Delete><Object><Key>b</Key></Object><Object><Key>none</Key></Object></Delete>";
    let many = server.signed(Request::new("POST", format!("{BUCKET}?delete")).body(list));
    assert_eq!(all(&many.text(), "Key"), ["b", "none"]);
    assert_eq!(all(&get(&server, "?list-type=2").text(), "Key"), [".log2aws/keys.json", "c"]);

    let raw = "/serverlogs-local/web01/2019-08-01.log";
    assert_eq!(server.signed(Request::new("PUT", raw).body("x")).status, 200);
    let refused = server.signed(Request::new("DELETE", raw));
    assert_eq!((refused.status, &refused.code()[..]), (403, "AccessDenied"));
    assert!(refused.text().contains("--keep-raw-days"), "{}", refused.text());
    let many = Request::new("POST", "/serverlogs-local?delete").body(list);
    assert_eq!(server.signed(many).code(), "AccessDenied");
    assert_eq!(server.signed(Request::new("GET", raw)).status, 200);
}

#[test]
fn other_operations_are_refused_and_do_nothing() {
    let server = start();
    put(&server, "a", "x");
    let copy = Request::new("PUT", format!("{BUCKET}/copy"))
        .header("x-amz-copy-source", "/analyzedlogs-local/a");
    assert_eq!(server.signed(copy).code(), "NotImplemented");
    assert_eq!(get(&server, "/copy").status, 404);
    for (method, target, code) in [
        ("PUT", "/new-bucket".to_owned(), "AccessDenied"),
        ("PUT", BUCKET.to_owned(), "BucketAlreadyOwnedByYou"),
        ("DELETE", BUCKET.to_owned(), "NotImplemented"),
        ("PUT", format!("{BUCKET}?versioning"), "NotImplemented"),
        ("GET", format!("{BUCKET}?policy"), "NotImplemented"),
        ("PUT", format!("{BUCKET}/a?acl"), "NotImplemented"),
        ("PUT", format!("{BUCKET}/a?tagging"), "NotImplemented"),
    ] {
        let answer = server.signed(Request::new(method, target.clone()));
        assert_eq!(answer.code(), code, "{method} {target}: {}", answer.text());
    }
    for name in ["x-amz-tagging", "x-amz-server-side-encryption", "x-amz-object-lock-mode"] {
        let request = Request::new("PUT", format!("{BUCKET}/b")).header(name, "x=y");
        let answer = server.signed(request.body("x"));
        assert!([400, 501].contains(&answer.status), "{name}: {}", answer.text());
        assert_eq!(get(&server, "/b").status, 404);
    }
}
