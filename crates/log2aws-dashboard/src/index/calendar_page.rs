//! One page of the calendar, from the index.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;
use std::sync::Arc;

use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;

use super::absence::{self, AsOf};
use super::calendar::{Absence, Calendar, CalendarQuery, CalendarRow, Cell, DayCounts, Only, Sort};
use super::days::Days;
use super::lens::{Lens, LensValue};
use super::packed::DayNumber;
use super::search::Search;
use super::servers::{Index, span};
use super::severity::SeverityScore;

/// A server that matches the search.
struct Found<'a> {
    name: &'a Arc<ServerName>,
    days: &'a Days,
    score: SeverityScore,
    /// Over the days shown.
    value: Option<LensValue>,
    /// The moment in the server's time zone.
    now: AsOf,
    retired: Option<DayNumber>,
}

impl Index {
    pub(crate) fn calendar(&self, query: &CalendarQuery, now: AsOf) -> Calendar {
        let (from, to) = span(query.from, query.to);
        let search = Search::new(&query.search);
        let days: Vec<Day> = (from.0..=to.0).filter_map(|n| DayNumber(n).day()).collect();
        let mut counts = vec![DayCounts::default(); days.len()];
        let asked = asked_day(query, &days, now);
        let mut state = DayCounts::default();
        let mut zones = BTreeMap::new();
        let mut found = Vec::new();
        let mut matching = 0;
        let mut troubled = 0;
        let mut retired_before = 0;
        for (name, held) in self.names() {
            let note = held.note_text();
            if !search.holds(name.as_str()) && !note.is_some_and(|note| search.holds(note)) {
                continue;
            }
            let zone = held.zone();
            let now = *zones.entry(zone).or_insert_with(|| now.in_zone(zone));
            let retired = self.retired_from(name);
            if search.is_for_all() && is_gone(held, (from, to), retired) {
                retired_before += 1;
                continue;
            }
            let server = judge((name, held, retired), (from, to), query.lens, now, &mut counts);
            matching += 1;
            troubled += usize::from(server.score.troubled);
            let cell = cell(held, asked, retired, now);
            state.add(cell, held, now);
            let listed = match query.only {
                Only::All => true,
                Only::Troubled => server.score.troubled,
                Only::Missing(_) => is_missing(cell),
            };
            if listed {
                found.push(server);
            }
        }
        // A stable sort: equals stay in the order of their names.
        match query.sort {
            Sort::Name => {}
            Sort::Lens if query.lens != Lens::Complete => {
                found.sort_by(|a, b| by_value(a, b, query.lens));
            }
            Sort::Severity | Sort::Lens => found.sort_by(|a, b| {
                Reverse(a.score.sum)
                    .cmp(&Reverse(b.score.sum))
                    .then_with(|| by_value(a, b, query.lens))
            }),
        }
        let per_page = query.per_page.max(1);
        let pages = found.len().div_ceil(per_page).max(1);
        let page = query.page.clamp(1, pages);
        let rows = found.iter().skip((page - 1) * per_page).take(per_page);
        Calendar {
            days,
            counts,
            state_of: (asked, state),
            today: now.today.day().unwrap_or(query.to),
            rows: rows.map(|server| self.row(server, (from, to), query.lens)).collect(),
            servers: self.servers(),
            matching,
            troubled,
            retired_before,
            page,
            pages,
        }
    }

    fn row(
        &self,
        server: &Found<'_>,
        (from, to): (DayNumber, DayNumber),
        lens: Lens,
    ) -> CalendarRow {
        let now = server.now;
        let days = server.days.as_slice();
        let (mut cells, mut values) = (Vec::new(), Vec::new());
        for (cell, packed) in absence::cells(days, from, to, server.retired, now) {
            cells.push(cell);
            values.push(packed.and_then(|packed| lens.value(packed)));
        }
        CalendarRow {
            server: ServerName::clone(server.name),
            note: server.days.note_text().map(str::to_owned),
            reboots: server.score.reboots,
            last: last(server.days, now),
            retired: self.retired().of(server.name).cloned(),
            cells,
            values,
        }
    }
}

/// See [`Calendar::state_of`].
fn asked_day(query: &CalendarQuery, days: &[Day], now: AsOf) -> Day {
    if let Only::Missing(day) = query.only {
        return day;
    }
    let over = days.iter().rev().find(|day| DayNumber::from(**day) < now.today);
    *over.or(days.last()).unwrap_or(&query.to)
}

fn judge<'a>(
    (name, days, retired): (&'a Arc<ServerName>, &'a Days, Option<DayNumber>),
    (from, to): (DayNumber, DayNumber),
    lens: Lens,
    now: AsOf,
    counts: &mut [DayCounts],
) -> Found<'a> {
    let mut score = SeverityScore::default();
    let mut worst = None;
    let cells = absence::cells(days.as_slice(), from, to, retired, now);
    for ((cell, packed), counts) in cells.zip(counts) {
        score.add(cell);
        counts.add(cell, days, now);
        let value = packed.and_then(|packed| lens.value(packed));
        worst = lens.of_days([worst, value].into_iter().flatten());
    }
    Found { name, days, score: score.finish(), value: worst, now, retired }
}

/// The most conspicuous first; servers without a value last.
fn by_value(a: &Found<'_>, b: &Found<'_>, lens: Lens) -> Ordering {
    match (&a.value, &b.value) {
        (Some(a), Some(b)) => b.order(a, lens),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

/// The last day with results; dates that no place on Earth has reached are ignored.
fn last(days: &Days, now: AsOf) -> Option<Day> {
    days.as_slice().iter().rfind(|packed| packed.day <= now.last)?.day.day()
}

fn cell(days: &Days, day: Day, retired: Option<DayNumber>, now: AsOf) -> Cell {
    let day = DayNumber::from(day);
    let cell = absence::cells(days.as_slice(), day, day, retired, now).next();
    cell.map_or(Cell::Empty(Absence::Unknown), |(cell, _)| cell)
}

/// Whether there are no results, though some are expected: the server was known already, and is not
/// retired.
fn is_missing(cell: Cell) -> bool {
    let not_expected =
        Cell::Empty(Absence::NotYetKnown) == cell || Cell::Empty(Absence::Retired) == cell;
    !not_expected && !matches!(cell, Cell::Delivered(_) | Cell::Unreadable)
}

/// Whether the server was retired before these days, and nothing came in them.
fn is_gone(days: &Days, (from, to): (DayNumber, DayNumber), retired: Option<DayNumber>) -> bool {
    let days = days.as_slice();
    let at = days.partition_point(|packed| packed.day < from);
    let nothing_came = days.get(at).is_none_or(|packed| packed.day > to);
    nothing_came && retired.is_some_and(|first| first <= from)
}

impl DayCounts {
    fn add(&mut self, cell: Cell, days: &Days, now: AsOf) {
        match cell {
            Cell::Delivered(_) | Cell::Unreadable => self.arrived += 1,
            Cell::Refused | Cell::Empty(Absence::Ran | Absence::Unknown) => self.missing += 1,
            Cell::Empty(Absence::NotDue) => self.not_due += 1,
            Cell::Empty(Absence::Off) => self.off += 1,
            Cell::Empty(Absence::Silent) => {
                self.silent += 1;
                let since = last(days, now);
                self.silent_since = match (self.silent_since, since) {
                    (Some(held), Some(since)) => Some(held.min(since)),
                    (held, since) => held.or(since),
                };
            }
            Cell::Empty(Absence::Retired) => self.retired += 1,
            Cell::Empty(Absence::NotYetKnown | Absence::Loading) => {}
        }
    }
}
