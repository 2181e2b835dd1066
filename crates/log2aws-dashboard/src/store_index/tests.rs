//! The store index over a store in memory.

mod retired;
mod world;

use std::sync::atomic::Ordering;

use log2aws_core::key::{KeyPrefix, ResultKind};

use super::*;
use crate::index::{Absence, Status};
use world::{World, day, name, never, raw_key, spread_key, summary};

/// Status and rejects of each day.
fn days(store_index: &StoreIndex, server: &str) -> Vec<(String, Status, u32)> {
    let days = store_index.server(&name(server)).unwrap_or_default();
    days.into_iter().map(|(day, stats)| (day.to_string(), stats.status, stats.rejects)).collect()
}

fn read_day(date: &str, rejects: u32) -> (String, Status, u32) {
    (date.to_owned(), Status::Read, rejects)
}

#[test]
fn a_sweep_reads_what_is_new_changed_or_gone() {
    let world = World::new();
    let store_index = world.store_index();
    for date in ["2026-11-20", "2026-11-21", "2026-11-22"] {
        world.deliver(&raw_key("web01", date), 0);
    }
    world.deliver(&raw_key("web02", "2026-11-22"), 7);
    assert!(store_index.progress().loading);
    let report = store_index.refresh(&never).unwrap();
    assert_eq!((report.full, report.listed, report.read, report.forgotten), (true, 4, 4, 0));
    assert_eq!(days(&store_index, "web02"), [read_day("2026-11-22", 7)]);
    assert!(world.opened()[0].contains("2026-11-22"), "the newest days come first");
    let progress = store_index.progress();
    assert_eq!((progress.servers, progress.summaries, progress.loading), (2, 4, false));

    world.deliver(&raw_key("web01", "2026-11-21"), 3);
    world.remove(&raw_key("web01", "2026-11-20"));
    world.remove(&raw_key("web02", "2026-11-22"));
    world.deliver(&raw_key("new", "2026-11-23"), 0);
    let revision = store_index.revision();
    let report = store_index.refresh(&never).unwrap();
    assert_eq!((report.full, report.read, report.forgotten), (false, 2, 2));
    assert_eq!(days(&store_index, "web01"), [read_day("2026-11-21", 3), read_day("2026-11-22", 0)]);
    assert_eq!(days(&store_index, "new"), [read_day("2026-11-23", 0)]);
    assert_eq!(store_index.server(&name("web02")), None);
    assert!(store_index.revision() > revision);
    world.opened();
    let (revision, told) = (store_index.revision(), world.told.load(Ordering::Relaxed));
    assert_eq!(store_index.refresh(&never).unwrap().read, 0);
    assert_eq!(world.opened(), [""; 0]);
    assert!(store_index.revision() > revision && world.told.load(Ordering::Relaxed) > told);
}

#[test]
fn both_kinds_of_keys_are_found_and_the_preferred_counts() {
    let world = World::new();
    // A server whose name looks like a spreading prefix, and is one too.
    let key = spread_key("web01", "2026-11-20");
    let prefix = key.object_key().as_str()[..4].to_owned();
    world.deliver(&key, 1);
    world.deliver(&raw_key(&prefix, "2026-11-20"), 2);
    world.deliver(&raw_key("web01", "2026-11-21"), 3);
    world.deliver(&spread_key("web01", "2026-11-21"), 4);
    world.deliver(&spread_key("web01", "2026-10-31"), 5);
    for (key_prefix, both) in [(KeyPrefix::Off, 3), (KeyPrefix::Spread, 4)] {
        let store_index = world.library_at(&format!("{key_prefix:?}"), key_prefix);
        let expected =
            [read_day("2026-10-31", 5), read_day("2026-11-20", 1), read_day("2026-11-21", both)];
        for full in [true, false, false] {
            assert_eq!(store_index.refresh(&never).unwrap().full, full);
            assert_eq!(days(&store_index, "web01"), expected, "{key_prefix:?}");
            assert_eq!(days(&store_index, &prefix), [read_day("2026-11-20", 2)]);
        }
        let bytes = store_index.read(&name("web01"), day("2026-10-31"), ResultKind::Json, 1 << 20);
        assert_eq!(bytes.unwrap(), Some(summary(&spread_key("web01", "2026-10-31"), 5)));
    }
}

#[test]
fn a_month_of_the_spread_layout_is_forgotten_by_itself() {
    let world = World::new();
    let store_index = world.library_at("here", KeyPrefix::Spread);
    for date in ["2026-09-30", "2026-10-31", "2026-11-01", "2026-11-23"] {
        world.deliver(&spread_key("web01", date), 0);
    }
    store_index.refresh(&never).unwrap();
    world.remove(&spread_key("web01", "2026-10-31"));
    world.deliver(&spread_key("web01", "2026-11-23"), 9);
    let report = store_index.refresh(&never).unwrap();
    assert_eq!((report.full, report.read, report.forgotten), (false, 1, 1));
    let expected =
        [read_day("2026-09-30", 0), read_day("2026-11-01", 0), read_day("2026-11-23", 9)];
    assert_eq!(days(&store_index, "web01"), expected);
}

#[test]
fn a_bad_summary_is_unreadable_and_keeps_no_other_from_being_read() {
    let world = World::new();
    let store_index = world.store_index();
    world.deliver(&raw_key("web01", "2026-11-19"), 0);
    world.put(&raw_key("web01", "2026-11-20"), ResultKind::Json, b"{\"format\": 1, \"pro");
    world.put(&raw_key("web01", "2026-11-21"), ResultKind::Csv, b"csv");
    let other = summary(&raw_key("db01", "2026-11-22"), 0);
    world.put(&raw_key("web01", "2026-11-22"), ResultKind::Json, &other);
    world.put(&raw_key("web01", "2026-11-23"), ResultKind::Json, &vec![b' '; 5 << 20]);
    let report = store_index.refresh(&never).unwrap();
    assert_eq!(report.listed, 5);
    let unreadable = |date: &str| (date.to_owned(), Status::Unreadable, 0);
    let mut expected = vec![read_day("2026-11-19", 0)];
    expected.extend(["20", "21", "22", "23"].map(|day| unreadable(&format!("2026-11-{day}"))));
    assert_eq!(days(&store_index, "web01"), expected);
    // Not read again until they change.
    world.opened();
    store_index.refresh(&never).unwrap();
    assert_eq!(world.opened(), [""; 0]);
    world.deliver(&raw_key("web01", "2026-11-21"), 0);
    store_index.refresh(&never).unwrap();
    assert_eq!(days(&store_index, "web01")[2], read_day("2026-11-21", 0));
}

#[test]
fn what_vanishes_between_list_and_reading_is_not_there() {
    let world = World::new();
    let store_index = world.store_index();
    world.deliver(&raw_key("web01", "2026-11-22"), 0);
    world.deliver(&raw_key("web01", "2026-11-23"), 0);
    let gone = raw_key("web01", "2026-11-22").result_key(ResultKind::Json);
    *world.watched.vanishing.lock().unwrap() = Some(gone);
    let report = store_index.refresh(&never).unwrap();
    assert_eq!(report.listed, 2);
    assert_eq!(days(&store_index, "web01"), [read_day("2026-11-23", 0)]);
    // Its CSV is still there, which the next refresh finds.
    store_index.refresh(&never).unwrap();
    assert_eq!(days(&store_index, "web01")[0].1, Status::Unreadable);
}

#[test]
fn a_failure_is_told_and_what_is_held_stays() {
    let world = World::new();
    let store_index = world.store_index();
    for server in ["db01", "web01"] {
        world.deliver(&raw_key(server, "2026-11-22"), 0);
    }
    store_index.refresh(&never).unwrap();
    for broken in ["/", "web01/"] {
        world.wait(25);
        world.deliver(&raw_key("db01", "2026-11-23"), 1);
        world.deliver(&raw_key("web01", "2026-11-23"), 1);
        world.break_at(Some(broken));
        store_index.refresh(&never).unwrap_err();
        let failed = store_index.progress().failed.unwrap();
        assert!(failed.contains("AccessDenied") && failed.contains(broken), "{failed}");
        assert_eq!(days(&store_index, "web01"), [read_day("2026-11-22", 0)], "{broken}");
        if broken != "/" {
            assert_eq!(days(&store_index, "db01").len(), 2, "{broken}");
        }
    }
    world.break_at(None);
    let report = store_index.refresh(&never).unwrap();
    assert!(report.full, "what was not read is not passed over by a list of the last days");
    assert_eq!(store_index.progress().failed, None);
    assert_eq!(days(&store_index, "web01").len(), 2);
}

#[test]
fn one_summary_that_is_not_given_is_unreadable_and_fails_no_sweep() {
    let world = World::new();
    let store_index = world.store_index();
    for date in ["2026-11-21", "2026-11-22", "2026-11-23"] {
        world.deliver(&raw_key("web01", date), 1);
    }
    world.break_at(Some("web01/2026-11-22"));
    let report = store_index.refresh(&never).unwrap();
    assert_eq!((report.full, report.read, report.unreadable), (true, 2, 1));
    assert!(report.unreadable_because.unwrap().contains("AccessDenied"));
    let unreadable = ("2026-11-22".to_owned(), Status::Unreadable, 0);
    let expected = [read_day("2026-11-21", 1), unreadable, read_day("2026-11-23", 1)];
    assert_eq!(days(&store_index, "web01"), expected);
    let progress = store_index.progress();
    assert!(!progress.loading && progress.failed.is_none());
    let restarted = world.store_index();
    restarted.load_cache().unwrap();
    assert_eq!(days(&restarted, "web01"), expected);

    // It is retried, less and less often.
    let attempts = || world.watched.attempts.swap(0, Ordering::Relaxed);
    attempts();
    for (minutes, asked) in [(0, 0), (1, 1), (1, 0), (1, 1), (2, 0), (2, 1), (60, 1)] {
        world.wait_minutes(minutes);
        let report = store_index.refresh(&never).unwrap();
        assert_eq!((report.full, attempts()), (false, asked), "after {minutes} minutes");
    }
    assert_eq!(days(&store_index, "web01"), expected);
    // Another body is read at once; so is the same one after a restart.
    world.break_at(None);
    restarted.refresh(&never).unwrap();
    assert_eq!(days(&restarted, "web01")[1], read_day("2026-11-22", 1));
    world.deliver(&raw_key("web01", "2026-11-22"), 2);
    assert_eq!(store_index.refresh(&never).unwrap().read, 1);
    assert_eq!(days(&store_index, "web01")[1], read_day("2026-11-22", 2));
}

#[test]
fn many_summaries_that_are_not_given_keep_no_others_from_being_read() {
    let world = World::new();
    let store_index = world.store_index();
    world.deliver(&raw_key("web01", "2026-11-23"), 0);
    world.deliver(&raw_key("zzz", "2026-08-01"), 0);
    store_index.refresh(&never).unwrap();
    for number in 0..100 {
        world.deliver(&raw_key(&format!("old{number:02}"), "2026-09-01"), 0);
    }
    world.deliver(&raw_key("zzz", "2026-08-02"), 0);
    world.wait(25);
    for count in [100, 100, 100] {
        world.break_at(Some("old"));
        // Only summaries fail; lists work.
        world.watched.lists_are_given.store(true, Ordering::Relaxed);
        let report = store_index.refresh(&never).unwrap();
        assert_eq!((report.unreadable, store_index.progress().summaries), (count, 103));
        world.wait(25);
    }
    assert_eq!(days(&store_index, "zzz").len(), 2);
}

#[test]
fn a_failed_sweep_tells_how_many_lists_it_made() {
    let world = World::new();
    let store_index = world.store_index();
    for number in 0..20 {
        world.deliver(&raw_key(&format!("web{number:02}"), "2026-11-22"), 0);
    }
    world.break_at(Some("web19"));
    let error = store_index.refresh(&never).unwrap_err();
    assert_eq!(error.requests, world.lists() as u64);
    assert!(error.requests > 1);
    world.break_at(Some("/"));
    assert_eq!(store_index.refresh(&never).unwrap_err().requests, 1);
}

#[test]
fn a_store_out_of_reach_is_not_asked_for_every_day() {
    let world = World::new();
    let store_index = world.store_index();
    for number in 0..200 {
        world.deliver(&raw_key(&format!("web{number:03}"), "2026-11-22"), 0);
    }
    world.break_at(Some("web"));
    store_index.refresh(&never).unwrap_err();
    let lists = world.lists();
    assert!(lists < 20, "{lists} lists of a store that refuses them");
    world.break_at(None);
    world.watched.only_lists.store(true, Ordering::Relaxed);
    store_index.refresh(&never).unwrap_err();
    let attempts = world.watched.attempts.load(Ordering::Relaxed);
    assert!(attempts < 20, "{attempts} attempts at a store that refuses them");
    assert!(store_index.progress().loading && store_index.progress().summaries == 0);
    world.watched.only_lists.store(false, Ordering::Relaxed);
    store_index.refresh(&never).unwrap();
    assert_eq!(store_index.progress().summaries, 200);
}

#[test]
fn a_restart_lists_the_last_days_alone_and_reads_nothing_twice() {
    let world = World::new();
    let first = world.store_index();
    for month in 1..=11 {
        for date in 1..=20 {
            world.deliver(&raw_key("web01", &format!("2026-{month:02}-{date:02}")), 2);
        }
    }
    first.refresh(&never).unwrap();
    let (before, calendar) = (days(&first, "web01"), first.progress().summaries);
    world.opened();
    let second = world.store_index();
    assert_eq!(second.load_cache().unwrap(), calendar);
    assert_eq!(days(&second, "web01"), before);
    let note = Some("as of 2026-11-20".to_owned());
    assert_eq!([first.note(&name("web01")), second.note(&name("web01"))], [note.clone(), note]);
    let report = second.refresh(&never).unwrap();
    assert_eq!((report.full, report.read), (false, 0));
    assert!(report.listed <= 41, "{} days listed", report.listed);
    assert_eq!(world.opened(), [""; 0]);
    // A day later it lists everything, and reads nothing.
    world.wait(25);
    let report = second.refresh(&never).unwrap();
    assert_eq!((report.full, report.listed, report.read), (true, 220, 0));
}

#[test]
fn what_was_looked_at_since_is_newer_than_the_cache() {
    let world = World::new();
    let key = raw_key("web01", "2026-01-02");
    world.deliver(&raw_key("web01", "2026-01-01"), 1);
    world.deliver(&key, 1);
    world.store_index().refresh(&never).unwrap();
    world.deliver(&key, 2);
    let store_index = world.store_index();
    store_index.refresh_day(&key).unwrap();
    assert_eq!(store_index.load_cache().unwrap(), 2);
    assert_eq!(days(&store_index, "web01"), [read_day("2026-01-01", 1), read_day("2026-01-02", 2)]);
    // And the entry is written.
    store_index.refresh(&never).unwrap();
    let next = world.store_index();
    next.load_cache().unwrap();
    assert_eq!(days(&next, "web01"), days(&store_index, "web01"));
}

#[test]
fn what_is_wrong_with_the_cache_is_read_anew() {
    type Damage = fn(&mut Vec<u8>);
    let damage: [(&str, Damage); 4] = [
        ("version", |bytes| bytes[0] += 1),
        ("bit", |bytes| *bytes.last_mut().unwrap() ^= 1),
        ("cut", |bytes| bytes.truncate(bytes.len() / 2)),
        ("empty", Vec::clear),
    ];
    for (what, damage) in damage {
        let world = World::new();
        world.deliver(&raw_key("web01", "2026-01-01"), 1);
        world.deliver(&raw_key("web02", "2026-01-01"), 2);
        world.store_index().refresh(&never).unwrap();
        damage(world.cache.0.lock().unwrap().get_mut("s-web01").unwrap());
        let store_index = world.store_index();
        assert_eq!(store_index.load_cache().unwrap(), 1, "{what}");
        let report = store_index.refresh(&never).unwrap();
        assert_eq!((report.full, report.read), (true, 1), "{what}");
        assert_eq!(days(&store_index, "web01"), [read_day("2026-01-01", 1)], "{what}");
    }
    // The cache of another place is ignored.
    let world = World::new();
    world.deliver(&raw_key("web01", "2026-01-01"), 1);
    world.store_index().refresh(&never).unwrap();
    assert_eq!(world.library_at("elsewhere", KeyPrefix::Off).load_cache().unwrap(), 0);
}

#[test]
fn a_look_learns_of_one_day() {
    let world = World::new();
    let store_index = world.store_index();
    let key = raw_key("web01", "2026-11-23");
    world.deliver(&key, 1);
    // A name that begins with the other's.
    world.deliver(&raw_key("web01.example", "2026-11-23"), 1);
    store_index.refresh(&never).unwrap();
    world.deliver(&key, 5);
    let revision = store_index.revision();
    store_index.refresh_day(&key).unwrap();
    assert_eq!(days(&store_index, "web01"), [read_day("2026-11-23", 5)]);
    assert_eq!(store_index.revision(), revision + 1);
    world.remove(&key);
    store_index.refresh_day(&key).unwrap();
    assert_eq!(store_index.server(&name("web01")), None);
    assert_eq!(days(&store_index, "web01.example"), [read_day("2026-11-23", 1)]);
    world.break_at(Some("web01/"));
    store_index.refresh_day(&key).unwrap_err();
}

#[test]
fn a_stopped_sweep_forgets_nothing_and_goes_on_later() {
    let world = World::new();
    let store_index = world.store_index();
    for date in 1..=20 {
        world.deliver(&raw_key("web01", &format!("2026-11-{date:02}")), 0);
    }
    store_index.refresh(&never).unwrap();
    world.wait(25);
    let stopped = store_index.refresh(&|| true).unwrap();
    assert!(stopped.stopped && stopped.full && stopped.forgotten == 0);
    assert_eq!(store_index.progress().summaries, 20);
    assert!(store_index.refresh(&never).unwrap().full);
}

#[test]
fn cells_load_until_the_first_sweep_has_ended() {
    let world = World::new();
    let store_index = world.store_index();
    world.deliver(&raw_key("web01", "2026-11-10"), 0);
    world.deliver(&raw_key("web01", "2026-11-12"), 0);
    world.store_index().refresh(&never).unwrap();
    store_index.load_cache().unwrap();
    let cell = |store_index: &StoreIndex| {
        store_index.cells(&name("web01"), day("2026-11-11"), day("2026-11-11"))
    };
    assert_eq!(cell(&store_index), [Cell::Empty(Absence::Loading)]);
    store_index.refresh(&never).unwrap();
    assert_eq!(cell(&store_index), [Cell::Empty(Absence::Unknown)]);
}

#[test]
fn a_log_of_the_far_future_is_not_the_newest() {
    let world = World::new();
    let store_index = world.store_index();
    for date in ["2026-11-20", "2099-01-01"] {
        world.deliver(&raw_key("web01", date), 0);
    }
    store_index.refresh(&never).unwrap();
    assert_eq!(store_index.newest(), Some(day("2026-11-20")));
    // A clock may be 26 hours ahead of ours: it is 03:00 on the 24th.
    world.deliver(&raw_key("web02", "2026-11-25"), 0);
    world.deliver(&raw_key("web03", "2026-11-26"), 0);
    store_index.refresh(&never).unwrap();
    assert_eq!(store_index.newest(), Some(day("2026-11-25")));
}

#[test]
fn results_are_read_as_they_stand() {
    let world = World::new();
    let store_index = world.store_index();
    let key = raw_key("web01", "2026-11-23");
    world.deliver(&key, 0);
    let read = |kind, max| store_index.read(&name("web01"), day("2026-11-23"), kind, max);
    assert_eq!(read(ResultKind::Csv, 3).unwrap(), Some(b"csv".to_vec()));
    let told = read(ResultKind::Csv, 2).unwrap_err();
    assert!(format!("{told:?}").contains("3 bytes"), "{told:?}");
    assert_eq!(read(ResultKind::Rejects, 3).unwrap(), None);
    let opened = store_index.open(&name("web01"), day("2026-11-23"), ResultKind::Csv).unwrap();
    assert_eq!(opened.unwrap().size, 3);
    assert!(store_index.open_log(&name("web01"), day("2026-11-23")).unwrap().is_none());
}

#[test]
fn a_day_of_which_every_put_was_refused_is_told_so_until_one_is_accepted() {
    let world = World::new();
    let store_index = world.store_index();
    world.deliver(&raw_key("web01", "2026-11-20"), 0);
    let key = raw_key("web01", "2026-11-21");
    world.put(&key, ResultKind::Refused, b"{}");
    world.put(&raw_key("web02", "2026-11-21"), ResultKind::Refused, b"{}");
    let refused = || ("2026-11-21".to_owned(), Status::Refused, 0);
    for full in [true, false] {
        assert_eq!(store_index.refresh(&never).unwrap().full, full);
        assert_eq!(days(&store_index, "web01"), [read_day("2026-11-20", 0), refused()]);
        assert_eq!(days(&store_index, "web02"), [refused()]);
    }
    world.deliver(&key, 3);
    store_index.refresh_day(&key).unwrap();
    assert_eq!(days(&store_index, "web01")[1], read_day("2026-11-21", 3));
    // The list of refused puts stays, and says nothing against the accepted one.
    store_index.refresh(&never).unwrap();
    assert_eq!(days(&store_index, "web01")[1], read_day("2026-11-21", 3));
    // Nor do its results, should they go, make it a day of refused puts alone, or none at all.
    world.remove(&key);
    store_index.refresh(&never).unwrap();
    assert_eq!(days(&store_index, "web01")[1], refused());
}
