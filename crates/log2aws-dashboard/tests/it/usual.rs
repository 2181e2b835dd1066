//! A day in sentences, and the usual day behind its chart.

use http::Request;
use jiff::civil::Date;

use crate::fleet::before;
use crate::world::{LAST, Log, World};

/// A server with so much work on each of that many weeks before, and on the last day.
fn weeks(server: &str, weeks: i64, work: f64) -> World {
    let world = World::new();
    for week in 1..=weeks {
        deliver(&world, server, before(7 * week), 1.0);
    }
    deliver(&world, server, LAST, work);
    world.refresh();
    world
}

fn deliver(world: &World, server: &str, day: Date, work: f64) {
    let log = Log { work, ..Log::new(server, day) };
    world.deliver(server, day, log.text(|_| false, None).as_bytes());
}

fn page(world: &World, server: &str) -> (String, String) {
    let uri = format!("/ui/s/{server}/{LAST}");
    (world.get(&uri).text().to_owned(), world.get_ja(&uri).text().to_owned())
}

#[test]
fn a_busy_day_is_told_in_both_languages() {
    let world = weeks("busy01", 8, 3.0);
    let (en, ja) = page(&world, "busy01");
    for sentence in
        ["load above the 8 cores for ", "Usual at that time: ", "Peak load ", "mostly at about 22:"]
    {
        assert!(en.contains(sentence), "{sentence}");
    }
    for sentence in ["コア数（8）を超えました", "この時間帯の通常値：", "過去 8 週の同じ曜日は "]
    {
        assert!(ja.contains(sentence), "{sentence}");
    }
    assert!(!en.contains("Nothing unusual"));
}

#[test]
fn nothing_unusual_is_said_only_after_a_comparison() {
    let (en, ja) = page(&weeks("calm01", 8, 1.0), "calm01");
    assert!(en.contains("Nothing unusual, compared with"), "{en}");
    assert!(ja.contains("変わったことはありません"));
    for few in [0, 2] {
        let (en, _) = page(&weeks("calm01", few, 1.0), "calm01");
        assert!(!en.contains("Nothing unusual") && !en.contains("8 weeks"), "{few}");
    }
}

#[test]
fn missing_samples_come_with_the_commands_to_run() {
    let world = World::new();
    let log = Log::new("gap01", LAST);
    world.deliver("gap01", LAST, log.text(|m| (600..900).contains(&m), None).as_bytes());
    world.deliver(
        "gap01",
        before(2),
        Log::new("gap01", before(2)).text(|_| false, None).as_bytes(),
    );
    world.refresh();
    let (en, ja) = page(&world, "gap01");
    let ship = format!("<code>log2aws-agent ship --date {LAST}</code>");
    assert!(en.contains(&format!("On gap01, {ship} sends what is there")), "{en}");
    assert!(ja.contains(&ship) && ja.contains("<code>log2aws-agent doctor</code>"));
    // A day without results too.
    let empty = world.get(&format!("/ui/s/gap01/{}", before(1)));
    assert!(empty.text().contains(&format!("log2aws-agent ship --date {}", before(1))));
    // Lines of somebody's cron job are no work of the agent.
    let world = World::new();
    let log = Log { head: String::new(), ..Log::new("cron01", LAST) };
    world.deliver("cron01", LAST, log.text(|m| (600..900).contains(&m), None).as_bytes());
    world.refresh();
    assert!(!page(&world, "cron01").0.contains("log2aws-agent ship"));
}

#[test]
fn the_chart_has_the_usual_day_behind_it_and_files_have_not() {
    let world = weeks("busy01", 8, 3.0);
    let base = format!("/ui/s/busy01/{LAST}");
    let band = |uri: &str| world.get(&format!("{base}/{uri}")).text().contains("class=\"band\"");
    assert!(band("chart.svg"));
    assert!(world.get_ja(&format!("{base}/chart.svg")).text().contains("通常の範囲（過去 8 週）"));
    assert!(world.get(&format!("{base}/values.json")).text().contains("\"band\":"));
    // Compared charts share a scale, and a file depends on its log alone.
    assert!(!band("chart.svg?load=40"));
    assert!(!band(&format!("busy01-{LAST}.svg")));
    assert!(!weeks("busy01", 2, 3.0).get(&format!("{base}/chart.svg")).text().contains("8 weeks"));
}

/// All other days of the week are no part of it, and a day that cannot be read is left out.
#[test]
fn only_the_same_weekday_counts_and_a_missing_day_is_skipped() {
    let world = weeks("busy01", 3, 1.0);
    for ago in [1, 2, 3, 6] {
        deliver(&world, "busy01", before(ago), 9.0);
    }
    world.refresh();
    assert!(page(&world, "busy01").0.contains("Nothing unusual"));
    world.remove(&format!("busy01/{}.csv", before(7)));
    let world_of_two = world;
    let (en, _) = page(&world_of_two, "busy01");
    assert!(en.contains("Nothing unusual"), "kept from before: the summary has not changed");
    let world = weeks("busy01", 3, 1.0);
    world.remove(&format!("busy01/{}.csv", before(7)));
    assert!(!page(&world, "busy01").0.contains("Nothing unusual"));
}

#[test]
fn a_known_chart_costs_no_reading_and_changes_with_each_of_its_days() {
    let world = weeks("busy01", 8, 3.0);
    let uri = format!("/ui/s/busy01/{LAST}/chart.svg");
    let first = world.get(&uri);
    let tag = first.header("etag").to_owned();
    assert!(!tag.is_empty() && !first.body.is_empty());
    let again = |uri: &str, tag: &str| {
        world.ask(&Request::get(uri).header("if-none-match", tag).body(()).unwrap())
    };
    world.flaky.broken.lock().unwrap().extend([".csv", ".json"]);
    let known = again(&uri, &tag);
    assert_eq!((known.status.as_u16(), known.body.len(), known.header("etag")), (304, 0, &*tag));
    world.flaky.broken.lock().unwrap().clear();
    // Another part of the day, or another language, is another chart.
    for other in [format!("{uri}?from=09:00&till=10:00"), format!("{uri}?lang=ja")] {
        assert_eq!(again(&other, &tag).status.as_u16(), 200, "{other}");
    }
    // A new result of a day five weeks ago.
    deliver(&world, "busy01", before(35), 2.0);
    world.refresh();
    let changed = again(&uri, &tag);
    assert_eq!(changed.status.as_u16(), 200);
    assert_ne!(changed.body, first.body);
    // A day that is no part of it.
    let tag = changed.header("etag").to_owned();
    deliver(&world, "busy01", before(1), 2.0);
    world.refresh();
    assert_eq!(again(&uri, &tag).status.as_u16(), 304);
}

#[test]
fn a_chart_without_a_usual_day_that_could_not_be_read_is_not_stored() {
    let world = weeks("busy01", 8, 3.0);
    let uri = format!("/ui/s/busy01/{LAST}/chart.svg");
    let ending: &'static str = format!("{}.csv", before(14)).leak();
    world.flaky.broken.lock().unwrap().push(ending);
    let partial = world.get(&uri);
    assert_eq!((partial.header("etag"), partial.header("cache-control")), ("", "no-store"));
    world.flaky.broken.lock().unwrap().clear();
    let whole = world.get(&uri);
    assert!(!whole.header("etag").is_empty() && whole.body != partial.body);
}

#[test]
fn the_same_weekday_is_one_click_away() {
    let world = weeks("busy01", 2, 1.0);
    let links = |day: Date| {
        let page = world.get(&format!("/ui/s/busy01/{day}"));
        let has = |other: Date| {
            page.text().contains(&format!(
                "href=\"/ui/s/busy01/{other}\" title=\"The same weekday one week"
            ))
        };
        (
            has(day.saturating_sub(jiff::Span::new().days(7))),
            has(day.saturating_add(jiff::Span::new().days(7))),
        )
    };
    assert_eq!(links(LAST), (true, false));
    assert_eq!(links(before(7)), (true, true));
    assert_eq!(links(before(14)), (false, true));
}
