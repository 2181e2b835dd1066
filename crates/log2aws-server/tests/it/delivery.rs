//! From a URL to the results, across restarts and kills.

use std::io::{BufReader, Write as _};
use std::net::IpAddr;

use log2aws_core::summary::Change::{First, Grew, Replaced};
use log2aws_core::summary::Summary;
use log2aws_server::{ANALYZED_BUCKET, RAW_BUCKET};
use log2aws_service::analyze::ChartFormats;
use log2aws_store::disk::{Attributes, Condition};
use sha2::{Digest, Sha256};

use crate::client::{Request, connect, read_answer};
use crate::harness::{ClockAt, LOG, Running, config, eventually, start, start_on, start_with};

#[test]
fn a_url_a_put_and_the_results_appear() {
    let server = start();
    let url = server.url("server=web01&date=2019-08-01");
    let put = server.send(&Request::new("PUT", url).body(LOG));
    assert_eq!(put.status, 200, "{}", put.text());
    assert_eq!(put.header("log2aws-source"), Some("127.0.0.1"));
    assert!(put.header("x-amz-version-id").is_some());

    let summary = server.result("web01/2019-08-01.json");
    assert!(summary.contains("\"rows\": 2"), "{summary}");
    let csv = server.result("web01/2019-08-01.csv");
    assert_eq!(csv.lines().count(), 3);
    assert!(csv.contains("2019-08-01 00:10:01,45days 20:14,1,20.06,22.00,21.00,12,0,"), "{csv}");
    assert!(server.result("web01/2019-08-01.svg").starts_with("<svg"));
    assert!(server.result("web01/2019-08-01.rejects.jsonl").contains("this is no sample line"));

    let got = server.signed(Request::new("GET", "/analyzedlogs-local/web01/2019-08-01.csv"));
    assert_eq!((got.status, got.text()), (200, csv));
    assert_eq!(got.header("content-type"), Some("text/csv; charset=utf-8"));
    for (name, value) in [
        ("log2aws_deliveries_analyzed_total", 1.0),
        ("log2aws_rows_total", 2.0),
        ("log2aws_rejects_total", 1.0),
        ("log2aws_s3_puts_total", 1.0),
        ("log2aws_url_requests_total{outcome=\"issued\"}", 1.0),
    ] {
        server.counts(name, value);
    }
}

#[test]
fn charts_are_kept_in_the_formats_that_were_asked_for() {
    for (charts, svg, png) in [
        (ChartFormats::Svg, true, false),
        (ChartFormats::Png, false, true),
        (ChartFormats::SvgAndPng, true, true),
    ] {
        let server = start_with(|config| config.charts = charts);
        let put = Request::new("PUT", server.url("server=web01&date=2019-08-01")).body(LOG);
        assert_eq!(server.send(&put).status, 200);
        server.result("web01/2019-08-01.json");
        let stored =
            |kind: &str| server.stored(ANALYZED_BUCKET, &format!("web01/2019-08-01.{kind}"));
        assert_eq!(stored("svg").map(|svg| svg.starts_with("<svg")), svg.then_some(true));
        assert_eq!(stored("png").map(|png| png[..20].contains("PNG\r\n")), png.then_some(true));
        if png {
            let get = Request::new("GET", "/analyzedlogs-local/web01/2019-08-01.png");
            assert_eq!(server.signed(get).header("content-type"), Some("image/png"));
        }
    }
}

#[test]
fn a_url_bound_to_its_bytes_takes_them_alone() {
    let server = start();
    let hash = hex::encode(Sha256::digest(LOG));
    let query = format!("server=web01&date=2019-08-01&size={}&sha256={hash}", LOG.len());
    let url = server.url(&query);
    let put = |body: &str| {
        use base64::Engine;
        let sum = base64::prelude::BASE64_STANDARD.encode(Sha256::digest(LOG));
        let request = Request::new("PUT", url.clone()).header("x-amz-checksum-sha256", sum);
        server.send(&request.body(body))
    };
    let longer = format!("{LOG}x");
    let changed = LOG.replace("25.06", "25.07");
    for (body, status) in [(&longer[..], 403), (&LOG[1..], 403), ("", 403), (&changed, 400)] {
        let answer = put(body);
        assert_eq!(answer.status, status, "{}", answer.text());
        server.assert_empty();
    }
    assert_eq!(put(&changed).code(), "BadDigest");
    assert_eq!(put(LOG).status, 200);
    server.result("web01/2019-08-01.csv");
}

#[test]
fn new_bytes_of_a_day_replace_its_results_and_both_versions_stay() {
    let server = start();
    let first = LOG.lines().next().unwrap();
    for body in [first, LOG] {
        let url = server.url("server=web01&date=2019-08-01");
        assert_eq!(server.send(&Request::new("PUT", url).body(body)).status, 200);
    }
    while !server.result("web01/2019-08-01.json").contains("\"rows\": 2") {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let versions = server.signed(Request::new("GET", "/serverlogs-local?versions"));
    assert_eq!(versions.text().matches("<VersionId>").count(), 2, "{}", versions.text());
}

/// Between the put's 200 and the analysis the process may be killed: only the object itself shows
/// that it must be analyzed.
#[test]
fn what_a_kill_left_over_is_analyzed_after_the_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start_on(config(folder.path()), ClockAt(0));
    server.stop();
    let source: IpAddr = "127.0.0.1".parse().unwrap();
    let put = |server: &Running, name: &str, source: IpAddr| {
        let key = format!("{name}/2019-08-01.log").parse().unwrap();
        let mut staged = server.store.stage(&RAW_BUCKET.parse().unwrap(), &key).unwrap();
        std::io::Write::write_all(&mut staged, LOG.as_bytes()).unwrap();
        let attributes = Attributes { source: Some(source), ..Attributes::default() };
        staged.commit(attributes, &Condition::Always).unwrap();
    };
    put(&server, "web01", source);
    put(&server, "web02", "203.0.113.9".parse().unwrap());
    drop(server);
    let mut server = start_on(config(folder.path()), ClockAt(0));
    server.result("web01/2019-08-01.csv");
    // It was accepted when it was put, whatever the list is now.
    server.result("web02/2019-08-01.csv");
    assert!(server.result("web02/2019-08-01.json").contains("\"source\": \"203.0.113.9\""));
    server.stop();
}

/// A leaked URL, used from elsewhere: refused by its head alone, and the day is unchanged.
#[test]
fn a_put_from_off_the_list_is_refused_before_its_body_and_changes_nothing() {
    let server = start_with(|config| {
        config.allow_list = "203.0.113.0/24, web02@198.51.100.1".parse().unwrap();
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    });
    let from = |request: Request, source: &str| request.header("x-forwarded-for", source);
    let ask = Request::new("GET", "/?server=web01&date=2019-08-01");
    let answer = server.send(&from(ask, "203.0.113.9"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let url = answer.text();
    let url = url.trim().strip_prefix(&format!("http://{}", server.address)).unwrap();
    let put = server.send(&from(Request::new("PUT", url).body(LOG), "203.0.113.9"));
    assert_eq!(put.status, 200, "{}", put.text());
    let csv = server.result("web01/2019-08-01.csv");
    // Not on the list, and on the list for another server.
    for source in ["198.51.100.2", "198.51.100.1"] {
        let large = Request::new("PUT", url).header("content-length", "209715200");
        let mut stream = connect(server.address);
        stream.write_all(from(large, source).head(server.address).as_bytes()).unwrap();
        let answer = read_answer(&mut BufReader::new(stream), "PUT");
        assert_eq!((answer.status, &answer.code()[..]), (403, "AccessDenied"), "{source}");
    }
    server.counts("log2aws_puts_refused_total{reason=\"address\"}", 2.0);
    assert_eq!(server.stored(RAW_BUCKET, "web01/2019-08-01.log").as_deref(), Some(LOG));
    assert_eq!(server.stored(ANALYZED_BUCKET, "web01/2019-08-01.csv"), Some(csv));
    // The operator's own key is not bound to an address.
    let target = "/serverlogs-local/web01/2019-08-02.log";
    let put = from(Request::new("PUT", target).body(LOG), "198.51.100.2");
    assert_eq!(server.signed(put).status, 200);
}

/// A log is accepted when it is put. The list shrinks, the server restarts: every byte is the same,
/// and nothing is analyzed or counted again.
#[test]
fn a_shorter_list_changes_nothing_that_was_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start_on(config(folder.path()), ClockAt(0));
    let url = server.url("server=web01&date=2019-08-01");
    assert_eq!(server.send(&Request::new("PUT", url).body(LOG)).status, 200);
    let summary = server.result("web01/2019-08-01.json");
    server.stop();
    drop(server);
    let mut config = config(folder.path());
    config.allow_list = "203.0.113.0/24".parse().unwrap();
    let server = start_on(config, ClockAt(0));
    // A new log waits behind everything that the startup scan found.
    let target = "/serverlogs-local/web02/2019-08-01.log";
    assert_eq!(server.signed(Request::new("PUT", target).body(LOG)).status, 200);
    server.result("web02/2019-08-01.json");
    server.counts("log2aws_deliveries_analyzed_total", 1.0);
    server.counts("log2aws_days_replaced_total", 0.0);
    assert_eq!(server.result("web01/2019-08-01.json"), summary);
    assert!(server.stored(ANALYZED_BUCKET, "web01/2019-08-01.csv").is_some());
    assert_eq!(server.stored(ANALYZED_BUCKET, "web01/2019-08-01.refused.jsonl"), None);
}

/// Another address puts other bytes for a day: the results are replaced, and that is reported.
#[test]
fn a_day_that_is_replaced_is_told_and_one_that_goes_on_is_not() {
    let server = start_with(|config| {
        config.allow_list = "203.0.113.0/24".parse().unwrap();
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    });
    let first = format!("{}\n", LOG.lines().next().unwrap());
    let other = LOG.replace("25.06", "00.01");
    let bodies = [(&first[..], "203.0.113.7"), (LOG, "203.0.113.7"), (&other, "203.0.113.66")];
    for (n, (body, source)) in bodies.into_iter().enumerate() {
        let get = Request::new("GET", "/?server=web01&date=2019-08-01");
        let url = server.send(&get.header("x-forwarded-for", source)).text();
        let put = Request::new("PUT", url.trim()).body(body).header("x-forwarded-for", source);
        assert_eq!(server.send(&put).status, 200);
        server.counts("log2aws_deliveries_analyzed_total", [1.0, 2.0, 3.0][n]);
        server.counts("log2aws_days_replaced_total", [0.0, 0.0, 1.0][n]);
    }
    let summary = Summary::from_json(server.result("web01/2019-08-01.json").as_bytes()).unwrap();
    let facts = summary.versions.iter().map(|listed| (listed.source, listed.change));
    let expected = [("203.0.113.66", Replaced), ("203.0.113.7", Grew), ("203.0.113.7", First)];
    let expected = expected.map(|(source, change)| (source.parse().ok(), Some(change)));
    assert_eq!(facts.collect::<Vec<_>>(), expected);
    assert_eq!(summary.raw.version, summary.versions[0].version);
}

#[test]
fn what_was_removed_by_age_does_not_come_back_with_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let put = |server: &Running, name: &str| {
        let target = format!("/serverlogs-local/{name}/2019-08-01.log");
        assert_eq!(server.signed(Request::new("PUT", target).body(LOG)).status, 200);
        server.result(&format!("{name}/2019-08-01.json"));
    };
    let mut server = start_on(config(folder.path()), ClockAt(-3 * 86_400));
    put(&server, "web01");
    server.stop();
    drop(server);
    let mut server = start_on(config(folder.path()), ClockAt(0));
    put(&server, "web02");
    server.stop();
    // As if they had expired (web01), or a kill had come in between (web02).
    for name in ["web01", "web02"] {
        for kind in ["csv", "svg", "json", "rejects.jsonl"] {
            let key = format!("{name}/2019-08-01.{kind}").parse().unwrap();
            server
                .store
                .delete(&ANALYZED_BUCKET.parse().unwrap(), &key, &Condition::Always)
                .unwrap();
        }
    }
    drop(server);

    let mut config = config(folder.path());
    config.keep_analyzed_days = std::num::NonZeroU32::new(2);
    let server = start_on(config, ClockAt(0));
    // The scan is ordered by name: when it has reached web02, it has passed web01.
    server.result("web02/2019-08-01.json");
    server.counts("log2aws_analyze_queue_length", 0.0);
    server.counts("log2aws_deliveries_analyzed_total", 1.0);
    assert_eq!(server.stored(ANALYZED_BUCKET, "web01/2019-08-01.json"), None);
    assert!(server.stored(RAW_BUCKET, "web01/2019-08-01.log").is_some());
}

#[test]
fn a_damaged_summary_keeps_no_other_log_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start_on(config(folder.path()), ClockAt(0));
    for name in ["web01", "web02"] {
        let target = format!("/serverlogs-local/{name}/2019-08-01.log");
        assert_eq!(server.signed(Request::new("PUT", target).body(LOG)).status, 200);
        server.result(&format!("{name}/2019-08-01.json"));
    }
    server.stop();
    let summary = |name: &str| {
        folder.path().join("buckets").join(ANALYZED_BUCKET).join(name).join("2019-08-01.json@")
    };
    std::fs::write(summary("web01"), "cut off").unwrap();
    std::fs::remove_file(summary("web02")).unwrap();
    drop(server);

    let server = start_on(config(folder.path()), ClockAt(0));
    assert!(server.result("web02/2019-08-01.json").contains("\"rows\": 2"));
    assert!(server.result("web01/2019-08-01.json").contains("\"rows\": 2"));
}

#[test]
fn logs_are_removed_by_age_where_the_operator_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start_on(config(folder.path()), ClockAt(-3 * 86_400));
    // The clock of the store is three days behind; a URL of that time would have expired.
    let put = Request::new("PUT", "/serverlogs-local/web01/2019-08-01.log").body(LOG);
    assert_eq!(server.signed(put).status, 200);
    server.result("web01/2019-08-01.json");
    server.stop();
    drop(server);

    let mut config = config(folder.path());
    config.keep_raw_days = std::num::NonZeroU32::new(2);
    config.retention_trust_clock = true;
    let server = start_on(config, ClockAt(0));
    eventually("the raw log is still there", || {
        server.stored(RAW_BUCKET, "web01/2019-08-01.log").is_none()
    });
    // Results are kept: there is no expiry for them.
    assert!(server.stored("analyzedlogs-local", "web01/2019-08-01.csv").is_some());
}

/// Put with the operator's key, from an address that the list does not hold: accepted, and listed as
/// what it is. By a URL the same bytes are a server's again.
#[test]
fn what_the_operator_puts_is_listed_as_such() {
    let server = start();
    let versions = || {
        let summary = server.result("web01/2019-08-01.json");
        let summary = Summary::from_json(summary.as_bytes()).unwrap();
        summary.versions.iter().map(|listed| listed.operator).collect::<Vec<_>>()
    };
    let by_url = |body: &str| {
        let url = server.url("server=web01&date=2019-08-01");
        assert_eq!(server.send(&Request::new("PUT", url).body(body)).status, 200);
    };
    by_url(LOG);
    eventually("the URL's put is not listed", || versions() == [false]);
    let target = "/serverlogs-local/web01/2019-08-01.log";
    let other = LOG.replace("25.06", "00.01");
    assert_eq!(server.signed(Request::new("PUT", target).body(&*other)).status, 200);
    eventually("the operator's put is not listed as such", || versions() == [true, false]);
    let create = server.signed(Request::new("POST", format!("{target}?uploads")));
    let id = create.text();
    let id = id.split("<UploadId>").nth(1).unwrap().split('<').next().unwrap();
    let part = Request::new("PUT", format!("{target}?partNumber=1&uploadId={id}")).body(LOG);
    let part = server.signed(part);
    let etag = part.header("etag").unwrap();
    let whole = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    );
    let complete = Request::new("POST", format!("{target}?uploadId={id}")).body(whole);
    assert_eq!(server.signed(complete).status, 200);
    eventually("an upload in parts is not listed as such", || versions() == [true, true, false]);
}
