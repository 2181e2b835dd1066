//! A calendar day, as used in names and requests.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _};

use crate::excerpt::excerpt;

/// The hour of the next day at which the log of a day is due.
pub(crate) const DUE_HOUR: i8 = 12;

const EPOCH: Date = date(1970, 1, 1);

/// A real calendar day, written `YYYY-MM-DD`.
///
/// Invariant: the day exists in the calendar (there is no 2019-02-30) and its year has four digits,
/// so names sort in date order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Date);

/// A day as people write it, which may depend on the present day: `2026-11-29` and the other forms of
/// [`Day`]; `11-29`, the last one that is not after today; `today`, `yesterday`; `-7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayText(Form);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Day(Day),
    Ago(u16),
    MonthDay(i8, i8),
}

impl DayText {
    /// The day that is meant on `today`; `None` if it is not in the calendar of a [`Day`].
    pub fn on(self, today: Day) -> Option<Day> {
        match self.0 {
            Form::Day(day) => Some(day),
            Form::Ago(days) => Day::from_date(today.0.checked_sub(i32::from(days).days()).ok()?),
            Form::MonthDay(month, day) => {
                // A leap day comes back after eight years at the latest.
                let years = (0..=8).filter_map(|back| today.0.year().checked_sub(back));
                let mut dates = years.filter_map(|year| Date::new(year, month, day).ok());
                Day::from_date(dates.find(|date| *date <= today.0)?)
            }
        }
    }
}

impl From<Day> for DayText {
    fn from(day: Day) -> Self {
        Self(Form::Day(day))
    }
}

impl FromStr for DayText {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, DayError> {
        let no_word = || DayError::Words(excerpt(text));
        let form = match text.to_ascii_lowercase().as_str() {
            "today" | "今日" => Form::Ago(0),
            "yesterday" | "昨日" => Form::Ago(1),
            words => {
                let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
                let ago = words.strip_prefix('-').and_then(|text| text.strip_suffix('d'));
                if let Some(days) = ago.filter(|days| (1..=4).contains(&days.len())) {
                    let days = Some(days).filter(|days| digits(days));
                    Form::Ago(days.and_then(|days| days.parse().ok()).ok_or_else(no_word)?)
                } else if let Some((month, day)) = words
                    .split_once('-')
                    .filter(|(month, day)| words.len() <= 5 && digits(month) && digits(day))
                {
                    let part = |text: &str| text.parse::<i8>().map_err(|_| no_word());
                    let (month, day) = (part(month)?, part(day)?);
                    // In a leap year every day of the calendar exists.
                    let exists = Date::new(2000, month, day).is_ok();
                    Some(Form::MonthDay(month, day)).filter(|_| exists).ok_or_else(no_word)?
                } else {
                    Form::Day(text.parse().map_err(|error| match error {
                        DayError::Shape(text) => DayError::Words(text),
                        other => other,
                    })?)
                }
            }
        };
        Ok(Self(form))
    }
}

/// Why a text is not a [`Day`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DayError {
    /// The text does not have the shape of a date.
    #[error("date {0:?} is not written YYYY-MM-DD, YYYYMMDD or YYYY/MM/DD")]
    Shape(String),
    /// The text is neither a date nor one of the words for one.
    #[error("{0:?} is not a date; write YYYY-MM-DD, MM-DD, today, yesterday or -7d")]
    Words(String),
    /// The text has the shape of a date, but there is no such day in the calendar.
    #[error("date {0:?} does not exist in the calendar")]
    Unreal(String),
}

impl Day {
    /// The day of a civil date; `None` outside the years 0000–9999, which do not occur in logs.
    pub fn from_date(date: Date) -> Option<Self> {
        (date.year() >= 0).then_some(Self(date))
    }

    /// The civil date.
    pub fn date(self) -> Date {
        self.0
    }

    /// The number of days since 1970-01-01, negative before it.
    pub fn number(self) -> i32 {
        i32::try_from(self.0.duration_since(EPOCH).as_hours() / 24).unwrap_or(i32::MAX)
    }

    /// The day with that [number](Day::number); `None` outside the years 0000–9999.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::from_date(EPOCH.checked_add(Span::new().try_days(number).ok()?).ok()?)
    }

    /// The first day whose log is not due yet at `now`, if servers are in `zone`: a log is due at noon
    /// of the next day. `None` outside the years 0000–9999.
    pub fn first_not_due(now: Timestamp, zone: &TimeZone) -> Option<Self> {
        let now = now.to_zoned(zone.clone());
        let due = if now.hour() < DUE_HOUR { now.date().yesterday().ok()? } else { now.date() };
        Self::from_date(due)
    }

    /// Parses `YYYY-MM-DD` only, the form of keys and file names.
    ///
    /// # Errors
    /// As [`Day::from_str`], and [`DayError::Shape`] for the forms that only requests may use.
    pub fn parse_canonical(text: &str) -> Result<Self, DayError> {
        match text.as_bytes() {
            [_, _, _, _, b'-', _, _, b'-', _, _] => text.parse(),
            _ => Err(DayError::Shape(excerpt(text))),
        }
    }
}

impl FromStr for Day {
    type Err = DayError;

    /// Parses `YYYY-MM-DD`, `YYYYMMDD` or `YYYY/MM/DD`: three spellings of one key.
    fn from_str(text: &str) -> Result<Self, DayError> {
        let digits: &[u8] = match text.as_bytes() {
            [y @ .., b'-', m1, m2, b'-', d1, d2] | [y @ .., b'/', m1, m2, b'/', d1, d2]
                if y.len() == 4 =>
            {
                &[y[0], y[1], y[2], y[3], *m1, *m2, *d1, *d2]
            }
            compact if compact.len() == 8 => compact,
            _ => return Err(DayError::Shape(excerpt(text))),
        };
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(DayError::Shape(excerpt(text)));
        }
        let number = |part: &[u8]| part.iter().fold(0_i16, |n, d| n * 10 + i16::from(d - b'0'));
        let small = |part: &[u8]| part.iter().fold(0_i8, |n, d| n * 10 + (d - b'0').cast_signed());
        Date::new(number(&digits[..4]), small(&digits[4..6]), small(&digits[6..8]))
            .map(Self)
            .map_err(|_| DayError::Unreal(excerpt(text)))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0.year(), self.0.month(), self.0.day())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_spellings_mean_one_day() {
        for text in ["2019-08-01", "20190801", "2019/08/01"] {
            assert_eq!(text.parse::<Day>().unwrap().to_string(), "2019-08-01");
        }
    }

    #[test]
    fn a_day_must_exist() {
        for text in ["2019-02-30", "20190229", "2019/13/01", "2019-00-10", "2019-01-00"] {
            assert_eq!(text.parse::<Day>(), Err(DayError::Unreal(text.to_owned())));
        }
        assert!("2020-02-29".parse::<Day>().is_ok());
    }

    #[test]
    fn a_day_must_look_like_one() {
        for text in
            ["", "2019-8-1", "2019-08/01", "２０１９０８０１", "2019-08-011", "+019-08-01", "x"]
        {
            assert!(matches!(text.parse::<Day>(), Err(DayError::Shape(_))), "{text:?}");
        }
    }

    #[test]
    fn a_day_may_be_given_as_seen_from_today() {
        let today: Day = "2026-11-29".parse().unwrap();
        for (text, day) in [
            ("2026-11-01", "2026-11-01"),
            ("20261101", "2026-11-01"),
            ("2027-01-01", "2027-01-01"),
            ("today", "2026-11-29"),
            ("Yesterday", "2026-11-28"),
            ("昨日", "2026-11-28"),
            ("-0d", "2026-11-29"),
            ("-7d", "2026-11-22"),
            ("-7D", "2026-11-22"),
            ("-400d", "2025-10-25"),
            ("11-29", "2026-11-29"),
            ("11-30", "2025-11-30"),
            ("1-5", "2026-01-05"),
            ("02-29", "2024-02-29"),
        ] {
            let given: DayText = text.parse().unwrap();
            assert_eq!(given.on(today).unwrap().to_string(), day, "{text}");
        }
        for text in ["", "tomorrow", "-d", "-+7d", "-77777d", "7d", "13-01", "02-30", "-1-1", "0-5"]
        {
            let error = text.parse::<DayText>().unwrap_err().to_string();
            assert!(error.ends_with("write YYYY-MM-DD, MM-DD, today, yesterday or -7d"), "{error}");
        }
        assert!(matches!("2026-02-30".parse::<DayText>(), Err(DayError::Unreal(_))));
        let early: Day = "0005-01-01".parse().unwrap();
        assert_eq!("-9999d".parse::<DayText>().unwrap().on(early), None);
    }

    #[test]
    fn keys_know_one_spelling_only() {
        assert!(Day::parse_canonical("2019-08-01").is_ok());
        assert!(Day::parse_canonical("20190801").is_err());
    }
}
