//! Which path is answered by what.

use http::header::IF_NONE_MATCH;
use http::{Method, Response};
use log2aws_core::chart::{Drawing, View};
use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::query::{self, Link, Query, repeated};
use super::reply::{self, Fault};
use super::{Asked, Body, Dashboard, LANGUAGE_COOKIE, download};
use crate::assets;
use crate::index::{Cell, Reason};
use crate::pages::calendar::{self, State};
use crate::pages::compare;
use crate::pages::day::content::{Content, Stored};
use crate::pages::day::{self, DayInput, Neighbours};
use crate::pages::server::{self, Period, PeriodCell};
use crate::words::{Words, say};

type Answer = Result<Response<Body>, Fault>;

const SVG: &str = "image/svg+xml";
const JSON: &str = "application/json";

/// What is for anybody, logged in or not: it depends on nothing that the library holds, nor do its
/// faults.
pub(super) fn open(asked: &Asked<'_>) -> Option<Answer> {
    let path = asked.request.uri().path();
    let asset = path.strip_prefix("/ui/assets/");
    if asset.is_none() && path != "/ui/lang" {
        return None;
    }
    if !matches!(*asked.request.method(), Method::GET | Method::HEAD) {
        return Some(Err(Fault::Method));
    }
    let Some(query) = Query::parse(asked.request.uri().query().unwrap_or_default()) else {
        return Some(Err(Fault::Bad(asked.w.bad_query.to_owned())));
    };
    let Some(name) = asset else { return Some(Ok(language(&query))) };
    let unknown = || Fault::NotFound(asked.w.not_found_page.to_owned());
    let asset = assets::find(name).ok_or_else(unknown);
    Some(asset.map(|asset| reply::asset(asset, query.get("v"), known(asked))))
}

/// The version that the caller has already.
fn known<'a>(asked: &Asked<'a>) -> Option<&'a str> {
    asked.request.headers().get(IF_NONE_MATCH)?.to_str().ok()
}

/// Keeps the language, and leads back.
fn language(query: &Query) -> Response<Body> {
    let to = query.get("to").filter(|to| matches!(*to, "en" | "ja")).unwrap_or("en");
    let back = query.get("back").filter(|back| is_ours(back)).unwrap_or("/ui/");
    let cookie =
        format!("{LANGUAGE_COOKIE}={to}; Path=/ui; Max-Age=31536000; SameSite=Lax; HttpOnly");
    reply::with_cookie(reply::see_other(back), &cookie)
}

/// The chart of a day, or why there is none.
pub(super) fn drawing(content: &Content, view: &View, w: &Words) -> Result<Drawing, Fault> {
    match &content.csv {
        Stored::Failed(why) => Err(Fault::Store(why.clone())),
        Stored::Large => Err(Fault::NotFound(w.csv_large.to_owned())),
        _ => content.drawing(view).ok_or_else(|| Fault::NotFound(w.not_found_file.to_owned())),
    }
}

/// Answers a request of somebody who is logged in.
pub(super) fn answer(dashboard: &Dashboard, asked: &Asked<'_>) -> Answer {
    if !matches!(*asked.request.method(), Method::GET | Method::HEAD) {
        return Err(Fault::Method);
    }
    let unknown = || Fault::NotFound(asked.w.not_found_page.to_owned());
    let path = asked.request.uri().path();
    let Some(path) = path.strip_prefix("/ui") else { return Err(unknown()) };
    let parts: Option<Vec<String>> = path.split('/').skip(1).map(decoded).collect();
    let parts = parts.ok_or_else(unknown)?;
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let query = asked.request.uri().query().unwrap_or_default();
    let query = Query::parse(query).ok_or_else(|| Fault::Bad(asked.w.bad_query.to_owned()))?;
    let on = Route { dashboard, asked, query };
    match parts.as_slice() {
        [] => Ok(reply::see_other("/ui/")),
        [""] => on.calendar(),
        ["status.json"] => on.status(),
        ["compare"] => on.compare(),
        ["s", server] | ["s", server, ""] => on.server(&on.name(server)?),
        ["s", server, "period.svg"] => on.period(&on.name(server)?, false),
        ["s", server, "period.json"] => on.period(&on.name(server)?, true),
        ["s", server, date] | ["s", server, date, ""] => on.day(&on.name(server)?, on.date(date)?),
        ["s", server, date, "chart.svg"] => on.chart(&on.name(server)?, on.date(date)?, false),
        ["s", server, date, "values.json"] => on.chart(&on.name(server)?, on.date(date)?, true),
        ["s", server, date, file] => {
            download::answer(dashboard, asked, &on.name(server)?, on.date(date)?, file)
        }
        _ => Err(unknown()),
    }
}

fn decoded(part: &str) -> Option<String> {
    percent_decode_str(part).decode_utf8().ok().map(String::from)
}

struct Route<'a> {
    dashboard: &'a Dashboard,
    asked: &'a Asked<'a>,
    query: Query,
}

impl Route<'_> {
    fn name(&self, text: &str) -> Result<ServerName, Fault> {
        let given = repeated(text);
        text.parse().map_err(|_| Fault::Bad(say(self.asked.w.bad_server, &[("given", &given)])))
    }

    fn date(&self, text: &str) -> Result<Day, Fault> {
        query::day(text, self.asked.w).map_err(Fault::Bad)
    }

    fn known(&self) -> Option<&str> {
        known(self.asked)
    }

    fn calendar(&self) -> Answer {
        let (library, w) = (&self.dashboard.library, self.asked.w);
        let newest = self.dashboard.newest()?;
        let state = State::read(&self.query, newest, w).map_err(Fault::Bad)?;
        let frame = self.dashboard.frame(self.asked, "calendar", w.calendar);
        let calendar = library.calendar(&state.question());
        let html = calendar::render(&frame, &state, &calendar, newest, &library.progress())?;
        Ok(reply::page(html))
    }

    fn status(&self) -> Answer {
        #[derive(Serialize)]
        struct Status<'a> {
            revision: u64,
            servers: usize,
            summaries: usize,
            loading: bool,
            listed: u64,
            wanted: u64,
            read: u64,
            failed: Option<&'a str>,
        }
        let library = &self.dashboard.library;
        let (revision, progress) = (library.revision(), library.progress());
        let status = Status {
            revision,
            servers: progress.servers,
            summaries: progress.summaries,
            loading: progress.loading,
            listed: progress.listed,
            wanted: progress.wanted,
            read: progress.read,
            failed: progress.failed.as_deref(),
        };
        let json = serde_json::to_vec(&status).map_err(|error| Fault::Internal(error.to_string()));
        Ok(reply::json(json?))
    }

    fn compare(&self) -> Answer {
        let (library, w) = (&self.dashboard.library, self.asked.w);
        let newest = self.dashboard.newest()?;
        let state = compare::State::read(&self.query, newest, w).map_err(Fault::Bad)?;
        let read = |server: &ServerName| {
            let content = Content::read(library, server, state.day);
            (content, self.cell(server, state.day))
        };
        let mut frame = self.dashboard.frame(self.asked, "compare", w.compare_title);
        frame.chart = !state.servers.is_empty();
        // One after the other: no two of the CSVs are held at once.
        let days = state.servers.iter().map(read);
        Ok(reply::page(compare::render(&frame, &state, days, newest)?))
    }

    fn cell(&self, server: &ServerName, day: Day) -> Cell {
        self.cells(server, day, day).last().copied().unwrap_or(Cell::Empty(Reason::Unknown))
    }

    /// A server that is not known so far has days that are not known so far.
    fn cells(&self, server: &ServerName, from: Day, to: Day) -> Vec<Cell> {
        let library = &self.dashboard.library;
        let mut cells = library.cells(server, from, to);
        if library.progress().loading && library.server(server).is_none() {
            let days = (to.date() - from.date()).get_days().unsigned_abs() as usize + 1;
            cells = vec![Cell::Empty(Reason::Loading); days];
        }
        cells
    }

    fn period_of(&self, server: &ServerName) -> Result<(Period, Vec<PeriodCell>), Fault> {
        let (library, w) = (&self.dashboard.library, self.asked.w);
        if library.server(server).is_none() && !library.progress().loading {
            return Err(self.no_server(server));
        }
        let newest = self.dashboard.newest()?;
        let period = Period::read(&self.query, newest, w).map_err(Fault::Bad)?;
        let first = period.from();
        let cells = self.cells(server, first, period.to);
        let days = cells.into_iter().zip(0..).map(|(cell, days)| {
            let day = calendar::shifted(first, days);
            (day, cell, library.day(server, day))
        });
        Ok((period, days.collect()))
    }

    fn no_server(&self, server: &ServerName) -> Fault {
        Fault::NotFound(say(self.asked.w.not_found_server, &[("server", server)]))
    }

    fn server(&self, server: &ServerName) -> Answer {
        let (period, days) = self.period_of(server)?;
        let mut frame = self.dashboard.frame(self.asked, "", server.as_str());
        frame.chart = true;
        let newest = self.dashboard.newest()?;
        Ok(reply::page(server::render(&frame, server, period, &days, newest)?))
    }

    fn period(&self, server: &ServerName, values: bool) -> Answer {
        let (_, days) = self.period_of(server)?;
        let drawing = server::drawing(server, &days, self.asked.w);
        Ok(if values {
            reply::made(JSON, drawing.to_values_json(), self.known())
        } else {
            reply::made(SVG, drawing.to_svg(), self.known())
        })
    }

    fn day(&self, server: &ServerName, day: Day) -> Answer {
        let (library, w) = (&self.dashboard.library, self.asked.w);
        let view = self.query.view(w).map_err(Fault::Bad)?;
        if self.query.is_form() {
            let link = Link::to(format!("/ui/s/{server}/{day}")).with_view(&view);
            return Ok(reply::see_other(&link.text()));
        }
        let content = self.read(server, day)?;
        let neighbours = self.neighbours(server, day);
        let title = say(w.day_title, &[("server", server), ("day", &day)]);
        let mut frame = self.dashboard.frame(self.asked, "", &title);
        let log = library.has_logs();
        if content.is_empty() {
            if library.server(server).is_none() && !library.progress().loading {
                return Err(self.no_server(server));
            }
            let cell = self.cell(server, day);
            let log = log && library.open_log(server, day)?.is_some();
            return Ok(reply::page(day::render_empty(&frame, &content, &cell, neighbours, log)?));
        }
        frame.chart = true;
        let rejects = content.rejects(library);
        let input = DayInput { content: &content, rejects: &rejects, view: &view, neighbours, log };
        Ok(reply::page(day::render(&frame, &input)?))
    }

    /// What stands of a day, if the store gives any of it.
    fn read(&self, server: &ServerName, day: Day) -> Result<Content, Fault> {
        let content = Content::read(&self.dashboard.library, server, day);
        match content.failed() {
            Some(why) => Err(Fault::Store(why.to_owned())),
            None => Ok(content),
        }
    }

    /// The days with results that are next to a day.
    fn neighbours(&self, server: &ServerName, day: Day) -> Neighbours {
        let days = self.dashboard.library.server(server).unwrap_or_default();
        let after = days.partition_point(|(other, _)| *other <= day);
        let before = days.partition_point(|(other, _)| *other < day);
        let at = |index: Option<usize>| days.get(index?).map(|(day, _)| *day);
        Neighbours { previous: at(before.checked_sub(1)), next: at(Some(after)) }
    }

    fn chart(&self, server: &ServerName, day: Day, values: bool) -> Answer {
        let view = self.query.view(self.asked.w).map_err(Fault::Bad)?;
        let content = self.read(server, day)?;
        let drawing = drawing(&content, &view, self.asked.w)?;
        Ok(if values {
            reply::made(JSON, drawing.to_values_json(), self.known())
        } else {
            reply::made(SVG, drawing.to_svg(), self.known())
        })
    }
}

/// Whether a path to be led back to is one of the dashboard's own.
fn is_ours(path: &str) -> bool {
    let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let parents = path.split(['/', '?', '#']).any(|part| part == "..");
    path.starts_with("/ui/") && plain && !parents && !path.starts_with("/ui/lang")
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn nobody_is_led_elsewhere() {
        assert!(is_ours("/ui/") && is_ours("/ui/s/a?view=week&to=2026-01-01"));
        for path in [
            "//evil",
            "/",
            "https://evil/ui/",
            "/ui",
            "/ui/../x",
            "/ui/\\evil",
            "/ui/a\r\nb",
            "/ui/lang?to=ja",
            "",
        ] {
            assert!(!is_ours(path), "{path:?}");
        }
    }
}
