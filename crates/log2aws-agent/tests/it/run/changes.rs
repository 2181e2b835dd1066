//! The service while the machine changes: its name, its zone, its clock, readable state; and what
//! survives a restart.

use std::time::Duration;

use jiff::Timestamp;
use log2aws_agent::run::{CATCH_UP, Platform as _, RunConfig, Shipped};

use super::simulator::{Event, Simulator, calm, config};
use super::{time, zone};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

fn tokyo(server: &str) -> RunConfig {
    config(server, zone("Asia/Tokyo"))
}

/// Started at 23:50 in Tokyo on the 24th of November 2026.
fn machine(ends: u8) -> Simulator {
    let network = move |_| (Duration::from_secs(3), Some(Shipped::Exit(ends)));
    Simulator::new("2026-11-24T14:50:00Z", zone("Asia/Tokyo"), Box::new(network))
}

fn since(later: Timestamp, earlier: Timestamp) -> i64 {
    later.duration_since(earlier).as_secs()
}

#[test]
fn what_the_server_asks_for_outlives_restart_and_reload() {
    let asked = time("2026-11-25T05:00:00+09:00");
    let late = asked + CATCH_UP;
    // Restarted every ten minutes while it must wait.
    let mut host = machine(4);
    host.not_before = Some(asked);
    for _ in 0..40 {
        host.live_for(&tokyo("web01"), 10 * MINUTE);
    }
    assert!(host.ships[1] >= asked && host.ships[1] < late, "{:?}", host.ships);
    // Reloaded.
    let mut host = machine(4);
    host.not_before = Some(asked);
    let reload = Event::Reload(Box::new(Ok(tokyo("web01"))));
    host.live(&tokyo("web01"), vec![(2 * HOUR, reload), (6 * HOUR, Event::Stop)]);
    assert!(host.ships[1] >= asked && host.ships[1] < late, "{:?}", host.ships);
    // The host's moment of the next day comes first.
    let asked = time("2026-11-26T00:39:50+09:00");
    let mut host = machine(4);
    host.not_before = Some(asked);
    host.live(
        &tokyo("web01"),
        vec![(HOUR, Event::Reload(Box::new(Ok(tokyo("web01"))))), (25 * HOUR, Event::Stop)],
    );
    assert!(host.ships[1] >= asked && host.ships[1] < asked + CATCH_UP, "{:?}", host.ships);
}

#[test]
fn a_wish_of_a_clock_that_was_ahead_puts_nothing_off() {
    let mut host = machine(4);
    host.not_before = Some(time("2031-01-01T00:00:00Z"));
    let years = 3600 * 24 * 365 * 4;
    host.live(
        &tokyo("web01"),
        vec![
            (MINUTE, Event::ClockSet(years)),
            (2 * DAY, Event::ClockSet(-years)),
            (MINUTE, Event::Stop),
        ],
    );
    let before = host.ships.len();
    assert!(before > 0);
    host.live_for(&tokyo("web01"), HOUR);
    assert!(host.ships.len() > before, "not asked since the clock is right again");
}

#[test]
fn a_machine_without_a_name_of_its_own_samples_and_ships_once_it_has_one() {
    for nameless in ["localhost", "localhost.localdomain", "not a name/"] {
        let mut host = machine(0);
        nameless.clone_into(&mut host.name);
        let config = RunConfig { is_named_by_host: true, ..tokyo("localhost") };
        host.live(&config, vec![(8 * HOUR, Event::Named("web07")), (4 * HOUR, Event::Stop)]);
        assert!(host.samples.len() >= 72, "{}", host.samples.len());
        let named = time("2026-11-24T22:50:00Z");
        assert_eq!(host.ships.len(), 1, "{nameless}: {:?}", host.ships);
        assert!(since(host.ships[0], named) > 0 && since(host.ships[0], named) <= 3660);
        let line = &host.orders[0].arguments;
        assert!(line.contains(&"--server=web07".into()), "{line:?}");
        assert!(!line.contains(&"--server=localhost".into()), "{line:?}");
    }
    // A given name is used, whatever the host name is.
    let mut host = machine(0);
    "localhost".clone_into(&mut host.name);
    host.live_for(&tokyo("web01"), 2 * HOUR);
    assert!(host.orders[0].arguments.contains(&"--server=web01".into()));
}

#[test]
fn another_zone_is_followed_at_the_next_day() {
    let mut host = machine(0);
    host.live(
        &tokyo("web01"),
        vec![(20 * MINUTE, Event::Moved(zone("Pacific/Auckland"))), (3 * DAY, Event::Stop)],
    );
    // web01's share of the window, in the days of Auckland (+13).
    let shown: Vec<_> = host
        .ships
        .iter()
        .map(|at| at.to_zoned(zone("Pacific/Auckland")).strftime("%d %T").to_string())
        .collect();
    assert!(shown.contains(&"27 00:39:36".to_owned()), "{shown:?}");
    assert!(host.notified.last().unwrap().1.contains("next delivery 2026-11-29 00:39:36"));
}

#[test]
fn another_zone_is_followed_when_the_clock_is_set() {
    let mut host = machine(0);
    let events = vec![
        (20 * MINUTE, Event::Moved(zone("Pacific/Auckland"))),
        (MINUTE, Event::ClockSet(1)),
        (MINUTE, Event::Stop),
    ];
    host.live(&tokyo("web01"), events);
    let line = &host.notified.last().unwrap().1;
    // Ten past midnight in Tokyo.
    assert!(line.starts_with("last sample 2026-11-25 04:10:00; next delivery "), "{line}");
}

#[test]
fn another_zone_is_followed_at_the_next_day_also_where_nothing_is_shipped() {
    let nowhere = RunConfig { ship: None, ..tokyo("web01") };
    let mut host = machine(0);
    // Midnight in Tokyo; in Auckland it is four o'clock.
    let events = vec![(5 * MINUTE, Event::Moved(zone("Pacific/Auckland"))), (HOUR, Event::Stop)];
    host.live(&nowhere, events);
    let lines: Vec<&str> = host.notified.iter().map(|(_, line)| line.as_str()).collect();
    assert_eq!(lines[1], "last sample 2026-11-24 23:50:01; no API to ship to");
    assert_eq!(lines[2], "last sample 2026-11-25 04:00:00; no API to ship to");
}

#[test]
fn a_new_name_brings_its_own_moment_and_what_is_pending_under_it() {
    let mut host = machine(0);
    let config = RunConfig { is_named_by_host: true, ..tokyo("web01") };
    host.live(&config, vec![(20 * MINUTE, Event::Named("web07")), (2 * HOUR, Event::Stop)]);
    // Asked before anything is delivered, and under the new name alone from then on.
    let first = host.asked_as.iter().position(|name| name.as_str() == "web07").unwrap();
    assert!(host.asked_as[first..].iter().all(|name| name.as_str() == "web07"));
    assert!(host.asked_as[..first].len() <= 2, "{:?}", host.asked_as);
    assert_eq!(host.orders.len(), 1);
    let next = tokyo("web07").schedule().next_moment(host.now());
    assert_eq!(host.facts.next_ship, Some(next));
    assert_ne!(next, config.schedule().next_moment(host.now()));
}

#[test]
fn what_is_pending_is_left_out_where_it_cannot_be_known_and_counted_from_midnight() {
    let mut host = machine(0);
    host.live_for(&tokyo("web01"), 5 * MINUTE);
    assert_eq!(host.facts.pending, Some(vec![]));
    // The past day is counted long before its shipping moment.
    host.live_for(&tokyo("web01"), 10 * MINUTE);
    assert_eq!(host.facts.pending, Some(vec!["2026-11-24".parse().unwrap()]));
    host.live(&tokyo("web01"), vec![(MINUTE, Event::Unknown(true)), (HOUR, Event::Stop)]);
    assert_eq!(host.facts.pending, None);
    let nowhere = RunConfig { ship: None, ..tokyo("web01") };
    host.live_for(&nowhere, HOUR);
    assert_eq!(host.facts.pending, None);
}

#[test]
fn few_logs_that_another_store_has_are_sent_again_at_once() {
    let mut host = machine(0);
    host.keep(7);
    let reload = Event::Reload(Box::new(Ok(tokyo("web01"))));
    let events = vec![
        (MINUTE, Event::StoreMoved { is_known: true }),
        (Duration::ZERO, reload),
        (20 * MINUTE, Event::Stop),
    ];
    host.live(&tokyo("web01"), events);
    assert_eq!(host.delivered, [7]);
    assert!(host.ships[0] < time("2026-11-24T14:51:00Z") + CATCH_UP, "{:?}", host.ships);
}

#[test]
fn a_clock_that_was_ahead_does_not_put_off_what_is_sent_again() {
    let year = 365 * 86_400;
    let mut host = machine(0);
    host.keep(90);
    let reload = Event::Reload(Box::new(Ok(tokyo("web01"))));
    let events = vec![
        (MINUTE, Event::ClockSet(year)),
        (MINUTE, Event::StoreMoved { is_known: true }),
        (Duration::ZERO, reload),
        (MINUTE, Event::ClockSet(-year)),
        (2 * DAY, Event::Stop),
    ];
    host.live(&tokyo("web01"), events);
    assert!(host.delivered.iter().any(|logs| *logs >= 90), "{:?}", host.delivered);
}

#[test]
fn sending_many_logs_again_keeps_its_moment_and_is_not_tried_all_night() {
    let many = |ends: u8| {
        let mut host = machine(ends);
        host.keep(90);
        let reload = Event::Reload(Box::new(Ok(tokyo("web01"))));
        let events = vec![
            (MINUTE, Event::StoreMoved { is_known: true }),
            (Duration::ZERO, reload),
            (MINUTE, Event::Stop),
        ];
        host.live(&tokyo("web01"), events);
        host
    };
    let moment = tokyo("web01").schedule().next_resend(time("2026-11-24T14:52:00Z"));
    // A restart each hour does not put it off.
    let mut host = many(0);
    for _ in 0..30 {
        host.live_for(&tokyo("web01"), HOUR);
    }
    let resend = host.delivered.iter().position(|logs| *logs >= 90).unwrap();
    assert!(since(host.ships[resend], moment) < 2, "{moment}: {:?}", host.ships);
    // While the store is down, what is sent again is tried once a day.
    let mut host = many(4);
    host.live_for(&tokyo("web01"), 3 * DAY);
    let begins_with = |day: &str| {
        let since = format!("--since={day}");
        host.orders.iter().filter(|order| order.arguments.contains(&(&*since).into())).count()
    };
    let oldest = tokyo("web01").zone.clone();
    let oldest = time("2026-11-24T14:50:00Z").to_zoned(oldest).date();
    let oldest = oldest.checked_sub(jiff::ToSpan::days(90)).unwrap();
    assert!((2..=3).contains(&begins_with(&oldest.to_string())), "{:?}", host.ships);
    assert!(begins_with("2026-11-24") > 20, "{:?}", host.orders.len());
}

#[test]
fn a_start_and_a_reload_publish_what_is_known() {
    let mut host = Simulator::new("2026-11-24T03:00:00Z", zone("Asia/Tokyo"), calm());
    host.live_for(&tokyo("web01"), MINUTE);
    let (before, samples) = (host.published, host.samples.len());
    host.live_for(&tokyo("web01"), MINUTE);
    assert_eq!((host.published, host.samples.len()), (before + 1, samples));
    let reload = Event::Reload(Box::new(Ok(tokyo("web01"))));
    host.live(&tokyo("web01"), vec![(MINUTE, reload), (MINUTE, Event::Stop)]);
    assert_eq!((host.published, host.samples.len()), (before + 3, samples));
}
