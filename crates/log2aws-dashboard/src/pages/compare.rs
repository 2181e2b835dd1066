//! One day of several servers, one below the other.

use std::collections::BTreeSet;

use askama::Template;
use log2aws_core::chart::{SeriesId, View, Window};
use log2aws_core::day::Day;
use log2aws_core::day_clock::DayClock;
use log2aws_core::server_name::ServerName;

use super::calendar::{FieldError, field_errors, shifted};
use super::cells;
use super::day::{self, content::Content};
use super::layout::{Message, PageLayout, Severity};
use crate::i18n::{Words, fill};
use crate::index::Cell;
use crate::query::{Link, Query, echo_excerpt};

/// The most servers in one comparison.
pub(crate) const MAX_SERVERS: usize = 8;

/// The series compared: load and CPU. The day's own page has the rest.
const COMPARED: [SeriesId; 7] = [
    SeriesId::Load1,
    SeriesId::Load5,
    SeriesId::Load15,
    SeriesId::User,
    SeriesId::System,
    SeriesId::Wait,
    SeriesId::Stolen,
];

/// The columns on the scale of the load.
const LOADS: [&str; 3] = ["load-average01", "load-average05", "load-average15"];

/// The scale has room for the cores of a server unless they are more than this many times its
/// highest load, which would flatten the curves.
const MAX_CORES_PER_LOAD: f64 = 4.0;

/// The state of the comparison in its URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CompareState {
    pub(crate) servers: Vec<ServerName>,
    pub(crate) day: Day,
    pub(crate) view: View,
}

impl CompareState {
    /// Parses the state; the day is yesterday by default, the last one whose logs can be there. A
    /// field that cannot be used, or a server that `known` does not know, has an error and is left
    /// out.
    pub(crate) fn read(
        query: &Query,
        today: Day,
        known: impl Fn(&ServerName) -> bool,
        w: &Words,
    ) -> (Self, Vec<FieldError>) {
        let mut errors = Vec::new();
        let mut error = |field, given: &str, text| {
            errors.push(FieldError { field, given: echo_excerpt(given), text });
        };
        let mut servers: Vec<ServerName> = Vec::new();
        for text in query.all("s") {
            match text.parse() {
                Ok(server) if !known(&server) => {
                    let text = fill(w.not_found_server, &[("server", &server)]);
                    error(UNKNOWN_SERVER, server.as_str(), text);
                }
                Ok(server) if servers.contains(&server) || servers.len() >= MAX_SERVERS => {}
                Ok(server) => servers.push(server),
                Err(_) => error("s", text, fill(w.bad_server, &[("given", &echo_excerpt(text))])),
            }
        }
        let day = query.day("date", today, w).unwrap_or_else(|text| {
            error("date", query.get("date").unwrap_or_default(), text);
            None
        });
        let view = query.view(w).unwrap_or_else(|text| {
            error("from", query.get("from").unwrap_or_default(), text);
            View { language: w.language, ..View::default() }
        });
        let hidden = SeriesId::ALL.iter().copied();
        let hidden = hidden.filter(|id| !COMPARED.contains(id) || view.hidden.contains(id));
        let view = View { hidden: hidden.collect(), load_up_to: None, ..view };
        let day = day.unwrap_or_else(|| shifted(today, -1));
        (Self { servers, day, view }, errors)
    }

    fn link(&self) -> String {
        let mut link = Link::to("/ui/compare").with("date", self.day);
        for server in &self.servers {
            link = link.with("s", server);
        }
        let hidden = self.view.hidden.iter().copied().filter(|id| COMPARED.contains(id)).collect();
        link.with_view(&View { hidden, ..self.view.clone() }).text()
    }
}

/// The field of an error about a server that has delivered nothing.
pub(crate) const UNKNOWN_SERVER: &str = "unknown";

#[derive(Template)]
#[template(path = "compare.html")]
struct ComparePage<'a> {
    f: &'a PageLayout<'a>,
    date: Day,
    given_date: String,
    given_server: String,
    hint: String,
    messages: Vec<Message>,
    previous: String,
    next: Option<String>,
    from: String,
    till: String,
    whole: String,
    full: bool,
    full_words: String,
    servers: Vec<ComparedServer>,
}

struct ComparedServer {
    server: String,
    link: String,
    zone: String,
    message: Message,
    /// Problems with the results.
    damage: Vec<Message>,
    without: String,
    remove: String,
    chart: Option<day::Chart>,
}

/// What of a server's log concerns the others.
struct Shared {
    zone: Option<String>,
    /// The highest value that the scale of the load should have room for.
    load: f64,
}

/// Renders the page. `newest` is the last day that may have data; what the form was given in
/// `query` stays in it where it cannot be used.
///
/// # Errors
/// The template's; none in practice.
pub(crate) fn render(
    layout: &PageLayout<'_>,
    (state, errors): (&CompareState, &[FieldError]),
    query: &Query,
    days: impl Iterator<Item = (Content, Cell)>,
    newest: Day,
) -> Result<String, askama::Error> {
    let w = layout.w;
    let on = |day: Day| CompareState { day, ..state.clone() }.link();
    let bad = |field| errors.iter().find(|error: &&FieldError| error.field == field);
    let given = |field| bad(field).map(|error| error.given.clone());
    let time = |name, time: fn(Window) -> log2aws_core::chart::Time| {
        let given = bad("from").and_then(|_| query.get(name)).map(echo_excerpt);
        let shown = || state.view.window.map(|window| time(window).to_string());
        given.or_else(shown).unwrap_or_default()
    };
    let whole = CompareState { view: View { window: None, ..state.view.clone() }, ..state.clone() };
    let compared: Vec<_> =
        days.map(|(content, cell)| compared(state, &content, &cell, w)).collect();
    let (mut servers, shared): (Vec<_>, Vec<_>) = compared.into_iter().unzip();
    one_scale(&mut servers, &shared);
    let zones = shared.iter().filter_map(|shared| shared.zone.as_deref());
    let clocks: BTreeSet<_> = zones.map(|zone| clock(zone, state.day)).collect();
    let mut messages: Vec<_> = field_errors(errors).collect();
    if clocks.len() > 1 {
        messages.push(Message::new(Severity::Warn, w.compare_zones));
    }
    ComparePage {
        f: layout,
        date: state.day,
        given_date: given("date").unwrap_or_else(|| state.day.to_string()),
        given_server: given("s").or_else(|| given(UNKNOWN_SERVER)).unwrap_or_default(),
        hint: fill(w.compare_hint, &[("n", &MAX_SERVERS)]),
        messages,
        previous: on(shifted(state.day, -1)),
        next: (state.day < newest).then(|| on(shifted(state.day, 1))),
        from: time("from", Window::from),
        till: time("till", Window::till),
        whole: whole.link(),
        full: state.servers.len() >= MAX_SERVERS,
        full_words: fill(w.compare_full, &[("n", &MAX_SERVERS)]),
        servers,
    }
    .render()
}

fn compared(
    state: &CompareState,
    content: &Content,
    cell: &Cell,
    w: &Words,
) -> (ComparedServer, Shared) {
    let server = content.server.as_str();
    let others = state.servers.iter().filter(|other| **other != content.server).cloned();
    let without = CompareState { servers: others.collect(), ..state.clone() };
    let message = match cell {
        Cell::Delivered(delivered) => {
            Message::new(cells::severity(cell), cells::delivered(delivered, w))
        }
        other => Message::new(cells::severity(other), cells::sentence(other, w)),
    };
    let log = content.log.as_ref();
    let zone = log.and_then(|log| log.metadata.tz.clone());
    let max = |name| log.and_then(|log| log.series.get(name)?.max).unwrap_or(0.0);
    let load = LOADS.map(max).into_iter().fold(0.0, f64::max);
    let cores = log.and_then(|log| log.metadata.cores).map_or(0.0, f64::from);
    let shown = cores <= load.max(1.0) * MAX_CORES_PER_LOAD;
    let zone_text = match (&zone, log) {
        (Some(zone), _) => fill(w.zone, &[("zone", zone)]),
        (None, Some(_)) => w.zone_unknown.to_owned(),
        (None, None) => String::new(),
    };
    let left_out: Vec<_> =
        SeriesId::ALL.iter().copied().filter(|id| !COMPARED.contains(id)).collect();
    let server = ComparedServer {
        server: server.to_owned(),
        link: format!("/ui/s/{server}/{}", content.day),
        zone: zone_text,
        message,
        damage: day::damage(content, w),
        without: without.link(),
        remove: fill(w.remove, &[("server", &server)]),
        chart: content
            .drawing(&state.view, None)
            .map(|drawing| day::chart(content, &state.view, &left_out, &drawing, w)),
    };
    (server, Shared { zone, load: if shown { load.max(cores) } else { load } })
}

/// What a clock of that zone shows at two moments of the day: zones of different names may agree.
fn clock(zone: &str, day: Day) -> [u32; 2] {
    let clock = DayClock::new(day, Some(zone));
    let at = |hour| day.date().at(hour, 0, 0, 0).in_tz("UTC").map(|at| at.timestamp());
    [6, 18].map(|hour| at(hour).map_or(0, |moment| clock.elapsed_at(moment)))
}

/// Gives all charts the scale of the highest load.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to fit")]
fn one_scale(servers: &mut [ComparedServer], shared: &[Shared]) {
    let highest = shared.iter().map(|shared| shared.load).fold(0.0, f64::max);
    let up_to = highest.ceil().clamp(1.0, 1e7) as u32;
    if servers.len() > 1 {
        for chart in servers.iter_mut().filter_map(|server| server.chart.as_mut()) {
            for link in [&mut chart.image, &mut chart.drawing, &mut chart.values] {
                link.push_str("&load=");
                link.push_str(&up_to.to_string());
            }
        }
    }
}
