//! Sorts the servers of the calendar, worst first.
//!
//! A server's score is the sum over the days shown:
//!
//! | day | score |
//! | --- | --- |
//! | no delivery although the machine ran | 100 |
//! | a delivery was refused, or its summary cannot be read | 80 |
//! | no delivery, and none since | 60 |
//! | no delivery for an unknown reason | 40 |
//! | samples are missing although the machine ran | 10 to 50, by their share of the day |
//! | lines could not be read | 5 to 9, by their share of the day |
//! | the machine was off | 1 |
//! | any other | 0 |
//!
//! Reboots count once for the whole period: three or more are a problem of 5 to 30, one point for
//! each further reboot.
//!
//! A machine that ran scores higher than one that may be gone; being off is not a fault. Days of a
//! retired server are none.

use super::calendar::{Absence, Cell, Delivered, Health};

/// A day with at least this score counts as a problem.
const TROUBLE_SCORE: u32 = 5;

/// This many reboots in the days shown count as a problem: one may be planned.
pub(crate) const MANY_REBOOTS: u32 = 3;

/// The score of many reboots at most.
const REBOOTS_MAX: u32 = 30;

/// The severity of a server's problems.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SeverityScore {
    /// The sum of its days' scores.
    pub(crate) sum: u32,
    /// Whether any day counts as a problem, or the reboots of all.
    pub(crate) troubled: bool,
    /// The reboots so far.
    pub(crate) reboots: u32,
}

impl SeverityScore {
    pub(crate) fn add(&mut self, cell: Cell) {
        let score = of(cell);
        self.sum = self.sum.saturating_add(score);
        self.troubled |= score >= TROUBLE_SCORE;
        if let Cell::Delivered(day) = cell {
            self.reboots = self.reboots.saturating_add(day.reboots);
        }
    }

    /// The score of the whole period.
    pub(crate) fn finish(mut self) -> Self {
        if let Some(more) = self.reboots.checked_sub(MANY_REBOOTS) {
            let score = TROUBLE_SCORE.saturating_add(more).min(REBOOTS_MAX);
            self.sum = self.sum.saturating_add(score);
            self.troubled = true;
        }
        self
    }
}

fn of(cell: Cell) -> u32 {
    match cell {
        Cell::Empty(Absence::Ran) => 100,
        Cell::Refused | Cell::Unreadable => 80,
        Cell::Empty(Absence::Silent) => 60,
        Cell::Empty(Absence::Unknown) => 40,
        Cell::Empty(Absence::Off) => 1,
        Cell::Empty(
            Absence::NotDue | Absence::NotYetKnown | Absence::Loading | Absence::Retired,
        ) => 0,
        Cell::Delivered(day) => match day.health {
            Health::Gaps => 10 + share(day.missing.saturating_sub(day.missing_off), &day, 40),
            Health::Rejects => 5 + share(day.rejects, &day, 4),
            Health::Off => 1,
            Health::Complete => 0,
        },
    }
}

/// `part` of the day's samples, scaled to `whole` points.
fn share(part: u32, day: &Delivered, whole: u32) -> u32 {
    let all = u64::from(day.expected.max(1));
    let points = u64::from(part).saturating_mul(u64::from(whole)) / all;
    u32::try_from(points).unwrap_or(whole).min(whole)
}
