//! One day of several servers, one below the other.

use askama::Template;
use log2aws_core::chart::{SeriesId, View, Window};
use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;

use super::calendar::shifted;
use super::cells;
use super::day::{self, content::Content};
use super::layout::{Message, PageLayout};
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

/// The state of the comparison in its URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CompareState {
    pub(crate) servers: Vec<ServerName>,
    pub(crate) day: Day,
    pub(crate) view: View,
}

impl CompareState {
    /// Parses the state; `newest` is the day by default.
    ///
    /// # Errors
    /// One sentence.
    pub(crate) fn read(query: &Query, newest: Day, w: &Words) -> Result<Self, String> {
        let mut servers: Vec<ServerName> = Vec::new();
        for text in query.all("s") {
            let bad = |_| fill(w.bad_server, &[("given", &echo_excerpt(text))]);
            let server = text.parse().map_err(bad)?;
            if !servers.contains(&server) && servers.len() < MAX_SERVERS {
                servers.push(server);
            }
        }
        let hidden = SeriesId::ALL.iter().copied().filter(|id| !COMPARED.contains(id)).collect();
        let view = View { hidden, ..query.view(w)? };
        Ok(Self { servers, day: query.day("date", w)?.unwrap_or(newest), view })
    }

    fn link(&self) -> String {
        let mut link = Link::to("/ui/compare").with("date", self.day);
        for server in &self.servers {
            link = link.with("s", server);
        }
        link.with_view(&View { hidden: Vec::new(), ..self.view.clone() }).text()
    }
}

#[derive(Template)]
#[template(path = "compare.html")]
struct ComparePage<'a> {
    f: &'a PageLayout<'a>,
    date: Day,
    hint: String,
    previous: String,
    next: Option<String>,
    from: String,
    till: String,
    whole: Option<String>,
    full: bool,
    full_words: String,
    servers: Vec<ComparedServer>,
}

struct ComparedServer {
    server: String,
    link: String,
    message: Message,
    /// Problems with the results.
    damage: Vec<Message>,
    without: String,
    remove: String,
    chart: Option<day::Chart>,
}

/// Renders the page. `newest` is the last day that may have data.
///
/// # Errors
/// The template's; none in practice.
pub(crate) fn render(
    layout: &PageLayout<'_>,
    state: &CompareState,
    days: impl Iterator<Item = (Content, Cell)>,
    newest: Day,
) -> Result<String, askama::Error> {
    let w = layout.w;
    let on = |day: Day| CompareState { day, ..state.clone() }.link();
    let time = |time: fn(Window) -> log2aws_core::chart::Time| {
        state.view.window.map_or_else(String::new, |window| time(window).to_string())
    };
    let whole = CompareState { view: View { window: None, ..state.view.clone() }, ..state.clone() };
    ComparePage {
        f: layout,
        date: state.day,
        hint: fill(w.compare_hint, &[("n", &MAX_SERVERS)]),
        previous: on(shifted(state.day, -1)),
        next: (state.day < newest).then(|| on(shifted(state.day, 1))),
        from: time(Window::from),
        till: time(Window::till),
        whole: state.view.window.map(|_| whole.link()),
        full: state.servers.len() >= MAX_SERVERS,
        full_words: fill(w.compare_full, &[("n", &MAX_SERVERS)]),
        servers: days.map(|(content, cell)| compared(state, &content, &cell, w)).collect(),
    }
    .render()
}

fn compared(state: &CompareState, content: &Content, cell: &Cell, w: &Words) -> ComparedServer {
    let server = content.server.as_str();
    let others = state.servers.iter().filter(|other| **other != content.server).cloned();
    let without = CompareState { servers: others.collect(), ..state.clone() };
    let message = match cell {
        Cell::Delivered(delivered) => {
            Message::new(cells::severity(cell), cells::delivered(delivered, w))
        }
        other => Message::new(cells::severity(other), cells::sentence(other, w)),
    };
    ComparedServer {
        server: server.to_owned(),
        link: format!("/ui/s/{server}/{}", content.day),
        message,
        damage: day::damage(content, w),
        without: without.link(),
        remove: fill(w.remove, &[("server", &server)]),
        chart: content
            .drawing(&state.view)
            .map(|drawing| day::chart(content, &state.view, &drawing, w)),
    }
}
