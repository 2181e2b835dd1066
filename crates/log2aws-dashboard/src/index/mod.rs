//! The index: of each delivery the few figures that a calendar and a month need.

mod calendar;
mod facts;

pub use calendar::{Calendar, CalendarQuery, CalendarRow, Cell, Delivered, Health, Reason};
pub use facts::{DayFacts, Edge, Figures, Status, Tag};
