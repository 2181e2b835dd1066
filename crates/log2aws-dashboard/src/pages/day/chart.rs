//! The chart on a page, and the form above it.

use log2aws_core::chart::{Drawing, SeriesId, Time, View, Window};

use super::content::Content;
use super::series::{self, Group};
use crate::i18n::{Words, fill};
use crate::query::Link;

/// A chart, and the state of the form above it.
pub(crate) struct Chart {
    pub(crate) from: String,
    pub(crate) till: String,
    pub(crate) zoom: Option<Zoom>,
    pub(crate) any_hidden: bool,
    pub(crate) groups: Vec<Ticks>,
    pub(crate) values: String,
    pub(crate) image: String,
    pub(crate) alt: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// Links to adjacent parts of the day.
pub(crate) struct Zoom {
    pub(crate) back: Option<String>,
    pub(crate) on: Option<String>,
    pub(crate) whole: String,
}

pub(crate) struct Ticks {
    pub(crate) name: &'static str,
    pub(crate) ticks: Vec<Tick>,
}

pub(crate) struct Tick {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) shown: bool,
}

/// The chart of a day for a page.
pub(crate) fn chart(content: &Content, view: &View, drawing: &Drawing, w: &Words) -> Chart {
    let base = format!("/ui/s/{}/{}", content.server, content.day);
    let part = |file: &str| {
        Link::to(format!("{base}/{file}"))
            .with_view(view)
            .with("lang", w.language.as_str())
            .with("v", &content.tag)
            .text()
    };
    let ticks = |group: Group| {
        let tick = |(id, name): (SeriesId, &'static str)| {
            let shown = !view.hidden.contains(&id);
            Tick { id: id.as_str(), name, shown }
        };
        Ticks { name: group.name, ticks: group.series.into_iter().map(tick).collect() }
    };
    let whole = |window: Option<Window>, time: fn(Window) -> Time| {
        window.map_or_else(String::new, |window| time(window).to_string())
    };
    let (width, height) = drawing.size();
    Chart {
        from: whole(view.window, Window::from),
        till: whole(view.window, Window::till),
        zoom: view.window.map(|window| zoom(&base, view, window)),
        any_hidden: !view.hidden.is_empty(),
        groups: series::groups(w).into_iter().map(ticks).collect(),
        values: part("values.json"),
        image: part("chart.svg"),
        alt: fill(
            w.chart_alt,
            &[
                ("server", &content.server),
                ("day", &content.day),
                ("description", &drawing.description()),
            ],
        ),
        width,
        height,
    }
}

/// The windows of the same length before and after, within the day.
fn zoom(base: &str, view: &View, window: Window) -> Zoom {
    let (from, till) = (window.from().minutes(), window.till().minutes());
    let (length, day) = (till - from, Time::END.minutes());
    let link =
        |window: Option<Window>| Link::to(base).with_view(&View { window, ..view.clone() }).text();
    let part = |from: u16, till: u16| {
        let time = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60).parse().ok();
        let window = Window::new(time(from)?, time(till)?).ok()?;
        Some(link(Some(window)))
    };
    let back = from.saturating_sub(length);
    let on = (till + length).min(day);
    Zoom {
        back: if from > 0 { part(back, back + length) } else { None },
        on: if till < day { part(on - length, on) } else { None },
        whole: link(None),
    }
}
