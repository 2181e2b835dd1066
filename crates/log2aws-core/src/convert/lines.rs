//! Splits blocks of text into lines and classifies each line.

use memchr::memchr;

use super::{Sink, Totals};
use crate::line::{CanonicalReader, Line, LineError, Row};
use crate::metadata::Metadata;
use crate::reject::{MAX_LINE, MAX_RAW, Reason, Reject, Stopped};

/// The most rejects of a log that a sink gets; further ones are only counted.
pub const MAX_REJECTS: u64 = 10_000;

/// U+FEFF in UTF-8, which some editors put at the start of a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The state between blocks of text.
#[derive(Debug, Default)]
pub(super) struct Lines {
    totals: Totals,
    /// The beginning of an incomplete line, at most [`MAX_LINE`] and a byte order mark.
    part: Vec<u8>,
    /// The length of the incomplete line so far, in bytes.
    part_len: u64,
    /// The byte offset of the next line.
    offset: u64,
    /// How many columns of `vmstat` the last row had.
    columns: usize,
    canonical: CanonicalReader,
    /// The CSV cells of a row that was not in the usual form.
    csv: Vec<u8>,
}

impl Lines {
    /// Takes the next block of text.
    pub(super) fn push(&mut self, mut text: &[u8], sink: &mut impl Sink) {
        self.totals.bytes += text.len() as u64;
        if self.part_len > 0 {
            let Some(end) = memchr(b'\n', text) else { return self.keep(text) };
            self.keep(&text[..end]);
            text = &text[end + 1..];
            let part = std::mem::take(&mut self.part);
            self.line(&part, self.part_len, true, sink);
            self.part = part;
            self.part.clear();
            self.part_len = 0;
        }
        while let Some(end) = memchr(b'\n', text) {
            self.line(&text[..end], end as u64, true, sink);
            text = &text[end + 1..];
        }
        self.keep(text);
    }

    /// Ends the text.
    pub(super) fn finish(mut self, sink: &mut impl Sink) -> Totals {
        if self.part_len > 0 {
            let part = std::mem::take(&mut self.part);
            self.line(&part, self.part_len, false, sink);
        }
        self.totals
    }

    /// Ends the text early because of `reason`; an incomplete line becomes part of that reject.
    pub(super) fn break_off(mut self, reason: Reason, sink: &mut impl Sink) -> Totals {
        self.totals.lines += 1;
        let stopped = Stopped { line: self.totals.lines, reason: reason.to_string() };
        self.totals.stopped = Some(stopped);
        let part = std::mem::take(&mut self.part);
        self.reject(&part, self.part_len, reason, sink);
        self.totals
    }

    /// Buffers the beginning of an incomplete line.
    fn keep(&mut self, text: &[u8]) {
        let room = (MAX_LINE + BYTE_ORDER_MARK.len()).saturating_sub(self.part.len());
        self.part.extend_from_slice(&text[..text.len().min(room)]);
        self.part_len += text.len() as u64;
    }

    /// Handles a line, or the beginning of one that is too long. `len` is its whole length.
    fn line(&mut self, line: &[u8], len: u64, ended: bool, sink: &mut impl Sink) {
        let (mut line, mut len) = (line, len);
        self.totals.lines += 1;
        if self.totals.lines == 1
            && let Some(text) = line.strip_prefix(BYTE_ORDER_MARK)
        {
            self.offset = BYTE_ORDER_MARK.len() as u64;
            len -= self.offset;
            line = text;
        }
        if len > MAX_LINE as u64 {
            self.reject(line, len, Reason::TooLong, sink);
        } else {
            if let Some(text) = line.strip_suffix(b"\r") {
                line = text;
            }
            self.whole_line(line, ended, sink);
        }
        self.offset += len + 1;
    }

    /// Handles a line within the length limit, without its line end.
    fn whole_line(&mut self, line: &[u8], ended: bool, sink: &mut impl Sink) {
        self.csv.clear();
        let read = match self.canonical.read(line) {
            Some((csv, read)) => Ok((csv, read)),
            None => Line::read(line, &mut self.csv).map(|read| (self.csv.as_slice(), read)),
        };
        let error = match read {
            Ok((csv, read)) if ended || read.columns >= self.columns => {
                self.totals.rows += 1;
                self.columns = read.columns;
                return sink.row(&Row::new(csv, read));
            }
            Ok((_, read)) => Reason::CutShort { found: read.columns, expected: self.columns },
            Err(LineError::Columns(found)) if !ended && found < self.columns => {
                Reason::CutShort { found, expected: self.columns }
            }
            Err(error) => error.into(),
        };
        match line.iter().find(|b| !matches!(b, b' ' | b'\t' | b'\r')) {
            None => self.totals.blanks += 1,
            Some(b'#') => {
                self.totals.comments += 1;
                if let Some(metadata) = Metadata::parse(line) {
                    sink.metadata(&metadata);
                }
            }
            Some(_) => self.reject(line, line.len() as u64, error, sink),
        }
    }

    fn reject(&mut self, line: &[u8], len: u64, reason: Reason, sink: &mut impl Sink) {
        self.totals.rejects += 1;
        if self.totals.rejects_kept < MAX_REJECTS {
            self.totals.rejects_kept += 1;
            let raw = &line[..line.len().min(MAX_RAW)];
            sink.reject(Reject::new(self.totals.lines, self.offset, len, raw, reason));
        }
    }
}
