//! The page of a week or a month of one server, from the index alone; its chart is an image.

use askama::Template;
use jiff::ToSpan as _;
use log2aws_core::chart::Drawing;
use log2aws_core::chart::period::{self, PeriodDay, week_size};
use log2aws_core::day::Day;
use log2aws_core::retired::Retirement;
use log2aws_core::server_name::ServerName;

use super::calendar::shifted;
use super::cells;
use super::day::numbers;
use super::layout::{Message, PageLayout, Severity};
use super::retirement;
use crate::i18n::{Words, count, fill};
use crate::index::{Absence, Cell, DayStats, Health, MANY_REBOOTS, Status};
use crate::query::{Link, Query, echo_excerpt};

/// The length of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    Week,
    Month,
}

/// The period shown: the days up to and including `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) length: Length,
    pub(crate) to: Day,
}

impl Period {
    /// Parses the state; `newest` is the last day by default.
    ///
    /// # Errors
    /// One sentence.
    pub(crate) fn read(query: &Query, newest: Day, today: Day, w: &Words) -> Result<Self, String> {
        let length = match query.get("view") {
            None | Some("month") => Length::Month,
            Some("week") => Length::Week,
            Some(other) => return Err(fill(w.bad_view, &[("given", &echo_excerpt(other))])),
        };
        Ok(Self { length, to: query.day("to", today, w)?.unwrap_or(newest) })
    }

    /// The first day shown: a week has seven days; a month goes back to the same day of the
    /// previous month.
    pub(crate) fn from(self) -> Day {
        match self.length {
            Length::Week => shifted(self.to, -6),
            Length::Month => {
                let before = self.to.date().saturating_sub(1.month());
                Day::from_date(before).map_or(self.to, |before| shifted(before, 1))
            }
        }
    }

    fn link(self, server: &ServerName, file: &str) -> Link {
        let view = match self.length {
            Length::Week => "week",
            Length::Month => "month",
        };
        Link::to(format!("/ui/s/{server}{file}")).with("view", view).with("to", self.to)
    }

    /// The length as a URL has it, and the last day only if it is not the newest.
    fn page(self, server: &ServerName, newest: Day) -> String {
        let view = (self.length == Length::Week).then_some("week");
        let to = (self.to != newest).then_some(self.to);
        Link::to(format!("/ui/s/{server}")).with_some("view", view).with_some("to", to).text()
    }
}

/// A day of a period.
pub(crate) type PeriodCell = (Day, Cell, Option<DayStats>);

#[derive(Template)]
#[template(path = "server.html")]
struct ServerPage<'a> {
    f: &'a PageLayout<'a>,
    server: &'a str,
    note: Option<&'a str>,
    messages: Vec<Message>,
    from: Day,
    to: Day,
    totals: String,
    calendar_link: String,
    earlier: String,
    later: Option<String>,
    newest_link: Option<String>,
    yesterday: String,
    days: String,
    csv: String,
    week: String,
    month: String,
    is_week: bool,
    image: String,
    values: String,
    alt: String,
    width: u32,
    height: u32,
    rows: Vec<PeriodRow>,
    newest: Day,
}

struct PeriodRow {
    day: Day,
    link: String,
    weekday: &'static str,
    class: &'static str,
    sign: &'static str,
    words: String,
    values: [String; 10],
}

/// Renders the page. `newest` is the last day that may have data; `tag` identifies what the chart
/// shows.
///
/// # Errors
/// The template's; none in practice.
pub(crate) fn render(
    layout: &PageLayout<'_>,
    (server, note): (&ServerName, Option<&str>),
    retired: Option<&Retirement>,
    period: Period,
    days: &[PeriodCell],
    (newest, today): (Day, Day),
    tag: &str,
) -> Result<String, askama::Error> {
    let w = layout.w;
    let (from, to) = (period.from(), period.to);
    let moved = |to: Day| Period { to, ..period }.page(server, newest);
    let length = |length| Period { length, ..period }.page(server, newest);
    let drawn = |file| {
        let link = period.link(server, file).with("lang", w.language.as_str());
        link.with("v", tag).text()
    };
    let is_week = period.length == Length::Week;
    let (width, height) =
        if is_week { week_size() } else { drawing((server, note), days, w).size() };
    let alt = if is_week { w.week_alt } else { w.period_alt };
    let later = shifted(to, i64::try_from(days.len()).unwrap_or(0));
    let last = days.iter().rev().find(|(_, cell, _)| matches!(cell, Cell::Delivered(_)));
    ServerPage {
        f: layout,
        server: server.as_str(),
        note,
        messages: retired
            .map(|record| retired_message(record, days, w))
            .into_iter()
            .chain(reboots(days, w))
            .collect(),
        from,
        to,
        totals: totals(days, w),
        calendar_link: Link::to("/ui/").with("q", server).text(),
        earlier: moved(shifted(from, -1)),
        later: (to < newest).then(|| moved(later.min(newest))),
        newest_link: (to < newest).then(|| moved(newest)),
        yesterday: format!("/ui/s/{server}/{}", shifted(today, -1)),
        days: format!("/ui/s/{server}/"),
        csv: period.link(server, "/period.csv").text(),
        week: length(Length::Week),
        month: length(Length::Month),
        is_week,
        image: drawn("/period.svg"),
        values: drawn("/period.json"),
        alt: fill(alt, &[("server", server), ("from", &from), ("to", &to)]),
        width,
        height,
        rows: days.iter().rev().map(|day| row(server, day, w)).collect(),
        newest: last.map_or(to, |(day, ..)| *day),
    }
    .render()
}

/// The drawing of a month.
pub(crate) fn drawing(
    (server, note): (&ServerName, Option<&str>),
    days: &[PeriodCell],
    w: &Words,
) -> Drawing {
    let drawn = |(day, cell, stats): &PeriodCell| match (cell, stats) {
        (Cell::Delivered(delivered), Some(stats)) => {
            let figures = &stats.figures;
            PeriodDay {
                samples: delivered.samples,
                expected: delivered.expected,
                reboots: delivered.reboots,
                load_mean: figures.load_mean,
                load_p95: figures.load_p95,
                load_max: figures.load_max,
                cpu: figures.cpu,
                free_min: figures.free_min,
                swapped_max: figures.swapped_max,
                cores: figures.cores,
                ..PeriodDay::delivered(*day)
            }
        }
        (cell, _) => PeriodDay::empty(*day, cells::missing(cell), cells::short(cell, w)),
    };
    let days: Vec<_> = days.iter().map(drawn).collect();
    period::draw(server, note, &days, w.language)
}

fn totals(days: &[PeriodCell], w: &Words) -> String {
    let delivered = |cell: &Cell| match cell {
        Cell::Delivered(delivered) => Some(*delivered),
        _ => None,
    };
    let sum = |of: fn(&crate::index::Delivered) -> u32| {
        days.iter().filter_map(|(_, cell, _)| delivered(cell)).map(|d| u64::from(of(&d))).sum()
    };
    let there = days.iter().filter(|(_, cell, _)| delivered(cell).is_some()).count();
    // Nobody expects a log before the first one, before it is due, or of a retired server.
    let of = |absence| days.iter().filter(|(_, cell, _)| *cell == Cell::Empty(absence)).count();
    let not_due = of(Absence::NotDue);
    let not_expected = of(Absence::NotYetKnown) + of(Absence::Retired);
    let expected = days.len() - not_due - not_expected;
    let mut parts = vec![fill(w.days_of, &[("n", &there), ("of", &expected)])];
    if not_due > 0 {
        parts.push(fill(w.days_not_due, &[("n", &not_due)]));
    }
    let counted = [
        (sum(|d| d.missing), [w.cell_missing; 2]),
        (sum(|d| d.rejects), [w.cell_rejects_one, w.cell_rejects_many]),
        (sum(|d| d.reboots), [w.cell_reboots_one, w.cell_reboots_many]),
    ];
    parts.extend(counted.iter().filter(|(n, _)| *n > 0).map(|(n, texts)| count(*n, *texts)));
    parts.join(" · ")
}

/// A message about the record with which the server is retired.
fn retired_message(record: &Retirement, days: &[PeriodCell], w: &Words) -> Message {
    let arrived = |(day, _, stats): &&PeriodCell| *day >= record.from && stats.is_some();
    let arrived = days.iter().rev().find(arrived).map(|(day, ..)| *day);
    retirement::message(record, arrived, w)
}

/// Repeated reboots, which count as a problem.
fn reboots(days: &[PeriodCell], w: &Words) -> Option<Message> {
    let count = |(_, cell, _): &PeriodCell| match cell {
        Cell::Delivered(delivered) => delivered.reboots,
        _ => 0,
    };
    let n = days.iter().map(count).fold(0, u32::saturating_add);
    (n >= MANY_REBOOTS).then(|| Message::new(Severity::Warn, fill(w.reboots_problem, &[("n", &n)])))
}

fn row(server: &ServerName, (day, cell, stats): &PeriodCell, w: &Words) -> PeriodRow {
    let words = match cell {
        Cell::Delivered(delivered) => {
            let short = cells::short(cell, w);
            if short.is_empty() && delivered.samples > 0 {
                w.cell_complete.to_owned()
            } else {
                short
            }
        }
        _ => cells::short(cell, w),
    };
    let read = stats.as_ref().filter(|stats| stats.status == Status::Read);
    PeriodRow {
        day: *day,
        link: format!("/ui/s/{server}/{day}"),
        weekday: w.weekday(day.date()),
        class: cells::class(cell),
        sign: match cell {
            Cell::Delivered(delivered) if delivered.health == Health::Complete => "✓",
            Cell::Delivered(_) => "",
            other => cells::sign(other),
        },
        words,
        values: read.map_or_else(Default::default, figures),
    }
}

fn figures(stats: &DayStats) -> [String; 10] {
    let f = &stats.figures;
    let number = |value: Option<f32>| {
        value.map_or_else(String::new, |value| numbers::plain(f64::from(value)))
    };
    let size = |value: Option<f32>| {
        value.map_or_else(String::new, |value| numbers::size(f64::from(value)))
    };
    let counted = |n: u32| if n == 0 { String::new() } else { n.to_string() };
    let busy = f.cpu_busy();
    [
        format!("{}/{}", stats.samples, stats.expected.max(stats.samples)),
        counted(stats.missing),
        counted(stats.rejects),
        counted(stats.reboots),
        number(f.load_mean),
        number(f.load_p95),
        number(f.load_max),
        busy.map_or_else(String::new, |busy| format!("{} %", numbers::plain(f64::from(busy)))),
        size(f.free_min),
        size(f.swapped_max),
    ]
}
