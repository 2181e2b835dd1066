//! Whole pages: their languages, their size, their structure.

use std::io::Write as _;

use crate::fleet::{before, fleet};
use crate::world::{ANALYZED, LAST, Log, World};

fn gzipped(text: &[u8]) -> usize {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(text).unwrap();
    gzip.finish().unwrap().len()
}

fn pages(world: &World) -> Vec<String> {
    let mut pages = vec![
        "/ui/".to_owned(),
        "/ui/?only=troubled&days=7".to_owned(),
        "/ui/?q=zzz".to_owned(),
        "/ui/s/off01".to_owned(),
        "/ui/s/off01?view=week".to_owned(),
        "/ui/alerts".to_owned(),
        "/ui/compare".to_owned(),
        format!("/ui/compare?date={LAST}&s=good01&s=bad01&s=nobody"),
        "/ui/s/nobody".to_owned(),
        "/ui/?to=x".to_owned(),
    ];
    for server in
        ["good01", "bad01", "broken01", "off01", "ran01", "silent01", "refused01", "clock01"]
    {
        pages.extend((0..16).map(|ago| format!("/ui/s/{server}/{}", before(ago))));
    }
    pages.retain(|uri| !world.get(uri).body.is_empty());
    pages
}

/// The texts of a page that are not marked as being in another language.
fn texts(html: &str) -> String {
    let mut texts = String::new();
    let mut foreign: Option<&str> = None;
    for part in html.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or((part, ""));
        let name = tag.split([' ', '\n']).next().unwrap();
        match foreign {
            Some(open) if tag.strip_prefix('/') == Some(open) => foreign = None,
            None if tag.contains(" lang=") && name != "html" => foreign = Some(name),
            _ => {}
        }
        if foreign.is_none() && name != "bdi" {
            texts.push_str(text);
            texts.push('\n');
        }
        for name in ["title=\"", "aria-label=\"", "alt=\"", "placeholder=\""] {
            if let Some(value) = tag.split(name).nth(1) {
                texts.push_str(value.split('"').next().unwrap());
                texts.push('\n');
            }
        }
    }
    texts
}

fn japanese(c: char) -> bool {
    ('\u{3040}'..='\u{30ff}').contains(&c) || ('\u{4e00}'..='\u{9fff}').contains(&c)
}

/// Three lower-case words in a row: English text.
fn english(line: &str) -> bool {
    let word = |word: &&str| word.len() > 1 && word.bytes().all(|b| b.is_ascii_lowercase());
    let words: Vec<_> = line.split(' ').collect();
    words.windows(3).any(|three| three.iter().all(word))
}

#[test]
fn no_page_mixes_languages() {
    let world = crate::alerts::with(fleet(3, 31), crate::alerts::board());
    let pages = pages(&world);
    assert!(pages.len() > 100);
    for uri in pages {
        let (en, ja) = (world.get(&uri), world.get_ja(&uri));
        assert!(
            en.text().contains("<html lang=\"en\">") && ja.text().contains("<html lang=\"ja\">")
        );
        // The machine's note is part of the chart's description, in its own language.
        let text = texts(en.text()).replace("本番 DB 主系", "");
        let mixed: Vec<_> = text.lines().filter(|line| line.contains(japanese)).collect();
        assert!(mixed.is_empty(), "{uri}: {mixed:?}");
        let text = texts(ja.text());
        let mixed: Vec<_> = text.lines().filter(|line| english(line)).collect();
        assert!(mixed.is_empty(), "{uri}: {mixed:?}");
    }
}

#[test]
fn a_day_with_its_scripts_stays_below_150_kb() {
    let world = fleet(0, 3);
    let page = world.get(&format!("/ui/s/good01/{LAST}"));
    let mut all = gzipped(&page.body);
    for part in page.text().split('"').filter(|part| {
        part.starts_with("/ui/assets/")
            || part.contains("chart.svg?")
            || part.contains("values.json?")
    }) {
        let answer = world.get(&part.replace("&#38;", "&"));
        assert!(answer.status.is_success(), "{part}");
        all += gzipped(&answer.body);
    }
    assert!(page.text().contains("1440 samples"));
    assert!((20_000..150_000).contains(&all), "{all}");
}

#[test]
fn every_page_is_built_of_whole_elements() {
    let world = fleet(2, 31);
    for uri in pages(&world) {
        let answer = world.get(&uri);
        let html = answer.text();
        for name in [
            "main", "section", "table", "form", "ul", "nav", "div", "figure", "details", "h1",
            "label",
        ] {
            let opened = html.matches(&format!("<{name}>")).count()
                + html.matches(&format!("<{name} ")).count();
            assert_eq!(opened, html.matches(&format!("</{name}>")).count(), "{uri}: {name}");
        }
        assert_eq!(html.matches("<h1").count(), 1, "{uri}");
        let mut ids: Vec<_> =
            html.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|two| two[0] != two[1]), "{uri}: {ids:?}");
        assert!(
            html.matches("<th").count()
                == html.matches("<th scope").count() + html.matches("<thead").count(),
            "{uri}"
        );
    }
}

#[test]
fn servers_are_compared_over_the_same_hours() {
    let world = fleet(0, 2);
    let uri = format!("/ui/compare?date={LAST}&s=good01&s=bad01&s=good01&from=08:00&till=12:00");
    let answer = world.get(&uri);
    let html = answer.text();
    assert_eq!(html.matches("<figure").count(), 2, "a server stands there once");
    assert_eq!(html.matches("chart.svg?from=08:00&#38;till=12:00").count(), 2);
    // The scale of the load is one for all, and the zones are said.
    let load = |server: &str| {
        let link = format!("/ui/s/{server}/{LAST}/chart.svg?from=08:00&#38;till=12:00");
        let rest = html.split_once(&link).unwrap().1;
        rest.split('"').next().unwrap().rsplit_once("&#38;load=").unwrap().1.to_owned()
    };
    assert_eq!(load("good01"), load("bad01"));
    assert!(!html.contains("different time zones"));
    // Without a day it is yesterday, the last one that can be there.
    assert!(world.get("/ui/compare?s=good01").text().contains("class=\"date\">2026-11-23</span>"));
    // A server that does not exist is not one that is silent.
    let unknown = world.get(&format!("/ui/compare?date={LAST}&s=good01&s=nobody"));
    assert_eq!(unknown.status.as_u16(), 404);
    for part in ["No server named nobody", "name=\"s\" value=\"nobody\"", "<a href=\"/ui/s/good01/"]
    {
        assert!(unknown.text().contains(part), "{part}");
    }
    assert_eq!(unknown.text().matches("<section class=\"one\"").count(), 1);
}

#[test]
fn at_most_eight_servers_are_compared_and_other_zones_are_said() {
    let world = World::new();
    let zones = ["Asia/Tokyo", "Asia/Seoul", "America/New_York"];
    for number in 0..10 {
        let server = format!("web0{number}");
        let head = format!("# log2aws/1 server={server} cores=8 tz={}\n", zones[number % 3]);
        let log = Log { head, ..Log::new(&server, LAST) };
        world.deliver(&server, LAST, log.text(|_| false, None).as_bytes());
    }
    world.refresh();
    let of = |numbers: &[u8]| {
        let servers: Vec<_> = numbers.iter().map(|n| format!("&s=web0{n}")).collect();
        let servers = servers.concat();
        world.get(&format!("/ui/compare?date={LAST}{servers}"))
    };
    let all = of(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(all.text().matches("<section class=\"one\"").count(), 8);
    assert!(all.text().contains("These servers are in different time zones"));
    assert!(all.text().contains("Time zone America/New_York"));
    assert!(!of(&[0, 1]).text().contains("different time zones"), "the clocks agree");
}

#[test]
fn an_empty_fleet_is_not_mistaken_for_one_that_is_still_being_read() {
    let world = World::new();
    assert!(world.get("/ui/").text().contains("still being scanned"));
    assert!(world.get("/ui/").text().contains("data-loading"));
    // Until then there may be a day, and also a server.
    let day = world.get("/ui/s/web01/2026-11-23");
    assert!(
        day.status.is_success() && day.text().contains("The scan of the store is not finished")
    );
    let server = world.get("/ui/s/web01?view=week");
    assert_eq!(server.text().matches("not scanned yet</td>").count(), 7);
    world.refresh();
    let done = world.get("/ui/");
    assert!(done.text().contains("No server has delivered a log yet."));
    assert!(!done.text().contains("data-loading"));
}

#[test]
fn a_reopened_day_says_who_reopened_it_when_and_why_also_after_it_was_delivered() {
    let world = fleet(0, 31);
    let day = before(20);
    let uri = format!("/ui/s/good01/{day}");
    assert!(!world.get(&uri).text().contains("reopened"));
    let summary = world.result(&format!("good01/{day}.json"));
    let summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
    let record = |version: &str, why: &str, earlier: serde_json::Value| {
        let record = serde_json::json!({"format": 1, "version": version, "why": why, "by": "kato",
            "at": "2026-11-20T08:00:00Z", "earlier": earlier});
        let key = format!(".log2aws/reopen/good01/{day}.json");
        world.put(ANALYZED, &key, record.to_string().as_bytes());
    };
    let says = |parts: [&str; 2]| {
        for (answer, part) in [world.get(&uri), world.get_ja(&uri)].iter().zip(parts) {
            let text = answer.text();
            assert!(text.contains(part) && text.contains("kato"), "{part}: {text}");
            assert!(text.contains("2026-11-20T08:00:00Z") && text.contains("&#60;clock&#62;"));
        }
    };
    record(summary["raw"]["version"].as_str().unwrap(), "the <clock>", serde_json::json!([]));
    says(["reopened this day for one more delivery (kato", "1 回だけ受け付けます"]);
    let earlier = serde_json::json!([{"format": 1, "version": "v0", "why": "a <clock> before",
        "by": "sato", "at": "2026-11-19T08:00:00Z"}]);
    record("v1", "the disk", earlier);
    says(["which has arrived", "その配送が届きました"]);
    assert!(
        world.get(&uri).text().contains("2026-11-19T08:00:00Z · sato · a &#60;clock&#62; before")
    );
    // The day stays readable if the record is not.
    world.put(ANALYZED, &format!(".log2aws/reopen/good01/{day}.json"), b"{");
    let damaged = world.get(&uri);
    assert!(damaged.text().contains("the reopening of this day cannot be read"));
    assert!(damaged.text().contains("<figure class=\"chart day\""));
}

#[test]
fn a_retired_server_is_shown_with_who_retired_it_when_and_why() {
    let world = fleet(0, 31);
    let retire = |records: &str| {
        world.put(ANALYZED, ".log2aws/retired.json", records.as_bytes());
        world.refresh();
    };
    let record = |server: &str, from: jiff::civil::Date| {
        serde_json::json!({"server": server, "from": from.to_string(), "why": "sold <to> ACME", "by": "kato",
            "at": "2026-11-20T08:00:00.123456789Z"})
    };
    let records = [record("good01", before(0)), record("silent01", before(2))];
    retire(&serde_json::json!({"format": 1, "records": records}).to_string());
    let says = |uri: &str, parts: [&str; 2]| {
        for (answer, part) in [world.get(uri), world.get_ja(uri)].iter().zip(parts) {
            let text = answer.text();
            assert!(text.contains(part), "{uri}: {part}: {text}");
            assert!(text.contains("sold &#60;to&#62; ACME") && text.contains("kato"), "{text}");
        }
    };
    let (first, day) = (before(2), before(1));
    let calendar =
        format!("title=\"silent01 · retired since {first}: sold &#60;to&#62; ACME (by kato)\"");
    says("/ui/", [&calendar, &format!("{first} から運用終了：sold")]);
    says("/ui/?q=silent01", [&calendar, "から運用終了"]);
    let cell = format!("href=s/silent01/{day} class=e title=\"retired since {first}\">■<i>");
    assert!(world.get("/ui/").text().contains(&cell), "{cell}");
    let from = format!("from {first} on no log is expected (kato, 2026-11-20T08:00:00Z)");
    says("/ui/s/silent01", [&from, "以降のログは届かない予定です"]);
    says(&format!("/ui/s/silent01/{day}"), [&from, "この日のログは届かない予定です"]);
    // A log that arrives all the same is shown, and said to be unexpected.
    let arrived = before(0);
    let unexpected = format!("but a log of {arrived} arrived");
    says(&format!("/ui/s/good01/{arrived}"), [&unexpected, "のログが届きました"]);
    says("/ui/s/good01", [&unexpected, "のログが届きました"]);
    let earlier = world.get(&format!("/ui/s/good01/{day}"));
    assert!(!earlier.text().contains("retired") && !earlier.text().contains("kato"));
    assert!(
        world
            .get(&format!("/ui/s/good01/{arrived}"))
            .text()
            .contains("<figure class=\"chart day\"")
    );
    // Damaged records are a problem that names them, and everybody is expected.
    retire("{");
    let damaged = world.get("/ui/");
    assert!(damaged.text().contains(".log2aws/retired.json: it is damaged"), "{}", damaged.text());
    assert!(damaged.text().contains("silent since") && !damaged.text().contains("class=e"));
    assert!(world.get_ja("/ui/").text().contains("運用終了の記録を読めません"));
}

/// The clock says the morning of the day after the last one.
#[test]
fn the_calendar_says_who_is_missing_and_finds_notes() {
    let world = fleet(3, 31);
    let calendar = world.get("/ui/");
    assert!(calendar.text().contains("2026-11-23: "), "{}", calendar.text());
    let missing = world.get(&format!("/ui/?only=missing&day={LAST}"));
    for name in ["berlin01", "silent01", "refused01"] {
        assert!(missing.text().contains(&format!("href=s/{name}")), "{name}");
    }
    assert!(!missing.text().contains("href=s/good01"));
    assert!(missing.text().contains("silent since 2026-11-10"));
    // A dead server is at fault before noon too, and on a page of that day alone.
    let troubled = world.get(&format!("/ui/?days=1&to={LAST}&only=troubled"));
    for name in ["berlin01", "silent01"] {
        assert!(troubled.text().contains(&format!("href=s/{name}")), "{name}");
    }
    // Notes are on the calendar and on the month page, and the search finds them.
    let found = world.get("/ui/?q=%E6%9C%AC%E7%95%AA");
    assert!(
        found.text().contains("<bdi>本番 DB 主系</bdi>")
            && found.text().contains("matching the search: 1")
    );
    let month = world.get("/ui/s/good01");
    assert!(month.text().contains("<bdi>本番 DB 主系</bdi>"));
    assert!(world.get("/ui/s/good01/period.svg").text().contains("本番 DB 主系"));
    // Servers are chosen by a form.
    assert!(found.text().contains(
        "<input type=checkbox name=s form=compare value=good01 aria-label=\"Compare good01\">"
    ));
    assert!(found.text().contains("<form action=\"/ui/compare\" id=\"compare\">"));
}

#[test]
fn what_is_not_due_is_not_counted_as_undelivered_and_many_reboots_are_a_problem() {
    let world = fleet(0, 31);
    let month = |server: &str| world.get(&format!("/ui/s/{server}")).text().to_owned();
    assert!(month("leak01").contains("30 of 30 days delivered · 1 not due yet"));
    let restarts = month("restarts01");
    assert!(
        restarts.contains("8 reboots in this period; three or more count as a problem."),
        "{restarts}"
    );
    assert!(!month("leak01").contains("count as a problem"));
    let troubled = world.get("/ui/?only=troubled&q=restarts");
    assert!(troubled.text().contains("<span>restarts01</span><em>8 reboots</em>"));
    let ja = world.get_ja("/ui/?only=troubled&q=restarts");
    assert!(ja.text().contains("<em>再起動 8 回</em>"));
}
