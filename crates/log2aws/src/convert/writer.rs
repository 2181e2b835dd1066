//! Writes rows and rejects in bounded memory.

use std::io::{self, Write};

use log2aws_core::convert::Sink;
use log2aws_core::coverage::writers::WriterCheck;
use log2aws_core::csv::CSV_HEADER;
use log2aws_core::line::Row;
use log2aws_core::metadata::Metadata;
use log2aws_core::reject::Reject;
use serde::Serialize;

/// The size of a write, in bytes.
const FULL: usize = 64 * 1024;

/// Buffers bytes and writes them in large pieces. Keeps an error until it is checked, since a
/// [`Sink`] cannot return one.
struct Gathered<'a> {
    buffer: Vec<u8>,
    out: &'a mut dyn Write,
    error: Option<io::Error>,
}

impl<'a> Gathered<'a> {
    fn new(out: &'a mut dyn Write) -> Self {
        // A row or reject may exceed `FULL` before the buffer is written.
        Self { buffer: Vec::with_capacity(FULL + 8 * 1024), out, error: None }
    }

    fn end_line(&mut self) {
        self.buffer.push(b'\n');
        if self.buffer.len() >= FULL {
            self.write();
        }
    }

    fn write(&mut self) {
        if self.error.is_none() {
            self.error = self.out.write_all(&self.buffer).err();
        }
        self.buffer.clear();
    }

    fn check(&mut self) -> io::Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.write();
        self.check()?;
        self.out.flush()
    }
}

/// Writes the CSV, header first.
pub(super) struct RowWriter<'a>(Gathered<'a>);

impl<'a> RowWriter<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        let mut csv = Gathered::new(out);
        csv.buffer.extend_from_slice(CSV_HEADER.as_bytes());
        csv.end_line();
        Self(csv)
    }

    /// The error so far, if any.
    pub(super) fn check(&mut self) -> io::Result<()> {
        self.0.check()
    }

    /// Writes the rest.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.0.finish()
    }
}

/// Writes rejects, if there is a file for them, and remembers the first of each input.
pub(super) struct RejectWriter<'a> {
    json: Option<Gathered<'a>>,
    /// The input's name, if there are several.
    input: Option<String>,
    first: Option<(u64, String)>,
}

/// A reject as written to the file.
#[derive(Serialize)]
struct NamedReject<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a str>,
    #[serde(flatten)]
    reject: &'a Reject,
}

impl<'a> RejectWriter<'a> {
    pub(super) fn new(out: Option<&'a mut dyn Write>) -> Self {
        Self { json: out.map(Gathered::new), input: None, first: None }
    }

    /// Starts the next input, whose name is written if given.
    pub(super) fn begin(&mut self, input: Option<String>) {
        self.input = input;
        self.first = None;
    }

    /// The number of the first rejected line of this input, and why.
    pub(super) fn first(&self) -> Option<&(u64, String)> {
        self.first.as_ref()
    }

    /// Whether there is a file for them.
    pub(super) fn are_written(&self) -> bool {
        self.json.is_some()
    }

    /// The error so far, if any.
    pub(super) fn check(&mut self) -> io::Result<()> {
        self.json.as_mut().map_or(Ok(()), Gathered::check)
    }

    /// Writes the rest.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.json.as_mut().map_or(Ok(()), Gathered::finish)
    }
}

/// The two as one sink, which also looks for second writers.
pub(super) struct Both<'a, 'b> {
    pub(super) writers: WriterCheck,
    pub(super) rows: &'a mut RowWriter<'b>,
    pub(super) rejects: &'a mut RejectWriter<'b>,
}

impl Sink for Both<'_, '_> {
    fn row(&mut self, row: &Row<'_>) {
        self.rows.0.buffer.extend_from_slice(row.csv());
        self.rows.0.end_line();
        self.writers.row(row.time());
    }

    fn metadata(&mut self, metadata: &Metadata) {
        if let Some(interval) = metadata.interval {
            self.writers.interval(interval.get());
        }
    }

    fn reject(&mut self, reject: Reject) {
        let RejectWriter { json, input, first } = &mut *self.rejects;
        if let Some(json) = json {
            let named = NamedReject { input: input.as_deref(), reject: &reject };
            match serde_json::to_writer(&mut json.buffer, &named) {
                Ok(()) => json.end_line(),
                Err(error) => json.error = Some(error.into()),
            }
        }
        first.get_or_insert_with(|| (reject.line, reject.reason.to_string()));
    }
}
