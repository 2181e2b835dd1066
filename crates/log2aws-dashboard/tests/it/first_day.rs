//! The first day of a server: what was not due before its first line is missing nowhere.

use crate::fleet::before;
use crate::world::{Log, World};

/// A log of a machine that is up for long, from 14:20 on, and without the samples of an hour.
fn from_the_afternoon(server: &str, days: i64) -> String {
    let log = Log { every: 10, ..Log::new(server, before(days)) };
    log.text(|minute| minute < 860 || (1000..1060).contains(&minute), None)
}

fn whole(server: &str, days: i64) -> String {
    Log { every: 10, ..Log::new(server, before(days)) }.text(|_| false, None)
}

#[test]
fn a_new_server_misses_nothing_before_its_first_line() {
    let world = World::new();
    for ago in (1..=3).rev() {
        let text = if ago == 3 { from_the_afternoon("new01", ago) } else { whole("new01", ago) };
        world.deliver("new01", before(ago), text.as_bytes());
        world.deliver("old01", before(ago), from_the_afternoon("old01", ago).as_bytes());
    }
    world.deliver("old01", before(4), whole("old01", 4).as_bytes());
    let (first, uri) = (before(3), format!("/ui/s/new01/{}", before(3)));
    // While earlier days may still be found, it is not called the first.
    assert!(!world.get(&uri).text().contains("first log of this server"));
    world.refresh();

    let day = world.get(&uri).text().to_owned();
    assert!(day.contains("This is the first log of this server in the store; it begins at 14:20"));
    assert!(day.contains("52 of 58 samples, 6 missing"), "{day}");
    assert!(day.contains("No samples 16:30–17:40") && !day.contains("No samples 00:00"), "{day}");
    assert!(world.get_ja(&uri).text().contains("このサーバーの最初のログです。14:20 から始まり"));
    let chart = world.get(&format!("{uri}/chart.svg")).text().to_owned();
    assert!(chart.contains("52 of 58 samples"), "{chart}");
    let calendar = world.get("/ui/?lens=complete&q=new01").text().to_owned();
    assert!(calendar.contains(&format!("{first} class=g title=\"52 of 58 samples: 6 missing\"")));
    let server = world.get("/ui/s/new01").text().to_owned();
    assert!(server.contains("6 missing") && server.contains(">52/58<"), "{server}");

    // Of a server with an earlier day it is all missing, and so it is once one arrives.
    let expected = "52 of 144 samples, 92 missing";
    assert!(world.get(&format!("/ui/s/old01/{first}")).text().contains(expected));
    world.deliver("new01", before(9), whole("new01", 9).as_bytes());
    world.refresh();
    let day = world.get(&uri).text().to_owned();
    assert!(day.contains(expected) && !day.contains("first log of this server"));
    assert!(world.get("/ui/?lens=complete&q=new01").text().contains("52 of 144 samples: 92"));
}
