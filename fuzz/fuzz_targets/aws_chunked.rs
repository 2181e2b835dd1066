//! An aws-chunked body with changed bytes: what is stored is exactly what a simple reference parser
//! reads. An unchanged body is stored; a changed one with signed chunks is not.
#![cfg_attr(fuzzing, no_main)]

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use log2aws_fuzz::fuzz_target;
use log2aws_fuzz::sign::{Request, sign_chunk};
use log2aws_fuzz::world::with_server;
use log2aws_server::ANALYZED_BUCKET;
use sha2::{Digest as _, Sha256};

const SIGNED: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
const TRAILER: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

/// Unsigned chunks, followed by the hash of the body.
fn with_trailer(body: &[u8], size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in body.chunks(size) {
        out.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    let hash = BASE64_STANDARD.encode(Sha256::digest(body));
    out.extend(format!("0\r\nx-amz-checksum-sha256:{hash}\r\n\r\n").into_bytes());
    out
}

/// The size of a chunk, and the rest after its line. Only eight digits count; s3s ignores what
/// follows them. That does no harm: length and hash of the whole body are compared.
fn line(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let end = bytes.windows(2).position(|window| window == b"\r\n")?;
    let (line, rest) = (&bytes[..end], &bytes[end + 2..]);
    let digits = line.iter().take(8).take_while(|byte| byte.is_ascii_hexdigit()).count();
    Some((usize::from_str_radix(str::from_utf8(&line[..digits]).ok()?, 16).ok()?, rest))
}

/// The reference parser.
fn read(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let (size, rest) = line(bytes)?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        bytes = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

fuzz_target!(|input: (u8, u8, u8, [(u16, u8, u8); 3], &[u8])| {
    let (mode, size, count, edits, body) = input;
    with_server(|world| {
        world.clear();
        let is_signed = mode % 2 == 0;
        let size = usize::from(size) + 1;
        // Signatures have a fixed length, so the total length is known in advance.
        let frame = |chunk: &[u8]| format!("{:x};chunk-signature=", chunk.len()).len() + 68;
        let length = if is_signed {
            body.chunks(size).map(|chunk| frame(chunk) + chunk.len()).sum::<usize>() + frame(b"")
        } else {
            with_trailer(body, size).len()
        };
        let edits = &edits[..usize::from(count % 4)];
        let grows: i64 = edits.iter().map(|(_, how, _)| [0, 1, -1][usize::from(how % 3)]).sum();
        let length = i64::try_from(length).unwrap_or(i64::MAX) + grows;
        let mut put = Request::new("PUT", format!("/{ANALYZED_BUCKET}/chunked"))
            .header("content-encoding", "aws-chunked")
            .header("content-length", length.to_string())
            .header("x-amz-decoded-content-length", body.len().to_string());
        if !is_signed {
            put = put.header("x-amz-trailer", "x-amz-checksum-sha256");
        }
        let signed = put.sign(&world.operator, Some(if is_signed { SIGNED } else { TRAILER }));
        let whole = if is_signed {
            let (mut out, mut before) = (Vec::new(), signed.signature.clone());
            for chunk in body.chunks(size).chain([&b""[..]]) {
                before = sign_chunk(&signed, &before, chunk);
                out.extend(format!("{:x};chunk-signature={before}\r\n", chunk.len()).into_bytes());
                out.extend_from_slice(chunk);
                out.extend_from_slice(b"\r\n");
            }
            out
        } else {
            with_trailer(body, size)
        };
        let mut sent = whole.clone();
        for &(at, how, byte) in edits {
            let at = usize::from(at) % sent.len();
            match how % 3 {
                0 => sent[at] = byte,
                1 => sent.insert(at, byte),
                _ => drop(sent.remove(at)),
            }
        }
        let answers = world.send(&signed.with(&sent));
        let stored = world.stored();
        if sent == whole {
            assert_eq!(answers.len(), 1);
            assert_eq!(answers[0].status, 200, "{}", String::from_utf8_lossy(&answers[0].body));
            assert_eq!(stored, [(ANALYZED_BUCKET, "chunked".to_owned(), body.to_vec())]);
        }
        for answer in &answers {
            assert!(answer.status < 500 || answer.status == 501, "{answer:?}");
        }
        if let Some((_, key, content)) = stored.first() {
            assert_eq!((stored.len(), &**key), (1, "chunked"));
            assert_eq!(Some(content), read(&sent).as_ref(), "stored is not what was sent");
            // The change did not affect the body: signatures and hash cover all of its bytes.
            assert_eq!(content, body);
        }
        assert_eq!(world.staged_files(), 0);
    });
});
