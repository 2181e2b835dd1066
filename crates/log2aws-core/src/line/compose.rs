//! Writes a sample line in the format of `uptime` and `vmstat` on Linux.

use std::fmt::Write as _;

use crate::csv::VMSTAT_NAMES;
use crate::sample::Sample;

use super::general::MAX_LOAD_DIGITS;

/// Why values cannot be written as a sample line.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ComposeError {
    /// Only the last columns can be omitted in this format.
    #[error("vmstat column {0} has no value; a sample line cannot leave it out")]
    Missing(&'static str),
    /// A load that no real machine has.
    #[error("load average {0} is not a number that a sample line can hold")]
    Load(f64),
    /// A year that does not have four digits.
    #[error("year {0} cannot be written with four digits")]
    Year(i16),
    /// An uptime of more than a million years.
    #[error("uptime of {0} seconds is longer than a sample line can hold")]
    Uptime(u64),
}

/// Writes a sample line without line end: the uptime without seconds, loads with two decimals.
/// There are 17 columns of `vmstat`; 16 if `st` is missing, 18 if there is guest time.
///
/// # Errors
/// [`ComposeError`] for values that the format cannot represent.
pub fn compose(sample: &Sample) -> Result<String, ComposeError> {
    let mut line = String::with_capacity(192);
    write_head(&mut line, sample)?;
    let guest = sample.guest.map(Some);
    let mut values = sample.vmstat.iter().copied().chain(guest).zip(VMSTAT_NAMES).peekable();
    while let Some((value, name)) = values.next() {
        match value {
            Some(value) => push(&mut line, format_args!(" {value}")),
            None if name == "st" && values.peek().is_none() => {}
            None => return Err(ComposeError::Missing(name)),
        }
    }
    Ok(line)
}

fn write_head(line: &mut String, sample: &Sample) -> Result<(), ComposeError> {
    let time = sample.time;
    if time.year() < 0 {
        return Err(ComposeError::Year(time.year()));
    }
    push(line, format_args!("{:04}-{:02}-{:02} ", time.year(), time.month(), time.day()));
    push(line, format_args!("{:02}:{:02}:{:02} up ", time.hour(), time.minute(), time.second()));
    let uptime = sample.uptime_seconds.ok_or(ComposeError::Missing("uptime"))?;
    let minutes = uptime / 60;
    match minutes / 1440 {
        0 => {}
        1 => line.push_str("1 day, "),
        days if days < 1_000_000_000 => push(line, format_args!("{days} days, ")),
        _ => return Err(ComposeError::Uptime(uptime)),
    }
    match (minutes / 60 % 24, minutes % 60) {
        (0, minutes) => push(line, format_args!("{minutes} min, ")),
        (hours, minutes) => push(line, format_args!("{hours}:{minutes:02}, ")),
    }
    match sample.users {
        None => {}
        Some(1) => line.push_str("1 user, "),
        Some(users) => push(line, format_args!("{users} users, ")),
    }
    line.push_str("load average: ");
    // Two of a load's digits are decimals.
    let too_large = 10_f64.powi(i32::try_from(MAX_LOAD_DIGITS - 2).unwrap_or_default());
    for (i, load) in sample.load.into_iter().enumerate() {
        // Also excludes values that would round up to one more digit.
        if !(0.0..too_large).contains(&(load + 0.01)) || load < 0.0 {
            return Err(ComposeError::Load(load));
        }
        push(line, format_args!("{}{load:.2}", if i == 0 { "" } else { ", " }));
    }
    Ok(())
}

/// Appends formatted text; writing to a `String` cannot fail.
fn push(line: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = line.write_fmt(text);
}
