//! A signed request with changed bytes: an object is stored only under the signed key and with the
//! sent bytes, and only the signed object is read. A wrong signature is refused.
#![cfg_attr(fuzzing, no_main)]

use log2aws_fuzz::fuzz_target;
use log2aws_fuzz::sign::{Request, Signed};
use log2aws_fuzz::world::{World, with_server};
use log2aws_server::{ANALYZED_BUCKET, RAW_BUCKET};

const DAY_LOG: &str = "web01/2019-08-01.log";
const RESULT: &str = "web01/2019-08-01.csv";
const CONTENT: &[u8] = b"what is read";

/// A request that gets a 200, with bucket and key if it stores its body.
fn request(world: &World, mode: u8, body: &[u8]) -> (Signed, Option<(&'static str, &'static str)>) {
    let (log, result) =
        (format!("/{RAW_BUCKET}/{DAY_LOG}"), format!("/{ANALYZED_BUCKET}/{RESULT}"));
    let put = |path: &str| Request::new("PUT", path).body(body);
    match mode % 6 {
        0 => (put(&log).presign(&world.signing, 300), Some((RAW_BUCKET, DAY_LOG))),
        1 => {
            let length = body.len().to_string();
            let bound = put(&log).header("x-amz-meta-note", "1").header("content-length", length);
            (bound.presign(&world.signing, 300), Some((RAW_BUCKET, DAY_LOG)))
        }
        2 => (put(&result).sign(&world.operator, None), Some((ANALYZED_BUCKET, RESULT))),
        3 => {
            let put = put(&result).header("content-type", "text/csv");
            (put.sign(&world.operator, Some("UNSIGNED-PAYLOAD")), Some((ANALYZED_BUCKET, RESULT)))
        }
        4 => (Request::new("GET", result).presign(&world.operator, 60), None),
        _ => (Request::new("GET", result).sign(&world.operator, None), None),
    }
}

/// Changes a head: replaces, inserts or removes bytes.
fn edit(head: &mut Vec<u8>, edits: &[(u16, u8, u8)]) {
    for &(at, how, byte) in edits {
        if head.is_empty() {
            return;
        }
        let at = usize::from(at) % head.len();
        match how % 3 {
            0 => head[at] = byte,
            1 => head.insert(at, byte),
            _ => drop(head.remove(at)),
        }
    }
}

/// Changes one digit of the signature.
fn forge(head: &[u8], signature: &str, at: u8, by: u8) -> Vec<u8> {
    let mut forged = signature.to_owned().into_bytes();
    let digit = &mut forged[usize::from(at) % 64];
    let value = (*digit as char).to_digit(16).unwrap_or_default();
    let other = (value + u32::from(by) % 15 + 1) % 16;
    *digit = char::from_digit(other, 16).unwrap_or_default() as u8;
    let text = String::from_utf8_lossy(head);
    text.replace(signature, &String::from_utf8_lossy(&forged)).into_bytes()
}

fuzz_target!(|input: (u8, u8, [(u16, u8, u8); 3], &[u8])| {
    let (mode, count, edits, body) = input;
    with_server(|world| {
        world.clear();
        world.put(ANALYZED_BUCKET, "web01/other.csv", b"what nobody signed for");
        world.put(ANALYZED_BUCKET, RESULT, CONTENT);
        let before = world.stored();
        let (signed, stores) = request(world, mode, body);
        let body = if stores.is_some() { body } else { b"" };

        let forged = forge(&signed.head, &signed.signature, count, edits[0].1);
        for answer in world.send(&[&forged, body].concat()) {
            assert!((400..500).contains(&answer.status), "{answer:?}");
        }
        assert_eq!(world.stored(), before, "a forged signature stored something");

        let mut head = signed.head.clone();
        let edits = &edits[..usize::from(count % 4)];
        edit(&mut head, edits);
        let answers = world.send(&[&head[..], body].concat());
        if head == signed.head {
            assert_eq!(answers.len(), 1);
            assert_eq!(answers[0].status, 200, "{}", String::from_utf8_lossy(&answers[0].body));
        }
        for answer in &answers {
            assert!(answer.status < 500 || answer.status == 501, "{answer:?}");
            if answer.status == 200 && stores.is_none() {
                // The response to a HEAD has no body.
                assert!(answer.body == CONTENT || answer.body.is_empty(), "{answer:?}");
            }
        }
        let signed_hash = mode % 6 == 2;
        for (bucket, key, content) in world.stored() {
            if before.contains(&(bucket, key.clone(), content.clone())) {
                continue;
            }
            assert_eq!(Some((bucket, &*key)), stores, "stored where nobody signed for");
            // The signature does not cover the length of an unhashed body.
            let whole = content == body;
            assert!(whole || !signed_hash && body.starts_with(&content), "other bytes are stored");
        }
    });
});
