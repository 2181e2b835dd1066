//! The usual day behind the lines.

use super::reader::{Element, elements, points};
use super::views::view;
use super::{DAY, at, every, interval, of_class, texts};
use crate::chart::{ChartBuilder, Drawing, View};
use crate::day::Day;
use crate::sample::Sample;
use crate::summary::{Rejects, SummaryBuilder};
use crate::usual::{Usual, UsualDay};

/// Days with load 1 to 8, and no samples between 06:00 and 08:00.
fn usual(load: impl Fn(u32) -> f64) -> Usual {
    let day = |n: u32| {
        let mut day = UsualDay::new(DAY.parse().unwrap());
        let there = (0..1440).step_by(10).filter(|minute| !(360..480).contains(minute));
        there.for_each(|minute| day.sample(&at(minute * 60 + 1, load(n))));
        day
    };
    Usual::of(&(1..=8).map(day).collect::<Vec<_>>()).unwrap()
}

fn drawing(usual: Option<Usual>, view: &View, samples: impl Iterator<Item = Sample>) -> Drawing {
    let day: Day = DAY.parse().unwrap();
    let (mut chart, mut summary) = (ChartBuilder::new(day), SummaryBuilder::new(day));
    chart.metadata(&interval());
    summary.metadata(&interval());
    for sample in samples {
        chart.sample(&sample);
        summary.sample(&sample);
    }
    let log = summary.finish(Rejects::default());
    chart.with_usual(usual).finish_view(&"web01".parse().unwrap(), &log, view)
}

fn shapes(drawing: &Drawing) -> Vec<Element> {
    elements(&drawing.to_svg())
}

/// The areas of the panels; the legend has rectangles.
fn areas(chart: &[Element]) -> Vec<&Element> {
    of_class(chart, "band").filter(|element| element.name == "path").collect()
}

#[test]
fn the_usual_day_is_behind_load_and_free_memory() {
    let chart = shapes(&drawing(Some(usual(f64::from)), &View::default(), every(10, 0..1440)));
    let areas = areas(&chart);
    assert_eq!(areas.len(), 2, "load and memory");
    // Two parts, before and after the hours without values.
    assert_eq!(areas[0].get("d").matches('M').count(), 2);
    assert_eq!(texts(&chart).iter().filter(|text| **text == "usual (8 weeks)").count(), 2);
    // Behind the lines and the grid.
    let position = |class: &str| {
        chart.iter().position(|e| e.name == "path" && e.get("class") == class).unwrap()
    };
    assert!(position("band") < position("g") && position("usual") < position("l p1"));
}

#[test]
fn a_usual_load_above_the_day_has_room() {
    let busy = usual(|n| f64::from(n) * 10.0);
    let chart = shapes(&drawing(Some(busy), &View::default(), every(10, 0..1440)));
    let area = points(areas(&chart)[0].get("d"));
    let highest = area.iter().map(|(_, y)| *y).fold(f64::MAX, f64::min);
    assert!(highest > 104.0, "p90 is 73 of 80, below the upper edge: {highest}");
}

#[test]
fn a_window_shows_its_part_and_a_hidden_line_hides_its_band() {
    let part = view("09:00", "10:00");
    let chart = shapes(&drawing(Some(usual(f64::from)), &part, every(10, 0..1440)));
    let area = points(areas(&chart)[0].get("d"));
    // From edge to edge, at one height each above and below.
    assert_eq!(area.iter().map(|(x, _)| *x).collect::<Vec<_>>(), [62.0, 1022.0, 1022.0, 62.0]);
    let hidden = View { hidden: vec![crate::chart::SeriesId::Load1], ..View::default() };
    let chart = shapes(&drawing(Some(usual(f64::from)), &hidden, every(10, 0..1440)));
    assert_eq!(areas(&chart).len(), 1);
}

#[test]
fn programs_get_the_values_with_a_hole_between_two_parts() {
    let drawing = drawing(Some(usual(f64::from)), &View::default(), every(10, 0..1440));
    let values: serde_json::Value = serde_json::from_slice(&drawing.to_values_json()).unwrap();
    let band = &values["panels"][0]["band"];
    assert_eq!(band["name"], "usual (8 weeks)");
    let (seconds, mid) = (band["seconds"].as_array().unwrap(), band["mid"].as_array().unwrap());
    // 132 slots, both ends of the day, and the hole.
    assert_eq!((seconds.len(), mid.len()), (135, 135));
    assert_eq!(mid.iter().filter(|value| value.is_null()).count(), 1);
    assert_eq!((&seconds[1], &mid[1]), (&300.into(), &4.5.into()));
    assert!(values["panels"][1].get("band").is_none());
}

#[test]
fn without_usual_days_the_drawing_is_as_before() {
    let plain = drawing(None, &View::default(), every(10, 0..1440)).to_svg();
    assert!(areas(&elements(&plain)).is_empty());
    assert!(!String::from_utf8(plain).unwrap().contains("8 weeks"));
}
