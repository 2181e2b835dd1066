//! Any bytes on a connection: complete responses, not more than there were heads, and no 5xx. The
//! responses do not depend on how the bytes are split, and nothing is stored.
#![cfg_attr(fuzzing, no_main)]

use std::net::Ipv4Addr;

use log2aws_fuzz::fuzz_target;
use log2aws_fuzz::http::Answer;
use log2aws_fuzz::world::with_server;

/// The maximum number of heads in the bytes: each ends with an empty line.
fn heads(bytes: &[u8]) -> usize {
    let ends = |end: &[u8]| bytes.windows(end.len()).filter(|window| *window == end).count();
    ends(b"\n\r\n") + ends(b"\n\n")
}

/// The parts of a response that do not depend on the number of login attempts.
fn kinds(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status / 100).collect()
}

fuzz_target!(|input: (u8, &[u8])| {
    let (at_once, bytes) = input;
    with_server(|world| {
        let whole = world.send(bytes);
        // There may be one more, which refuses an invalid head.
        assert!(whole.len() <= heads(bytes) + 1, "{} answers", whole.len());
        for answer in &whole {
            assert!(answer.status < 500 || answer.status == 501, "{answer:?}");
        }
        let pieces = world.send_from(Ipv4Addr::LOCALHOST.into(), bytes, usize::from(at_once) + 1);
        // If the body has not arrived when its request is answered, the connection is closed.
        let (whole, pieces) = (kinds(&whole), kinds(&pieces));
        let same = whole.len().min(pieces.len());
        assert_eq!(whole[..same], pieces[..same]);
        assert_eq!(world.stored(), []);
    });
});
