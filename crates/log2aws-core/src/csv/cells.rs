//! Parses the cells of a CSV row: times, uptimes, numbers.

use jiff::civil::{Date, DateTime};

/// Why a cell has no value, worded to follow the cell in a sentence.
pub(super) type CellError = &'static str;

/// `2019-08-01 00:00:01`; `None` for anything else, including a time that does not exist.
pub(super) fn time(cell: &str) -> Option<DateTime> {
    let bytes = cell.as_bytes();
    let [_, _, _, _, b'-', _, _, b'-', _, _, b' ', _, _, b':', _, _, b':', _, _] = bytes else {
        return None;
    };
    let part = |from: usize, to: usize| number(cell.get(from..to)?).ok();
    let small = |from: usize| i8::try_from(part(from, from + 2)?).ok();
    let year = i16::try_from(part(0, 4)?).ok()?;
    let time = jiff::civil::Time::new(small(11)?, small(14)?, small(17)?, 0).ok()?;
    Some(Date::new(year, small(5)?, small(8)?).ok()?.to_datetime(time))
}

/// `45days 20:04`, `1day 3min`, `20:04`, `5min` or `24secs`, in seconds.
pub(super) fn uptime(cell: &str) -> Result<u64, CellError> {
    const REASON: CellError = "is no uptime like \"45days 20:04\" or \"5min\"";
    let mut seconds = 0_u64;
    for part in cell.split(' ') {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let value = number(&part[..end]).map_err(|_| REASON)?;
        let unit = match &part[end..] {
            "day" | "days" => 86_400,
            "min" | "mins" => 60,
            "sec" | "secs" => 1,
            minutes => {
                let minutes = minutes.strip_prefix(':').ok_or(REASON)?;
                let minutes = number(minutes).ok().filter(|minutes| *minutes < 60);
                seconds = seconds.saturating_add(minutes.ok_or(REASON)? * 60);
                3_600
            }
        };
        seconds = seconds.saturating_add(value.saturating_mul(unit));
    }
    Ok(seconds)
}

/// An unsigned whole number.
pub(super) fn number(cell: &str) -> Result<u64, CellError> {
    if !cell.is_empty() && cell.bytes().all(|b| b.is_ascii_digit()) {
        return cell.parse().map_err(|_| "is too large");
    }
    Err(match cell.parse::<f64>() {
        Ok(value) if value < 0.0 => "is below zero",
        Ok(value) if value.is_finite() => "is no whole number",
        _ => "is no number",
    })
}

/// A load average.
pub(super) fn load(cell: &str) -> Result<f64, CellError> {
    match cell.parse::<f64>() {
        Ok(value) if value < 0.0 => Err("is below zero"),
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err("is no number"),
    }
}
