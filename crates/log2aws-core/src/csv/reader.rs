//! Reads our CSV back, including files that were truncated, edited or written by other programs.

use std::fmt;

use super::cells::{self, CellError};
use super::{CSV_COLUMNS, CSV_HEADER};
use crate::excerpt::excerpt;
use crate::sample::{Sample, VMSTAT_COLUMNS};

/// The most faults that are kept; all are counted.
pub const MAX_FAULTS: usize = 20;

/// The longest row, in bytes; ours have at most 560.
pub const MAX_ROW: usize = 4_096;

/// The most columns of a header that are examined.
const MAX_COLUMNS: usize = 256;

/// U+FEFF in UTF-8, which some editors put at the start of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The positions of the loads and the columns of `vmstat` in our header.
const LOADS: usize = 3;
const VMSTAT: usize = 6;

/// What is wrong with a CSV, one sentence each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CsvFault {
    /// The first line is not our header.
    Header {
        /// Columns that are missing; their cells count as empty.
        missing: Vec<&'static str>,
        /// Columns that are unknown or occur twice; they are ignored.
        unknown: Vec<String>,
    },
    /// There is no header: the first line is a row of 23 cells, and is read as such.
    NoHeader,
    /// A fault in a row or in one of its cells.
    Row {
        /// The line, from 1 on.
        line: u64,
        /// What is wrong, and the consequence.
        reason: String,
    },
}

/// Counts of a CSV.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CsvTotals {
    /// Lines, including the header.
    pub lines: u64,
    /// Rows that were read.
    pub rows: u64,
    /// The first [`MAX_FAULTS`] faults.
    pub faults: Vec<CsvFault>,
    /// How many there are.
    pub faults_total: u64,
}

/// Reads a CSV that comes in blocks of any size, in constant memory.
#[derive(Debug, Default)]
pub struct CsvReader {
    /// The incomplete line; anything past [`MAX_ROW`] is dropped.
    line: Vec<u8>,
    /// The positions of our columns in the file; `None` before the header.
    columns: Option<Columns>,
    totals: CsvTotals,
}

/// The columns of a file.
#[derive(Debug)]
struct Columns {
    count: usize,
    /// The position of each of our columns.
    at: [Option<usize>; CSV_COLUMNS],
}

/// Whether a file that begins with `start` is one of our CSVs: it has a header with our first
/// column, or else a first row with as many cells as ours.
pub fn is_csv(start: &[u8]) -> bool {
    let start = start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(start);
    let line = start.split(|b| *b == b'\n').next().unwrap_or_default();
    if line.starts_with(b"#") {
        // A metadata line, whatever it contains.
        return false;
    }
    let cells: Vec<_> = line.split(|b| *b == b',').map(clean).collect();
    let row = cells.len() == CSV_COLUMNS && cells::time(&cells[0]).is_some();
    row || cells.iter().any(|cell| *cell == "datetime")
}

impl CsvReader {
    /// A reader for a new file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a whole file.
    pub fn read(csv: &[u8], mut row: impl FnMut(Sample)) -> CsvTotals {
        let mut reader = Self::new();
        reader.push(csv, &mut row);
        reader.finish(&mut row)
    }

    /// Takes the next block and passes on the rows that it completes.
    pub fn push(&mut self, bytes: &[u8], row: &mut impl FnMut(Sample)) {
        for part in bytes.split_inclusive(|b| *b == b'\n') {
            // One byte over the limit shows that the line was longer.
            let room = (MAX_ROW + 2).saturating_sub(self.line.len());
            let whole = part.ends_with(b"\n");
            let text = &part[..part.len() - usize::from(whole)];
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            if whole {
                self.end_line(row);
            }
        }
    }

    /// Ends the file: handles a last line without a line end.
    pub fn finish(mut self, row: &mut impl FnMut(Sample)) -> CsvTotals {
        if !self.line.is_empty() {
            self.end_line(row);
        }
        if self.columns.is_none() {
            self.fault(CsvFault::Header { missing: names().collect(), unknown: Vec::new() });
        }
        self.totals
    }

    fn end_line(&mut self, row: &mut impl FnMut(Sample)) {
        let mut line = std::mem::take(&mut self.line);
        self.totals.lines += 1;
        if let Some(sample) = self.line(&line) {
            self.totals.rows += 1;
            row(sample);
        }
        line.clear();
        self.line = line;
    }

    fn line(&mut self, line: &[u8]) -> Option<Sample> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > MAX_ROW {
            // A header of that length is not ours.
            self.columns.get_or_insert_with(Columns::ours);
            return self.skip(format!("longer than {MAX_ROW} bytes; the row is left out"));
        }
        let text = String::from_utf8_lossy(line);
        let Some(columns) = &self.columns else {
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
            return if self.header(text) { None } else { self.row(text) };
        };
        if text.trim().is_empty() {
            return None;
        }
        let count = text.split(',').count();
        if count != columns.count {
            let wanted = columns.count;
            return self.skip(format!("{count} cells instead of {wanted}; the row is left out"));
        }
        self.row(&text)
    }

    /// Reads the first line; returns whether it is a header.
    fn header(&mut self, line: &str) -> bool {
        let found: Vec<_> = line.split(',').map(|name| clean(name.as_bytes())).collect();
        let mut at = [None; CSV_COLUMNS];
        let mut unknown = Vec::new();
        for (index, name) in found.iter().enumerate().take(MAX_COLUMNS) {
            match names().position(|known| known == name) {
                Some(column) if at[column].is_none() => at[column] = Some(index),
                _ => unknown.push(excerpt(name)),
            }
        }
        if at == [None; CSV_COLUMNS]
            && found.len() == CSV_COLUMNS
            && cells::time(&found[0]).is_some()
        {
            self.columns = Some(Columns::ours());
            self.fault(CsvFault::NoHeader);
            return false;
        }
        let missing: Vec<_> =
            names().zip(&at).filter(|(_, at)| at.is_none()).map(|(name, _)| name).collect();
        self.columns = Some(Columns { count: found.len(), at });
        if !missing.is_empty() || !unknown.is_empty() {
            self.fault(CsvFault::Header { missing, unknown });
        }
        true
    }

    fn row(&mut self, line: &str) -> Option<Sample> {
        let columns = self.columns.as_ref()?;
        let mut cells = [""; CSV_COLUMNS];
        let found: Vec<&str> = line.split(',').map(trim).collect();
        for (cell, at) in cells.iter_mut().zip(columns.at) {
            *cell = at.and_then(|at| found.get(at).copied()).unwrap_or_default();
        }
        // Without that column no row can be read, which the header's fault already reports.
        columns.at[0]?;
        let Some(time) = cells::time(cells[0]) else {
            let reason = format!(
                "datetime {:?} is no time like \"2019-08-01 00:00:01\"; the row is left out",
                excerpt(cells[0])
            );
            return self.skip(reason);
        };
        let mut sample = Sample {
            time,
            uptime_seconds: self.cell(1, cells[1], cells::uptime),
            users: self.cell(2, cells[2], cells::number),
            load: [f64::NAN; 3],
            vmstat: [None; VMSTAT_COLUMNS],
            guest: None,
        };
        for (index, load) in sample.load.iter_mut().enumerate() {
            let column = LOADS + index;
            *load = self.cell(column, cells[column], cells::load).unwrap_or(f64::NAN);
        }
        for (index, value) in sample.vmstat.iter_mut().enumerate() {
            let column = VMSTAT + index;
            *value = self.cell(column, cells[column], cells::number);
        }
        Some(sample)
    }

    /// A cell's value; `None` if it is empty, or if it is invalid, which is a fault.
    fn cell<T>(
        &mut self,
        column: usize,
        cell: &str,
        read: fn(&str) -> Result<T, CellError>,
    ) -> Option<T> {
        if cell.is_empty() {
            return None;
        }
        match read(cell) {
            Ok(value) => Some(value),
            Err(reason) => {
                let name = names().nth(column).unwrap_or_default();
                self.skip(format!("{name} {:?} {reason}; the cell counts as empty", excerpt(cell)))
            }
        }
    }

    /// Records a fault of the current line.
    fn skip<T>(&mut self, reason: String) -> Option<T> {
        self.fault(CsvFault::Row { line: self.totals.lines, reason });
        None
    }

    fn fault(&mut self, fault: CsvFault) {
        self.totals.faults_total += 1;
        if self.totals.faults.len() < MAX_FAULTS {
            self.totals.faults.push(fault);
        }
    }
}

impl Columns {
    fn ours() -> Self {
        Self { count: CSV_COLUMNS, at: std::array::from_fn(Some) }
    }
}

impl fmt::Display for CsvFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHeader => f.write_str(
                "line 1: there is no header; the columns are taken for those of log2aws",
            ),
            Self::Header { missing, .. } if missing.len() == CSV_COLUMNS => {
                f.write_str("line 1: none of the columns of log2aws is here; no row can be read")
            }
            Self::Header { missing, unknown } => {
                f.write_str("line 1: ")?;
                if !missing.is_empty() {
                    write!(f, "the header lacks {}", missing.join(", "))?;
                    f.write_str(if missing.contains(&"datetime") {
                        "; no row can be read without its time"
                    } else {
                        "; these cells count as empty"
                    })?;
                }
                if !unknown.is_empty() {
                    let join = if missing.is_empty() { "" } else { "; " };
                    write!(f, "{join}not read: {}", unknown.join(", "))?;
                }
                Ok(())
            }
            Self::Row { line, reason } => write!(f, "line {line}: {reason}"),
        }
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    CSV_HEADER.split(',')
}

/// A column name without the blanks, quotes and line ends that a spreadsheet may add.
fn clean(name: &[u8]) -> std::borrow::Cow<'_, str> {
    match String::from_utf8_lossy(name) {
        std::borrow::Cow::Borrowed(text) => trim(text).into(),
        std::borrow::Cow::Owned(text) => trim(&text).to_owned().into(),
    }
}

/// A cell without surrounding blanks and quotes.
fn trim(cell: &str) -> &str {
    let cell = cell.trim();
    let bare = cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"'));
    bare.unwrap_or(cell).trim()
}
