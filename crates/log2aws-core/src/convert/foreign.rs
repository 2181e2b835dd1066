//! Logs that are neither text nor gzip data: they are named once, by their first bytes.

use super::lines::Lines;
use super::{START, Sink, Totals};
use crate::reject::Reason;

/// Other compressions and archives by their first bytes: their name, and what unpacks them.
const PACKED: [(&[u8], &str, &str); 9] = [
    (b"\xfd7zXZ\0", "xz", "xz -d"),
    (b"BZh", "bzip2", "bzip2 -d"),
    (b"\x28\xb5\x2f\xfd", "zstd", "zstd -d"),
    (b"\x04\x22\x4d\x18", "lz4", "lz4 -d"),
    (b"LZIP", "lzip", "lzip -d"),
    (b"\x1f\x9d", "compress", "gzip -d"),
    (b"\x1f\xa0", "compress", "gzip -d"),
    (b"PK\x03\x04", "zip", "unzip"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip", "7z x"),
];

/// A log of another kind.
#[derive(Debug)]
pub(super) struct Foreign {
    reason: Reason,
    /// The beginning, by which it was recognised.
    start: Vec<u8>,
    /// The length so far, in bytes.
    len: u64,
}

impl Foreign {
    /// What the log is that begins with `start`, [`START`] bytes or all of it; `None` if it can be
    /// text.
    pub(super) fn seen_by(start: &[u8]) -> Option<Self> {
        let packed = PACKED.iter().find(|(magic, ..)| start.starts_with(magic));
        let reason = match packed {
            Some(&(_, name, tool)) => Reason::Packed { name, tool },
            None if is_utf16(start) => Reason::Utf16,
            None => return None,
        };
        Some(Self { reason, start: Vec::with_capacity(START), len: 0 })
    }

    /// Takes the next block.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = START.saturating_sub(self.start.len());
        self.start.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.len += bytes.len() as u64;
    }

    /// Ends the log.
    pub(super) fn finish(self, lines: Lines, sink: &mut impl Sink) -> Totals {
        lines.foreign(self.start, self.len, self.reason, sink)
    }
}

/// Whether it begins with a byte order mark of UTF-16, or with four ASCII characters in UTF-16.
fn is_utf16(start: &[u8]) -> bool {
    let is_text = |byte: u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    let pairs = start.as_chunks::<2>().0;
    start.starts_with(b"\xff\xfe")
        || start.starts_with(b"\xfe\xff")
        || pairs.len() >= 4
            && (pairs[..4].iter().all(|pair| is_text(pair[0]) && pair[1] == 0)
                || pairs[..4].iter().all(|pair| pair[0] == 0 && is_text(pair[1])))
}
