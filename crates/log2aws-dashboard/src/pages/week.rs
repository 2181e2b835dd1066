//! The drawing of a week of one server, from the rows of its days.

use log2aws_core::chart::Drawing;
use log2aws_core::chart::period::WeekBuilder;
use log2aws_core::server_name::ServerName;

use super::cells;
use super::day::content::{DayRows, Stored};
use super::server::PeriodCell;
use crate::i18n::Words;
use crate::index::Cell;
use crate::store_index::StoreIndex;

/// A week as it can be drawn now.
pub(crate) struct Week {
    pub(crate) drawing: Drawing,
    /// Whether the store returned every day: if not, the next request may show more.
    pub(crate) whole: bool,
}

/// Draws a week. Only one day's rows are in memory at a time.
///
/// # Errors
/// The store's message, if it failed for every day that has results.
pub(crate) fn draw(
    store_index: &StoreIndex,
    (server, note): (&ServerName, Option<&str>),
    days: &[PeriodCell],
    w: &Words,
) -> Result<Week, String> {
    let mut week = WeekBuilder::new(w.language);
    // The length of a day without results is that of its neighbour's zone.
    let mut leading = Vec::new();
    let (mut read, mut failed) = (0, None);
    for (day, cell, _) in days {
        let (kind, mut reason) = (cells::missing(cell), cells::absence_words(cell, w));
        if matches!(cell, Cell::Delivered(_) | Cell::Unreadable) {
            let content = DayRows::read(store_index, server, *day);
            if let Some((chart, log)) = content.chart(*day) {
                week.assume_zone(log.metadata.tz.as_deref());
                for (day, kind, reason) in std::mem::take(&mut leading) {
                    week.empty(day, kind, reason);
                }
                week.day(chart, log);
                read += 1;
                continue;
            }
            reason = match content.csv {
                Stored::Failed(why) => {
                    failed = Some(why);
                    w.week_failed
                }
                Stored::Large => w.week_large,
                Stored::Absent if matches!(cell, Cell::Delivered(_)) => w.week_no_rows,
                _ => reason,
            };
        }
        if read == 0 {
            leading.push((*day, kind, reason));
        } else {
            week.empty(*day, kind, reason);
        }
    }
    for (day, kind, reason) in leading {
        week.empty(day, kind, reason);
    }
    match failed {
        Some(why) if read == 0 => Err(why),
        failed => Ok(Week { drawing: week.finish(server, note), whole: failed.is_none() }),
    }
}
