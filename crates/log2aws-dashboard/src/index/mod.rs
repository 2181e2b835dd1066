//! The index: the few figures of each delivery that a calendar and a month need.

mod absence;
mod calendar;
mod day_stats;
mod days;
mod from_summary;
mod packed;
mod search;
mod servers;
mod severity;
#[cfg(test)]
mod tests;

pub use calendar::{Absence, Calendar, CalendarQuery, CalendarRow, Cell, Delivered, Health};
pub use day_stats::{DayStats, Edge, Figures, Status, Tag};

pub(crate) use absence::AsOf;
pub(crate) use days::Days;
pub(crate) use packed::{DayNumber, KeyLayout, Packed};
pub(crate) use servers::{Index, Listing};
