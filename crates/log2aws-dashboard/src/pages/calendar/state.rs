//! The state of the calendar in its URL.

use std::fmt::Display;

use jiff::ToSpan as _;
use log2aws_core::day::Day;

use crate::i18n::{Words, fill};
use crate::index::{CalendarQuery, Lens, Only, Sort};
use crate::pages::lens;
use crate::query::{Link, Query, echo_excerpt};

/// How many servers a page has.
pub(crate) const PER_PAGE: usize = 200;

/// The most days shown, and the default.
const MAX_DAYS: usize = 92;
const USUAL_DAYS: usize = 31;

const MAX_PAGE: usize = 1_000_000;

/// The state of the calendar in its URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CalendarState {
    pub(crate) to: Day,
    /// Whether the URL has a `to`; otherwise the calendar moves on with time.
    pub(crate) fixed: bool,
    pub(crate) days: usize,
    pub(crate) search: String,
    pub(crate) only: Only,
    pub(crate) lens: Lens,
    pub(crate) sort: Sort,
    pub(crate) page: usize,
}

/// A field of the URL with a value that cannot be used; the page shows the default instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldError {
    pub(crate) field: &'static str,
    /// The beginning of what was given.
    pub(crate) given: String,
    /// One sentence.
    pub(crate) text: String,
}

impl CalendarState {
    /// Parses the state; `newest` is the last day by default. A field that cannot be used has its
    /// default and an error.
    pub(crate) fn read(
        query: &Query,
        newest: Day,
        today: Day,
        w: &Words,
    ) -> (Self, Vec<FieldError>) {
        let mut errors = Errors { query, errors: Vec::new() };
        let to = errors.value("to", query.day("to", today, w));
        let days = errors.value("days", query.number("days", (1, MAX_DAYS), w));
        let page = errors.value("page", query.number("page", (1, MAX_PAGE), w));
        let lens = errors.value("lens", choice(query.get("lens"), &Lens::ALL, lens::id, w));
        let sorts = [Sort::Severity, Sort::Name, Sort::Lens];
        let sort = errors.value("sort", choice(query.get("sort"), &sorts, sort_id, w));
        let day = errors.value("day", query.day("day", today, w));
        let only = match query.get("only") {
            Some("troubled") => Only::Troubled,
            Some("missing") => Only::Missing(day.unwrap_or_else(|| shifted(today, -1))),
            _ => Only::All,
        };
        let state = Self {
            to: to.unwrap_or(newest),
            fixed: to.is_some(),
            days: days.unwrap_or(USUAL_DAYS),
            search: query.get("q").unwrap_or_default().to_owned(),
            only,
            lens: lens.unwrap_or_default(),
            sort: sort.unwrap_or_default(),
            page: page.unwrap_or(1),
        };
        (state, errors.errors)
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
            only: self.only,
            lens: self.lens,
            sort: self.sort,
            page: self.page,
            per_page: PER_PAGE,
        }
    }

    pub(crate) fn link(&self) -> String {
        self.link_to("/ui/")
    }

    /// The figures of all pages as CSV.
    pub(crate) fn csv_link(&self) -> String {
        Self { page: 1, ..self.clone() }.link_to("/ui/calendar.csv")
    }

    fn link_to(&self, path: &str) -> String {
        let (only, day) = match self.only {
            Only::All => (None, None),
            Only::Troubled => (Some("troubled"), None),
            Only::Missing(day) => (Some("missing"), Some(day)),
        };
        Link::to(path)
            .with_some("to", self.fixed.then_some(self.to))
            .with_some("days", (self.days != USUAL_DAYS).then_some(self.days))
            .with_some("q", Some(&self.search).filter(|search| !search.is_empty()))
            .with_some("lens", (self.lens != Lens::default()).then(|| lens::id(self.lens)))
            .with_some("sort", (self.sort != Sort::default()).then(|| sort_id(self.sort)))
            .with_some("only", only)
            .with_some("day", day)
            .with_some("page", (self.page > 1).then_some(self.page))
            .text()
    }
}

/// The name of an order in a URL.
pub(crate) fn sort_id(sort: Sort) -> &'static str {
    match sort {
        Sort::Severity => "severity",
        Sort::Name => "name",
        Sort::Lens => "lens",
    }
}

struct Errors<'a> {
    query: &'a Query,
    errors: Vec<FieldError>,
}

impl Errors<'_> {
    fn value<T>(&mut self, field: &'static str, value: Result<Option<T>, String>) -> Option<T> {
        value.unwrap_or_else(|text| {
            let given = echo_excerpt(self.query.get(field).unwrap_or_default());
            self.errors.push(FieldError { field, given, text });
            None
        })
    }
}

fn choice<T: Copy>(
    given: Option<&str>,
    all: &[T],
    id: fn(T) -> &'static str,
    w: &Words,
) -> Result<Option<T>, String> {
    let Some(given) = given else { return Ok(None) };
    let found = all.iter().copied().find(|one| id(*one) == given);
    found.map(Some).ok_or_else(|| {
        let known: Vec<_> = all.iter().map(|one| id(*one)).collect();
        let given: &dyn Display = &echo_excerpt(given);
        fill(w.bad_choice, &[("given", given), ("known", &known.join(", "))])
    })
}

/// A day shifted by some days, clamped to the range of the calendar.
pub(crate) fn shifted(day: Day, days: i64) -> Day {
    Day::from_date(day.date().saturating_add(days.days())).unwrap_or(day)
}

pub(crate) fn days(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(0)
}
