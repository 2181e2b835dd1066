//! Splits blocks of text into lines and classifies each line.

use memchr::memchr;

use super::part::{BYTE_ORDER_MARK, Behind, Part, leading_zeros};
use super::{Sink, Totals};
use crate::line::{CanonicalReader, Line, LineError, Row};
use crate::metadata::Metadata;
use crate::reject::{MAX_LINE, MAX_RAW, Reason, Reject, Stopped};

/// The most rejects of a log that a sink gets; further ones are only counted.
pub const MAX_REJECTS: u64 = 10_000;

/// The state between blocks of text.
#[derive(Debug, Default)]
pub(super) struct Lines {
    totals: Totals,
    /// The incomplete line.
    part: Part,
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
        if self.part.len > 0 {
            let Some(end) = memchr(b'\n', text) else { return self.part.push(text) };
            self.part.push(&text[..end]);
            text = &text[end + 1..];
            self.end_part(true, sink);
        }
        while let Some(end) = memchr(b'\n', text) {
            let line = &text[..end];
            if !self.usual_line(line, sink) {
                let zeros = leading_zeros(line);
                let line = &line[zeros..];
                self.line(line, line.len() as u64, zeros as u64, true, || Behind::of(line), sink);
            }
            text = &text[end + 1..];
        }
        self.part.push(text);
    }

    /// Handles a line in the usual form, as nearly all of them are; returns false for others.
    fn usual_line(&mut self, line: &[u8], sink: &mut impl Sink) -> bool {
        let text = line.strip_suffix(b"\r").unwrap_or(line);
        let Some((csv, read)) = self.canonical.read(text) else { return false };
        self.totals.lines += 1;
        self.totals.rows += 1;
        self.offset += line.len() as u64 + 1;
        self.columns = read.columns;
        sink.row(&Row::new(csv, read));
        true
    }

    /// Ends the text.
    pub(super) fn finish(mut self, sink: &mut impl Sink) -> Totals {
        if self.part.len > 0 {
            self.end_part(false, sink);
        }
        self.totals
    }

    /// Handles the line that arrived in parts.
    fn end_part(&mut self, ended: bool, sink: &mut impl Sink) {
        let part = std::mem::take(&mut self.part);
        self.line(&part.text, part.len - part.zeros, part.zeros, ended, || part.behind(), sink);
        self.part = part;
        self.part.clear();
    }

    /// Ends a log of `len` bytes that is no text, of which `start` is the beginning.
    pub(super) fn foreign(
        mut self,
        start: Vec<u8>,
        len: u64,
        reason: Reason,
        sink: &mut impl Sink,
    ) -> Totals {
        (self.part.text, self.part.len) = (start, len);
        self.break_off(reason, sink)
    }

    /// Ends the text early because of `reason`; an incomplete line becomes part of that reject.
    pub(super) fn break_off(mut self, reason: Reason, sink: &mut impl Sink) -> Totals {
        self.totals.lines += 1;
        let stopped = Stopped { line: self.totals.lines, reason: reason.to_string() };
        self.totals.stopped = Some(stopped);
        let part = std::mem::take(&mut self.part);
        self.pass_over(part.zeros);
        self.reject(&part.text, part.len - part.zeros, reason, sink);
        self.totals
    }

    /// Handles a line, or the beginning of one that is too long. `len` is its whole length without
    /// the `zeros` before it, and `behind` what stands behind the last zeros inside it.
    ///
    /// Apart from the loop over usual lines, which is a few percent slower with this in it.
    #[cold]
    #[inline(never)]
    fn line<'a>(
        &mut self,
        mut line: &[u8],
        mut len: u64,
        zeros: u64,
        ended: bool,
        behind: impl FnOnce() -> Option<Behind<'a>>,
        sink: &mut impl Sink,
    ) {
        self.totals.lines += 1;
        self.pass_over(zeros);
        let mut mark = 0;
        if let Some(text) = line.strip_prefix(BYTE_ORDER_MARK) {
            mark = BYTE_ORDER_MARK.len() as u64;
            self.offset += mark;
            len -= mark;
            line = text;
        }
        let read = if len > MAX_LINE as u64 {
            Err(Reason::TooLong)
        } else {
            line = without_returns(line);
            self.read(line, ended)
        };
        match read {
            Ok(read) => self.row(read, sink),
            Err(reason) => {
                let behind =
                    behind().map(|found| Behind { head: found.head.saturating_sub(mark), ..found });
                let torn = behind.is_some_and(|behind| self.torn(line, len, behind, ended, sink));
                if !torn {
                    self.unread(line, len, reason, sink);
                }
            }
        }
        self.offset += len + 1;
    }

    /// Counts zeros before a line.
    fn pass_over(&mut self, zeros: u64) {
        self.totals.nul_bytes += zeros;
        self.offset += zeros;
    }

    /// Reads a line without its line end to `csv`.
    fn read(&mut self, line: &[u8], ended: bool) -> Result<Line, Reason> {
        self.csv.clear();
        let read = Line::read(line, &mut self.csv).map_err(|error| match error {
            LineError::Columns(found) if !ended && found < self.columns => {
                Reason::CutShort { found, expected: self.columns }
            }
            error => error.into(),
        })?;
        if !ended && read.columns < self.columns {
            return Err(Reason::CutShort { found: read.columns, expected: self.columns });
        }
        Ok(read)
    }

    /// Passes on the row in `csv`.
    fn row(&mut self, read: Line, sink: &mut impl Sink) {
        self.totals.rows += 1;
        self.totals.rounded += u64::from(read.rounded);
        self.columns = read.columns;
        sink.row(&Row::new(&self.csv, read));
    }

    /// Reads what is behind zeros inside a line, as a row; what is before them is a line that a power
    /// cut tore. Returns false if that is no row either.
    fn torn(
        &mut self,
        line: &[u8],
        len: u64,
        behind: Behind<'_>,
        ended: bool,
        sink: &mut impl Sink,
    ) -> bool {
        let Behind { head, text } = behind;
        if text.len() > MAX_LINE {
            return false;
        }
        let Ok(read) = self.read(without_returns(text), ended) else { return false };
        self.totals.nul_bytes += len - head - text.len() as u64;
        let before = &line[..line.len().min(usize::try_from(head).unwrap_or(usize::MAX))];
        if !is_blank(before) {
            self.totals.torn += 1;
            self.reject(before, head, Reason::Torn, sink);
        }
        self.row(read, sink);
        true
    }

    /// Handles a line that is no row.
    fn unread(&mut self, line: &[u8], len: u64, reason: Reason, sink: &mut impl Sink) {
        match line.iter().find(|b| !is_blank(&[**b])) {
            _ if reason == Reason::TooLong => self.reject(line, len, reason, sink),
            None => self.totals.blanks += 1,
            Some(b'#') => {
                self.totals.comments += 1;
                if let Some(metadata) = Metadata::parse(line) {
                    sink.metadata(&metadata);
                }
            }
            Some(_) => self.reject(line, line.len() as u64, reason, sink),
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

/// A line without the CRs at its end.
fn without_returns(mut line: &[u8]) -> &[u8] {
    while let Some(text) = line.strip_suffix(b"\r") {
        line = text;
    }
    line
}

/// Whether there is nothing but blanks and zeros.
fn is_blank(text: &[u8]) -> bool {
    text.iter().all(|b| matches!(b, b' ' | b'\t' | b'\r' | 0))
}
