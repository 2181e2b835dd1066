//! The delivery log in a store: kills at every write, two writers, receipts, a dishonest operator.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::delivery_log::{Log, LogError, LogWriter, published_keys, receipt};
use log2aws_service::ports::{
    Condition, ListPage, ListQuery, ObjectLister, Store, StoreError, Upload, Version, VersionId,
};
use log2aws_store::{BucketSpec, MemoryStore};
use log2aws_tlog::delivery::{Delivery, Verdict};
use log2aws_tlog::note::{Algorithm, SigningKey, VerifierKey};
use log2aws_tlog::receipt::Receipt;
use log2aws_tlog::tile::Tile;

const ORIGIN: &str = "log2aws/serverlogs-local/0123";

fn bucket() -> BucketName {
    "analyzedlogs-local".parse().unwrap()
}

fn store() -> MemoryStore {
    MemoryStore::new(&[BucketSpec { name: bucket(), versioned: false }])
}

fn key(seed: u8) -> SigningKey {
    SigningKey::new(ORIGIN, Algorithm::Note, [seed; 32]).unwrap()
}

fn verifier(seed: u8) -> [VerifierKey; 1] {
    [key(seed).verifier().clone()]
}

/// The delivery of server `n`, of these bytes.
fn delivery(n: usize, bytes: u8) -> Delivery {
    let place = (format!("web{n:05}").parse().unwrap(), "2019-08-01".parse().unwrap());
    let arrived =
        Timestamp::from_millisecond(1_564_704_000_000 + i64::try_from(n).unwrap()).unwrap();
    let version = format!("v{n}-{bytes}");
    Delivery::new(place, ([bytes; 32], 7), &version, arrived, Verdict::Accepted).unwrap()
}

fn deliveries(range: std::ops::Range<usize>) -> Vec<Delivery> {
    range.map(|n| delivery(n, 1)).collect()
}

fn append(store: &dyn ObjectLister, new: &[Delivery]) -> Result<(), LogError> {
    let (keys, bucket) = ([key(1)], bucket());
    let writer = LogWriter::new(store, &bucket, &keys, ORIGIN);
    writer.recover()?;
    writer.append(new).map(drop)
}

fn entries(store: &dyn Store) -> Vec<Delivery> {
    let bucket = bucket();
    let Some(log) = Log::open(store, &bucket).unwrap() else { return Vec::new() };
    log.verify(&verifier(1)).unwrap();
    (0..log.bundles()).flat_map(|n| log.bundle(n).unwrap()).collect()
}

fn receipt_of(store: &dyn Store, n: usize, sha256: Option<&[u8; 32]>) -> Option<Receipt> {
    let server = format!("web{n:05}").parse().unwrap();
    receipt(store, &bucket(), (&server, "2019-08-01".parse().unwrap()), sha256).unwrap()
}

fn put(store: &dyn Store, name: &str, bytes: &[u8]) {
    let mut upload = store.create(&bucket(), &name.parse().unwrap(), "").unwrap();
    upload.write_all(bytes).unwrap();
    upload.commit().unwrap();
}

/// A store whose process dies at one of its writes.
struct Mortal<'a> {
    store: &'a MemoryStore,
    left: AtomicUsize,
}

fn dead() -> StoreError {
    StoreError::Failed { what: "living".to_owned(), source: io::Error::other("killed") }
}

impl Mortal<'_> {
    fn lives(left: &AtomicUsize) -> bool {
        left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }
}

impl Store for Mortal<'_> {
    fn head(&self, bucket: &BucketName, key: &ObjectKey) -> Result<Option<Version>, StoreError> {
        self.store.head(bucket, key)
    }

    fn open(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: &VersionId,
    ) -> Result<Box<dyn io::Read + Send>, StoreError> {
        self.store.open(bucket, key, version)
    }

    fn create(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        content_type: &str,
    ) -> Result<Box<dyn Upload>, StoreError> {
        if !Self::lives(&self.left) {
            return Err(dead());
        }
        self.store.create(bucket, key, content_type)
    }

    fn delete(&self, bucket: &BucketName, key: &ObjectKey) -> Result<(), StoreError> {
        if !Self::lives(&self.left) {
            return Err(dead());
        }
        self.store.delete(bucket, key)
    }
}

impl ObjectLister for Mortal<'_> {
    fn list(&self, bucket: &BucketName, query: &ListQuery) -> Result<ListPage, StoreError> {
        self.store.list(bucket, query)
    }
}

#[test]
fn a_kill_at_any_write_loses_nothing_and_repeats_nothing() {
    for size in [0, 3, 250, 256] {
        for at in 0..12 {
            let store = store();
            append(&store, &deliveries(0..size)).unwrap();
            let mortal = Mortal { store: &store, left: AtomicUsize::new(at) };
            let _ = append(&mortal, &deliveries(size..size + 20));
            // The next run knows what the log has, and finds the rest in another order, with more.
            let (keys, bucket) = ([key(1)], bucket());
            let writer = LogWriter::new(&store, &bucket, &keys, ORIGIN);
            writer.recover().unwrap();
            let have = entries(&store);
            let mut rest = deliveries(0..size + 30);
            rest.retain(|delivery| !have.contains(delivery));
            rest.reverse();
            writer.append(&rest).unwrap();
            let mut all = entries(&store);
            assert_eq!(all.len(), size + 30, "{size}, killed at write {at}");
            all.sort_by_key(Delivery::arrived);
            assert_eq!(all, deliveries(0..size + 30));
            assert!(receipt_of(&store, size + 7, None).unwrap().check(&verifier(1), &[]).is_ok());
        }
    }
}

#[test]
fn a_second_writer_spoils_nothing() {
    let store = store();
    append(&store, &deliveries(0..250)).unwrap();
    // It has decided what comes next, wrote its tiles, and stalled before the checkpoint.
    let mortal = Mortal { store: &store, left: AtomicUsize::new(5) };
    assert!(append(&mortal, &deliveries(250..260)).is_err());
    // The other one finishes that before its own.
    append(&store, &deliveries(260..270)).unwrap();
    assert_eq!(entries(&store).len(), 270);
    let log_of = |n| receipt_of(&store, n, None).unwrap();
    assert!(log_of(255).check(&verifier(1), &[]).is_ok());
    assert!(log_of(265).check(&verifier(1), &[]).is_ok());
    // A writer that read the log before that may decide nothing: its condition fails.
    let stale = store.head(&bucket(), &"tlog/pending".parse().unwrap()).unwrap();
    append(&store, &deliveries(270..271)).unwrap();
    let upload = store.create(&bucket(), &"tlog/pending".parse().unwrap(), "").unwrap();
    let written = upload.commit_if(&Condition::unchanged(stale.as_ref()));
    assert!(matches!(written, Err(StoreError::Changed { .. })));
}

#[test]
fn a_receipt_is_of_the_bytes_or_of_the_newest() {
    let store = store();
    assert!(receipt_of(&store, 3, None).is_none());
    append(&store, &deliveries(0..700)).unwrap();
    append(&store, &[delivery(3, 2), delivery(9, 9)]).unwrap();
    let newest = receipt_of(&store, 3, None).unwrap();
    assert_eq!((newest.index, newest.delivery.sha256()), (700, &[2; 32]));
    let first = receipt_of(&store, 3, Some(&[1; 32])).unwrap();
    assert_eq!((first.index, first.delivery.version()), (3, "v3-1"));
    assert!(receipt_of(&store, 3, Some(&[3; 32])).is_none());
    assert!(receipt_of(&store, 9999, None).is_none());
    for receipt in [newest, first] {
        assert!(receipt.to_string().len() <= 2048);
        let again = Receipt::parse(receipt.to_string().as_bytes()).unwrap();
        again.check(&verifier(1), &[]).unwrap();
    }
    // An entry that arrived out of order, as after a clock that was set back.
    let place = ("late".parse().unwrap(), "2030-01-01".parse().unwrap());
    let early = Timestamp::UNIX_EPOCH;
    let late = Delivery::new(place, ([5; 32], 1), "v", early, Verdict::Accepted).unwrap();
    append(&store, std::slice::from_ref(&late)).unwrap();
    append(&store, &deliveries(1000..1300)).unwrap();
    let found = receipt(&store, &bucket(), (late.server(), late.day()), None).unwrap().unwrap();
    assert_eq!(found.delivery, late);
}

#[test]
fn partial_tiles_go_when_the_full_one_is_there_and_old_checkpoints_still_lead_on() {
    let store = store();
    let mut heads = Vec::new();
    for n in [100, 250, 255, 256, 600] {
        append(&store, &deliveries(entries(&store).len()..n)).unwrap();
        heads.push(Log::open(&store, &bucket()).unwrap().unwrap().checkpoint().clone());
    }
    let query = ListQuery { prefix: "tlog/tile/".to_owned(), ..ListQuery::default() };
    let page = store.list(&bucket(), &query).unwrap();
    let names: Vec<_> = page.objects.iter().map(|o| o.key.as_str().to_owned()).collect();
    assert!(names.iter().all(|name| Tile::parse(name.strip_prefix("tlog/").unwrap()).is_some()));
    let partial: Vec<_> = names.iter().filter(|name| name.contains(".p/")).collect();
    assert_eq!(
        partial,
        [
            "tlog/tile/0/002.p/88",
            "tlog/tile/1/000.p/1",
            "tlog/tile/1/000.p/2",
            "tlog/tile/entries/002.p/88"
        ]
    );
    let bucket = bucket();
    let log = Log::open(&store, &bucket).unwrap().unwrap();
    for head in &heads {
        log.continues(head).unwrap();
    }
    assert_eq!(log.entry(255).unwrap(), delivery(255, 1));
    assert!(log.entry(600).is_err());
}

#[test]
fn keys_are_named_and_old_receipts_check_with_the_old_key() {
    let (store, bucket) = (store(), bucket());
    append(&store, &deliveries(0..3)).unwrap();
    let old = receipt_of(&store, 1, None).unwrap();
    let both = [key(1), key(2)];
    let writer = LogWriter::new(&store, &bucket, &both, ORIGIN);
    writer.publish_keys().unwrap();
    writer.append(&deliveries(3..4)).unwrap();
    let both = [verifier(1), verifier(2)].concat();
    assert_eq!(published_keys(&store, &bucket).unwrap(), both);
    let new = [key(2)];
    let writer = LogWriter::new(&store, &bucket, &new, ORIGIN);
    writer.append(&deliveries(4..5)).unwrap();
    assert_eq!(published_keys(&store, &bucket).unwrap(), both);
    old.check(&verifier(1), &[]).unwrap();
    let late = receipt_of(&store, 1, None).unwrap();
    assert!(late.check(&verifier(1), &[]).is_err() && late.check(&verifier(2), &[]).is_ok());
    // A checkpoint that somebody else signed is not continued.
    let other = [key(3)];
    let writer = LogWriter::new(&store, &bucket, &other, ORIGIN);
    assert!(matches!(writer.append(&deliveries(5..6)), Err(LogError::Checkpoint(_))));
}

#[test]
fn a_restored_store_continues_under_its_own_name() {
    let (store, bucket) = (store(), bucket());
    append(&store, &deliveries(0..3)).unwrap();
    let name = "log2aws/serverlogs-local/4567";
    let keys = [SigningKey::new(name, Algorithm::Note, [4; 32]).unwrap()];
    let writer = LogWriter::new(&store, &bucket, &keys, name);
    writer.recover().unwrap();
    writer.append(&deliveries(3..5)).unwrap();
    let log = Log::open(&store, &bucket).unwrap().unwrap();
    assert_eq!((log.size(), &*log.checkpoint().origin), (5, name));
    assert_eq!(log.entry(1).unwrap(), delivery(1, 1));
}

#[test]
fn an_operator_who_removes_or_rewrites_a_day_is_found_out() {
    let honest = store();
    append(&honest, &deliveries(0..300)).unwrap();
    let held = receipt_of(&honest, 7, None).unwrap();
    append(&honest, &deliveries(300..400)).unwrap();
    let bucket = bucket();
    let check = |store: &MemoryStore| {
        let log = Log::open(store, &bucket).unwrap().unwrap();
        log.verify(&verifier(1)).unwrap();
        log.continues(held.checkpoint.checkpoint())
    };
    check(&honest).unwrap();
    // He has the key, and writes the whole log again: without the day, with other bytes, shorter.
    let mut without = deliveries(0..400);
    without.remove(7);
    let mut other = deliveries(0..400);
    other[7] = delivery(7, 66);
    for history in [without, other, deliveries(0..200), deliveries(1..301)] {
        let forged = store();
        append(&forged, &history).unwrap();
        let error = check(&forged).unwrap_err();
        assert!(matches!(error, LogError::Fork { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(&format!("it has {} entries", history.len())), "{text}");
        assert!(text.contains("the 300 entries of the earlier checkpoint"), "{text}");
        // The receipt that he gave is still good, offline.
        held.check(&verifier(1), &[]).unwrap();
    }
    // He changes the bundle alone: the tiles do not fit, and no receipt is made.
    let key = "tlog/tile/entries/000";
    let mut bytes = Vec::new();
    let version = honest.head(&bucket, &key.parse().unwrap()).unwrap().unwrap();
    let mut opened = honest.open(&bucket, &key.parse().unwrap(), &version.id).unwrap();
    io::Read::read_to_end(&mut opened, &mut bytes).unwrap();
    let changed = String::from_utf8_lossy(&bytes).replace("size 7", "size 8").into_bytes();
    put(&honest, key, &changed);
    let day = "2019-08-01".parse().unwrap();
    let made = receipt(&honest, &bucket, (&"web00007".parse().unwrap(), day), None);
    assert!(matches!(made, Err(LogError::Damaged { .. })), "{made:?}");
}

#[test]
fn a_damaged_edge_is_not_continued() {
    let store = store();
    append(&store, &deliveries(0..3)).unwrap();
    put(&store, "tlog/tile/0/000.p/3", &[7; 96]);
    let error = append(&store, &deliveries(3..4)).unwrap_err().to_string();
    assert!(error.contains("tlog/tile/entries/000.p/3") && error.contains("damaged"), "{error}");
    assert_eq!(Log::open(&store, &bucket()).unwrap().unwrap().size(), 3);
}
