//! A calendar day, as used in names and requests.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;

use crate::excerpt::excerpt;

/// A real calendar day, written `YYYY-MM-DD`.
///
/// Invariant: the day exists in the calendar (there is no 2019-02-30) and its year has four digits,
/// so names sort in date order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Date);

/// Why a text is not a [`Day`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DayError {
    /// The text does not have the shape of a date.
    #[error("date {0:?} is not written YYYY-MM-DD, YYYYMMDD or YYYY/MM/DD")]
    Shape(String),
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
    fn keys_know_one_spelling_only() {
        assert!(Day::parse_canonical("2019-08-01").is_ok());
        assert!(Day::parse_canonical("20190801").is_err());
    }
}
