//! A strict parser for the responses of the server.

/// One response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body, without chunk framing.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header with this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }
}

/// All responses of a connection, without those of status 100.
///
/// # Panics
/// If the bytes are not a sequence of complete responses.
pub fn answers(mut bytes: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let (answer, rest) = answer(bytes);
        bytes = rest;
        if answer.status != 100 {
            answers.push(answer);
        }
    }
    answers
}

fn answer(bytes: &[u8]) -> (Answer, &[u8]) {
    let (head, mut rest) = split(bytes, b"\r\n\r\n");
    let head = str::from_utf8(head).unwrap_or_else(|_| panic!("a head that is no text"));
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap_or_default();
    let status = line.strip_prefix("HTTP/1.").and_then(|line| line.get(2..5)?.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status line: {line:?}"));
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("no header: {line:?}")))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut answer = Answer { status, headers, body: Vec::new() };
    // The response to a HEAD has the length of a body that is not sent.
    let bare = rest.is_empty() || rest.starts_with(b"HTTP/1.");
    if answer.header("transfer-encoding") == Some("chunked") && !bare {
        loop {
            let (size, chunk) = split(rest, b"\r\n");
            let size = str::from_utf8(size).ok().and_then(|s| usize::from_str_radix(s, 16).ok());
            let size = size.unwrap_or_else(|| panic!("no size of a chunk"));
            assert!(chunk.len() >= size + 2, "a chunk that is cut");
            answer.body.extend_from_slice(&chunk[..size]);
            assert_eq!(&chunk[size..size + 2], b"\r\n", "a chunk without its end");
            rest = &chunk[size + 2..];
            if size == 0 {
                break;
            }
        }
    } else if !bare && let Some(length) = answer.header("content-length") {
        let length: usize = length.parse().unwrap_or_else(|_| panic!("length {length:?}"));
        assert!(rest.len() >= length, "a body that is cut");
        let (body, next) = rest.split_at(length);
        answer.body = body.to_vec();
        rest = next;
    }
    (answer, rest)
}

fn split<'a>(bytes: &'a [u8], end: &[u8]) -> (&'a [u8], &'a [u8]) {
    let at = bytes.windows(end.len()).position(|window| window == end);
    let at = at.unwrap_or_else(|| panic!("no end of it: {}", bytes.escape_ascii()));
    (&bytes[..at], &bytes[at + end.len()..])
}
