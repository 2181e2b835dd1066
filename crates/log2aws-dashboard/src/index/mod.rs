//! The index: the few figures of each delivery that a calendar and a month need.

mod absence;
mod calendar;
mod calendar_page;
mod day_stats;
mod days;
mod drift;
mod from_summary;
mod lens;
mod packed;
mod search;
mod servers;
mod severity;
#[cfg(test)]
mod tests;

pub use calendar::{
    Absence, Calendar, CalendarQuery, CalendarRow, Cell, DayCounts, Delivered, Health, Only, Sort,
};
pub use day_stats::{DayStats, Edge, Figures, Status, Tag};
pub use drift::{Drift, DriftFigure, Drifts};
pub use lens::{Lens, LensValue};

pub(crate) use absence::AsOf;
pub(crate) use days::{Days, NoteOf};
pub(crate) use packed::{DayNumber, KeyLayout, Packed};
pub(crate) use servers::{Index, Listing};
pub(crate) use severity::MANY_REBOOTS;
