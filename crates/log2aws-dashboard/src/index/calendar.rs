//! The fleet calendar as data: servers by days, worst first, a reason in every empty cell.

use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;

/// Which part of the calendar is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarQuery {
    /// The first day shown.
    pub from: Day,
    /// The last day shown.
    pub to: Day,
    /// Part of a server's name, or a pattern with `*`; empty for all.
    pub search: String,
    /// Servers with something wrong alone.
    pub troubled_only: bool,
    /// The page, from 1 on.
    pub page: usize,
    /// How many servers a page has.
    pub per_page: usize,
}

/// One page of the calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// The days, oldest first.
    pub days: Vec<Day>,
    /// The servers of this page, worst first; equals by name.
    pub rows: Vec<CalendarRow>,
    /// How many servers there are in all.
    pub servers: usize,
    /// How many of them the search left.
    pub matching: usize,
    /// How many of these have something wrong in the days shown.
    pub troubled: usize,
    /// The page that this is, from 1 on; the last one if a later one was asked for.
    pub page: usize,
    /// How many pages there are; at least 1.
    pub pages: usize,
}

/// A server in the calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarRow {
    /// The server.
    pub server: ServerName,
    /// A cell for each day.
    pub cells: Vec<Cell>,
}

/// A day of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Results stand.
    Delivered(Delivered),
    /// A log came from off the allow-list and was refused.
    Refused,
    /// A summary stands that cannot be read.
    Unreadable,
    /// Nothing stands.
    Empty(Absence),
}

/// A delivery in one cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// How it went; the worst that is true.
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

/// How good a delivery is, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// Every sample is there and every line was read.
    Complete,
    /// Samples are missing, and the machine was off for all of them.
    Off,
    /// Lines could not be read.
    Rejects,
    /// Samples are missing though the machine ran, or it is not known whether it did.
    Gaps,
}

/// Why a cell is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// The day is not over, or its log is not due yet.
    NotDue,
    /// Nothing has come from that server before.
    NotYetKnown,
    /// The next sample's uptime is too short to reach back to that day: the machine was off then,
    /// or was started since.
    Off,
    /// Uptime kept growing over that day: the machine ran; its samples or the upload are missing.
    Ran,
    /// Nothing has come since, so that nothing tells why.
    Silent,
    /// Neighbours stand, but their uptimes are not known.
    Unknown,
    /// The store has not been looked through so far.
    Loading,
}
