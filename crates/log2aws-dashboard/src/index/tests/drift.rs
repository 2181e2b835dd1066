//! Which trends are listed, and in which order.

use super::retired::retire;
use super::*;

const GIB: f32 = 1024.0 * 1024.0;

/// The trends on 2026-08-31 of servers with these figures on each day of August.
fn drifts(servers: &[(&str, &dyn Fn(f32) -> Figures)]) -> Drifts {
    let mut index = Index::default();
    for (name, figures) in servers {
        for date in 1..=31 {
            let stats = DayStats { figures: figures(f32::from(date)), ..ran(None) };
            put(&mut index, name, august(date), &stats);
        }
    }
    index.drifts(august(31).into(), 30)
}

fn told(drifts: &Drifts) -> Vec<(&str, DriftFigure)> {
    drifts.all.iter().map(|(server, drift)| (server.as_str(), drift.figure)).collect()
}

/// 8 GiB free and 4 GiB of cache, less what is given.
fn memory(free: f32, cache: f32) -> Figures {
    let left = 8.0 * GIB - free + 4.0 * GIB - cache;
    let free_min = Some(8.0 * GIB - free);
    Figures { free_min, left_mean: Some(left), ..Figures::default() }
}

#[test]
fn a_cache_that_fills_the_memory_is_no_leak() {
    let fills = |day: f32| memory(day * 0.2 * GIB, -day * 0.2 * GIB);
    let leaks = |day: f32| memory(day * 0.2 * GIB, 0.0);
    let shrinks = |day: f32| memory(7.9 * GIB, day * 0.1 * GIB);
    let found = drifts(&[("fills", &fills), ("leaks", &leaks), ("shrinks", &shrinks)]);
    assert_eq!(told(&found), [("leaks", DriftFigure::Free), ("shrinks", DriftFigure::Left)]);
    assert_eq!(found.servers, 3);
    // 1.8 GiB at 0.2 a day, and 1 GiB at 0.1.
    let limits: Vec<_> = found.all.iter().map(|(_, drift)| drift.limit.unwrap()).collect();
    assert!((8..=10).contains(&limits[0].latest) && limits[0].earliest >= 8, "{limits:?}");
    assert!((9..=11).contains(&limits[1].latest), "{limits:?}");
    // Without a figure for the cache nothing can be said.
    let unknown = |day: f32| Figures { left_mean: None, ..leaks(day) };
    assert_eq!(told(&drifts(&[("unknown", &unknown)])), []);
}

#[test]
fn what_hardly_changes_is_not_listed() {
    let little = |day: f32| Figures {
        load_p95: Some(0.2 + day * 0.01),
        swapped_max: Some(day * 1000.0),
        ..memory(day * 0.02 * GIB, 0.0)
    };
    assert_eq!(told(&drifts(&[("little", &little)])), []);
    let better = |day: f32| Figures {
        load_p95: Some(20.0 - day * 0.5),
        swapped_max: Some(GIB - day * 30_000.0),
        ..memory(-day * 0.2 * GIB, 0.0)
    };
    assert_eq!(told(&drifts(&[("better", &better)])), []);
}

#[test]
fn load_and_swap_that_rise_are_listed_after_what_has_a_date() {
    let swaps = |day: f32| Figures { swapped_max: Some(day * 30_000.0), ..Figures::default() };
    let busier = |cores| {
        move |day: f32| Figures { load_p95: Some(1.0 + day * 0.1), cores, ..Figures::default() }
    };
    let (bare, limited) = (busier(None), busier(Some(5)));
    let found = drifts(&[("bare", &bare), ("limited", &limited), ("swaps", &swaps)]);
    let expected = [
        ("limited", DriftFigure::Load),
        ("swaps", DriftFigure::Swapped),
        ("bare", DriftFigure::Load),
    ];
    assert_eq!(told(&found), expected);
    let limit = found.all[0].1.limit.unwrap();
    assert_eq!((found.all[0].1.cores, limit.latest), (Some(5), 9), "{limit:?}");
    assert!(found.all[1].1.limit.is_none());
}

#[test]
fn a_retired_server_has_no_trends() {
    let mut index = Index::default();
    for date in 1..=31 {
        let leak = memory(f32::from(date) * 0.2 * GIB, 0.0);
        put(&mut index, "leaks", august(date), &DayStats { figures: leak, ..ran(None) });
    }
    retire(&mut index, "leaks", day("2026-09-01"));
    assert_eq!(index.drifts(august(31).into(), 30).all.len(), 1, "from tomorrow on");
    let gone = index.drifts(day("2026-09-01").into(), 30);
    assert_eq!((gone.all.len(), gone.servers), (0, 0));
}

#[test]
fn only_the_days_of_the_window_count_and_the_newest_must_be_recent() {
    let mut index = Index::default();
    for date in 1..=31 {
        let leak = memory(f32::from(date) * 0.2 * GIB, 0.0);
        put(&mut index, "leaks", august(date), &DayStats { figures: leak, ..ran(None) });
    }
    let listed = |today: &str, window| index.drifts(day(today).into(), window).all.len();
    assert_eq!(listed("2026-08-31", 30), 1);
    assert_eq!(listed("2026-09-07", 30), 1);
    assert_eq!(listed("2026-09-08", 30), 0, "eight days old");
    assert_eq!(listed("2026-08-14", 30), 0, "a span of 13 days");
    assert_eq!(listed("2026-08-31", 14), 0);
}
