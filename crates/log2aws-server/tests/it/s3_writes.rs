//! PUT, copies and deletes as S3's clients send them.

use std::io::{BufReader, Read, Write};

use jiff::Timestamp;

use crate::client::{Request, connect, presigned_target, read_answer};
use crate::harness::{LOG, Running, start};
use crate::s3_api::all;

const BUCKET: &str = "/analyzedlogs-local";
const RAW: &str = "/serverlogs-local/web01/2019-08-01.log";
/// `printf hello | md5sum`
const TAG: &str = "\"5d41402abc4b2a76b9719d911017c592\"";

fn object(server: &Running, method: &'static str, key: &str) -> crate::client::Answer {
    server.signed(Request::new(method, format!("{BUCKET}/{key}")))
}

fn put(server: &Running, key: &str, body: &str) {
    let request = Request::new("PUT", format!("{BUCKET}/{key}")).body(body);
    assert_eq!(server.signed(request).status, 200, "{key}");
}

/// Some clients take the response to an empty PUT for the `100 Continue` that they waited for, and
/// assign the next response of the connection to the wrong request.
#[test]
fn the_answer_to_an_empty_put_that_expects_a_go_ahead_ends_the_connection() {
    let server = start();
    let (key, secret) = (server.key.access_key.clone(), server.key.expose_secret().to_owned());
    for (body, ends) in [("", true), ("hello", false)] {
        let request = Request::new("PUT", format!("{BUCKET}/k"))
            .header("expect", "100-continue")
            .body(body)
            .sign(server.address, &key, &secret);
        let mut stream = connect(server.address);
        stream.write_all(request.head(server.address).as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let answer = read_answer(&mut reader, "PUT");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("connection") == Some("close"), ends, "{answer:?}");
        if ends {
            assert_eq!(reader.read(&mut [0]).unwrap(), 0, "the connection goes on");
        }
    }
}

#[test]
fn what_a_signer_moved_into_the_query_counts_as_a_header() {
    let server = start();
    let put = |key: &str, query: &str| {
        server.presigned(Request::new("PUT", format!("{BUCKET}/{key}?{query}")).body("hello"))
    };
    assert_eq!(put("kept", "x-amz-meta-who=me%20too").status, 200);
    assert_eq!(object(&server, "HEAD", "kept").header("x-amz-meta-who"), Some("me too"));
    for query in [
        "x-amz-tagging=a%3Db",
        "x-amz-server-side-encryption=AES256",
        "x-amz-acl=public-read",
        "x-amz-storage-class=GLACIER",
        "X-Amz-Website-Redirect-Location=%2Fx",
    ] {
        let answer = put("refused", query);
        assert_eq!(answer.code(), "NotImplemented", "{query}: {}", answer.text());
    }
    // A checksum is that of the empty body that the signer had: S3 compares it with nothing.
    let of_nothing = "x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32";
    let answer = put("unchecked", of_nothing);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(object(&server, "GET", "unchecked").text(), "hello");
    // Never a copy.
    let copy = put("refused", "x-amz-copy-source=%2Fanalyzedlogs-local%2Fkept");
    assert_eq!(copy.status, 403, "{}", copy.text());
    // The query and the header must not differ.
    let both = Request::new("PUT", format!("{BUCKET}/refused?x-amz-meta-who=me"))
        .header("x-amz-meta-who", "you");
    assert_eq!(server.presigned(both.body("hello")).status, 400);
    assert_eq!(object(&server, "HEAD", "refused").status, 404);
}

/// AWS's SDK for JavaScript did this before its third version.
#[test]
fn a_header_may_be_signed_and_sent_in_the_query_alone() {
    let server = start();
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let headers = [
        ("host".to_owned(), server.address.to_string()),
        ("x-amz-meta-who".to_owned(), "me".to_owned()),
    ];
    let target = presigned_target(
        "PUT",
        &format!("{BUCKET}/k?x-amz-meta-who=me"),
        &headers,
        &now,
        &server.key.access_key,
        server.key.expose_secret(),
        60,
    );
    let answer = server.send(&Request::new("PUT", target).body("hello"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(object(&server, "HEAD", "k").header("x-amz-meta-who"), Some("me"));
}

/// As the agent puts a day that it has no record of.
#[test]
fn a_condition_that_the_url_does_not_sign_holds() {
    let server = start();
    let put = |body: &str| {
        let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let host = [("host".to_owned(), server.address.to_string())];
        let (key, secret) = (&server.key.access_key, server.key.expose_secret());
        let path = format!("{BUCKET}/once");
        let target = presigned_target("PUT", &path, &host, &now, key, secret, 60);
        server.send(&Request::new("PUT", target).header("if-none-match", "*").body(body))
    };
    assert_eq!(put("hello").status, 200);
    let second = put("other");
    assert_eq!((second.status, second.code().as_str()), (412, "PreconditionFailed"));
    assert_eq!(object(&server, "GET", "once").text(), "hello");
}

#[test]
fn headers_that_are_not_kept_are_refused_and_expires_is_kept() {
    let server = start();
    let put = |key: &str, name: &str, value: &str| {
        let request = Request::new("PUT", format!("{BUCKET}/{key}")).header(name, value);
        server.signed(request.body("x"))
    };
    for (name, value) in [
        ("x-amz-acl", "public-read"),
        ("x-amz-grant-read", "id=\"1\""),
        ("x-amz-storage-class", "GLACIER"),
        ("x-amz-server-side-encryption", "AES256"),
    ] {
        let answer = put("refused", name, value);
        assert_eq!(answer.code(), "NotImplemented", "{name}: {}", answer.text());
        assert!(answer.text().contains(name), "{}", answer.text());
        let begin = Request::new("POST", format!("{BUCKET}/refused?uploads")).header(name, value);
        assert_eq!(server.signed(begin).code(), "NotImplemented", "{name}");
    }
    assert_eq!(object(&server, "HEAD", "refused").status, 404);
    // Values that match our behaviour.
    assert_eq!(put("kept", "x-amz-acl", "private").status, 200);
    assert_eq!(put("kept", "x-amz-storage-class", "STANDARD").status, 200);
    let moment = "Thu, 01 Jan 2032 00:00:00 GMT";
    assert_eq!(put("kept", "expires", moment).status, 200);
    for method in ["GET", "HEAD"] {
        assert_eq!(object(&server, method, "kept").header("expires"), Some(moment));
    }
}

#[test]
fn a_signature_may_date_itself_by_the_date_header() {
    let server = start();
    let request = Request::new("PUT", format!("{BUCKET}/k")).header("date", "").body("hello");
    let answer = server.signed(request);
    assert_eq!(answer.status, 200, "{}", answer.text());
    // Not if the header is unsigned.
    let mut request = Request::new("GET", format!("{BUCKET}/k")).sign(
        server.address,
        &server.key.access_key,
        server.key.expose_secret(),
    );
    let now = Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    request.headers.retain(|(name, _)| name != "x-amz-date");
    let answer = server.send(&request.header("date", now));
    assert_eq!(answer.status, 403, "{}", answer.text());
}

#[test]
fn chunks_without_a_signature_may_come_without_a_trailer() {
    let server = start();
    let send = |key: &str, length: &str| {
        let request = Request::new("PUT", format!("{BUCKET}/{key}"))
            .header("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
            .header("x-amz-decoded-content-length", length)
            .body("5\r\nhello\r\n0\r\n\r\n");
        server.signed(request)
    };
    let answer = send("k", "5");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(object(&server, "GET", "k").text(), "hello");
    assert_eq!(send("short", "6").status, 400);
    assert_eq!(object(&server, "HEAD", "short").status, 404);
}

/// `curl -C 100 -T day.log URL` sends the rest of a log, which is not the day's log.
#[test]
fn a_piece_of_an_object_is_not_stored_as_the_whole() {
    let server = start();
    let url = server.url("server=web01&date=2019-08-01");
    let piece = |target: &str| {
        Request::new("PUT", target).header("content-range", "bytes 100-299/300").body(LOG)
    };
    let answer = server.send(&piece(&url));
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("Content-Range"), "{}", answer.text());
    assert_eq!(server.signed(piece(&format!("{BUCKET}/k"))).status, 400);
    server.assert_empty();
}

#[test]
fn urls_of_the_servers_own_key_live_five_minutes_at_most() {
    let server = start();
    let file = std::fs::read_to_string(server.folder.join("signing-key")).unwrap();
    let value = |name: &str| {
        let line = file.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_start_matches([' ', '=']).to_owned()
    };
    let (key, secret) = (value("aws_access_key_id"), value("aws_secret_access_key"));
    let put = |seconds| {
        let request = Request::new("PUT", RAW).body(LOG);
        server.send(&request.presign(server.address, &key, &secret, seconds))
    };
    for seconds in [301, 604_800] {
        let answer = put(seconds);
        assert_eq!((answer.status, &answer.code()[..]), (403, "AccessDenied"), "{seconds}");
        assert!(answer.text().contains("300 seconds"), "{}", answer.text());
        server.assert_empty();
    }
    assert_eq!(put(300).status, 200);
}

#[test]
fn an_objects_metadata_can_be_replaced_by_a_copy_onto_itself() {
    let server = start();
    put(&server, "k", "hello");
    let copy = |key: &'static str, from: &str, directive: Option<&str>| {
        let request = Request::new("PUT", format!("{BUCKET}/{key}"))
            .header("x-amz-copy-source", from)
            .header("x-amz-meta-mtime", "1.5")
            .header("content-type", "text/x");
        match directive {
            Some(directive) => request.header("x-amz-metadata-directive", directive),
            None => request,
        }
    };
    let own = "analyzedlogs-local/k";
    let answer = server.signed(copy("k", own, Some("REPLACE")));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("CopyObjectResult"), "{}", answer.text());
    assert!(answer.text().contains(TAG.trim_matches('"')), "{}", answer.text());
    let head = object(&server, "HEAD", "k");
    for (name, value) in [("x-amz-meta-mtime", "1.5"), ("content-type", "text/x"), ("etag", TAG)] {
        assert_eq!(head.header(name), Some(value));
    }
    assert_eq!(object(&server, "GET", "k").text(), "hello");

    // Every other copy is refused, and does nothing.
    put(&server, "other", "other");
    assert_eq!(server.signed(Request::new("PUT", RAW).body(LOG)).status, 200);
    for (key, from, directive) in [
        ("k", own, None),
        ("k", own, Some("COPY")),
        ("k", "/analyzedlogs-local/other", Some("REPLACE")),
        ("new", own, Some("REPLACE")),
        ("k", "/serverlogs-local/web01/2019-08-01.log", Some("REPLACE")),
        ("k", "analyzedlogs-local/k?versionId=1", Some("REPLACE")),
    ] {
        let answer = server.signed(copy(key, from, directive));
        assert_eq!(answer.code(), "NotImplemented", "{from}: {}", answer.text());
    }
    let raw = Request::new("PUT", RAW)
        .header("x-amz-copy-source", RAW)
        .header("x-amz-metadata-directive", "REPLACE");
    assert_eq!(server.signed(raw).code(), "NotImplemented");
    assert_eq!(object(&server, "HEAD", "new").status, 404);
    assert_eq!(object(&server, "GET", "k").text(), "hello");

    // Conditions on the source are checked.
    let other = copy("k", own, Some("REPLACE")).header("x-amz-copy-source-if-match", "\"0\"");
    assert_eq!(server.signed(other).code(), "PreconditionFailed");
    let none = copy("none", "analyzedlogs-local/none", Some("REPLACE"));
    assert_eq!(server.signed(none).code(), "NoSuchKey");
    // A presigned URL copies nothing.
    assert_eq!(server.presigned(copy("k", own, Some("REPLACE"))).status, 403);
}

#[test]
fn a_copy_needs_no_length() {
    let server = start();
    put(&server, "k", "hello");
    let request = Request::new("PUT", format!("{BUCKET}/copy"))
        .header("x-amz-copy-source", "/analyzedlogs-local/k")
        .sign(server.address, &server.key.access_key, server.key.expose_secret());
    let head = request.head(server.address).replace("content-length: 0\r\n", "");
    let mut stream = connect(server.address);
    stream.write_all(head.as_bytes()).unwrap();
    let answer = read_answer(&mut BufReader::new(stream), "PUT");
    assert_eq!(answer.code(), "NotImplemented", "{}", answer.text());
}

#[test]
fn a_delete_that_names_an_etag_deletes_nothing_else() {
    let server = start();
    put(&server, "k", "hello");
    let many = |object: &str| {
        let list = format!("<Delete><Object><Key>k</Key>{object}</Object></Delete>");
        server.signed(Request::new("POST", format!("{BUCKET}?delete")).body(list)).text()
    };
    let one = |tag: &str| {
        let request = Request::new("DELETE", format!("{BUCKET}/k")).header("if-match", tag);
        server.signed(request).status
    };
    let refused = many("<ETag>\"bad\"</ETag>");
    assert_eq!(all(&refused, "Code"), ["PreconditionFailed"], "{refused}");
    assert_eq!(all(&many("<Size>4</Size>"), "Code"), ["NotImplemented"]);
    assert_eq!(one("\"bad\""), 412);
    assert_eq!(object(&server, "GET", "k").text(), "hello");
    assert_eq!(one(TAG), 204);
    assert_eq!(object(&server, "HEAD", "k").status, 404);
    put(&server, "k", "hello");
    let deleted = many(&format!("<ETag>{TAG}</ETag>"));
    assert!(all(&deleted, "Code").is_empty(), "{deleted}");
    assert_eq!(object(&server, "HEAD", "k").status, 404);
}
