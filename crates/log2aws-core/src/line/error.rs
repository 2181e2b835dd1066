//! Why a line is not a sample line, worded for an operator.

/// Why a line is not a sample line: the first thing that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// A byte that is not valid UTF-8; positions count from 1.
    #[error("the line is not UTF-8 text (at byte {0})")]
    NotUtf8(usize),
    /// Every other byte is zero.
    #[error(
        "the line is UTF-16 text; a log must be UTF-8 (in PowerShell: Out-File -Encoding utf8)"
    )]
    Utf16,
    /// The line does not begin with a date.
    #[error("expected a date written YYYY-MM-DD, found {0:?}")]
    Date(String),
    /// There is no such day in the calendar.
    #[error("date {0} does not exist")]
    UnrealDate(String),
    /// The date is not followed by a time of day.
    #[error("expected a time written HH:MM:SS, found {0:?}")]
    Time(String),
    /// There is no such time of day.
    #[error("time {0} does not exist")]
    UnrealTime(String),
    /// The word `up` is missing.
    #[error("expected \"up\" after the time, found {0:?}{hint}", hint = language_hint(.0))]
    Up(String),
    /// The uptime is in none of the known formats.
    #[error(
        "expected an uptime such as \"45 days, 20:04\", \"20:04\" or \"5 min\", found {0:?}{hint}",
        hint = language_hint(.0)
    )]
    Uptime(String),
    /// The uptime is followed by neither a number of users nor the load averages.
    #[error(
        "expected \"N users\" or \"load average:\" after the uptime, found {0:?}{hint}",
        hint = language_hint(.0)
    )]
    Users(String),
    /// The words `load average:` are missing.
    #[error(
        "expected \"load average:\" after the users, found {0:?}{hint}",
        hint = language_hint(.0)
    )]
    NoLoad(String),
    /// Fewer than three load averages.
    #[error("expected 3 load averages, found {0}")]
    LoadCount(usize),
    /// A load average that is not a number.
    #[error("expected a load average such as 0.24, found {0:?}")]
    Load(String),
    /// `vmstat` printed its heading, and no numbers below it.
    #[error("vmstat printed its header without numbers; vmstat failed on this machine")]
    Header,
    /// Too few or too many columns.
    #[error("expected 16, 17 or 18 vmstat columns, found {0}")]
    Columns(usize),
    /// A column that is not a whole number.
    #[error("vmstat column {column} is {text:?}, which is not a whole number")]
    Value {
        /// The column's name in the heading of `vmstat`.
        column: &'static str,
        /// The text in that column.
        text: String,
    },
    /// A number too large for any counter.
    #[error("number {0} is larger than 18446744073709551615")]
    Range(String),
}

/// What to do if a word of another language stands where an English one was expected.
fn language_hint(found: &str) -> &'static str {
    const ENGLISH: [&str; 11] =
        ["up", "day", "days", "min", "mins", "sec", "secs", "user", "users", "load", "average"];
    let mut words = found.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    if words.any(|word| !ENGLISH.contains(&word)) {
        "; if that is another language, set LC_ALL=C for uptime"
    } else {
        ""
    }
}
