//! The delivery log of a running server: what arrives is in it, once, and stays there.

use std::fs;
use std::num::NonZeroU32;
use std::sync::atomic::Ordering;

use log2aws_core::key::BucketName;
use log2aws_server::{ANALYZED_BUCKET, LogKeyAdmin, RAW_BUCKET};
use log2aws_service::delivery_log::{Log, day_checkpoint, published_keys, receipt};
use log2aws_tlog::delivery::{Delivery, Verdict};
use sha2::{Digest as _, Sha256};

use crate::client::Request;
use crate::harness::{ClockAt, LOG, Running, config, eventually, start_on};

const HOUR: i64 = 3600;

fn put(server: &Running, key: &str, body: &str) {
    let put = Request::new("PUT", format!("/{RAW_BUCKET}/{key}")).body(body);
    assert_eq!(server.signed(put).status, 200, "{key}");
}

fn bucket() -> BucketName {
    ANALYZED_BUCKET.parse().unwrap()
}

fn entries(server: &Running) -> Vec<Delivery> {
    let bucket = bucket();
    let Some(log) = Log::open(&server.store, &bucket).unwrap() else { return Vec::new() };
    log.verify(&published_keys(&server.store, &bucket).unwrap()).unwrap();
    let all: Vec<_> = (0..log.bundles()).flat_map(|n| log.bundle(n).unwrap()).collect();
    assert_eq!(all.len() as u64, log.size());
    all
}

/// Lets the server's clock go to the next hour, and waits for this many entries.
fn next_hour(server: &Running, expected: u32) {
    server.ahead.fetch_add(HOUR, Ordering::SeqCst);
    eventually("the deliveries are not added", || entries(server).len() == expected as usize);
    server.counts("log2aws_delivery_log_entries", f64::from(expected));
}

#[test]
fn each_version_is_logged_once_with_replaced_ones_and_after_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start_on(config(folder.path()), ClockAt(0));
    put(&server, "web01/2019-08-01.log", LOG);
    put(&server, "web02/2019-08-01.log", LOG);
    put(&server, "notes/readme.txt", LOG);
    next_hour(&server, 2);
    let longer = format!("{LOG}{LOG}");
    put(&server, "web01/2019-08-01.log", &longer);
    put(&server, "web03/2019-08-01.log", LOG);
    next_hour(&server, 4);
    let logged = entries(&server);
    let of = |n: usize| (logged[n].server().as_str(), logged[n].size(), logged[n].verdict());
    assert_eq!(of(2), ("web01", longer.len() as u64, Verdict::Accepted));
    assert_eq!(logged[2].sha256(), &Sha256::digest(&longer)[..]);
    assert_eq!(of(3).0, "web03");
    server.stop();
    drop(server);
    // Without its cache it reads the log; with it, only what is new.
    for lost in [false, true] {
        if lost {
            fs::remove_dir_all(folder.path().join("delivery-log-cache")).unwrap();
        }
        let mut server = start_on(config(folder.path()), ClockAt(3 * HOUR));
        let name = "log2aws_background_last_success_timestamp_seconds{task=\"delivery_log\"}";
        eventually("the log is not looked at", || server.metric(name) > 0.0);
        assert_eq!(entries(&server), logged);
        server.stop();
    }
}

#[test]
fn a_receipt_is_ready_within_the_hour_and_keys_rotate() {
    let folder = tempfile::tempdir().unwrap();
    let server = start_on(config(folder.path()), ClockAt(0));
    put(&server, "web01/2019-08-01.log", LOG);
    next_hour(&server, 1);
    let (bucket, name) = (bucket(), "web01".parse().unwrap());
    let sha256 = Sha256::digest(LOG).into();
    let day = "2019-08-01".parse().unwrap();
    let receipt = |server: &Running| {
        receipt(&server.store, &bucket, (&name, day), Some(&sha256)).unwrap().unwrap()
    };
    let first = receipt(&server);
    let old = LogKeyAdmin::open(folder.path()).unwrap().verifiers().unwrap();
    first.check(&old, &[]).unwrap();
    let both = LogKeyAdmin::open(folder.path()).unwrap().rotate().unwrap();
    put(&server, "web02/2019-08-01.log", LOG);
    next_hour(&server, 2);
    let second = receipt(&server);
    second.check(&both[..1], &[]).unwrap();
    second.check(&both[1..], &[]).unwrap();
    assert!(first.check(&both[1..], &[]).is_err());
    assert_eq!(published_keys(&server.store, &bucket).unwrap(), both);
}

#[test]
fn the_day_is_sealed_after_midnight_and_the_log_outlives_retention_and_results() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start_on(config(folder.path()), ClockAt(0));
    put(&server, "web01/2019-08-01.log", LOG);
    next_hour(&server, 1);
    let ahead = jiff::SignedDuration::from_secs(server.ahead.load(Ordering::SeqCst));
    let day = (jiff::Timestamp::now() + ahead).to_zoned(jiff::tz::TimeZone::UTC).date();
    let bucket = bucket();
    server.ahead.fetch_add(24 * HOUR, Ordering::SeqCst);
    let sealed = |server: &Running| {
        day_checkpoint(&server.store, &bucket, day).unwrap().map(|day| day.checkpoint().size)
    };
    eventually("the day is not sealed", || sealed(&server) == Some(1));
    server.stop();
    drop(server);
    let mut config = config(folder.path());
    config.keep_analyzed_days = NonZeroU32::new(1);
    config.retention_trust_clock = true;
    let server = start_on(config, ClockAt(100 * 24 * HOUR));
    let gone = || server.stored(ANALYZED_BUCKET, "web01/2019-08-01.csv").is_none();
    eventually("the results do not expire", gone);
    assert_eq!(entries(&server).len(), 1);
    assert_eq!(sealed(&server), Some(1));
}
