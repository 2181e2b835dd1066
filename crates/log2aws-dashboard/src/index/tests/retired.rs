//! Retired servers in the calendar.

use log2aws_core::retired::{Retirement, Undone};

use super::*;
use crate::index::Absence;

pub(super) fn retire(index: &mut Index, name: &str, from: Day) {
    let mut retired = index.retired().clone();
    let (why, by) = ("replaced".to_owned(), "kato".to_owned());
    let record = Retirement {
        server: name.parse().unwrap(),
        from,
        why,
        by,
        at: Timestamp::UNIX_EPOCH,
        undone: None,
    };
    retired.retire(record).unwrap();
    index.set_retired(retired);
}

const RETIRED: Cell = Cell::Empty(Absence::Retired);

#[test]
fn from_its_day_on_an_empty_day_of_a_retired_server_is_expected_by_nobody() {
    let mut index = Index::default();
    for date in [1, 5] {
        put(&mut index, "web01", august(date), &ran(Some(90 * DAY)));
    }
    let web01 = server("web01");
    let cells = |index: &Index| index.cells(&web01, august(1), august(8), later());
    let before = cells(&index);
    assert_eq!(before[1..4], [Ran; 3].map(Cell::Empty));
    assert_eq!(before[5..], [Silent; 3].map(Cell::Empty));
    retire(&mut index, "web01", august(3));
    let after = cells(&index);
    assert_eq!(after[..2], before[..2], "the days before are as they were");
    assert_eq!(after[2..4], [RETIRED; 2]);
    assert_eq!(after[4], before[4], "a log that arrived is shown as it is");
    assert_eq!(after[5..], [RETIRED; 3]);
    // Of another server nothing changes, and undone is as before.
    put(&mut index, "web011", august(1), &ran(None));
    let other = index.cells(&server("web011"), august(4), august(4), later());
    assert_eq!(other, [Cell::Empty(Silent)]);
    let mut retired = index.retired().clone();
    let (by, at) = ("sato".to_owned(), Timestamp::UNIX_EPOCH);
    retired.undo(&web01, Undone { by, at, why: None }).unwrap();
    index.set_retired(retired);
    assert_eq!(cells(&index), before);
}

#[test]
fn a_day_of_a_retired_server_is_no_problem_also_while_it_is_not_due_or_not_scanned() {
    let mut index = Index::default();
    put(&mut index, "web01", august(1), &ran(None));
    retire(&mut index, "web01", august(3));
    let morning = now("2026-08-03T20:00:00Z");
    let web01 = server("web01");
    let cells = |now| index.cells(&web01, august(2), august(4), now);
    assert_eq!(cells(morning), [Cell::Empty(Silent), RETIRED, RETIRED]);
    let loading = AsOf { complete: false, ..later() };
    assert_eq!(cells(loading), [Cell::Empty(Loading), RETIRED, RETIRED]);
}

#[test]
fn a_retired_server_is_neither_missing_nor_silent_nor_a_problem() {
    let mut index = fleet();
    let all = index.calendar(&query("", 1, 200), later());
    assert_eq!((all.counts[3].silent, all.counts[3].retired, all.troubled), (1, 0, 6));
    retire(&mut index, "f-silent", august(4));
    retire(&mut index, "h-ran", august(2));
    let calendar = index.calendar(&query("", 1, 200), later());
    assert_eq!((calendar.matching, calendar.troubled, calendar.retired_before), (9, 4, 0));
    assert_eq!(calendar.counts[3].silent_since, None);
    let counts = |at: usize| (calendar.counts[at].missing, calendar.counts[at].retired);
    assert_eq!((counts(1), counts(3)), ((1, 1), (0, 1)), "g-refused is missing on the second");
    assert_eq!(calendar.counts[3].arrived, all.counts[3].arrived);
    let row = calendar.rows.iter().find(|row| row.server.as_str() == "f-silent").unwrap();
    assert_eq!(row.cells[3], RETIRED);
    assert_eq!(row.retired.as_ref().map(|record| record.from), Some(august(4)));
    for date in [2, 4] {
        let missing = CalendarQuery { only: Only::Missing(august(date)), ..query("", 1, 9) };
        let missing = index.calendar(&missing, later());
        let of = |name| names(&missing).contains(&name);
        assert!(!of("f-silent") && !of("h-ran"), "{date}");
    }
}

#[test]
fn a_server_is_listed_until_its_last_day_leaves_the_page_and_found_after_that() {
    let mut index = Index::default();
    put(&mut index, "web01", august(4), &ran(None));
    put(&mut index, "web02", august(20), &ran(None));
    let shown = |index: &Index, from: u8, to: u8, search: &str| {
        let (from, to) = (august(from), august(to));
        let calendar = index.calendar(&CalendarQuery { from, to, ..query(search, 1, 9) }, later());
        let names = names(&calendar).iter().map(ToString::to_string).collect::<Vec<_>>();
        (names, calendar.retired_before, calendar.servers)
    };
    let both = vec!["web01".to_owned(), "web02".to_owned()];
    assert_eq!(shown(&index, 10, 20, ""), (both.clone(), 0, 2));
    retire(&mut index, "web01", august(5));
    assert_eq!(shown(&index, 4, 20, "").0.len(), 2, "its last day is on the page");
    assert_eq!(shown(&index, 5, 20, ""), (vec!["web02".to_owned()], 1, 2));
    assert_eq!(shown(&index, 5, 20, "web"), (both, 0, 2));
    // A day of which a log is missing, before it was retired, is on the page.
    let mut late = Index::default();
    put(&mut late, "web01", august(4), &ran(None));
    retire(&mut late, "web01", august(10));
    assert_eq!(shown(&late, 9, 20, "").0.len(), 1);
    assert_eq!(shown(&late, 10, 20, "").0.len(), 0);
    // A log that came all the same is.
    put(&mut late, "web01", august(15), &ran(None));
    assert_eq!(shown(&late, 10, 20, "").0.len(), 1);
}
