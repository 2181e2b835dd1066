//! Background tasks: retention, the startup scan, and `/-/readyz`.

use std::fs;
use std::num::NonZeroU32;
use std::path::Path;

use log2aws_server::{ANALYZED_BUCKET, RAW_BUCKET};
use log2aws_service::http::DayRules;
use sha2::{Digest as _, Sha256};

use crate::client::Request;
use crate::harness::{ClockAt, LOG, Running, config, eventually, start_on};

const DAY: i64 = 86_400;

fn put(server: &Running, key: &str) {
    let put = Request::new("PUT", format!("/{RAW_BUCKET}/{key}")).body(LOG);
    assert_eq!(server.signed(put).status, 200, "{key}");
}

/// Puts a folder in place of a file: it cannot be read or removed as a file, not even by root.
fn spoil(file: &Path) {
    fs::remove_file(file).unwrap();
    fs::create_dir(file).unwrap();
    fs::write(file.join("in the way"), "").unwrap();
}

fn session(server: &Running) -> String {
    let answer = server.send(&Request::new("GET", &server.link));
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap();
    cookie.to_owned()
}

fn calendar(server: &Running, cookie: &str, language: &str) -> String {
    let get = Request::new("GET", format!("/ui/?lang={language}")).header("cookie", cookie);
    server.send(&get).text()
}

fn ready(server: &Running) -> String {
    let answer = server.send(&Request::new("GET", "/-/readyz"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

/// The key of a log of today, which confirms the clock.
fn todays_log() -> String {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    format!("recent/{today}.log")
}

#[test]
fn one_unreadable_log_keeps_no_other_from_its_results_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start_on(config(folder.path()), ClockAt(0));
    for name in ["web01", "web02", "web03"] {
        put(&server, &format!("{name}/2019-08-01.log"));
        server.result(&format!("{name}/2019-08-01.json"));
    }
    server.stop();
    drop(server);
    let buckets = folder.path().join("buckets");
    fs::remove_dir_all(buckets.join(ANALYZED_BUCKET)).unwrap();
    spoil(&buckets.join(RAW_BUCKET).join("web02/2019-08-01.log@"));

    let server = start_on(config(folder.path()), ClockAt(0));
    server.result("web01/2019-08-01.json");
    server.result("web03/2019-08-01.json");
    server.counts("log2aws_unreadable_objects", 1.0);
    // The dashboard names it, in the reader's language, with the system's own reason.
    let cookie = session(&server);
    let page = calendar(&server, &cookie, "en");
    assert!(page.contains("1 stored object could not be read or removed"), "{page}");
    assert!(page.contains("web02/2019-08-01.log@") && page.contains("os error 21"), "{page}");
    assert!(!page.contains("web01/2019-08-01.log@") && !page.contains("Removal by age is paused"));
    assert!(calendar(&server, &cookie, "ja").contains("1 件のファイルを読み取りまたは削除"));
    server.counts("log2aws_store_errors_total{kind=\"failed\"}", 1.0);
    server.counts("log2aws_background_failures_total{task=\"startup_scan\"}", 0.0);
    assert_eq!(ready(&server), "ready\n");
}

#[test]
fn a_second_start_opens_no_log_again_and_still_finds_what_lost_its_results() {
    let folder = tempfile::tempdir().unwrap();
    let run = || start_on(config(folder.path()), ClockAt(0));
    let scanned = |server: &Running| {
        let name = "log2aws_background_last_success_timestamp_seconds{task=\"startup_scan\"}";
        eventually("the scan does not end", || server.metric(name) > 0.0);
    };
    let mut server = run();
    for name in ["web01", "web02"] {
        put(&server, &format!("{name}/2019-08-01.log"));
        server.result(&format!("{name}/2019-08-01.json"));
    }
    server.counts("log2aws_analyze_queue_length", 0.0);
    server.stop();
    drop(server);
    // This scan reads both and remembers them.
    let mut server = run();
    scanned(&server);
    server.stop();
    drop(server);
    let kept = folder.path().join("scan-cache/complete");
    assert_eq!(fs::metadata(&kept).unwrap().len(), 1 + 32 + 2 * 16);
    let results = folder.path().join("buckets").join(ANALYZED_BUCKET);
    fs::remove_dir_all(results.join("web02")).unwrap();
    let server = run();
    server.result("web02/2019-08-01.json");
    server.counts("log2aws_deliveries_analyzed_total", 1.0);
}

#[test]
fn retention_passes_over_what_it_cannot_remove_and_counts_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start_on(config(folder.path()), ClockAt(-3 * DAY));
    for name in ["web01", "web02", "web03"] {
        put(&server, &format!("{name}/2019-08-01.log"));
        server.result(&format!("{name}/2019-08-01.json"));
    }
    server.stop();
    drop(server);
    let mut server = start_on(config(folder.path()), ClockAt(0));
    put(&server, &todays_log());
    server.stop();
    drop(server);
    spoil(&folder.path().join("buckets").join(RAW_BUCKET).join("web01/2019-08-01.log@"));

    let mut config = config(folder.path());
    config.keep_raw_days = NonZeroU32::new(2);
    let server = start_on(config, ClockAt(0));
    server.counts("log2aws_objects_expired_total", 2.0);
    server.counts("log2aws_unreadable_objects", 1.0);
    assert!(server.stored(RAW_BUCKET, "web03/2019-08-01.log").is_none());
    assert!(server.stored(RAW_BUCKET, &todays_log()).is_some());
    assert_eq!(ready(&server), "ready\n");
}

#[test]
fn retention_keeps_the_operators_records() {
    const RECORD: &str = ".log2aws/reopen/web01/2019-08-01.json";
    let folder = tempfile::tempdir().unwrap();
    let mut server = start_on(config(folder.path()), ClockAt(-3 * DAY));
    put(&server, "web01/2019-08-01.log");
    server.result("web01/2019-08-01.json");
    let record = Request::new("PUT", format!("/{ANALYZED_BUCKET}/{RECORD}")).body("{}");
    assert_eq!(server.signed(record).status, 200);
    server.stop();
    drop(server);
    let mut server = start_on(config(folder.path()), ClockAt(0));
    put(&server, &todays_log());
    server.stop();
    drop(server);

    let mut config = config(folder.path());
    config.keep_analyzed_days = NonZeroU32::new(2);
    let server = start_on(config, ClockAt(0));
    eventually("the old results are not removed", || {
        server.stored(ANALYZED_BUCKET, "web01/2019-08-01.csv").is_none()
    });
    let ended = "log2aws_background_last_success_timestamp_seconds{task=\"retention\"}";
    eventually("retention does not end", || server.metric(ended) > 0.0);
    assert!(server.stored(ANALYZED_BUCKET, RECORD).is_some());
}

#[test]
fn a_clock_that_no_log_bears_out_removes_nothing_without_the_operators_word() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start_on(config(folder.path()), ClockAt(0));
    put(&server, &todays_log());
    server.stop();
    drop(server);

    let with = |trust: bool| {
        let mut config = config(folder.path());
        config.keep_raw_days = NonZeroU32::new(400);
        config.retention_trust_clock = trust;
        start_on(config, ClockAt(4000 * DAY))
    };
    let mut server = with(false);
    server.counts("log2aws_retention_paused", 1.0);
    let said = ready(&server);
    assert!(said.contains("retention: nothing is removed by age"), "{said}");
    let cookie = session(&server);
    for (language, told) in [("en", "Removal by age is paused"), ("ja", "古いデータの削除を止めて")]
    {
        let page = calendar(&server, &cookie, language);
        assert!(page.contains(told) && page.contains("--retention-trust-clock"), "{page}");
    }
    // Not even after the wrong clock has dated a delivery.
    put(&server, "late/2019-08-01.log");
    server.stop();
    drop(server);
    let mut server = with(false);
    server.counts("log2aws_retention_paused", 1.0);
    server.counts("log2aws_objects_expired_total", 0.0);
    server.stop();
    drop(server);
    let server = with(true);
    server.counts("log2aws_objects_expired_total", 1.0);
    server.counts("log2aws_retention_paused", 0.0);
    assert!(server.stored(RAW_BUCKET, "late/2019-08-01.log").is_some());
}

/// Results expire before their logs: the day is final all the same, takes its own bytes again, and
/// is open again only when the log itself has gone.
#[test]
fn a_day_stays_final_when_its_results_have_expired() {
    let folder = tempfile::tempdir().unwrap();
    let days_ago = |days: i64| {
        let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        today.saturating_sub(jiff::ToSpan::days(days))
    };
    let day = days_ago(20);
    let key = format!("web01/{day}");
    let mut server = start_on(config(folder.path()), ClockAt(-3 * DAY));
    put(&server, &format!("{key}.log"));
    server.result(&format!("{key}.json"));
    server.stop();
    drop(server);
    let with_rules = || {
        let mut config = config(folder.path());
        config.days = DayRules::default();
        config.keep_analyzed_days = NonZeroU32::new(2);
        config.retention_trust_clock = true;
        start_on(config, ClockAt(0))
    };
    let ask = |server: &Running, more: &str| {
        let ask = format!("/?server=web01&date={day}{more}");
        server.send(&Request::new("GET", ask)).status
    };
    let mut server = with_rules();
    let ended = "log2aws_background_last_success_timestamp_seconds{task=\"retention\"}";
    eventually("retention does not end", || server.metric(ended) > 0.0);
    assert_eq!(server.stored(ANALYZED_BUCKET, &format!("{key}.csv")), None);
    assert!(server.stored(ANALYZED_BUCKET, &format!("{key}.json")).is_some());
    assert_eq!(ask(&server, ""), 409);
    let same = format!("&size={}&sha256={}", LOG.len(), hex::encode(Sha256::digest(LOG)));
    assert_eq!(ask(&server, &same), 200);
    server.stop();
    drop(server);
    fs::remove_dir_all(folder.path().join("buckets").join(RAW_BUCKET).join("web01")).unwrap();
    let server = with_rules();
    eventually("the summary outlives its log", || {
        server.stored(ANALYZED_BUCKET, &format!("{key}.json")).is_none()
    });
    assert_eq!(ask(&server, ""), 200);
}
