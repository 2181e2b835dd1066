//! XML bodies: a generated list of keys deletes exactly these objects; any text deletes only
//! objects that it names. A list of parts creates an object of these parts, in order, or none.
#![cfg_attr(fuzzing, no_main)]

use log2aws_fuzz::fuzz_target;
use log2aws_fuzz::http::Answer;
use log2aws_fuzz::sign::Request;
use log2aws_fuzz::world::{World, with_server};
use log2aws_server::ANALYZED_BUCKET;

/// Some of these are deleted.
const KEYS: [&str; 6] = ["a", "b/c", "d&e", "f<g>\"h'", "i j", "\u{65e5}"];

/// A name that no text contains by chance.
const KEPT: &str = "kept-7f3a9c";

const PART: &[u8] = b"the only part";

fn send(world: &World, request: Request) -> Answer {
    let body = request.body.clone();
    let mut answers = world.send(&request.sign(&world.operator, None).with(&body));
    assert_eq!(answers.len(), 1, "{answers:?}");
    let answer = answers.remove(0);
    assert!(answer.status < 500 || answer.status == 501, "{answer:?}");
    answer
}

fn post(world: &World, path: &str, query: (&str, &str), xml: &[u8]) -> Answer {
    let path = format!("/{ANALYZED_BUCKET}{path}");
    send(world, Request::new("POST", path).query(query.0, query.1).body(xml))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The text of the first element with this name.
fn element(xml: &[u8], name: &str) -> Option<String> {
    let xml = String::from_utf8_lossy(xml);
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0.replace("&quot;", "\""))
}

fn deletes(world: &World, printed: bool, bytes: &[u8]) {
    for key in KEYS.into_iter().chain([KEPT]) {
        world.put(ANALYZED_BUCKET, key, b"x");
    }
    let chosen: Vec<&str> =
        bytes.iter().take(8).map(|byte| KEYS[usize::from(*byte) % KEYS.len()]).collect();
    let list: String =
        chosen.iter().map(|key| format!("<Object><Key>{}</Key></Object>", escaped(key))).collect();
    let list = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Delete>{list}</Delete>");
    let xml = if printed { list.as_bytes() } else { bytes };
    let answer = post(world, "", ("delete", ""), xml);
    let left: Vec<String> = world.stored().into_iter().map(|(_, key, _)| key).collect();
    assert!(left.iter().any(|key| key == KEPT), "what nobody named is gone");
    if printed && !chosen.is_empty() {
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        for key in KEYS {
            let is_left = left.iter().any(|known| known == key);
            assert_eq!(is_left, !chosen.contains(&key), "{key}");
        }
    } else if answer.status != 200 {
        assert_eq!(left.len(), KEYS.len() + 1, "a refused list removed something");
    }
}

fn completes(world: &World, printed: bool, bytes: &[u8]) {
    let begun = post(world, "/whole", ("uploads", ""), b"");
    let id = element(&begun.body, "UploadId").unwrap_or_else(|| panic!("{begun:?}"));
    let part = Request::new("PUT", format!("/{ANALYZED_BUCKET}/whole"))
        .query("partNumber", "7")
        .query("uploadId", &id)
        .body(PART);
    let part = send(world, part);
    let tag = part.header("etag").unwrap_or_else(|| panic!("{part:?}")).to_owned();
    let wrong = "\"d41d8cd98f00b204e9800998ecf8427e\"";
    // The input decides for each part: the right one, or one with a wrong number or tag.
    let parts: Vec<(u32, &str)> = bytes
        .iter()
        .take(4)
        .map(|byte| match byte % 8 {
            0 => (7, wrong),
            1 => (6, &*tag),
            2 => (0, &*tag),
            3 => (70_000, &*tag),
            _ => (7, &*tag),
        })
        .collect();
    let list: String = parts
        .iter()
        .map(|(number, tag)| {
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>")
        })
        .collect();
    let list = format!("<CompleteMultipartUpload>{list}</CompleteMultipartUpload>");
    let xml = if printed { list.as_bytes() } else { bytes };
    let answer = post(world, "/whole", ("uploadId", &id), xml);
    let stored = world.stored();
    let is_done =
        answer.status == 200 && element(&answer.body, "ETag").is_some_and(|tag| !tag.is_empty());
    assert_eq!(is_done, !stored.is_empty(), "{answer:?}");
    if let Some(object) = stored.first() {
        assert_eq!(*object, (ANALYZED_BUCKET, "whole".to_owned(), PART.to_vec()));
        assert!(printed || xml.windows(1).any(|window| window == b"7"), "no part was named");
    }
    if printed {
        assert_eq!(is_done, parts == [(7, &*tag)], "{parts:?}: {answer:?}");
    }
    if !is_done {
        let path = format!("/{ANALYZED_BUCKET}/whole");
        send(world, Request::new("DELETE", path).query("uploadId", &id));
    }
}

fuzz_target!(|input: (u8, &[u8])| {
    let (mode, bytes) = input;
    with_server(|world| {
        world.clear();
        match mode % 4 {
            0 => deletes(world, true, bytes),
            1 => deletes(world, false, bytes),
            2 => completes(world, true, bytes),
            _ => completes(world, false, bytes),
        }
    });
});
