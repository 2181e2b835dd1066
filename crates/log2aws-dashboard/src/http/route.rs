//! Which handler answers which path.

use http::{Method, Response, StatusCode};
use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::period::{PeriodFile, Periods};
use super::reply::{self, ErrorResponse, Generated, JSON, SVG};
use super::{Body, Dashboard, LANGUAGE_COOKIE, RequestContext, download};
use crate::assets;
use crate::i18n::fill;
use crate::index::{Absence, Cell};
use crate::pages::alerts;
use crate::pages::calendar::{self, CalendarState, FieldError};
use crate::pages::compare::{self, CompareState};
use crate::pages::day::content::Content;
use crate::pages::day::{self, DayInput, Neighbours};
use crate::pages::trends;
use crate::query::{self, Link, Query, echo_excerpt};
use crate::usual_days;

type Answer = Result<Response<Body>, ErrorResponse>;

/// The most names to choose from.
const MAX_NAMES: usize = 50;

/// Answers paths that need no login. Neither responses nor errors depend on stored data.
pub(super) fn public(context: &RequestContext<'_>) -> Option<Answer> {
    let path = context.request.uri().path();
    let asset = path.strip_prefix("/ui/assets/");
    if asset.is_none() && path != "/ui/lang" {
        return None;
    }
    if !matches!(*context.request.method(), Method::GET | Method::HEAD) {
        return Some(Err(ErrorResponse::MethodNotAllowed));
    }
    let Some(query) = Query::parse(context.request.uri().query().unwrap_or_default()) else {
        return Some(Err(ErrorResponse::BadRequest(context.w.bad_query.to_owned())));
    };
    let Some(name) = asset else { return Some(Ok(language(&query))) };
    let unknown = || ErrorResponse::NotFound(context.w.not_found_page.to_owned());
    let asset = assets::find(name).ok_or_else(unknown);
    Some(asset.map(|asset| reply::asset(asset, query.get("v"), context.known())))
}

/// Stores the language and redirects back.
fn language(query: &Query) -> Response<Body> {
    let to = query.get("to").filter(|to| matches!(*to, "en" | "ja")).unwrap_or("en");
    let back = query.get("back").filter(|back| is_local_path(back)).unwrap_or("/ui/");
    let cookie =
        format!("{LANGUAGE_COOKIE}={to}; Path=/ui; Max-Age=31536000; SameSite=Lax; HttpOnly");
    reply::with_cookie(reply::see_other(back), &cookie)
}

/// Answers an authenticated request.
pub(super) fn answer(dashboard: &Dashboard, context: &RequestContext<'_>) -> Answer {
    if !matches!(*context.request.method(), Method::GET | Method::HEAD) {
        return Err(ErrorResponse::MethodNotAllowed);
    }
    let unknown = || ErrorResponse::NotFound(context.w.not_found_page.to_owned());
    let path = context.request.uri().path();
    let Some(path) = path.strip_prefix("/ui") else { return Err(unknown()) };
    let parts: Option<Vec<String>> = path.split('/').skip(1).map(decoded).collect();
    let parts = parts.ok_or_else(unknown)?;
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let query = context.request.uri().query().unwrap_or_default();
    let query = Query::parse(query)
        .ok_or_else(|| ErrorResponse::BadRequest(context.w.bad_query.to_owned()))?;
    let route = Route { dashboard, context, query };
    match parts.as_slice() {
        [] => Ok(reply::see_other("/ui/")),
        [""] => route.calendar(),
        ["status.json"] => route.status(),
        ["alerts"] => route.alerts(),
        ["compare"] => route.compare(),
        ["trends"] => route.trends(),
        ["s", server] | ["s", server, ""] => route.periods().page(&route.name(server)?),
        ["names.json"] => route.names(),
        ["calendar.csv"] => route.periods().calendar_csv(),
        ["s", server, "period.svg"] => {
            route.periods().file(&route.name(server)?, PeriodFile::Drawing)
        }
        ["s", server, "period.json"] => {
            route.periods().file(&route.name(server)?, PeriodFile::Values)
        }
        ["s", server, "period.csv"] => route.periods().file(&route.name(server)?, PeriodFile::Csv),
        ["s", server, date] | ["s", server, date, ""] => {
            route.day(&route.name(server)?, route.date(date)?)
        }
        ["s", server, date, "chart.svg"] => {
            route.chart(&route.name(server)?, route.date(date)?, false)
        }
        ["s", server, date, "values.json"] => {
            route.chart(&route.name(server)?, route.date(date)?, true)
        }
        ["s", server, date, file] => {
            download::answer(dashboard, context, &route.name(server)?, route.date(date)?, file)
        }
        _ => Err(unknown()),
    }
}

fn decoded(part: &str) -> Option<String> {
    percent_decode_str(part).decode_utf8().ok().map(String::from)
}

struct Route<'a> {
    dashboard: &'a Dashboard,
    context: &'a RequestContext<'a>,
    query: Query,
}

impl Route<'_> {
    fn name(&self, text: &str) -> Result<ServerName, ErrorResponse> {
        let given = echo_excerpt(text);
        text.parse().map_err(|_| {
            ErrorResponse::BadRequest(fill(self.context.w.bad_server, &[("given", &given)]))
        })
    }

    fn periods(&self) -> Periods<'_> {
        Periods { dashboard: self.dashboard, context: self.context, query: &self.query }
    }

    fn date(&self, text: &str) -> Result<Day, ErrorResponse> {
        query::day(text, self.context.w).map_err(ErrorResponse::BadRequest)
    }

    fn calendar(&self) -> Answer {
        let (store_index, w) = (&self.dashboard.store_index, self.context.w);
        let newest = self.dashboard.newest()?;
        let today = self.dashboard.today()?;
        let (state, errors) = CalendarState::read(&self.query, newest, today, w);
        let layout = self.dashboard.layout(self.context, "calendar", w.calendar);
        let calendar = store_index.calendar(&state.to_query());
        let progress = store_index.progress();
        let messages = calendar::messages(&progress, &self.dashboard.trouble(), w);
        let html = calendar::render(&layout, (&state, &errors), &calendar, newest, messages)?;
        let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        Ok(reply::page_of(status, html))
    }

    fn alerts(&self) -> Answer {
        let layout = self.dashboard.layout(self.context, "alerts", self.context.w.alerts);
        Ok(reply::page(alerts::render(&layout, self.dashboard.store_index.zone())?))
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
        let store_index = &self.dashboard.store_index;
        let (revision, progress) = (store_index.revision(), store_index.progress());
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
        let json =
            serde_json::to_vec(&status).map_err(|error| ErrorResponse::Internal(error.to_string()));
        Ok(reply::json(json?))
    }

    /// Names to choose from while one is typed.
    fn names(&self) -> Answer {
        let search = self.query.get("q").unwrap_or_default();
        let names = self.dashboard.store_index.names(search, MAX_NAMES);
        let json =
            serde_json::to_vec(&names).map_err(|error| ErrorResponse::Internal(error.to_string()));
        Ok(reply::json(json?))
    }

    fn compare(&self) -> Answer {
        let (store_index, w) = (&self.dashboard.store_index, self.context.w);
        let newest = self.dashboard.newest()?;
        let loading = store_index.progress().loading;
        let known = |server: &ServerName| loading || store_index.server(server).is_some();
        let today = self.dashboard.today()?;
        let (state, errors) = CompareState::read(&self.query, today, known, w);
        let read = |server: &ServerName| {
            let content = Content::read(store_index, server, state.day);
            (content, self.cell(server, state.day))
        };
        let mut layout = self.dashboard.layout(self.context, "compare", w.compare_title);
        // Even without servers: the form brings them without a reload.
        layout.chart = Some(&assets::DAY_SCRIPT);
        // One after the other, so that only one CSV is in memory at a time.
        let days = state.servers.iter().map(read);
        let html = compare::render(&layout, (&state, &errors), &self.query, days, newest)?;
        let unknown = |error: &FieldError| error.field == compare::UNKNOWN_SERVER;
        let status = match errors.as_slice() {
            [] => StatusCode::OK,
            errors if errors.iter().all(unknown) => StatusCode::NOT_FOUND,
            _ => StatusCode::BAD_REQUEST,
        };
        Ok(reply::page_of(status, html))
    }

    fn trends(&self) -> Answer {
        let (store_index, w) = (&self.dashboard.store_index, self.context.w);
        let days = trends::length(&self.query, w).map_err(ErrorResponse::BadRequest)?;
        let layout = self.dashboard.layout(self.context, "trends", w.trends);
        Ok(reply::page(trends::render(&layout, days, &store_index.drifts(days))?))
    }

    fn cell(&self, server: &ServerName, day: Day) -> Cell {
        self.dashboard
            .cells(server, day, day)
            .last()
            .copied()
            .unwrap_or(Cell::Empty(Absence::Unknown))
    }

    fn day(&self, server: &ServerName, day: Day) -> Answer {
        let (store_index, w) = (&self.dashboard.store_index, self.context.w);
        let view = self.query.view(w).map_err(ErrorResponse::BadRequest)?;
        if self.query.is_form() {
            let link = Link::to(format!("/ui/s/{server}/{day}")).with_view(&view);
            return Ok(reply::see_other(&link.text()));
        }
        let content = self.read(server, day)?;
        let neighbours = self.neighbours(server, day);
        let title = fill(w.day_title, &[("server", server), ("day", &day)]);
        let mut layout = self.dashboard.layout(self.context, "", &title);
        let log = store_index.has_logs();
        if content.is_empty() {
            if store_index.server(server).is_none() && !store_index.progress().loading {
                return Err(ErrorResponse::no_server(server, w));
            }
            let cell = self.cell(server, day);
            let log = log && store_index.open_log(server, day)?.is_some();
            return Ok(reply::page(day::render_empty(&layout, &content, &cell, neighbours, log)?));
        }
        layout.chart = Some(&assets::DAY_SCRIPT);
        let rejects = content.rejects(store_index);
        let usual = self.dashboard.usual_days.of(store_index, server, day).usual;
        let input = DayInput {
            content: &content,
            rejects: &rejects,
            view: &view,
            usual: usual.as_ref(),
            neighbours,
            log,
        };
        Ok(reply::page(day::render(&layout, &input)?))
    }

    /// The content of a day, if the store returns any of it.
    fn read(&self, server: &ServerName, day: Day) -> Result<Content, ErrorResponse> {
        let content = Content::read(&self.dashboard.store_index, server, day);
        match content.failed() {
            Some(why) => Err(ErrorResponse::Store(why.to_owned())),
            None => Ok(content),
        }
    }

    /// The nearest days with results before and after a day.
    fn neighbours(&self, server: &ServerName, day: Day) -> Neighbours {
        let days = self.dashboard.store_index.server(server).unwrap_or_default();
        let after = days.partition_point(|(other, _)| *other <= day);
        let before = days.partition_point(|(other, _)| *other < day);
        let at = |index: Option<usize>| days.get(index?).map(|(day, _)| *day);
        let week = |days: i64| Some(calendar::shifted(day, days)).filter(|other| *other != day);
        let [first, last] = [days.first(), days.last()].map(|known| known.map(|(day, _)| *day));
        Neighbours {
            previous: at(before.checked_sub(1)),
            next: at(Some(after)),
            week_before: week(-7).filter(|day| first.is_some_and(|first| first <= *day)),
            week_after: week(7).filter(|day| last.is_some_and(|last| *day <= last)),
        }
    }

    fn chart(&self, server: &ServerName, day: Day, values: bool) -> Answer {
        let (store_index, w) = (&self.dashboard.store_index, self.context.w);
        let view = self.query.view(w).map_err(ErrorResponse::BadRequest)?;
        // From the index, and before anything is read: a newer result gets a newer tag.
        let own = store_index.day(server, day).filter(|_| !store_index.progress().loading);
        let usual_tags = usual_days::tags(store_index, server, day);
        let generate = || {
            let content = self.read(server, day)?;
            // Charts that are compared with others share a scale.
            let alone = view.load_up_to.is_none();
            let usual = alone.then(|| self.dashboard.usual_days.of(store_index, server, day));
            let whole = usual.as_ref().is_none_or(|read| read.whole);
            let usual = usual.and_then(|read| read.usual);
            let drawing = reply::drawing(&content, &view, usual.as_ref(), w)?;
            let bytes = if values { drawing.to_values_json() } else { drawing.to_svg() };
            Ok(Generated { bytes, whole })
        };
        let content_type = if values { JSON } else { SVG };
        let Some(own) = own else {
            return Ok(reply::generated(content_type, generate()?.bytes, self.context.known()));
        };
        let uri = self.context.request.uri().to_string();
        let tags = format!("{:?} {usual_tags:?} {:?}", own.tag, w.language);
        let parts = [uri.as_bytes(), tags.as_bytes(), self.dashboard.version.as_bytes()];
        reply::generated_from(content_type, &parts, self.context.known(), generate)
    }
}

/// Whether a redirect target is a path of the dashboard.
fn is_local_path(path: &str) -> bool {
    let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let parents = path.split(['/', '?', '#']).any(|part| part == "..");
    path.starts_with("/ui/") && plain && !parents && !path.starts_with("/ui/lang")
}

#[cfg(test)]
mod tests {
    use super::is_local_path;

    #[test]
    fn nobody_is_led_elsewhere() {
        assert!(is_local_path("/ui/") && is_local_path("/ui/s/a?view=week&to=2026-01-01"));
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
            assert!(!is_local_path(path), "{path:?}");
        }
    }
}
