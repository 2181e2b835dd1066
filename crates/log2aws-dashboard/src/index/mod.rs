//! The index: of each delivery the few figures that a calendar and a month need.

mod calendar;
mod days;
mod facts;
mod packed;
mod reason;
mod search;
mod servers;
mod take;
#[cfg(test)]
mod tests;
mod weight;

pub use calendar::{Calendar, CalendarQuery, CalendarRow, Cell, Delivered, Health, Reason};
pub use facts::{DayFacts, Edge, Figures, Status, Tag};

pub(crate) use days::Days;
pub(crate) use packed::{DayNumber, Layout, Packed};
pub(crate) use reason::Now;
pub(crate) use servers::{Index, Listing};
