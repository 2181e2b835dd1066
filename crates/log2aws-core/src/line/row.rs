//! A sample line that was read: its CSV cells, and its numbers on demand.

use jiff::civil::{Date, DateTime};

use super::Line;
use crate::sample::{Sample, VMSTAT_COLUMNS, is_guest_time};

/// A sample line that was read.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    csv: &'a [u8],
    line: Line,
}

impl<'a> Row<'a> {
    pub(crate) fn new(csv: &'a [u8], line: Line) -> Self {
        Self { csv, line }
    }

    /// The 23 cells of the CSV, without a line end.
    pub fn csv(&self) -> &'a [u8] {
        self.csv
    }

    /// Whether `vmstat` shortened a number of the line (`2.3m`), so that its cell is not exact.
    pub fn is_rounded(&self) -> bool {
        self.line.rounded
    }

    /// The local time of the line, to the second.
    pub fn time(&self) -> DateTime {
        let end = self.csv.iter().position(|b| *b == b',').unwrap_or(self.csv.len());
        time(self.line.date, &self.csv[..end])
    }

    /// The numbers of the line.
    pub fn sample(&self) -> Sample {
        let mut cells = self.csv.split(|b| *b == b',');
        let mut cell = || cells.next().unwrap_or_default();
        let time = time(self.line.date, cell());
        let uptime_seconds = uptime_seconds(cell());
        let users = number(cell());
        let load = std::array::from_fn(|_| load(cell()));
        let vmstat = std::array::from_fn::<_, VMSTAT_COLUMNS, _>(|_| number(cell()));
        let guest = self.line.extra.filter(|extra| is_guest_time(&vmstat, *extra));
        Sample { time, uptime_seconds, users, load, vmstat, guest }
    }
}

// Below, cells written by `Line::read` are parsed: their shapes and ranges are known.

fn digits(text: &[u8]) -> u64 {
    text.iter().fold(0, |n, d| n * 10 + u64::from(d - b'0'))
}

fn number(cell: &[u8]) -> Option<u64> {
    (!cell.is_empty()).then(|| digits(cell))
}

fn time(date: Date, cell: &[u8]) -> DateTime {
    let part = |at: usize| i8::try_from(digits(&cell[at..at + 2])).unwrap_or_default();
    date.at(part(11), part(14), part(17), 0)
}

/// `45days 20:04`, `1day 3min`, `20:04`, `5min` or `24secs`, in seconds; `None` for an empty cell.
fn uptime_seconds(cell: &[u8]) -> Option<u64> {
    if cell.is_empty() {
        return None;
    }
    let seconds = cell
        .split(|b| *b == b' ')
        .map(|part| {
            let end = part.iter().position(|b| !b.is_ascii_digit()).unwrap_or(part.len());
            let (value, unit) = (digits(&part[..end]), &part[end..]);
            match unit.first() {
                Some(b'd') => value * 86_400,
                Some(b':') => value * 3600 + digits(&unit[1..]) * 60,
                Some(b'm') => value * 60,
                _ => value,
            }
        })
        .sum();
    Some(seconds)
}

/// The float nearest to the decimal number: a quotient of two exact floats is.
#[expect(clippy::cast_precision_loss, reason = "a load has at most 15 digits")]
fn load(cell: &[u8]) -> f64 {
    let mark = cell.iter().position(|b| *b == b'.').unwrap_or(cell.len());
    let (units, decimals) = (&cell[..mark], cell.get(mark + 1..).unwrap_or_default());
    let scale = 10_u64.pow(u32::try_from(decimals.len()).unwrap_or_default());
    (digits(units) * scale + digits(decimals)) as f64 / scale as f64
}
