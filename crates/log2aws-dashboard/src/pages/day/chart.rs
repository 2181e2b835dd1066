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
    pub(crate) zoomed: bool,
    pub(crate) zoom: Zoom,
    /// The window and the number of samples in it.
    pub(crate) shown: String,
    /// The hidden series that a page may show by itself.
    pub(crate) hide: String,
    pub(crate) any_hidden: bool,
    pub(crate) groups: Vec<Ticks>,
    /// Where the part of the day that is shown first is drawn.
    pub(crate) image: String,
    /// The drawing and the values of the whole day with all series, for scripts.
    pub(crate) drawing: String,
    pub(crate) values: String,
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

/// The chart of a day for a page, which never shows the series in `left_out`.
pub(crate) fn chart(
    content: &Content,
    view: &View,
    left_out: &[SeriesId],
    drawing: &Drawing,
    w: &Words,
) -> Chart {
    let base = format!("/ui/s/{}/{}", content.server, content.day);
    let part = |file: &str, view: &View| {
        Link::to(format!("{base}/{file}"))
            .with_view(view)
            .with("embedded", 1)
            .with("lang", w.language.as_str())
            .with("v", &content.tag)
            .text()
    };
    let whole_day = View { window: None, hidden: left_out.to_vec(), ..view.clone() };
    let hidden = view.hidden.iter().filter(|id| !left_out.contains(id));
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
        zoomed: view.window.is_some(),
        zoom: zoom(&base, view),
        shown: drawing.shown().unwrap_or_default().to_owned(),
        hide: hidden.map(|id| id.as_str()).collect::<Vec<_>>().join(","),
        any_hidden: !view.hidden.is_empty(),
        groups: series::groups(w).into_iter().map(ticks).collect(),
        image: part("chart.svg", view),
        drawing: part("chart.svg", &whole_day),
        values: part("values.json", &whole_day),
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
fn zoom(base: &str, view: &View) -> Zoom {
    let minutes = |time: fn(Window) -> Time, whole| view.window.map_or(whole, time).minutes();
    let (from, till) = (minutes(Window::from, Time::START), minutes(Window::till, Time::END));
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
