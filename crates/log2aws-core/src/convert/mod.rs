//! Converts a day log to CSV rows and rejects: one pass, in bounded memory, driven by the caller.
//!
//! The log arrives in blocks of any size, plain or gzip; the result does not depend on where the
//! blocks are split. Results go to a [`Sink`].

mod foreign;
mod gunzip;
mod lines;
mod part;

use std::num::NonZeroU32;

use crate::line::Row;
use crate::metadata::Metadata;
use crate::reject::{DEFAULT_MAX_GZIP_RATIO, Reject, Stopped};

use foreign::Foreign;
use gunzip::Gunzip;
use lines::Lines;

pub use gunzip::MIN_BOMB;
pub use lines::MAX_REJECTS;

/// The first two bytes of gzip data (RFC 1952 §2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// How many bytes of a log decide what it is; all of them if it is shorter.
const START: usize = 16;

/// Receives the parts of a log in line order.
pub trait Sink {
    /// Takes a line that could be read.
    fn row(&mut self, row: &Row<'_>);

    /// Takes a line that could not be read. Called at most [`MAX_REJECTS`] times; [`Totals`] counts
    /// all of them.
    fn reject(&mut self, reject: Reject);

    /// Takes a metadata line, which applies to the rows after it. Ignored by default.
    fn metadata(&mut self, metadata: &Metadata) {
        let _ = metadata;
    }
}

/// Counts of a log. `lines` and `torn` together are the sum of `rows`, `rejects`, `comments` and
/// `blanks`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// All lines. The place where gzip data break off counts as one.
    pub lines: u64,
    /// Lines that became CSV rows.
    pub rows: u64,
    /// Lines that could not be read.
    pub rejects: u64,
    /// The rejects that the sink was given.
    pub rejects_kept: u64,
    /// Lines that begin with `#`: metadata and comments.
    pub comments: u64,
    /// Lines with nothing but blanks, or nothing but zeros (NUL).
    pub blanks: u64,
    /// Lines that are a reject and a row: a power cut tore one and left zeros behind it, and the next
    /// one follows these.
    pub torn: u64,
    /// Zeros (NUL) before lines, as a power cut leaves them. They are passed over.
    pub nul_bytes: u64,
    /// Rows with a number that `vmstat` of BusyBox shortened, such as `2.3m`, so that its cell is not
    /// exact.
    pub rounded: u64,
    /// Zeros behind gzip data, as a tape leaves them. They are passed over.
    pub padding: u64,
    /// Bytes of (uncompressed) text.
    pub bytes: u64,
    /// Why reading stopped before the end of the log, and where.
    pub stopped: Option<Stopped>,
}

impl Totals {
    /// What was read although it was not whole or not exact, one sentence each.
    pub fn remarks(&self) -> Vec<String> {
        let counted = |count: u64, one: &str, many: &str| {
            (count > 0).then(|| format!("{count} {}", if count == 1 { one } else { many }))
        };
        let remarks = [
            counted(
                self.rounded,
                "row has rounded numbers, which vmstat of BusyBox writes with k, m or g",
                "rows have rounded numbers, which vmstat of BusyBox writes with k, m or g",
            ),
            counted(
                self.nul_bytes,
                "zero byte before a line was passed over; a power cut leaves such",
                "zero bytes before lines were passed over; a power cut leaves such",
            ),
            counted(
                self.padding,
                "zero byte behind the gzip data was ignored",
                "zero bytes behind the gzip data were ignored",
            ),
        ];
        remarks.into_iter().flatten().collect()
    }
}

/// Converts one log in constant memory.
#[derive(Debug)]
pub struct Converter {
    input: Input,
    lines: Lines,
    max_gzip_ratio: NonZeroU32,
}

#[derive(Debug)]
enum Input {
    /// The beginning of the log, shorter than [`START`].
    Start(Vec<u8>),
    Plain,
    Gzip(Box<Gunzip>),
    Foreign(Foreign),
}

impl Default for Converter {
    fn default() -> Self {
        Self::new()
    }
}

impl Converter {
    /// A converter for a new log.
    pub fn new() -> Self {
        Self::with_max_gzip_ratio(DEFAULT_MAX_GZIP_RATIO)
    }

    /// The same with another limit: gzip data that expand more than so many times are left alone,
    /// from [`MIN_BOMB`] bytes of text on.
    pub fn with_max_gzip_ratio(max_gzip_ratio: NonZeroU32) -> Self {
        Self { input: Input::Start(Vec::new()), lines: Lines::default(), max_gzip_ratio }
    }

    /// Takes the next block of the log. A block of gzip data can yield a thousand times its size: a
    /// sink with bounded memory must write as it goes or get small blocks.
    pub fn push(&mut self, mut bytes: &[u8], sink: &mut impl Sink) {
        if let Input::Start(start) = &mut self.input {
            let (taken, rest) = bytes.split_at(bytes.len().min(START - start.len()));
            start.extend_from_slice(taken);
            if start.len() < START {
                return;
            }
            self.begin(sink);
            bytes = rest;
        }
        self.take(bytes, sink);
    }

    /// Ends the log: handles a last line without a line end, and returns the counts.
    pub fn finish(mut self, sink: &mut impl Sink) -> Totals {
        self.begin(sink);
        match self.input {
            Input::Start(_) | Input::Plain => self.lines.finish(sink),
            Input::Gzip(gunzip) => gunzip.finish(self.lines, sink),
            Input::Foreign(foreign) => foreign.finish(self.lines, sink),
        }
    }

    /// Decides by its beginning what the log is.
    fn begin(&mut self, sink: &mut impl Sink) {
        let Input::Start(start) = &mut self.input else { return };
        let start = std::mem::take(start);
        self.input = if start.starts_with(&GZIP_MAGIC) {
            Input::Gzip(Box::new(Gunzip::new(self.max_gzip_ratio)))
        } else if let Some(foreign) = Foreign::seen_by(&start) {
            Input::Foreign(foreign)
        } else {
            Input::Plain
        };
        self.take(&start, sink);
    }

    fn take(&mut self, bytes: &[u8], sink: &mut impl Sink) {
        match &mut self.input {
            Input::Start(_) | Input::Plain => self.lines.push(bytes, sink),
            Input::Gzip(gunzip) => gunzip.push(bytes, &mut self.lines, sink),
            Input::Foreign(foreign) => foreign.push(bytes),
        }
    }
}

/// Converts text that is not compressed, such as the end of a log, in one block. A program that only
/// calls this does not contain the decompressor.
pub fn convert_text(text: &[u8], sink: &mut impl Sink) -> Totals {
    let mut lines = Lines::default();
    lines.push(text, sink);
    lines.finish(sink)
}

#[cfg(test)]
mod tests;
