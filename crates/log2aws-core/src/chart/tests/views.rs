//! Windows, hidden series, languages, values, pages, and charts from the CSV.

use base64::Engine as _;
use sha2::Digest as _;

use super::*;
use crate::convert::{Converter, Sink};
use crate::csv::{CSV_HEADER, CsvReader};
use crate::line::Row;
use crate::reject::Reject;

pub(super) fn view(from: &str, till: &str) -> View {
    let window = Window::new(from.parse().unwrap(), till.parse().unwrap()).unwrap();
    View { window: Some(window), ..View::default() }
}

fn hiding(hidden: &[SeriesId]) -> View {
    View { hidden: hidden.to_vec(), ..View::default() }
}

pub(super) fn drawn(samples: impl IntoIterator<Item = Sample>, view: &View) -> Drawing {
    let (metadata, day) = (interval(), DAY.parse().unwrap());
    let (mut chart, mut summary) = (ChartBuilder::new(day), SummaryBuilder::new(day));
    chart.metadata(&metadata);
    summary.metadata(&metadata);
    for sample in samples {
        chart.sample(&sample);
        summary.sample(&sample);
    }
    chart.finish_view(&"web01".parse().unwrap(), &summary.finish(Rejects::default()), view)
}

pub(super) fn shown(samples: impl IntoIterator<Item = Sample>, view: &View) -> Vec<Element> {
    elements(&drawn(samples, view).to_svg())
}

/// The first plotted line of the load over 1 minute.
pub(super) fn load(chart: &[Element]) -> Vec<(f64, f64)> {
    let line = of_class(chart, "l p1").find(|e| e.get("d").contains('l')).unwrap();
    points(line.get("d"))
}

#[test]
fn the_whole_day_as_a_window_is_the_whole_day() {
    let day = drawn(every(10, 0..1440), &View::default()).to_svg();
    let mut window = drawn(every(10, 0..1440), &view("00:00", "24:00"));
    // The means in it are those of the whole day, which only a window mentions.
    window.description = drawn(every(10, 0..1440), &View::default()).description;
    assert_eq!(window.to_svg(), day);
}

#[test]
fn charts_with_room_for_the_same_load_have_one_scale() {
    let scaled = |times: f64, load_up_to| {
        let samples = every(10, 0..1440).map(move |mut sample| {
            sample.load = sample.load.map(|load| load * times);
            sample
        });
        load(&shown(samples, &View { load_up_to, ..View::default() }))
    };
    let heights = |line: &[(f64, f64)]| line.iter().map(|(_, y)| *y).collect::<Vec<_>>();
    let span = |times, up_to| {
        let y = heights(&scaled(times, up_to));
        let (top, bottom) =
            (y.iter().copied().fold(f64::MAX, f64::min), y.iter().copied().fold(0.0, f64::max));
        bottom - top
    };
    // Each by itself fills its panel; with one scale the smaller one is a tenth as high.
    assert!(span(0.1, None) > span(1.0, None) / 2.0);
    let (small, large) = (span(0.1, Some(40)), span(1.0, Some(40)));
    assert!((large / small - 10.0).abs() < 1.5, "{small} {large}");
}

#[test]
fn a_windows_lines_run_from_edge_to_edge_and_no_further() {
    let chart = shown(every(10, 0..1440), &view("10:05", "12:05"));
    let line = load(&chart);
    assert_eq!((line[0].0, line.last().unwrap().0), (62.0, 1022.0));
    // 12 samples and a point at each edge.
    assert_eq!(line.len(), 14);
    for path in chart.iter().filter(|e| e.name == "path" && e.get("d").len() > 12) {
        assert!(points(path.get("d")).iter().all(|(x, _)| (62.0..=1022.0).contains(x)));
    }
    // Half way between 10:00 (load 5.5 of 8) and 10:10 (load 1.5), minus one second.
    let (top, height) = (104.0, 150.0);
    let half = top + height * (1.0 - 3.5 / 8.0);
    assert!((line[0].1 - half).abs() < 0.3, "{line:?}");
}

#[test]
fn a_window_between_two_samples_shows_the_line_that_crosses_it() {
    let chart = shown(every(10, 0..1440), &view("10:02", "10:08"));
    assert_eq!(load(&chart).len(), 2);
    let values = values(&drawn(every(10, 0..1440), &view("10:02", "10:08")));
    assert_eq!(values["times"].as_array().unwrap().len(), 0);
}

#[test]
fn no_line_runs_into_a_window_across_a_gap() {
    let samples = every(10, 0..1440).filter(|s| !(6..9).contains(&s.time.hour()));
    let chart = shown(samples, &view("07:00", "10:00"));
    let line = load(&chart);
    assert!((line[0].0 - (62.0 + 960.0 * 7201.0 / 10_800.0)).abs() < 0.2, "{line:?}");
    let gap = points(of_class(&chart, "gap").next().unwrap().get("d"));
    assert!((gap[0].0 - 62.0).abs() < 1e-6);
    assert_eq!(of_class(&chart, "gap").count(), 6);
}

#[test]
fn ticks_suit_the_window() {
    let labels = |from, till| {
        let chart = shown(every(10, 0..1440), &view(from, till));
        let times = texts(&chart).into_iter().filter(|t| t.len() == 5 && t.contains(':'));
        // Every panel has the same.
        let times: Vec<_> = times.collect();
        let (first, rest) = times.split_at(times.len() / 6);
        assert!(rest.chunks(first.len()).all(|panel| panel == first), "{times:?}");
        first.join(" ")
    };
    assert_eq!(
        labels("10:00", "10:20"),
        "10:00 10:02 10:04 10:06 10:08 10:10 10:12 10:14 10:16 10:18 10:20"
    );
    assert_eq!(
        labels("10:10", "11:00"),
        "10:10 10:15 10:20 10:25 10:30 10:35 10:40 10:45 10:50 10:55 11:00"
    );
    assert_eq!(labels("09:55", "12:05"), "10:00 10:20 10:40 11:00 11:20 11:40 12:00");
    assert_eq!(
        labels("18:00", "24:00"),
        "18:00 18:30 19:00 19:30 20:00 20:30 21:00 21:30 22:00 22:30 23:00 23:30 24:00"
    );
}

#[test]
fn the_peak_is_that_of_the_window_and_only_its_reboots_are_named() {
    let samples = || {
        every(10, 0..1440).map(|mut s| {
            if s.time.hour() >= 14 {
                s.uptime_seconds = Some(
                    u64::from(s.time.hour().unsigned_abs() - 14) * 3_600
                        + u64::from(s.time.minute().unsigned_abs()) * 60
                        + 300,
                );
            }
            if s.time.hour() == 3 {
                s.load[0] = 40.0;
            }
            s
        })
    };
    let morning = shown(samples(), &view("08:00", "10:00"));
    assert!(texts(&morning).contains(&"peak 6.50 at 08:30"), "{:?}", texts(&morning));
    assert_eq!(of_class(&morning, "boot").count(), 0);
    let afternoon = shown(samples(), &view("13:00", "15:00"));
    assert!(texts(&afternoon).contains(&"reboot 13:55"));
    let subtitle = texts(&afternoon)[1];
    assert_eq!(
        subtitle,
        "2026-03-10 (Tue) · 13:00–15:00: 12 samples · Asia/Tokyo · 8 cores · \
         whole day: 144 of 144 samples, every 10 min · 1 reboot"
    );
}

#[test]
fn a_window_holds_both_of_an_hour_that_the_clock_shows_twice() {
    let clock = DayClock::new("2026-10-25".parse().unwrap(), Some("Europe/Berlin"));
    let log = SummaryBuilder::new("2026-10-25".parse().unwrap()).finish(Rejects::default());
    let axis = TimeAxis::new(&clock, &log, &[], &view("02:00", "03:00"));
    assert_eq!((axis.from, axis.to), (2 * 3600, 4 * 3600));
    let clock = DayClock::new("2026-03-29".parse().unwrap(), Some("Europe/Berlin"));
    let axis = TimeAxis::new(&clock, &log, &[], &view("02:00", "03:00"));
    assert_eq!((axis.from, axis.to), (7_200, 7_260), "that hour does not exist");
}

#[test]
fn hidden_series_are_neither_drawn_nor_named_and_scales_do_without_them() {
    let samples = || {
        every(10, 0..1440).map(|mut s| {
            s.load = [900.0, 2.0, 1.0];
            s
        })
    };
    let all = shown(samples(), &View::default());
    assert!(texts(&all).iter().any(|t| t.starts_with("peak 900")));
    let chart = shown(samples(), &hiding(&[SeriesId::Load1, SeriesId::User]));
    let text = texts(&chart);
    assert!(!text.iter().any(|t| t.starts_with("peak") || t.starts_with("1 min")), "{text:?}");
    assert!(
        text.contains(&"8") && !text.contains(&"1000"),
        "the scale is that of 8 cores: {text:?}"
    );
    assert_eq!(of_class(&chart, "a1").count(), 0);
    assert!(of_class(&chart, "a2").count() > 0);
}

#[test]
fn a_panel_without_series_is_left_out() {
    let swap = [SeriesId::SwapIn, SeriesId::SwapOut];
    let (all, five) =
        (drawn(every(10, 0..1440), &View::default()), drawn(every(10, 0..1440), &hiding(&swap)));
    assert_eq!(all.height - five.height, 700 + 400);
    assert!(!texts(&elements(&five.to_svg())).iter().any(|t| t.starts_with("Swap")));
    let none = drawn(every(10, 0..1440), &hiding(SeriesId::ALL));
    assert!(texts(&elements(&none.to_svg())).contains(&"web01本番DB"));
    assert!(values(&none)["panels"].as_array().unwrap().iter().all(|p| p["height"] == 0.0));
}

#[test]
fn in_japanese_nothing_is_left_in_english() {
    let samples = || every(10, 0..1440).filter(|s| !(6..9).contains(&s.time.hour()));
    let japanese = View { language: Language::Ja, ..View::default() };
    let drawing = drawn(samples(), &japanese);
    let chart = elements(&drawing.to_svg());
    assert_eq!(chart.last().unwrap().get("xml:lang"), "ja");
    let known = ["web01", "Asia/Tokyo", "DB", "CPU", "I/O", "KiB", "KiB/s"];
    let words = [&texts(&chart).join(" "), drawing.title(), drawing.description()].join(" ");
    let latin = words.split(|c: char| !c.is_ascii_alphanumeric() && c != '/');
    let foreign = latin.filter(|w| w.contains(|c: char| c.is_ascii_alphabetic()));
    let foreign: Vec<_> =
        foreign.map(|w| w.trim_matches('/')).filter(|w| !known.contains(w)).collect();
    assert_eq!(foreign, [""; 0]);
    assert!(texts(&chart).contains(
        &"2026-03-10（火） · Asia/Tokyo · 8 コア · 記録 126/144 件、10 分間隔 · 欠落 18 件"
    ));
}

pub(super) fn values(drawing: &Drawing) -> serde_json::Value {
    serde_json::from_slice(&drawing.to_values_json()).unwrap()
}

#[test]
fn values_stand_where_their_lines_are() {
    let drawing = drawn(every(10, 0..1440), &hiding(&[SeriesId::Load5]));
    let values = values(&drawing);
    assert_eq!(values["times"][1], "00:10:01");
    assert_eq!(values["seconds"][1], 601);
    assert_eq!((&values["from"], &values["to"]), (&0.into(), &86_400.into()));
    let panels = values["panels"].as_array().unwrap();
    let ids: Vec<_> = panels.iter().map(|p| p["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["load", "cpu", "queue", "memory", "swap", "blocks"]);
    let series: Vec<_> = panels.iter().flat_map(|p| p["series"].as_array().unwrap()).collect();
    let ids: Vec<_> = series.iter().map(|s| s["id"].as_str().unwrap()).collect();
    assert_eq!(ids, SeriesId::ALL.iter().map(|s| s.as_str()).collect::<Vec<_>>());
    assert_eq!((series[0]["values"][1].as_f64(), series[0]["pen"].as_u64()), (Some(3.5), Some(1)));
    assert_eq!(
        (series[1]["hidden"].as_bool(), series[1]["values"].as_array().unwrap().len()),
        (Some(true), 0)
    );
    // The second point of the first line, computed from the positions in the values.
    let line = load(&elements(&drawing.to_svg()));
    let number = |key: &str| values[key].as_f64().unwrap();
    let x = number("left") + 601.0 / 86_400.0 * (number("right") - number("left"));
    assert!((line[1].0 - x).abs() < 0.11);
    let (top, height) = (panels[0]["top"].as_f64().unwrap(), panels[0]["height"].as_f64().unwrap());
    assert!((line[1].1 - (top + height * (1.0 - 3.5 / 8.0))).abs() < 0.11);
}

#[test]
fn values_are_no_more_than_what_is_drawn() {
    let drawing = drawn((0..86_400).map(|s| at(s, f64::from(s % 60))), &View::default());
    let values = values(&drawing);
    assert_eq!(values["times"].as_array().unwrap().len(), 1_440);
    assert_eq!(values["panels"][0]["series"][0]["values"][7], 59.0);
    assert!(drawing.to_html().len() < 1_000_000, "{}", drawing.to_html().len());
}

#[test]
fn a_page_asks_nobody_and_nothing_in_it_runs_but_its_own_script() {
    let note = "</script><script>alert(1)</script><!--<script>";
    let metadata = Metadata { note: Some(note.parse().unwrap()), ..interval() };
    let day = DAY.parse().unwrap();
    let (mut chart, mut summary) = (ChartBuilder::new(day), SummaryBuilder::new(day));
    chart.metadata(&metadata);
    summary.metadata(&metadata);
    chart.sample(&at(36_000, 3.0));
    summary.sample(&at(36_000, 3.0));
    let log = summary.finish(Rejects::default());
    let page = chart.finish(&"web01".parse().unwrap(), &log).to_html();
    let page = String::from_utf8(page).unwrap();
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(!page.contains("<!--"));
    for entries_outside in [" src=", " href=", "@import", "url(http"] {
        assert!(!page.contains(entries_outside), "{entries_outside}");
    }
    assert!(!CHART_JS.contains("</script") && !CHART_CSS.contains("</style"));
    // The policy allows exactly the script in the page.
    let script = page.rsplit_once("<script>").unwrap().1.split_once("</script>").unwrap().0;
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(script));
    assert!(page.contains(&format!("script-src 'sha256-{hash}'")));
    // The values embedded in the page are the chart's values.
    let json = page.split_once("chart-values\">").unwrap().1.split_once("</script>").unwrap().0;
    let values: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(values["panels"][0]["series"][0]["values"][0], 3.0);
    assert!(page.contains("<th scope=\"row\">10:00:00</th><td>3</td>"), "the table has them, too");
}

/// Everything that analysis produces from a log.
struct Analysis {
    chart: ChartBuilder,
    summary: SummaryBuilder,
    csv: String,
}

impl Sink for Analysis {
    fn row(&mut self, row: &Row<'_>) {
        self.csv.push_str(std::str::from_utf8(row.csv()).unwrap());
        self.csv.push('\n');
        self.chart.sample(&row.sample());
        self.summary.sample(&row.sample());
    }

    fn reject(&mut self, reject: Reject) {
        panic!("{reject:?}");
    }

    fn metadata(&mut self, metadata: &Metadata) {
        self.chart.metadata(metadata);
        self.summary.metadata(metadata);
    }
}

/// The chart of a log, and that of its CSV and its summary after a JSON round trip.
fn both_ways(day: &str, log: &str, view: &View) -> [String; 2] {
    let (server, day) = ("web01".parse().unwrap(), day.parse().unwrap());
    let mut analysis = Analysis {
        chart: ChartBuilder::new(day),
        summary: SummaryBuilder::new(day),
        csv: format!("{CSV_HEADER}\n"),
    };
    let mut converter = Converter::new();
    converter.push(log.as_bytes(), &mut analysis);
    converter.finish(&mut analysis);
    let summary = analysis.summary.finish(Rejects::default());
    let direct = analysis.chart.finish_view(&server, &summary, view);
    let json = serde_json::to_vec(&summary).unwrap();
    let summary: LogSummary = serde_json::from_slice(&json).unwrap();
    let mut chart = ChartBuilder::in_force(day, &summary);
    let totals = CsvReader::read(analysis.csv.as_bytes(), |sample| chart.sample(&sample));
    assert_eq!(totals.faults, []);
    let again = chart.finish_view(&server, &summary, view);
    [direct, again].map(|drawing| String::from_utf8(drawing.to_html()).unwrap())
}

#[test]
fn the_csv_and_its_summary_draw_the_chart_of_the_log() {
    let real = include_str!("../../../../../docs/images/day.log");
    let document = include_str!("../../../../../testdata/document.log");
    // The mode changes twice, the second time where the clock was set back.
    let mut lines: Vec<&str> = real.lines().collect();
    let earlier = lines[60].replace("2026-11-20 09:", "2026-11-20 08:");
    lines[60] = &earlier;
    lines.insert(60, "# log2aws/1 mode=interval");
    lines.insert(30, "# log2aws/1 mode=since-boot");
    let changing = lines.join("\n");
    for (day, log) in
        [("2026-11-20", real), ("2019-08-01", document), ("2026-11-20", changing.as_str())]
    {
        for view in [View::default(), view("06:00", "10:00")] {
            let [direct, again] = both_ways(day, log, &view);
            assert!(direct == again, "{day} differs");
        }
    }
    let [direct, _] = both_ways("2026-11-20", &changing, &View::default());
    let hatched = direct.split_once("class=\"ha\" d=\"").unwrap().1.split_once('"').unwrap().0;
    assert!(!points(hatched).is_empty() && !hatched.starts_with("M62 "), "{hatched}");
}

#[test]
fn guest_time_that_no_row_holds_is_named() {
    let log = "2026-03-10 10:00:01 up 10 days,  1:00,  1 user,  load average: 1.00, 1.00, 1.00 \
               1 0 0 1 1 1 0 0 0 0 0 0 20 5 72 0 0 3\n";
    let [direct, again] = both_ways(DAY, log, &View::default());
    assert!(direct.contains("user and guests") && !direct.contains("is not drawn"));
    assert!(again.contains("guest time, up to 3 %, is not drawn"));
    // More than rounding is known from the other shares.
    for direct in both_ways(DAY, &log.replace("72 0 0 3", "60 0 0 15"), &View::default()) {
        assert!(direct.contains("user and guests") && !direct.contains("is not drawn"));
    }
}

#[test]
fn a_change_of_mode_whose_row_is_lost_begins_at_the_next() {
    use crate::summary::ModeFrom;
    let from = |time: &str, mode: &str| ModeFrom {
        from: format!("{DAY}T{time}").parse().unwrap(),
        mode: mode.to_owned(),
    };
    let modes = [
        from("00:00:01", "since-boot"),
        from("02:00:01", "interval"),
        from("04:00:01", "since-boot"),
    ];
    let mut timeline = ModeTimeline::new(&modes).unwrap();
    let lost = ["02:00:01", "02:10:01", "04:00:01"];
    let told =
        every(10, 0..300).filter(|s| !lost.contains(&s.time.strftime("%T").to_string().as_str()));
    let modes: Vec<_> =
        told.map(|s| (s.time.hour(), s.time.minute(), timeline.mode_at(s.time))).collect();
    for (hour, minute, mode) in modes {
        let expected = if (2..4).contains(&hour) { Mode::Interval } else { Mode::SinceBoot };
        assert_eq!(mode, expected, "{hour}:{minute}");
    }
}

#[test]
fn the_rest_of_a_day_that_was_not_over_is_neither_shaded_nor_hatched() {
    let day: Day = DAY.parse().unwrap();
    let (mut chart, mut summary) = (ChartBuilder::new(day), SummaryBuilder::new(day));
    for sample in every(10, 0..720) {
        chart.sample(&sample);
        summary.sample(&sample);
    }
    summary.taken_at(format!("{DAY}T12:00").parse().unwrap());
    let log = summary.finish(Rejects::default());
    let svg = chart.finish_view(&"web01".parse().unwrap(), &log, &View::default()).to_svg();
    let svg = elements(&svg);
    assert!(of_class(&svg, "gap").next().is_none());
    let hatched = points(of_class(&svg, "ha").next().unwrap().get("d"));
    assert!((hatched[1].0 - 542.0).abs() < 0.2, "{hatched:?}");
    let text = texts(&svg).join("\n");
    assert!(text.contains("not yet") && text.contains("72 of 72 samples"), "{text}");
}
