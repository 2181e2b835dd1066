//! Requests for a week or a month of one server, and for the figures of many.

use http::Response;
use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;
use sha2::{Digest, Sha256};

use super::reply::{self, ErrorResponse};
use super::{Body, Dashboard, RequestContext};
use crate::assets;
use crate::index::Cell;
use crate::pages::calendar::{self, CalendarState};
use crate::pages::export::{self, CalendarCsv};
use crate::pages::server::{self, Length, Period, PeriodCell};
use crate::pages::week;
use crate::query::Query;

const CSV: &str = "text/csv; charset=utf-8";

/// What is asked of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeriodFile {
    Drawing,
    Values,
    Csv,
}

type Answer = Result<Response<Body>, ErrorResponse>;

/// A request for a period.
pub(super) struct Periods<'a> {
    pub(super) dashboard: &'a Dashboard,
    pub(super) context: &'a RequestContext<'a>,
    pub(super) query: &'a Query,
}

impl Periods<'_> {
    fn period_of(&self, server: &ServerName) -> Result<(Period, Vec<PeriodCell>), ErrorResponse> {
        let (store_index, w) = (&self.dashboard.store_index, self.context.w);
        if store_index.server(server).is_none() && !store_index.progress().loading {
            return Err(ErrorResponse::no_server(server, w));
        }
        let newest = self.dashboard.newest()?;
        let today = self.dashboard.today()?;
        let period =
            Period::read(self.query, newest, today, w).map_err(ErrorResponse::BadRequest)?;
        let first = period.from();
        let cells = self.dashboard.cells(server, first, period.to);
        let days = cells.into_iter().zip(0..).map(|(cell, days)| {
            let day = calendar::shifted(first, days);
            (day, cell, store_index.day(server, day))
        });
        Ok((period, days.collect()))
    }

    /// The page.
    pub(super) fn page(&self, server: &ServerName) -> Answer {
        let (period, days) = self.period_of(server)?;
        let mut layout = self.dashboard.layout(self.context, "", server.as_str());
        layout.chart = Some(&assets::CHART_SCRIPT);
        let newest = self.dashboard.newest()?;
        let today = self.dashboard.today()?;
        let note = self.dashboard.store_index.note(server);
        let tag = self.tag((server, note.as_deref()), period, &days);
        let retired = self.dashboard.store_index.retirement(server);
        let server = (server, note.as_deref());
        let html = server::render(
            &layout,
            server,
            retired.as_ref(),
            period,
            &days,
            (newest, today),
            &tag,
        )?;
        Ok(reply::page(html))
    }

    /// Identifies what a period shows: the versions of its summaries, and what is known of the days
    /// without one. It needs no request to the store.
    fn tag(
        &self,
        (server, note): (&ServerName, Option<&str>),
        period: Period,
        days: &[PeriodCell],
    ) -> String {
        let Dashboard { version, .. } = self.dashboard;
        let language = self.context.w.language;
        let marks = &assets::CHART_SHEET.tag;
        let mut hash = Sha256::new();
        hash.update(format!("{version} {marks} {language} {server} {note:?} {period:?}"));
        for (day, cell, stats) in days {
            let tag = stats.as_ref().map(|stats| stats.tag);
            hash.update(format!("{day} {cell:?} {tag:?}\n"));
        }
        hex::encode(&hash.finalize()[..8])
    }

    /// What belongs to the page.
    pub(super) fn file(&self, server: &ServerName, file: PeriodFile) -> Answer {
        let (period, days) = self.period_of(server)?;
        if file == PeriodFile::Csv {
            return Ok(csv(server, period, &days));
        }
        let (store_index, w) = (&self.dashboard.store_index, self.context.w);
        let note = store_index.note(server);
        let named = (server, note.as_deref());
        let tag = format!("\"{}-{file:?}\"", self.tag(named, period, &days));
        if let Some(unchanged) = reply::unchanged(&tag, self.context.known()) {
            return Ok(unchanged);
        }
        let (drawing, tag) = match period.length {
            Length::Month => (server::drawing(named, &days, w), Some(tag)),
            Length::Week => {
                let week =
                    week::draw(store_index, named, &days, w).map_err(ErrorResponse::Store)?;
                (week.drawing, week.whole.then_some(tag))
            }
        };
        Ok(match file {
            PeriodFile::Values => reply::tagged(reply::JSON, drawing.to_values_json(), tag),
            _ => reply::tagged(reply::SVG, drawing.to_svg(), tag),
        })
    }

    /// The figures of all servers of a calendar.
    pub(super) fn calendar_csv(&self) -> Answer {
        let w = self.context.w;
        let newest = self.dashboard.newest()?;
        let (state, errors) = CalendarState::read(self.query, newest, self.dashboard.today()?, w);
        if let Some(error) = errors.into_iter().next() {
            return Err(ErrorResponse::BadRequest(error.text));
        }
        let query = state.to_query();
        let name = format!("log2aws-{}-{}.csv", query.from, query.to);
        let csv = CalendarCsv::new(self.dashboard.store_index.clone(), query);
        Ok(reply::file(&name, CSV, Body::Reader(Box::new(csv), None)))
    }
}

fn csv(
    server: &ServerName,
    period: Period,
    days: &[(Day, Cell, Option<crate::index::DayStats>)],
) -> Response<Body> {
    let mut csv = export::HEADER.to_owned();
    for (day, cell, stats) in days {
        export::line(&mut csv, (server, *day), cell, stats.as_ref());
    }
    let name = format!("{server}-{}-{}.csv", period.from(), period.to);
    reply::file(&name, CSV, Body::Bytes(csv.into()))
}
