//! Days made by hand, and what the report says of them.

use jiff::ToSpan as _;
use proptest::prelude::*;

use super::*;
use crate::metadata::Metadata;
use crate::sample::VMSTAT_COLUMNS;
use crate::summary::{Rejects, SummaryBuilder};
use crate::usual::UsualDay;

const HEAD: &str = "# log2aws/1 cores=4 mode=interval tz=Asia/Tokyo";

/// What a sample has at a minute of the day.
#[derive(Clone, Copy, Debug)]
struct Values {
    load: f64,
    blocked: u64,
    swapped: u64,
    free: u64,
    cache: u64,
    swap_in: u64,
    read: u64,
    wait: u64,
    stolen: u64,
}

const QUIET: Values = Values {
    load: 0.5,
    blocked: 0,
    swapped: 0,
    free: 4_000_000,
    cache: 1_000_000,
    swap_in: 0,
    read: 10,
    wait: 1,
    stolen: 0,
};

fn sample(minute: u32, values: Values) -> Sample {
    let mut vmstat = [Some(0); VMSTAT_COLUMNS];
    for (column, value) in [
        (1, values.blocked),
        (2, values.swapped),
        (3, values.free),
        (5, values.cache),
        (6, values.swap_in),
        (8, values.read),
        (12, 10),
        (14, 90 - values.wait - values.stolen),
        (15, values.wait),
        (16, values.stolen),
    ] {
        vmstat[column] = Some(value);
    }
    let midnight = jiff::civil::date(2026, 11, 23).at(0, 0, 1, 0);
    Sample {
        time: midnight.saturating_add(i64::from(minute).minutes()),
        uptime_seconds: Some(u64::from(minute) * 60 + 1_000_000),
        users: None,
        load: [values.load; 3],
        vmstat,
        guest: None,
    }
}

/// The report of a day with a sample every `every` minutes; `None` is a missing one.
fn report_of(
    head: &str,
    every: usize,
    usual: Option<&Usual>,
    values: impl Fn(u32) -> Option<Values>,
) -> Report {
    let day: Day = "2026-11-23".parse().unwrap();
    let samples: Vec<_> = (0..1440)
        .step_by(every)
        .filter_map(|minute| Some(sample(minute, values(minute)?)))
        .collect();
    let mut summary = SummaryBuilder::new(day);
    summary.metadata(&Metadata::parse(head.as_bytes()).unwrap_or_default());
    for sample in &samples {
        summary.sample(sample);
    }
    let log = summary.finish(Rejects::default());
    let mut report = ReportBuilder::new(day, &log);
    for sample in &samples {
        report.sample(sample);
    }
    report.finish(&log, usual)
}

fn report(values: impl Fn(u32) -> Option<Values>) -> Report {
    report_of(HEAD, 10, None, values)
}

/// Eight days with that load.
fn usual(load: impl Fn(u32) -> f64) -> Usual {
    let day = |_| {
        let mut day = UsualDay::new("2026-11-23".parse().unwrap());
        for minute in (0..1440).step_by(10) {
            day.sample(&sample(minute, Values { load: load(minute), ..QUIET }));
        }
        day
    };
    Usual::of(&(0..8).map(day).collect::<Vec<_>>()).unwrap()
}

fn clock(time: DateTime) -> String {
    time.strftime("%H:%M").to_string()
}

fn times(stretch: &Stretch) -> String {
    let Stretch { from, till, seconds, .. } = stretch;
    format!("{}-{} {}", clock(*from), clock(*till), seconds / 60)
}

/// A backup from 02:30 to 05:10 that waits for the disk.
#[expect(clippy::unnecessary_wraps, reason = "a sample can be missing")]
fn backup(minute: u32) -> Option<Values> {
    let busy = (150..310).contains(&minute);
    let wait = 38 + u64::from(minute / 10 % 4);
    let read = 70_000 + 1000 * u64::from(minute / 10 % 13);
    let load = if minute == 220 { 31.25 } else { 9.0 };
    let blocked = 3 + u64::from(minute / 10 % 3);
    let storm = Values { load, blocked, read, wait, ..QUIET };
    Some(if busy { storm } else { QUIET })
}

#[test]
fn a_load_above_the_cores_is_told_with_what_was_beside_it() {
    let report = report(backup);
    let [Fact::LoadAboveCores { cores: 4, stretch, peak, beside, usual: None }] = &report.facts[..]
    else {
        panic!("{report:?}")
    };
    assert_eq!(times(stretch), "02:30-05:10 160");
    assert!(!stretch.all_day);
    assert_eq!((clock(peak.at).as_str(), peak.load.to_bits()), ("03:40", 31.25_f64.to_bits()));
    assert_eq!(beside.wait, Some(Range { low: 38.0, high: 41.0 }));
    assert_eq!(beside.blocked, Some(Range { low: 3.0, high: 5.0 }));
    let read = beside.read.unwrap();
    assert!((70_000.0..72_000.0).contains(&read.low) && read.high > 80_000.0, "{read:?}");
    assert_eq!(
        (beside.written, beside.stolen, beside.swapping, beside.busy),
        (None, None, None, None)
    );
}

#[test]
fn without_cores_nothing_is_said_of_cores() {
    let told = report_of("# log2aws/1 mode=interval", 10, None, backup);
    let [Fact::Waited { stretch, beside }] = &told.facts[..] else { panic!("{told:?}") };
    assert_eq!(times(stretch), "02:30-05:10 160");
    assert!(beside.wait.is_some() && beside.busy.is_none());
}

#[test]
fn averages_since_boot_say_nothing_of_a_time() {
    let told = report_of("# log2aws/1 cores=4 mode=since-boot", 10, None, backup);
    let [Fact::LoadAboveCores { beside, .. }] = &told.facts[..] else { panic!("{told:?}") };
    assert!(beside.blocked.is_some(), "of the moment");
    assert_eq!((beside.wait, beside.read, beside.busy), (None, None, None));
    assert_eq!(report_of("", 10, None, backup), Report::default());
}

#[test]
fn less_than_half_an_hour_is_not_told() {
    let busy = |from: u32, till: u32| {
        report(move |minute| {
            let load = if (from..till).contains(&minute) { 9.0 } else { 0.5 };
            Some(Values { load, ..QUIET })
        })
    };
    assert_eq!(busy(600, 620).facts, []);
    assert_eq!(busy(600, 630).facts.len(), 1);
    // One sample an hour is one moment.
    let hourly = |n: u32| {
        report_of(HEAD, 60, None, move |minute| {
            let load = if (600..600 + 60 * n).contains(&minute) { 9.0 } else { 0.5 };
            Some(Values { load, ..QUIET })
        })
    };
    assert_eq!(hourly(1).facts, []);
    assert_eq!(hourly(2).facts.len(), 1);
}

#[test]
fn stretches_with_a_short_dip_between_them_are_one() {
    let dip = |from: u32, till: u32, missing: bool| {
        let report = report(move |minute| {
            let in_dip = (from..till).contains(&minute);
            let busy = (600..900).contains(&minute) && !in_dip;
            let load = if busy { 9.0 } else { 0.5 };
            (!(in_dip && missing)).then_some(Values { load, ..QUIET })
        });
        let all = report.facts.iter().filter_map(super::stretch).map(times);
        all.collect::<Vec<_>>().join(", ")
    };
    for missing in [false, true] {
        assert_eq!(dip(700, 720, missing), "10:00-15:00 280");
        assert_eq!(dip(700, 730, missing), "10:00-11:40 100, 12:10-15:00 170");
    }
}

#[test]
fn a_whole_day_is_told_as_one() {
    for every in [1, 10, 30] {
        let told = report_of(HEAD, every, None, |_| Some(Values { load: 9.5, ..QUIET }));
        let [Fact::LoadAboveCores { stretch, beside, .. }] = &told.facts[..] else {
            panic!("{told:?}")
        };
        assert!(stretch.all_day, "{stretch:?}");
        assert_eq!(stretch.till, "2026-11-24T00:00:00".parse().unwrap());
        assert_eq!(beside.busy, Some(Range { low: 10.0, high: 10.0 }));
    }
}

#[test]
fn little_memory_and_swap_are_told() {
    let told = report(|minute| {
        let low = minute == 890;
        let (free, cache) = if low { (100_000, 50_000) } else { (200_000, 90_000) };
        let swapped = 1_000_000 + u64::from(minute) * 100;
        Some(Values { swapped, free, cache, ..QUIET })
    });
    let [Fact::Memory(memory)] = &told.facts[..] else { panic!("{told:?}") };
    assert_eq!(
        memory.free.map(|(free, at)| (free.to_bits(), clock(at))),
        Some((100_000.0_f64.to_bits(), "14:50".to_owned()))
    );
    assert!(memory.is_little && memory.left == Some(150_000.0));
    assert!((memory.swapped - 1_143_000.0).abs() < 1.0, "{memory:?}");
    assert!((memory.swapped_more - 143_000.0).abs() < 1.0, "{memory:?}");
    // A cache fills the free memory of every machine.
    let cached = report(|_| Some(Values { free: 100_000, cache: 900_000, ..QUIET }));
    assert_eq!(cached.facts, []);
}

#[test]
fn the_usual_day_is_what_a_day_is_compared_with() {
    let nightly = |minute: u32| if (150..200).contains(&minute) { 3.0 } else { 0.5 };
    let usual = usual(nightly);
    let as_always =
        report_of(HEAD, 10, Some(&usual), |minute| Some(Values { load: nightly(minute), ..QUIET }));
    assert_eq!((as_always.facts.as_slice(), as_always.compared), (&[][..], 144));

    // It did not run.
    let none = report_of(HEAD, 10, Some(&usual), |_| Some(QUIET));
    let [Fact::PeakUnusual { peak, usual: peaks, usual_minute, days }] = &none.facts[..] else {
        panic!("{none:?}")
    };
    assert!((peak.load - 0.5).abs() < 1e-9 && (peaks.low - 3.0).abs() < 1e-9);
    assert_eq!((*usual_minute, *days), (Some(150), 8));

    // It ran for hours, below the cores.
    let long = report_of(HEAD, 10, Some(&usual), |minute| {
        Some(Values { load: if (150..400).contains(&minute) { 3.0 } else { 0.5 }, ..QUIET })
    });
    let [Fact::LoadUnusual { stretch, above: true, usual: range, .. }] = &long.facts[..] else {
        panic!("{long:?}")
    };
    assert_eq!(times(stretch), "03:20-06:40 200");
    assert!((range.high - 0.5).abs() < 1e-9);

    // Above the cores, what is usual then is told beside it.
    let above = report_of(HEAD, 10, Some(&usual), |minute| {
        Some(Values { load: if (300..400).contains(&minute) { 9.0 } else { 0.5 }, ..QUIET })
    });
    let [Fact::LoadAboveCores { usual: Some(range), .. }, Fact::PeakUnusual { .. }] =
        &above.facts[..]
    else {
        panic!("{above:?}")
    };
    assert!((range.low - 0.5).abs() < 1e-9);
}

#[test]
fn a_quiet_machine_has_no_unusual_peaks() {
    let usual = usual(|_| 0.02);
    let told = report_of(HEAD, 10, Some(&usual), |minute| {
        Some(Values { load: if minute == 600 { 0.4 } else { 0.01 }, ..QUIET })
    });
    assert_eq!(told.facts, []);
}

#[test]
fn what_is_no_measurement_is_not_told() {
    let wrong = [
        Values { load: 4_294_967_297.15, ..QUIET },
        Values { blocked: u64::MAX, swapped: u64::MAX, swap_in: u64::MAX, ..QUIET },
        Values { read: u64::MAX, swapped: u64::from(u32::MAX), ..QUIET },
    ];
    for wrong in wrong {
        let told = report(|minute| Some(if minute < 300 { wrong } else { QUIET }));
        assert_eq!(told.facts, [], "{wrong:?}");
    }
}

#[test]
fn of_many_stretches_the_longest_are_told() {
    let told = report(|minute| {
        let (hour, minute) = (minute / 60, minute % 60);
        let long = if hour == 8 { 60 } else { 30 };
        let busy = hour.is_multiple_of(2) && minute < long;
        Some(Values { load: if busy { 9.0 } else { 0.5 }, ..QUIET })
    });
    assert_eq!((told.facts.len(), told.more), (3, 9));
    assert!(told.facts.iter().filter_map(super::stretch).any(|s| times(s) == "08:00-09:00 60"));
    let starts: Vec<_> = told.facts.iter().map(super::start).collect();
    assert!(starts.is_sorted());
}

#[test]
fn times_are_those_of_the_clock_on_a_long_day() {
    let day: Day = "2026-10-25".parse().unwrap();
    let mut summary = SummaryBuilder::new(day);
    summary.metadata(&Metadata::parse(b"# log2aws/1 cores=4 tz=Europe/Berlin").unwrap());
    let log = summary.finish(Rejects::default());
    let mut report = ReportBuilder::new(day, &log);
    let hours =
        |from: i8, till: i8| (from..till).flat_map(|hour| (0..6).map(move |ten| (hour, ten * 10)));
    // The hour from 02:00 comes twice.
    for (hour, minute) in hours(0, 3).chain(hours(2, 24)) {
        let time = day.date().at(hour, minute, 1, 0);
        let load = if (1..3).contains(&hour) { 9.0 } else { 0.5 };
        report.sample(&Sample { time, ..sample(0, Values { load, ..QUIET }) });
    }
    let told = report.finish(&crate::summary::LogSummary { interval_seconds: 600, ..log }, None);
    let stretch = told.facts.first().and_then(super::stretch).unwrap();
    assert_eq!(times(stretch), "01:00-03:00 180");
}

proptest! {
    #[test]
    fn facts_are_few_and_their_times_in_order(
        loads in prop::collection::vec(prop_oneof![0.0..4.0_f64, 4.0..40.0_f64], 144),
        waits in prop::collection::vec(0..60_u64, 144),
        gaps in prop::collection::vec(prop::bool::weighted(0.1), 144),
    ) {
        let usual = usual(|_| 1.0);
        let told = report_of(HEAD, 10, Some(&usual), |minute| {
            let at = minute as usize / 10;
            (!gaps[at]).then(|| Values { load: loads[at], wait: waits[at], ..QUIET })
        });
        prop_assert!(told.facts.len() <= MAX_FACTS);
        for stretch in told.facts.iter().filter_map(super::stretch) {
            prop_assert!(stretch.from < stretch.till);
            let span = stretch.till.duration_since(stretch.from).as_secs();
            prop_assert!(i64::from(stretch.seconds) <= span && stretch.seconds >= LEAST);
        }
    }
}
