//! Quiet hours: when nothing is told.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A part of each day in clock time; it can go past midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// The minute of the day at which it begins.
    from: u16,
    /// The minute of the day at which it ends.
    to: u16,
}

/// A text that is no quiet hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write two times of day, e.g. 22:00-07:00")]
pub struct QuietHoursError;

impl QuietHours {
    /// Whether it is quiet at `now` in a time zone. The end does not belong to it.
    pub fn contains(self, now: Timestamp, zone: &TimeZone) -> bool {
        let time = now.to_zoned(zone.clone()).time();
        let minute = |value: i8| u16::from(value.unsigned_abs());
        let at = minute(time.hour()) * 60 + minute(time.minute());
        if self.from < self.to {
            (self.from..self.to).contains(&at)
        } else {
            at >= self.from || at < self.to
        }
    }
}

impl FromStr for QuietHours {
    type Err = QuietHoursError;

    fn from_str(text: &str) -> Result<Self, QuietHoursError> {
        let (from, to) = text.split_once('-').ok_or(QuietHoursError)?;
        let hours = Self { from: minute(from)?, to: minute(to)? };
        if hours.from == hours.to { Err(QuietHoursError) } else { Ok(hours) }
    }
}

fn minute(text: &str) -> Result<u16, QuietHoursError> {
    let (hour, minute) = text.trim().split_once(':').ok_or(QuietHoursError)?;
    let number = |text: &str, most: u16| {
        let right = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|number: &u16| right && *number <= most);
        number.ok_or(QuietHoursError)
    };
    let at = number(hour, 24)? * 60 + number(minute, 59)?;
    // 24:00 is the midnight at which the next day begins.
    if at > 24 * 60 { Err(QuietHoursError) } else { Ok(at % (24 * 60)) }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_hours_go_past_midnight() {
        let hours: QuietHours = "22:00-07:00".parse().unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(9));
        let at =
            |time: &str| hours.contains(format!("2026-11-30T{time}+09:00").parse().unwrap(), &zone);
        assert!(at("22:00:00") && at("23:59:59") && at("00:00:00") && at("06:59:59"));
        assert!(!at("07:00:00") && !at("12:00:00") && !at("21:59:59"));
        assert_eq!(hours.to_string(), "22:00-07:00");
        let midday: QuietHours = "12:00-13:30".parse().unwrap();
        let at = |time: &str| {
            midday.contains(format!("2026-11-30T{time}+09:00").parse().unwrap(), &zone)
        };
        assert!(at("12:00:00") && at("13:29:59") && !at("13:30:00") && !at("23:00:00"));
        assert_eq!("20:00-24:00".parse::<QuietHours>().unwrap().to_string(), "20:00-00:00");
    }

    #[test]
    fn quiet_hours_are_written_in_one_way() {
        for wrong in [
            "",
            "22-7",
            "22:00",
            "22:00-22:00",
            "25:00-07:00",
            "22:60-07:00",
            "24:01-01:00",
            "+2:00-03:00",
        ] {
            assert_eq!(wrong.parse::<QuietHours>(), Err(QuietHoursError), "{wrong}");
        }
    }
}
