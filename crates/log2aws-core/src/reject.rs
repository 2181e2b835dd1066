//! Lines that could not be read. They are kept and counted, never dropped silently.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{SerializeStruct, Serializer};
use serde::{Deserialize, Serialize};

use crate::line::LineError;

/// The longest line that is parsed, in bytes without its LF; a longer one is a reject.
pub const MAX_LINE: usize = 64 * 1024;

/// An expansion ratio above that of any real log. Measured with gzip -9: 3 for a busy machine's
/// log, 11 for a quiet one's, 53 for a day of one sample a second in which only the clock changes.
pub const DEFAULT_MAX_GZIP_RATIO: NonZeroU32 = NonZeroU32::new(100).unwrap();

/// How much of a rejected line is kept, in bytes.
pub const MAX_RAW: usize = 1024;

/// A line that is not a sample line, or the place from which the log is unreadable.
///
/// Serialises as one object: `line`, `offset`, `length`, `reason`, and `raw`, or `raw_base64` if
/// the line is not UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The number of the line, counted from 1.
    pub line: u64,
    /// The byte offset of the line in the (uncompressed) text.
    pub offset: u64,
    /// The length of the line in bytes, without its line end.
    pub length: u64,
    /// The reason.
    pub reason: Reason,
    /// The first [`MAX_RAW`] bytes of the line; of a log that is no text, the bytes that show it.
    pub raw: Vec<u8>,
}

/// Why a line or a log could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The line is not a sample line.
    #[error(transparent)]
    Line(#[from] LineError),
    /// The line is longer than any real one.
    #[error("the line is longer than {MAX_LINE} bytes")]
    TooLong,
    /// The last line has no line end and fewer columns than the row before.
    #[error("the last line is cut short: {found} of {expected} vmstat columns and no line end")]
    CutShort {
        /// The number of columns found.
        found: usize,
        /// The number of columns in the row before.
        expected: usize,
    },
    /// The line ends in zeros, behind which another one was read.
    #[error(
        "the line was torn, as by a power cut: zeros follow, and behind them a line that was read"
    )]
    Torn,
    /// The log is compressed, but not with gzip.
    #[error("this is {name}, not text; unpack it with \"{tool}\" (only gzip is read as it is)")]
    Packed {
        /// What it is.
        name: &'static str,
        /// The command that unpacks it.
        tool: &'static str,
    },
    /// The log is UTF-16.
    #[error("this is UTF-16 text; a log must be UTF-8 (in PowerShell: Out-File -Encoding utf8)")]
    Utf16,
    /// The gzip data end before their trailer.
    #[error("the gzip data are cut short; the text ends here")]
    GzipCutShort,
    /// The gzip data are corrupt, or followed by something else.
    #[error("the gzip data are damaged ({0}); the text ends here")]
    GzipDamaged(String),
    /// The gzip data expand more than any real log.
    #[error(
        "the gzip data expand more than {max_ratio} times; reading stopped here, as no real log does that"
    )]
    GzipBomb {
        /// How many times they may expand.
        max_ratio: NonZeroU32,
    },
}

/// The place from which a log was not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// The number of the line, counted from 1.
    pub line: u64,
    /// The reason.
    pub reason: String,
}

impl Reject {
    /// A reject of `line`, of which at most [`MAX_RAW`] bytes are kept.
    pub(crate) fn new(number: u64, offset: u64, length: u64, line: &[u8], reason: Reason) -> Self {
        let mut raw = &line[..line.len().min(MAX_RAW)];
        // A character that our own cut has split does not make the line binary.
        if (raw.len() as u64) < length
            && let Err(error) = std::str::from_utf8(raw)
            && error.error_len().is_none()
        {
            raw = &raw[..error.valid_up_to()];
        }
        Self { line: number, offset, length, reason, raw: raw.to_vec() }
    }
}

impl Serialize for Reject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Reject", 5)?;
        object.serialize_field("line", &self.line)?;
        object.serialize_field("offset", &self.offset)?;
        object.serialize_field("length", &self.length)?;
        object.serialize_field("reason", &self.reason.to_string())?;
        match std::str::from_utf8(&self.raw) {
            Ok(text) => object.serialize_field("raw", text)?,
            Err(_) => object.serialize_field("raw_base64", &STANDARD.encode(&self.raw))?,
        }
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_json_object_each() {
        let reject = Reject::new(7, 900, 3, b"a\"b", Reason::TooLong);
        assert_eq!(
            serde_json::to_string(&reject).unwrap(),
            r#"{"line":7,"offset":900,"length":3,"reason":"the line is longer than 65536 bytes","raw":"a\"b"}"#
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_base64() {
        let reject = Reject::new(1, 0, 2, b"\xff\x00", Reason::GzipCutShort);
        let json = serde_json::to_value(&reject).unwrap();
        assert_eq!(json["raw_base64"], "/wA=");
        assert!(json.get("raw").is_none());
        let line = [b"a\xff".as_slice(), &[b'x'; 2000]].concat();
        let reject = Reject::new(1, 0, 2002, &line, Reason::TooLong);
        assert_eq!(reject.raw, line[..MAX_RAW], "what is no text anyway is kept to the last byte");
    }

    #[test]
    fn our_own_cut_splits_no_character() {
        let line = "あ".repeat(400);
        let reject = Reject::new(1, 0, 1200, line.as_bytes(), Reason::TooLong);
        assert_eq!(reject.raw.len(), 1023);
        assert!(serde_json::to_value(&reject).unwrap().get("raw").is_some());
    }
}
