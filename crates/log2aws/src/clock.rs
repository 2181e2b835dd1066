//! The system clock: the only place where this program reads the time.

use jiff::Timestamp;
use log2aws_core::day::Day;
use log2aws_service::ports::Clock;

/// The time of the operating system.
#[derive(Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A time as lists print it: without the fraction of its second.
pub(crate) fn to_second(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// The present day of this machine.
///
/// # Errors
/// The clock is out of the calendar.
pub(crate) fn today() -> anyhow::Result<Day> {
    let date = jiff::Zoned::now().date();
    Day::from_date(date).ok_or_else(|| anyhow::anyhow!("this machine's clock says {date}"))
}
