//! As much of HTTP/1.1 as a proxy needs: where a message ends.

use std::io::{self, BufRead, ErrorKind, Read};

/// The start of a message, up to and including the blank line.
#[derive(Clone, Debug)]
pub(crate) struct Head(pub(crate) Vec<u8>);

impl Head {
    /// Reads one; `None` if the other side ends before its first byte.
    pub(crate) fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        loop {
            let before = bytes.len();
            if reader.read_until(b'\n', &mut bytes)? == 0 {
                return if bytes.is_empty() {
                    Ok(None)
                } else {
                    Err(ErrorKind::UnexpectedEof.into())
                };
            }
            if bytes[before..] == *b"\r\n" {
                return Ok(Some(Self(bytes)));
            }
        }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap()
    }

    /// The first word: a request's method.
    pub(crate) fn method(&self) -> &str {
        self.text().split(' ').next().unwrap()
    }

    /// The status of a response.
    pub(crate) fn status(&self) -> u16 {
        self.text().split(' ').nth(1).unwrap().trim().parse().unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.text().lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The length of the body. An unknown length would be a bug of the agent: S3 does not accept
    /// it.
    pub(crate) fn body_length(&self) -> io::Result<usize> {
        if self.header("transfer-encoding").is_some() {
            return Err(io::Error::new(ErrorKind::InvalidData, "a body without its length"));
        }
        match self.header("content-length") {
            Some(length) => length.parse().map_err(io::Error::other),
            None if self.method() == "PUT" => {
                Err(io::Error::new(ErrorKind::InvalidData, "a PUT without a length"))
            }
            None => Ok(0),
        }
    }
}

/// Reads exactly so many bytes.
pub(crate) fn read_bytes(reader: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The first thousandths of the bytes.
pub(crate) fn part(bytes: &[u8], per_mille: u16) -> &[u8] {
    &bytes[..bytes.len() * usize::from(per_mille) / 1000]
}

/// Flips one bit of the byte at that position, in thousandths.
pub(crate) fn garble(bytes: &mut [u8], per_mille: u16) {
    if !bytes.is_empty() {
        let at = bytes.len() * usize::from(per_mille) / 1000;
        bytes[at] ^= 1 << (per_mille % 7);
    }
}
