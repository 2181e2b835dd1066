//! The fleet: healthy servers, and one for each kind of problem.

use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::world::{ANALYZED, LAST, Log, World};

/// A day some days before the last one.
pub(crate) fn before(days: i64) -> Date {
    LAST.saturating_sub(days.days())
}

/// A fleet with that many servers and days, most of them healthy.
pub(crate) fn fleet(servers: usize, days: usize) -> World {
    let world = World::new();
    let days = i64::try_from(days).unwrap();
    for number in 0..servers {
        let server = name(number);
        for ago in 0..days {
            ordinary(&world, &server, before(ago), number);
        }
    }
    special(&world);
    world.refresh();
    world
}

fn name(number: usize) -> String {
    let roles = ["web", "app", "db", "batch", "cache"];
    let role = roles[number % roles.len()];
    format!("{role}{:03}.tokyo.example.co.jp", number / roles.len() + 1)
}

/// An ordinary day of a server; sometimes it has a problem.
fn ordinary(world: &World, server: &str, day: Date, number: usize) {
    // Some servers have little to do, some much, and on weekends all have less.
    let work = [0.15, 0.4, 0.75, 0.25, 1.1, 0.1, 0.55][number % 7];
    let weekend = day.weekday().to_monday_zero_offset() >= 5;
    let work = if weekend { work * 0.4 } else { work };
    let log = Log { every: 30, work, ..Log::new(server, day) };
    let mark = number * 7 + usize::from(day.day_of_year().unsigned_abs());
    let text = match mark % 97 {
        0 => return,
        1 => log.text(|minute| (600..780).contains(&minute), None),
        2 => log.text(|minute| (120..300).contains(&minute), Some(290)),
        3 => log.text(|_| false, None) + "vmstat: command not found\n",
        _ => log.text(|_| false, None),
    };
    world.deliver(server, day, text.as_bytes());
}

/// One server for each kind of problem.
fn special(world: &World) {
    let good = |server: &str, ago: i64| {
        let log = Log { every: 10, ..Log::new(server, before(ago)) };
        world.deliver(server, before(ago), log.text(|_| false, None).as_bytes());
    };
    for ago in 0..31 {
        let day = before(ago);
        let note = "# log2aws/1 server=good01 cores=8 tz=Asia/Tokyo mode=interval \
            note=%E6%9C%AC%E7%95%AA%20DB%20%E4%B8%BB%E7%B3%BB\n";
        let log = Log { every: 1, head: note.to_owned(), ..Log::new("good01", day) };
        if ago < 3 {
            world.deliver("good01", day, log.text(|_| false, None).as_bytes());
        } else {
            good("good01", ago);
        }
        if ago > 12 {
            good("silent01", ago);
        }
        if !(6..9).contains(&ago) {
            good("ran01", ago);
        }
        if !(10..14).contains(&ago) {
            off(world, ago);
        }
        leak(world, ago);
        restarts(world, ago);
    }
    bad(world);
    damaged(world);
    clocks(world);
    world.refused_before("refused01", before(0), b"");
    good("refused01", 1);
}

/// A machine that runs out of memory, and then has more work than its cores manage.
fn leak(world: &World, ago: i64) {
    let days = 31 - u32::try_from(ago).unwrap();
    let work = if ago < 6 { 2.6 } else { 0.7 };
    let head = "# log2aws/1 server=leak01 cores=4 tz=Asia/Tokyo mode=interval \
        note=%E5%9C%A8%E5%BA%AB%E7%AE%A1%E7%90%86%20AP\n";
    let log = Log {
        every: 10,
        leaked: days * 100_000,
        work,
        head: head.to_owned(),
        ..Log::new("leak01", before(ago))
    };
    world.deliver("leak01", before(ago), log.text(|_| false, None).as_bytes());
}

/// A machine that restarts every fourth day, without a missing sample.
fn restarts(world: &World, ago: i64) {
    let log = Log { every: 10, work: 0.3, ..Log::new("restarts01", before(ago)) };
    let reboot = (ago % 4 == 1).then_some(418);
    world.deliver("restarts01", before(ago), log.text(|_| false, reboot).as_bytes());
}

/// A machine that was switched off for four days.
fn off(world: &World, ago: i64) {
    let mut log = Log { every: 10, ..Log::new("off01", before(ago)) };
    if ago == 9 {
        let text = log.text(|minute| minute < 480, Some(470));
        return world.deliver("off01", before(ago), text.as_bytes());
    }
    if ago < 9 {
        log.booted = 970 + (8 - ago) * 1440;
    }
    world.deliver("off01", before(ago), log.text(|_| false, None).as_bytes());
}

/// A day with everything at once: gaps of each kind, a reboot, unreadable lines.
fn bad(world: &World) {
    let log = Log::new("bad01", before(0));
    let skip =
        |minute: u32| (180..260).contains(&minute) || (700..770).contains(&minute) || minute > 1290;
    let mut text = log.text(skip, Some(250)).into_bytes();
    text.extend_from_slice("<script>alert(1)</script> & \"quoted\" \u{202e}gnp.exe\n".as_bytes());
    text.extend_from_slice(b"\xff\xfe\x00binary\n");
    text.extend_from_slice(b"2026-02-30 00:00:01 up 1 day\n");
    text.extend_from_slice("a very long line ".repeat(90).as_bytes());
    text.extend_from_slice(b"\n2026-11-24 00:00:01 up 45 days, 20:04, 1 user, load average: 1.00, 1.00, 1.00 1 0 0 1 1 1 0 0 0 0 0 0 1 1 98 0 0\n");
    world.deliver("bad01", before(0), &text);
    let log = Log { head: String::new(), ..Log::new("bad01", before(1)) };
    world.deliver("bad01", before(1), log.text(|_| false, None).as_bytes());
    let log = Log::new("bad01", before(2));
    let lines = "no sample\n".repeat(250);
    let text = log.text(|_| false, None) + &lines;
    world.deliver("bad01", before(2), text.as_bytes());
}

/// Results that were damaged after they were written.
fn damaged(world: &World) {
    for ago in 0..8 {
        let log = Log::new("broken01", before(ago));
        world.deliver("broken01", before(ago), log.text(|_| false, None).as_bytes());
    }
    let key = |ago, suffix| format!("broken01/{}{suffix}", before(ago));
    let csv = world.result(&key(0, ".csv"));
    world.put(ANALYZED, &key(0, ".csv"), &csv[..csv.len() / 2]);
    world.remove(&key(1, ".csv"));
    let json = world.result(&key(2, ".json"));
    world.put(ANALYZED, &key(2, ".json"), &json[..json.len() / 3]);
    let text = String::from_utf8(world.result(&key(3, ".csv"))).unwrap();
    let text = text.replacen("cpu-us", "cpu-user", 1).replacen(",26.", ",NaN,", 1);
    world.put(ANALYZED, &key(3, ".csv"), text.as_bytes());
    world.remove(&key(4, ".json"));
    world.remove(&key(5, ".json"));
    world.remove(&key(5, ".csv"));
    world.put(ANALYZED, &key(6, ".json"), b"{\"format\":99}");
    let text = String::from_utf8(world.result(&key(7, ".csv"))).unwrap();
    let (_, rows) = text.split_once('\n').unwrap();
    let row = rows.lines().next().unwrap();
    let nan = row.replacen(row.split(',').nth(3).unwrap(), "NaN", 1);
    world.put(ANALYZED, &key(7, ".csv"), rows.replacen(row, &nan, 1).as_bytes());
}

/// Days on which the clock changes or goes back.
fn clocks(world: &World) {
    let head = "# log2aws/1 server=berlin01 cores=4 tz=Europe/Berlin mode=interval\n";
    let autumn = jiff::civil::date(2026, 10, 25);
    let log = Log { head: head.to_owned(), ..Log::new("berlin01", autumn) };
    let first = log.text(|minute| minute >= 180, None);
    let later = Log { head: String::new(), booted: log.booted + 60, ..log };
    let rest = later.text(|minute| minute < 120, None);
    world.deliver("berlin01", autumn, (first + &rest).as_bytes());
    let spring = jiff::civil::date(2026, 3, 29);
    let log = Log { head: head.to_owned(), ..Log::new("berlin01", spring) };
    world.deliver("berlin01", spring, log.text(|m| (120..180).contains(&m), None).as_bytes());
    let log = Log::new("clock01", before(0));
    let text = log.text(|_| false, None);
    let again: String = text.lines().skip(50).take(6).map(line).collect();
    world.deliver("clock01", before(0), (text + &again).as_bytes());
}

fn line(line: &str) -> String {
    format!("{line}\n")
}
