//! What a period's drawing must show.

use super::*;
use crate::chart::tests::reader::{Element, elements, points};
use crate::day::Day;

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn full(date: &str, load: f32) -> PeriodDay {
    PeriodDay {
        samples: 144,
        expected: 144,
        load_mean: Some(load / 2.0),
        load_p95: Some(load),
        load_max: Some(load * 2.0),
        cpu: [Some(30.0), Some(10.0), Some(5.0), Some(0.0)],
        free_min: Some(4e6),
        swapped_max: Some(1e5),
        cores: Some(8),
        ..PeriodDay::delivered(day(date))
    }
}

fn week() -> Vec<PeriodDay> {
    vec![
        full("2026-03-09", 1.0),
        PeriodDay { samples: 100, ..full("2026-03-10", 2.0) },
        PeriodDay::empty(day("2026-03-11"), Missing::Ran, "upload missing"),
        PeriodDay::empty(day("2026-03-12"), Missing::Ran, "upload missing"),
        PeriodDay { reboots: 2, ..full("2026-03-13", 3.0) },
    ]
}

fn drawing(days: &[PeriodDay], language: Language) -> Drawing {
    draw(&"web01".parse().unwrap(), Some("本番"), days, language)
}

fn texts(chart: &[Element]) -> Vec<&str> {
    chart.iter().filter(|e| e.name == "text").map(|e| e.text.as_str()).collect()
}

fn outlines(chart: &[Element], class: &str) -> usize {
    let paths = chart.iter().filter(|e| e.name == "path" && e.get("class") == class);
    paths.map(|e| e.get("d").matches('z').count()).sum()
}

#[test]
fn every_day_has_its_bars_and_an_empty_one_its_reason() {
    let chart = elements(&drawing(&week(), Language::En).to_svg());
    let text = texts(&chart);
    assert_eq!(text.iter().filter(|t| **t == "upload missing").count(), 1, "{text:?}");
    assert!(text.contains(&"2026-03-09 – 2026-03-13 · 3 of 5 days · 388 samples · 2 reboots"));
    assert!(text.contains(&"2026-03-11 (Wed)") && text.contains(&"8 cores"));
    // A stretch of two empty columns in each of four panels.
    assert_eq!((outlines(&chart, "ran"), outlines(&chart, "gap")), (4, 0));
    // Bars of p95; of system; of user and of samples; one day lacks samples.
    let bars = ["p95", "a2", "a1", "lack"].map(|class| outlines(&chart, class));
    assert_eq!(bars, [3, 3, 6, 1]);
    let free = chart.iter().rfind(|e| e.get("class") == "l p1").unwrap();
    assert_eq!(free.get("d").matches('M').count(), 2, "no line runs over an empty day");
    let boots = chart.iter().filter(|e| e.get("class") == "boot").count();
    assert_eq!(boots, 1 + 4);
}

#[test]
fn a_bar_is_as_high_as_its_value() {
    let chart = elements(&drawing(&week(), Language::En).to_svg());
    let bars = chart.iter().find(|e| e.name == "path" && e.get("class") == "p95").unwrap();
    let bars = points(bars.get("d"));
    // The scale goes to 8 over 150 pixels, from 104 on; the first p95 is 1.
    assert!((bars[1].1 - (254.0 - 150.0 / 8.0)).abs() < 0.11, "{bars:?}");
}

#[test]
fn a_narrow_empty_day_has_its_reason_upright() {
    let first = day("2026-03-01").date();
    let days: Vec<_> = (0..31)
        .map(|i| {
            let date = first.checked_add(jiff::Span::new().days(i)).unwrap();
            let date = Day::from_date(date).unwrap();
            if i == 7 {
                PeriodDay::empty(date, Missing::Off, "停止")
            } else {
                full(&date.to_string(), 1.0)
            }
        })
        .collect();
    let drawing = drawing(&days, Language::Ja);
    let chart = elements(&drawing.to_svg());
    let reason = chart.iter().find(|e| e.text == "停止").unwrap();
    assert!(reason.get("transform").is_empty(), "two characters have room");
    let mut days = days;
    days[7] = PeriodDay::empty(days[7].day, Missing::Ran, "アップロード<欠落>");
    let chart =
        elements(&super::draw(&"web01".parse().unwrap(), None, &days, Language::Ja).to_svg());
    let reason = chart.iter().find(|e| e.text == "アップロード<欠落>").unwrap();
    assert!(reason.get("transform").ends_with("rotate(-90)"));
    assert_eq!(texts(&chart).iter().filter(|t| **t == "日").count(), 5, "weekdays");
    assert!(drawing.title().contains("web01 の負荷"));
}

#[test]
fn values_are_given_by_day() {
    let json = drawing(&week(), Language::En).to_values_json();
    let values: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!((&values["zoom"], &values["date"]), (&false.into(), &"2026-03-13".into()));
    assert_eq!(values["times"][2], "2026-03-11 (Wed): upload missing");
    assert_eq!(
        values["panels"][0]["series"][2]["values"],
        serde_json::json!([2.0, 4.0, null, null, 6.0])
    );
    assert_eq!(
        values["panels"][3]["series"][1]["values"],
        serde_json::json!([0.0, 44.0, null, null, 0.0])
    );
}

#[test]
fn every_kind_of_empty_day_is_shaded_in_its_own_way_and_values_have_the_marks_of_the_chart() {
    let days = Missing::ALL.map(|kind| PeriodDay::empty(day("2026-03-11"), kind, "reason"));
    let drawing = drawing(&days, Language::En);
    let svg = String::from_utf8(drawing.to_svg()).unwrap();
    let chart = elements(svg.as_bytes());
    let mut fills = std::collections::BTreeSet::new();
    for kind in Missing::ALL {
        let class = kind.class();
        assert_eq!(outlines(&chart, class), 4, "{class}: once in each panel");
        let rule = svg.split_once(&format!(".{class}{{")).unwrap().1;
        let fill = rule.split('}').next().unwrap();
        assert!(fills.insert(fill.to_owned()), "{class} looks like another");
        if let Some(id) = fill.strip_prefix("fill:url(#").map(|id| id.trim_end_matches(')')) {
            assert!(svg.contains(&format!("<pattern id=\"{id}\"")), "{id}");
        }
    }
    // By night the mean is drawn in another colour than the ground and the bar.
    let dark = svg.split_once(".p95{fill:#1f7fc0").unwrap().1;
    assert!(dark.contains(".mean{stroke:#fff}") && svg.contains(".bg{fill:#15191d}"));
    let values: serde_json::Value = serde_json::from_slice(&drawing.to_values_json()).unwrap();
    let marks = |panel: usize| {
        let series = values["panels"][panel]["series"].as_array().unwrap();
        series.iter().map(|one| one["mark"].as_str().unwrap_or_default()).collect::<Vec<_>>()
    };
    assert_eq!([marks(0), marks(3)], [vec!["p95", "mean", "whisker"], vec!["bar", "lack"]]);
    for mark in ["p95", "mean", "whisker", "bar", "lack"] {
        assert!(crate::chart::CHART_CSS.contains(&format!(".chart-mark-{mark} ")), "{mark}");
    }
    assert_eq!(values["days"][1]["from"], 86_400);
}

#[test]
fn a_period_that_begins_on_the_last_day_of_a_month_names_the_next_one() {
    for month in 1..=12 {
        let first = jiff::civil::date(2026, month, 1).last_of_month();
        for (length, language) in
            (27..=31).flat_map(|days| [(days, Language::En), (days, Language::Ja)])
        {
            let days = (0..length).map(|n| first + jiff::Span::new().days(n));
            let days: Vec<_> = days.map(|date| full(&date.to_string(), 1.0)).collect();
            let chart = elements(&drawing(&days, language).to_svg());
            let name =
                |e: &&Element| e.name == "text" && e.get("class") == "t" && e.text.len() == 7;
            let mut names: Vec<_> = chart.iter().filter(name).collect();
            names.sort_by(|a, b| a.number("x").total_cmp(&b.number("x")));
            let next = first.tomorrow().unwrap().strftime("%Y-%m").to_string();
            assert!(names.iter().any(|e| e.text == next), "{first} {length}: {names:?}");
            for two in names.windows(2) {
                assert!(two[1].number("x") - two[0].number("x") > 45.0, "{first} {length}");
            }
        }
    }
}

#[test]
fn the_names_of_months_do_not_overlap() {
    let named = |first: &str, days: i64| {
        let first: jiff::civil::Date = first.parse().unwrap();
        let days: Vec<_> = (0..days)
            .map(|n| full(&(first + jiff::Span::new().days(n)).to_string(), 1.0))
            .collect();
        let chart = elements(&drawing(&days, Language::En).to_svg());
        let is_month =
            |e: &&Element| e.name == "text" && e.text.len() == 7 && e.text.starts_with("20");
        let months = chart.iter().filter(is_month);
        let mut places: Vec<_> = months.map(|e| (e.number("x"), e.text.clone())).collect();
        places.sort_by(|a, b| a.0.total_cmp(&b.0));
        for two in places.windows(2) {
            assert!(two[1].0 - two[0].0 > 45.0, "{first}: {places:?}");
        }
        places.into_iter().map(|(_, text)| text).collect::<Vec<_>>()
    };
    assert_eq!(named("2026-01-31", 30), ["2026-02", "2026-03"]);
    assert_eq!(named("2026-01-30", 31), ["2026-01", "2026-02", "2026-03"]);
    assert_eq!(named("2026-01-15", 31), ["2026-01", "2026-02"]);
    // The name of a last day is moved to the left.
    assert_eq!(named("2026-02-01", 29), ["2026-02", "2026-03"]);
}

#[test]
fn no_figures_and_hostile_ones_draw_something() {
    assert!(drawing(&[], Language::En).to_svg().starts_with(b"<svg"));
    let odd = [f32::NAN, f32::INFINITY, -1.0, f32::MAX, 0.0];
    let days: Vec<_> = odd
        .iter()
        .map(|&value| PeriodDay {
            samples: u32::MAX,
            expected: 0,
            load_max: Some(value),
            cpu: [Some(value); 4],
            free_min: Some(value),
            cores: Some(u32::MAX),
            ..full("2026-03-09", value)
        })
        .collect();
    let drawing = drawing(&days, Language::En);
    for path in elements(&drawing.to_svg()).iter().filter(|e| e.name == "path") {
        for (x, y) in points(path.get("d")) {
            assert!((0.0..=1_100.0).contains(&x) && (0.0..=1_000.0).contains(&y), "{x} {y}");
        }
    }
    assert!(serde_json::from_slice::<serde_json::Value>(&drawing.to_values_json()).is_ok());
}
