//! Splits blocks of text into lines and classifies each line.

use jiff::civil::DateTime;
use memchr::memchr;

use super::{Sink, Totals};
use crate::line::{CanonicalReader, Line, LineError, Row};
use crate::metadata::Metadata;
use crate::reject::{MAX_LINE, MAX_RAW, Reason, Reject, Stopped};
use crate::sample::expected_uptime;

/// The most rejects of a log that a sink gets; further ones are only counted.
pub const MAX_REJECTS: u64 = 10_000;

/// U+FEFF in UTF-8, which some editors put at the start of a text. It stands inside a log where texts
/// were joined.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How many bytes of a row contain its first two cells, time and uptime.
const ROW_HEAD: usize = 48;

/// The state between blocks of text.
#[derive(Debug, Default)]
pub(super) struct Lines {
    totals: Totals,
    /// The beginning of an incomplete line without zeros before it, at most [`MAX_LINE`] and a byte
    /// order mark.
    part: Vec<u8>,
    /// The length of the incomplete line so far, in bytes.
    part_len: u64,
    /// How many of these are zeros before the line.
    part_zeros: u64,
    /// The byte offset of the next line.
    offset: u64,
    /// How many columns of `vmstat` the last row had.
    columns: usize,
    /// The beginning of the last row.
    before: Option<RowHead>,
    canonical: CanonicalReader,
    /// The CSV cells of a row that was not in the usual form.
    csv: Vec<u8>,
}

/// What is needed of a row when the next one does not say its uptime. It is read only then.
#[derive(Clone, Copy, Debug)]
struct RowHead {
    cells: [u8; ROW_HEAD],
    line: Line,
    assumed_uptime: u64,
}

impl RowHead {
    fn time_and_uptime(&self) -> (DateTime, u64) {
        Row::new(&self.cells, self.line, self.assumed_uptime).time_and_uptime()
    }
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
            self.line(&part, self.part_len, self.part_zeros, true, sink);
            self.part = part;
            self.part.clear();
            (self.part_len, self.part_zeros) = (0, 0);
        }
        while let Some(end) = memchr(b'\n', text) {
            let line = &text[..end];
            let zeros = leading_zeros(line);
            self.line(&line[zeros..], end as u64, zeros as u64, true, sink);
            text = &text[end + 1..];
        }
        self.keep(text);
    }

    /// Ends the text.
    pub(super) fn finish(mut self, sink: &mut impl Sink) -> Totals {
        if self.part_len > 0 {
            let part = std::mem::take(&mut self.part);
            self.line(&part, self.part_len, self.part_zeros, false, sink);
        }
        self.totals
    }

    /// Ends a log of `len` bytes that is no text, of which `start` is the beginning.
    pub(super) fn foreign(
        mut self,
        start: Vec<u8>,
        len: u64,
        reason: Reason,
        sink: &mut impl Sink,
    ) -> Totals {
        (self.part, self.part_len) = (start, len);
        self.break_off(reason, sink)
    }

    /// Ends the text early because of `reason`; an incomplete line becomes part of that reject.
    pub(super) fn break_off(mut self, reason: Reason, sink: &mut impl Sink) -> Totals {
        self.totals.lines += 1;
        let stopped = Stopped { line: self.totals.lines, reason: reason.to_string() };
        self.totals.stopped = Some(stopped);
        let part = std::mem::take(&mut self.part);
        self.pass_over(self.part_zeros);
        self.reject(&part, self.part_len - self.part_zeros, reason, sink);
        self.totals
    }

    /// Buffers the beginning of an incomplete line.
    fn keep(&mut self, mut text: &[u8]) {
        self.part_len += text.len() as u64;
        if self.part.is_empty() {
            let zeros = leading_zeros(text);
            self.part_zeros += zeros as u64;
            text = &text[zeros..];
        }
        let room = (MAX_LINE + BYTE_ORDER_MARK.len()).saturating_sub(self.part.len());
        self.part.extend_from_slice(&text[..text.len().min(room)]);
    }

    /// Handles a line, or the beginning of one that is too long. `len` is its whole length with the
    /// `zeros` before it, which are not in `line`.
    fn line(&mut self, line: &[u8], len: u64, zeros: u64, ended: bool, sink: &mut impl Sink) {
        let (mut line, mut len) = (line, len - zeros);
        self.totals.lines += 1;
        self.pass_over(zeros);
        if let Some(text) = line.strip_prefix(BYTE_ORDER_MARK) {
            self.offset += BYTE_ORDER_MARK.len() as u64;
            len -= BYTE_ORDER_MARK.len() as u64;
            line = text;
        }
        if len > MAX_LINE as u64 {
            self.reject(line, len, Reason::TooLong, sink);
        } else {
            while let Some(text) = line.strip_suffix(b"\r") {
                line = text;
            }
            self.whole_line(line, ended, sink);
        }
        self.offset += len + 1;
    }

    /// Counts zeros before a line.
    fn pass_over(&mut self, zeros: u64) {
        self.totals.nul_bytes += zeros;
        self.offset += zeros;
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
                self.totals.rounded += u64::from(read.rounded);
                self.columns = read.columns;
                let row = row(csv, read, &mut self.before);
                return sink.row(&row);
            }
            Ok((_, read)) => Reason::CutShort { found: read.columns, expected: self.columns },
            Err(LineError::Columns(found)) if !ended && found < self.columns => {
                Reason::CutShort { found, expected: self.columns }
            }
            Err(error) => error.into(),
        };
        match line.iter().find(|b| !matches!(b, b' ' | b'\t' | b'\r' | 0)) {
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

/// The number of zeros (NUL) at the beginning. A power cut leaves them where text was not yet on disk,
/// and the next line begins behind them.
fn leading_zeros(text: &[u8]) -> usize {
    if text.first() != Some(&0) {
        return 0;
    }
    text.iter().position(|b| *b != 0).unwrap_or(text.len())
}

/// The row of a line that was read; `before` is that of the line before, and becomes this one.
fn row<'a>(csv: &'a [u8], line: Line, before: &mut Option<RowHead>) -> Row<'a> {
    let mut assumed_uptime = 0;
    // After the time and its comma, an empty cell is an uptime that is not known.
    if csv.get(20) == Some(&b',') {
        let (time, _) = Row::new(csv, line, 0).time_and_uptime();
        assumed_uptime = expected_uptime(before.map(|row| row.time_and_uptime()), time);
    }
    let cells = csv.first_chunk().copied().unwrap_or_else(|| {
        let mut cells = [b','; ROW_HEAD];
        cells[..csv.len()].copy_from_slice(csv);
        cells
    });
    *before = Some(RowHead { cells, line, assumed_uptime });
    Row::new(csv, line, assumed_uptime)
}
