//! The schedule of one host, in ordinary and unusual zones.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use log2aws_agent::run::{
    CATCH_UP, Interval, IntervalError, Offset, Schedule, ShipWindow, ShipWindowError, retry_after,
};
use log2aws_core::day::Day;
use proptest::prelude::*;

use super::{time, zone};

/// Unusual zones: no summer time, half an hour and three quarters, summer time of half an hour,
/// clock changes at midnight or a minute past it, a skipped day, and a plain offset.
const ZONES: [&str; 14] = [
    "UTC",
    "Asia/Tokyo",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Havana",
    "Asia/Beirut",
    "Africa/Cairo",
    "Pacific/Apia",
    "Antarctica/Troll",
    "Pacific/Kiritimati",
];

fn schedule(zone: TimeZone, interval: &str, window: &str) -> Schedule {
    Schedule {
        interval: interval.parse().unwrap(),
        window: window.parse().unwrap(),
        offset: Offset::of(&"app2".parse().unwrap()),
        zone,
    }
}

/// All marks from the local midnight that begins `date` to the one that ends it, without that.
fn marks_of(date: &str, zone_name: &str, interval: &str) -> Vec<String> {
    let schedule = schedule(zone(zone_name), interval, "00:10-04:10");
    let date: Date = date.parse().unwrap();
    let start = |date: Date| date.to_zoned(zone(zone_name)).unwrap().timestamp();
    let (mut now, end) = (start(date), start(date.tomorrow().unwrap()));
    let mut marks = Vec::new();
    assert_eq!(schedule.sample_times(now).0, now, "midnight is a mark");
    while now < end {
        marks.push(now.to_zoned(zone(zone_name)).strftime("%H:%M").to_string());
        now = schedule.sample_times(now).1;
    }
    assert_eq!(now, end, "so is the next one");
    marks
}

#[test]
fn marks_count_from_midnight() {
    let marks = marks_of("2026-11-24", "Asia/Tokyo", "10m");
    assert_eq!(marks.len(), 144);
    assert_eq!((marks[0].as_str(), marks[143].as_str()), ("00:00", "23:50"));
    // Intervals that do not divide the day restart with it.
    let marks = marks_of("2026-11-24", "Asia/Kathmandu", "7m");
    assert_eq!((marks.len(), marks[205].as_str()), (206, "23:55"));
    assert_eq!(marks_of("2026-11-24", "UTC", "24h"), ["00:00"]);
}

#[test]
fn days_of_another_length_have_more_or_fewer_marks() {
    for (date, zone, count) in [
        ("2026-03-29", "Europe/Berlin", 138),
        ("2026-10-25", "Europe/Berlin", 150),
        ("2026-04-05", "Australia/Lord_Howe", 147),
        // Midnight itself is skipped, and occurs twice.
        ("2018-11-04", "America/Sao_Paulo", 138),
        ("2025-11-02", "America/Havana", 150),
    ] {
        assert_eq!(marks_of(date, zone, "10m").len(), count, "{date} {zone}");
    }
}

#[test]
fn one_sample_stands_between_two_marks() {
    let schedule = schedule(zone("UTC"), "10m", "00:10-04:10");
    let due = |last: &str, now: &str| {
        let at = |text: &str| time(&format!("2026-11-24T{text}Z"));
        schedule.sample_is_due(Some(at(last)), at(now))
    };
    assert!(schedule.sample_is_due(None, time("2026-11-24T12:03:00Z")));
    assert!(!due("12:00:00", "12:09:59.999"));
    assert!(due("12:00:00", "12:10:00"));
    assert!(due("12:09:59", "12:10:00"));
    assert!(due("12:00:00", "20:03:00"), "the machine slept");
    assert!(!due("12:00:00.5", "11:59:59.5"), "the clock was put back by a second");
    assert!(!due("12:00:00.5", "12:00:00.1"), "and shows the mark again");
    assert!(due("15:07:00", "12:03:00"), "the clock was wrong by hours");
}

#[test]
fn moments_lie_in_the_window_at_the_same_place_each_day() {
    let offset_of = |window: &str, now: &str, zone_name: &str| {
        schedule(zone(zone_name), "10m", window)
            .next_moment(time(now))
            .to_zoned(zone(zone_name))
            .strftime("%F %T")
            .to_string()
    };
    // printf app2 | sha256sum: the first 8 bytes are 0.834067 of 2^64.
    assert_eq!(offset_of("00:10-04:10", "2026-11-24T00:00:00Z", "UTC"), "2026-11-24 03:30:10");
    assert_eq!(offset_of("00:10-04:10", "2026-11-24T03:30:11Z", "UTC"), "2026-11-25 03:30:10");
    // Over midnight, and where the window contains the skipped or repeated hour.
    assert_eq!(offset_of("22:00-02:00", "2026-11-24T12:00:00Z", "UTC"), "2026-11-25 01:20:10");
    assert_eq!(
        offset_of("00:10-04:10", "2026-03-28T23:00:00Z", "Europe/Berlin"),
        "2026-03-29 03:40:07"
    );
    assert_eq!(
        offset_of("00:10-04:10", "2026-10-24T22:00:00Z", "Europe/Berlin"),
        "2026-10-25 03:20:13"
    );
    // A window that is exactly the skipped hour: immediately at its time.
    assert_eq!(
        offset_of("02:00-03:00", "2026-03-28T23:00:00Z", "Europe/Berlin"),
        "2026-03-29 03:00:00"
    );
}

#[test]
fn a_log_is_shipped_at_the_first_moment_after_its_day() {
    let day: Day = "2026-11-24".parse().unwrap();
    let moment = |window| schedule(zone("UTC"), "10m", window).moment_of(day).to_string();
    assert!(moment("00:10-04:10").starts_with("2026-11-25T03:30:10"));
    assert!(moment("22:00-02:00").starts_with("2026-11-25T01:20:10"));
    assert!(moment("22:00-23:30").starts_with("2026-11-25T23:15:03"));
}

proptest! {
    #[test]
    fn marks_hold_everywhere(
        zone_index in 0..ZONES.len(),
        // 1970 to 2100.
        second in 0_i64..4_102_444_800,
        nanos in 0..1_000_000_000,
        interval in 10_u32..=86_400,
    ) {
        let zone = zone(ZONES[zone_index]);
        let schedule = schedule(zone.clone(), &interval.to_string(), "00:10-04:10");
        let now = Timestamp::new(second, nanos).unwrap();
        let (last, next) = schedule.sample_times(now);
        prop_assert!(last <= now && now < next, "{last} {now} {next}");
        let apart = next.duration_since(last).unsigned_abs();
        prop_assert!(apart <= schedule.interval.duration(), "{last} {next}");
        // Marks agree with each other: seen from one, it is the last.
        prop_assert_eq!(schedule.sample_times(next).0, next);
        prop_assert_eq!(schedule.sample_times(last).0, last);
        // Only the first mark of a day is closer to the one before than an interval.
        if apart < schedule.interval.duration() {
            let civil = |at: Timestamp| at.to_zoned(zone.clone()).datetime();
            let before = civil(next.checked_sub(1.nanosecond()).unwrap());
            let repeated = civil(next).time() == jiff::civil::Time::midnight();
            prop_assert!(repeated || before.date() < civil(next).date(), "{}", civil(next));
        }
        prop_assert!(!schedule.sample_is_due(Some(now), now));
        prop_assert!(schedule.sample_is_due(Some(now), next));
    }

    #[test]
    fn every_log_is_shipped_soon_after_its_day(
        zone_index in 0..ZONES.len(),
        days in 0_i64..40_000,
        from in 0_u32..1440,
        length in 1_u32..1440,
        server in "[a-z][a-z0-9]{0,20}",
    ) {
        let text = |minute: u32| format!("{:02}:{:02}", minute / 60 % 24, minute % 60);
        let window = format!("{}-{}", text(from), text(from + length));
        let offset = Offset::of(&server.parse().unwrap());
        let zone = zone(ZONES[zone_index]);
        let schedule = Schedule { offset, ..schedule(zone.clone(), "10m", &window) };
        let date = jiff::civil::date(1970, 1, 2).checked_add(days.days()).unwrap();
        let over = date.tomorrow().unwrap().to_zoned(zone.clone()).unwrap().timestamp();
        let moment = schedule.moment_of(Day::from_date(date).unwrap());
        prop_assert!(moment >= over);
        // One moment a day: at the latest a day and the longest clock change later.
        let late = moment.duration_since(over).unsigned_abs();
        prop_assert!(late <= Duration::from_hours(24 + 25), "{moment} {over}");
        // A service that waits for its moments reaches this one.
        let mut now = over - Duration::from_millis(1);
        while now < moment {
            now = schedule.next_moment(now);
        }
        prop_assert_eq!(now, moment);
    }
}

#[test]
fn intervals_and_windows_are_read_or_refused_for_their_reason() {
    for (text, seconds, shown) in [
        ("600", 600, "10m"),
        ("600s", 600, "10m"),
        ("10m", 600, "10m"),
        ("1h", 3600, "1h"),
        ("90", 90, "90s"),
        ("24h", 86400, "24h"),
        ("10", 10, "10s"),
    ] {
        let interval: Interval = text.parse().unwrap();
        assert_eq!(interval.duration(), Duration::from_secs(seconds), "{text}");
        assert_eq!(interval.to_string(), shown);
    }
    for text in ["", "m", "-600", "10 m", "1.5h", "ten", "10m5s", "1d", "0x10", "１０"] {
        assert_eq!(text.parse::<Interval>(), Err(IntervalError::Shape), "{text:?}");
    }
    for text in ["0", "9", "25h", "86401", "99999999999999999999h", "9999999999999999999h"] {
        assert_eq!(text.parse::<Interval>(), Err(IntervalError::Range), "{text:?}");
    }
    for (text, shown) in [("00:10-04:10", "00:10-04:10"), ("9:5 - 23:59", "09:05-23:59")] {
        assert_eq!(text.parse::<ShipWindow>().unwrap().to_string(), shown);
    }
    for text in
        ["", "00:10", "24:00-01:00", "00:60-01:00", "0-4", "00:10-04:10-05:00", "+1:00-2:00"]
    {
        assert_eq!(text.parse::<ShipWindow>(), Err(ShipWindowError::Shape), "{text:?}");
    }
    assert_eq!("03:00-03:00".parse::<ShipWindow>(), Err(ShipWindowError::Empty));
}

#[test]
fn retries_are_spread_under_a_bound_that_doubles_to_an_hour() {
    let bounds: Vec<u64> = (1..8).map(|n| retry_after(n, 1.0).as_secs() / 60).collect();
    assert_eq!(bounds, [5, 10, 20, 40, 60, 60, 60]);
    assert_eq!(retry_after(u32::MAX, 1.0), Duration::from_hours(1));
    assert_eq!(retry_after(2, 0.5), Duration::from_mins(5));
    assert_eq!(retry_after(9, 0.0), Duration::from_secs(30), "never at once");
}

#[test]
fn after_a_start_hosts_come_within_a_quarter_of_an_hour() {
    let mut sum = Duration::ZERO;
    for number in 0..1000 {
        let offset = Offset::of(&format!("host-{number}").parse().unwrap());
        let schedule = Schedule { offset, ..schedule(zone("UTC"), "10m", "00:10-04:10") };
        let wait = schedule.catch_up();
        assert!(wait < CATCH_UP);
        sum += wait;
    }
    // The mean of 1,000 uniform values: sigma is 15 min / sqrt(12 * 1000) = 8.2 s; five of them.
    assert!((sum / 1000).abs_diff(CATCH_UP / 2) < Duration::from_secs(41), "{sum:?}");
}
