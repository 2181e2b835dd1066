//! Files of a day: as stored, or drawn on request.

use http::Response;
use log2aws_core::chart::{Drawing, View};
use log2aws_core::day::Day;
use log2aws_core::key::ResultKind;
use log2aws_core::server_name::ServerName;

use super::reply::{self, Fault};
use super::{Asked, Body, Dashboard, route};
use crate::pages::day::content::Content;

/// A file of a day, by its name: `{server}-{date}` and what it is.
pub(super) fn answer(
    dashboard: &Dashboard,
    asked: &Asked<'_>,
    server: &ServerName,
    day: Day,
    name: &str,
) -> Result<Response<Body>, Fault> {
    let stem = format!("{server}-{day}");
    let absent = || Fault::NotFound(asked.w.not_found_file.to_owned());
    let suffix = name.strip_prefix(&stem).ok_or_else(absent)?;
    let stored = |kind: ResultKind| {
        let opened = dashboard.library.open(server, day, kind)?.ok_or_else(absent)?;
        Ok(reply::file(name, kind.content_type(), reply::stored(opened)))
    };
    let drawn = |content_type: &str, write: &dyn Fn(&Drawing) -> Result<Vec<u8>, Fault>| {
        let view = View { language: asked.w.language, ..View::default() };
        let content = Content::read(&dashboard.library, server, day);
        let drawing = route::drawing(&content, &view, asked.w)?;
        Ok(reply::file(name, content_type, Body::Bytes(write(&drawing)?.into())))
    };
    match suffix {
        ".csv" => stored(ResultKind::Csv),
        ".json" => stored(ResultKind::Json),
        ".rejects.jsonl" => stored(ResultKind::Rejects),
        ".svg" => drawn(ResultKind::Svg.content_type(), &|drawing| Ok(drawing.to_svg())),
        ".html" => drawn("text/html; charset=utf-8", &|drawing| Ok(drawing.to_html())),
        ".png" => drawn(ResultKind::Png.content_type(), &|drawing| {
            (dashboard.raster)(&drawing.to_svg()).map_err(Fault::Internal)
        }),
        ".log" => {
            let opened = dashboard.library.open_log(server, day)?.ok_or_else(absent)?;
            Ok(reply::file(name, "text/plain; charset=utf-8", reply::stored(opened)))
        }
        _ => Err(absent()),
    }
}
