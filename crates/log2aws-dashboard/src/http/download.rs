//! Files of a day: as stored, or drawn on request.

use http::Response;
use log2aws_core::chart::{Drawing, View};
use log2aws_core::day::Day;
use log2aws_core::key::ResultKind;
use log2aws_core::server_name::ServerName;

use super::reply::{self, ErrorResponse};
use super::{Body, Dashboard, RequestContext};
use crate::pages::day::content::Content;

/// A file of a day, by its name: `{server}-{date}` and what it is.
pub(super) fn answer(
    dashboard: &Dashboard,
    context: &RequestContext<'_>,
    server: &ServerName,
    day: Day,
    name: &str,
) -> Result<Response<Body>, ErrorResponse> {
    let stem = format!("{server}-{day}");
    let absent = || ErrorResponse::NotFound(context.w.not_found_file.to_owned());
    let suffix = name.strip_prefix(&stem).ok_or_else(absent)?;
    let stored = |kind: ResultKind| {
        let opened = dashboard.store_index.open(server, day, kind)?.ok_or_else(absent)?;
        Ok(reply::file(name, kind.content_type(), reply::stored(opened)))
    };
    let drawn = |content_type: &str, write: &dyn Fn(&Drawing) -> Result<Vec<u8>, ErrorResponse>| {
        let view = View { language: context.w.language, ..View::default() };
        let results = Content::read(&dashboard.store_index, server, day);
        let drawing = reply::drawing(&results, &view, None, context.w)?;
        Ok(reply::file(name, content_type, Body::Bytes(write(&drawing)?.into())))
    };
    match suffix {
        ".csv" => stored(ResultKind::Csv),
        ".json" => stored(ResultKind::Json),
        ".rejects.jsonl" => stored(ResultKind::Rejects),
        ".svg" => drawn(ResultKind::Svg.content_type(), &|drawing| Ok(drawing.to_svg())),
        ".html" => drawn("text/html; charset=utf-8", &|drawing| Ok(drawing.to_html())),
        ".png" => drawn(ResultKind::Png.content_type(), &|drawing| {
            (dashboard.raster)(&drawing.to_svg()).map_err(ErrorResponse::Internal)
        }),
        ".log" => {
            let opened = dashboard.store_index.open_log(server, day)?.ok_or_else(absent)?;
            Ok(reply::file(name, "text/plain; charset=utf-8", reply::stored(opened)))
        }
        _ => Err(absent()),
    }
}
