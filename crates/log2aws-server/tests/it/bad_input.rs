//! Every way in which a PUT can be wrong: a clear response, and nothing on disk.

use std::io::{BufReader, Write};

use jiff::{Span, Timestamp};
use log2aws_service::ports::{PutRequest, Signer};
use log2aws_service::signer::{Addressing, Credentials, SigV4Signer};

use crate::client::{Answer, Request, connect, read_answer};
use crate::harness::{LOG, Running, start};

const QUERY: &str = "server=web01&date=2019-08-01";

/// A URL from another signer: for keys, times and credentials that `serve` would not use.
fn signed_url(server: &Running, bucket: &str, key: &str, at: Timestamp, secret: &str) -> String {
    let endpoint = format!("http://{}", server.address).parse().unwrap();
    let keys = Credentials::new(&server.key.access_key, secret, None);
    let signer = SigV4Signer::new(endpoint, Addressing::Path, "us-east-1", keys).unwrap();
    let request = PutRequest {
        bucket: bucket.parse().unwrap(),
        key: key.parse().unwrap(),
        expires_in: 300,
        at,
        size: None,
        sha256: None,
    };
    let put = signer.presign_put(&request).unwrap();
    put.expose_url().strip_prefix(&format!("http://{}", server.address)).unwrap().to_owned()
}

fn assert_refused(server: &Running, what: &str, answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, &answer.code()[..]), (status, code), "{what}: {}", answer.text());
    assert!(!answer.text().contains("Signature="), "{what}: {}", answer.text());
    server.assert_empty();
}

#[test]
fn a_url_is_good_for_one_key_one_method_and_five_minutes() {
    let server = start();
    let good = server.url(QUERY);
    let put = |target: &str| server.send(&Request::new("PUT", target).body(LOG));
    let (path, query) = good.split_once('?').unwrap();
    let end = good.len() - 1;
    let flipped = if good.ends_with('0') { "1" } else { "0" };

    let altered = format!("{}{flipped}", &good[..end]);
    assert_refused(&server, "altered", &put(&altered), 403, "SignatureDoesNotMatch");
    let other = good.replace("web01", "web02");
    assert_refused(&server, "other key", &put(&other), 403, "SignatureDoesNotMatch");
    let dots = good.replace("web01/", "web01/../web01/");
    assert_refused(&server, "dots", &put(&dots), 403, "SignatureDoesNotMatch");
    let longer = good.replace("X-Amz-Expires=300", "X-Amz-Expires=3000");
    assert_refused(&server, "longer life", &put(&longer), 403, "SignatureDoesNotMatch");
    let week = good.replace("X-Amz-Expires=300", "X-Amz-Expires=604801");
    let code = "AuthorizationQueryParametersError";
    assert_refused(&server, "eight days", &put(&week), 400, code);
    let more = format!("{good}&versionId=1");
    assert_refused(&server, "more query", &put(&more), 403, "SignatureDoesNotMatch");
    assert_refused(&server, "no signature", &put(path), 403, "AccessDenied");
    let twice = format!("{path}?{query}&{query}");
    assert_eq!(put(&twice).status, 400);
    for method in ["GET", "HEAD", "DELETE", "POST"] {
        let answer = server.send(&Request::new(method, good.clone()));
        assert_eq!(answer.status, 403, "{method}: {}", answer.text());
    }
    server.assert_empty();

    let secret = server.key.expose_secret().to_owned();
    let ago = Timestamp::now() - Span::new().seconds(302);
    let key = "web01/2019-08-01.log";
    let expired = signed_url(&server, "serverlogs-local", key, ago, &secret);
    let answer = put(&expired);
    assert_refused(&server, "expired", &answer, 403, "AccessDenied");
    assert!(answer.text().contains("expired"), "{}", answer.text());
    let now = Timestamp::now();
    let other = signed_url(&server, "serverlogs-local", key, now, "another secret");
    assert_refused(&server, "other secret", &put(&other), 403, "SignatureDoesNotMatch");
    let none = signed_url(&server, "no-such-bucket", key, now, &secret);
    assert_refused(&server, "other bucket", &put(&none), 404, "NoSuchBucket");

    assert_eq!(put(&good).status, 200);
}

#[test]
fn headers_that_change_what_a_put_means_must_be_signed() {
    let server = start();
    let first = Request::new("PUT", server.url("server=db01&date=2019-08-01")).body(LOG);
    assert_eq!(server.send(&first).status, 200);
    let good = server.url(QUERY);
    for (name, value) in [
        ("x-amz-copy-source", "/serverlogs-local/db01/2019-08-01.log"),
        ("x-amz-meta-note", "mine"),
        ("x-amz-storage-class", "GLACIER"),
        ("x-amz-checksum-crc32", "AAAAAA=="),
    ] {
        let answer = server.send(&Request::new("PUT", good.clone()).header(name, value).body(LOG));
        assert_eq!((answer.status, &answer.code()[..]), (403, "AccessDenied"), "{name}");
        assert!(answer.text().contains(name), "{}", answer.text());
        assert_eq!(server.stored("serverlogs-local", "web01/2019-08-01.log"), None);
    }
}

#[test]
fn the_key_of_urls_opens_nothing_but_a_put_of_a_day_log() {
    let server = start();
    let file = std::fs::read_to_string(server.folder.join("signing-key")).unwrap();
    let value = |name: &str| {
        file.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap().to_owned()
    };
    let (key, secret) = (value("aws_access_key_id"), value("aws_secret_access_key"));
    for (method, target) in [
        ("GET", "/"),
        ("GET", "/serverlogs-local"),
        ("GET", "/analyzedlogs-local/web01/2019-08-01.csv"),
        ("PUT", "/serverlogs-local/web01/2019-08-01.log"),
        ("DELETE", "/analyzedlogs-local/web01/2019-08-01.csv"),
    ] {
        let answer = Request::new(method, target).sign(server.address, &key, &secret);
        let answer = answer.send(server.address);
        assert_refused(&server, target, &answer, 403, "AccessDenied");
    }
    for (bucket, object) in [
        ("analyzedlogs-local", "web01/2019-08-01.log"),
        ("serverlogs-local", "web01/notes.txt"),
        ("serverlogs-local", "0000/web01/2019-08-01.log"),
    ] {
        let url = signed_url(&server, bucket, object, Timestamp::now(), &secret);
        let url = url.replace(&server.key.access_key, &key);
        let answer = server.send(&Request::new("PUT", url).body(LOG));
        assert_eq!(answer.status, 403, "{bucket}/{object}: {}", answer.text());
        server.assert_empty();
    }
}

#[test]
fn every_false_checksum_leaves_nothing() {
    let server = start();
    // Both code paths of a body: collected, and streamed.
    for size in [1000, 600_000] {
        let body = vec![b'a'; size];
        for (name, value) in [
            ("content-md5", "AAAAAAAAAAAAAAAAAAAAAA=="),
            ("x-amz-checksum-crc32", "AAAAAA=="),
            ("x-amz-checksum-crc32c", "AAAAAA=="),
            ("x-amz-checksum-crc64nvme", "AAAAAAAAAAA="),
            ("x-amz-checksum-sha1", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            ("x-amz-checksum-sha256", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            ("x-amz-content-sha256", &"0".repeat(64)),
        ] {
            let put = Request::new("PUT", "/serverlogs-local/web01/2019-08-01.log");
            let answer = server.signed(put.header(name, value).body(body.clone()));
            assert_refused(&server, name, &answer, 400, "BadDigest");
        }
    }
}

#[test]
fn a_body_that_is_cut_off_leaves_nothing() {
    let server = start();
    for size in [1000, 600_000] {
        let url = server.url(QUERY);
        let request = Request::new("PUT", url).body(vec![b'a'; size]);
        let mut stream = connect(server.address);
        stream.write_all(request.head(server.address).as_bytes()).unwrap();
        stream.write_all(&request.body[..size / 2]).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let answer = read_answer(&mut BufReader::new(stream), "PUT");
        assert_refused(&server, "cut off", &answer, 400, "IncompleteBody");
    }
}

#[test]
fn chunks_with_trailing_checksums_are_checked() {
    let server = start();
    let put = |trailer: &str, body: &str| {
        let chunked = format!("{:x}\r\n{body}\r\n0\r\n{trailer}\r\n", body.len());
        let request = Request::new("PUT", "/analyzedlogs-local/a/b.txt")
            .header("content-encoding", "aws-chunked")
            .header("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
            .header("x-amz-decoded-content-length", "5")
            .header("x-amz-trailer", "x-amz-checksum-crc32");
        server.signed(request.body(chunked))
    };
    let good = "x-amz-checksum-crc32:NhCmhg==\r\n";
    let wrong = put("x-amz-checksum-crc32:NhCmhw==\r\n", "hello");
    assert_refused(&server, "wrong trailer", &wrong, 400, "BadDigest");
    assert_refused(&server, "no trailer", &put("", "hello"), 400, "InvalidRequest");
    assert_refused(&server, "too short", &put(good, "hell"), 400, "IncompleteBody");
    assert_refused(&server, "too long", &put(good, "hello!"), 400, "IncompleteBody");
    let answer = put(good, "hello");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(server.stored("analyzedlogs-local", "a/b.txt").as_deref(), Some("hello"));
    let got = server.signed(Request::new("GET", "/analyzedlogs-local/a/b.txt"));
    assert_eq!(got.header("content-encoding"), None);
}

#[test]
fn what_is_not_signed_by_version_four_is_refused() {
    let server = start();
    let target = "/analyzedlogs-local/a.txt";
    let refused = |request: Request| {
        let answer = server.send(&request);
        assert!([400, 403].contains(&answer.status), "{request:?}: {}", answer.text());
        server.assert_empty();
    };
    refused(Request::new("PUT", target).body("x"));
    refused(Request::new("GET", "/analyzedlogs-local"));
    refused(Request::new("PUT", target).header("authorization", "AWS KEY:c2lnbg==").body("x"));
    refused(Request::new("PUT", target).header("authorization", "Basic eDp5").body("x"));
    let v2 =
        format!("{target}?AWSAccessKeyId={}&Expires=9999999999&Signature=x", server.key.access_key);
    refused(Request::new("PUT", v2).body("x"));
    let good = Request::new("PUT", target).body("x");
    let good = good.sign(server.address, &server.key.access_key, server.key.expose_secret());
    let mut other_path = good.clone();
    other_path.target = "/analyzedlogs-local/b.txt".to_owned();
    refused(other_path);
    let mut other_body = good.clone();
    other_body.body = b"y".to_vec();
    refused(other_body);
    refused(good.clone().header("x-amz-meta-late", "1"));
    refused(good.clone().sign(server.address, &server.key.access_key, server.key.expose_secret()));
    refused(Request::new("PUT", target).body("x").sign(
        server.address,
        "NOSUCHKEY0000000",
        "secret",
    ));
    assert_eq!(good.send(server.address).status, 200);
}
