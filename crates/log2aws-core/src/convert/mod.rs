//! Converts a day log to CSV rows and rejects: one pass, in bounded memory, driven by the caller.
//!
//! The log arrives in blocks of any size, plain or gzip; the result does not depend on where the
//! blocks are split. Results go to a [`Sink`].

mod gunzip;
mod lines;

use std::num::NonZeroU32;

use crate::line::Row;
use crate::metadata::Metadata;
use crate::reject::{DEFAULT_MAX_GZIP_RATIO, Reject, Stopped};

use gunzip::Gunzip;
use lines::Lines;

pub use gunzip::MIN_BOMB;
pub use lines::MAX_REJECTS;

/// The first two bytes of gzip data (RFC 1952 §2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

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

/// Counts of a log. `lines` is the sum of `rows`, `rejects`, `comments` and `blanks`.
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
    /// Lines with nothing but blanks.
    pub blanks: u64,
    /// Bytes of (uncompressed) text.
    pub bytes: u64,
    /// Why reading stopped before the end of the log, and where.
    pub stopped: Option<Stopped>,
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
    /// No data yet.
    Start,
    /// One byte has arrived, which could be the first of gzip data.
    Undecided,
    Plain,
    Gzip(Box<Gunzip>),
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
        Self { input: Input::Start, lines: Lines::default(), max_gzip_ratio }
    }

    /// Takes the next block of the log. A block of gzip data can yield a thousand times its size: a
    /// sink with bounded memory must write as it goes or get small blocks.
    pub fn push(&mut self, bytes: &[u8], sink: &mut impl Sink) {
        if bytes.is_empty() {
            return;
        }
        match &mut self.input {
            Input::Plain => self.lines.push(bytes, sink),
            Input::Gzip(gunzip) => gunzip.push(bytes, &mut self.lines, sink),
            Input::Start if bytes == &GZIP_MAGIC[..1] => self.input = Input::Undecided,
            Input::Start => {
                self.decide(bytes.starts_with(&GZIP_MAGIC));
                self.push(bytes, sink);
            }
            Input::Undecided => {
                self.decide(bytes[0] == GZIP_MAGIC[1]);
                self.push(&GZIP_MAGIC[..1], sink);
                self.push(bytes, sink);
            }
        }
    }

    /// Ends the log: handles a last line without a line end, and returns the counts.
    pub fn finish(mut self, sink: &mut impl Sink) -> Totals {
        match self.input {
            Input::Start | Input::Plain => self.lines.finish(sink),
            Input::Undecided => {
                self.lines.push(&GZIP_MAGIC[..1], sink);
                self.lines.finish(sink)
            }
            Input::Gzip(gunzip) => gunzip.finish(self.lines, sink),
        }
    }

    fn decide(&mut self, gzip: bool) {
        self.input = if gzip {
            Input::Gzip(Box::new(Gunzip::new(self.max_gzip_ratio)))
        } else {
            Input::Plain
        };
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
