//! analyze-log: the result of each kind of record, and of a failing store.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::write::GzEncoder;
use log2aws_core::event::{Event, Record};
use log2aws_core::key::{BucketName, KeyPrefix, ObjectKey, RawKey};
use log2aws_core::summary::Summary;
use log2aws_service::analyze::{
    AnalyzeError, Analyzed, MAX_ATTEMPTS, Outcome, RecordFailure, analyze, needs_analysis,
};
use log2aws_service::ports::{Settings, Store, StoreError, Upload, Version, VersionId};
use log2aws_store::MemoryStore;

use crate::stepped::Stepped;
use crate::world::{
    ALLOWED, ANALYZED, KEY, MIXED, RAW, Results, SUMMARY, allowed, app, app_with, memory, picture,
    put, put_key, record, results, settings, settled,
};

const LOG: &[u8] = include_bytes!("../../../../testdata/document.log");
const CSV: &[u8] = include_bytes!("../../../../testdata/document.csv");

fn summary(store: &MemoryStore) -> Summary {
    crate::world::summary(store).unwrap()
}

fn needed(store: &MemoryStore) -> bool {
    needs_analysis(&app(store.clone()), &RawKey::parse(KEY).unwrap()).unwrap()
}

#[test]
fn a_log_becomes_its_results() {
    let store = memory();
    let version = put(&store, LOG);
    assert!(needed(&store));
    let outcomes = analyze(&app(store.clone()), &allowed(&version)).unwrap();
    let expected = Analyzed {
        key: RawKey::parse(KEY).unwrap(),
        version: version.id.clone(),
        source: "203.0.113.7".parse().ok(),
        bytes: LOG.len() as u64,
        rows: 5,
        rejects: 0,
        replaced: 0,
        restarts: 0,
    };
    assert_eq!(outcomes, [Outcome::Analyzed(expected)]);
    assert!(!needed(&store));

    let results = results(&store);
    let csv = (CSV.to_vec(), "text/csv; charset=utf-8".to_owned());
    assert_eq!(results["web01/2019-08-01.csv"], csv);
    let (svg, media_type) = &results["web01/2019-08-01.svg"];
    assert!(svg.starts_with(b"<svg ") && svg.ends_with(b"</svg>\n"));
    assert!(std::str::from_utf8(svg).unwrap().contains("web01"));
    assert_eq!(media_type, "image/svg+xml");
    let (png, media_type) = &results["web01/2019-08-01.png"];
    assert_eq!((png, media_type.as_str()), (&picture(svg).unwrap(), "image/png"));
    assert_eq!(results["web01/2019-08-01.json"].1, "application/json");
    assert!(!results.contains_key("web01/2019-08-01.rejects.jsonl"));
    let summary = summary(&store);
    assert_eq!(summary.program, "1.2.3");
    assert_eq!(summary.raw.version, version.id.to_string());
    assert_eq!(summary.raw.size, LOG.len() as u64);
    // sha256sum testdata/document.log
    let sha256 = "f1b438eb30fe0b801ac66cf0f04a99cc95b3c027aff53ea6d204e2bfb4003383";
    assert_eq!(summary.raw.sha256.as_deref(), Some(sha256));
    assert_eq!(summary.log.unwrap().rows, 5);
}

#[test]
fn rejects_are_kept_and_stale_ones_removed() {
    let store = memory();
    let version = put(&store, MIXED.as_bytes());
    let outcomes = analyze(&app(store.clone()), &allowed(&version)).unwrap();
    assert!(matches!(&outcomes[..], [Outcome::Analyzed(Analyzed { rows: 1, rejects: 2, .. })]));
    let (rejects, media_type) = results(&store)["web01/2019-08-01.rejects.jsonl"].clone();
    assert_eq!(media_type, "application/jsonl");
    let rejects = String::from_utf8(rejects).unwrap();
    let lines: Vec<serde_json::Value> =
        rejects.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["line"], &lines[1]["line"]), (2, &3.into(), &4.into()));
    assert_eq!(lines[1]["raw"], "nonsense");
    assert_eq!(summary(&store).log.unwrap().metadata.cores, Some(8));

    let version = put(&store, LOG);
    assert!(needed(&store));
    analyze(&app(store.clone()), &allowed(&version)).unwrap();
    assert!(!results(&store).contains_key("web01/2019-08-01.rejects.jsonl"));
}

#[test]
fn the_same_event_again_gives_the_same_bytes() {
    let store = memory();
    let version = put(&store, MIXED.as_bytes());
    analyze(&app(store.clone()), &allowed(&version)).unwrap();
    let once = results(&store);
    let outcomes = analyze(&app(store.clone()), &allowed(&version)).unwrap();
    assert_eq!(outcomes, [Outcome::Current { key: RawKey::parse(KEY).unwrap() }]);
    assert_eq!(results(&store), once);
}

#[test]
fn an_old_event_leaves_the_results_of_the_newest_version() {
    let store = memory();
    let old = put(&store, MIXED.as_bytes());
    let new = put(&store, LOG);
    for (event, expected) in [(&old, &old), (&new, &new), (&old, &new)] {
        analyze(&app(store.clone()), &allowed(event)).unwrap();
        assert_eq!(summary(&store).raw.version, expected.id.to_string());
    }
    assert_eq!(results(&store)["web01/2019-08-01.csv"].0, CSV);
}

#[test]
fn an_empty_log_and_a_packed_one() {
    let store = memory();
    let version = put(&store, b"");
    analyze(&app(store.clone()), &allowed(&version)).unwrap();
    let header = CSV.split_inclusive(|b| *b == b'\n').next().unwrap();
    assert_eq!(results(&store)["web01/2019-08-01.csv"].0, header);

    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(LOG).unwrap();
    let packed = packed.finish().unwrap();
    let version = put(&store, &packed);
    analyze(&app(store.clone()), &allowed(&version)).unwrap();
    assert_eq!(results(&store)["web01/2019-08-01.csv"].0, CSV);
    assert_eq!(summary(&store).raw.size, packed.len() as u64);
}

#[test]
fn what_a_result_is_not_of_is_written_again() {
    let store = memory();
    let version = put(&store, MIXED.as_bytes());
    analyze(&app(store.clone()), &allowed(&version)).unwrap();
    let whole = settled(&store);
    for ending in ["csv", "svg", "png", "rejects.jsonl", "json"] {
        let key = format!("web01/2019-08-01.{ending}").parse().unwrap();
        store.delete(&ANALYZED.parse().unwrap(), &key).unwrap();
        analyze(&app(store.clone()), &allowed(&version)).unwrap();
        assert_eq!(settled(&store), whole, "{ending} was removed");
        let mut upload = store.create(&ANALYZED.parse().unwrap(), &key, "text/plain").unwrap();
        upload.write_all(b"of another run").unwrap();
        upload.commit().unwrap();
        analyze(&app(store.clone()), &allowed(&version)).unwrap();
        assert_eq!(settled(&store), whole, "{ending} was written over");
    }
}

#[test]
fn what_is_not_a_log_is_ignored_with_the_reason() {
    let store = memory();
    let notes: Event = Record { key: "notes.txt".parse().unwrap(), ..record(ALLOWED, None) }.into();
    let gone: Event = record(ALLOWED, None).into();
    let outcome = |event| analyze(&app(store.clone()), event).unwrap().remove(0);
    let ignored = Outcome::Ignored {
        what: "serverlogs-local/notes.txt".to_owned(),
        reason: "its key is not that of a day log".to_owned(),
    };
    assert_eq!(outcome(&notes), ignored);
    assert_eq!(outcome(&gone), Outcome::Gone { key: RawKey::parse(KEY).unwrap() });
    let removed = br#"{"Records":[{"eventName":"ObjectRemoved:Delete"}]}"#;
    let ignored = Outcome::Ignored {
        what: "record 1 of the event".to_owned(),
        reason: "\"ObjectRemoved:Delete\" is not the creation of an object".to_owned(),
    };
    assert_eq!(outcome(&Event::parse(removed).unwrap()), ignored);
    assert_eq!(analyze(&app_with(store, None), &Event::default()).unwrap(), []);
}

#[test]
fn one_bad_record_does_not_stop_its_neighbours() {
    let store = memory();
    let key = |server: &str| format!("{server}/2019-08-01.log").parse::<ObjectKey>().unwrap();
    let elsewhere = Record { bucket: "elsewhere".parse().unwrap(), ..record(ALLOWED, None) };
    let mut event = Event::parse(br#"{"Records":[{"eventName":"ObjectCreated:Put"}]}"#).unwrap();
    for server in ["web01", "web02", "web03"] {
        put_key(&store, key(server).as_str(), LOG);
        event.records.push(Record { key: key(server), ..record(ALLOWED, None) });
        event.records.push(elsewhere.clone());
    }
    let failing = Stepped::new(store.clone(), |step| match step.what.as_str() {
        "commit web02/2019-08-01.csv" => Err(io::Error::other("the disk is gone")),
        _ => Ok(()),
    });
    let error = analyze(&app(failing), &event).unwrap_err();
    assert_eq!(error.done.len(), 2, "{error:?}");
    let bad: Vec<Option<Record>> = error.failed.iter().map(|one| one.record.clone()).collect();
    let web02 = event.records[2].clone();
    let elsewhere = Some(elsewhere);
    assert_eq!(bad, [None, elsewhere.clone(), Some(web02), elsewhere.clone(), elsewhere]);
    let sentence = error.to_string();
    for part in [
        "5 of 7 records failed",
        "record 1 of the event cannot be read",
        "event for bucket elsewhere; this analyzer reads serverlogs-local",
        "serverlogs-local/web02/2019-08-01.log: the store failed at",
        "the disk is gone",
    ] {
        assert!(sentence.contains(part), "{sentence}");
    }
    assert!(results(&store).contains_key("web01/2019-08-01.json"));
    assert!(results(&store).contains_key("web03/2019-08-01.json"));
}

#[test]
fn without_two_buckets_or_any_settings_every_record_fails() {
    let store = memory();
    let version = put(&store, LOG);
    let raw_bucket = RAW.parse().unwrap();
    let one_bucket = Settings { analyzed_bucket: raw_bucket, ..settings(ALLOWED) };
    let sentence = |settings| {
        let error = analyze(&app_with(store.clone(), settings), &allowed(&version)).unwrap_err();
        assert_eq!(store.keys(&RAW.parse().unwrap()).len(), 1);
        error.to_string()
    };
    assert!(sentence(Some(one_bucket)).contains("they must be two"));
    assert!(sentence(None).contains("parameter store: timed out"));
}

#[test]
fn spread_keys_have_spread_results() {
    let store = memory();
    let (server, day) = ("web01".parse().unwrap(), "2019-08-01".parse().unwrap());
    let key = RawKey::new(server, day, KeyPrefix::Spread).object_key();
    put_key(&store, key.as_str(), LOG);
    analyze(&app(store.clone()), &Record { key, ..record(ALLOWED, None) }.into()).unwrap();
    assert!(results(&store).contains_key("f052/web01/2019-08-01.csv"));
}

/// Another writer changes the summary each time just before this run does.
#[test]
fn a_log_that_keeps_changing_is_a_failure() {
    let store = memory();
    let version = put(&store, LOG);
    let (inner, mut writes) = (store.clone(), 0);
    let restless = Stepped::new(store.clone(), move |step| {
        if step.what == "commit web01/2019-08-01.json" {
            writes += 1;
            let (bucket, key) = (ANALYZED.parse().unwrap(), SUMMARY.parse().unwrap());
            let mut upload = inner.create(&bucket, &key, "application/json").unwrap();
            upload.write_all(format!("{writes}").as_bytes()).unwrap();
            upload.commit().unwrap();
        }
        Ok(())
    });
    let AnalyzeError { failed, .. } = analyze(&app(restless), &allowed(&version)).unwrap_err();
    assert!(matches!(failed[0].error, RecordFailure::KeepsChanging(_)));
    assert!(failed[0].error.to_string().contains("keeps changing"));
    assert_eq!(results(&store)[SUMMARY].0, MAX_ATTEMPTS.to_string().as_bytes());
}

#[test]
fn a_full_store_says_so_and_a_short_read_writes_nothing() {
    let store = memory();
    let version = put(&store, LOG);
    let full = Stepped::new(store.clone(), |step| match step.what.as_str() {
        "write web01/2019-08-01.csv" => Err(io::ErrorKind::StorageFull.into()),
        _ => Ok(()),
    });
    let error = analyze(&app(full), &allowed(&version)).unwrap_err();
    assert!(matches!(error.failed[0].error, RecordFailure::Store(StoreError::Full { .. })));

    let error = analyze(&app(Short(store.clone())), &allowed(&version)).unwrap_err();
    assert!(matches!(error.failed[0].error, RecordFailure::Length { .. }), "{error}");
    assert_eq!(results(&store), Results::new());
}

/// A store whose connection ends before the log does.
struct Short(MemoryStore);

impl Store for Short {
    fn head(&self, bucket: &BucketName, key: &ObjectKey) -> Result<Option<Version>, StoreError> {
        self.0.head(bucket, key)
    }

    fn open(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: &VersionId,
    ) -> Result<Box<dyn io::Read + Send>, StoreError> {
        Ok(Box::new(io::Read::take(self.0.open(bucket, key, version)?, 100)))
    }

    fn create(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        content_type: &str,
    ) -> Result<Box<dyn Upload>, StoreError> {
        self.0.create(bucket, key, content_type)
    }

    fn delete(&self, bucket: &BucketName, key: &ObjectKey) -> Result<(), StoreError> {
        self.0.delete(bucket, key)
    }
}

/// The largest single write approximates what is held in memory.
#[test]
fn no_log_waits_in_memory() {
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..1_000_000 {
        bomb.write_all(b"x\n").unwrap();
    }
    let rows = LOG.repeat(4_000);
    for log in [bomb.finish().unwrap(), rows] {
        let store = memory();
        let version = put(&store, &log);
        let largest = Arc::new(Mutex::new(0));
        let seen = Arc::clone(&largest);
        let stepped = Stepped::new(store, move |step| {
            let mut seen = seen.lock().unwrap();
            *seen = step.bytes.max(*seen);
            Ok(())
        });
        analyze(&app(stepped), &allowed(&version)).unwrap();
        let largest = *largest.lock().unwrap();
        assert!((1..=8 << 20).contains(&largest), "{largest}");
    }
}
