//! A month of one server, one column a day, and a week of it with its samples.
//!
//! The caller takes the figures of a month from the summaries; a day without a delivery is an empty
//! column with the reason in it.

pub(in crate::chart) mod day;
mod facts;
mod kind;
mod page;
mod plot;
mod style;
#[cfg(test)]
mod tests;
mod week;
#[cfg(test)]
mod week_tests;
mod words;

use crate::server_name::ServerName;

use super::drawing::Drawing;
use super::view::Language;

pub use day::PeriodDay;
pub use kind::Missing;
pub use week::{WeekBuilder, week_size};

/// Draws the days of `server`, given in order.
pub fn draw(
    server: &ServerName,
    note: Option<&str>,
    days: &[PeriodDay],
    language: Language,
) -> Drawing {
    page::Page::new(server, note, days, language).draw()
}
