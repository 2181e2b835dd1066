//! Days with a story, as real machines write them, and what their pages say.

use jiff::civil::{Date, date};

use crate::world::{LAST, Log, World};

const DAY: Date = date(2019, 8, 1);

/// The columns of `vmstat` of an ordinary sample.
const VMSTAT: &str = "2 0 493744 379918752 0 8428556 0 0 1852 156 0 0 26 12 60 2 0";

/// Up for 45 days.
const UP: i64 = 45 * 1440;

/// A line without metadata, of a machine that booted so many minutes before midnight.
fn line(second: u32, booted: i64) -> String {
    line_of(second, booted, VMSTAT)
}

fn line_of(second: u32, booted: i64, vmstat: &str) -> String {
    let up = booted + i64::from(second) / 60;
    let (days, hours, minutes) = (up / 1440, up % 1440 / 60, up % 60);
    let uptime = match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours}:{minutes:02}"),
        _ => format!("{days} days, {hours}:{minutes:02}"),
    };
    let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
    format!(
        "2019-08-01 {h:02}:{m:02}:{s:02} up {uptime}, 1 user, load average: 0.24, 0.24, 0.16 \
         {vmstat}\n"
    )
}

fn slots(from: u32, to: u32) -> impl Iterator<Item = u32> {
    (from..to).step_by(600).map(|second| second + 1)
}

/// The page of a day with that log.
fn page(log: &str) -> String {
    let world = World::new();
    world.deliver("web01", DAY, log.as_bytes());
    world.get("/ui/s/web01/2019-08-01").text().to_owned()
}

/// The chart of a day with that log.
fn chart(log: &str) -> String {
    let world = World::new();
    world.deliver("web01", DAY, log.as_bytes());
    String::from_utf8(world.result("web01/2019-08-01.svg")).unwrap()
}

/// `parts` are on the page, and none of `not` in its sentences or its chart.
fn says(page: &str, parts: &[&str], not: &[&str]) {
    for part in parts {
        assert!(page.contains(part), "the page does not say {part:?}");
    }
    let between = |from: &str, to: &str| {
        let start = page.find(from).unwrap();
        let end = page[start..].find(to).unwrap();
        &page[start..start + end]
    };
    let said = [between("class=\"state\"", "</ul>"), between("<figure", "</figure>")].concat();
    for part in not {
        assert!(!said.contains(part), "the page says {part:?}");
    }
}

#[test]
fn a_second_writer_is_told_and_nothing_is_missing() {
    for apart in [1, 2, 90] {
        let log: String = slots(0, 86_400).map(|at| line(at, UP) + &line(at + apart, UP)).collect();
        says(
            &page(&log),
            &[
                "Complete: 144 of 144 samples, one every 10 min.",
                "There are 144 more samples than one every 10 min. Either two programs",
                "144 of 144 samples, every 10 min",
            ],
            &["missing"],
        );
    }
    let doubled: String = slots(0, 86_400).map(|at| line(at, UP).repeat(2)).collect();
    says(&page(&doubled), &["144 of 144 samples", "Either two programs"], &["288 of", "missing"]);
}

#[test]
fn a_sample_by_hand_is_no_second_writer() {
    // Installed at 09:07, and tried once more at 09:10, when the first mark came.
    let head = "# log2aws/1 server=web01 cores=8 tz=UTC mode=interval interval=600\n";
    let log = format!("{head}{}{}", line(32_833, UP), line(33_000, UP));
    let world = World::new();
    world.deliver_at("web01", DAY, log.as_bytes(), "2019-08-01T09:12:00Z");
    says(world.get("/ui/s/web01/2019-08-01").text(), &[], &["Either two programs"]);
}

#[test]
fn a_second_writer_halfway_between_is_known_from_the_day_before() {
    let world = World::new();
    let single = Log { head: String::new(), ..Log::new("web01", LAST.yesterday().unwrap()) };
    world.deliver("web01", LAST.yesterday().unwrap(), single.text(|_| false, None).as_bytes());
    let double = Log { head: String::new(), every: 5, ..Log::new("web01", LAST) };
    world.deliver("web01", LAST, double.text(|_| false, None).as_bytes());
    let page = world.get(&format!("/ui/s/web01/{LAST}"));
    says(page.text(), &["144 samples, one every 10 min", "144 more samples than one"], &[]);
}

#[test]
fn a_day_before_that_arrives_later_changes_the_interval_all_the_same() {
    let log = |day: Date, every: u32| {
        let log = Log { head: String::new(), every, ..Log::new("web01", day) };
        log.text(|_| false, None)
    };
    let days = [2, 1, 0].map(|ago: i64| LAST.saturating_sub(jiff::ToSpan::days(ago)));
    let summaries = |order: [usize; 3]| {
        let world = World::new();
        for at in order {
            // The second writer came on the second day, and was there for one day.
            let every = if at == 1 { 5 } else { 10 };
            world.deliver("web01", days[at], log(days[at], every).as_bytes());
        }
        days.map(|day| {
            let json = world.result(&format!("web01/{day}.json"));
            let summary: serde_json::Value = serde_json::from_slice(&json).unwrap();
            summary["log"].clone()
        })
    };
    let in_order = summaries([0, 1, 2]);
    assert_eq!(in_order[1]["interval_seconds"], 600);
    assert_eq!(in_order[1]["sampled_twice"], 144);
    for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        assert_eq!(summaries(order), in_order, "{order:?}");
    }
}

#[test]
fn an_empty_log_in_between_keeps_no_day_before_from_being_followed() {
    let days = [2, 1, 0].map(|ago: i64| LAST.saturating_sub(jiff::ToSpan::days(ago)));
    let log = |at: usize| match at {
        // The second day's log has no line.
        1 => String::new(),
        at => {
            let every = if at == 2 { 5 } else { 10 };
            let log = Log { head: String::new(), every, ..Log::new("web01", days[at]) };
            log.text(|_| false, None)
        }
    };
    for order in [[0, 1, 2], [1, 2, 0], [2, 1, 0], [2, 0, 1]] {
        let world = World::new();
        for at in order {
            world.deliver("web01", days[at], log(at).as_bytes());
        }
        let json = world.result(&format!("web01/{}.json", days[2]));
        let summary: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(summary["log"]["interval_seconds"], 600, "{order:?}");
        assert_eq!(summary["log"]["sampled_twice"], 144, "{order:?}");
    }
}

#[test]
fn a_gap_is_split_at_the_boot() {
    // Ran until 01:00, booted at 01:10; the sampler was started by hand at 20:00.
    let mut log: String = slots(0, 3_601).map(|at| line(at, UP)).collect();
    log.extend(slots(72_000, 86_400).map(|at| line(at, -70)));
    says(
        &page(&log),
        &["No samples 01:10–20:00 although the machine ran (113 missing).", "Booted at 01:10"],
        &["Off "],
    );
}

#[test]
fn what_has_not_happened_yet_is_not_missing() {
    let head = "# log2aws/1 server=web01 cores=8 tz=Asia/Tokyo mode=interval interval=600\n";
    let log: String =
        std::iter::once(head.to_owned()).chain(slots(0, 10_080).map(|at| line(at, UP))).collect();
    let world = World::new();
    // 02:48 in Tokyo.
    world.deliver_at("web01", DAY, log.as_bytes(), "2019-07-31T17:48:00Z");
    says(
        world.get("/ui/s/web01/2019-08-01").text(),
        &[
            "Complete: 17 of 17 samples, one every 10 min.",
            "The log was delivered at 02:48; the other 127 samples of the day were not due yet.",
            "17 of 17 samples",
        ],
        &["missing"],
    );
    // The same bytes, delivered the next day: the rest is missing.
    world.deliver_at("web02", DAY, log.as_bytes(), "2019-08-01T17:48:00Z");
    says(
        world.get("/ui/s/web02/2019-08-01").text(),
        &["No samples 02:40–24:00 (127 missing), cause unknown."],
        &["not due yet"],
    );
}

#[test]
fn a_line_that_could_not_be_read_is_told_once() {
    let broken = |at: u32| {
        let line = line(at, UP);
        if at == 72_001 { line.replace("load average", "l?ad aver") } else { line }
    };
    let log: String = slots(0, 86_400).map(broken).collect();
    says(
        &page(&log),
        &["20:00: the line could not be read.", "143 of 144 samples could be read"],
        &["although the machine ran", "Off ", "missing"],
    );
    let none: String = slots(0, 86_400).map(|at| line(at, UP).replace("up ", "actif ")).collect();
    says(&page(&none), &["144 lines could not be read, 00:00–24:00."], &["cause unknown"]);
}

#[test]
fn a_value_that_cannot_be_a_measurement_is_in_no_figure() {
    for wrapped in [
        "2 18446744073709551615 493744 379918752 0 8428556 0 0 1852 156 0 0 26 12 60 2 0",
        "2 0 493744 379918752 0 8428556 0 0 1852 156 0 0 26 12 60 2 18446744073709551611",
    ] {
        let at = 42_001;
        let log: String = slots(0, 86_400)
            .map(|second| line_of(second, UP, if second == at { wrapped } else { VMSTAT }))
            .collect();
        let world = World::new();
        world.deliver("web01", DAY, log.as_bytes());
        let page = world.get("/ui/s/web01/2019-08-01");
        says(
            page.text(),
            &["11:40: ", " has a value that cannot be a measurement."],
            &["1844674407370", "18.4E", "20E"],
        );
        let svg = chart(&log);
        assert!(!svg.contains("18.4E") && !svg.contains("20E"), "the scale bears it");
        let csv = String::from_utf8(world.result("web01/2019-08-01.csv")).unwrap();
        assert!(csv.contains("1844674407370955"), "the CSV keeps it");
    }
}

#[test]
fn guests_that_vmstat_has_no_column_for_are_no_idle_time() {
    let guests = "2 0 493744 379918752 0 8428556 0 0 1852 156 0 0 10 10 40 2 0";
    let log: String = slots(0, 86_400).map(|at| line_of(at, UP, guests)).collect();
    says(&page(&log), &["Guests took up to 38 % of the CPU"], &[]);
    assert!(chart(&log).contains("user and guests"));
    // Somebody's own column behind the 17.
    let own: String =
        slots(0, 86_400).map(|at| line_of(at, UP, &format!("{VMSTAT} 312"))).collect();
    says(&page(&own), &[], &["Guests"]);
    assert!(!chart(&own).contains("guests") && !chart(&own).contains("352"));
}

#[test]
fn a_complete_log_is_no_healthy_machine() {
    let log: String = slots(0, 86_400).map(|at| line(at, UP)).collect();
    let page = page(&log);
    let at = page.find("Complete: ").unwrap();
    assert!(!page[at - 120..at].contains("✓"), "{}", &page[at - 120..at]);
}

#[test]
fn what_was_read_although_it_was_not_whole_is_told() {
    let busybox = "2 0 493744 379918752 0 8428556 0 0 657k 23284 2.3m 4.1m 24 9 65 2 0";
    let log: String = slots(0, 86_400)
        .map(|at| match at {
            1 => line_of(at, UP, busybox),
            601 => format!("{}{}", "\0".repeat(300), line(at, UP)),
            _ => line(at, UP),
        })
        .collect();
    says(
        &page(&log),
        &[
            "Complete: 144 of 144 samples",
            "1 row has numbers that vmstat of BusyBox rounded",
            "300 zero bytes before lines were skipped",
        ],
        &[],
    );
}
