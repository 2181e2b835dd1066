//! What gets worse from day to day, on all servers.

use askama::Template;
use log2aws_core::trend::DaysLeft;

use super::day::numbers;
use super::layout::{Message, PageLayout, Severity};
use crate::i18n::{Words, count, fill};
use crate::index::{DayNumber, Drift, DriftFigure, Drifts};
use crate::query::{Link, Query, echo_excerpt};

/// The lengths to choose from, in days.
const LENGTHS: [u16; 3] = [30, 60, 90];

/// The most rows.
const MAX_ROWS: usize = 200;

/// A limit that is reached within so many days is printed bold.
const URGENT: u32 = 14;

#[derive(Template)]
#[template(path = "trends.html")]
struct TrendsPage<'a> {
    f: &'a PageLayout<'a>,
    messages: Vec<Message>,
    totals: String,
    lengths: Vec<Choice>,
    rows: Vec<TrendRow>,
    none: &'static str,
    /// That there are more.
    first: Option<String>,
}

struct Choice {
    link: String,
    name: String,
    chosen: bool,
}

struct TrendRow {
    server: String,
    link: String,
    figure: &'static str,
    change: String,
    since: String,
    week: String,
    limit: String,
    urgent: bool,
}

/// The length in days.
///
/// # Errors
/// One sentence.
pub(crate) fn length(query: &Query, w: &Words) -> Result<u16, String> {
    let Some(text) = query.get("days") else { return Ok(LENGTHS[0]) };
    let known = LENGTHS.into_iter().find(|days| days.to_string() == text);
    known.ok_or_else(|| fill(w.bad_length, &[("given", &echo_excerpt(text))]))
}

/// Renders the page.
///
/// # Errors
/// The template's; none in practice.
pub(crate) fn render(
    layout: &PageLayout<'_>,
    days: u16,
    drifts: &Drifts,
) -> Result<String, askama::Error> {
    let w = layout.w;
    let n = drifts.all.len();
    let totals = count(n as u64, [w.trends_count_one, w.trends_count_many]);
    let lengths = LENGTHS.map(|length| Choice {
        link: Link::to("/ui/trends").with("days", length).text(),
        name: fill(w.trends_last, &[("n", &length)]),
        chosen: length == days,
    });
    let loading = layout.loading.then(|| Message::new(Severity::Note, w.trends_loading));
    TrendsPage {
        f: layout,
        messages: loading.into_iter().collect(),
        totals: fill(&totals, &[("servers", &drifts.servers)]),
        lengths: lengths.into(),
        rows: drifts
            .all
            .iter()
            .take(MAX_ROWS)
            .map(|(server, d)| row(server.as_str(), d, w))
            .collect(),
        none: if drifts.servers == 0 { w.trends_too_new } else { w.trends_none },
        first: (n > MAX_ROWS).then(|| fill(w.trends_first, &[("shown", &MAX_ROWS), ("n", &n)])),
    }
    .render()
}

fn row(server: &str, drift: &Drift, w: &Words) -> TrendRow {
    let Drift { figure, trend, .. } = drift;
    let written = |value: f64| match figure {
        DriftFigure::Load => numbers::plain((value * 10.0).round() / 10.0),
        _ => numbers::size(value),
    };
    let week = trend.slope.mid * 7.0;
    let sign = if week < 0.0 { '-' } else { '+' };
    let day = |number| DayNumber(number).day();
    let newest = day(trend.last).map(|day| day.to_string());
    let link = Link::to(format!("/ui/s/{server}")).with_some("to", newest).text();
    TrendRow {
        server: server.to_owned(),
        link,
        figure: match figure {
            DriftFigure::Free => w.drift_free,
            DriftFigure::Left => w.drift_left,
            DriftFigure::Swapped => w.drift_swapped,
            DriftFigure::Load => w.drift_load,
        },
        change: format!("{} → {}", written(trend.oldest), written(trend.newest)),
        since: day(trend.first)
            .map_or_else(String::new, |day| fill(w.trend_since, &[("day", &day)])),
        week: format!("{sign}{}", written(week.abs())),
        limit: limit(drift, w),
        urgent: drift.limit.is_some_and(|limit| limit.earliest <= URGENT),
    }
}

fn limit(drift: &Drift, w: &Words) -> String {
    let Some(DaysLeft { earliest, latest }) = drift.limit else { return String::new() };
    let [now, one, range] = match drift.figure {
        DriftFigure::Load => [w.drift_load_now, w.drift_load_in_one, w.drift_load_in],
        DriftFigure::Free => [w.drift_free_now, w.drift_free_in_one, w.drift_free_in],
        _ => [w.drift_memory_now, w.drift_memory_in_one, w.drift_memory_in],
    };
    let text = match (earliest, latest) {
        (_, 0) => now,
        (earliest, latest) if earliest == latest => one,
        _ => range,
    };
    let cores = drift.cores.unwrap_or_default();
    fill(text, &[("from", &earliest), ("till", &latest), ("cores", &cores)])
}
