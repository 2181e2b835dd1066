//! Damaged, late, missing or odd data: the page says so, and shows the rest.

use std::io::Write as _;

use http::StatusCode;

use crate::fleet::{before, fleet};
use crate::world::{LAST, Log, World};

/// The page of a day, with texts that it must and must not contain.
fn says(world: &World, uri: &str, parts: &[&str], not: &[&str]) {
    let answer = world.get(uri);
    assert_eq!(answer.status, StatusCode::OK, "{uri}");
    for part in parts {
        assert!(answer.text().contains(part), "{uri} does not say {part:?}");
    }
    for part in not {
        assert!(!answer.text().contains(part), "{uri} says {part:?}");
    }
}

const CHART: &str = "<figure class=\"chart day\"";
const FIGURES: &str = "Figures of the whole day";

#[test]
fn each_damage_is_named_and_the_rest_is_shown() {
    let world = fleet(0, 31);
    let day = |ago: i64| format!("/ui/s/broken01/{}", before(ago));
    says(
        &world,
        &day(0),
        &["it is incomplete, or being replaced", "of the 144 rows", CHART, FIGURES],
        &[],
    );
    says(
        &world,
        &day(1),
        &["The CSV was removed", FIGURES, "Summary (JSON)"],
        &[CHART, "Rows (CSV)"],
    );
    let worked_out = "calculated from the CSV";
    says(&world, &day(2), &["incomplete or damaged", worked_out, CHART, FIGURES], &[]);
    says(&world, &day(3), &["lacks these columns", "cpu-us", "cpu-user", CHART], &[]);
    says(
        &world,
        &day(4),
        &["There is no summary", worked_out, CHART, "144 samples, one every"],
        &[],
    );
    says(&world, &day(6), &["written by a newer program, in format 99", worked_out, CHART], &[]);
    says(&world, &day(7), &["no header", "NaN", "cell counts as empty", CHART], &[]);
}

/// The reason is the last of thousands of lines, of which the page shows the first ones.
#[test]
fn a_log_that_was_not_read_to_its_end_says_so_before_anything_else() {
    let world = World::new();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all("nonsense\n".repeat(300_000).as_bytes()).unwrap();
    world.deliver("web01", LAST, &gzip.finish().unwrap());
    world.refresh();
    let uri = format!("/ui/s/web01/{LAST}");
    for (answer, said, why) in [
        (
            world.get(&uri),
            "The log was not read to the end: reading stopped at line ",
            "the gzip data expand more than 100 times",
        ),
        (
            world.get_ja(&uri),
            "ログを最後まで読めませんでした。",
            "gzip データを展開すると 100 倍を超えます",
        ),
    ] {
        let (before, after) = answer.text().split_once(said).unwrap();
        assert_eq!(before.matches("<li class=\"said").count(), 1, "{before}");
        let reason = after.split("</li>").next().unwrap();
        assert!(reason.contains(why), "{reason}");
    }
}

#[test]
fn a_single_missing_sample_is_said_in_right_english() {
    let world = World::new();
    let log = Log::new("web01", LAST);
    world.deliver("web01", LAST, log.text(|minute| minute == 600, None).as_bytes());
    world.refresh();
    says(&world, &format!("/ui/s/web01/{LAST}"), &["143 of 144 samples, 1 missing;"], &["1 are"]);
}

#[test]
fn a_day_without_anything_has_its_reason_and_its_neighbours() {
    let world = fleet(0, 31);
    let gone = world.get(&format!("/ui/s/broken01/{}", before(5)));
    let links = [before(6), before(4)].map(|day| format!("href=\"/ui/s/broken01/{day}\""));
    assert_eq!(gone.status, StatusCode::OK);
    assert!(gone.text().contains("No results for this day."));
    assert!(links.iter().all(|link| gone.text().contains(link)));
    assert!(gone.text().contains("Log as received"), "the log itself is still there");
    says(&world, &format!("/ui/s/off01/{}", before(11)), &["Off: the next sample"], &[CHART]);
    says(&world, &format!("/ui/s/ran01/{}", before(7)), &["uptime kept growing"], &[CHART]);
    says(&world, &format!("/ui/s/silent01/{}", before(6)), &["No log has arrived since"], &[CHART]);
    says(&world, &format!("/ui/s/ran01/{}", before(-1)), &["not due yet"], &[CHART]);
    says(
        &world,
        "/ui/s/ran01/2020-01-01",
        &["This server had not delivered any log before"],
        &[CHART],
    );
}

#[test]
fn gaps_reboots_rejects_and_odd_rows_are_told() {
    let world = fleet(0, 31);
    let uri = format!("/ui/s/bad01/{LAST}");
    says(
        &world,
        &uri,
        &[
            "115 of 144 samples, 25 missing; interval 10 min.",
            "Off 02:50–04:10 (7 missing).",
            "Starting up 04:10–04:20 (1 missing).",
            "No samples 11:30–12:50 although the machine ran (7 missing).",
            "4 lines could not be read, 21:40–22:20.",
            "No samples 22:20–24:00 (10 missing), cause unknown.",
            "Booted at 04:10; first sample at 04:20.",
            "1 row belongs to another day",
            "not text; shown byte by byte",
            "cut after 1024 bytes",
        ],
        // Their time has been told above.
        &["they are listed below"],
    );
    let japanese = ["欠落", "UTF-8 のテキストではありません（"];
    says(&world, &format!("{uri}?lang=ja"), &japanese, &["the line is not UTF-8"]);
    let many = format!("/ui/s/bad01/{}", before(2));
    says(&world, &many, &["250 lines could not be read", "The first 200 of 250"], &[]);
    let old = format!("/ui/s/bad01/{}", before(1));
    says(&world, &old, &["averages since boot", "Time zone unknown"], &[]);
    says(&world, &format!("/ui/s/clock01/{LAST}"), &["The clock went back 1 time", CHART], &[]);
    says(
        &world,
        "/ui/s/berlin01/2026-10-25",
        &["it has 25 hours", "150 samples, one every"],
        &["was started"],
    );
    says(&world, "/ui/s/berlin01/2026-03-29", &["it has 23 hours", "138 samples, one every"], &[]);
    says(
        &world,
        &format!("/ui/s/refused01/{LAST}"),
        &["The newest delivery was refused"],
        &[CHART],
    );
}

#[test]
fn a_day_that_was_replaced_and_a_put_that_was_refused_are_told() {
    let world = World::new();
    let log = Log::new("web01", LAST).text(|_| false, None);
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    let page = format!("/ui/s/web01/{LAST}");
    world.deliver("web01", LAST, lines[..20].concat().as_bytes());
    world.deliver("web01", LAST, log.as_bytes());
    says(&world, &page, &["Sent from", "continues the previous one"], &["was replaced", "refused"]);
    world.deliver("web01", LAST, lines[1..].concat().as_bytes());
    world.deliver_refused("web01", LAST, b"no\n");
    let told = [
        "This day was replaced: its newest version differs from the previous one",
        "different content",
        "1 upload for this day was refused and changed nothing",
        "the address is not on the allow-list",
        CHART,
    ];
    says(&world, &page, &told, &["has no results"]);
    let told = [
        "この日のログは置き換えられました",
        "受け付けませんでした",
        "前の版の続き",
        "からの送信：このアドレスは許可リストにありません",
    ];
    says(&world, &format!("{page}?lang=ja"), &told, &[]);
}

#[test]
fn a_day_whose_only_put_was_refused_says_so_in_the_calendar_and_on_its_page() {
    let world = World::new();
    world.deliver_refused("web01", LAST, b"no\n");
    world.refresh();
    says(&world, "/ui/", &[" class=f ", "<i>refused</i>"], &[" class=s ", " class=x "]);
    let page = format!("/ui/s/web01/{LAST}");
    let told = [
        "from an address that is not on the allow-list was refused",
        "1 upload for this day was refused",
    ];
    says(&world, &page, &told, &[]);
}

#[test]
fn rejects_that_are_gone_are_still_counted() {
    let world = World::new();
    let text = Log::new("web01", LAST).text(|_| false, None) + "rubbish\n";
    world.deliver("web01", LAST, text.as_bytes());
    world.remove(&format!("web01/{LAST}.rejects.jsonl"));
    world.refresh();
    let uri = format!("/ui/s/web01/{LAST}");
    says(
        &world,
        &uri,
        &["The file with these lines is missing; lines according to the summary: 1."],
        &["Unreadable lines (JSONL)"],
    );
}

#[test]
fn an_empty_log_has_a_page() {
    let world = World::new();
    world.deliver("web01", LAST, b"");
    world.refresh();
    says(&world, &format!("/ui/s/web01/{LAST}"), &["contains no samples of this day"], &[FIGURES]);
}

#[test]
fn each_bad_address_is_answered_in_the_same_dress() {
    let world = fleet(0, 31);
    for (uri, status, part) in [
        ("/ui/s/nobody", 404, "No server named nobody"),
        ("/ui/s/nobody/2026-11-23", 404, "No server named nobody"),
        ("/ui/nothing/here", 404, "This page does not exist"),
        ("/ui/s/a%20b", 400, "a b is not a server name"),
        ("/ui/s/good01/2026-02-30", 400, "2026-02-30 is not a date"),
        ("/ui/s/good01?view=year", 400, "year is neither week nor month"),
        (
            "/ui/s/good01/2026-11-23?from=12:00&till=11:00",
            400,
            "The end (11:00) must be after the start (12:00).",
        ),
        ("/ui/?q=%ff", 400, "not valid UTF-8"),
    ] {
        let answer = world.get(uri);
        assert_eq!(answer.status.as_u16(), status, "{uri}");
        assert!(answer.text().contains(part), "{uri}: {part}");
        assert!(answer.text().contains("Back to the calendar"), "{uri}");
        assert_eq!(world.get_ja(uri).status.as_u16(), status, "{uri}");
        assert!(world.get_ja(uri).text().contains("カレンダーへ戻る"), "{uri}");
    }
}

#[test]
fn a_field_that_cannot_be_used_is_named_and_the_others_are_kept() {
    let world = fleet(0, 31);
    for (uri, parts) in [
        (
            "/ui/?to=2026-02-30&q=good&days=14",
            [
                "2026-02-30 is not a date. Write YYYY-MM-DD, MM-DD, yesterday or -7d.",
                "name=\"q\" value=\"good\"",
                "name=\"days\" value=\"14\"",
                "name=\"to\" value=\"2026-02-30\"",
            ],
        ),
        (
            "/ui/?days=500&to=11-20&q=good",
            [
                "500 is out of range: give a whole number from 1 to 92",
                "name=\"days\" value=\"500\"",
                "name=\"to\" value=\"2026-11-20\"",
                "s/good01/2026-11-20",
            ],
        ),
        (
            "/ui/?lens=x&q=good",
            [
                "x is not one of: load, cpu, iowait, free, swap, reboots, complete.",
                "name=\"q\" value=\"good\"",
                "s/good01",
                "data-lens=\"Load per core\"",
            ],
        ),
        (
            "/ui/compare?date=x&s=good01&from=08:00",
            [
                "x is not a date",
                "name=\"date\" value=\"x\"",
                "<a href=\"/ui/s/good01/",
                "name=\"from\" value=\"08:00\"",
            ],
        ),
        (
            "/ui/compare?from=12:00&till=11:00&s=good01",
            [
                "The end (11:00) must be after the start (12:00).",
                "name=\"from\" value=\"12:00\"",
                "name=\"till\" value=\"11:00\"",
                "<a href=\"/ui/s/good01/",
            ],
        ),
        (
            "/ui/compare?s=a/b&s=good01",
            [
                "a/b is not a server name",
                "name=\"s\" value=\"a/b\"",
                "<a href=\"/ui/s/good01/",
                "said bad",
            ],
        ),
    ] {
        let answer = world.get(uri);
        assert_eq!(answer.status.as_u16(), 400, "{uri}");
        for part in parts {
            assert!(answer.text().contains(part), "{uri}: {part}");
        }
        assert_eq!(world.get_ja(uri).status.as_u16(), 400, "{uri}");
    }
    // Days as people write them; the clock says 2026-11-24.
    for (to, last) in [("yesterday", "2026-11-23"), ("-7d", "2026-11-17"), ("11-20", "2026-11-20")]
    {
        let answer = world.get(&format!("/ui/?to={to}"));
        assert_eq!(answer.status.as_u16(), 200, "{to}");
        assert!(answer.text().contains(&format!("name=\"to\" value=\"{last}\"")), "{to}");
    }
    says(&world, "/ui/s/good01?to=yesterday", &["2026-10-24 – 2026-11-23"], &[]);
    says(&world, "/ui/compare?date=-3d&s=good01", &["class=\"date\">2026-11-21</span>"], &[]);
}

#[test]
fn a_store_that_does_not_answer_costs_what_it_did_not_give_alone() {
    let world = fleet(0, 31);
    let uri = format!("/ui/s/bad01/{LAST}");
    let breaks = |ends: &[&'static str]| *world.flaky.broken.lock().unwrap() = ends.to_vec();
    breaks(&[".json"]);
    says(&world, &uri, &["The store could not be read.", "503 (SlowDown)", CHART, FIGURES], &[]);
    breaks(&[".csv"]);
    says(&world, &uri, &["The store could not be read.", FIGURES], &[CHART]);
    breaks(&[".rejects.jsonl"]);
    says(&world, &uri, &["The store could not be read.", CHART, FIGURES], &[]);
    breaks(&[".json", ".csv"]);
    for uri in [&uri, &format!("{uri}/chart.svg")] {
        let answer = world.get(uri);
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
        assert!(answer.text().contains("The store does not respond"));
        assert!(answer.text().contains("503 (SlowDown)"));
    }
    breaks(&["a list"]);
    assert!(world.store_index.refresh(&|| false).is_err());
    says(
        &world,
        "/ui/",
        &[
            "The store could not be read; the page shows what was known before.",
            "503 (SlowDown)",
            "bad01",
        ],
        &[],
    );
    assert!(world.get("/ui/status.json").text().contains("\"failed\":\""));
}
