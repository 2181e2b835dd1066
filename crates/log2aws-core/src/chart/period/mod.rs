//! A week or a month of one server, one column a day.
//!
//! The caller takes the figures from the summaries; a day without a delivery is an empty column
//! with the reason in it.

pub(in crate::chart) mod day;
mod page;
mod plot;
#[cfg(test)]
mod tests;
mod words;

use crate::server_name::ServerName;

use super::drawing::Drawing;
use super::view::Language;

pub use day::PeriodDay;

/// Draws the days of `server`, given in order.
pub fn draw(
    server: &ServerName,
    note: Option<&str>,
    days: &[PeriodDay],
    language: Language,
) -> Drawing {
    page::Page::new(server, note, days, language).draw()
}
