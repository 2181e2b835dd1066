//! Several requests on one connection with different framing: each gets one response, for its own
//! body, and no body is taken for a request. After invalid framing there are no more responses.
#![cfg_attr(fuzzing, no_main)]

use log2aws_fuzz::fuzz_target;
use log2aws_fuzz::http::Answer;
use log2aws_fuzz::sign::HOST;
use log2aws_fuzz::world::{World, with_server};

/// A request that must never be answered: it is in a body, or follows invalid framing.
const HIDDEN: &str = "GET /-/healthz HTTP/1.1\r\nhost: x\r\n\r\n";

fn post(framing: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST / HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: application/json\r\n{framing}\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn by_length(body: &[u8]) -> Vec<u8> {
    post(&format!("content-length: {}\r\n", body.len()), body)
}

fn chunks(body: &[u8], size: usize, extension: &str) -> Vec<u8> {
    let mut chunks = Vec::new();
    for chunk in body.chunks(size) {
        chunks.extend(format!("{:x}{extension}\r\n", chunk.len()).into_bytes());
        chunks.extend_from_slice(chunk);
        chunks.extend_from_slice(b"\r\n");
    }
    chunks
}

fn chunked(body: &[u8], size: usize, extension: &str, trailer: &str) -> Vec<u8> {
    let mut chunks = chunks(body, size, extension);
    chunks.extend(format!("0\r\n{trailer}\r\n").into_bytes());
    post("transfer-encoding: chunked\r\n", &chunks)
}

/// A request with invalid or conflicting framing.
fn wrong(fault: u8, body: &[u8]) -> Option<Vec<u8>> {
    let (length, chunked) = (body.len(), "transfer-encoding: chunked\r\n");
    let framing = match fault % 20 {
        0 => format!("content-length: {length}\r\ncontent-length: {}\r\n", length + 1),
        1 => format!("content-length: +{length}\r\n"),
        2 => format!("content-length: {length}, {}\r\n", length + 1),
        3 => "content-length: 18446744073709551617\r\n".to_owned(),
        4 => "content-length: -1\r\n".to_owned(),
        5 => format!("content-length: 0x{length:x}\r\n"),
        6 => format!("content-length : {length}\r\n"),
        7 => format!("x: y\r\n content-length: {length}\r\ncontent-length: z\r\n"),
        8 => "transfer-encoding: chunked, identity\r\n".to_owned(),
        9 => "transfer-encoding: xchunked\r\n".to_owned(),
        10 => "transfer-encoding: identity\r\n".to_owned(),
        // The chunked framing wins, and the connection is closed after it (RFC 9112, 6.3).
        11 => {
            let body = [chunks(body, 16, ""), b"0\r\n\r\n".to_vec()].concat();
            return Some(post(&format!("content-length: 3\r\n{chunked}"), &body));
        }
        12 => {
            let body = [chunks(body, 16, ""), b"0\r\n\r\n".to_vec()].concat();
            return Some(post(&format!("{chunked}content-length: {}\r\n", body.len()), &body));
        }
        13 => return Some(post(chunked, b"zz\r\nabc\r\n0\r\n\r\n")),
        14 => return Some(post(chunked, b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n")),
        15 => return Some(post(chunked, b"3\r\nabcd\r\n0\r\n\r\n")),
        16 => return Some(post(chunked, b"-1\r\n\r\n0\r\n\r\n")),
        17 => return Some(post(chunked, b"0x3\r\nabc\r\n0\r\n\r\n")),
        18 => return Some(post(chunked, b"\r\n0\r\n\r\n")),
        _ => return None,
    };
    Some(post(&framing, body))
}

fn assert_same(alone: &Answer, answer: &Answer) {
    assert_eq!((alone.status, &alone.body), (answer.status, &answer.body));
}

/// The response to the same body alone, with a content-length.
fn alone(world: &World, body: &[u8]) -> Answer {
    let mut answers = world.send(&by_length(body));
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (fault, at_once, mut plan) = input;
    with_server(|world| {
        let (mut bytes, mut bodies) = (Vec::new(), Vec::new());
        while let [framing, length, rest @ ..] = plan
            && bodies.len() < 6
        {
            let (body, rest) = rest.split_at(rest.len().min(usize::from(*length)));
            plan = rest;
            let mut body = body.to_vec();
            if framing & 0x80 != 0 {
                body.extend_from_slice(HIDDEN.as_bytes());
            }
            let size = usize::from(framing % 7) + 1;
            bytes.extend(match framing >> 4 & 3 {
                0 => by_length(&body),
                1 => chunked(&body, size, "", ""),
                2 => chunked(&body, size, ";a=\"b\"", ""),
                _ => chunked(&body, size, "", "x-more: 1\r\n"),
            });
            bodies.push(body);
        }
        let mut whole = bodies.len();
        if let Some(last) = wrong(fault, HIDDEN.as_bytes()) {
            bytes.extend(last);
            bytes.extend_from_slice(HIDDEN.as_bytes());
            whole += 1;
        }
        let local = [127, 0, 0, 1].into();
        let answers = world.send_from(local, &bytes, usize::from(at_once) + 1);
        assert!(answers.len() <= whole, "{} answers to {whole} requests", answers.len());
        assert!(answers.len() >= bodies.len(), "{} answers to {whole}", answers.len());
        for (answer, body) in answers.iter().zip(&bodies) {
            assert_same(&alone(world, body), answer);
        }
        for answer in &answers[bodies.len()..] {
            assert!((400..500).contains(&answer.status), "{answer:?}");
        }
        assert_eq!(world.stored(), []);
    });
});
