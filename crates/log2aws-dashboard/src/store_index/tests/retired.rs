//! The records of retired servers in the store.

use std::io::Write as _;

use log2aws_core::retired::KEY;
use log2aws_service::ports::Store as _;

use super::*;
use crate::index::Cell;

fn records(servers: &[&str]) -> String {
    let records: Vec<_> = servers
        .iter()
        .map(|server| {
            format!(
                r#"{{"server":"{server}","from":"2026-11-10","why":"sold","by":"kato","at":"2026-11-09T00:00:00Z"}}"#
            )
        })
        .collect();
    format!(r#"{{"format":1,"records":[{}]}}"#, records.join(","))
}

fn put(world: &World, bytes: &[u8]) {
    let (bucket, key) = (world::analyzed(), KEY.parse().unwrap());
    let mut upload = world.watched.store.create(&bucket, &key, "application/json").unwrap();
    upload.write_all(bytes).unwrap();
    upload.commit().unwrap();
}

/// Why the eleventh of November is empty.
fn cell(index: &StoreIndex, server: &str) -> Absence {
    let date = day("2026-11-11");
    match index.cells(&name(server), date, date)[..] {
        [Cell::Empty(absence)] => absence,
        ref other => panic!("{other:?}"),
    }
}

fn fleet() -> (World, StoreIndex) {
    let world = World::new();
    for server in ["web01", "web02"] {
        world.deliver(&raw_key(server, "2026-11-09"), 0);
    }
    let index = world.store_index();
    (world, index)
}

#[test]
fn each_refresh_takes_the_records_as_they_are_and_reads_them_only_if_they_changed() {
    let (world, index) = fleet();
    index.refresh(&never).unwrap();
    assert_eq!(cell(&index, "web01"), Absence::Silent);
    let attempts = world.watched.attempts.load(Ordering::Relaxed);
    index.refresh(&never).unwrap();
    assert_eq!(world.watched.attempts.load(Ordering::Relaxed), attempts, "nothing to look up");

    put(&world, records(&["web01"]).as_bytes());
    let revision = index.revision();
    index.refresh(&never).unwrap();
    assert_eq!([cell(&index, "web01"), cell(&index, "web02")], [Absence::Retired, Absence::Silent]);
    assert_eq!(index.retirement(&name("web01")).unwrap().why, "sold");
    assert_eq!(index.retirement(&name("web02")), None);
    assert!(index.revision() > revision);

    world.opened();
    index.refresh(&never).unwrap();
    assert_eq!(world.opened(), [""; 0], "unchanged, so not read");

    put(&world, records(&["web02"]).as_bytes());
    index.refresh_retired();
    assert_eq!([cell(&index, "web01"), cell(&index, "web02")], [Absence::Silent, Absence::Retired]);
    world.watched.store.delete(&world::analyzed(), &KEY.parse().unwrap()).unwrap();
    index.refresh(&never).unwrap();
    assert_eq!(cell(&index, "web02"), Absence::Silent);
}

#[test]
fn damaged_records_retire_nobody_and_are_a_fault_that_names_the_object() {
    let (world, index) = fleet();
    put(&world, records(&["web01"]).as_bytes());
    index.refresh(&never).unwrap();
    assert_eq!(index.progress().retired_fault, None);
    for damaged in ["{", "", r#"{"format":9}"#, &records(&["web01", "../x"])] {
        put(&world, damaged.as_bytes());
        for _ in 0..2 {
            let report = index.refresh(&never).unwrap();
            assert_eq!(cell(&index, "web01"), Absence::Silent, "{damaged}");
            let fault = index.progress().retired_fault.unwrap();
            assert!(fault.starts_with(".log2aws/retired.json: it"), "{fault}");
            assert_eq!(report.retired_fault, Some(fault));
        }
    }
    put(&world, records(&["web01"]).as_bytes());
    index.refresh(&never).unwrap();
    assert_eq!(cell(&index, "web01"), Absence::Retired);
    assert_eq!(index.progress().retired_fault, None);
}

#[test]
fn while_the_store_does_not_return_them_the_last_known_records_hold() {
    let (world, index) = fleet();
    put(&world, records(&["web01"]).as_bytes());
    index.refresh(&never).unwrap();
    put(&world, records(&["web02"]).as_bytes());
    world.watched.lists_are_given.store(true, Ordering::Relaxed);
    world.break_at(Some(KEY));
    index.refresh(&never).unwrap();
    assert_eq!([cell(&index, "web01"), cell(&index, "web02")], [Absence::Retired, Absence::Silent]);
    let fault = index.progress().retired_fault.unwrap();
    assert!(fault.contains(KEY) && fault.contains("403"), "{fault}");
    world.break_at(None);
    index.refresh(&never).unwrap();
    assert_eq!([cell(&index, "web01"), cell(&index, "web02")], [Absence::Silent, Absence::Retired]);
    assert_eq!(index.progress().retired_fault, None);
}

#[test]
fn a_restart_knows_the_retired_servers_before_anybody_is_called_silent() {
    let (world, index) = fleet();
    put(&world, records(&["web01"]).as_bytes());
    index.refresh(&never).unwrap();
    let index = world.store_index();
    index.load_cache().unwrap();
    assert_eq!(cell(&index, "web01"), Absence::Loading);
    index.refresh(&never).unwrap();
    assert_eq!(cell(&index, "web01"), Absence::Retired);
}
