//! Figures as CSV, for spreadsheets and scripts: the same columns for a month and for the calendar.
//!
//! Names of servers, dates, numbers and fixed words need no quoting, and none begins like a formula
//! of a spreadsheet.

use std::fmt::{Display, Write as _};
use std::io::{self, Read};

use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;

use super::cells;
use crate::index::{Absence, CalendarQuery, Cell, DayStats, Health};
use crate::store_index::StoreIndex;

/// The names of the columns; units are in the names.
pub(crate) const HEADER: &str = "server,date,completeness-percent,cause,samples,expected,missing,\
missing-off,unreadable-lines,reboots,load-mean,load-p95,load-max,cores,cpu-us-mean,cpu-sy-mean,\
cpu-wa-mean,cpu-st-mean,cpu-wa-p95,mem-free-min-kib,mem-swpd-max-kib\n";

/// Columns after the cause.
const FIGURES: usize = 17;

/// Appends one day of a server as a line.
pub(crate) fn line(
    csv: &mut String,
    (server, day): (&ServerName, Day),
    cell: &Cell,
    stats: Option<&DayStats>,
) {
    // Writing to a `String` cannot fail.
    let _ = write!(csv, "{server},{day},");
    if let Cell::Delivered(delivered) = cell {
        let _ = write!(csv, "{}", cells::percent(delivered));
    }
    let _ = write!(csv, ",{}", cause(cell));
    let (Cell::Delivered(delivered), Some(stats)) = (cell, stats) else {
        csv.extend(std::iter::repeat_n(',', FIGURES));
        csv.push('\n');
        return;
    };
    let f = &stats.figures;
    let [us, sy, wa, st] = f.cpu;
    let expected = delivered.expected.max(delivered.samples);
    let counts = [
        delivered.samples,
        expected,
        delivered.missing,
        delivered.missing_off,
        delivered.rejects,
        delivered.reboots,
    ];
    for count in counts {
        cell_of(csv, Some(count));
    }
    for figure in [f.load_mean, f.load_p95, f.load_max] {
        cell_of(csv, figure);
    }
    cell_of(csv, f.cores);
    for figure in [us, sy, wa, st, f.wait_p95, f.free_min, f.swapped_max] {
        cell_of(csv, figure);
    }
    csv.push('\n');
}

fn cell_of(csv: &mut String, value: Option<impl Display>) {
    csv.push(',');
    if let Some(value) = value {
        let _ = write!(csv, "{value}");
    }
}

/// Why a day is not complete, in a word for scripts; empty if it is.
fn cause(cell: &Cell) -> &'static str {
    match cell {
        Cell::Delivered(delivered) => match delivered.health {
            Health::Complete => "",
            Health::Off => "off",
            Health::Rejects => "unreadable-lines",
            Health::Gaps => "samples-missing",
        },
        Cell::Refused => "refused",
        Cell::Unreadable => "summary-unreadable",
        Cell::Empty(absence) => match absence {
            Absence::NotDue => "not-due",
            Absence::NotYetKnown => "before-first-delivery",
            Absence::Off => "off",
            Absence::Ran => "missing-although-running",
            Absence::Silent => "silent",
            Absence::Unknown => "unknown",
            Absence::Retired => "retired",
            Absence::Loading => "not-scanned",
        },
    }
}

/// The calendar as CSV, for all pages of a query. A page is generated when it is read, so that
/// memory does not grow with the fleet.
pub(crate) struct CalendarCsv {
    store_index: StoreIndex,
    query: CalendarQuery,
    /// Whether the last page was generated.
    done: bool,
    text: String,
    read: usize,
}

impl CalendarCsv {
    /// Begins with the first page of `query`.
    pub(crate) fn new(store_index: StoreIndex, query: CalendarQuery) -> Self {
        let query = CalendarQuery { page: 1, ..query };
        Self { store_index, query, done: false, text: HEADER.to_owned(), read: 0 }
    }

    fn next_page(&mut self) {
        let calendar = self.store_index.calendar(&self.query);
        self.text.clear();
        self.read = 0;
        for row in &calendar.rows {
            for (day, cell) in calendar.days.iter().zip(&row.cells) {
                let stats = self.store_index.day(&row.server, *day);
                line(&mut self.text, (&row.server, *day), cell, stats.as_ref());
            }
        }
        self.done = self.query.page >= calendar.pages;
        self.query.page += 1;
    }
}

impl Read for CalendarCsv {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.text.len() && !self.done {
            self.next_page();
        }
        let mut rest = self.text.as_bytes().get(self.read..).unwrap_or_default();
        let read = rest.read(buffer)?;
        self.read += read;
        Ok(read)
    }
}
