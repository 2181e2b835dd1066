//! The beginning of a line whose end has not arrived yet, in bounded memory; and zeros in lines.
//!
//! A power cut leaves zeros (NUL) where text was not yet on disk: before a line, and behind the first
//! part of one if the disk had that.

use memchr::memrchr;

use crate::reject::MAX_LINE;

/// U+FEFF in UTF-8, which some editors put at the start of a text. It stands inside a log where texts
/// were joined.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// An incomplete line.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Its beginning without zeros before it, at most [`MAX_LINE`] and a byte order mark.
    pub(super) text: Vec<u8>,
    /// Its length so far, in bytes.
    pub(super) len: u64,
    /// How many of these are zeros before the line.
    pub(super) zeros: u64,
    /// How many bytes without `zeros` there are before the last zeros inside it, if there are any.
    head: Option<u64>,
    /// What is behind these, at most one byte more than [`MAX_LINE`].
    behind: Vec<u8>,
    ends_in_zero: bool,
}

/// What is behind the last zeros inside a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Behind<'a> {
    /// How many bytes of the line are before these zeros.
    pub(super) head: u64,
    pub(super) text: &'a [u8],
}

impl Part {
    /// Takes the next bytes of the line.
    pub(super) fn push(&mut self, mut text: &[u8]) {
        self.len += text.len() as u64;
        if self.text.is_empty() {
            let zeros = leading_zeros(text);
            self.zeros += zeros as u64;
            text = &text[zeros..];
        }
        let Some(last) = text.last() else { return };
        if let Some(found) = Behind::of(text) {
            let before = self.len - self.zeros - text.len() as u64;
            // Zeros at the start of this block may continue those at the end of the one before.
            if found.head > 0 || !self.ends_in_zero {
                self.head = Some(before + found.head);
            }
            self.behind.clear();
            extend(&mut self.behind, found.text, MAX_LINE + 1);
        } else if self.head.is_some() {
            extend(&mut self.behind, text, MAX_LINE + 1);
        }
        self.ends_in_zero = *last == 0;
        extend(&mut self.text, text, MAX_LINE + BYTE_ORDER_MARK.len());
    }

    /// What is behind the last zeros inside the line, if there are any.
    pub(super) fn behind(&self) -> Option<Behind<'_>> {
        self.head.map(|head| Behind { head, text: &self.behind })
    }

    /// Begins the next line and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.behind.clear();
        (self.len, self.zeros) = (0, 0);
        (self.head, self.ends_in_zero) = (None, false);
    }
}

impl<'a> Behind<'a> {
    /// The same of a whole line.
    pub(super) fn of(line: &'a [u8]) -> Option<Self> {
        let last = memrchr(0, line)?;
        let head = line[..last].iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
        Some(Self { head: head as u64, text: &line[last + 1..] })
    }
}

/// Appends as much of `text` as makes no more than `most` bytes.
fn extend(bytes: &mut Vec<u8>, text: &[u8], most: usize) {
    let room = most.saturating_sub(bytes.len());
    bytes.extend_from_slice(&text[..text.len().min(room)]);
}

/// The number of zeros at the beginning.
pub(super) fn leading_zeros(text: &[u8]) -> usize {
    if text.first() != Some(&0) {
        return 0;
    }
    text.iter().position(|b| *b != 0).unwrap_or(text.len())
}
