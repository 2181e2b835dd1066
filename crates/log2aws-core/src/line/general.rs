//! The general reader: every accepted format of a sample line, token by token.

use jiff::civil::Date;

use super::{Line, LineError};
use crate::csv::VMSTAT_NAMES;
use crate::sample::VMSTAT_COLUMNS;

/// The longest number of days, minutes or seconds of an uptime, in digits: a million years.
const MAX_UPTIME_DIGITS: usize = 9;

/// The longest load average in digits. Up to this length it is exact as a quotient of two floats.
pub(super) const MAX_LOAD_DIGITS: usize = 15;

/// Reads one line and appends its CSV cells to `csv`, which is left incomplete on an error.
pub(super) fn read(line: &[u8], csv: &mut Vec<u8>) -> Result<Line, LineError> {
    let mut rest = Cursor(line);
    let text = rest.token();
    let date = read_date(text)?;
    csv.extend_from_slice(text);
    csv.push(b' ');
    csv.extend_from_slice(read_time(rest.token())?);
    let up = rest.token();
    if up != b"up" {
        return Err(LineError::Up(excerpt_of_bytes(up)));
    }
    csv.push(b',');
    read_uptime(&mut rest, csv)?;
    csv.push(b',');
    read_users(&mut rest, csv)?;
    read_loads(&mut rest, csv)?;
    let (columns, guest) = read_vmstat(&mut rest, csv)?;
    Ok(Line { date, columns, guest })
}

/// The unread rest of the line. A comma between words of the head counts as a blank, since some
/// programs write it and some do not.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    /// Consumes all leading bytes that `wanted` accepts, and returns them.
    fn take(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|b| !wanted(*b)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    /// The next run of bytes that are not blank.
    fn token(&mut self) -> &'a [u8] {
        self.take(is_blank);
        self.take(|b| !is_blank(b))
    }

    /// The next run of bytes that are neither blank nor comma.
    fn word(&mut self) -> &'a [u8] {
        self.separators();
        self.take(|b| !is_blank(b) && b != b',')
    }

    fn separators(&mut self) {
        self.take(|b| is_blank(b) || b == b',');
    }

    /// Consumes `text` if it is next.
    fn skip(&mut self, text: &[u8]) -> bool {
        match self.0.strip_prefix(text) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn all_digits(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// The beginning of the text, for use in an error message.
fn excerpt_of_bytes(text: &[u8]) -> String {
    crate::excerpt::excerpt(&String::from_utf8_lossy(&text[..text.len().min(128)]))
}

/// Two digits as a number; the caller has checked that they are digits.
fn two_digits(tens: u8, ones: u8) -> i8 {
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
fn read_time(text: &[u8]) -> Result<&[u8], LineError> {
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

/// Reads `45 days, 20:04`, `1 day, 3 min`, `1 day 10:51`, `20:04`, `5 min` or `24 secs`.
fn read_uptime(rest: &mut Cursor<'_>, csv: &mut Vec<u8>) -> Result<(), LineError> {
    rest.separators();
    let whole = rest.0;
    let error = |rest: &Cursor<'_>| {
        LineError::Uptime(excerpt_of_bytes(&whole[..whole.len() - rest.0.len()]))
    };
    let first = rest.word();
    if is_clock(first) {
        csv.extend_from_slice(first);
        return Ok(());
    }
    let unit = rest.word();
    if !is_uptime_number(first) {
        return Err(error(rest));
    }
    csv.extend_from_slice(first);
    csv.extend_from_slice(unit);
    if is_short_unit(unit) {
        return Ok(());
    }
    if !matches!(unit, b"day" | b"days") {
        return Err(error(rest));
    }
    csv.push(b' ');
    let part = rest.word();
    csv.extend_from_slice(part);
    if is_clock(part) {
        return Ok(());
    }
    let unit = rest.word();
    csv.extend_from_slice(unit);
    if is_uptime_number(part) && is_short_unit(unit) { Ok(()) } else { Err(error(rest)) }
}

/// Whether `text` is `H:MM` or `HH:MM`.
fn is_clock(text: &[u8]) -> bool {
    let (h1, h2, m1, m2) = match *text {
        [h2, b':', m1, m2] => (b'0', h2, m1, m2),
        [h1, h2, b':', m1, m2] => (h1, h2, m1, m2),
        _ => return false,
    };
    all_digits(&[h1, h2, m1, m2]) && two_digits(h1, h2) < 24 && m1 < b'6'
}

fn is_uptime_number(text: &[u8]) -> bool {
    all_digits(text) && text.len() <= MAX_UPTIME_DIGITS
}

fn is_short_unit(unit: &[u8]) -> bool {
    matches!(unit, b"min" | b"mins" | b"sec" | b"secs")
}

/// Reads `1 user`, `3 users` or nothing, and the words `load average:` after it.
fn read_users(rest: &mut Cursor<'_>, csv: &mut Vec<u8>) -> Result<(), LineError> {
    rest.separators();
    let whole = rest.0;
    let shown_so_far = |rest: &Cursor<'_>| excerpt_of_bytes(&whole[..whole.len() - rest.0.len()]);
    let mut word = rest.word();
    let has_users = all_digits(word);
    if has_users {
        number(word)?;
        csv.extend_from_slice(word);
        if !matches!(rest.word(), b"user" | b"users") {
            return Err(LineError::Users(shown_so_far(rest)));
        }
        word = rest.word();
    }
    csv.push(b',');
    rest.take(is_blank);
    let labelled = word == b"load" && (rest.skip(b"averages:") || rest.skip(b"average:"));
    match (labelled, has_users) {
        (true, _) => Ok(()),
        (false, true) => Err(LineError::NoLoad(excerpt_of_bytes(word))),
        (false, false) => Err(LineError::Users(excerpt_of_bytes(word))),
    }
}

/// Reads three decimal numbers, whose decimal mark may be a comma: `0,24, 0,24, 0,16`.
fn read_loads(rest: &mut Cursor<'_>, csv: &mut Vec<u8>) -> Result<(), LineError> {
    for found in 0..3 {
        if found > 0 && !rest.0.first().is_some_and(|b| is_blank(*b) || *b == b',') {
            return Err(LineError::Load(excerpt_of_bytes(rest.token())));
        }
        rest.separators();
        let whole = rest.0;
        let units = rest.take(|b| b.is_ascii_digit());
        let marked =
            rest.skip(b".") || (rest.0.get(1).is_some_and(u8::is_ascii_digit) && rest.skip(b","));
        let decimals = if marked { rest.take(|b| b.is_ascii_digit()) } else { b"" };
        if !marked && (!units.is_empty() || whole.is_empty()) && rest.0.first() != Some(&b',') {
            // A whole number is the first column of vmstat: `uptime` always writes decimals.
            return Err(LineError::LoadCount(found));
        }
        let digits = units.len() + decimals.len();
        if units.is_empty() || decimals.is_empty() || digits > MAX_LOAD_DIGITS {
            return Err(LineError::Load(excerpt_of_bytes(Cursor(whole).token())));
        }
        csv.extend_from_slice(units);
        csv.push(b'.');
        csv.extend_from_slice(decimals);
        csv.push(b',');
    }
    rest.skip(b",");
    match rest.0.first() {
        Some(b) if !is_blank(*b) => Err(LineError::Load(excerpt_of_bytes(rest.token()))),
        _ => Ok(()),
    }
}

/// Reads 16, 17 or 18 whole numbers up to the end of the line; returns their number and the 18th.
fn read_vmstat(
    rest: &mut Cursor<'_>,
    csv: &mut Vec<u8>,
) -> Result<(usize, Option<u64>), LineError> {
    let columns = {
        let mut ahead = Cursor(rest.0);
        std::iter::from_fn(|| Some(ahead.token()).filter(|token| !token.is_empty())).count()
    };
    let names = match columns {
        16..=18 => &VMSTAT_NAMES[..columns],
        _ => return Err(LineError::Columns(columns)),
    };
    let mut guest = None;
    for (i, column) in names.iter().enumerate() {
        let text = rest.token();
        if !all_digits(text) {
            return Err(LineError::Value { column, text: excerpt_of_bytes(text) });
        }
        let value = number(text)?;
        if i == VMSTAT_COLUMNS {
            guest = Some(value);
        } else {
            csv.extend_from_slice(text);
            if i + 1 < VMSTAT_COLUMNS {
                csv.push(b',');
            }
        }
    }
    Ok((columns, guest))
}

/// The value of a run of digits.
fn number(digits: &[u8]) -> Result<u64, LineError> {
    digits
        .iter()
        .try_fold(0_u64, |n, d| n.checked_mul(10)?.checked_add(u64::from(d - b'0')))
        .ok_or_else(|| LineError::Range(excerpt_of_bytes(digits)))
}
