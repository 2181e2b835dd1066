//! The calendar: servers by days.

use askama::Template;
use jiff::ToSpan as _;
use log2aws_core::day::Day;

use super::cells;
use super::layout::{Message, PageLayout, Severity};
use crate::i18n::{Words, count, fill};
use crate::index::{Calendar, CalendarQuery, Cell};
use crate::query::{Link, Query};
use crate::store_index::Progress;
use crate::store_trouble::StoreTrouble;

/// How many servers a page has.
pub(crate) const PER_PAGE: usize = 200;

/// The most days shown, and the default.
pub(crate) const MAX_DAYS: usize = 92;
const USUAL_DAYS: usize = 31;

/// The state of the calendar in its URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CalendarState {
    pub(crate) to: Day,
    /// Whether the URL has a `to`; otherwise the calendar moves on with time.
    pub(crate) fixed: bool,
    pub(crate) days: usize,
    pub(crate) search: String,
    pub(crate) troubled_only: bool,
    pub(crate) page: usize,
}

impl CalendarState {
    /// Parses the state; `newest` is the last day by default.
    ///
    /// # Errors
    /// One sentence.
    pub(crate) fn read(query: &Query, newest: Day, w: &Words) -> Result<Self, String> {
        let to = query.day("to", w)?;
        Ok(Self {
            to: to.unwrap_or(newest),
            fixed: to.is_some(),
            days: query.number("days", (1, MAX_DAYS), w)?.unwrap_or(USUAL_DAYS),
            search: query.get("q").unwrap_or_default().to_owned(),
            troubled_only: query.get("only") == Some("troubled"),
            page: query.number("page", (1, 1_000_000), w)?.unwrap_or(1),
        })
    }

    /// The first day shown.
    pub(crate) fn from(&self) -> Day {
        shifted(self.to, 1 - days(self.days))
    }

    /// The query to the index.
    pub(crate) fn to_query(&self) -> CalendarQuery {
        CalendarQuery {
            from: self.from(),
            to: self.to,
            search: self.search.clone(),
            troubled_only: self.troubled_only,
            page: self.page,
            per_page: PER_PAGE,
        }
    }

    fn link(&self) -> String {
        Link::to("/ui/")
            .with_some("to", self.fixed.then_some(self.to))
            .with_some("days", (self.days != USUAL_DAYS).then_some(self.days))
            .with_some("q", Some(&self.search).filter(|search| !search.is_empty()))
            .with_some("only", self.troubled_only.then_some("troubled"))
            .with_some("page", (self.page > 1).then_some(self.page))
            .text()
    }
}

/// A day shifted by some days, clamped to the range of the calendar.
pub(crate) fn shifted(day: Day, days: i64) -> Day {
    Day::from_date(day.date().saturating_add(days.days())).unwrap_or(day)
}

pub(crate) fn days(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(0)
}

#[derive(Template)]
#[template(path = "calendar.html")]
struct CalendarPage<'a> {
    f: &'a PageLayout<'a>,
    state: &'a CalendarState,
    from: Day,
    given_to: String,
    totals: String,
    messages: Vec<Message>,
    empty_fleet: bool,
    caption: String,
    months: Vec<Month>,
    days: Vec<DayHead>,
    rows: Vec<ServerRow<'a>>,
    legend: Vec<LegendEntry>,
    earlier: String,
    later: Option<String>,
    newest: String,
    all_link: String,
    pages: usize,
    page_of: String,
    page_previous: Option<String>,
    page_next: Option<String>,
}

struct Month {
    name: String,
    days: usize,
}

struct DayHead {
    full: String,
    number: i8,
    weekday: &'static str,
    weekend: bool,
}

struct ServerRow<'a> {
    server: &'a str,
    cells: Vec<CellView<'a>>,
}

struct CellView<'a> {
    class: &'static str,
    day: &'a str,
    text: CellText,
    words: String,
}

/// The text of a cell. There are thousands, so numbers are formatted without an allocation.
enum CellText {
    Number(u32),
    Sign(&'static str),
}

impl std::fmt::Display for CellText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Sign(sign) => f.write_str(sign),
        }
    }
}

struct LegendEntry {
    class: &'static str,
    text: String,
    words: &'static str,
}

/// Renders the page. `newest` is the last day by default.
///
/// # Errors
/// The template's; none in practice.
pub(crate) fn render(
    layout: &PageLayout<'_>,
    state: &CalendarState,
    calendar: &Calendar,
    newest: Day,
    messages: Vec<Message>,
) -> Result<String, askama::Error> {
    let w = layout.w;
    let names: Vec<String> = calendar.days.iter().map(Day::to_string).collect();
    let state = &CalendarState { page: calendar.page, ..state.clone() };
    let span = days(state.days);
    let moved = |by| {
        let to = shifted(state.to, by);
        CalendarState { to, fixed: to < newest, page: 1, ..state.clone() }.link()
    };
    let page = |page| CalendarState { page, ..state.clone() }.link();
    let everything =
        CalendarState { search: String::new(), troubled_only: false, page: 1, ..state.clone() };
    CalendarPage {
        f: layout,
        state,
        from: state.from(),
        given_to: if state.fixed { state.to.to_string() } else { String::new() },
        totals: totals(calendar, state, w),
        messages,
        empty_fleet: calendar.servers == 0,
        caption: fill(w.calendar_caption, &[("from", &state.from()), ("to", &state.to)]),
        months: months(&calendar.days),
        days: calendar.days.iter().map(|day| head(*day, w)).collect(),
        rows: calendar
            .rows
            .iter()
            .map(|row| ServerRow {
                server: row.server.as_str(),
                cells: row.cells.iter().zip(&names).map(|(cell, day)| view(cell, day, w)).collect(),
            })
            .collect(),
        legend: cells::all().iter().map(|cell| entry(cell, w)).collect(),
        earlier: moved(-span),
        later: (state.to < newest).then(|| moved(span)),
        newest: CalendarState { fixed: false, page: 1, ..state.clone() }.link(),
        all_link: everything.link(),
        pages: calendar.pages,
        page_of: fill(w.page_of, &[("page", &calendar.page), ("pages", &calendar.pages)]),
        page_previous: (calendar.page > 1).then(|| page(calendar.page - 1)),
        page_next: (calendar.page < calendar.pages).then(|| page(calendar.page + 1)),
    }
    .render()
}

fn totals(calendar: &Calendar, state: &CalendarState, w: &Words) -> String {
    let mut parts = vec![cells::servers(calendar.servers, w)];
    if !state.search.is_empty() {
        parts.push(fill(w.matching, &[("n", &calendar.matching)]));
    }
    if calendar.matching > 0 {
        parts.push(match calendar.troubled {
            0 => w.troubled_none.to_owned(),
            n => count(n as u64, [w.troubled_one, w.troubled_many]),
        });
    }
    parts.join(" · ")
}

/// Messages about the progress of the index and about faults of the store.
pub(crate) fn messages(progress: &Progress, trouble: &StoreTrouble, w: &Words) -> Vec<Message> {
    let mut messages = progress_messages(progress, w);
    if trouble.unreadable > 0 {
        let text = count(trouble.unreadable as u64, [w.unreadable_one, w.unreadable_many]);
        let mut reasons = trouble.reasons.join("; ");
        if trouble.unreadable > trouble.reasons.len() {
            reasons.push_str("; …");
        }
        messages.push(Message::new(Severity::Bad, text).with_detail(reasons));
    }
    if trouble.retention_paused {
        messages.push(Message::new(Severity::Warn, w.retention_paused));
    }
    messages
}

/// Messages about the progress of the index.
pub(crate) fn progress_messages(progress: &Progress, w: &Words) -> Vec<Message> {
    let mut messages = Vec::new();
    if let Some(why) = &progress.failed {
        messages.push(Message::new(Severity::Bad, w.load_failed).with_detail(why.as_str()));
    }
    if progress.loading {
        let text = fill(w.loading, &[("listed", &progress.listed), ("read", &progress.read)]);
        messages.push(Message::new(Severity::Note, text));
    }
    messages
}

fn months(days: &[Day]) -> Vec<Month> {
    let mut months: Vec<Month> = Vec::new();
    for day in days {
        let name = day.date().strftime("%Y-%m").to_string();
        match months.last_mut() {
            Some(month) if month.name == name => month.days += 1,
            _ => months.push(Month { name, days: 1 }),
        }
    }
    months
}

fn head(day: Day, w: &Words) -> DayHead {
    let date = day.date();
    let weekday = w.weekday(date);
    DayHead {
        full: format!("{day} ({weekday})"),
        number: date.day(),
        weekday,
        weekend: date.weekday().to_monday_zero_offset() >= 5,
    }
}

fn view<'a>(cell: &Cell, day: &'a str, w: &Words) -> CellView<'a> {
    let text = match cell {
        Cell::Delivered(delivered) => CellText::Number(delivered.samples),
        other => CellText::Sign(cells::sign(other)),
    };
    CellView { class: cells::class(cell), day, text, words: cells::short(cell, w) }
}

fn entry(cell: &Cell, w: &Words) -> LegendEntry {
    let text = match cell {
        Cell::Delivered(delivered) => delivered.samples.to_string(),
        other => cells::sign(other).to_owned(),
    };
    LegendEntry { class: cells::class(cell), text, words: cells::sentence(cell, w) }
}

#[cfg(test)]
mod tests;
