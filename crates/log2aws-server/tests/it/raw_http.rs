//! Heads and frames as no client sends them: one answer each, and what follows is no request.

use std::io::{BufReader, Read, Write};

use crate::client::{Answer, connect, read_answer};
use crate::harness::{Running, start};

/// Stands where a body ends for who reads it wrongly; it must never be answered.
const HIDDEN: &str = "GET /-/healthz HTTP/1.1\r\nhost: x\r\n\r\n";

/// Sends `bytes`; the answer, and how many bytes came behind it before the server closed.
fn only_answer(server: &Running, bytes: &[u8]) -> (Answer, usize) {
    let mut stream = connect(server.address);
    // The server may have refused it already.
    let _ = stream.write_all(bytes);
    let mut stream = BufReader::new(stream);
    let answer = read_answer(&mut stream, "POST");
    let mut rest = Vec::new();
    // A reset is an end, too.
    let _ = stream.read_to_end(&mut rest);
    (answer, rest.len())
}

fn post(framing: &str, body: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{framing}\r\n{body}{HIDDEN}"
    )
}

#[test]
fn a_body_whose_end_is_in_doubt_is_refused_with_one_answer_and_the_connection_ends() {
    let server = start();
    let chunked = "transfer-encoding: chunked\r\n";
    let cases = [
        post("content-length: 5\r\ncontent-length: 6\r\n", "{\"a\":"),
        post("content-length: 5, 6\r\n", "{\"a\":"),
        post("content-length: +5\r\n", "{\"a\":"),
        post("content-length: -1\r\n", ""),
        post("content-length: 0x5\r\n", "{\"a\":"),
        post("content-length: 18446744073709551617\r\n", "x"),
        post("content-length : 5\r\n", "{\"a\":"),
        post("transfer-encoding: xchunked\r\n", ""),
        post("transfer-encoding: chunked, identity\r\n", "0\r\n\r\n"),
        post("transfer-encoding: identity\r\ncontent-length: 5\r\n", "{\"a\":"),
        post(chunked, "zz\r\nabc\r\n0\r\n\r\n"),
        post(chunked, "-1\r\n\r\n0\r\n\r\n"),
        post(chunked, "0x3\r\nabc\r\n0\r\n\r\n"),
        post(chunked, "fffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
        post(chunked, "3\r\nabcd\r\n0\r\n\r\n"),
        // Both: the chunks count and nothing behind them (RFC 9112, 6.3). This one is no JSON.
        post(&format!("content-length: 3\r\n{chunked}"), "3\r\nabc\r\n0\r\n\r\n"),
        post(&format!("{chunked}content-length: 99\r\n"), "3\r\nabc\r\n0\r\n\r\n"),
    ];
    for case in cases {
        let (answer, more) = only_answer(&server, case.as_bytes());
        assert_eq!((answer.status, more), (400, 0), "{case}: {}", answer.text());
    }
    server.assert_empty();
}

#[test]
fn a_head_that_is_too_long_is_431_and_a_query_414() {
    let server = start();
    let get = |target: &str, headers: &str| {
        format!("GET {target} HTTP/1.1\r\nhost: x\r\n{headers}\r\n{HIDDEN}")
    };
    let long = |length: usize| "a".repeat(length);
    for case in [
        get("/", &"x-a: b\r\n".repeat(101)),
        get("/", &format!("x-a: {}\r\n", long(70_000))),
        get(&format!("/{}", long(70_000)), ""),
        get(&format!("/?{}", long(70_000)), ""),
    ] {
        let (answer, more) = only_answer(&server, case.as_bytes());
        assert_eq!((answer.status, more), (431, 0), "{}: {}", &case[..20], answer.text());
    }
    // A query that fits into a head but is longer than any that asks for a URL.
    let get = format!("GET /?{} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", long(9_000));
    assert_eq!(only_answer(&server, get.as_bytes()).0.status, 414);
}
