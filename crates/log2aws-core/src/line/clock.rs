//! The date and the time of day at the beginning of a line.

use jiff::civil::Date;

use super::LineError;
use super::cursor::{all_digits, excerpt_of_bytes};

/// Two digits as a number; the caller has checked that they are digits.
pub(super) fn two_digits(tens: u8, ones: u8) -> i8 {
    (tens - b'0').cast_signed() * 10 + (ones - b'0').cast_signed()
}

/// Reads `YYYY-MM-DD`; the day must exist.
pub(super) fn read_date(text: &[u8]) -> Result<Date, LineError> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else {
        return Err(LineError::Date(excerpt_of_bytes(text)));
    };
    if !all_digits(&[y1, y2, y3, y4, m1, m2, d1, d2]) {
        return Err(LineError::Date(excerpt_of_bytes(text)));
    }
    let year = i16::from(two_digits(y1, y2)) * 100 + i16::from(two_digits(y3, y4));
    Date::new(year, two_digits(m1, m2), two_digits(d1, d2))
        .map_err(|_| LineError::UnrealDate(excerpt_of_bytes(text)))
}

/// Reads `HH:MM:SS`; the time must exist (a leap second does not: `uptime` never shows one).
pub(super) fn read_time(text: &[u8]) -> Result<&[u8], LineError> {
    let &[h1, h2, b':', m1, m2, b':', s1, s2] = text else {
        return Err(LineError::Time(excerpt_of_bytes(text)));
    };
    if !all_digits(&[h1, h2, m1, m2, s1, s2]) {
        return Err(LineError::Time(excerpt_of_bytes(text)));
    }
    if two_digits(h1, h2) > 23 || two_digits(m1, m2) > 59 || two_digits(s1, s2) > 59 {
        return Err(LineError::UnrealTime(excerpt_of_bytes(text)));
    }
    Ok(text)
}
