//! What a page needs to show another part of a day by itself.

use super::views::{drawn, load, shown, values, view};
use super::*;

#[test]
fn a_day_without_swapping_says_so_in_one_line() {
    let swapping = |from: u32| {
        every(10, 0..1440).map(move |mut sample| {
            let hour = u32::from(sample.time.hour().unsigned_abs());
            sample.vmstat[6] = Some(u64::from(hour == from));
            sample.vmstat[7] = Some(0);
            sample
        })
    };
    let calm = shown(swapping(99), &View::default());
    assert!(texts(&calm).contains(&"no swapping"), "{:?}", texts(&calm));
    assert_eq!(of_class(&calm, "f").count(), 5);
    // A window without swapping on a day with it has its panel, as the whole day has.
    let quiet = shown(swapping(3), &view("08:00", "12:00"));
    assert_eq!(of_class(&quiet, "f").count(), 6);
    assert!(!texts(&quiet).contains(&"no swapping"));
    let unknown = every(10, 0..1440).map(|mut sample| {
        sample.vmstat[6] = None;
        sample
    });
    assert!(!texts(&shown(unknown, &View::default())).contains(&"no swapping"));
}

#[test]
fn a_part_of_a_page_has_no_head_and_every_point() {
    let embedded = View { embedded: true, ..View::default() };
    let (file, part) =
        (drawn(every(1, 0..1440), &View::default()), drawn(every(1, 0..1440), &embedded));
    let charts = [&file, &part].map(|drawing| elements(&drawing.to_svg()));
    let heads = charts.each_ref().map(|chart| of_class(chart, "h1").count());
    assert_eq!(heads, [1, 0]);
    assert!(load(&charts[0]).len() < 900);
    assert_eq!(load(&charts[1]).len(), 1440);
    assert!(part.size().1 < file.size().1 - 70);
}

#[test]
fn what_a_page_stretches_is_in_groups() {
    let samples = every(10, 0..1440).filter(|s| !(6..9).contains(&s.time.hour()));
    let svg = String::from_utf8(drawn(samples, &View::default()).to_svg()).unwrap();
    let mut open: Vec<&str> = Vec::new();
    let mut inside = std::collections::BTreeMap::<&str, usize>::new();
    for line in svg.lines() {
        if let Some(class) = line.strip_prefix("<g class=\"") {
            open.push(class.trim_end_matches("\">"));
        } else if line == "</g>" {
            open.pop().unwrap();
        } else if line.starts_with("<text") || line.starts_with("<path class=\"g\"") {
            // The two lines of the page's head are in no group.
            let group = open.last().copied().unwrap_or("head");
            *inside.entry(if group == "labels" { group } else { "else" }).or_default() += 1;
        } else if line.starts_with("<path class=\"gap\"") {
            assert_eq!(open, ["panel", "columns"]);
        } else if line.contains(" d=\"M62") && line.contains("class=\"l p1\"") {
            assert_eq!(open, ["panel", "data"]);
        }
    }
    assert!(open.is_empty());
    assert_eq!(inside["else"], 2);
}

#[test]
fn an_hour_that_comes_twice_has_its_zone_beside_it() {
    let day: Day = "2026-11-01".parse().unwrap();
    let (mut chart, mut summary) = (ChartBuilder::new(day), SummaryBuilder::new(day));
    let metadata = says("# log2aws/1 server=web01 tz=America/New_York mode=interval");
    chart.metadata(&metadata);
    summary.metadata(&metadata);
    let clock = DayClock::new(day, Some("America/New_York"));
    for step in 0..150 {
        let mut sample = at(0, if step == 9 { 9.0 } else { 1.0 });
        sample.time = clock.civil(step * 600);
        chart.sample(&sample);
        summary.sample(&sample);
    }
    let log = summary.finish(Rejects::default());
    let drawing = chart.finish_view(&"web01".parse().unwrap(), &log, &View::default());
    let values = values(&drawing);
    assert_eq!(values["times"][6], "01:00:00 EDT");
    assert_eq!(values["times"][12], "01:00:00 EST");
    assert_eq!(
        values["live"]["clock"],
        serde_json::json!([{"from": 0, "clock": 0, "zone": "EDT"}, {"from": 7200, "clock": 3600, "zone": "EST"}])
    );
    let chart = elements(&drawing.to_svg());
    assert!(texts(&chart).contains(&"02:00 EDT → 01:00 EST"), "{:?}", texts(&chart));
    assert!(texts(&chart).contains(&"peak 9.00 at 01:30 EDT"));
    assert_eq!(of_class(&chart, "boot").count(), 1 + 6);
}
