//! The columns of `vmstat`, which end a sample line.

use super::LineError;
use super::clock::{read_date, read_time};
use super::cursor::{Cursor, all_digits, excerpt_of_bytes, number};
use crate::csv::VMSTAT_NAMES;
use crate::sample::VMSTAT_COLUMNS;

/// The columns that `vmstat` of BusyBox shortens to `657k`, `2.3m` or `4.1g`: si so bi bo in cs.
const SHORTENED: std::ops::Range<usize> = 6..12;

/// What was read besides the cells.
pub(super) struct Read {
    /// How many there are, with the date and the time of `vmstat -t`.
    pub(super) columns: usize,
    /// The 18th number.
    pub(super) extra: Option<u64>,
    /// Whether a number was shortened, and is therefore not exact.
    pub(super) rounded: bool,
}

/// Reads 16, 17 or 18 numbers and the date and time of `vmstat -t`, if any, up to the end of the
/// line.
pub(super) fn read(rest: &mut Cursor<'_>, csv: &mut Vec<u8>) -> Result<Read, LineError> {
    let mut ahead = Cursor(rest.0);
    let (mut columns, mut first, mut last) = (0, &b""[..], [&b""[..]; 2]);
    loop {
        let token = ahead.token();
        if token.is_empty() {
            break;
        }
        if columns == 0 {
            first = token;
        }
        last = [last[1], token];
        columns += 1;
    }
    if matches!(first, b"r" | b"procs" | b"--procs--") {
        return Err(LineError::Header);
    }
    let stamped = read_date(last[0]).is_ok() && read_time(last[1]).is_ok();
    let numbers = if stamped { columns - 2 } else { columns };
    let names = match numbers {
        16..=18 => &VMSTAT_NAMES[..numbers],
        _ => return Err(LineError::Columns(columns)),
    };
    let mut read = Read { columns, extra: None, rounded: false };
    for (i, column) in names.iter().enumerate() {
        let text = rest.token();
        let value = match text {
            b"-" => None,
            _ if all_digits(text) => Some(number(text)?),
            _ => {
                let scaled = if SHORTENED.contains(&i) { scaled(text)? } else { None };
                let Some(scaled) = scaled else {
                    return Err(LineError::Value { column, text: excerpt_of_bytes(text) });
                };
                read.rounded = true;
                Some(scaled)
            }
        };
        if i == VMSTAT_COLUMNS {
            read.extra = value;
            continue;
        }
        match value {
            None => {}
            Some(_) if all_digits(text) => csv.extend_from_slice(text),
            Some(value) => csv.extend_from_slice(value.to_string().as_bytes()),
        }
        if i + 1 < VMSTAT_COLUMNS {
            csv.push(b',');
        }
    }
    Ok(read)
}

/// `657k`, `2.3m` or `4.1g` as the nearest whole number; `None` for any other text.
fn scaled(text: &[u8]) -> Result<Option<u64>, LineError> {
    let Some((suffix, digits)) = text.split_last() else { return Ok(None) };
    let factor: u128 = match suffix {
        b'k' => 1 << 10,
        b'm' => 1 << 20,
        b'g' => 1 << 30,
        _ => return Ok(None),
    };
    let (tenths, exact) = match digits {
        [units @ .., b'.', tenths] if tenths.is_ascii_digit() => (u128::from(tenths - b'0'), units),
        units => (0, units),
    };
    if !all_digits(exact) {
        return Ok(None);
    }
    let value = ((u128::from(number(exact)?) * 10 + tenths) * factor + 5) / 10;
    u64::try_from(value).map(Some).map_err(|_| LineError::Range(excerpt_of_bytes(text)))
}
