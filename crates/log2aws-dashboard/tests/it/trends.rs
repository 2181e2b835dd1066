//! The page of trends.

use crate::fleet::{before, fleet};
use crate::world::{LAST, Log, World};

/// A server whose memory is what `leaked` leaves of it, that many days.
fn leaking(world: &World, server: &str, days: i64, leaked: impl Fn(i64) -> u32) {
    for ago in 0..days {
        let log = Log { work: 0.3, leaked: leaked(ago), ..Log::new(server, before(ago)) };
        world.deliver(server, before(ago), log.text(|_| false, None).as_bytes());
    }
}

#[test]
fn the_leak_is_named_and_nothing_of_the_healthy() {
    let world = fleet(14, 31);
    let page = world.get("/ui/trends");
    let text = page.text();
    let row = text.split("<tr>").find(|row| row.contains("leak01")).expect("a row");
    assert!(row.contains(&format!("/ui/s/leak01?to={LAST}")), "{row}");
    assert!(text.contains("Least free memory"));
    for healthy in ["good01", "restarts01", "tokyo.example", "ran01", "off01"] {
        assert!(!text.contains(healthy), "{healthy}");
    }
    let ja = world.get_ja("/ui/trends?days=60");
    assert!(ja.text().contains("leak01") && ja.text().contains("最小空きメモリ"));
}

#[test]
fn a_leak_is_foretold_in_days() {
    let world = World::new();
    // 50,000 KiB a day of 2.4 million, of which the work takes some.
    leaking(&world, "leak02", 25, |ago| u32::try_from(25 - ago).unwrap() * 50_000);
    leaking(&world, "leak03", 25, |ago| u32::try_from(25 - ago).unwrap() * 65_000);
    leaking(&world, "calm02", 25, |_| 0);
    world.refresh();
    let page = world.get("/ui/trends");
    let text = page.text();
    assert!(text.contains("free memory used up in about "), "{text}");
    let at = |server: &str| text.find(&format!(">{server}<")).unwrap_or(usize::MAX);
    assert!(at("leak03") < at("leak02"), "the more urgent first");
    assert!(!text.contains("calm02"));
    assert!(text.contains("2 trends among 3 servers"), "{text}");
    assert!(world.get_ja("/ui/trends").text().contains("日で空きメモリがなくなります"));
}

#[test]
fn two_weeks_are_too_few_and_an_old_leak_is_none() {
    let world = World::new();
    leaking(&world, "new01", 13, |ago| u32::try_from(13 - ago).unwrap() * 90_000);
    world.refresh();
    assert!(world.get("/ui/trends").text().contains("A trend takes two weeks of logs"));
    assert!(world.get_ja("/ui/trends").text().contains("2 週間分のログ"));
    // It stopped sending three weeks ago.
    for ago in 20..50 {
        let leaked = u32::try_from(50 - ago).unwrap() * 50_000;
        let log = Log { work: 0.3, leaked, ..Log::new("gone01", before(ago)) };
        world.deliver("gone01", before(ago), log.text(|_| false, None).as_bytes());
    }
    world.refresh();
    let page = world.get("/ui/trends?days=60");
    assert!(page.text().contains("nothing gets worse") && !page.text().contains("gone01"));
}

#[test]
fn only_known_lengths_are_taken() {
    let world = World::new();
    for days in [30, 60, 90] {
        assert_eq!(world.get(&format!("/ui/trends?days={days}")).status.as_u16(), 200);
    }
    let bad = world.get("/ui/trends?days=%3Cb%3E7");
    assert_eq!(bad.status.as_u16(), 400);
    assert!(bad.text().contains("&#60;b&#62;7 is none of 30, 60 and 90 days"), "{}", bad.text());
    assert!(world.get("/ui/").text().contains("href=\"/ui/trends\""));
}
