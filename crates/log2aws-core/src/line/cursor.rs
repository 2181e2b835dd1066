//! The unread rest of a line, and what its words are made of.

use super::LineError;

/// The unread rest of the line. A comma between words of the head counts as a blank, since some
/// programs write it and some do not.
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    /// Consumes all leading bytes that `wanted` accepts, and returns them.
    pub(super) fn take(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|b| !wanted(*b)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    /// The next run of bytes that are not blank.
    pub(super) fn token(&mut self) -> &'a [u8] {
        self.take(is_blank);
        self.take(|b| !is_blank(b))
    }

    /// The next run of bytes that are neither blank nor comma.
    pub(super) fn word(&mut self) -> &'a [u8] {
        self.separators();
        self.take(|b| !is_blank(b) && b != b',')
    }

    /// The next run of blanks and commas.
    pub(super) fn separators(&mut self) -> &'a [u8] {
        self.take(|b| is_blank(b) || b == b',')
    }

    /// Consumes `text` if it is next.
    pub(super) fn skip(&mut self, text: &[u8]) -> bool {
        match self.0.strip_prefix(text) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }
}

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

pub(super) fn all_digits(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// The beginning of the text, for use in an error message.
pub(super) fn excerpt_of_bytes(text: &[u8]) -> String {
    crate::excerpt::excerpt(&String::from_utf8_lossy(&text[..text.len().min(128)]))
}

/// The value of a run of digits.
pub(super) fn number(digits: &[u8]) -> Result<u64, LineError> {
    digits
        .iter()
        .try_fold(0_u64, |n, d| n.checked_mul(10)?.checked_add(u64::from(d - b'0')))
        .ok_or_else(|| LineError::Range(excerpt_of_bytes(digits)))
}
