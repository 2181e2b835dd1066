//! The page: header, events, six panels one below the other, the time axis.

use super::drawing::{Drawing, Path, Shape, Span};
use super::panel::{Entry, LEFT, Panel, RIGHT, Swatch, TimeAxis};
use super::points::{
    BLOCKED, BLOCKS_IN, BLOCKS_OUT, BUFFERS, CACHE, CPU, FREE, Field, LOAD, Peak, Points, RUNNING,
    SWAP_IN, SWAP_OUT, SWAPPED,
};
use super::scale::{self, Scale};
use super::style::{fitted, width};
use super::words;
use crate::day_clock::DayClock;
use crate::server_name::ServerName;
use crate::summary::LogSummary;

/// The page's width; its height follows from what is on it. Tenths of a pixel, as everywhere.
const WIDTH: i32 = 10_960;

/// From one plot's lower edge to the next one's upper edge.
const BETWEEN: i32 = 400;

/// The scale of the load holds the line of the cores, unless it would press the load flat.
const CORES_SHOWN_UP_TO: f64 = 4.0;

/// Labels of reboots nearer than this are left out; the lines stay.
const LABEL_ROOM: i32 = 900;

/// All that a page is made of.
#[derive(Debug)]
pub(super) struct Page<'a> {
    pub(super) server: &'a ServerName,
    pub(super) clock: &'a DayClock,
    pub(super) log: &'a LogSummary,
    pub(super) points: &'a Points,
    pub(super) peak: Option<Peak>,
    pub(super) axis: TimeAxis,
}

impl Page<'_> {
    pub(super) fn draw(&self) -> Drawing {
        let mut drawing = Drawing {
            width: WIDTH,
            height: 0,
            title: format!("Load of {} on {}", self.server, self.clock.day()),
            description: words::description(self.clock, self.log, self.peak),
            shapes: Vec::with_capacity(160),
        };
        drawing.rect("bg", 0, 0, WIDTH, 0);
        self.header(&mut drawing);
        let first = if self.axis.reboots.is_empty() { 1_040 } else { 1_220 };
        let mut top = first;
        for (draw, height) in [
            (Self::load as fn(&Self, &mut Drawing, i32, i32), 1_500),
            (Self::cpu, 1_200),
            (Self::queue, 800),
            (Self::memory, 1_200),
            (Self::swap, 700),
            (Self::blocks, 1_000),
        ] {
            draw(self, &mut drawing, top, height);
            top += height + BETWEEN;
        }
        let bottom = top - BETWEEN;
        self.name_reboots(&mut drawing, first);
        for (second, label) in &self.axis.ticks {
            drawing.text("t m", self.axis.x(*second), bottom + 180, label.as_str());
        }
        drawing.text("t", LEFT, bottom + 400, words::axis(self.clock, self.log));
        drawing.height = bottom + 560;
        if let Some(Shape::Rect { height, .. }) = drawing.shapes.first_mut() {
            *height = drawing.height;
        }
        drawing
    }

    fn header(&self, drawing: &mut Drawing) {
        let room = RIGHT - LEFT;
        let server = fitted(self.server.as_str(), 20, room * 2 / 3);
        let left = room - width(&server, 20) * 21 / 20 - 200;
        let mut spans = vec![Span { class: "h1", indent: 0, text: server, japanese: false }];
        if let Some(note) = self.log.metadata.note.as_deref().filter(|note| !note.is_empty()) {
            let text = fitted(note, 17, left);
            spans.push(Span { class: "note", indent: 110, text, japanese: true });
        }
        drawing.shapes.push(Shape::Text { class: "", x: LEFT, y: 380, spans });
        let line = fitted(&words::subtitle(self.clock, self.log), 13, room);
        drawing.text("h2", LEFT, 610, line);
    }

    fn load(&self, drawing: &mut Drawing, top: i32, height: i32) {
        let max = self.max(&LOAD);
        let cores = self.log.metadata.cores.map(f64::from);
        let shown = cores.filter(|cores| *cores <= max.max(1.0) * CORES_SHOWN_UP_TO);
        // Room above the highest value for the words beside it.
        let scale = Scale::numbers((max * 1.06).max(shown.unwrap_or(0.0)));
        let panel = self.panel(scale, top, height);
        panel.frame(drawing);
        self.name_gaps(drawing, &panel);
        let title = match (cores, shown) {
            (Some(cores), None) => {
                format!("Load average ({}: above the scale)", words::cores(cores))
            }
            _ => "Load average".to_owned(),
        };
        let names = ["1 min", "5 min", "15 min"];
        panel.legend(drawing, &title, "", Swatch::Pen, &self.entries(&names, &LOAD, scale::number));
        if let Some(cores) = shown {
            let y = panel.y(cores);
            drawing.line("cores", (LEFT, y), (RIGHT, y));
            drawing.text("k", RIGHT + 60, y + 40, words::cores(cores));
        }
        panel.lines(drawing, &LOAD);
        if let Some(peak) = self.peak {
            self.call_out(drawing, &panel, peak);
        }
    }

    fn cpu(&self, drawing: &mut Drawing, top: i32, height: i32) {
        let panel = self.panel(Scale::percent(), top, height);
        panel.frame(drawing);
        let user = if self.points.guests() { "user and guests" } else { "user" };
        let names = [user, "system", "waiting for I/O", "stolen"];
        let percent = |value| format!("{} %", scale::number(value));
        let entries = self.entries(&names, &CPU, percent);
        panel.legend(drawing, "CPU", "%", Swatch::Fill, &entries);
        panel.stack(drawing);
        panel.since_boot(drawing, "ha");
        panel.since_boot_label(drawing);
    }

    fn queue(&self, drawing: &mut Drawing, top: i32, height: i32) {
        let fields = [RUNNING, BLOCKED];
        let panel = self.panel(Scale::counts(self.max(&fields)), top, height);
        panel.frame(drawing);
        let entries = self.entries(&["runnable", "blocked"], &fields, scale::number);
        panel.legend(drawing, "Run queue", "processes", Swatch::Pen, &entries);
        panel.lines(drawing, &fields);
    }

    fn memory(&self, drawing: &mut Drawing, top: i32, height: i32) {
        let fields = [FREE, CACHE, BUFFERS, SWAPPED];
        let panel = self.panel(Scale::kibibytes(self.max(&fields)), top, height);
        panel.frame(drawing);
        let names = ["free", "cache", "buffers", "swapped out"];
        let entries = self.entries(&names, &fields, scale::size);
        panel.legend(drawing, "Memory", panel.scale.unit(), Swatch::Pen, &entries);
        panel.lines(drawing, &fields);
    }

    fn swap(&self, drawing: &mut Drawing, top: i32, height: i32) {
        let fields = [SWAP_IN, SWAP_OUT];
        self.rates(drawing, top, height, ("Swap", "KiB/s"), &["in", "out"], fields);
    }

    fn blocks(&self, drawing: &mut Drawing, top: i32, height: i32) {
        let fields = [BLOCKS_IN, BLOCKS_OUT];
        let title = ("Block I/O", "blocks of 1 KiB/s");
        self.rates(drawing, top, height, title, &["read", "written"], fields);
    }

    fn rates(
        &self,
        drawing: &mut Drawing,
        top: i32,
        height: i32,
        (title, unit): (&str, &str),
        names: &[&str],
        fields: [Field; 2],
    ) {
        let panel = self.panel(Scale::counts(self.max(&fields)), top, height);
        panel.since_boot(drawing, "hl");
        panel.frame(drawing);
        let entries = self.entries(names, &fields, scale::number);
        panel.legend(drawing, title, unit, Swatch::Pen, &entries);
        panel.since_boot_label(drawing);
        panel.lines(drawing, &fields);
    }

    fn panel(&self, scale: Scale, top: i32, height: i32) -> Panel<'_> {
        Panel { axis: &self.axis, points: self.points, scale, top, height }
    }

    fn max(&self, fields: &[Field]) -> f64 {
        fields.iter().filter_map(|field| self.points.max(*field)).fold(0.0, f64::max)
    }

    /// Each series with its maximum, or without values.
    fn entries(
        &self,
        names: &[&str],
        fields: &[Field],
        written: impl Fn(f64) -> String,
    ) -> Vec<Entry> {
        let figure = |field: &Field| match self.points.max(*field) {
            Some(max) => format!("max {}", written(max)),
            None => "no values".to_owned(),
        };
        let entry =
            |(name, field): (&&str, _)| Entry { name: (*name).to_owned(), figure: figure(field) };
        names.iter().zip(fields).map(entry).collect()
    }

    /// The highest load, ringed, with its time on the side where there is room.
    fn call_out(&self, drawing: &mut Drawing, panel: &Panel<'_>, peak: Peak) {
        let (x, y) = (self.axis.x(peak.second), panel.y(peak.load));
        let words = words::peak(self.clock, peak);
        drawing.dot("ring", (x, y), 36);
        let base = (y - 50).max(panel.top + 110);
        if x + 80 + width(&words, 12) > RIGHT {
            drawing.text("o e", x - 80, base, words);
        } else {
            drawing.text("o", x + 80, base, words);
        }
    }

    fn name_gaps(&self, drawing: &mut Drawing, panel: &Panel<'_>) {
        for gap in &self.axis.gaps {
            let (from, to) = (self.axis.x(gap.from), self.axis.x(gap.to));
            if to - from > width(gap.word, 11) + 60 {
                let y = panel.top + panel.height / 2 + 40;
                drawing.text("t m", i32::midpoint(from, to), y, gap.word);
            }
        }
    }

    /// Names the reboots above the first panel, as far as there is room for their names.
    fn name_reboots(&self, drawing: &mut Drawing, top: i32) {
        let mut free_from = i32::MIN;
        let mut ticks = Vec::new();
        for (second, label) in &self.axis.reboots {
            let x = self.axis.x(*second);
            ticks.push(vec![(x, top - 350), (x, top - 260)]);
            if x >= free_from {
                let half = width(label, 11) / 2;
                let middle = x.clamp(LEFT + half, RIGHT - half);
                drawing.text("t m", middle, top - 380, label.as_str());
                free_from = x + LABEL_ROOM;
            }
        }
        if !ticks.is_empty() {
            drawing.path("boot", Path::lines(ticks));
        }
    }
}
