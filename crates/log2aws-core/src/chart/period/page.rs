//! The page of a period: load, CPU, memory, samples.

use super::day::PeriodDay;
use super::kind::Missing;
use super::plot::{Plot, areas, bar, head, legend, lines, panel, small, value, whisker};
use super::style::{PATTERNS, SHEET};
use super::words as period_words;
use crate::chart::drawing::{Drawing, Path, Shape};
use crate::chart::geometry::{LEFT, RIGHT, WIDTH};
use crate::chart::page::{PLOT_SPACING, header};
use crate::chart::scale::{self, MAX_CORES_PER_LOAD, Scale};
use crate::chart::style::{FILLS, PENS, width};
use crate::chart::values::{DayValues, SeriesValues, Values, tenths};
use crate::chart::view::Language;
use crate::chart::words::{self, Names, names};
use crate::server_name::ServerName;

/// The upper edge of the first plot.
const FIRST: i32 = 1_040;

/// The width of a bar in hundredths of its column.
const BAR: i32 = 64;

/// Columns narrower than this have no room for two digits, so only some are labelled.
const LABEL_ROOM: i32 = 190;

/// The room between the names of two months.
const MONTH_GAP: i32 = 60;

/// Columns at least this wide also show the day of the week.
const WIDE: i32 = 800;

/// Seconds per column in the values, as if every day had 24 hours.
const COLUMN_SECONDS: u32 = 86_400;

/// Everything the page is made of.
pub(super) struct Page<'a> {
    server: &'a ServerName,
    note: Option<&'a str>,
    days: &'a [PeriodDay],
    language: Language,
    names: &'static Names,
}

/// A figure of a day.
type Figure = fn(&PeriodDay) -> Option<f32>;

impl<'a> Page<'a> {
    pub(super) fn new(
        server: &'a ServerName,
        note: Option<&'a str>,
        days: &'a [PeriodDay],
        language: Language,
    ) -> Self {
        Self { server, note, days, language, names: names(language) }
    }

    pub(super) fn draw(&self) -> Drawing {
        let subtitle = period_words::subtitle(self.language, self.days);
        let dates: Vec<_> = self.days.iter().map(|day| day.day).collect();
        let mut drawing = Drawing {
            width: WIDTH,
            height: 0,
            title: period_words::title(self.language, self.server, &dates),
            description: period_words::description(self.language, self.days),
            shown: None,
            language: self.language,
            shapes: Vec::new(),
            more: (SHEET, PATTERNS),
            values: self.values(),
        };
        drawing.rect("bg", 0, 0, WIDTH, 0);
        header(&mut drawing, self.server, self.note, &subtitle);
        let mut top = FIRST;
        for (draw, height) in [
            (Self::load as fn(&Self, &mut Drawing, i32, i32), 1_500),
            (Self::cpu, 1_200),
            (Self::memory, 1_200),
            (Self::samples, 700),
        ] {
            draw(self, &mut drawing, top, height);
            top += height + PLOT_SPACING;
        }
        let bottom = top - PLOT_SPACING;
        self.name_days(&mut drawing, bottom);
        let wide = self.x(1) - LEFT >= WIDE;
        drawing.set_height(bottom + if wide { 300 } else { 560 });
        drawing
    }

    fn load(&self, drawing: &mut Drawing, top: i32, height: i32) {
        let max = self.highest(|day| day.load_max.or(day.load_p95).or(day.load_mean));
        let cores = self.highest(|day| day.cores.map(small));
        let shown = cores <= max.max(1.0) * MAX_CORES_PER_LOAD;
        let scale = Scale::numbers((max * 1.03).max(if shown { cores } else { 0.0 }));
        let plot = Plot { top, height, scale };
        self.frame(drawing, &plot);
        self.name_reasons(drawing, &plot);
        let Names { load, p95, mean, max: highest, .. } = self.names;
        let title = if shown {
            (*load).to_owned()
        } else {
            words::above_the_scale(self.language, load, cores)
        };
        let mut x = head(drawing, &plot, &title, self.names.processes);
        x = legend(drawing, &plot, x, p95, |drawing, x, y| {
            drawing.rect("p95", x + 100, y - 50, 140, 100);
        });
        // Drawn over its bar, as in the plot.
        x = legend(drawing, &plot, x, mean, |drawing, x, y| {
            drawing.rect("p95", x + 100, y - 50, 140, 100);
            drawing.line("mean", (x + 100, y), (x + 240, y));
        });
        x = legend(drawing, &plot, x, highest, |drawing, x, y| {
            let whisker = whisker(x + 170, y + 50, y - 50, 50);
            drawing.path("whisker", Path::lines(whisker));
        });
        if self.days.iter().any(|day| day.reboots > 0) {
            legend(drawing, &plot, x, self.names.reboot, |drawing, x, y| {
                drawing.line("boot", (x + 170, y + 60), (x + 170, y - 60));
            });
        }
        self.bars(drawing, &plot, "p95", |day| day.load_p95);
        let mut whiskers = Vec::new();
        let mut means = Vec::new();
        for (index, day) in self.days.iter().enumerate() {
            let (from, to) = self.bar(index);
            if let (Some(low), Some(high)) = (value(day.load_p95), value(day.load_max)) {
                let cap = (to - from) / 4;
                let middle = i32::midpoint(from, to);
                whiskers.extend(whisker(middle, plot.y(low), plot.y(high), cap));
            }
            if let Some(mean) = value(day.load_mean) {
                means.push(vec![(from, plot.y(mean)), (to, plot.y(mean))]);
            }
        }
        lines(drawing, "whisker", whiskers);
        lines(drawing, "mean", means);
        if shown {
            self.cores(drawing, &plot);
        }
        panel(
            drawing,
            &plot,
            "load",
            load,
            self.names.processes,
            false,
            vec![
                self.marked("load_p95", p95, "p95", |day| day.load_p95),
                self.marked("load_mean", mean, "mean", |day| day.load_mean),
                self.marked("load_max", highest, "whisker", |day| day.load_max),
            ],
        );
    }

    /// The line of the cores, with a step where their number changes.
    fn cores(&self, drawing: &mut Drawing, plot: &Plot) {
        let mut runs: Vec<Vec<(i32, i32)>> = Vec::new();
        let mut last = None;
        for (index, day) in self.days.iter().enumerate() {
            let Some(cores) = day.cores.filter(|_| day.empty.is_none()) else { continue };
            let y = plot.y(f64::from(cores));
            let (from, to) = (self.x(index), self.x(index + 1));
            match (runs.last_mut(), last) {
                (Some(run), Some(before)) if before == (index, cores) => run.push((to, y)),
                _ => runs.push(vec![(from, y), (to, y)]),
            }
            last = Some((index + 1, cores));
        }
        lines(drawing, "cores", runs);
        if let Some((_, cores)) = last {
            let words = words::cores(self.language, f64::from(cores));
            drawing.text("k", RIGHT + 60, plot.y(f64::from(cores)) + 40, words);
        }
    }

    fn cpu(&self, drawing: &mut Drawing, top: i32, height: i32) {
        let plot = Plot { top, height, scale: Scale::percent() };
        self.frame(drawing, &plot);
        let Names { user, system, wait, stolen, .. } = self.names;
        let layers = [user, system, wait, stolen];
        let ids = ["us", "sy", "wa", "st"];
        let title = period_words::mean_cpu(self.language);
        let mut x = head(drawing, &plot, title, "%");
        for (name, class) in layers.iter().zip(FILLS) {
            x = legend(drawing, &plot, x, name, |drawing, x, y| {
                drawing.rect(class, x + 100, y - 50, 140, 100);
            });
        }
        let mut outlines: [Vec<Vec<(i32, i32)>>; 4] = Default::default();
        for (index, day) in self.days.iter().enumerate() {
            let (from, to) = self.bar(index);
            let mut below = 0.0;
            for (share, outlines) in day.cpu.iter().zip(&mut outlines) {
                let Some(share) = value(*share).filter(|share| *share > 0.0) else { continue };
                outlines.push(bar(from, to, plot.y(below), plot.y(below + share)));
                below += share;
            }
        }
        for (class, outlines) in FILLS.into_iter().zip(outlines) {
            areas(drawing, class, outlines);
        }
        let figures: [Figure; 4] =
            [|day| day.cpu[0], |day| day.cpu[1], |day| day.cpu[2], |day| day.cpu[3]];
        let series = (0..4).map(|i| self.series(ids[i], layers[i], i + 1, figures[i])).collect();
        panel(drawing, &plot, "cpu", title, "%", true, series);
    }

    fn memory(&self, drawing: &mut Drawing, top: i32, height: i32) {
        let figures: [Figure; 2] = [|day| day.free_min, |day| day.swapped_max];
        let max = figures.into_iter().map(|figure| self.highest(figure)).fold(0.0, f64::max);
        let plot = Plot { top, height, scale: Scale::kibibytes(max) };
        self.frame(drawing, &plot);
        let Names { memory, least_free, most_swapped, .. } = self.names;
        let mut x = head(drawing, &plot, memory, plot.scale.unit());
        let names = [least_free, most_swapped];
        for (index, name) in names.into_iter().enumerate() {
            let pen = [PENS[0], PENS[3]][index];
            x = legend(drawing, &plot, x, name, |drawing, x, y| {
                drawing.line(pen, (x, y), (x + 240, y));
            });
            self.steps(drawing, &plot, pen, figures[index]);
        }
        panel(
            drawing,
            &plot,
            "memory",
            memory,
            "KiB",
            false,
            vec![
                self.series("free_min", least_free, 1, figures[0]),
                self.series("swapped_max", most_swapped, 4, figures[1]),
            ],
        );
    }

    /// A figure as a line: level over each day, broken where a day has none.
    fn steps(&self, drawing: &mut Drawing, plot: &Plot, class: &'static str, figure: Figure) {
        let mut runs: Vec<Vec<(i32, i32)>> = Vec::new();
        let mut next = 0;
        for (index, day) in self.days.iter().enumerate() {
            let Some(height) = value(figure(day)).map(|value| plot.y(value)) else { continue };
            let level = [(self.x(index), height), (self.x(index + 1), height)];
            match runs.last_mut() {
                Some(run) if next == index => run.extend(level),
                _ => runs.push(level.to_vec()),
            }
            next = index + 1;
        }
        lines(drawing, class, runs);
    }

    fn samples(&self, drawing: &mut Drawing, top: i32, height: i32) {
        let expected = self.highest(|day| Some(small(day.expected.max(day.samples))));
        let plot = Plot { top, height, scale: Scale::counts(expected) };
        self.frame(drawing, &plot);
        let Names { samples, samples_there, samples_missing, .. } = self.names;
        let mut x = head(drawing, &plot, samples, "");
        x = legend(drawing, &plot, x, samples_there, |drawing, x, y| {
            drawing.rect("a1", x + 100, y - 50, 140, 100);
        });
        legend(drawing, &plot, x, samples_missing, |drawing, x, y| {
            drawing.rect("lack", x + 100, y - 50, 140, 100);
        });
        self.bars(drawing, &plot, "a1", |day| Some(small(day.samples)));
        let mut missing = Vec::new();
        for (index, day) in self.days.iter().enumerate().filter(|(_, day)| day.empty.is_none()) {
            let (from, to) = self.bar(index);
            if day.samples < day.expected {
                let y = |count: u32| plot.y(f64::from(count));
                missing.push(bar(from, to, y(day.samples), y(day.expected)));
            }
        }
        areas(drawing, "lack", missing);
        panel(
            drawing,
            &plot,
            "samples",
            samples,
            "",
            false,
            vec![
                self.marked("samples", samples_there, "bar", |day| {
                    day.empty.is_none().then_some(small(day.samples))
                }),
                self.marked("missing", samples_missing, "lack", |day| {
                    let missing = day.expected.saturating_sub(day.samples);
                    day.empty.is_none().then_some(small(missing))
                }),
            ],
        );
    }

    /// Empty columns, grid, ticks and frame.
    fn frame(&self, drawing: &mut Drawing, plot: &Plot) {
        let kind_of = |day: &PeriodDay| day.empty.as_ref().map(|(kind, _)| *kind);
        let mut stretches = Vec::new();
        let mut index = 0;
        for group in self.days.chunk_by(|a, b| kind_of(a) == kind_of(b)) {
            let (from, to) = (self.x(index), self.x(index + group.len()));
            index += group.len();
            stretches.push((kind_of(&group[0]), bar(from, to, plot.bottom(), plot.top)));
        }
        for kind in Missing::ALL {
            let of = stretches.iter().filter(|(found, _)| *found == Some(kind));
            areas(drawing, kind.class(), of.map(|(_, outline)| outline.clone()).collect());
        }
        let mut grid = Vec::new();
        // A line at the start of each week; the columns already separate the days.
        for (index, day) in self.days.iter().enumerate() {
            if index > 0 && day.day.date().weekday() == jiff::civil::Weekday::Monday {
                grid.push(vec![(self.x(index), plot.top), (self.x(index), plot.bottom())]);
            }
        }
        for (value, label) in plot.scale.ticks() {
            let y = plot.y(value);
            grid.push(vec![(LEFT, y), (RIGHT, y)]);
            drawing.text("t e", LEFT - 80, y + 38, label);
        }
        lines(drawing, "g", grid);
        let reboots = self.days.iter().enumerate().filter(|(_, day)| day.reboots > 0);
        let mark = |index| {
            // Beside the bar, because its whisker is in the middle.
            let x = i32::midpoint(self.x(index), self.bar(index).0);
            vec![(x, plot.top), (x, plot.bottom())]
        };
        lines(drawing, "boot", reboots.map(|(index, _)| mark(index)).collect());
        drawing.line("f", (LEFT, plot.bottom()), (RIGHT, plot.bottom()));
    }

    /// The reasons of empty columns, written once for neighbours that share one.
    fn name_reasons(&self, drawing: &mut Drawing, plot: &Plot) {
        let mut index = 0;
        for group in self.days.chunk_by(|a, b| a.empty == b.empty) {
            let (from, to) = (self.x(index), self.x(index + group.len()));
            index += group.len();
            let Some((_, reason)) = group.first().and_then(|day| day.empty.as_ref()) else {
                continue;
            };
            let (x, y) = (i32::midpoint(from, to), plot.top + plot.height / 2);
            if width(reason, 11) + 60 <= to - from {
                drawing.text("t m o", x, y + 40, reason.as_str());
            } else if to - from >= 110 {
                let text = crate::chart::style::fitted(reason, 11, plot.height - 60);
                drawing.shapes.push(Shape::Upright { class: "t m o", x: x + 40, y, text });
            }
        }
    }

    fn name_days(&self, drawing: &mut Drawing, bottom: i32) {
        let column = self.x(1) - LEFT;
        let column = column.max(1);
        let every = usize::try_from((LABEL_ROOM + column - 1) / column).unwrap_or(1).max(1);
        let mut month = None;
        let mut months: Vec<(i32, String)> = Vec::new();
        for (index, day) in self.days.iter().enumerate() {
            let date = day.day.date();
            let middle = i32::midpoint(self.x(index), self.x(index + 1));
            let weekday = words::weekday(self.language, date);
            if column >= WIDE {
                drawing.text("t m", middle, bottom + 180, words::date(self.language, date));
                continue;
            }
            if index % every == 0 {
                drawing.text("t m", middle, bottom + 180, date.day().to_string());
                if every == 1 {
                    drawing.text("t m", middle, bottom + 310, weekday);
                }
            }
            if month != Some(date.first_of_month()) {
                month = Some(date.first_of_month());
                let text = date.strftime("%Y-%m").to_string();
                let left = self.x(index) + (column - width("00", 11)).max(0) / 2;
                let left = left.min(RIGHT - width(&text, 11));
                // Of a month that has too few days for its name, the days alone are drawn.
                months.pop_if(|(x, name)| *x + width(name, 11) + MONTH_GAP > left);
                months.push((left, text));
            }
        }
        for (left, text) in months {
            drawing.text("t", left, bottom + 450, text);
        }
    }

    fn bars(&self, drawing: &mut Drawing, plot: &Plot, class: &'static str, figure: Figure) {
        let mut outlines = Vec::new();
        for (index, day) in self.days.iter().enumerate() {
            if let Some(value) = value(figure(day)).filter(|value| *value > 0.0) {
                let (from, to) = self.bar(index);
                outlines.push(bar(from, to, plot.bottom(), plot.y(value)));
            }
        }
        areas(drawing, class, outlines);
    }

    /// The x coordinate where a column begins.
    fn x(&self, index: usize) -> i32 {
        let days = i64::try_from(self.days.len().max(1)).unwrap_or(1);
        let index = i64::try_from(index).unwrap_or(0).min(days);
        LEFT + i32::try_from(index * i64::from(RIGHT - LEFT) / days).unwrap_or(0)
    }

    /// The x coordinates where its bar begins and ends.
    fn bar(&self, index: usize) -> (i32, i32) {
        let (from, to) = (self.x(index), self.x(index + 1));
        let side = (to - from) * (100 - BAR) / 200;
        (from + side, to - side)
    }

    fn highest(&self, figure: Figure) -> f64 {
        self.days.iter().filter_map(|day| value(figure(day))).fold(0.0, f64::max)
    }

    fn series(
        &self,
        id: &'static str,
        name: &'static str,
        pen: usize,
        figure: Figure,
    ) -> SeriesValues {
        let known = |value: f32| scale::finite(f64::from(value)).is_some();
        let values = self.days.iter().map(|day| figure(day).filter(|value| known(*value)));
        SeriesValues { id, name, pen, mark: None, hidden: false, values: values.collect() }
    }

    /// The same for a series that is drawn with neither a pen nor a fill.
    fn marked(
        &self,
        id: &'static str,
        name: &'static str,
        mark: &'static str,
        figure: Figure,
    ) -> SeriesValues {
        SeriesValues { mark: Some(mark), ..self.series(id, name, 1, figure) }
    }

    fn values(&self) -> Values {
        let count = u32::try_from(self.days.len()).unwrap_or(0);
        let label = |day: &PeriodDay| {
            let date = words::date(self.language, day.day.date());
            day.empty.as_ref().map_or(date.clone(), |(_, reason)| format!("{date}: {reason}"))
        };
        let column = |(day, from): (&PeriodDay, u32)| DayValues {
            date: day.day.to_string(),
            from,
            to: from + COLUMN_SECONDS,
        };
        let columns = self.days.iter().zip((0..).step_by(COLUMN_SECONDS as usize));
        Values {
            server: self.server.to_string(),
            date: self.days.last().map(|day| day.day.to_string()).unwrap_or_default(),
            width: tenths(WIDTH),
            height: 0.0,
            left: tenths(LEFT),
            right: tenths(RIGHT),
            from: 0,
            to: count.max(1) * COLUMN_SECONDS,
            day: count.max(1) * COLUMN_SECONDS,
            zoom: false,
            times: self.days.iter().map(label).collect(),
            seconds: (0..count).map(|i| i * COLUMN_SECONDS + COLUMN_SECONDS / 2).collect(),
            gaps: Vec::new(),
            days: columns.map(column).collect(),
            live: None,
            panels: Vec::new(),
        }
    }
}
