//! The calendar: servers by days.

pub(crate) mod state;
mod totals;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use askama::Template;
use log2aws_core::day::Day;

use super::layout::{Message, PageLayout};
use super::{cells, lens, retirement};
use crate::i18n::{Words, count, fill};
use crate::index::{
    Absence, Calendar, CalendarRow, Cell, DayCounts, Health, Lens, LensValue, MANY_REBOOTS, Only,
    Sort,
};

pub(crate) use state::{CalendarState, FieldError, shifted};
pub(crate) use totals::{field_errors, messages};

/// The longest name and note that are shown whole, in characters.
const FITTING_NAME: usize = 34;
const FITTING_NOTE: usize = 40;

#[derive(Template)]
#[template(path = "calendar.html")]
struct CalendarPage<'a> {
    f: &'a PageLayout<'a>,
    state: &'a CalendarState,
    from: Day,
    given_to: String,
    given_days: String,
    errors: &'a [FieldError],
    troubled_only: bool,
    totals: String,
    messages: Vec<Message>,
    empty_fleet: bool,
    none_listed: String,
    caption: String,
    lens_name: &'static str,
    lens_description: &'static str,
    lens_id: &'static str,
    sort_id: &'static str,
    lenses: Vec<Choice>,
    sorts: Vec<Choice>,
    scale: Vec<(&'static str, String)>,
    marks: Vec<LegendEntry>,
    months: Vec<Month>,
    days: Vec<DayHead>,
    rows: Vec<ServerRow<'a>>,
    legend: Vec<LegendEntry>,
    compare_date: Option<Day>,
    earlier: String,
    later: Option<String>,
    newest: String,
    all_link: String,
    csv_link: String,
    pages: usize,
    page_of: String,
    page_previous: Option<String>,
    page_next: Option<String>,
}

impl CalendarPage<'_> {
    fn bad(&self, field: &str) -> bool {
        self.errors.iter().any(|error| error.field == field)
    }

    fn has_signs(&self) -> bool {
        self.legend.iter().any(|entry| !entry.short.is_empty())
    }
}

/// A link to the same page in another way.
struct Choice {
    link: String,
    name: Cow<'static, str>,
    chosen: bool,
}

struct Month {
    name: String,
    days: usize,
    /// Whether there is no room for its name, which would make its only column wider.
    narrow: bool,
}

struct DayHead {
    date: Day,
    number: i8,
    weekday: &'static str,
    weekend: bool,
    /// What has arrived, in words.
    words: String,
    link: String,
    arrived: usize,
    /// How the number of arrived logs is marked.
    mark: &'static str,
    chosen: bool,
}

struct ServerRow<'a> {
    server: &'a str,
    note: Option<Cow<'a, str>>,
    /// The whole name and note, if they are not shown whole.
    title: Option<String>,
    reboots: Option<String>,
    retired: Option<String>,
    alerts: Option<String>,
    compare: String,
    cells: Vec<CellView<'a>>,
}

struct CellView<'a> {
    class: &'static str,
    day: &'a str,
    text: CellText,
    /// On hover.
    title: String,
    /// For screen readers, after the text.
    words: Cow<'a, str>,
}

/// The text of a cell. There are thousands, so numbers are formatted without an allocation.
enum CellText {
    Value(lens::Short),
    Percent(u32),
    Sign(&'static str),
}

impl fmt::Display for CellText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => value.fmt(f),
            Self::Percent(percent) => percent.fmt(f),
            Self::Sign(sign) => f.write_str(sign),
        }
    }
}

struct LegendEntry {
    class: &'static str,
    text: String,
    /// A few words; empty where the number says it.
    short: &'static str,
    words: &'static str,
}

/// Renders the page. `newest` is the last day by default.
///
/// # Errors
/// The template's; none in practice.
pub(crate) fn render(
    layout: &PageLayout<'_>,
    (state, errors): (&CalendarState, &[FieldError]),
    calendar: &Calendar,
    newest: Day,
    mut messages: Vec<Message>,
) -> Result<String, askama::Error> {
    let w = layout.w;
    let names: Vec<String> = calendar.days.iter().map(Day::to_string).collect();
    let state = &CalendarState { page: calendar.page, ..state.clone() };
    let span = state::days(state.days);
    let first = CalendarState { page: 1, ..state.clone() };
    let moved = |by| {
        let to = shifted(state.to, by);
        CalendarState { to, fixed: to < newest, ..first.clone() }.link()
    };
    let page = |page| CalendarState { page, ..state.clone() }.link();
    let everything = CalendarState { search: String::new(), only: Only::All, ..first.clone() };
    let bad = |field| errors.iter().find(|error: &&FieldError| error.field == field);
    let given = |field, value: String| bad(field).map_or(value, |error| error.given.clone());
    messages.splice(0..0, field_errors(errors));
    let alerts = layout.alerts.by_server();
    messages.extend(totals::missing(calendar, state, w));
    CalendarPage {
        f: layout,
        state,
        from: state.from(),
        given_to: given("to", if state.fixed { state.to.to_string() } else { String::new() }),
        given_days: given("days", state.days.to_string()),
        errors,
        troubled_only: state.only == Only::Troubled,
        totals: totals::totals(calendar, state, layout.loading, w),
        messages,
        empty_fleet: calendar.servers == 0,
        none_listed: totals::none_listed(calendar, state, layout.loading, w),
        caption: fill(
            w.calendar_caption,
            &[("lens", &lens::name(state.lens, w)), ("from", &state.from()), ("to", &state.to)],
        ),
        lens_name: lens::name(state.lens, w),
        lens_description: lens::description(state.lens, w),
        lens_id: lens::id(state.lens),
        sort_id: state::sort_id(state.sort),
        lenses: lenses(&first, w),
        sorts: sorts(&first, w),
        scale: lens::scale(state.lens, w),
        marks: marks(calendar, state.lens, w),
        months: months(&calendar.days),
        days: heads(calendar, &first, w),
        rows: calendar
            .rows
            .iter()
            .map(|row| ServerRow {
                alerts: alerts
                    .get(&row.server)
                    .map(|n| count(*n, [w.alerts_one_here, w.alerts_many_here])),
                ..server_row(row, &names, state.lens, w)
            })
            .collect(),
        legend: legend(calendar, state.lens, w),
        compare_date: state.fixed.then_some(calendar.state_of.0),
        earlier: moved(-span),
        later: (state.to < newest).then(|| moved(span)),
        newest: CalendarState { fixed: false, ..first.clone() }.link(),
        all_link: everything.link(),
        csv_link: state.csv_link(),
        pages: calendar.pages,
        page_of: fill(w.page_of, &[("page", &calendar.page), ("pages", &calendar.pages)]),
        page_previous: (calendar.page > 1).then(|| page(calendar.page - 1)),
        page_next: (calendar.page < calendar.pages).then(|| page(calendar.page + 1)),
    }
    .render()
}

fn lenses(first: &CalendarState, w: &Words) -> Vec<Choice> {
    let choice = |lens| Choice {
        link: CalendarState { lens, ..first.clone() }.link(),
        name: lens::name(lens, w).into(),
        chosen: first.lens == lens,
    };
    Lens::ALL.into_iter().map(choice).collect()
}

fn sorts(first: &CalendarState, w: &Words) -> Vec<Choice> {
    let by_lens = fill(w.sort_lens, &[("lens", &lens::name(first.lens, w))]);
    let sorts: [(Sort, Cow<'_, str>); 3] = [
        (Sort::Severity, w.sort_severity.into()),
        (Sort::Lens, by_lens.into()),
        (Sort::Name, w.sort_name.into()),
    ];
    let choice = |(sort, name)| Choice {
        link: CalendarState { sort, ..first.clone() }.link(),
        name,
        chosen: first.sort == sort,
    };
    sorts.into_iter().map(choice).collect()
}

fn months(days: &[Day]) -> Vec<Month> {
    let mut months: Vec<Month> = Vec::new();
    for day in days {
        let name = day.date().strftime("%Y-%m").to_string();
        match months.last_mut() {
            Some(month) if month.name == name => month.days += 1,
            _ => months.push(Month { name, days: 1, narrow: false }),
        }
    }
    let several = months.len() > 1;
    for month in &mut months {
        month.narrow = several && month.days == 1;
    }
    months
}

fn heads(calendar: &Calendar, first: &CalendarState, w: &Words) -> Vec<DayHead> {
    let mut silent_before = 0;
    let head = |(day, counts): (&Day, &DayCounts)| {
        let (date, only) = (day.date(), Only::Missing(*day));
        let weekday = w.weekday(date);
        let arrived = totals::arrived(*day, counts, calendar.today, w);
        DayHead {
            date: *day,
            number: date.day(),
            weekday,
            weekend: date.weekday().to_monday_zero_offset() >= 5,
            words: format!("{day} ({weekday}): {arrived}"),
            link: CalendarState { only, ..first.clone() }.link(),
            arrived: counts.arrived,
            mark: mark(counts, std::mem::replace(&mut silent_before, counts.silent)),
            chosen: first.only == only,
        }
    };
    calendar.days.iter().zip(&calendar.counts).map(head).collect()
}

/// A server that is silent for long must not hide that another is missing today.
fn mark(counts: &DayCounts, silent_before: usize) -> &'static str {
    match counts {
        DayCounts { missing, silent, .. } if *missing > 0 || *silent > silent_before => "no",
        DayCounts { silent: 0, .. } => "",
        _ => "few",
    }
}

fn server_row<'a>(
    row: &'a CalendarRow,
    names: &'a [String],
    lens: Lens,
    w: &'a Words,
) -> ServerRow<'a> {
    let server = row.server.as_str();
    let silent = row.last.map(|last| fill(w.cell_silent_since, &[("day", &last)]));
    let cells = row.cells.iter().zip(&row.values).zip(names);
    let note = row.note.as_deref().map(|note| short(note, FITTING_NOTE));
    let retired = row.retired.as_ref();
    let retired_in_short = retired.map(|record| retirement::short(record, w));
    let retired_line = retired.map(|record| retirement::line(record, w));
    let whole = [Some(server), row.note.as_deref(), retired_line.as_deref()];
    let whole = whole.into_iter().flatten().collect::<Vec<_>>().join(" · ");
    let cut = retired.is_some()
        || server.chars().count() > FITTING_NAME
        || note.as_deref() != row.note.as_deref();
    ServerRow {
        server,
        note,
        title: cut.then_some(whole),
        reboots: (row.reboots >= MANY_REBOOTS)
            .then(|| count(row.reboots.into(), [w.reboots_here_many; 2])),
        retired: retired_in_short.clone(),
        alerts: None,
        compare: fill(w.compare_one, &[("server", &server)]),
        cells: cells
            .map(|((cell, value), day)| match cell {
                Cell::Empty(Absence::Silent) => {
                    let words = silent.clone().map(Cow::from);
                    sign(cell, day, words.unwrap_or_else(|| w.cell_silent.into()))
                }
                Cell::Empty(Absence::Retired) => {
                    let words = retired_in_short.clone().map(Cow::from);
                    sign(cell, day, words.unwrap_or_else(|| w.cell_retired.into()))
                }
                Cell::Delivered(_) => delivered(cell, *value, day, lens, w),
                _ => sign(cell, day, cells::absence_words(cell, w).into()),
            })
            .collect(),
    }
}

/// A cell without results.
fn sign<'a>(cell: &Cell, day: &'a str, words: Cow<'a, str>) -> CellView<'a> {
    let text = CellText::Sign(cells::sign(cell));
    CellView { class: cells::class(cell), day, text, title: words.to_string(), words }
}

/// A cell with results.
fn delivered<'a>(
    cell: &Cell,
    value: Option<LensValue>,
    day: &'a str,
    lens: Lens,
    w: &'a Words,
) -> CellView<'a> {
    let words = cells::short(cell, w);
    let Cell::Delivered(delivered) = cell else { return sign(cell, day, "".into()) };
    if lens != Lens::Complete {
        let incomplete = delivered.health != Health::Complete;
        let text = CellText::Value(lens::Short(lens, value));
        let class = lens::class(value, incomplete);
        let hidden = if incomplete { w.cell_incomplete } else { "" };
        return CellView { class, day, text, title: words, words: hidden.into() };
    }
    let samples = cells::delivered(delivered, w);
    let text = match delivered.health {
        Health::Complete => CellText::Sign("✓"),
        _ => CellText::Percent(cells::percent(delivered)),
    };
    CellView { class: cells::class(cell), day, text, title: samples, words: "".into() }
}

/// The beginning of a text.
fn short(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]).into(),
        None => text.into(),
    }
}

/// What the marks of the values mean that are on this page.
fn marks(calendar: &Calendar, lens: Lens, w: &Words) -> Vec<LegendEntry> {
    if lens == Lens::Complete {
        return Vec::new();
    }
    let days = || calendar.rows.iter().flat_map(|row| row.cells.iter().zip(&row.values));
    let delivered = |cell: &Cell| match cell {
        Cell::Delivered(delivered) => Some(delivered.health),
        _ => None,
    };
    let mut marks = Vec::new();
    let mut mark = |there, class, text: &str, words| {
        if there {
            marks.push(LegendEntry { class, text: text.to_owned(), short: "", words });
        }
    };
    let incomplete = |cell| delivered(cell).is_some_and(|health| health != Health::Complete);
    mark(days().any(|(cell, _)| incomplete(cell)), "w0", "", w.mark_incomplete);
    let no_cores = |value: &Option<LensValue>| value.is_some_and(|value| value.cores.is_none());
    let any = lens == Lens::Load && days().any(|(_, value)| no_cores(value));
    mark(any, "v2", "(3.1)", w.mark_no_cores);
    let none = days().any(|(cell, value)| delivered(cell).is_some() && value.is_none());
    mark(none, "vn", "–", w.mark_no_value);
    marks
}

/// The kinds of cells on this page.
fn legend(calendar: &Calendar, lens: Lens, w: &Words) -> Vec<LegendEntry> {
    let shown = |cell: &&Cell| lens == Lens::Complete || !matches!(cell, Cell::Delivered(_));
    let cells = calendar.rows.iter().flat_map(|row| &row.cells).filter(shown);
    let classes: BTreeSet<_> = cells.map(cells::class).collect();
    let entry = |cell: Cell| {
        let class = cells::class(&cell);
        let text = match cell {
            Cell::Delivered(delivered) if delivered.health == Health::Complete => "✓".to_owned(),
            Cell::Delivered(delivered) => format!("{}%", cells::percent(&delivered)),
            other => cells::sign(&other).to_owned(),
        };
        classes.contains(class).then(|| LegendEntry {
            class,
            text,
            short: cells::absence_words(&cell, w),
            words: cells::sentence(&cell, w),
        })
    };
    cells::all().into_iter().filter_map(entry).collect()
}

#[cfg(test)]
mod tests;
