//! The page: header, events, the panels from top to bottom, the time axis.

use super::axis::TimeAxis;
use super::band::UsualBand;
use super::drawing::{Drawing, Group, Path, Shape, Span};
use super::geometry::{LEFT, RIGHT, WIDTH};
use super::panel::{HEAD, LegendEntry, Panel, Swatch, head};
use super::points::{Peak, VisiblePoints};
use super::scale::{self, MAX_CORES_PER_LOAD, Scale, ScaleKind};
use super::series::{PanelKind, PanelShape, panels};
use super::style::{fitted, width};
use super::values::{DrawnPanel, PanelValues, Values};
use super::view::View;
use super::words::{self, Names};
use crate::day_clock::DayClock;
use crate::plain_text::visible;
use crate::server_name::ServerName;
use crate::usual::Usual;

/// The distance from one plot's lower edge to the next one's upper edge.
pub(super) const PLOT_SPACING: i32 = 400;

/// The upper edge of the first plot: below the page's head, or of a part of a page.
const FIRST: [i32; 2] = [1_040, 260];

/// The room for the labels of reboots and changes of the clock.
const MARKS: i32 = 180;

/// The height of a panel that is only a line of text, with the space after it.
const LINE: i32 = 240;

/// The upper edge of the first plot below the labels of reboots.
pub(super) const FIRST_BELOW_LABELS: i32 = FIRST[0] + MARKS;

/// The height below the last plot and the labels of days.
pub(super) const BELOW: i32 = 530;

/// The height of the labels of days.
pub(super) const DAY_LABELS: i32 = 150;

/// The space between the labels of two reboots.
const LABEL_SPACING: i32 = 80;

/// Everything a page is made of.
#[derive(Debug)]
pub(super) struct Page<'a> {
    pub(super) server: &'a ServerName,
    pub(super) note: Option<&'a str>,
    pub(super) text: PageText,
    /// Styles and patterns beyond those of a day.
    pub(super) more: (&'static str, &'static str),
    /// Where the number of cores is known: from and to in seconds, and the number.
    pub(super) cores: Vec<(u32, u32, u32)>,
    /// The frame of the values; the panels are added as they are drawn.
    pub(super) values: Values,
    pub(super) points: &'a VisiblePoints<'a>,
    pub(super) peak: Option<Peak>,
    pub(super) axis: TimeAxis,
    pub(super) view: &'a View,
    /// What is usual, by the clock of the day.
    pub(super) usual: Option<(&'a Usual, &'a DayClock)>,
    /// Whether nothing was swapped on the day, in the window or not.
    pub(super) no_swapping: bool,
}

/// The text of a page that depends on what it shows.
#[derive(Debug)]
pub(super) struct PageText {
    /// The accessible name of the drawing.
    pub(super) title: String,
    /// The accessible description.
    pub(super) description: String,
    /// The window and the number of samples in it; `None` for all that there is.
    pub(super) shown: Option<String>,
    /// The line below the server's name.
    pub(super) subtitle: String,
    /// The caption of the time axis.
    pub(super) caption: String,
    /// The label of the peak.
    pub(super) peak: String,
}

impl Page<'_> {
    pub(super) fn draw(mut self) -> Drawing {
        let language = self.view.language;
        let mut drawing = Drawing {
            width: WIDTH,
            height: 0,
            title: std::mem::take(&mut self.text.title),
            description: std::mem::take(&mut self.text.description),
            shown: self.text.shown.take(),
            language,
            shapes: Vec::with_capacity(160),
            more: self.more,
            values: std::mem::take(&mut self.values),
        };
        drawing.rect("bg", 0, 0, WIDTH, 0);
        if !self.view.embedded {
            header(&mut drawing, self.server, self.note, &self.text.subtitle);
        }
        let marks = if self.axis.has_mark_labels() { MARKS } else { 0 };
        let first = FIRST[usize::from(self.view.embedded)] + marks;
        let (mut top, mut bottom) = (first, first);
        for kind in panels(self.view, self.points.has_guest_time()) {
            let minutes = self.points.minutes();
            let band = self.band(&kind).values(language);
            if !kind.is_shown() {
                drawing.values.panels.push(PanelValues::of_day(&kind, None, minutes, band));
                continue;
            }
            let line = kind.shape == PanelShape::Swap && self.no_swapping;
            let height = if line { 0 } else { kind.height };
            drawing.shapes.push(Shape::Group(Group::Panel));
            let drawn = if line {
                self.line(&mut drawing, &kind, top)
            } else {
                self.panel(&mut drawing, &kind, top)
            };
            drawing.shapes.push(Shape::End);
            let place = Some((top, height, drawn));
            let values = PanelValues::of_day(&kind, place, minutes, band);
            drawing.values.panels.push(values);
            bottom = if line { top - HEAD } else { top + height };
            top += if line { LINE } else { height + PLOT_SPACING };
        }
        drawing.shapes.push(Shape::Group(Group::Labels));
        self.name_marks(&mut drawing, first);
        let mut below = bottom;
        if !self.axis.days.is_empty() {
            below += DAY_LABELS;
            for day in &self.axis.days {
                let x = i32::midpoint(self.axis.x(day.from), self.axis.x(day.to));
                drawing.text("t m", x, bottom + 300, day.label.as_str());
            }
        }
        drawing.text("t", LEFT, below + 370, fitted(&self.text.caption, 11, RIGHT - LEFT));
        drawing.shapes.push(Shape::End);
        drawing.set_height(below + BELOW);
        drawing
    }

    fn names(&self) -> &'static Names {
        words::names(self.view.language)
    }

    fn panel(&self, drawing: &mut Drawing, kind: &PanelKind, top: i32) -> DrawnPanel {
        let draw = match kind.shape {
            PanelShape::Load => Self::load,
            PanelShape::Cpu => Self::cpu,
            PanelShape::Queue => Self::queue,
            PanelShape::Memory => Self::memory,
            PanelShape::Swap | PanelShape::Blocks => Self::rates,
        };
        draw(self, drawing, kind, top)
    }

    /// A panel without swapping: only its head.
    fn line(&self, drawing: &mut Drawing, kind: &PanelKind, top: i32) -> DrawnPanel {
        let note = self.names().no_swapping;
        drawing.group(Group::Labels, |drawing| {
            let x = head(drawing, top - HEAD, kind.title, "");
            drawing.text("k", x, top - HEAD, note);
        });
        DrawnPanel { scale: (ScaleKind::Counts, 1.0), note }
    }

    fn load(&self, drawing: &mut Drawing, kind: &PanelKind, top: i32) -> DrawnPanel {
        let language = self.view.language;
        let (highest, up_to) = (self.highest(kind), self.view.load_up_to.map(f64::from));
        let band = self.band(kind);
        let max = highest.max(up_to.unwrap_or(0.0)).max(band.highest());
        let cores = self.cores.iter().map(|(.., cores)| *cores).max().map(f64::from);
        // A scale that is shared with other charts does not depend on the cores.
        let most = if up_to.is_some() { max } else { max.max(1.0) * MAX_CORES_PER_LOAD };
        let shown = cores.filter(|cores| *cores <= most);
        // Leaves room for the labels above the highest value.
        let scale = Scale::numbers((max * 1.06).max(shown.unwrap_or(0.0)));
        let drawn = DrawnPanel { scale: (ScaleKind::Numbers, scale.top), note: "" };
        let panel = self.plot(scale, top, kind);
        drawing.group(Group::Data, |drawing| band.draw(drawing, &panel));
        panel.frame(drawing);
        if shown.is_some() {
            self.draw_cores(drawing, &panel);
        }
        panel.lines(drawing, kind);
        let title = match (cores, shown) {
            (Some(cores), None) => words::above_the_scale(language, kind.title, cores),
            _ => kind.title.to_owned(),
        };
        let entries = self.entries(kind, scale::number);
        drawing.group(Group::Labels, |drawing| {
            self.name_gaps(drawing, &panel);
            let end = panel.legend(drawing, &title, kind.unit, Swatch::Pen, &entries);
            band.legend(drawing, &panel, end, language);
            if let Some((_, _, cores)) = self.cores.last().filter(|_| shown.is_some()) {
                let cores = f64::from(*cores);
                drawing.text("k", RIGHT + 60, panel.y(cores) + 40, words::cores(language, cores));
            }
            // The peak is that of the 1-minute load.
            if let Some(peak) = self.peak.filter(|_| !kind.series[0].hidden) {
                self.draw_peak(drawing, &panel, peak);
            }
        });
        drawn
    }

    /// The line of the cores, with a step where their number changes.
    fn draw_cores(&self, drawing: &mut Drawing, panel: &Panel<'_>) {
        let x = |second| self.axis.x(second);
        let mut runs: Vec<Vec<(i32, i32)>> = Vec::new();
        let mut end = None;
        for &(from, to, cores) in &self.cores {
            let y = panel.y(f64::from(cores));
            match runs.last_mut() {
                Some(run) if end == Some((from, cores)) => run.push((x(to), y)),
                _ => runs.push(vec![(x(from), y), (x(to), y)]),
            }
            end = Some((to, cores));
        }
        drawing.group(Group::Data, |drawing| drawing.path("cores", Path::lines(runs)));
    }

    fn cpu(&self, drawing: &mut Drawing, kind: &PanelKind, top: i32) -> DrawnPanel {
        let panel = self.plot(Scale::percent(), top, kind);
        panel.frame(drawing);
        panel.stack(drawing, kind);
        panel.since_boot(drawing, "ha");
        let percent = |value| format!("{} %", scale::number(value));
        self.head(drawing, kind, &panel, (kind.unit, Swatch::Fill), percent);
        self.drawn(ScaleKind::Percent, &panel)
    }

    fn queue(&self, drawing: &mut Drawing, kind: &PanelKind, top: i32) -> DrawnPanel {
        let panel = self.plot(Scale::counts(self.highest(kind)), top, kind);
        panel.frame(drawing);
        panel.lines(drawing, kind);
        let entries = self.entries(kind, scale::number);
        drawing.group(Group::Labels, |drawing| {
            panel.legend(drawing, kind.title, kind.unit, Swatch::Pen, &entries);
        });
        DrawnPanel { scale: (ScaleKind::Counts, panel.scale.top), note: "" }
    }

    fn memory(&self, drawing: &mut Drawing, kind: &PanelKind, top: i32) -> DrawnPanel {
        let band = self.band(kind);
        let max = self.highest(kind).max(band.highest());
        let panel = self.plot(Scale::kibibytes(max), top, kind);
        drawing.group(Group::Data, |drawing| band.draw(drawing, &panel));
        panel.frame(drawing);
        panel.lines(drawing, kind);
        let entries = self.entries(kind, scale::size);
        drawing.group(Group::Labels, |drawing| {
            let unit = panel.scale.unit();
            let end = panel.legend(drawing, kind.title, unit, Swatch::Pen, &entries);
            band.legend(drawing, &panel, end, self.view.language);
        });
        DrawnPanel { scale: (ScaleKind::Kibibytes, panel.scale.top), note: "" }
    }

    fn rates(&self, drawing: &mut Drawing, kind: &PanelKind, top: i32) -> DrawnPanel {
        let panel = self.plot(Scale::counts(self.highest(kind)), top, kind);
        panel.since_boot(drawing, "hl");
        panel.frame(drawing);
        panel.lines(drawing, kind);
        self.head(drawing, kind, &panel, (kind.unit, Swatch::Pen), scale::number);
        self.drawn(ScaleKind::Counts, &panel)
    }

    /// The head of a panel with averages of `vmstat`, which may be since boot.
    fn head(
        &self,
        drawing: &mut Drawing,
        kind: &PanelKind,
        panel: &Panel<'_>,
        (unit, swatch): (&str, Swatch),
        written: impl Fn(f64) -> String,
    ) {
        let entries = self.entries(kind, written);
        drawing.group(Group::Labels, |drawing| {
            let end = panel.legend(drawing, kind.title, unit, swatch, &entries);
            panel.since_boot_label(drawing, end, self.names().since_boot);
        });
    }

    fn drawn(&self, kind: ScaleKind, panel: &Panel<'_>) -> DrawnPanel {
        let hatched = !self.axis.since_boot.is_empty();
        let note = if hatched { self.names().since_boot[0] } else { "" };
        DrawnPanel { scale: (kind, panel.scale.top), note }
    }

    fn plot(&self, scale: Scale, top: i32, kind: &PanelKind) -> Panel<'_> {
        Panel { axis: &self.axis, points: self.points, scale, top, height: kind.height }
    }

    /// What is usual for the first line of a panel; nothing if the line is hidden.
    fn band(&self, kind: &PanelKind) -> UsualBand {
        let at = match kind.shape {
            PanelShape::Load => Usual::load_at,
            PanelShape::Memory => Usual::free_at,
            _ => return UsualBand::default(),
        };
        let usual = self.usual.filter(|_| kind.series.first().is_some_and(|first| !first.hidden));
        usual.map_or_else(UsualBand::default, |(usual, clock)| {
            UsualBand::new(usual, clock, &self.axis, at)
        })
    }

    /// The highest value that is drawn in a panel.
    fn highest(&self, kind: &PanelKind) -> f64 {
        let highest = kind.shown().filter_map(|(_, series)| self.points.highest(series.field));
        highest.fold(0.0, f64::max)
    }

    /// Each series with its maximum, if it has values.
    fn entries(&self, kind: &PanelKind, written: impl Fn(f64) -> String) -> Vec<LegendEntry> {
        let Names { max: word, no_values, .. } = self.names();
        let entry = |(pen, series): (usize, &super::series::Series)| {
            let figure = match self.points.max(series.field) {
                Some(max) => format!("{word} {}", written(max)),
                None => (*no_values).to_owned(),
            };
            LegendEntry { pen, name: series.name.to_owned(), figure }
        };
        kind.shown().map(entry).collect()
    }

    /// Marks the highest load with a ring and its time, on the side with more room.
    fn draw_peak(&self, drawing: &mut Drawing, panel: &Panel<'_>, peak: Peak) {
        let (x, y) = (self.axis.x(peak.second), panel.y(peak.load));
        let words = self.text.peak.as_str();
        drawing.dot("ring", (x, y), 36);
        let base = (y - 50).max(panel.top + 110);
        if x + 80 + width(words, 12) > RIGHT {
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

    /// Labels reboots and changes of the clock above the first panel where the labels fit.
    fn name_marks(&self, drawing: &mut Drawing, top: i32) {
        let mut free_from = i32::MIN;
        let mut ticks = Vec::new();
        for (second, label) in &self.axis.marks {
            let x = self.axis.x(*second);
            ticks.push(vec![(x, top - 350), (x, top - 260)]);
            let half = width(label, 11) / 2;
            let middle = x.clamp(LEFT + half, RIGHT - half);
            if middle - half >= free_from {
                drawing.text("t m", middle, top - 380, label.as_str());
                free_from = middle + half + LABEL_SPACING;
            }
        }
        if !ticks.is_empty() {
            drawing.path("boot", Path::lines(ticks));
        }
    }
}

/// The server's name and the subtitle.
pub(super) fn header(
    drawing: &mut Drawing,
    server: &ServerName,
    note: Option<&str>,
    subtitle: &str,
) {
    let room = RIGHT - LEFT;
    let server = fitted(server.as_str(), 20, room * 2 / 3);
    let left = room - width(&server, 20) * 21 / 20 - 200;
    let mut spans = vec![Span { class: "h1", indent: 0, text: server, japanese: false }];
    if let Some(note) = note.filter(|note| !note.is_empty()) {
        let text = fitted(&visible(note), 17, left);
        spans.push(Span { class: "note", indent: 110, text, japanese: true });
    }
    drawing.shapes.push(Shape::Text { class: "", x: LEFT, y: 380, spans });
    drawing.text("h2", LEFT, 610, fitted(subtitle, 13, room));
}
