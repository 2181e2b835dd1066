//! The sample line: one line of a day log.
//!
//! `2019-08-01 00:00:01 up 45 days, 20:04, 1 user, load average: 25.06, 22.63, 21.70` and then 16
//! to 18 columns of `vmstat`. `Line::read` reads every form that real machines write, and
//! [`compose`] writes one.

mod clock;
mod compose;
mod cursor;
mod error;
mod fast_path;
mod general;
mod row;
mod vmstat;

use jiff::civil::{Date, DateTime};

pub use compose::{ComposeError, compose};
pub use error::LineError;
pub(crate) use fast_path::CanonicalReader;
pub use row::Row;

/// The length of a date, a blank and a time to the second.
const LEADING_TIME: usize = 19;

/// The result of reading a line, in addition to the CSV cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The day of the line.
    pub(crate) date: Date,
    /// How many columns of `vmstat` there are: 16, 17 or 18, and two more with `vmstat -t`.
    pub(crate) columns: usize,
    /// The 18th number, which is guest time if [`crate::sample::is_guest_time`] says so.
    pub(crate) extra: Option<u64>,
    /// Whether `vmstat` shortened a number of the line, so that its cell is not exact.
    pub(crate) rounded: bool,
}

impl Line {
    /// Reads one line (without its line end) and appends its CSV cells to `csv`.
    ///
    /// # Errors
    /// The first thing that is wrong; `csv` is then unchanged.
    pub(crate) fn read(line: &[u8], csv: &mut Vec<u8>) -> Result<Self, LineError> {
        let before = csv.len();
        general::read(line, csv).map_err(|error| {
            csv.truncate(before);
            if is_utf16(line) {
                return LineError::Utf16;
            }
            match std::str::from_utf8(line) {
                Ok(_) => error,
                Err(at) => LineError::NotUtf8(at.valid_up_to() + 1),
            }
        })
    }
}

/// The date and the time at the beginning of a line, whatever follows them.
pub fn leading_time(line: &[u8]) -> Option<DateTime> {
    let text = std::str::from_utf8(line.get(..LEADING_TIME)?).ok()?;
    // jiff reads a blank in the place of the `T`.
    text.parse().ok()
}

/// Whether the text alternates between a character and a zero byte, as UTF-16 does. Its line ends
/// make no difference: the second byte of one is a zero before the next line, or behind this one.
fn is_utf16(line: &[u8]) -> bool {
    let pairs = line.as_chunks::<2>().0;
    pairs.len() > 2 && pairs[..3].iter().all(|pair| pair[0].is_ascii_graphic() && pair[1] == 0)
}

#[cfg(test)]
mod tests;
