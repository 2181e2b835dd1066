//! The page of one day of one server: status messages, chart, figures, files.

mod chart;
pub(crate) mod content;
pub(crate) mod numbers;
mod rejects;
mod reopening;
mod report;
mod series;
mod state;
mod versions;

use std::borrow::Cow;

use askama::Template;
use log2aws_core::chart::{SeriesId, Time, View};
use log2aws_core::day::Day;
use log2aws_core::day_clock::DayClock;
use log2aws_core::key::ResultKind;
use log2aws_core::plain_text::visible;
use log2aws_core::summary::{LogSummary, Summary};
use log2aws_core::usual::Usual;

use super::cells;
use super::layout::{Message, PageLayout};
use super::retirement;
use crate::i18n::{Words, count, fill, reason};
use crate::index::{Absence, Cell};
use crate::query::Link;

pub(crate) use chart::{Chart, chart};
use content::{Content, Stored};
use rejects::{RejectExcerpt, RejectView};
use series::{Extremes, Figure};
pub(crate) use state::damage;

/// The most rows in the table of values.
const TABLE_ROWS: usize = 288;

/// A link to a day of the same server that has results.
struct DayLink {
    day: Day,
    link: String,
    words: String,
}

/// Other days of the same server: the nearest with results, and one week away.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Neighbours {
    pub(crate) previous: Option<Day>,
    pub(crate) next: Option<Day>,
    /// The same weekday one week before, if the server had results by then.
    pub(crate) week_before: Option<Day>,
    /// The same one week later, if there are results of that day or later.
    pub(crate) week_after: Option<Day>,
}

#[derive(Template)]
#[template(path = "day.html")]
struct DayPage<'a> {
    f: &'a PageLayout<'a>,
    server: &'a str,
    server_link: String,
    day: Day,
    weekday: &'static str,
    note: Option<Cow<'a, str>>,
    subtitle: String,
    previous: Option<DayLink>,
    next: Option<DayLink>,
    week_before: Option<DayLink>,
    week_after: Option<DayLink>,
    compare_link: String,
    messages: Vec<Message>,
    chart: Option<Chart>,
    downloads: Vec<File>,
    origin: Option<Vec<(&'static str, String)>>,
    rejects: Option<RejectList>,
    figures: Vec<Figure>,
    figures_note: String,
    table: Option<Table>,
}

#[derive(Template)]
#[template(path = "empty_day.html")]
struct EmptyDayPage<'a> {
    f: &'a PageLayout<'a>,
    server: &'a str,
    server_link: String,
    day: Day,
    weekday: &'static str,
    messages: Vec<Message>,
    previous: Option<DayLink>,
    next: Option<DayLink>,
    log_link: Option<String>,
}

struct File {
    name: &'static str,
    link: String,
}

struct RejectList {
    notes: Vec<String>,
    rejects: Vec<RejectRow>,
}

struct RejectRow {
    line: u64,
    reason: String,
    text: String,
    note: Option<String>,
}

struct Table {
    note: String,
    groups: Vec<Columns>,
    rows: Vec<TableRow>,
}

struct Columns {
    name: &'static str,
    unit: &'static str,
    names: Vec<&'static str>,
}

struct TableRow {
    time: String,
    values: Vec<String>,
}

/// The content of a day's page.
#[derive(Debug)]
pub(crate) struct DayInput<'a> {
    pub(crate) content: &'a Content,
    /// The first of the lines that could not be read.
    pub(crate) rejects: &'a Stored<RejectExcerpt>,
    pub(crate) view: &'a View,
    /// What is usual on such a day.
    pub(crate) usual: Option<&'a Usual>,
    pub(crate) neighbours: Neighbours,
    /// Whether the log itself can be downloaded.
    pub(crate) log: bool,
}

/// Renders the page.
///
/// # Errors
/// The template's; none in practice.
pub(crate) fn render(
    layout: &PageLayout<'_>,
    input: &DayInput<'_>,
) -> Result<String, askama::Error> {
    let (content, neighbours, w) = (input.content, input.neighbours, layout.w);
    let log = content.log.as_ref();
    let summary = match &content.summary {
        Stored::Read(summary) => Some(summary),
        _ => None,
    };
    let server = content.server.as_str();
    let rejects = reject_list(log, input.rejects, w);
    let extremes = match &content.csv {
        Stored::Read(rows) => Extremes::of(rows),
        _ => Extremes::default(),
    };
    DayPage {
        f: layout,
        server,
        server_link: server_link(content),
        day: content.day,
        weekday: w.weekday(content.day.date()),
        note: log.and_then(|log| log.metadata.note.as_deref()).map(visible),
        subtitle: log.map_or_else(String::new, |log| subtitle(log, w)),
        previous: neighbours.previous.map(|day| other(content, day, w.nearest_before)),
        next: neighbours.next.map(|day| other(content, day, w.nearest_after)),
        week_before: neighbours.week_before.map(|day| other(content, day, w.week_before_title)),
        week_after: neighbours.week_after.map(|day| other(content, day, w.week_after_title)),
        compare_link: Link::to("/ui/compare").with("date", content.day).with("s", server).text(),
        messages: state::sentences(content, content.report(input.usual).as_ref(), w),
        chart: content
            .drawing(input.view, input.usual)
            .map(|drawing| chart(content, input.view, &[], &drawing, w)),
        downloads: downloads(content, !matches!(input.rejects, Stored::Absent), input.log, w),
        origin: summary.map(|summary| origin(content, summary, w)),
        rejects,
        figures: log
            .filter(|log| log.rows > 0)
            .map_or_else(Vec::new, |log| series::figures(log, &extremes, w)),
        figures_note: fill(w.figures_note, &[("n", &log.map_or(0, |log| log.rows))]),
        table: table(content, input.view, w),
    }
    .render()
}

/// Renders the page of an empty day.
///
/// # Errors
/// The template's; none in practice.
pub(crate) fn render_empty(
    layout: &PageLayout<'_>,
    content: &Content,
    cell: &Cell,
    neighbours: Neighbours,
    log: bool,
) -> Result<String, askama::Error> {
    let w = layout.w;
    EmptyDayPage {
        f: layout,
        server: content.server.as_str(),
        server_link: server_link(content),
        day: content.day,
        weekday: w.weekday(content.day.date()),
        messages: std::iter::once(Message::new(cells::severity(cell), cells::sentence(cell, w)))
            .chain(versions::refused(&content.refused, w))
            .chain(content.retirement.as_ref().map(|record| retirement::message(record, None, w)))
            .chain(reopening::message(content, w))
            .chain(is_outstanding(cell).then(|| report::commands(content, w)))
            .collect(),
        previous: neighbours.previous.map(|day| other(content, day, w.nearest_before)),
        next: neighbours.next.map(|day| other(content, day, w.nearest_after)),
        log_link: log.then(|| file_link(content, ".log")),
    }
    .render()
}

/// Whether something can be found out or sent on the server.
fn is_outstanding(cell: &Cell) -> bool {
    matches!(cell, Cell::Empty(Absence::Ran | Absence::Silent | Absence::Unknown))
}

fn server_link(content: &Content) -> String {
    format!("/ui/s/{}?to={}", content.server, content.day)
}

fn other(content: &Content, day: Day, words: &str) -> DayLink {
    let link = format!("/ui/s/{}/{day}", content.server);
    DayLink { day, link, words: fill(words, &[("day", &day)]) }
}

fn subtitle(log: &LogSummary, w: &Words) -> String {
    let mut parts = vec![match &log.metadata.tz {
        Some(zone) => fill(w.zone, &[("zone", zone)]),
        None => w.zone_unknown.to_owned(),
    }];
    parts.extend(log.metadata.cores.map(|n| count(n.into(), [w.cores_one, w.cores_many])));
    parts.join(" · ")
}

fn file_link(content: &Content, suffix: &str) -> String {
    let Content { server, day, .. } = content;
    format!("/ui/s/{server}/{day}/{server}-{day}{suffix}")
}

fn downloads(content: &Content, rejects: bool, log: bool, w: &Words) -> Vec<File> {
    let csv = matches!(content.csv, Stored::Read(_) | Stored::Large);
    let drawn = matches!(content.csv, Stored::Read(_)) && content.log.is_some();
    let summary = matches!(content.summary, Stored::Read(_) | Stored::Unreadable(_));
    let files = [
        (csv, w.download_csv, ResultKind::Csv.suffix()),
        (drawn, w.download_svg, ".svg"),
        (drawn, w.download_png, ".png"),
        (drawn, w.download_html, ".html"),
        (summary, w.download_json, ResultKind::Json.suffix()),
        (rejects, w.download_rejects, ResultKind::Rejects.suffix()),
        (log, w.download_log, ".log"),
    ];
    let there = files.into_iter().filter(|(there, ..)| *there);
    there.map(|(_, name, suffix)| File { name, link: file_link(content, suffix) }).collect()
}

fn origin(content: &Content, summary: &Summary, w: &Words) -> Vec<(&'static str, String)> {
    let raw = &summary.raw;
    let mut origin = vec![
        (w.raw_key, raw.key.clone()),
        (w.raw_version, raw.version.clone()),
        (w.raw_size, fill(w.bytes, &[("n", &raw.size)])),
        (w.raw_sha256, raw.sha256.clone().unwrap_or_else(|| w.raw_unread.to_owned())),
        (w.analyzed_by, format!("log2aws {}", summary.program)),
    ];
    origin.extend(versions::rows(summary, w));
    origin.extend(reopening::earlier_rows(content, w));
    if let Some(log) = &summary.log {
        origin.push((w.rows, log.rows.to_string()));
    }
    origin
}

fn reject_list(
    log: Option<&LogSummary>,
    shown: &Stored<RejectExcerpt>,
    w: &Words,
) -> Option<RejectList> {
    let counted = log.map_or(0, |log| log.rejects.count);
    let mut notes = Vec::new();
    let shown = match shown {
        Stored::Read(shown) => shown,
        Stored::Failed(_) => {
            notes.push(w.store_failed.to_owned());
            return Some(RejectList { notes, rejects: Vec::new() });
        }
        _ if counted == 0 => return None,
        _ => {
            notes.push(fill(w.rejects_gone, &[("n", &counted)]));
            return Some(RejectList { notes, rejects: Vec::new() });
        }
    };
    let listed = shown.rejects.len() as u64;
    let kept = log.map_or(listed, |log| log.rejects.kept);
    if kept > listed {
        notes.push(fill(w.rejects_first, &[("shown", &listed), ("n", &kept)]));
    }
    if counted > kept {
        notes.push(fill(w.rejects_counted, &[("n", &(counted - kept))]));
    }
    if shown.damaged {
        notes.push(w.rejects_bad.to_owned());
    }
    let rejects = shown.rejects.iter().map(|reject| reject_row(reject, w)).collect();
    Some(RejectList { notes, rejects })
}

fn reject_row(reject: &RejectView, w: &Words) -> RejectRow {
    let mut notes = Vec::new();
    if reject.binary {
        notes.push(w.not_text.to_owned());
    }
    notes.extend(reject.cut.map(|n| fill(w.cut, &[("n", &n)])));
    RejectRow {
        line: reject.line,
        reason: reason(w.language, &reject.reason).into_owned(),
        text: reject.text.clone(),
        note: (!notes.is_empty()).then(|| notes.join(" · ")),
    }
}

fn table(content: &Content, view: &View, w: &Words) -> Option<Table> {
    let Stored::Read(rows) = &content.csv else { return None };
    let ids: Vec<_> = SeriesId::ALL.iter().filter(|id| !view.hidden.contains(id)).collect();
    let (from, till) =
        view.window.map_or((Time::START, Time::END), |window| (window.from(), window.till()));
    let inside = |time: jiff::civil::DateTime| {
        let minute =
            u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs());
        time.date() == content.day.date() && (from.minutes()..till.minutes()).contains(&minute)
    };
    let clock =
        DayClock::new(content.day, content.log.as_ref().and_then(|log| log.metadata.tz.as_deref()));
    let mut last = None;
    let mut found = 0_usize;
    rows.each(|sample| found += usize::from(inside(sample.time)));
    let every = found.div_ceil(TABLE_ROWS).max(1);
    let note = match (found, every) {
        (0, _) => fill(w.no_values, &[("from", &from), ("till", &till)]),
        (_, 1) => fill(w.values_all, &[("from", &from), ("till", &till)]),
        _ => fill(w.values_every, &[("n", &every), ("from", &from), ("till", &till)]),
    };
    let mut groups: Vec<Columns> = Vec::new();
    for id in &ids {
        let (group, name) = series::names(**id, w);
        match groups.last_mut() {
            Some(last) if last.name == group => last.names.push(name),
            _ => {
                let unit = series::unit(**id, w);
                groups.push(Columns { name: group, unit, names: vec![name] });
            }
        }
    }
    let row = |sample: &log2aws_core::sample::Sample, second: Option<u32>| {
        let time = sample.time.strftime("%H:%M:%S").to_string();
        TableRow {
            time: match second.and_then(|second| clock.abbreviation(second)) {
                Some(zone) => format!("{time} {zone}"),
                None => time,
            },
            values: ids.iter().map(|id| series::value(**id, sample)).collect(),
        }
    };
    let (mut shown, mut at) = (Vec::new(), 0_usize);
    if !ids.is_empty() {
        rows.each(|sample| {
            last = clock.elapsed(sample.time, last);
            if inside(sample.time) {
                if at.is_multiple_of(every) {
                    shown.push(row(&sample, last));
                }
                at += 1;
            }
        });
    }
    Some(Table { note, groups, rows: shown })
}
