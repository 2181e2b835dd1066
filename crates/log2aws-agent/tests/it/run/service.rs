//! The service loop through everything that can happen to a machine.

use std::time::Duration;

use jiff::Timestamp;
use log2aws_agent::run::{CATCH_UP, Phase, Platform as _, RunConfig, Shipped};
use log2aws_core::day::Day;
use proptest::prelude::*;

use super::simulator::{Event, Simulator, calm, config};
use super::{time, zone};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

fn tokyo() -> RunConfig {
    config("web01", zone("Asia/Tokyo"))
}

/// A machine in Tokyo, started at this local time of the 24th of November 2026.
fn machine(clock: &str) -> Simulator {
    let local = format!("2026-11-24T{clock}+09:00");
    Simulator::new(&time(&local).to_string(), zone("Asia/Tokyo"), calm())
}

fn clock(at: Timestamp) -> String {
    at.to_zoned(zone("Asia/Tokyo")).strftime("%d %T").to_string()
}

fn clocks(times: &[Timestamp]) -> Vec<String> {
    times.iter().map(|at| clock(*at)).collect()
}

fn lines(machine: &Simulator, day: &str) -> u32 {
    machine.logs[&day.parse::<Day>().unwrap()]
}

#[test]
fn a_day_has_a_sample_at_each_mark_and_one_delivery() {
    let mut host = machine("00:00:00");
    host.live_for(&tokyo(), 71 * HOUR + 59 * MINUTE);
    for day in ["2026-11-24", "2026-11-25", "2026-11-26"] {
        assert_eq!(lines(&host, day), 144, "{day}");
    }
    // The first sample of a boot takes a second; midnight's belongs to the next day.
    assert_eq!(clocks(&host.samples[..2]), ["24 00:00:01", "24 00:10:00"]);
    assert_eq!(clocks(&host.samples[143..145]), ["24 23:50:00", "25 00:00:00"]);
    // web01's moment, as in the schedule tests.
    assert_eq!(clocks(&host.ships), ["25 00:39:36", "26 00:39:36"]);
    assert_eq!(host.stored.values().sum::<u32>(), 288);
    // Woken for 432 samples, 3 moments, 2 ends and the stop; simultaneous marks count once.
    assert!(host.wakes <= 440, "{}", host.wakes);
    assert_eq!((host.facts.samples, host.facts.shipped), (432, Some(true)));
}

#[test]
fn days_of_23_and_25_hours_are_whole() {
    for (start, day, count) in
        [("2026-03-28T23:00:00Z", "2026-03-29", 138), ("2026-10-24T22:00:00Z", "2026-10-25", 150)]
    {
        let berlin = zone("Europe/Berlin");
        let mut host = Simulator::new(start, berlin.clone(), calm());
        host.live_for(&config("app2", berlin), 2 * DAY);
        assert_eq!(lines(&host, day), count);
        assert_eq!(host.ships.len(), 1, "one on the second day; nothing was left on the first");
        let apart = host.samples.windows(2).skip(1).map(|w| w[1].duration_since(w[0]));
        assert!(apart.map(|a| a.as_secs()).all(|seconds| seconds == 600));
    }
}

#[test]
fn a_clock_that_is_set_moves_the_marks() {
    let mut host = machine("12:03:00");
    let set = |after, seconds| (after, Event::ClockSet(seconds));
    host.live(
        &tokyo(),
        vec![
            // 12:15 becomes 15:17, 15:37 becomes 12:37.
            set(12 * MINUTE, 3 * 3600 + 120),
            set(20 * MINUTE, -3 * 3600),
            // A second back, right after a mark: 12:50:00.5.
            set(13 * MINUTE + Duration::from_millis(500), -1),
            (25 * MINUTE, Event::Stop),
        ],
    );
    let expected = [
        "24 12:03:01",
        "24 12:10:00",
        "24 15:17:00",
        "24 15:20:00",
        "24 15:30:00",
        "24 12:37:00",
        "24 12:40:00",
        "24 12:50:00",
        "24 13:00:00",
        "24 13:10:00",
    ];
    assert_eq!(clocks(&host.samples), expected);
}

#[test]
fn a_machine_that_slept_samples_when_it_wakes_and_ships_soon() {
    let mut host = machine("23:05:00");
    // Suspended from 00:05 to 08:08, over its moment.
    let asleep = 8 * HOUR + 3 * MINUTE;
    host.live(&tokyo(), vec![(HOUR, Event::Sleeps(asleep)), (HOUR, Event::Stop)]);
    let after: Vec<_> = clocks(&host.samples[6..10]);
    assert_eq!(after, ["25 00:00:00", "25 08:08:00", "25 08:10:00", "25 08:20:00"]);
    assert_eq!(host.ships.len(), 1);
    let wait = host.ships[0].duration_since(time("2026-11-24T23:08:00Z"));
    assert!(wait.unsigned_abs() < CATCH_UP, "{wait:?}");
}

#[test]
fn after_days_without_power_everything_is_caught_up_at_once() {
    let mut host = machine("10:00:00");
    host.live_for(&tokyo(), 30 * HOUR);
    let before = host.ships.len();
    host.off(5 * DAY);
    let start = host.samples.last().copied().unwrap() + 5 * DAY;
    host.live_for(&tokyo(), HOUR);
    assert_eq!(host.ships.len(), before + 1, "one process for all that is left");
    let wait = host.ships[before].duration_since(start).unsigned_abs();
    assert!(wait < CATCH_UP + 10 * MINUTE, "{wait:?}");
    let (today, _) = host.logs.last_key_value().unwrap();
    assert!(host.logs.range(..*today).all(|(day, lines)| host.stored.get(day) == Some(lines)));
}

#[test]
fn a_start_after_midnight_waits_for_the_hosts_moment() {
    let mut host = machine("23:50:00");
    host.live_for(&tokyo(), 15 * MINUTE);
    // An upgrade at 00:05: nothing is overdue, because the moment is at 00:39.
    host.live_for(&tokyo(), HOUR);
    assert_eq!(clocks(&host.ships), ["25 00:39:36"]);
    // Restarted between two marks, it takes no extra sample.
    assert_eq!(clocks(&host.samples[..3]), ["24 23:50:01", "25 00:00:00", "25 00:10:00"]);
}

/// Ships over a network that fails for a while; returns the attempts.
fn tries(how: Shipped, until: &str, hours: u32) -> (Vec<Timestamp>, Simulator) {
    let until = time(until);
    let network = move |now| {
        let ends = if now < until { how } else { Shipped::Exit(0) };
        (Duration::from_secs(3), Some(ends))
    };
    let start = time("2026-11-24T23:50:00+09:00");
    let mut host = Simulator::new(&start.to_string(), zone("Asia/Tokyo"), Box::new(network));
    host.live_for(&tokyo(), hours * HOUR);
    (host.ships.clone(), host)
}

#[test]
fn what_fails_is_tried_again_less_and_less_often() {
    for how in [Shipped::Exit(4), Shipped::Exit(1), Shipped::Signal(6)] {
        let (ships, host) = tries(how, "2026-11-25T12:00:00+09:00", 47);
        let apart: Vec<_> =
            ships.windows(2).map(|w| w[1].duration_since(w[0]).unsigned_abs()).collect();
        let (last, again) = apart.split_last().unwrap();
        assert!(again.iter().all(|wait| (30..=3603).contains(&wait.as_secs())), "{apart:?}");
        // The mean delay grows to half an hour: about 25 in twelve hours, a hundred at most.
        assert!((15..100).contains(&again.len()), "{}", again.len());
        assert!(*last > 11 * HOUR, "after the first success it is daily again: {apart:?}");
        assert_eq!(host.facts.shipped, Some(true));
    }
}

#[test]
fn a_refusal_is_asked_about_each_hour() {
    for how in [Shipped::Exit(5), Shipped::Exit(2)] {
        let (ships, _) = tries(how, "2026-11-25T06:00:00+09:00", 23);
        let shown: Vec<_> = ships.iter().map(|at| clock(*at)).collect();
        assert_eq!(shown.len(), 7, "{shown:?}");
        assert_eq!((shown[0].as_str(), shown[6].as_str()), ("25 00:39:36", "25 06:39:54"));
    }
}

#[test]
fn what_the_server_asks_for_is_waited_for() {
    let network = |_| (Duration::from_secs(3), Some(Shipped::Exit(4)));
    let mut host = Simulator::new("2026-11-24T14:50:00Z", zone("Asia/Tokyo"), Box::new(network));
    host.not_before = Some(time("2026-11-25T05:00:00+09:00"));
    host.live_for(&tokyo(), 6 * HOUR);
    let shown = clocks(&host.ships);
    assert_eq!(shown[0], "25 00:39:36");
    let wait = host.ships[1].duration_since(host.not_before.unwrap());
    assert!((0..301).contains(&wait.as_secs()), "{shown:?}");
}

#[test]
fn what_a_refusal_asks_for_is_told_as_the_next_delivery() {
    let network = |_| (Duration::from_secs(3), Some(Shipped::Exit(5)));
    let mut host = Simulator::new("2026-11-24T14:50:00Z", zone("Asia/Tokyo"), Box::new(network));
    host.not_before = Some(time("2026-11-25T05:00:00+09:00"));
    host.live_for(&tokyo(), 3 * HOUR);
    let last = &host.notified.iter().rfind(|(phase, _)| *phase != Phase::Stopping).unwrap().1;
    assert!(last.contains("next delivery 2026-11-25 05:00:00"), "{last}");
    assert_eq!(host.ships.len(), 1, "{:?}", clocks(&host.ships));
}

#[test]
fn what_cannot_be_delivered_yet_is_not_tried_again_and_again() {
    // Only a log of a future day is left over.
    let mut host = machine("23:50:00");
    host.logs.insert("2027-01-01".parse().unwrap(), 1);
    host.live_for(&tokyo(), 3 * DAY);
    assert_eq!(host.ships.len(), 3);
}

#[test]
fn a_success_that_leaves_something_over_is_none() {
    let network = |_| (Duration::from_secs(3), Some(Shipped::Exit(0)));
    let mut host = Simulator::new("2026-11-24T14:50:00Z", zone("Asia/Tokyo"), Box::new(network));
    host.live_for(&tokyo(), 2 * HOUR);
    // Somebody keeps writing to yesterday's log: at most as often as after failures.
    for _ in 0..20 {
        *host.logs.first_entry().unwrap().get_mut() += 1;
        host.live_for(&tokyo(), 16 * MINUTE);
    }
    assert!(host.ships.len() <= 22, "{}", host.ships.len());
}

#[test]
fn a_process_that_hangs_is_ended_and_sampling_goes_on() {
    let network = |_| (Duration::ZERO, None);
    let mut host = Simulator::new("2026-11-24T14:50:00Z", zone("Asia/Tokyo"), Box::new(network));
    host.live_for(&tokyo(), 6 * HOUR);
    let shown = clocks(&host.ships);
    assert_eq!(shown[0], "25 00:39:36");
    let apart = host.ships[1].duration_since(host.ships[0]).unsigned_abs();
    assert!(apart >= 61 * MINUTE, "{apart:?}");
    // It may exceed its own hour by a minute; then a first retry is due within five.
    assert!(apart <= 66 * MINUTE, "{apart:?}");
    assert_eq!(host.killed as usize, host.ships.len(), "and the last by the stop");
    assert_eq!(host.samples.len(), 36);
}

#[test]
fn a_clock_that_is_set_each_minute_puts_nothing_off() {
    let mut host = machine("23:30:00");
    host.live_for(&tokyo(), 45 * MINUTE);
    host.off(DAY);
    let start = host.samples.last().copied().unwrap() + DAY;
    let mut events: Vec<_> = (0..60).map(|n| (MINUTE, Event::ClockSet(n % 3 - 1))).collect();
    events.push((MINUTE, Event::Stop));
    host.live(&tokyo(), events);
    assert!(host.ships[0].duration_since(start).unsigned_abs() < CATCH_UP + 16 * MINUTE);
}

#[test]
fn samples_that_fail_are_counted_once_a_mark_and_end_nothing() {
    let mut host = machine("12:00:00");
    let events = vec![
        (5 * MINUTE, Event::DiskFull(true)),
        (HOUR, Event::DiskFull(false)),
        (HOUR, Event::Stop),
    ];
    host.live(&tokyo(), events);
    assert_eq!((host.failed_samples, host.samples.len()), (6, 7));
    assert_eq!((host.facts.failed_samples, host.facts.samples), (6, 7));
}

#[test]
fn the_config_is_read_anew_and_a_bad_one_changes_nothing() {
    let mut host = machine("12:00:00");
    let hourly = RunConfig { interval: "1h".parse().unwrap(), ..tokyo() };
    host.live(
        &tokyo(),
        vec![
            (5 * MINUTE, Event::Reload(Box::new(Err("unknown key \"x\"".into())))),
            (10 * MINUTE, Event::Reload(Box::new(Ok(hourly)))),
            (2 * HOUR, Event::Stop),
        ],
    );
    let shown = clocks(&host.samples);
    assert_eq!(shown, ["24 12:00:01", "24 12:10:00", "24 13:00:00", "24 14:00:00"]);
    let phases = host.notified.iter().map(|(phase, _)| *phase);
    let phases: Vec<_> = phases.filter(|phase| *phase != Phase::Working).collect();
    let reload = [Phase::Reloading, Phase::Ready];
    assert_eq!(phases, [&[Phase::Ready], &reload[..], &reload, &[Phase::Stopping]].concat());
    let (_, status) = host.notified.last().unwrap();
    assert_eq!(status, "last sample 2026-11-24 14:00:00; next delivery 2026-11-25 00:39:36");
}

#[test]
fn the_status_line_follows_each_sample() {
    let mut host = machine("12:00:00");
    let events = vec![
        (25 * MINUTE, Event::DiskFull(true)),
        (10 * MINUTE, Event::DiskFull(false)),
        (10 * MINUTE, Event::Stop),
    ];
    host.live(&tokyo(), events);
    let lines: Vec<&str> = host.notified.iter().map(|(_, line)| line.as_str()).collect();
    let next = "next delivery 2026-11-25 00:39:36";
    let last = |time: &str| format!("last sample 2026-11-24 {time}; {next}");
    let failed = format!("no sample: the disk is full; {}", last("12:20:00"));
    let expected = [
        format!("no sample yet; {next}"),
        last("12:00:01"),
        last("12:10:00"),
        last("12:20:00"),
        failed,
        last("12:40:00"),
        last("12:40:00"),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_folder_that_stays_lost_ends_a_service_that_is_started_again() {
    let mut host = machine("12:00:00");
    // Lost for one mark alone: nothing ends.
    let lost = |after, lost| (after, Event::FolderLost(lost));
    host.plan(vec![
        lost(5 * MINUTE, true),
        lost(10 * MINUTE, false),
        lost(10 * MINUTE, true),
        (HOUR, Event::Stop),
    ]);
    let error = host.try_live(&tokyo()).unwrap_err().to_string();
    assert_eq!(error, "ends, so that systemd starts it again: no sample: read-only");
    assert_eq!(clock(host.now()), "24 12:40:00", "at the second mark in a row");
    assert_eq!(host.notified.last().unwrap().0, Phase::Stopping);

    // Nobody would start it again.
    let mut host = machine("12:00:00");
    host.managed = false;
    host.live(&tokyo(), vec![lost(5 * MINUTE, true), lost(HOUR, false), (HOUR, Event::Stop)]);
    assert_eq!((host.failed_samples, host.samples.len()), (6, 7));

    // A full disk is none: a restart makes no room.
    let mut host = machine("12:00:00");
    host.live(&tokyo(), vec![(5 * MINUTE, Event::DiskFull(true)), (HOUR, Event::Stop)]);
    assert_eq!(host.failed_samples, 6);
}

#[test]
fn with_a_wrong_config_it_samples_and_ships_once_that_is_right() {
    let error = "agent.toml: unknown key \"x\"".to_owned();
    let wrong = RunConfig { ship: None, config_error: Some(error.clone()), ..tokyo() };
    let mut host = machine("23:50:00");
    host.live_for(&tokyo(), 15 * MINUTE);
    host.plan(vec![
        (Duration::ZERO, Event::ConfigIs(Box::new(Err(error.clone())))),
        (HOUR, Event::ConfigIs(Box::new(Err("another key".into())))),
        (MINUTE, Event::Reload(Box::new(Err("another key".into())))),
        (MINUTE, Event::ConfigIs(Box::new(Ok(tokyo())))),
        (HOUR, Event::Stop),
    ]);
    host.try_live(&wrong).unwrap();
    let lines: Vec<&str> = host.notified.iter().map(|(_, line)| line.as_str()).collect();
    let prefix = "nothing is delivered until the config is right: ";
    assert!(lines.iter().any(|line| line.starts_with(&format!("{prefix}{error}; last sample"))));
    assert!(lines.iter().any(|line| line.starts_with(&format!("{prefix}another key; "))));
    assert!(!lines.last().unwrap().contains(prefix), "{lines:?}");
    assert_eq!(lines.last().unwrap().matches("next delivery").count(), 1);
    assert_eq!(host.facts.config_error, None);
    // Not a mark was left out, and what had become overdue meanwhile went soon.
    assert_eq!(host.samples.len(), 14);
    let right = time("2026-11-25T01:07:00+09:00");
    assert_eq!(host.ships.len(), 1);
    let wait = host.ships[0].duration_since(right);
    assert!((0..15 * 60 + 11).contains(&wait.as_secs()), "{:?}", clocks(&host.ships));
}

#[test]
fn a_sample_that_passes_a_mark_is_the_one_of_that_mark() {
    let mut host = machine("11:59:55");
    host.window = Duration::from_secs(20);
    // Woken between two marks, it looks again whether one is due.
    host.live(&tokyo(), vec![(5 * MINUTE, Event::ClockSet(0)), (10 * MINUTE, Event::Stop)]);
    assert_eq!(clocks(&host.samples), ["24 12:00:15", "24 12:10:00"]);
}

#[test]
fn without_an_api_it_only_samples() {
    let mut host = machine("12:00:00");
    host.live_for(&RunConfig { ship: None, ..tokyo() }, 2 * DAY);
    assert_eq!((host.samples.len(), host.ships.len()), (288, 0));
    assert!(host.notified[0].1.ends_with("no API to ship to"), "{:?}", host.notified[0]);
    assert_eq!(host.facts.next_ship, None);
}

fn event() -> impl Strategy<Value = (Duration, Event)> {
    let what = prop_oneof![
        (-100_000_i64..100_000).prop_map(Event::ClockSet),
        (-3_i64..4).prop_map(Event::ClockSet),
        (1_u64..200_000).prop_map(|s| Event::Sleeps(Duration::from_secs(s))),
        any::<bool>().prop_map(Event::DiskFull),
        Just(Event::Reload(Box::new(Err("bad".into())))),
        Just(Event::Stop),
    ];
    ((0_u64..100_000_000).prop_map(Duration::from_millis), what)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_happens_all_is_delivered_in_the_end(
        events in prop::collection::vec(event(), 1..12),
        offline in prop::collection::vec((0_u64..60, prop::option::of(0_u8..7)), 0..40),
        zone_name in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/St_Johns"]),
        server in "[a-z]{1,8}",
    ) {
        let trouble = std::cell::Cell::new(0);
        let network = move |_| {
            let next = offline.get(trouble.replace(trouble.get() + 1));
            next.map_or((Duration::from_secs(2), Some(Shipped::Exit(0))), |(seconds, code)| {
                (Duration::from_secs(*seconds), code.map(Shipped::Exit))
            })
        };
        let config = config(&server, zone(zone_name));
        let mut host = Simulator::new("2026-10-30T12:00:00Z", zone(zone_name), Box::new(network));
        let mut life = Vec::new();
        let mut lives = 0;
        let mut lived = Duration::ZERO;
        for (after, event) in events {
            let ends = matches!(event, Event::Stop);
            lived += after;
            life.push((after, event));
            if ends {
                host.live(&config, std::mem::take(&mut life));
                host.off(Duration::from_secs(lived.as_secs() % 400_000));
                lives += 1;
            }
        }
        life.push((HOUR, Event::DiskFull(false)));
        life.push((8 * DAY, Event::Stop));
        lived += 8 * DAY + HOUR;
        host.live(&config, life);
        // Except those whose moment is in the future (a clock that was ahead has left future days),
        // or so recent that an outage, two hours each, may still last.
        let now = host.now().checked_sub(81 * HOUR).unwrap();
        let schedule = config.schedule();
        for (day, lines) in host.logs.iter().filter(|(day, _)| schedule.moment_of(**day) <= now) {
            prop_assert_eq!(host.stored.get(day), Some(lines), "{}", day);
        }
        // It never spins: marks, deliveries with their ends, events.
        let marks = lived.as_secs() / 600 + 2 * 12;
        let bound = marks + 3 * host.ships.len() as u64 + 40 + 12 * lives;
        prop_assert!(u64::from(host.wakes) <= bound, "{} > {bound}", host.wakes);
        prop_assert!(host.samples.len() as u64 <= marks + 13 + lives);
    }
}
