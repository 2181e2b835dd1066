//! Which servers come first in the calendar: the worst.
//!
//! A server's weight is the sum over the days shown:
//!
//! | day | weight |
//! | --- | --- |
//! | nothing came, and the machine ran | 100 |
//! | a delivery was refused, or its summary cannot be read | 80 |
//! | nothing has come since | 60 |
//! | nothing came, and nothing tells why | 40 |
//! | samples are missing though the machine ran | 10 to 50, by their share of the day |
//! | lines could not be read | 5 to 9, by their share of the day |
//! | the machine was off | 1 |
//! | any other | 0 |
//!
//! What ran is worth more than what may have been turned off for good; being off is no fault.

use super::calendar::{Absence, Cell, Delivered, Health};

/// From this weight of a single day on something is wrong.
const TROUBLE: u32 = 5;

/// How bad a server is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SeverityScore {
    /// The sum of its days.
    pub(crate) sum: u32,
    /// Whether something is wrong on any of them.
    pub(crate) troubled: bool,
}

impl SeverityScore {
    pub(crate) fn add(&mut self, cell: Cell) {
        let score = of(cell);
        self.sum = self.sum.saturating_add(score);
        self.troubled |= score >= TROUBLE;
    }
}

fn of(cell: Cell) -> u32 {
    match cell {
        Cell::Empty(Absence::Ran) => 100,
        Cell::Refused | Cell::Unreadable => 80,
        Cell::Empty(Absence::Silent) => 60,
        Cell::Empty(Absence::Unknown) => 40,
        Cell::Empty(Absence::Off) => 1,
        Cell::Empty(Absence::NotDue | Absence::NotYetKnown | Absence::Loading) => 0,
        Cell::Delivered(day) => match day.health {
            Health::Gaps => 10 + share(day.missing.saturating_sub(day.missing_off), &day, 40),
            Health::Rejects => 5 + share(day.rejects, &day, 4),
            Health::Off => 1,
            Health::Complete => 0,
        },
    }
}

/// `part` of the day's samples, as so many points of `whole`.
fn share(part: u32, day: &Delivered, whole: u32) -> u32 {
    let all = u64::from(day.expected.max(1));
    let points = u64::from(part).saturating_mul(u64::from(whole)) / all;
    u32::try_from(points).unwrap_or(whole).min(whole)
}
