//! What would have been told.

use jiff::tz::TimeZone;

use super::*;

fn told(rules: &[Rule], past: &[Past], quiet: Option<&str>) -> Vec<(String, String)> {
    let zone = TimeZone::fixed(jiff::tz::offset(9));
    let quiet: Option<QuietHours> = quiet.map(|text| text.parse().unwrap());
    let span = (day("2026-11-10"), day("2026-11-20"));
    let asks = Asks {
        network: &mut |server| Network::of_name(server),
        is_quiet: &|at| quiet.is_some_and(|quiet| quiet.contains(at, &zone)),
        overload: &mut |_, day, limit| all_day(day, limit),
    };
    let messages = simulate(rules, past, span, &zone, asks);
    let line = |message: &Message| {
        let at = message.at.to_zoned(zone.clone()).strftime("%m-%d %H:%M").to_string();
        (at, title(message, crate::chart::Language::En))
    };
    messages.iter().map(line).collect()
}

fn past(server: &str, days: Vec<DayFacts>) -> Past {
    Past { server: name(server), days, retired: None }
}

fn pair(at: &str, text: &str) -> (String, String) {
    (at.to_owned(), text.to_owned())
}

#[test]
fn a_gap_in_the_past_was_silence_and_then_was_over() {
    let mut known = days(1, 11);
    known.extend(days(15, 19));
    let servers = [past("web01", known.clone()), past("web02", known), past("db01", days(1, 19))];
    let rules = [rule(r#"{"rule":"silent","days":2}"#)];
    // The log of the 12th was due on the 13th, that of the 13th on the 14th.
    let expected = [
        pair("11-14 12:01", "2 servers (web*): no logs arrive"),
        pair("11-16 12:01", "Resolved: 2 servers (web*): no logs arrive"),
    ];
    assert_eq!(told(&rules, &servers, None), expected);
    let quiet = told(&rules, &servers, Some("08:00-18:00"));
    assert_eq!(quiet[0].0, "11-14 18:01");
}

#[test]
fn what_was_wrong_at_the_beginning_is_told_on_the_first_day() {
    let servers = [past("old", days(1, 3))];
    let rules = default_rules();
    assert_eq!(told(&rules, &servers, None), [pair("11-10 12:01", "old: no logs arrive")]);
}

#[test]
fn a_bad_day_is_told_when_its_log_was_due() {
    let mut known = days(1, 19);
    known[11] = busy("2026-11-12");
    let rules = [rule(r#"{"rule":"load","above":2,"minutes":30}"#)];
    let expected = [
        pair("11-13 12:01", "web01: high load"),
        pair("11-14 12:01", "Resolved: web01: high load"),
    ];
    assert_eq!(told(&rules, &[past("web01", known)], None), expected);
}
