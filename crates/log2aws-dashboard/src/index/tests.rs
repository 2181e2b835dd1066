//! The calendar of synthetic fleets.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use log2aws_core::day::Day;
use log2aws_core::key::{KeyPrefix, RawKey};
use log2aws_core::server_name::ServerName;
use log2aws_core::summary::{LogSummary, RawObject, Rejects, Summary, SummaryBuilder};

use super::*;
use crate::index::Absence::{Loading, NotDue, NotYetKnown, Off, Ran, Silent, Unknown};

mod drift;
mod lens;
mod retired;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// A day of August 2026.
fn august(date: u8) -> Day {
    day(&format!("2026-08-{date:02}"))
}

fn tokyo() -> TimeZone {
    TimeZone::fixed(jiff::tz::offset(9))
}

fn now(text: &str) -> AsOf {
    AsOf::at(text.parse::<Timestamp>().unwrap(), &tokyo(), true)
}

/// A moment long after August.
fn later() -> AsOf {
    now("2026-10-01T00:00:00Z")
}

/// A complete day whose first sample has that uptime.
fn ran(uptime: Option<u64>) -> DayStats {
    DayStats {
        samples: 144,
        expected: 144,
        first: Some(Edge { second: 300, uptime }),
        last: Some(Edge {
            second: 86_000,
            uptime: uptime.map(|uptime| uptime.saturating_add(85_700)),
        }),
        ..DayStats::empty(Tag(1), Status::Read)
    }
}

fn server(text: &str) -> Arc<ServerName> {
    Arc::new(text.parse().unwrap())
}

fn put(index: &mut Index, name: &str, day: Day, stats: &DayStats) {
    let packed = Packed::new(day.into(), KeyLayout::Plain, stats);
    index.put(&server(name), packed, KeyLayout::Plain);
}

/// The cells of the first days of August, of a server with those days.
fn cells(days: &[(u8, DayStats)], to: u8, now: AsOf) -> Vec<Cell> {
    let mut index = Index::default();
    for (date, stats) in days {
        put(&mut index, "web01", august(*date), stats);
    }
    index.cells(&server("web01"), august(1), august(to), now)
}

/// Why the second of August is empty if only the given later day is known.
fn why(next: u8, second: u32, uptime: Option<u64>) -> Absence {
    let mut stats = ran(uptime);
    stats.first = Some(Edge { second, uptime });
    let cells = cells(&[(1, ran(Some(DAY))), (next, stats)], next, later());
    let Cell::Empty(reason) = cells[1] else { panic!("{cells:?}") };
    reason
}

#[test]
fn the_server_of_a_check_is_left_out() {
    let mut index = Index::default();
    for name in ["log2aws-check", "log2aws-check-2"] {
        put(&mut index, name, august(1), &ran(None));
    }
    assert_eq!(index.servers(), 1);
    assert!(index.name(&server("log2aws-check")).is_none());
}

#[test]
fn uptime_tells_whether_the_machine_ran_on_an_empty_day() {
    // The next sample, at 00:05 of the day after the empty one.
    assert_eq!(why(3, 300, Some(30 * DAY)), Ran, "since long before");
    assert_eq!(why(3, 300, Some(12 * HOUR)), Ran, "since noon of the empty day");
    assert_eq!(why(3, 300, Some(60)), Off, "started after midnight");
    assert_eq!(why(3, 43_200, Some(12 * HOUR)), Off, "started at midnight");
    assert_eq!(why(3, 43_200, Some(13 * HOUR)), Ran, "started an hour before it");
    // Five days later: booted on the fourth day.
    assert_eq!(why(7, 300, Some(3 * DAY)), Off);
    assert_eq!(why(7, 300, Some(4 * DAY + 2 * HOUR)), Ran, "on the empty day");
    assert_eq!(why(7, 300, Some(u64::MAX)), Ran);
}

#[test]
fn a_day_is_the_first_one_only_once_the_store_was_listed() {
    let half = DayStats { samples: 72, missing: 72, lead: [72, 0], ..ran(None) };
    let missing = |complete| {
        let cells = cells(&[(1, half.clone()), (2, half.clone())], 2, AsOf { complete, ..later() });
        let of = |cell: &Cell| match cell {
            Cell::Delivered(counts) => counts.missing,
            other => panic!("{other:?}"),
        };
        cells.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(missing(true), [0, 72]);
    assert_eq!(missing(false), [72, 72]);
}

#[test]
fn a_moved_clock_decides_nothing() {
    // Booted at the end of the empty day, and sampled at noon of the next by the clock. If the
    // clock was set an hour ahead in between, 11 hours have passed; if it was set back, 13.
    for passed in [11 * HOUR, 12 * HOUR, 13 * HOUR - 1] {
        assert_eq!(why(3, 43_200, Some(passed)), Off, "{passed} seconds");
    }
    // Booted two hours before that: it ran on the empty day, whatever the clock did.
    for passed in [13 * HOUR, 14 * HOUR, 15 * HOUR] {
        assert_eq!(why(3, 43_200, Some(passed)), Ran, "{passed} seconds");
    }
}

#[test]
fn each_day_of_a_gap_has_its_own_reason() {
    // Nothing from the 2nd to the 5th; on the 6th at 00:05 it has been up since the 4th, 12:05.
    let cells = cells(&[(1, ran(Some(DAY))), (6, ran(Some(36 * HOUR)))], 6, later());
    let reasons = [Off, Off, Ran, Ran].map(Cell::Empty);
    assert_eq!(cells[1..5], reasons);
}

#[test]
fn neighbours_that_tell_nothing_are_passed_over() {
    let refused = DayStats::empty(Tag(2), Status::Refused);
    let unreadable = DayStats::empty(Tag(3), Status::Unreadable);
    let long = ran(Some(90 * DAY));
    let short = ran(Some(HOUR));
    let blind = ran(None);
    let no_samples = DayStats::empty(Tag(4), Status::Read);
    let why = |after: &[DayStats]| {
        let mut days = vec![(1, refused.clone())];
        days.extend((3_u8..).zip(after.iter().cloned()));
        let cells = cells(&days, 2, later());
        let Cell::Empty(reason) = cells[1] else { panic!("{cells:?}") };
        assert_eq!(cells[0], Cell::Refused);
        reason
    };
    assert_eq!(why(&[refused.clone(), unreadable.clone(), long.clone()]), Ran);
    assert_eq!(why(&[refused.clone(), short.clone()]), Off);
    assert_eq!(why(&[no_samples.clone(), short.clone()]), Off);
    assert_eq!(why(&[blind.clone(), long.clone()]), Ran);
    assert_eq!(why(&[blind.clone(), short.clone()]), Unknown);
    assert_eq!(why(&[blind]), Unknown);
    assert_eq!(why(&[refused.clone(), unreadable, no_samples]), Unknown);
}

#[test]
fn before_the_first_delivery_nothing_is_missing() {
    let cells = cells(&[(3, ran(Some(90 * DAY)))], 3, later());
    assert_eq!(cells[..2], [NotYetKnown, NotYetKnown].map(Cell::Empty));
}

#[test]
fn what_is_not_due_is_no_fault_and_what_is_is_silence() {
    let days = [(1, ran(Some(DAY)))];
    // In Tokyo: noon of the third is 03:00 in UTC.
    for (moment, second, third, fourth) in [
        ("2026-08-02T15:00:00Z", NotDue, NotDue, NotDue),
        ("2026-08-03T02:59:59Z", NotDue, NotDue, NotDue),
        // The server is silent, and its next days are not merely not due.
        ("2026-08-03T03:00:00Z", Silent, Silent, Silent),
        ("2026-08-04T03:00:00Z", Silent, Silent, Silent),
    ] {
        let cells = cells(&days, 4, now(moment));
        assert_eq!(cells[1..], [second, third, fourth].map(Cell::Empty), "{moment}");
    }
}

#[test]
fn before_noon_only_a_server_that_was_silent_before_is_at_fault() {
    let morning = now("2026-08-04T01:00:00Z");
    for (last, third, fourth) in [(2, NotDue, NotDue), (1, Silent, Silent)] {
        let cells = cells(&[(last, ran(Some(DAY)))], 4, morning);
        assert_eq!(cells[2..], [third, fourth].map(Cell::Empty), "{last}");
    }
}

#[test]
fn a_log_dated_in_the_future_is_no_witness() {
    let now = now("2026-08-04T03:00:00Z");
    for (date, second) in [(5, Off), (6, Silent), (30, Silent)] {
        let cells = cells(&[(1, ran(Some(DAY))), (date, ran(Some(60)))], 4, now);
        assert_eq!(cells[1], Cell::Empty(second), "dated {date}");
    }
}

#[test]
fn a_server_of_which_only_today_stands_is_new() {
    let cells = cells(&[(3, ran(Some(90 * DAY)))], 4, now("2026-08-03T12:00:00Z"));
    let counts = Packed::new(august(3).into(), KeyLayout::Plain, &ran(None)).counts();
    let empty = [NotYetKnown, NotYetKnown].map(Cell::Empty);
    assert_eq!(cells[..2], empty);
    assert_eq!(cells[2..], [Cell::Delivered(counts), Cell::Empty(NotDue)]);
}

#[test]
fn nothing_is_said_before_the_store_was_looked_through() {
    let moment = "2026-08-05T00:00:00Z".parse().unwrap();
    let cells = cells(&[(2, ran(Some(DAY)))], 4, AsOf::at(moment, &tokyo(), false));
    let expected = [(0, Loading), (2, Loading), (3, NotDue)];
    for (at, reason) in expected {
        assert_eq!(cells[at], Cell::Empty(reason), "{at}");
    }
}

fn query(search: &str, page: usize, per_page: usize) -> CalendarQuery {
    CalendarQuery {
        from: august(1),
        to: august(4),
        search: search.to_owned(),
        only: Only::All,
        lens: Lens::Complete,
        sort: Sort::Severity,
        page,
        per_page,
    }
}

fn names(calendar: &Calendar) -> Vec<&str> {
    calendar.rows.iter().map(|row| row.server.as_str()).collect()
}

/// One server for each kind of problem; the worst has the last name.
fn fleet() -> Index {
    let mut index = Index::default();
    let good = ran(Some(90 * DAY));
    let off = DayStats { missing: 20, missing_off: 20, ..good.clone() };
    let rejects = DayStats { rejects: 1, ..good.clone() };
    let gap = DayStats { missing: 2, missing_off: 1, ..good.clone() };
    let gaps = DayStats { missing: 100, missing_off: 0, rejects: 9, ..good.clone() };
    let refused = DayStats::empty(Tag(9), Status::Refused);
    let second: [(&str, Option<&DayStats>); 8] = [
        ("a-good", Some(&good)),
        ("b-off", Some(&off)),
        ("c-rejects", Some(&rejects)),
        ("d-gap", Some(&gap)),
        ("e-gaps", Some(&gaps)),
        ("g-refused", Some(&refused)),
        ("h-ran", None),
        ("i-good", Some(&good)),
    ];
    for (name, stats) in second {
        for date in [1, 3, 4] {
            put(&mut index, name, august(date), &good);
        }
        if let Some(stats) = stats {
            put(&mut index, name, august(2), stats);
        }
    }
    for date in 1..=3 {
        put(&mut index, "f-silent", august(date), &good);
    }
    index
}

#[test]
fn the_worst_come_first_and_equals_by_name() {
    let index = fleet();
    let calendar = index.calendar(&query("", 1, 200), later());
    let expected = [
        "h-ran",
        "g-refused",
        "f-silent",
        "e-gaps",
        "d-gap",
        "c-rejects",
        "b-off",
        "a-good",
        "i-good",
    ];
    assert_eq!(names(&calendar), expected);
    assert_eq!((calendar.servers, calendar.matching, calendar.troubled), (9, 9, 6));
    assert_eq!(calendar.days, [1, 2, 3, 4].map(august));
    assert_eq!(calendar.rows[0].cells[1], Cell::Empty(Ran));
    let health = |row: usize| match calendar.rows[row].cells[1] {
        Cell::Delivered(day) => day.health,
        other => panic!("{other:?}"),
    };
    let healths = [Health::Gaps, Health::Gaps, Health::Rejects, Health::Off, Health::Complete];
    assert_eq!([3, 4, 5, 6, 7].map(health), healths);
}

#[test]
fn pages_hold_every_server_once() {
    let index = fleet();
    let all = index.calendar(&query("", 1, 200), later());
    let mut seen = Vec::new();
    for page in 1..=3 {
        let calendar = index.calendar(&query("", page, 4), later());
        assert_eq!((calendar.page, calendar.pages), (page, 3));
        seen.extend(calendar.rows);
    }
    assert_eq!(seen, all.rows);
    let beyond = index.calendar(&query("", 99, 4), later());
    assert_eq!((beyond.page, names(&beyond)), (3, vec!["i-good"]));
    let none = index.calendar(&query("nobody", 0, 0), later());
    assert_eq!((none.page, none.pages, none.rows.len()), (1, 1, 0));
}

#[test]
fn a_search_and_trouble_narrow_it() {
    let index = fleet();
    let calendar = index.calendar(&query("*-GOOD", 1, 200), later());
    assert_eq!(names(&calendar), ["a-good", "i-good"]);
    assert_eq!((calendar.servers, calendar.matching, calendar.troubled), (9, 2, 0));
    let mut wanted = query("f", 1, 200);
    assert_eq!(names(&index.calendar(&wanted, later())), ["g-refused", "f-silent", "b-off"]);
    wanted.only = Only::Troubled;
    let calendar = index.calendar(&wanted, later());
    assert_eq!(names(&calendar), ["g-refused", "f-silent"]);
    assert_eq!((calendar.matching, calendar.troubled, calendar.pages), (3, 2, 1));
}

#[test]
fn a_calendar_of_too_many_days_shows_the_last() {
    let index = fleet();
    let wanted =
        CalendarQuery { from: day("0001-01-01"), to: day("2026-08-04"), ..query("", 1, 9) };
    let calendar = index.calendar(&wanted, later());
    assert_eq!((calendar.days.len(), calendar.days.last()), (400, Some(&august(4))));
    let backwards = CalendarQuery { from: august(4), to: august(1), ..query("", 1, 9) };
    let calendar = index.calendar(&backwards, later());
    assert!(calendar.days.is_empty() && calendar.rows.iter().all(|row| row.cells.is_empty()));
}

/// The summary of a log whose samples are ten minutes apart, with those uptimes.
fn log(samples: &[(&str, u64)]) -> LogSummary {
    let mut builder = SummaryBuilder::new(day("2019-08-01"));
    for (time, uptime_seconds) in samples {
        builder.sample(&log2aws_core::sample::Sample {
            time: time.parse::<DateTime>().unwrap(),
            uptime_seconds: Some(*uptime_seconds),
            users: None,
            load: [0.5, 0.25, 0.125],
            vmstat: std::array::from_fn(|column| Some(column as u64)),
            guest: None,
        });
    }
    builder.finish(Rejects { count: 3, kept: 3, stopped: None })
}

fn stats(log: LogSummary) -> DayStats {
    let key = RawKey::new("web01".parse().unwrap(), day("2019-08-01"), KeyPrefix::Off);
    let raw = RawObject { key: String::new(), version: String::new(), size: 0, sha256: None };
    let json = Summary::read("0", &key, raw, log).to_json().unwrap();
    DayStats::of_json(Tag(5), &key, &json)
}

#[test]
fn a_summary_gives_its_note_without_what_turns_the_reading_direction() {
    let mut log = log(&[("2019-08-01T00:00:01", 86_400)]);
    log.metadata.note = Some("本番\u{202e}DB\u{2066}".parse().unwrap());
    assert_eq!(stats(log).note.as_deref(), Some("本番DB"));
}

#[test]
fn a_summary_gives_its_facts() {
    let stats = stats(log(&[("2019-08-01T00:00:01", 86_400), ("2019-08-01T00:10:01", 87_000)]));
    assert_eq!((stats.status, stats.samples, stats.expected), (Status::Read, 2, 144));
    assert_eq!((stats.missing, stats.missing_off, stats.rejects), (142, 0, 3));
    assert_eq!(stats.first, Some(Edge { second: 1, uptime: Some(86_400) }));
    assert_eq!(stats.last, Some(Edge { second: 601, uptime: Some(87_000) }));
    let figures = stats.figures;
    assert_eq!([figures.load_mean, figures.load_p95, figures.load_max], [Some(0.5); 3]);
    // r b swpd free buff cache si so bi bo in cs us sy id wa st
    assert_eq!(figures.cpu, [12.0, 13.0, 15.0, 16.0].map(Some));
    assert_eq!(figures.wait_p95, Some(15.0));
    assert_eq!((figures.free_min, figures.swapped_max), (Some(3.0), Some(2.0)));
    assert_eq!(figures.blocks, [8.0, 9.0].map(Some));
    assert_eq!(figures.cores, None);
}

#[test]
fn summaries_of_earlier_versions_tell_their_uptimes_where_they_can() {
    let old = |samples: &[(&str, u64)]| {
        let mut log = log(samples);
        (log.first_uptime_seconds, log.last_uptime_seconds) = (None, None);
        let stats = stats(log);
        [stats.first, stats.last].map(|edge| edge.and_then(|edge| edge.uptime))
    };
    let steady = [("2019-08-01T00:00:01", 86_400), ("2019-08-01T00:10:01", 87_000)];
    assert_eq!(old(&steady), [Some(86_400), Some(87_000)]);
    // Booted at 00:20, ten minutes before the first sample, and again at 00:45.
    let started = [("2019-08-01T00:30:00", 600), ("2019-08-01T00:50:00", 300)];
    assert_eq!(old(&started), [Some(600), Some(300)]);
    // Booted in between: the first sample's uptime is unknown.
    let between = [("2019-08-01T00:00:01", 86_400), ("2019-08-01T00:20:01", 600)];
    assert_eq!(old(&between), [None, Some(600)]);
    // With rows of another day the column's minimum is not the day's.
    let other = [("2019-07-31T23:50:01", 1_000), ("2019-08-01T00:10:01", 2_200)];
    assert_eq!(old(&other), [None, None]);
    assert_eq!(old(&[]), [None, None]);
}

#[test]
fn missing_samples_of_a_machine_that_was_off_are_told_apart() {
    // Off from 00:10 to 12:00, then no samples from 12:10 on.
    let stats = stats(log(&[
        ("2019-08-01T00:00:00", 86_400),
        ("2019-08-01T00:10:00", 87_000),
        ("2019-08-01T12:00:00", 60),
        ("2019-08-01T12:10:00", 660),
    ]));
    assert_eq!((stats.reboots, stats.missing_off), (1, 70));
    assert_eq!(stats.missing - stats.missing_off, 70);
}

#[test]
fn a_log_is_due_at_noon_where_its_server_is() {
    let mut index = Index::default();
    for (name, zone) in [
        ("a-tokyo", Some("Asia/Tokyo")),
        ("b-newyork", Some("America/New_York")),
        ("c-apia", Some("Pacific/Apia")),
        ("d-unknown", None),
        ("e-mars", Some("Mars/Phobos")),
    ] {
        let server = server(name);
        let packed = Packed::new(august(10).into(), KeyLayout::Plain, &ran(None));
        index.put(&server, packed, KeyLayout::Plain);
        let note = NoteOf { day: august(10).into(), note: None, zone: zone.map(Into::into) };
        index.put_note(&server, note);
    }
    // The day after August 11: noon in Tokyo (the zone of the store), 23:00 of the 11th in New
    // York, and 16:00 in Apia.
    let of = |moment: &str| {
        let query = CalendarQuery {
            from: august(11),
            to: august(11),
            search: String::new(),
            only: Only::All,
            lens: Lens::Complete,
            sort: Sort::Name,
            page: 1,
            per_page: 9,
        };
        let rows = index.calendar(&query, now(moment)).rows;
        let cells: Vec<_> = rows.iter().map(|row| row.cells[0]).collect();
        for (row, cell) in rows.iter().zip(&cells) {
            assert_eq!(index.cells(&row.server, august(11), august(11), now(moment)), [*cell]);
        }
        cells.into_iter().map(|cell| cell == Cell::Empty(Silent)).collect::<Vec<_>>()
    };
    assert_eq!(of("2026-08-12T03:00:00Z"), [true, false, true, true, true]);
    assert_eq!(of("2026-08-12T02:59:00Z"), [false, false, true, false, false]);
    assert_eq!(of("2026-08-12T16:00:00Z"), [true; 5]);
}
