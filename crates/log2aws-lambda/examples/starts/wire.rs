//! Minimal HTTP/1.1 for the two stand-ins: reads a request, writes a response, repeats.

use std::io::{BufRead, Error, ErrorKind, Result, Write};

/// A complete request.
pub(crate) struct Request {
    /// The path in the request line.
    pub(crate) path: String,
    /// The value of `X-Amz-Target`, if present.
    pub(crate) target: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// The next request of a connection; `None` at its end.
pub(crate) fn read(from: &mut impl BufRead) -> Result<Option<Request>> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut target, mut length) = (String::new(), Some(0));
    loop {
        line.clear();
        from.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok(),
            "transfer-encoding" => length = None,
            "x-amz-target" => value.trim().clone_into(&mut target),
            _ => {}
        }
    }
    let Some(length) = length else {
        return Err(Error::new(ErrorKind::Unsupported, "a body of no told length"));
    };
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok(Some(Request { path, target, body }))
}

/// Writes a response. `headers` are whole lines.
pub(crate) fn answer(to: &mut impl Write, status: &str, headers: &str, body: &[u8]) -> Result<()> {
    let mut whole = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len())
        .into_bytes();
    whole.extend_from_slice(body);
    to.write_all(&whole)?;
    to.flush()
}
