//! What each rule finds.

use super::*;

fn found(rule: &Rule, days: &[DayFacts], not_due: &str) -> Vec<Verdict> {
    let server = name("web01");
    let facts = ServerFacts { server: &server, days, retired: None };
    let as_of = AsOf { not_due: day(not_due) };
    evaluate(std::slice::from_ref(rule), facts, as_of, &mut all_day)
}

fn spans(verdicts: &[Verdict]) -> Vec<(String, Option<String>)> {
    let span = |verdict: &Verdict| match verdict {
        Verdict::Unknown { .. } => ("unknown".to_owned(), None),
        Verdict::Found { since, until, .. } => {
            (since.to_string(), until.map(|day| day.to_string()))
        }
    };
    verdicts.iter().map(span).collect()
}

fn on(since: &str) -> (String, Option<String>) {
    (since.to_owned(), None)
}

#[test]
fn a_log_is_due_at_noon_of_the_next_day() {
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(9));
    let not_due = |time: &str| AsOf::at(at(time), &zone).unwrap().not_due.to_string();
    assert_eq!(not_due("2026-11-30T11:59:59+09:00"), "2026-11-29");
    assert_eq!(not_due("2026-11-30T12:00:00+09:00"), "2026-11-30");
}

#[test]
fn a_server_is_silent_once_enough_logs_are_overdue() {
    let rule_of = |days: u32| rule(&format!(r#"{{"rule":"silent","days":{days}}}"#));
    let known = days(20, 27);
    assert_eq!(spans(&found(&rule_of(1), &known, "2026-11-28")), []);
    let verdicts = found(&rule_of(1), &known, "2026-11-29");
    assert_eq!(spans(&verdicts), [on("2026-11-28")]);
    let Verdict::Found { figure, .. } = &verdicts[0] else { panic!("{verdicts:?}") };
    assert_eq!(*figure, Figure::Silent { last: day("2026-11-27"), days: 1 });
    assert_eq!(spans(&found(&rule_of(3), &known, "2026-11-30")), []);
    assert_eq!(spans(&found(&rule_of(3), &known, "2026-12-01")), [on("2026-11-28")]);
    // A log of today, or from a clock that is ahead, is not silence.
    assert_eq!(spans(&found(&rule_of(1), &days(20, 30), "2026-11-29")), []);
}

#[test]
fn a_retired_server_is_not_silent() {
    let silent = rule(r#"{"rule":"silent","days":1}"#);
    let (server, days) = (name("web01"), days(20, 27));
    let found = |retired: &str, not_due: &str| {
        let facts = ServerFacts { server: &server, days: &days, retired: Some(day(retired)) };
        let as_of = AsOf { not_due: day(not_due) };
        evaluate(std::slice::from_ref(&silent), facts, as_of, &mut all_day)
    };
    assert_eq!(spans(&found("2026-12-01", "2026-11-30")), [on("2026-11-28")]);
    assert_eq!(spans(&found("2026-12-01", "2026-12-01")), []);
    assert_eq!(spans(&found("2026-11-28", "2026-12-09")), []);
}

#[test]
fn a_rule_is_only_for_its_servers() {
    let other = rule(r#"{"rule":"silent","servers":"db*"}"#);
    assert_eq!(found(&other, &days(1, 2), "2026-11-29"), []);
}

#[test]
fn the_load_of_a_day_is_judged_by_its_cores_and_its_longest_stretch() {
    let load = rule(r#"{"rule":"load","above":2,"minutes":30}"#);
    let mut known = days(25, 27);
    known.push(busy("2026-11-28"));
    assert_eq!(spans(&found(&load, &known, "2026-11-29")), [on("2026-11-28")]);
    let mut asked = Vec::new();
    let mut short = |day: &DayFacts, limit: f64| {
        asked.push((day.day.to_string(), limit));
        let from = day.day.date().at(10, 0, 0, 0);
        Overload::Known(Some(Stretch { from, minutes: 29, max: 40.0 }))
    };
    let server = name("web01");
    let facts = ServerFacts { server: &server, days: &known, retired: None };
    let as_of = AsOf { not_due: day("2026-11-29") };
    let rules = [load.clone()];
    assert_eq!(evaluate(&rules, facts, as_of, &mut short), []);
    // Of the days in order nothing is asked.
    assert_eq!(asked, [("2026-11-28".to_owned(), 8.0)]);
    let mut unknown = |_: &DayFacts, _: f64| Overload::Unknown;
    assert_eq!(evaluate(&rules, facts, as_of, &mut unknown), [Verdict::Unknown { rule: 0 }]);
    known[3].cores = None;
    assert_eq!(found(&load, &known, "2026-11-29"), []);
}

#[test]
fn days_that_arrive_late_are_found_although_it_is_over() {
    let load = rule(r#"{"rule":"load","above":2,"minutes":30}"#);
    let known = [
        fine("2026-11-23"),
        busy("2026-11-24"),
        busy("2026-11-25"),
        fine("2026-11-26"),
        busy("2026-11-28"),
    ];
    let over = ("2026-11-24".to_owned(), Some("2026-11-26".to_owned()));
    assert_eq!(spans(&found(&load, &known, "2026-11-29")), [over, on("2026-11-28")]);
    // A week later they are of the past.
    assert_eq!(spans(&found(&load, &known, "2026-12-06")), []);
}

#[test]
fn unreadable_lines_are_a_share_of_all_lines() {
    let above = |percent: f64| rule(&format!(r#"{{"rule":"rejects","above":{percent}}}"#));
    let mut known = days(28, 28);
    (known[0].samples, known[0].rejects) = (90, 10);
    assert_eq!(spans(&found(&above(10.0), &known, "2026-11-29")), []);
    assert_eq!(spans(&found(&above(9.9), &known, "2026-11-29")), [on("2026-11-28")]);
    known[0].rejects = 0;
    assert_eq!(spans(&found(&above(0.0), &known, "2026-11-29")), []);
    (known[0].samples, known[0].rejects) = (0, 1);
    assert_eq!(spans(&found(&above(99.0), &known, "2026-11-29")), [on("2026-11-28")]);
}

#[test]
fn memory_that_falls_steadily_is_foretold() {
    let within = |days: u32| rule(&format!(r#"{{"rule":"memory","days":{days}}}"#));
    // 10 MiB less each day, from 400 MiB on the 1st to 130 MiB on the 28th: 13 days are left.
    let mut leak = days(1, 28);
    for (left, day) in (130..).step_by(10).zip(leak.iter_mut().rev()) {
        day.free_min = Some(f64::from(left) * 1024.0);
        day.left_mean = Some(f64::from(left) * 1024.0 + 300_000.0);
    }
    assert_eq!(spans(&found(&within(12), &leak, "2026-11-29")), []);
    let verdicts = found(&within(13), &leak, "2026-11-29");
    let Some(Verdict::Found { figure, since, .. }) = verdicts.first() else { panic!("none") };
    assert_eq!(since.to_string(), "2026-11-28");
    assert_eq!(
        *figure,
        Figure::Memory {
            day: day("2026-11-28"),
            from_days: 13,
            to_days: Some(13),
            free_kib: 130 * 1024
        }
    );
    // It does not fall, it is unknown, or the log is too old.
    assert_eq!(found(&within(365), &days(1, 28), "2026-11-29"), []);
    // Memory that a cache takes is not lost.
    let cached: Vec<DayFacts> =
        leak.iter().map(|d| DayFacts { left_mean: Some(2_097_152.0), ..*d }).collect();
    assert_eq!(spans(&found(&within(30), &cached, "2026-12-01")), []);
    let mut freed = leak.clone();
    for (more, day) in (0_u32..).zip(&mut freed) {
        day.left_mean = Some(2_097_152.0 + f64::from(more) * 1024.0);
    }
    assert_eq!(spans(&found(&within(30), &freed, "2026-12-01")), []);
    let blind: Vec<DayFacts> = leak.iter().map(|d| DayFacts { free_min: None, ..*d }).collect();
    assert_eq!(found(&within(365), &blind, "2026-11-29"), []);
    assert_eq!(found(&within(365), &leak, "2026-12-06"), []);
}
