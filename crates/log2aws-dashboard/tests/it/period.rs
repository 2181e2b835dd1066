//! A week and a month of one server: what is read, what is drawn, what is exported.

use http::Request;
use jiff::civil::date;

use crate::fleet::{before, fleet};
use crate::world::{ANALYZED, Answer, LAST, Log, World};

const WEEK: &str = "/ui/s/ran01/period.svg?view=week&to=2026-11-23";

fn known(world: &World, uri: &str, tag: &str) -> Answer {
    world.ask(&Request::get(uri).header("if-none-match", tag).body(()).unwrap())
}

fn break_reads(world: &World, ends: &[&'static str]) {
    *world.flaky.broken.lock().unwrap() = ends.to_vec();
}

/// How often a class is drawn.
fn drawn(svg: &str, class: &str) -> usize {
    svg.matches(&format!("<path class=\"{class}\"")).count()
}

#[test]
fn a_week_shows_its_samples_and_why_days_are_empty() {
    let world = fleet(0, 31);
    let answer = world.get(WEEK);
    let svg = answer.text();
    assert_eq!(answer.header("content-type"), "image/svg+xml");
    assert!(svg.contains("2026-11-17 – 2026-11-23 · 6 of 7 days · 8 cores · 864 of 864 samples"));
    // One of three days that are lost is in this week; the other panels have it too.
    assert_eq!((drawn(svg, "ran"), drawn(svg, "gap")), (6, 0), "{svg}");
    assert!(svg.contains(">missing although it ran</text>"));
    let page = world.get("/ui/s/ran01?view=week");
    let size = page.text().split_once("period.svg").unwrap().1;
    let height = svg.split_once("height=\"").unwrap().1.split_once('"').unwrap().0;
    assert!(size.contains(&format!("height=\"{height}\"")), "the page knows the size undrawn");
    let silent = world.get("/ui/s/silent01/period.svg?view=week&to=2026-11-14");
    assert_eq!(drawn(silent.text(), "sil"), 6);
    let off = world.get_ja("/ui/s/off01/period.svg?view=week&to=2026-11-15");
    assert!(off.text().contains(">停止</text>") && drawn(off.text(), "gap") == 6);
    // A sampler of one minute has no more points than one of ten, and its values are as many.
    let values = world.get("/ui/s/good01/period.json?view=week&to=2026-11-23");
    let values: serde_json::Value = serde_json::from_slice(&values.body).unwrap();
    assert_eq!(values["seconds"].as_array().unwrap().len(), 1_008);
    assert_eq!(values["panels"].as_array().unwrap().len(), 6);
    // A day of which rows and summary are damaged is drawn as far as it is there.
    for day in ["2026-11-23", "2026-11-20"] {
        let damaged = world.get(&format!("/ui/s/broken01/period.svg?view=week&to={day}"));
        assert!(damaged.status.is_success(), "{day}");
    }
}

#[test]
fn an_unchanged_week_is_neither_read_nor_drawn() {
    let world = fleet(0, 31);
    let first = world.get(WEEK);
    let tag = first.header("etag").to_owned();
    assert!(!tag.is_empty() && first.header("cache-control") == "private, no-cache");
    break_reads(&world, &[".csv", ".json"]);
    assert_eq!(known(&world, WEEK, &tag).status.as_u16(), 304);
    assert_eq!(known(&world, WEEK, "\"other\"").status.as_u16(), 502);
    // The page itself reads nothing either.
    assert!(world.get("/ui/s/ran01?view=week").status.is_success());
    // A store that fails for one day leaves the others; the browser asks again.
    break_reads(&world, &["2026-11-22.csv"]);
    let partly = world.get(WEEK);
    assert!(partly.text().contains(">could not be read now</text>"));
    assert_eq!((partly.header("cache-control"), partly.header("etag")), ("no-store", ""));
    // A new delivery changes the version; another language and other values have their own.
    break_reads(&world, &[]);
    let tags = |world: &World| {
        let values = WEEK.replace(".svg", ".json");
        [world.get(WEEK), world.get_ja(WEEK), world.get(&values)]
            .map(|answer| answer.header("etag").to_owned())
    };
    let before_it = tags(&world);
    assert_eq!(before_it[0], tag);
    let log = Log { every: 10, work: 2.0, ..Log::new("ran01", LAST) };
    world.deliver("ran01", LAST, log.text(|_| false, None).as_bytes());
    world.refresh();
    let mut all = [before_it, tags(&world)].concat();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 6, "{all:?}");
    let month = "/ui/s/ran01/period.svg?to=2026-11-23";
    let tag = world.get(month).header("etag").to_owned();
    assert_eq!(known(&world, month, &tag).status.as_u16(), 304);
}

#[test]
fn a_week_of_dense_samples_and_of_other_zones_is_drawn_in_bounded_size() {
    let world = World::new();
    for ago in 0..7 {
        let zone = if ago > 3 { "Asia/Tokyo" } else { "Australia/Lord_Howe" };
        let head = format!("# log2aws/1 server=dense01 cores=8 tz={zone} mode=interval\n");
        let log = Log { every: 1, head, ..Log::new("dense01", before(ago)) };
        let mut text = log.text(|_| false, None);
        if ago == 2 {
            // One sample a second, and a peak that lasts for one of them.
            let line = |second: u32| {
                let load = if second == 50_000 { 77.5 } else { 0.25 };
                let time =
                    before(ago).at(0, 0, 0, 0) + jiff::SignedDuration::from_secs(i64::from(second));
                format!(
                    "{} {} up 9 days, {:02}:{:02}, 1 user, load average: {load:.2}, 0.10, 0.10 \
                     1 0 0 100 0 0 0 0 0 0 1 1 1 1 98 0 0\n",
                    time.date(),
                    time.time(),
                    second / 3_600,
                    second / 60 % 60
                )
            };
            text = log.head.clone() + &(0..86_400).map(line).collect::<String>();
        }
        world.deliver("dense01", before(ago), text.as_bytes());
    }
    world.refresh();
    let svg = world.get("/ui/s/dense01/period.svg?view=week&to=2026-11-23");
    assert!(svg.text().contains("peak 77.50, 2026-11-21 (Sat) 13:53"), "{}", svg.text());
    assert!(svg.text().contains("Asia/Tokyo, from 2026-11-20 Australia/Lord_Howe"));
    assert!(svg.body.len() < 220_000, "{}", svg.body.len());
    let values = world.get("/ui/s/dense01/period.json?view=week&to=2026-11-23");
    assert!(values.body.len() < 200_000, "{}", values.body.len());
}

#[test]
fn a_page_links_to_other_periods_yesterday_and_a_download() {
    let world = fleet(0, 31);
    let page = world.get("/ui/s/good01?view=week&to=2026-11-10");
    for part in [
        "href=\"/ui/s/good01?view=week&#38;to=2026-11-03\"",
        "href=\"/ui/s/good01?view=week&#38;to=2026-11-17\"",
        "href=\"/ui/s/good01?view=week\">Newest</a>",
        "href=\"/ui/s/good01/2026-11-23\">Yesterday</a>",
        "href=\"/ui/s/good01?to=2026-11-10\">Month</a>",
        "data-open=\"/ui/s/good01/\"",
        "href=\"/ui/s/good01/period.csv?view=week&#38;to=2026-11-10\" download>Download as CSV</a>",
    ] {
        assert!(page.text().contains(part), "{part}");
    }
    assert!(!world.get("/ui/s/good01").text().contains(">Newest</a>"));
}

fn rows(csv: &str) -> Vec<Vec<&str>> {
    csv.lines().map(|line| line.split(',').collect()).collect()
}

#[test]
fn a_month_and_the_calendar_are_downloaded_with_one_set_of_columns() {
    let world = fleet(210, 2);
    let month = world.get("/ui/s/ran01/period.csv?to=2026-11-23");
    assert_eq!(month.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(
        month.header("content-disposition"),
        "attachment; filename=\"ran01-2026-10-24-2026-11-23.csv\""
    );
    let lines = rows(month.text());
    let column = |name: &str| lines[0].iter().position(|head| *head == name).unwrap();
    assert_eq!((lines.len(), lines[0].len()), (32, 21));
    assert!(lines.iter().all(|line| line.len() == 21), "{lines:?}");
    let of = |day: &str, name: &str| {
        lines.iter().find(|line| line[1] == day).unwrap()[column(name)].to_owned()
    };
    assert_eq!(of("2026-11-23", "completeness-percent"), "100");
    assert_eq!(
        (of("2026-11-23", "cause").as_str(), of("2026-11-23", "samples").as_str()),
        ("", "144")
    );
    assert_eq!(of("2026-11-17", "cause"), "missing-although-running");
    assert_eq!(of("2026-11-17", "load-p95"), "");
    assert!(of("2026-11-23", "load-p95").parse::<f32>().unwrap() > 0.0);
    assert_eq!(of("2026-11-23", "cores"), "8");
    // The calendar has every server that matches, not only those of its first page.
    let calendar = world.get("/ui/calendar.csv?days=2&sort=name");
    assert_eq!(
        calendar.header("content-disposition"),
        "attachment; filename=\"log2aws-2026-11-23-2026-11-24.csv\""
    );
    let all = rows(calendar.text());
    assert_eq!(all[0], lines[0]);
    assert!(all.iter().all(|line| line.len() == 21));
    let servers: std::collections::BTreeSet<_> = all[1..].iter().map(|line| line[0]).collect();
    assert!(servers.len() > 215 && all.len() == 1 + 2 * servers.len(), "{}", servers.len());
    let found = rows(world.get("/ui/calendar.csv?q=ran0*&to=2026-11-23").text()).len();
    assert_eq!(found, 1 + 31);
    assert_eq!(world.get("/ui/calendar.csv?to=someday").status.as_u16(), 400);
    assert!(world.get("/ui/?days=2").text().contains("href=\"/ui/calendar.csv?days=2\" download"));
}

/// A summary as the program before this one wrote it: without the fields that came since.
#[test]
fn a_summary_of_the_version_before_is_shown_in_calendar_month_and_week() {
    let world = fleet(0, 2);
    let key = format!("good01/{LAST}.json");
    let mut summary: serde_json::Value = serde_json::from_slice(&world.result(&key)).unwrap();
    assert_eq!(summary["format"], 2);
    summary["format"] = 1.into();
    let log = summary["log"].as_object_mut().unwrap();
    for name in [
        "interval_from",
        "interval_shown_seconds",
        "taken",
        "not_yet",
        "unreadable",
        "missing_by_cause",
        "sampled_twice",
        "surplus",
        "impossible",
        "guest_max",
        "peak",
        "modes",
        "remarks",
        "first_uptime_seconds",
        "last_uptime_seconds",
    ] {
        log.remove(name);
    }
    for name in ["versions", "versions_more", "results", "refused"] {
        summary.as_object_mut().unwrap().remove(name);
    }
    world.put(ANALYZED, &key, summary.to_string().as_bytes());
    world.refresh();
    let calendar = world.get("/ui/?lens=complete&q=good01&days=1&to=2026-11-23");
    assert!(calendar.text().contains("href=s/good01/2026-11-23 class=c"), "{}", calendar.text());
    let month = world.get("/ui/s/good01?to=2026-11-23");
    assert!(month.text().contains(">1440/1440<"));
    let week = world.get("/ui/s/good01/period.svg?view=week&to=2026-11-23");
    assert!(week.text().contains("7 of 7 days · 8 cores · "));
    assert!(world.get(&format!("/ui/s/good01/{LAST}")).text().contains("Complete: 1440"));
}

#[test]
fn dates_are_those_of_the_servers() {
    let world = World::new();
    let day = date(2026, 11, 22);
    for (server, zone) in [
        ("tokyo01", "Asia/Tokyo"),
        ("berlin01", "Europe/Berlin"),
        ("newyork01", "America/New_York"),
        ("samoa01", "Pacific/Apia"),
    ] {
        let head = format!("# log2aws/1 server={server} cores=8 tz={zone} mode=interval\n");
        let log = Log { every: 10, head, ..Log::new(server, day) };
        world.deliver(server, day, log.text(|_| false, None).as_bytes());
    }
    world.refresh();
    // At 02:00 UTC it is before noon in the west, whose log is not due yet, and noon in the east.
    let of = |server: &str| {
        let csv = world.get(&format!("/ui/s/{server}/period.csv?to=2026-11-23"));
        csv.text().lines().last().unwrap().split(',').nth(3).unwrap().to_owned()
    };
    let due = ["tokyo01", "berlin01", "newyork01", "samoa01"].map(of);
    assert_eq!(due, ["not-due", "not-due", "not-due", "silent"]);
    let calendar = rows(world.get("/ui/calendar.csv?days=1&to=2026-11-23&sort=name").text())
        .iter()
        .map(|line| line[3].to_owned())
        .collect::<Vec<_>>();
    assert_eq!(calendar, ["cause", "not-due", "not-due", "silent", "not-due"]);
    for server in ["tokyo01", "berlin01", "newyork01", "samoa01"] {
        let calendar = world.get("/ui/?lens=complete&days=1&to=2026-11-22");
        assert!(calendar.text().contains(&format!("href=s/{server}/2026-11-22 class=c")));
        let week = world.get(&format!("/ui/s/{server}/period.json?view=week&to=2026-11-23"));
        let week: serde_json::Value = serde_json::from_slice(&week.body).unwrap();
        let (first, last) = (&week["times"][0], &week["times"][143]);
        assert_eq!(
            (first, last),
            (&"2026-11-22 (Sun) 00:00".into(), &"2026-11-22 (Sun) 23:50".into()),
            "{server}"
        );
    }
}
