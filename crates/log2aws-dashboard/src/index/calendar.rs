//! The fleet calendar as data: servers by days, worst first, with a reason in every empty cell.

use log2aws_core::day::Day;
use log2aws_core::retired::Retirement;
use log2aws_core::server_name::ServerName;

use super::lens::{Lens, LensValue};

/// The part of the calendar to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarQuery {
    /// The first day shown.
    pub from: Day,
    /// The last day shown.
    pub to: Day,
    /// Part of a server's name or note, or a pattern with `*`; empty for all.
    pub search: String,
    /// Which of the servers found are listed.
    pub only: Only,
    /// The figure of the cells.
    pub lens: Lens,
    /// The order of the servers.
    pub sort: Sort,
    /// The page, from 1.
    pub page: usize,
    /// How many servers a page has.
    pub per_page: usize,
}

/// Which servers are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Only {
    /// All.
    #[default]
    All,
    /// Those with a problem in the days shown.
    Troubled,
    /// Those of which there are no results of that day, whatever the reason.
    Missing(Day),
}

/// The order of the servers; equals are in the order of their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The most severe problems first, then as [`Sort::Lens`].
    #[default]
    Severity,
    /// By name.
    Name,
    /// The most conspicuous value of the lens first.
    Lens,
}

/// What has arrived of one day, over all servers found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayCounts {
    /// Logs that arrived and were not refused.
    pub arrived: usize,
    /// Logs that are not due yet.
    pub not_due: usize,
    /// Servers of which nothing came since.
    pub silent: usize,
    /// The last day of the one of these that is silent for the longest time.
    pub silent_since: Option<Day>,
    /// Logs that are missing, or were refused, while later days arrived.
    pub missing: usize,
    /// Servers that were off.
    pub off: usize,
    /// Listed servers of which no log is expected any more.
    pub retired: usize,
}

/// One page of the calendar.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    /// The days, oldest first.
    pub days: Vec<Day>,
    /// What has arrived of each day, over all servers that match the search.
    pub counts: Vec<DayCounts>,
    /// The day that matters most, and what has arrived of it: the one whose missing servers are
    /// listed; else the last one shown that is over; else the last one shown.
    pub state_of: (Day, DayCounts),
    /// The present day.
    pub today: Day,
    /// The servers of this page, worst first, then by name.
    pub rows: Vec<CalendarRow>,
    /// The total number of servers.
    pub servers: usize,
    /// The number of servers that match the search.
    pub matching: usize,
    /// The number of these with a problem in the days shown.
    pub troubled: usize,
    /// The number of servers that are not listed because they were retired before the days shown.
    /// A search finds them.
    pub retired_before: usize,
    /// This page's number, from 1; the last page if a later one was requested.
    pub page: usize,
    /// The number of pages; at least 1.
    pub pages: usize,
}

/// A server in the calendar.
#[derive(Clone, Debug, PartialEq)]
pub struct CalendarRow {
    /// The server.
    pub server: ServerName,
    /// The note in the metadata of its newest log.
    pub note: Option<String>,
    /// Its reboots in the days shown.
    pub reboots: u32,
    /// The last day with results.
    pub last: Option<Day>,
    /// The record with which it is retired.
    pub retired: Option<Retirement>,
    /// A cell for each day.
    pub cells: Vec<Cell>,
    /// The value of the lens for each day.
    pub values: Vec<Option<LensValue>>,
}

/// A day of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// There are results.
    Delivered(Delivered),
    /// A log from an address that is not on the allow-list was refused.
    Refused,
    /// There is a summary that cannot be read.
    Unreadable,
    /// There is nothing.
    Empty(Absence),
}

/// A delivery in one cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Its worst problem.
    pub health: Health,
    /// See `DayStats`.
    pub samples: u32,
    /// See `DayStats`.
    pub expected: u32,
    /// See `DayStats`.
    pub missing: u32,
    /// See `DayStats`.
    pub missing_off: u32,
    /// See `DayStats`.
    pub rejects: u32,
    /// See `DayStats`.
    pub reboots: u32,
}

/// The quality of a delivery, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// No sample is missing and every line could be read.
    Complete,
    /// Samples are missing, and the machine was off for all of them.
    Off,
    /// Lines could not be read.
    Rejects,
    /// Samples are missing while the machine ran, or it is unknown whether it did.
    Gaps,
}

/// Why a cell is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// The day is not over, or its log is not due yet.
    NotDue,
    /// There is no earlier day from that server.
    NotYetKnown,
    /// The next sample's uptime does not go back to that day: the machine was off then, or was
    /// booted since.
    Off,
    /// Uptime kept growing over that day: the machine ran; its samples or the upload are missing.
    Ran,
    /// There is no later day, so the reason is unknown.
    Silent,
    /// There are days around it, but their uptimes are unknown.
    Unknown,
    /// The store has not been listed completely yet.
    Loading,
    /// An operator retired the server: no log of this day is expected.
    Retired,
}
