//! Days and their stretches, and the properties of the model.

use proptest::prelude::*;

use super::interval::{DayBefore, Source, choose, shown};
use super::*;

const DAY: u32 = 86_400;
const DAYS_UP: u64 = 864_000;

fn mark(second: u32) -> Mark {
    Mark { second, samples: 1, uptime: Some(DAYS_UP + u64::from(second)) }
}

fn booted(second: u32, uptime: u64) -> Mark {
    Mark { uptime: Some(uptime), ..mark(second) }
}

fn unreadable(second: u32) -> Mark {
    Mark { second, samples: 0, uptime: None }
}

fn every(step: usize, from: u32, to: u32) -> Vec<Mark> {
    (from..to).step_by(step).map(mark).collect()
}

fn ten_minutes(taken: u32) -> Frame<'static> {
    Frame { day: DAY, taken, intervals: &[(0, 600)] }
}

/// `from-to state missing` of each stretch, in hours and minutes.
fn stretches(marks: &[Mark], frame: Frame<'_>) -> Vec<String> {
    let clock = |second: u32| format!("{:02}:{:02}", second / 3600, second / 60 % 60);
    let text = |s: &Stretch| {
        let missing = if s.missing > 0 { format!(" {}", s.missing) } else { String::new() };
        format!("{}-{} {:?}{missing}", clock(s.from), clock(s.to), s.state)
    };
    cover(marks, &frame).stretches.iter().map(text).collect()
}

#[test]
fn a_whole_day_is_sampled() {
    assert_eq!(stretches(&every(600, 1, DAY), ten_minutes(DAY)), ["00:00-24:00 Sampled"]);
}

#[test]
fn a_gap_is_split_where_the_machine_booted() {
    // It ran until 01:00 and booted at 01:10; its sampler came back at 20:00.
    let mut marks = every(600, 0, 3_601);
    marks.extend((120..144).map(|i| booted(i * 600, u64::from(i * 600 - 4_200))));
    assert_eq!(
        stretches(&marks, ten_minutes(DAY)),
        ["00:00-01:10 Sampled", "01:10-20:00 Missing 113", "20:00-24:00 Sampled"]
    );
    // Booted at 04:05, sampled from 04:10 on.
    let mut marks = every(600, 0, 3_601);
    marks.extend((25..144).map(|i| booted(i * 600, u64::from(i * 600 - 14_700))));
    assert_eq!(
        stretches(&marks, ten_minutes(DAY)),
        [
            "00:00-01:10 Sampled",
            "01:10-04:05 Off 18",
            "04:05-04:10 Starting",
            "04:10-24:00 Sampled"
        ]
    );
    // The same at midnight: off until 02:05, and then no sampler until 06:00.
    let marks: Vec<Mark> = (36..144).map(|i| booted(i * 600, u64::from(i * 600 - 7_500))).collect();
    assert_eq!(
        stretches(&marks, ten_minutes(DAY)),
        ["00:00-02:05 Off 13", "02:05-06:00 Missing 23", "06:00-24:00 Sampled"]
    );
}

#[test]
fn nothing_is_missing_after_the_log_was_taken() {
    let marks = every(600, 0, 10_000);
    assert_eq!(
        stretches(&marks, ten_minutes(10_080)),
        ["00:00-02:48 Sampled", "02:48-24:00 NotYet"]
    );
    assert_eq!(
        stretches(&marks, ten_minutes(5 * 3_600)),
        ["00:00-02:50 Sampled", "02:50-05:00 Unknown 13", "05:00-24:00 NotYet"]
    );
    assert_eq!(stretches(&[], ten_minutes(0)), ["00:00-24:00 NotYet"]);
    // Taken the next day, a log that ends at 20:00 lacks the rest.
    assert_eq!(
        stretches(&every(600, 0, 72_001), ten_minutes(DAY)),
        ["00:00-20:10 Sampled", "20:10-24:00 Unknown 23"]
    );
}

#[test]
fn a_line_that_could_not_be_read_is_not_missing() {
    let mut marks = every(600, 1, DAY);
    marks[120] = unreadable(72_001);
    assert_eq!(
        stretches(&marks, ten_minutes(DAY)),
        ["00:00-20:00 Sampled", "20:00-20:10 Unreadable 1", "20:10-24:00 Sampled"]
    );
    // Two unreadable lines in a gap of six.
    let mut marks = every(600, 1, 7_200);
    marks.extend([unreadable(7_800), unreadable(8_400)]);
    marks.extend(every(600, 10_801, DAY));
    assert_eq!(
        stretches(&marks, ten_minutes(DAY)),
        [
            "00:00-02:00 Sampled",
            "02:00-02:10 Missing 1",
            "02:10-02:30 Unreadable 2",
            "02:30-03:00 Missing 3",
            "03:00-24:00 Sampled"
        ]
    );
    let all: Vec<Mark> = (0..144).map(|i| unreadable(i * 600 + 1)).collect();
    assert_eq!(stretches(&all, ten_minutes(DAY)), ["00:00-24:00 Unreadable 144"]);
}

#[test]
fn two_writers_are_told_from_one() {
    for apart in [1, 2, 120, 240] {
        let marks: Vec<Mark> =
            (0..144).flat_map(|i| [mark(i * 600 + 1), mark(i * 600 + 1 + apart)]).collect();
        assert_eq!(shown(&marks), Some(600), "{apart} s apart");
        let coverage = cover(&marks, &ten_minutes(DAY));
        assert!(coverage.stretches.iter().all(|s| s.state == State::SampledTwice));
        let counts = (coverage.sampled, coverage.sampled_twice, coverage.surplus);
        assert_eq!(counts, (144, 144, 144));
    }
    let doubled: Vec<Mark> =
        every(600, 1, DAY).into_iter().map(|mark| Mark { samples: 2, ..mark }).collect();
    assert_eq!(shown(&doubled), Some(600));
    assert_eq!(stretches(&doubled, ten_minutes(DAY)), ["00:00-24:00 SampledTwice"]);
}

#[test]
fn an_interval_comes_from_the_days_before_and_then_from_the_log() {
    let before = |interval, shown| Some(DayBefore { interval, shown });
    for (before, shown, expected) in [
        (before(600, Some(600)), Some(300), (600, Source::DaysBefore)),
        (before(300, None), None, (300, Source::DaysBefore)),
        // Two days in a row show the same.
        (before(600, Some(300)), Some(300), (300, Source::Log)),
        (None, Some(300), (300, Source::Log)),
        (None, None, (600, Source::Default)),
    ] {
        assert_eq!(choose(before, shown), expected);
    }
}

#[test]
fn a_log_shows_its_interval_if_it_is_long_enough() {
    for step in [1, 15, 60, 300, 600, 900, 1_800, 3_600] {
        assert_eq!(shown(&every(step, 1, DAY)), Some(u32::try_from(step).unwrap()), "{step}");
    }
    assert_eq!(shown(&every(600, 1, 4_000)), None);
    // One sample of an hourly log is lost: it stays an hourly log.
    let mut hourly = every(3_600, 1, DAY);
    hourly.remove(7);
    assert_eq!(shown(&hourly), Some(3_600));
    // A long gap is no interval.
    let mut marks = every(600, 0, 18_000);
    marks.extend(every(600, 82_800, DAY));
    assert_eq!(shown(&marks), Some(600));
}

#[test]
fn an_interval_that_changes_makes_no_gap() {
    // Ten minutes until 14:00, one minute from then on, with nine minutes missing, and back.
    let mut marks = every(600, 0, 50_400);
    marks.extend(every(60, 50_400, 60_000));
    marks.extend(every(60, 60_540, 72_000));
    marks.extend(every(600, 72_000, DAY));
    let intervals = [(0, 600), (50_400, 60), (72_000, 600)];
    let frame = Frame { day: DAY, taken: DAY, intervals: &intervals };
    assert_eq!(
        stretches(&marks, frame),
        ["00:00-16:40 Sampled", "16:40-16:49 Missing 9", "16:49-24:00 Sampled"]
    );
    let coverage = cover(&marks, &frame);
    assert_eq!((coverage.sampled as usize, coverage.surplus), (marks.len(), 0));
}

#[test]
fn what_is_there_is_counted_and_not_reckoned() {
    // 61 samples until 10:00, and the log was taken at 10:24:40.
    let coverage = cover(&every(600, 0, 36_001), &ten_minutes(37_480));
    assert_eq!((coverage.sampled, coverage.surplus), (61, 0));
    // A first sample between two marks, as at an install.
    let marks = [mark(32_833), mark(33_000)];
    let coverage = cover(&marks, &ten_minutes(33_120));
    assert_eq!((coverage.sampled, coverage.sampled_twice, coverage.surplus), (1, 1, 1));
}

/// Samples of a writer with jitter and with up to three holes of two hours.
fn writer(interval: u32, jitter: u32) -> impl Strategy<Value = Vec<Mark>> {
    let slots = DAY / interval;
    let jitters = prop::collection::vec(0..=jitter, slots as usize);
    let holes = prop::collection::vec(0..DAY, 0..3);
    (jitters, 0..interval / 2, holes).prop_map(move |(jitters, offset, holes)| {
        let seconds = (0..slots).zip(jitters).map(|(i, jitter)| i * interval + offset + jitter);
        let there = seconds.filter(|s| !holes.iter().any(|hole| (*hole..hole + 7_200).contains(s)));
        there.map(mark).collect()
    })
}

fn merged(marks: impl IntoIterator<Item = Mark>) -> Vec<Mark> {
    let mut marks: Vec<Mark> = marks.into_iter().collect();
    marks.sort_by_key(|mark| (mark.second, mark.samples == 0));
    marks.dedup_by_key(|mark| mark.second);
    marks
}

/// Seconds without samples.
fn lacking(marks: &[Mark], frame: Frame<'_>) -> u32 {
    let stretches = cover(marks, &frame).stretches;
    stretches.iter().filter(|s| s.state.lacks_samples()).map(|s| s.to - s.from).sum()
}

fn any_marks() -> impl Strategy<Value = Vec<Mark>> {
    let one = (0..DAY, 0..4_u32, prop::option::of(0..DAYS_UP)).prop_map(|(second, samples, up)| {
        Mark { second, samples, uptime: up.filter(|_| samples > 0) }
    });
    prop::collection::vec(one, 0..300).prop_map(merged)
}

/// Day, moment and intervals of a frame.
type AnyFrame = (u32, u32, Vec<(u32, u32)>);

fn any_frame() -> impl Strategy<Value = AnyFrame> {
    let interval = 1..7_200_u32;
    let changes = prop::collection::vec((0..DAY, interval), 1..3);
    (prop::sample::select(vec![82_800, DAY, 88_200, 90_000]), 0..90_000_u32, changes).prop_map(
        |(day, taken, mut changes)| {
            changes[0].0 = 0;
            changes.sort_unstable();
            (day, taken.min(day), changes)
        },
    )
}

fn frame((day, taken, intervals): &AnyFrame) -> Frame<'_> {
    Frame { day: *day, taken: *taken, intervals }
}

/// The same with one interval.
fn steady((day, taken, intervals): &AnyFrame) -> Frame<'_> {
    Frame { day: *day, taken: *taken, intervals: &intervals[..1] }
}

proptest! {
    #[test]
    fn a_second_writer_changes_no_interval(
        marks in writer(600, 5),
        apart in 1..240_u32,
    ) {
        prop_assert_eq!(shown(&marks), Some(600));
        let second = marks.iter().map(|first| mark((first.second + apart).min(DAY - 1)));
        prop_assert_eq!(shown(&merged(marks.iter().copied().chain(second))), Some(600));
    }

    #[test]
    fn a_burst_on_less_than_half_of_the_day_changes_no_interval(
        marks in writer(600, 5),
        from in 0..DAY / 2,
        length in 1..30_000_u32,
        step in 1..120_usize,
    ) {
        let burst = every(step, from, from + length);
        prop_assert_eq!(shown(&merged(marks.into_iter().chain(burst))), Some(600));
    }

    #[test]
    fn no_second_is_left_out(marks in any_marks(), any in any_frame()) {
        let frame = frame(&any);
        let coverage = cover(&marks, &frame);
        let stretches = coverage.stretches;
        let mut at = 0;
        for stretch in &stretches {
            prop_assert_eq!(stretch.from, at);
            prop_assert!(stretch.to > at);
            prop_assert!(stretch.since <= stretch.to);
            at = stretch.to;
        }
        let last = marks.iter().rfind(|mark| mark.samples > 0).map_or(0, |mark| mark.second + 1);
        prop_assert_eq!(at, frame.day.max(last));
        let written: u64 = marks.iter().map(|mark| u64::from(mark.samples)).sum();
        prop_assert_eq!(u64::from(coverage.sampled) + coverage.surplus, written);
    }

    #[test]
    fn another_sample_never_adds_time_without_samples(
        marks in any_marks(),
        any in any_frame(),
        second in 0..82_800_u32,
        uptime in prop::option::of(0..DAYS_UP),
    ) {
        let more = merged(marks.iter().copied().chain([Mark { second, samples: 1, uptime }]));
        let frame = steady(&any);
        let frame = Frame { taken: frame.taken.max(second + 1), ..frame };
        let (before, after) = (lacking(&marks, frame), lacking(&more, frame));
        prop_assert!(after <= before, "{} to {}", before, after);
    }

    #[test]
    fn another_sample_never_adds_a_missing_one(
        marks in any_marks(),
        any in any_frame(),
        second in 0..82_800_u32,
    ) {
        let more = merged(marks.iter().copied().chain([mark(second)]));
        let frame = steady(&any);
        let frame = Frame { taken: frame.taken.max(second + 1), ..frame };
        let missing = |marks: &[Mark]| cover(marks, &frame).stretches.iter().map(|s| s.missing).sum::<u32>();
        prop_assert!(missing(&more) <= missing(&marks));
    }

    #[test]
    fn nothing_after_the_moment_is_missing(marks in any_marks(), any in any_frame()) {
        let frame = frame(&any);
        let last = marks.iter().rfind(|mark| mark.samples > 0).map_or(0, |mark| mark.second + 1);
        for stretch in cover(&marks, &frame).stretches {
            let late = stretch.from >= frame.taken.max(last);
            prop_assert_eq!(late, stretch.state == State::NotYet);
        }
    }
}
