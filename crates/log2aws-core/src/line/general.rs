//! The general reader: every accepted format of a sample line, token by token.

use super::clock::{read_date, read_time, two_digits};
use super::cursor::{Cursor, all_digits, excerpt_of_bytes, is_blank, number};
use super::{Line, LineError, vmstat};

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
    skip_io_loads(&mut rest);
    let vmstat::Read { columns, extra, rounded } = vmstat::read(&mut rest, csv)?;
    Ok(Line { date, columns, extra, rounded })
}

/// Reads `45 days, 20:04`, `1 day, 3 min`, `1 day 10:51`, `20:04` or `5 min`; and one that `uptime`
/// did not know, `?` or `???? days ??:??`, to an empty cell.
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
    if is_unknown(first) {
        let mut ahead = Cursor(rest.0);
        if matches!(ahead.word(), b"day" | b"days") && is_unknown(ahead.word()) {
            *rest = ahead;
        }
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

/// Whether `text` is `H:MM` or `HH:MM`. At exactly a day `uptime` of procps-ng 4.0.5 says `24:00`.
fn is_clock(text: &[u8]) -> bool {
    let (h1, h2, m1, m2) = match *text {
        [h2, b':', m1, m2] => (b'0', h2, m1, m2),
        [h1, h2, b':', m1, m2] => (h1, h2, m1, m2),
        _ => return false,
    };
    let digits = [h1, h2, m1, m2];
    all_digits(&digits) && (two_digits(h1, h2) < 24 || digits == *b"2400") && m1 < b'6'
}

/// Whether `text` is what `uptime` writes for something that it does not know: `?`, `????`, `??:??`.
fn is_unknown(text: &[u8]) -> bool {
    text.contains(&b'?') && text.iter().all(|b| matches!(b, b'?' | b':'))
}

fn is_uptime_number(text: &[u8]) -> bool {
    all_digits(text) && text.len() <= MAX_UPTIME_DIGITS
}

fn is_short_unit(unit: &[u8]) -> bool {
    matches!(unit, b"min" | b"mins" | b"sec" | b"secs")
}

/// Reads `1 user`, `3 users`, `? users` or nothing, and the words `load average:` after it.
fn read_users(rest: &mut Cursor<'_>, csv: &mut Vec<u8>) -> Result<(), LineError> {
    rest.separators();
    let whole = rest.0;
    let shown_so_far = |rest: &Cursor<'_>| excerpt_of_bytes(&whole[..whole.len() - rest.0.len()]);
    let mut word = rest.word();
    let has_users = all_digits(word) || is_unknown(word);
    if has_users {
        if !is_unknown(word) {
            number(word)?;
            csv.extend_from_slice(word);
        }
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

/// Reads three numbers, whose decimal mark may be a comma: `0,24, 0,24, 0,16`. Whole numbers, which
/// `uptime` of uutils writes, count only with commas between them: `2, 1.6, 1`.
fn read_loads(rest: &mut Cursor<'_>, csv: &mut Vec<u8>) -> Result<(), LineError> {
    for found in 0..3 {
        let gap = rest.separators();
        if found > 0 && gap.is_empty() {
            return Err(LineError::Load(excerpt_of_bytes(rest.token())));
        }
        let whole = rest.0;
        let units = rest.take(|b| b.is_ascii_digit());
        let marked =
            rest.skip(b".") || (rest.0.get(1).is_some_and(u8::is_ascii_digit) && rest.skip(b","));
        let decimals = if marked { rest.take(|b| b.is_ascii_digit()) } else { b"" };
        if !marked && (!units.is_empty() || whole.is_empty()) {
            let comma_before = found == 0 || gap.contains(&b',');
            let comma_after = found == 2 || rest.0.first() == Some(&b',');
            if !(comma_before && comma_after) {
                // Without commas, a whole number can be the first column of vmstat.
                return Err(LineError::LoadCount(found));
            }
        }
        let digits = units.len() + decimals.len();
        if units.is_empty() || marked == decimals.is_empty() || digits > MAX_LOAD_DIGITS {
            return Err(LineError::Load(excerpt_of_bytes(Cursor(whole).token())));
        }
        csv.extend_from_slice(units);
        if marked {
            csv.push(b'.');
            csv.extend_from_slice(decimals);
        }
        csv.push(b',');
    }
    rest.skip(b",");
    match rest.0.first() {
        Some(b) if !is_blank(*b) => Err(LineError::Load(excerpt_of_bytes(rest.token()))),
        _ => Ok(()),
    }
}

/// Passes over `[IO: 0.15, 0.12, 0.08 CPU: 0.64, 0.38, 0.35]`, which Synology's `uptime` adds.
fn skip_io_loads(rest: &mut Cursor<'_>) {
    let mut ahead = Cursor(rest.0);
    ahead.take(is_blank);
    if ahead.skip(b"[IO:") {
        ahead.take(|b| b != b']');
        if ahead.skip(b"]") {
            *rest = ahead;
        }
    }
}
