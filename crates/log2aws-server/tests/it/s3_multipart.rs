//! Multipart uploads with lost responses, and reads of parts.

use crate::client::{Answer, Request};
use crate::harness::{ClockAt, Running, config, start, start_on};
use crate::s3_api::all;

const BUCKET: &str = "/analyzedlogs-local";
const FIRST: usize = 5 * 1024 * 1024;

/// A multipart upload of one key.
struct Upload<'a> {
    server: &'a Running,
    target: String,
    id: String,
    tags: Vec<String>,
}

impl<'a> Upload<'a> {
    fn begin(server: &'a Running, target: &str, headers: &[(&str, &str)]) -> Self {
        let request = Request::new("POST", format!("{target}?uploads"));
        let begun =
            server.signed(headers.iter().fold(request, |request, (n, v)| request.header(n, *v)));
        assert_eq!(begun.status, 200, "{}", begun.text());
        let id = all(&begun.text(), "UploadId").pop().unwrap();
        Self { server, target: target.to_owned(), id, tags: Vec::new() }
    }

    fn request(&self, method: &'static str, query: &str) -> Request {
        Request::new(method, format!("{}?{query}uploadId={}", self.target, self.id))
    }

    fn part(&mut self, body: &str) {
        let number = self.tags.len() + 1;
        let answer =
            self.server.signed(self.request("PUT", &format!("partNumber={number}&")).body(body));
        assert_eq!(answer.status, 200, "{}", answer.text());
        self.tags.push(answer.header("etag").unwrap().to_owned());
    }

    /// `more` is inserted in each part of the list.
    fn complete(&self, more: &str, headers: &[(&str, &str)]) -> Answer {
        let parts: Vec<String> = (1..)
            .zip(&self.tags)
            .map(|(n, tag)| {
                format!("<Part><PartNumber>{n}</PartNumber><ETag>{tag}</ETag>{more}</Part>")
            })
            .collect();
        let list = format!("<CompleteMultipartUpload>{}</CompleteMultipartUpload>", parts.concat());
        let request = self.request("POST", "").body(list);
        self.server.signed(headers.iter().fold(request, |request, (n, v)| request.header(n, *v)))
    }
}

/// The response to a completed upload may be lost: repeating the request is valid.
#[test]
fn a_complete_that_is_sent_again_has_the_same_answer() {
    let folder = tempfile::tempdir().unwrap();
    let server = start_on(config(folder.path()), ClockAt(0));
    let mut again = Vec::new();
    for target in ["/analyzedlogs-local/mp", "/serverlogs-local/web01/mp"] {
        // In the raw bucket the same bytes already exist.
        let put = Request::new("PUT", target).body("whole");
        assert_eq!(server.signed(put).status, 200);
        let mut upload = Upload::begin(&server, target, &[]);
        upload.part("whole");
        let first = upload.complete("", &[]);
        assert_eq!(first.status, 200, "{}", first.text());
        let second = upload.complete("", &[]);
        assert_eq!((second.status, second.text()), (200, first.text()));
        assert_eq!(second.header("x-amz-version-id"), first.header("x-amz-version-id"));
        // That does not start it again.
        let aborted = server.signed(upload.request("DELETE", ""));
        assert_eq!(aborted.code(), "NoSuchUpload");
        assert_eq!(server.signed(upload.request("GET", "")).code(), "NoSuchUpload");
        let late = upload.request("PUT", "partNumber=2&").body("late");
        assert_eq!(server.signed(late).code(), "NoSuchUpload");
        let bucket = target.rsplit_once("/mp").unwrap().0.replace("/web01", "");
        let listed = server.signed(Request::new("GET", format!("{bucket}?uploads"))).text();
        assert!(all(&listed, "Key").is_empty(), "{listed}");
        // It is also not an upload of another key.
        let other = Request::new("POST", format!("{bucket}/other?uploadId={}", upload.id));
        let list = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part>\
                    </CompleteMultipartUpload>";
        assert_eq!(server.signed(other.body(list)).code(), "NoSuchUpload");
        again.push((upload.id, upload.tags, target, first.text()));
    }
    // Even after a restart.
    drop(server);
    let restarted = start_on(config(folder.path()), ClockAt(0));
    for (id, tags, target, first) in again {
        let upload = Upload { server: &restarted, target: target.to_owned(), id, tags };
        assert_eq!(upload.complete("", &[]).text(), first);
    }
}

#[test]
fn parts_can_be_read_one_by_one() {
    let server = start();
    let target = format!("{BUCKET}/mp");
    let mut upload = Upload::begin(&server, &target, &[]);
    let first = "x".repeat(FIRST);
    upload.part(&first);
    upload.part("end");
    assert_eq!(upload.complete("", &[]).status, 200);
    let put = Request::new("PUT", format!("{BUCKET}/one")).body("hello");
    assert_eq!(server.signed(put).status, 200);

    let read = |method, key: &str, number: &str| {
        server.signed(Request::new(method, format!("{BUCKET}/{key}?partNumber={number}")))
    };
    let range = format!("bytes 0-{}/{}", FIRST - 1, FIRST + 3);
    for method in ["GET", "HEAD"] {
        let answer = read(method, "mp", "1");
        assert_eq!(answer.status, 206, "{}", answer.text());
        assert_eq!(answer.header("content-range"), Some(range.as_str()));
        assert_eq!(answer.header("x-amz-mp-parts-count"), Some("2"));
        let answer = read(method, "mp", "2");
        assert_eq!((answer.status, answer.header("content-length")), (206, Some("3")));
        if method == "GET" {
            assert_eq!(answer.text(), "end");
        }
        // An object that was put whole is its own first part.
        let answer = read(method, "one", "1");
        assert_eq!(answer.header("content-length"), Some("5"));
        assert_eq!(answer.header("x-amz-mp-parts-count"), None);
        for (key, number) in [("mp", "3"), ("one", "2")] {
            let answer = read(method, key, number);
            assert_eq!(answer.status, 400, "{key} {number}");
            if method == "GET" {
                assert_eq!(answer.code(), "InvalidPart");
            }
        }
        assert_eq!(read(method, "mp", "0").status, 400);
        assert_eq!(read(method, "mp", "10001").status, 400);
    }
    let both = Request::new("GET", format!("{target}?partNumber=1")).header("range", "bytes=0-1");
    assert_eq!(server.signed(both).status, 400);
}

#[test]
fn checksums_of_parts_and_of_the_whole_are_compared_at_the_end() {
    let server = start();
    // `printf hello | crc32` in base64, and its SHA-256.
    let good = "<ChecksumCRC32>NhCmhg==</ChecksumCRC32>";
    let bad = "<ChecksumCRC32>AAAAAA==</ChecksumCRC32>";
    let bad_sha = "<ChecksumSHA256>AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=</ChecksumSHA256>";
    let target = format!("{BUCKET}/mp");
    let mut upload = Upload::begin(&server, &target, &[]);
    upload.part("hello");
    for wrong in [bad, bad_sha] {
        let answer = upload.complete(wrong, &[]);
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert_eq!(server.signed(Request::new("HEAD", target.clone())).status, 404);
    }
    assert_eq!(upload.complete(good, &[]).status, 200);

    let target = format!("{BUCKET}/whole");
    let headers = [("x-amz-checksum-algorithm", "CRC32"), ("x-amz-checksum-type", "FULL_OBJECT")];
    let mut upload = Upload::begin(&server, &target, &headers);
    upload.part("hello");
    let full = ("x-amz-checksum-type", "FULL_OBJECT");
    let wrong = upload.complete("", &[("x-amz-checksum-crc32", "AAAAAA=="), full]);
    assert_eq!(wrong.code(), "BadDigest", "{}", wrong.text());
    assert_eq!(server.signed(Request::new("HEAD", target.clone())).status, 404);
    let right = upload.complete("", &[("x-amz-checksum-crc32", "NhCmhg=="), full]);
    assert_eq!(right.status, 200, "{}", right.text());
}

#[test]
fn a_damaged_upload_hides_no_other() {
    let server = start();
    let damaged = Upload::begin(&server, &format!("{BUCKET}/a"), &[]);
    Upload::begin(&server, &format!("{BUCKET}/b"), &[]);
    let manifest = server.folder.join("uploads").join(&damaged.id).join("upload.json");
    std::fs::write(&manifest, "rubbish").unwrap();
    let listed = server.signed(Request::new("GET", format!("{BUCKET}?uploads")));
    assert_eq!(listed.status, 200, "{}", listed.text());
    assert_eq!(all(&listed.text(), "Key"), ["b"]);
    server.counts("log2aws_store_errors_total{kind=\"damaged\"}", 1.0);
}
