//! What a week's drawing must show.

use jiff::ToSpan as _;

use super::*;
use crate::chart::tests::reader::{Element, elements, points};
use crate::chart::{ChartBuilder, view::Language};
use crate::day::Day;
use crate::metadata::Metadata;
use crate::sample::{Sample, VMSTAT_COLUMNS};
use crate::summary::{LogSummary, Rejects, SummaryBuilder};

const LEFT: f64 = 62.0;
const WIDTH: f64 = 960.0;

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// A day of samples every so many seconds, with the load that `load` gives for a second.
fn log(
    date: &str,
    head: &str,
    step: u32,
    load: impl Fn(u32) -> Option<f64>,
) -> (ChartBuilder, LogSummary) {
    let day = day(date);
    let (mut chart, mut summary) = (ChartBuilder::new(day), SummaryBuilder::new(day));
    let metadata = Metadata::parse(format!("# log2aws/1 server=web01 {head}").as_bytes()).unwrap();
    chart.metadata(&metadata);
    summary.metadata(&metadata);
    for second in (0..86_400).step_by(step as usize) {
        let Some(load) = load(second) else { continue };
        let mut vmstat = [Some(1); VMSTAT_COLUMNS];
        (vmstat[12], vmstat[14]) = (Some(30), Some(67));
        let sample = Sample {
            time: day.date().at(0, 0, 0, 0) + i64::from(second).seconds(),
            uptime_seconds: Some(8_640_000 + u64::from(second)),
            users: Some(1),
            load: [load, load, load],
            vmstat,
            guest: None,
        };
        chart.sample(&sample);
        summary.sample(&sample);
    }
    (chart, summary.finish(Rejects::default()))
}

const HEAD: &str = "cores=8 tz=Asia/Tokyo mode=interval interval=600";

/// A load that changes from hour to hour.
fn wave(second: u32) -> f64 {
    1.0 + f64::from(second / 3_600 % 3)
}

fn plain(date: &str) -> (ChartBuilder, LogSummary) {
    log(date, HEAD, 600, |second| Some(f64::from(second % 7) + 0.5))
}

type Given = Result<(ChartBuilder, LogSummary), (Day, Missing, &'static str)>;

fn draw(days: Vec<Given>) -> Drawing {
    let mut week = WeekBuilder::new(Language::En);
    for day in days {
        match day {
            Ok((chart, log)) => week.day(chart, &log),
            Err((day, kind, reason)) => week.empty(day, kind, reason),
        }
    }
    week.finish(&"web01".parse().unwrap(), Some("本番<b>"))
}

fn dates() -> [&'static str; 7] {
    [
        "2026-03-09",
        "2026-03-10",
        "2026-03-11",
        "2026-03-12",
        "2026-03-13",
        "2026-03-14",
        "2026-03-15",
    ]
}

fn of_class<'a>(chart: &'a [Element], class: &'a str) -> impl Iterator<Item = &'a Element> {
    chart.iter().filter(move |e| e.get("class") == class)
}

fn texts(chart: &[Element]) -> Vec<&str> {
    chart.iter().filter(|e| e.name == "text").map(|e| e.text.as_str()).collect()
}

/// The load over 1 minute: its strokes.
fn load(chart: &[Element]) -> Vec<Vec<(f64, f64)>> {
    let line = of_class(chart, "l p1").find(|e| e.get("d").contains('l')).unwrap();
    let strokes = line.get("d").split('M').skip(1);
    strokes.map(|stroke| points(&format!("M{stroke}"))).collect()
}

fn json(drawing: &Drawing) -> serde_json::Value {
    serde_json::from_slice(&drawing.to_values_json()).unwrap()
}

#[test]
fn every_sample_of_a_ten_minute_sampler_is_drawn() {
    let drawing = draw(dates().map(|date| Ok(plain(date))).into());
    assert_eq!(drawing.size(), week_size());
    let chart = elements(&drawing.to_svg());
    let strokes = load(&chart);
    assert_eq!((strokes.len(), strokes[0].len()), (1, 1_008));
    let text = texts(&chart);
    assert!(
        text.contains(&"2026-03-09 – 2026-03-15 · 7 of 7 days · 8 cores · 1008 of 1008 samples"),
        "{text:?}"
    );
    assert!(text.contains(&"Local time, Asia/Tokyo") && text.contains(&"web01本番<b>"));
    // Each day is labelled in its middle, and a line stands at each midnight between two.
    for (index, date) in (0..).zip(dates()) {
        let label = chart.iter().find(|e| e.text.starts_with(&format!("{date} (")));
        let middle = LEFT + WIDTH * (f64::from(index) + 0.5) / 7.0;
        assert!((label.unwrap().number("x") - middle).abs() < 0.2, "{date}");
    }
    // Under each of the six panels.
    assert_eq!(texts(&chart).iter().filter(|text| **text == "12:00").count(), 6 * 7);
    let midnights = of_class(&chart, "f").find(|e| e.get("d").matches('M').count() == 6).unwrap();
    assert!((points(midnights.get("d"))[0].0 - LEFT - WIDTH / 7.0).abs() < 0.2);
    let values = json(&drawing);
    assert_eq!(values["seconds"].as_array().unwrap().len(), 1_008);
    assert_eq!(values["times"][145], "2026-03-10 (Tue) 00:10");
    assert_eq!(
        values["days"][1],
        serde_json::json!(
            {"date": "2026-03-10", "from": 86_400, "to": 172_800}
        )
    );
    assert_eq!((&values["zoom"], values["panels"].as_array().unwrap().len()), (&false.into(), 6));
}

#[test]
fn no_peak_of_a_dense_day_is_lost_and_the_drawing_stays_small() {
    let mut days: Vec<_> = dates().map(|date| Ok(plain(date))).into();
    let second = |second| Some(if second == 40_000 { 90.0 } else { 1.0 + f64::from(second % 3) });
    days[3] = Ok(log(dates()[3], HEAD, 1, second));
    let drawing = draw(days);
    let svg = drawing.to_svg();
    assert!(svg.len() < 200_000, "{}", svg.len());
    let chart = elements(&svg);
    assert!(texts(&chart).contains(&"peak 90.00, 2026-03-12 (Thu) 11:06"));
    let highest = load(&chart).concat().into_iter().reduce(|a, b| if b.1 < a.1 { b } else { a });
    let x = LEFT + WIDTH * (3.0 * 86_400.0 + 40_000.0) / (7.0 * 86_400.0);
    assert!((highest.unwrap().0 - x).abs() < 1.5, "{highest:?}");
    // The least of each ten minutes is drawn too.
    assert!(load(&chart).concat().len() > 1_008 + 120);
    let values = json(&drawing);
    assert_eq!(values["seconds"].as_array().unwrap().len(), 1_008);
    let known = values["panels"][0]["series"][0]["values"].as_array().unwrap();
    assert!(known.contains(&90.0.into()));
}

#[test]
fn what_is_missing_is_shaded_by_its_cause_and_no_line_crosses_it() {
    let [monday, tuesday, wednesday, thursday, friday, saturday, sunday] = dates();
    let gap = |second: u32| (!(21_600..43_200).contains(&second)).then_some(1.5);
    let empty = |date, kind, reason| Err((day(date), kind, reason));
    let drawing = draw(vec![
        Ok(log(monday, HEAD, 600, gap)),
        empty(tuesday, Missing::Off, "off"),
        empty(wednesday, Missing::Off, "off"),
        Ok(plain(thursday)),
        empty(friday, Missing::Ran, "lost"),
        empty(saturday, Missing::Silent, "silent"),
        empty(sunday, Missing::NotDue, "not due"),
    ]);
    let chart = elements(&drawing.to_svg());
    assert_eq!(load(&chart).len(), 3);
    let shaded = |class| of_class(&chart, class).map(|e| points(e.get("d"))).collect::<Vec<_>>();
    for (class, from, to) in
        [("gap", 1.0, 3.0), ("ran", 0.25, 0.5), ("sil", 5.0, 6.0), ("due", 6.0, 7.0)]
    {
        let shaded = shaded(class);
        assert_eq!(shaded.len(), 6, "{class}: one for each panel");
        assert!((shaded[0][0].0 - LEFT - WIDTH * from / 7.0).abs() < 1.0, "{class} {shaded:?}");
        assert!((shaded[0][1].0 - LEFT - WIDTH * to / 7.0).abs() < 1.0, "{class} {shaded:?}");
    }
    let text = texts(&chart);
    for reason in ["off", "lost", "silent", "not due"] {
        assert_eq!(text.iter().filter(|text| **text == reason).count(), 1, "{reason}");
    }
    assert!(text.iter().any(|text| text.contains("2 of 7 days") && text.contains("36 missing")));
    let gaps = json(&drawing)["gaps"].clone();
    assert_eq!(gaps[0]["when"], "2026-03-09 (Mon) 05:55–11:55");
    assert_eq!(
        (&gaps[1]["when"], &gaps[1]["why"]),
        (&"2026-03-10 (Tue) – 2026-03-11 (Wed)".into(), &"off".into())
    );
    // Every kind has its own shading.
    let mut classes = Missing::ALL.map(Missing::class).to_vec();
    classes.sort_unstable();
    classes.dedup();
    assert_eq!(classes.len(), Missing::ALL.len());
}

#[test]
fn days_of_other_lengths_zones_and_intervals_stand_on_one_axis() {
    let berlin = "cores=8 tz=Europe/Berlin mode=interval interval=600";
    for (zone, date, hours) in [
        ("Europe/Berlin", "2026-03-29", "23"),
        ("Europe/Berlin", "2026-10-25", "25"),
        ("Australia/Lord_Howe", "2026-04-05", "24.5"),
    ] {
        let head = format!("cores=8 tz={zone} mode=interval interval=600");
        let before = day(date).date().yesterday().unwrap().to_string();
        let after = day(date).date().tomorrow().unwrap();
        let hour = |second: u32| (hours != "23" || second / 3_600 != 2).then(|| wave(second));
        let mut week = WeekBuilder::new(Language::En);
        for (date, load) in [(&before, None), (&date.to_owned(), Some(hour))] {
            let (chart, log) = match load {
                Some(load) => log(date, &head, 600, load),
                None => log(date, &head, 600, |second| Some(wave(second))),
            };
            week.day(chart, &log);
        }
        week.empty(Day::from_date(after).unwrap(), Missing::NotDue, "not due");
        let drawing = week.finish(&"web01".parse().unwrap(), None);
        let values = json(&drawing);
        let length: f64 = hours.parse().unwrap();
        assert!((values["to"].as_f64().unwrap() - (48.0 + length) * 3_600.0).abs() < 1.0);
        let chart = elements(&drawing.to_svg());
        let told = format!("the clock changes on {date}, which has {hours} hours");
        assert!(texts(&chart).iter().any(|text| text.ends_with(&told)), "{:?}", texts(&chart));
        if hours == "23" {
            assert_eq!(load(&chart).len(), 1, "nothing is missing in the skipped hour");
        }
    }
    // The zone changes, and the sampler becomes denser.
    let drawing = draw(vec![
        Ok(log("2026-03-09", HEAD, 3_600, |second| Some(wave(second)))),
        Ok(log("2026-03-10", berlin, 600, |second| Some(wave(second)))),
        Ok(log("2026-03-11", "cores=10 mode=interval", 60, |second| Some(wave(second)))),
    ]);
    let chart = elements(&drawing.to_svg());
    assert_eq!(load(&chart).len(), 1);
    let caption =
        "Local time, Asia/Tokyo, from 2026-03-10 Europe/Berlin, from 2026-03-11 zone unknown";
    assert!(texts(&chart).contains(&caption), "{:?}", texts(&chart));
    assert_eq!(of_class(&chart, "cores").count(), 1);
    assert!(texts(&chart).contains(&"10 cores"));
}

#[test]
fn a_week_without_anything_is_drawn_in_both_languages() {
    let drawing = draw(Vec::new());
    assert!(drawing.to_svg().starts_with(b"<svg"));
    let mut week = WeekBuilder::new(Language::Ja);
    week.assume_zone(Some("Asia/Tokyo"));
    for date in dates() {
        week.empty(day(date), Missing::Silent, "以後何も届いていない");
    }
    let drawing = week.finish(&"web01".parse().unwrap(), None);
    let chart = elements(&drawing.to_svg());
    assert!(texts(&chart).contains(&"以後何も届いていない"));
    assert!(texts(&chart).contains(&"2026-03-09（月）"));
    assert_eq!(drawing.size(), week_size());
}
