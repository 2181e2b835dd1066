//! What a chart must show, read from the SVG as a browser would read it.

mod live;
pub(super) mod reader;
mod usual;
mod views;

use jiff::ToSpan;
use jiff::civil::DateTime;

use reader::{Element, elements, points};

use super::*;
use crate::sample::VMSTAT_COLUMNS;
use crate::summary::{Rejects, SummaryBuilder};

const DAY: &str = "2026-03-10";

fn at(second: u32, load: f64) -> Sample {
    let midnight = DAY.parse::<Day>().unwrap().date().at(0, 0, 0, 0);
    let mut vmstat = [Some(1); VMSTAT_COLUMNS];
    vmstat[12] = Some(30);
    vmstat[14] = Some(67);
    Sample {
        time: midnight + i64::from(second).seconds(),
        uptime_seconds: Some(864_000 + u64::from(second)),
        users: Some(1),
        load: [load, load, load],
        vmstat,
        guest: None,
    }
}

fn every(step: usize, minutes: std::ops::Range<u32>) -> impl Iterator<Item = Sample> {
    minutes.step_by(step).map(|minute| at(minute * 60 + 1, f64::from(minute % 7) + 0.5))
}

fn interval() -> Metadata {
    says("# log2aws/1 server=web01 cores=8 tz=Asia/Tokyo mode=interval note=%E6%9C%AC%E7%95%AADB")
}

fn says(line: &str) -> Metadata {
    Metadata::parse(line.as_bytes()).unwrap()
}

enum Line {
    Is(Box<Sample>),
    Says(Metadata),
}

fn svg_of(lines: impl IntoIterator<Item = Line>, day: &str) -> Vec<u8> {
    let day: Day = day.parse().unwrap();
    let (mut chart, mut summary) = (ChartBuilder::new(day), SummaryBuilder::new(day));
    for line in lines {
        match line {
            Line::Is(sample) => {
                chart.sample(&sample);
                summary.sample(&sample);
            }
            Line::Says(metadata) => {
                chart.metadata(&metadata);
                summary.metadata(&metadata);
            }
        }
    }
    let log = summary.finish(Rejects::default());
    chart.finish(&"web01".parse().unwrap(), &log).to_svg()
}

fn chart(metadata: Option<Metadata>, samples: impl IntoIterator<Item = Sample>) -> Vec<Element> {
    let samples = samples.into_iter().map(|sample| Line::Is(Box::new(sample)));
    elements(&svg_of(metadata.into_iter().map(Line::Says).chain(samples), DAY))
}

fn texts(chart: &[Element]) -> Vec<&str> {
    chart.iter().filter(|e| e.name == "text").map(|e| e.text.as_str()).collect()
}

fn of_class<'a>(chart: &'a [Element], class: &'a str) -> impl Iterator<Item = &'a Element> {
    chart.iter().filter(move |e| e.get("class") == class)
}

/// The first plotted line of a pen; legend swatches have only two points at one height.
fn strokes(chart: &[Element], pen: &str) -> usize {
    let plotted = of_class(chart, pen).find(|e| e.get("d").contains('l')).unwrap();
    plotted.get("d").matches('M').count()
}

#[test]
fn a_whole_day_is_one_line() {
    let chart = chart(Some(interval()), every(10, 0..1440));
    assert_eq!(strokes(&chart, "l p1"), 1);
    assert_eq!(of_class(&chart, "gap").count(), 0);
    assert_eq!(of_class(&chart, "boot").count(), 0);
    let text = texts(&chart);
    assert!(text.contains(&"web01本番DB"), "{text:?}");
    assert!(
        text.contains(
            &"2026-03-10 (Tue) · Asia/Tokyo · 8 cores · 144 of 144 samples, every 10 min"
        )
    );
    assert!(text.contains(&"peak 6.50 at 00:20"));
    assert!(text.contains(&"8 cores"));
    for hour in ["00:00", "02:00", "12:00", "22:00", "24:00"] {
        assert!(text.contains(&hour), "{hour}");
    }
}

#[test]
fn a_gap_breaks_every_line_and_the_stack() {
    let samples = every(10, 0..1440).filter(|s| !(6..9).contains(&s.time.hour()));
    let chart = chart(Some(interval()), samples);
    assert_eq!(strokes(&chart, "l p1"), 2);
    let stack = of_class(&chart, "a1").find(|e| e.name == "path").unwrap();
    assert_eq!(stack.get("d").matches('z').count(), 2);
    // Six panels with one gap each: from half an interval after 05:50 to half an interval before
    // 09:00.
    let gaps: Vec<_> = of_class(&chart, "gap").collect();
    assert_eq!(gaps.len(), 6);
    let hour = 960.0 / 24.0;
    let outline = points(gaps[0].get("d"));
    assert!((outline[0].0 - 62.0 - hour * 5.92).abs() < 1.0, "{outline:?}");
    assert!((outline[1].0 - outline[0].0 - hour * 3.0).abs() < 1.0, "{outline:?}");
    assert!(texts(&chart).contains(&"no samples"));
}

#[test]
fn one_late_sample_is_no_gap() {
    let samples = every(10, 0..1440).map(|mut s| {
        if s.time.hour() == 5 && s.time.minute() == 20 {
            s.time += 4.minutes();
        }
        s
    });
    assert_eq!(strokes(&chart(Some(interval()), samples), "l p1"), 1);
}

#[test]
fn a_reboot_is_marked_in_every_panel_and_named() {
    let samples = every(10, 0..1440).map(|mut s| {
        if s.time.hour() >= 14 {
            s.uptime_seconds = Some(
                u64::from(s.time.hour().unsigned_abs() - 14) * 3_600
                    + u64::from(s.time.minute().unsigned_abs()) * 60
                    + 300,
            );
        }
        s
    });
    let chart = chart(Some(interval()), samples);
    assert!(texts(&chart).contains(&"reboot 13:55"));
    assert_eq!(of_class(&chart, "boot").count(), 1 + 6);
    // Inside its panel, at 13:55 of a 24-hour axis.
    let line = of_class(&chart, "boot").next().unwrap().get("d");
    assert!(line.starts_with("M618.6 "), "{line}");
}

#[test]
fn a_single_sample_is_a_dot_and_a_bar() {
    let chart = chart(None, [at(36_000, 3.0)]);
    let dots: Vec<_> = of_class(&chart, "d p1").map(|e| points(e.get("d"))).collect();
    assert_eq!(dots.len(), 5);
    assert!((dots[0][0].0 - 462.0).abs() < 0.2, "{dots:?}");
    assert_eq!(of_class(&chart, "a1").filter(|e| e.name == "path").count(), 1);
    assert!(texts(&chart).contains(&"peak 3.00 at 10:00"));
}

#[test]
fn averages_since_boot_are_hatched_and_named_and_interval_values_are_not() {
    let hatched = |metadata: Option<&str>| {
        let chart = chart(metadata.map(says), every(10, 0..1440));
        let label = texts(&chart).iter().filter(|t| t.contains("average since boot")).count();
        let rects = chart.iter().filter(|e| ["ha", "hl"].contains(&e.get("class"))).count();
        (rects, label)
    };
    assert_eq!(hatched(None), (3, 3));
    assert_eq!(hatched(Some("# log2aws/1 mode=since-boot")), (3, 3));
    assert_eq!(hatched(Some("# log2aws/1 mode=interval")), (0, 0));
}

#[test]
fn hatching_ends_where_interval_values_begin() {
    let sample = |s| Line::Is(Box::new(s));
    let lines = every(10, 0..720).map(sample).chain([Line::Says(interval())]);
    let chart = elements(&svg_of(lines.chain(every(10, 720..1440).map(sample)), DAY));
    let hatched = of_class(&chart, "ha").next().unwrap();
    let outline = points(hatched.get("d"));
    assert!((outline[0].0 - 62.0).abs() < 0.2 && (outline[1].0 - 542.0).abs() < 0.2);
}

#[test]
fn unknown_zones_and_cores_are_said_to_be_unknown() {
    let plain = chart(None, every(10, 0..1440));
    let text = texts(&plain).join("\n");
    assert!(text.contains("zone unknown") && !text.contains("cores"), "{text}");
    let mars = chart(Some(says("# log2aws/1 tz=Mars/<b>")), every(10, 0..1440));
    assert!(texts(&mars).join("\n").contains("zone Mars/<b> is not in the database"));
}

#[test]
fn hostile_names_are_text() {
    let note = "</text><script>alert(1)</script>&amp;\u{202e}";
    let metadata = Metadata { note: Some(note.parse().unwrap()), ..interval() };
    let chart = chart(Some(metadata), every(10, 0..1440));
    assert!(texts(&chart)[0].starts_with("web01</text><script>alert(1)</script>&amp;"));
    let known = ["svg", "title", "desc", "style", "defs", "pattern", "path", "rect", "circle", "g"];
    for element in &chart {
        let name = element.name.as_str();
        assert!(known.contains(&name) || ["text", "tspan"].contains(&name), "{name}");
        assert!(!element.attributes.iter().any(|(name, _)| name.starts_with("on")));
    }
}

#[test]
fn the_drawing_has_a_role_a_name_and_a_description() {
    let chart = chart(Some(interval()), every(10, 0..1440));
    let text = |name: &str| chart.iter().find(|e| e.name == name).unwrap().text.clone();
    assert_eq!(chart.last().unwrap().get("role"), "img");
    assert_eq!(text("title"), "Load of web01 on 2026-03-10");
    assert!(text("desc").contains("peak 6.50 at 00:20"));
    assert!(text("desc").contains("mean user CPU 30 %"));
}

#[test]
fn many_cores_do_not_press_the_load_flat() {
    let many = chart(Some(says("# log2aws/1 cores=128")), every(10, 0..1440));
    let text = texts(&many);
    assert!(text.contains(&"Load average (128 cores: above the scale)processes"), "{text:?}");
    assert_eq!(of_class(&many, "cores").count(), 0);
}

#[test]
fn a_day_of_23_hours_has_an_axis_of_23_hours() {
    let day = "2026-03-29";
    let moved = |mut sample: Sample| {
        sample.time += 19.days();
        Line::Is(Box::new(sample))
    };
    let lines = every(10, 0..1440).filter(|s| s.time.hour() != 2).map(moved);
    let metadata = says("# log2aws/1 tz=Europe/Berlin mode=interval");
    let chart = elements(&svg_of([Line::Says(metadata)].into_iter().chain(lines), day));
    assert_eq!(strokes(&chart, "l p1"), 1);
    let x = |label: &str| chart.iter().find(|e| e.text == label).unwrap().number("x");
    let hour = 960.0 / 23.0;
    assert!((x("04:00") - x("00:00") - 3.0 * hour).abs() < 0.2);
    assert!(!texts(&chart).contains(&"02:00"), "that hour does not exist");
    assert!(texts(&chart).iter().any(|t| t.ends_with("the day has 23 hours")));
}

#[test]
fn a_gap_that_begins_in_the_hour_shown_twice_begins_where_it_does() {
    // 25 hours of samples in Berlin, with none from 3 h 50 min (the second 02:50) to 6 h after
    // midnight.
    let berlin = jiff::tz::TimeZoneDatabase::bundled().get("Europe/Berlin").unwrap();
    let midnight = "2026-10-24T22:00:00Z".parse::<jiff::Timestamp>().unwrap();
    let minutes = (0..1500_u32).step_by(10).filter(|minute| !(231..360).contains(minute));
    let lines = minutes.map(|minute| {
        let mut sample = at(minute * 60, f64::from(minute % 7));
        sample.time = berlin.to_datetime(midnight + i64::from(minute).minutes());
        Line::Is(Box::new(sample))
    });
    let metadata = says("# log2aws/1 tz=Europe/Berlin mode=interval");
    let svg = svg_of([Line::Says(metadata)].into_iter().chain(lines), "2026-10-25");
    let chart = elements(&svg);
    assert_eq!(strokes(&chart, "l p1"), 2);
    let gap = points(of_class(&chart, "gap").next().unwrap().get("d"));
    let x = |minute: f64| 62.0 + 960.0 * minute / 1500.0;
    assert!((gap[0].0 - x(235.0)).abs() < 0.2 && (gap[1].0 - x(355.0)).abs() < 0.2, "{gap:?}");
}

#[test]
fn other_days_are_not_drawn() {
    let tomorrow = every(10, 0..1440).map(|mut s| {
        s.time += 1.day();
        s.load = [99.0; 3];
        s
    });
    let chart = chart(Some(interval()), every(10, 0..1440).chain(tomorrow));
    let text = texts(&chart).join("\n");
    assert!(text.contains("peak 6.50 at 00:20") && text.contains("144 rows of other days"));
}

#[test]
fn a_day_without_samples_says_so() {
    let text = chart(None, []);
    assert!(texts(&text).contains(&"no samples"));
    assert!(!texts(&text).iter().any(|t| t.starts_with("peak")));
}

#[test]
fn a_load_that_is_no_number_is_missing_and_not_the_greatest() {
    let samples = every(10, 0..1440).map(|mut sample| {
        sample.load[0] = if sample.time.hour() < 12 { f64::NAN } else { f64::INFINITY };
        sample
    });
    let chart = chart(Some(interval()), samples);
    let text = texts(&chart);
    assert!(text.contains(&"1 minno values") && text.contains(&"5 minmax 6.5"), "{text:?}");
}

/// Every value of every sample jumps, so no drawing can be shorter.
fn jumping(seconds: impl Iterator<Item = u32>) -> impl Iterator<Item = Sample> {
    let mut state = 7_u32;
    seconds.map(move |second| {
        let mut jump = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 16
        };
        let mut sample = at(second, 0.0);
        sample.load = [jump(), jump(), jump()].map(|n| f64::from(n) / 1000.0);
        let limit = |column| if column < 12 { 65_536 } else { 25 };
        sample.vmstat = std::array::from_fn(|column| Some(u64::from(jump() % limit(column))));
        sample
    })
}

#[test]
fn however_many_samples_the_file_stays_small_and_no_peak_is_lost() {
    let samples = jumping(0..86_400).map(|mut sample| {
        if sample.uptime_seconds == Some(864_000 + 50_000) {
            sample.load[0] = 999.0;
        }
        Line::Is(Box::new(sample))
    });
    let svg = svg_of(samples, DAY);
    assert!(svg.len() < 150_000, "{} bytes", svg.len());
    let chart = elements(&svg);
    assert!(texts(&chart).contains(&"peak 999.00 at 13:53"));
    let ring = of_class(&chart, "ring").next().unwrap();
    let line = of_class(&chart, "l p1").find(|e| e.get("d").contains('l')).unwrap();
    let line = points(line.get("d"));
    assert!(line.is_sorted_by(|a, b| a.0 <= b.0 + 1e-6), "time does not go back");
    let highest = line.into_iter().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    assert!((highest.1 - ring.number("cy")).abs() < 0.11, "{highest:?}");
    assert!((highest.0 - ring.number("cx")).abs() < 1.0, "{highest:?}");
}

#[test]
fn the_worst_day_makes_no_large_file_either() {
    for (on, off) in [(60, 60), (1, 199), (60, 160), (1, 299), (240, 240), (600, 900)] {
        let seconds = (0..86_400).filter(move |second| second % (on + off) < on);
        let lines = jumping(seconds).flat_map(|mut sample| {
            let second = u32::try_from(sample.uptime_seconds.unwrap()).unwrap() % 86_400;
            sample.uptime_seconds = Some(u64::from(second % 100));
            let mode = if second % 500 < 250 { "interval" } else { "since-boot" };
            let says = says(&format!("# log2aws/1 mode={mode}"));
            [Line::Says(says), Line::Is(Box::new(sample))]
        });
        let svg = svg_of(lines, DAY);
        assert!(svg.len() < 200_000, "{on} {off}: {} bytes", svg.len());
    }
}

#[test]
fn equal_days_are_equal_bytes() {
    let day = || {
        let samples = every(10, 0..1440).map(|sample| Line::Is(Box::new(sample)));
        svg_of([Line::Says(interval())].into_iter().chain(samples), DAY)
    };
    assert_eq!(day(), day());
}

#[test]
fn hostile_numbers_and_orders_draw_something() {
    let value = |i: u32| [f64::MAX, f64::INFINITY, f64::NAN, 0.0, 1e6, 1e-300][i as usize % 6];
    let samples = (0..3_000_u32).map(|i| {
        let mut sample = at(i.wrapping_mul(40_503) % 86_400, value(i));
        sample.uptime_seconds = Some(u64::from(i % 3) * (u64::MAX / 2));
        sample.vmstat = std::array::from_fn(|column| match (i as usize + column) % 3 {
            0 => None,
            1 => Some(u64::MAX),
            _ => Some(0),
        });
        sample.guest = Some(u64::MAX);
        if i % 50 == 0 {
            sample.time = DateTime::MAX;
        }
        sample
    });
    let chart = chart(Some(interval()), samples);
    for path in chart.iter().filter(|e| e.name == "path" && e.get("class") != "w") {
        for (x, y) in points(path.get("d")) {
            assert!((0.0..=1_096.0).contains(&x) && (0.0..=1_100.0).contains(&y), "{x} {y}");
        }
    }
}
