//! The guarantees of the store port as checks that every store passes.
//!
//! Each check uses its own keys below `conformance/`, so it can also run on a bucket in use.
//! Leftovers of an earlier run do no harm.

mod list;

use std::fmt;
use std::io::Read as _;

use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_service::ports::{
    Condition, ObjectLister, Store, StoreError, Upload, Version, VersionId,
};

pub use list::{
    LISTS, ListCheck, a_list_goes_on_behind_any_key, a_list_has_every_key_in_order,
    a_list_of_an_unknown_bucket_is_not_found, a_long_list_comes_in_pages,
    a_tag_changes_with_the_body, folders_are_rolled_up,
};

/// A guarantee that a store breaks, and how the check noticed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(String);

type Outcome = Result<(), Broken>;

/// A check of one guarantee in one bucket.
pub type Check = fn(&dyn Store, &BucketName) -> Outcome;

/// The guarantees that hold in every bucket.
pub const EVERYWHERE: &[(&str, Check)] = &[
    ("an absent key has no newest version", an_absent_key_has_no_newest_version),
    ("what was committed reads back whole", what_was_committed_reads_back_whole),
    ("nothing is seen before the commit", nothing_is_seen_before_the_commit),
    ("a dropped upload leaves no trace", a_dropped_upload_leaves_no_trace),
    ("different bodies have different names", different_bodies_have_different_names),
    ("a reader keeps the body that it opened", a_reader_keeps_the_body_that_it_opened),
    ("an unknown version is not found", an_unknown_version_is_not_found),
    ("a delete removes, twice too", a_delete_removes_twice_too),
    ("keys do not touch each other", keys_do_not_touch_each_other),
    ("of puts at once one stands whole", of_puts_at_once_one_stands_whole),
    (
        "a conditional write changes only what was seen",
        a_conditional_write_changes_only_what_was_seen,
    ),
    ("of conditional writes at once one succeeds", of_conditional_writes_at_once_one_succeeds),
];

/// Runs every check: in the raw bucket, which keeps versions, and in the analyzed bucket.
///
/// # Errors
/// The first guarantee that is [`Broken`], with its name and the bucket.
pub fn run_all(store: &dyn ObjectLister, raw: &BucketName, analyzed: &BucketName) -> Outcome {
    let with_name = |name: &str, bucket: &BucketName, outcome: Outcome| {
        outcome.map_err(|Broken(why)| Broken(format!("{name:?} is broken in {bucket}: {why}")))
    };
    for bucket in [raw, analyzed] {
        for (name, check) in EVERYWHERE {
            with_name(name, bucket, check(store, bucket))?;
        }
        for (name, check) in LISTS {
            with_name(name, bucket, check(store, bucket))?;
        }
    }
    with_name("older versions stay", raw, older_versions_stay(store, raw))?;
    with_name("an unknown bucket is not found", raw, an_unknown_bucket_is_not_found(store))?;
    let name = "a list of an unknown bucket is not found";
    with_name(name, raw, a_list_of_an_unknown_bucket_is_not_found(store))
}

/// `head` of a key that was never put or was deleted is `None`.
///
/// # Errors
/// [`Broken`].
pub fn an_absent_key_has_no_newest_version(store: &dyn Store, bucket: &BucketName) -> Outcome {
    let key = key("absent/never put")?;
    same("newest", store.head(bucket, &key)?, None)
}

/// Bodies that are empty, short, or larger than any buffer read back byte for byte.
///
/// # Errors
/// [`Broken`].
pub fn what_was_committed_reads_back_whole(store: &dyn Store, bucket: &BucketName) -> Outcome {
    let large: Vec<u8> =
        (0..3_000_001_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for (name, bytes) in [("empty", &b""[..]), ("small", b"\0\n\xff log2aws\n"), ("large", &large)]
    {
        let key = key(&format!("whole/{name}"))?;
        let put = put(store, bucket, &key, bytes)?;
        same("size", put.size, bytes.len() as u64)?;
        same("newest", store.head(bucket, &key)?, Some(put.clone()))?;
        holds("the bytes differ", read(store, bucket, &key, &put.id)? == bytes)?;
    }
    Ok(())
}

/// An upload in progress changes nothing that a reader sees.
///
/// # Errors
/// [`Broken`].
pub fn nothing_is_seen_before_the_commit(store: &dyn Store, bucket: &BucketName) -> Outcome {
    let key = key("unseen")?;
    store.delete(bucket, &key)?;
    let mut upload = begin(store, bucket, &key, b"half of ")?;
    same("newest of a new key", store.head(bucket, &key)?, None)?;
    write(&mut *upload, b"it")?;
    let first = upload.commit()?;
    let _half = begin(store, bucket, &key, b"something else")?;
    same("newest of a present key", store.head(bucket, &key)?, Some(first.clone()))?;
    same("bytes", read(store, bucket, &key, &first.id)?, b"half of it".to_vec())
}

/// An upload that is dropped leaves the key unchanged.
///
/// # Errors
/// [`Broken`].
pub fn a_dropped_upload_leaves_no_trace(store: &dyn Store, bucket: &BucketName) -> Outcome {
    let key = key("dropped")?;
    store.delete(bucket, &key)?;
    drop(begin(store, bucket, &key, b"never")?);
    same("newest of a new key", store.head(bucket, &key)?, None)?;
    let kept = put(store, bucket, &key, b"kept")?;
    drop(begin(store, bucket, &key, b"never")?);
    same("newest of a present key", store.head(bucket, &key)?, Some(kept))
}

/// Every change of a key's bytes gives a new version id, even back to earlier bytes.
///
/// # Errors
/// [`Broken`].
pub fn different_bodies_have_different_names(store: &dyn Store, bucket: &BucketName) -> Outcome {
    let key = key("names")?;
    let first = put(store, bucket, &key, b"A")?;
    let second = put(store, bucket, &key, b"B")?;
    let third = put(store, bucket, &key, b"A")?;
    holds("the second body is named as the first", first.id != second.id)?;
    holds("the third body is named as the second", second.id != third.id)?;
    holds("the third body is named as the first", first.id != third.id)?;
    same("newest", store.head(bucket, &key)?, Some(third))
}

/// A reader can read its body to the end while the key is put again and deleted.
///
/// # Errors
/// [`Broken`].
pub fn a_reader_keeps_the_body_that_it_opened(store: &dyn Store, bucket: &BucketName) -> Outcome {
    let key = key("reader")?;
    let old = vec![b'o'; 300_000];
    let first = put(store, bucket, &key, &old)?;
    let mut reader = store.open(bucket, &key, &first.id)?;
    let mut head = [0; 10];
    reader.read_exact(&mut head).map_err(|e| Broken(format!("reading: {e}")))?;
    put(store, bucket, &key, &vec![b'n'; 400_000])?;
    store.delete(bucket, &key)?;
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).map_err(|e| Broken(format!("reading on: {e}")))?;
    holds("the reader saw another body", rest == old[head.len()..])
}

/// A version that the key does not have is `NotFound`, whether the key exists or not.
///
/// # Errors
/// [`Broken`].
pub fn an_unknown_version_is_not_found(store: &dyn Store, bucket: &BucketName) -> Outcome {
    let (present, absent) = (key("unknown/present")?, key("unknown/absent")?);
    put(store, bucket, &present, b"here")?;
    for key in [&present, &absent] {
        for id in ["000000000000000000000000", "..", "", "a/b", "\u{1f5c4}"] {
            not_found(store.open(bucket, key, &VersionId::new(id)).map(drop))?;
        }
    }
    Ok(())
}

/// After a delete the key has no newest version; deleting an absent key succeeds; a later put works
/// as usual.
///
/// # Errors
/// [`Broken`].
pub fn a_delete_removes_twice_too(store: &dyn Store, bucket: &BucketName) -> Outcome {
    let key = key("deleted/deep/down")?;
    put(store, bucket, &key, b"soon gone")?;
    store.delete(bucket, &key)?;
    same("newest", store.head(bucket, &key)?, None)?;
    store.delete(bucket, &key)?;
    let again = put(store, bucket, &key, b"soon gone")?;
    same("newest", store.head(bucket, &key)?, Some(again.clone()))?;
    same("bytes", read(store, bucket, &key, &again.id)?, b"soon gone".to_vec())
}

/// Keys that a naive store would confuse with each other, with folders or with parent paths are
/// ordinary keys.
///
/// # Errors
/// [`Broken`].
pub fn keys_do_not_touch_each_other(store: &dyn Store, bucket: &BucketName) -> Outcome {
    let names = [
        "k",
        "k/",
        "k//",
        "k//x",
        "/k",
        "k/x",
        "k/.",
        "k/..",
        "k/../k",
        ".k",
        "k@",
        "k@/x",
        "K",
        "k%2Fx",
        "k%",
        "k+x",
        "k x",
        "k\\x",
        "k\tx",
        "k/日本語.log",
        "k/サーバー/日本",
        "k*?[x]",
    ];
    let keys: Vec<ObjectKey> =
        names.iter().map(|name| key(&format!("apart/{name}"))).collect::<Result<_, _>>()?;
    let mut puts = Vec::new();
    for key in &keys {
        puts.push(put(store, bucket, key, key.as_str().as_bytes())?);
    }
    for (key, put) in keys.iter().zip(&puts) {
        same(key.as_str(), store.head(bucket, key)?.as_ref(), Some(put))?;
        same(key.as_str(), read(store, bucket, key, &put.id)?, key.as_str().as_bytes().to_vec())?;
    }
    for (i, key) in keys.iter().enumerate() {
        store.delete(bucket, key)?;
        for (later, put) in keys.iter().zip(&puts).skip(i + 1) {
            same(later.as_str(), store.head(bucket, later)?.as_ref(), Some(put))?;
        }
    }
    Ok(())
}

/// After concurrent puts of one key the newest version is one of those put, and every body that can
/// be opened is complete.
///
/// # Errors
/// [`Broken`].
pub fn of_puts_at_once_one_stands_whole(store: &dyn Store, bucket: &BucketName) -> Outcome {
    let key = key("at once")?;
    let body = |i: u8| vec![i; 50_000 + usize::from(i)];
    let put_one = |i: u8| put(store, bucket, &key, &body(i)).map(|version| (i, version));
    let puts: Vec<(u8, Version)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..=8).map(|i| scope.spawn(move || put_one(i))).collect();
        threads
            .into_iter()
            .map(|t| t.join().unwrap_or_else(|_| Err(Broken("a put panicked".to_owned()))))
            .collect::<Result<_, _>>()
    })?;
    let newest = store.head(bucket, &key)?;
    let Some((i, version)) = puts.into_iter().find(|(_, put)| Some(put) == newest.as_ref()) else {
        return Err(Broken(format!("the newest version is none of those put: {newest:?}")));
    };
    holds("the bytes differ", read(store, bucket, &key, &version.id)? == body(i))
}

/// A write whose condition fails is [`StoreError::Changed`] and changes nothing.
///
/// # Errors
/// [`Broken`].
pub fn a_conditional_write_changes_only_what_was_seen(
    store: &dyn Store,
    bucket: &BucketName,
) -> Outcome {
    let key = key("conditional")?;
    store.delete(bucket, &key)?;
    let write = |bytes: &[u8], condition: &Condition| -> Result<_, Broken> {
        Ok(begin(store, bucket, &key, bytes)?.commit_if(condition))
    };
    let lost = Condition::ETag("0".repeat(32));
    changed("a match of an absent key", write(b"none", &lost)?)?;
    same("newest of an absent key", store.head(bucket, &key)?, None)?;
    let first = write(b"first", &Condition::Absent)??;
    same("newest", store.head(bucket, &key)?, Some(first.clone()))?;
    changed("absent, of a present key", write(b"second", &Condition::Absent)?)?;
    changed("a match of another tag", write(b"second", &lost)?)?;
    same("newest", store.head(bucket, &key)?, Some(first.clone()))?;
    let second = write(b"second", &Condition::unchanged(Some(&first)))??;
    holds("the tag did not change with the body", first.e_tag != second.e_tag)?;
    changed("a match of the tag before", write(b"third", &Condition::unchanged(Some(&first)))?)?;
    same("newest", store.head(bucket, &key)?, Some(second))
}

/// Of concurrent writers with the same condition one succeeds, and the others get
/// [`StoreError::Changed`].
///
/// # Errors
/// [`Broken`].
pub fn of_conditional_writes_at_once_one_succeeds(
    store: &dyn Store,
    bucket: &BucketName,
) -> Outcome {
    let key = key("conditional/at once")?;
    store.delete(bucket, &key)?;
    for round in 0..3 {
        let condition = Condition::unchanged(store.head(bucket, &key)?.as_ref());
        let one = |i: u8| -> Result<bool, Broken> {
            let upload = begin(store, bucket, &key, &[round, i])?;
            match upload.commit_if(&condition) {
                Ok(_) => Ok(true),
                Err(StoreError::Changed { .. }) => Ok(false),
                Err(other) => Err(other.into()),
            }
        };
        let one = &one;
        let wrote = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|i| scope.spawn(move || one(i))).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, Result<bool, Broken>>| {
                thread.join().unwrap_or_else(|_| Err(Broken("a put panicked".to_owned())))
            };
            threads.into_iter().map(join).collect::<Result<Vec<bool>, _>>()
        })?;
        same("how many wrote", wrote.iter().filter(|wrote| **wrote).count(), 1)?;
    }
    Ok(())
}

/// In a versioned bucket, overwritten and deleted bodies can be read by version id.
///
/// # Errors
/// [`Broken`].
pub fn older_versions_stay(store: &dyn Store, bucket: &BucketName) -> Outcome {
    let key = key("older")?;
    let bodies = [&b"first"[..], b"second, longer", b"3"];
    let mut versions = Vec::new();
    for bytes in bodies {
        versions.push(put(store, bucket, &key, bytes)?);
    }
    let all_read = || {
        versions.iter().zip(bodies).try_for_each(|(version, bytes)| {
            same("bytes", read(store, bucket, &key, &version.id)?, bytes.to_vec())
        })
    };
    all_read()?;
    store.delete(bucket, &key)?;
    all_read()
}

/// Every operation on an unknown bucket is `NotFound`.
///
/// # Errors
/// [`Broken`].
pub fn an_unknown_bucket_is_not_found(store: &dyn Store) -> Outcome {
    let bucket: BucketName = "log2aws-conformance-no-such-bucket"
        .parse()
        .map_err(|e| Broken(format!("not a bucket name: {e}")))?;
    let key = key("nowhere")?;
    not_found(store.head(&bucket, &key).map(drop))?;
    not_found(store.open(&bucket, &key, &VersionId::new("0")).map(drop))?;
    not_found(store.create(&bucket, &key, "text/plain").map(drop))?;
    not_found(store.delete(&bucket, &key))
}

fn key(name: &str) -> Result<ObjectKey, Broken> {
    format!("conformance/{name}").parse().map_err(|e| Broken(format!("not a key: {e}")))
}

fn begin(
    store: &dyn Store,
    bucket: &BucketName,
    key: &ObjectKey,
    bytes: &[u8],
) -> Result<Box<dyn Upload>, Broken> {
    let mut upload = store.create(bucket, key, "application/octet-stream")?;
    write(&mut *upload, bytes)?;
    Ok(upload)
}

fn write(upload: &mut dyn Upload, bytes: &[u8]) -> Outcome {
    upload.write_all(bytes).map_err(|e| Broken(format!("writing: {e}")))
}

fn put(
    store: &dyn Store,
    bucket: &BucketName,
    key: &ObjectKey,
    bytes: &[u8],
) -> Result<Version, Broken> {
    Ok(begin(store, bucket, key, bytes)?.commit()?)
}

fn read(
    store: &dyn Store,
    bucket: &BucketName,
    key: &ObjectKey,
    id: &VersionId,
) -> Result<Vec<u8>, Broken> {
    let mut bytes = Vec::new();
    let mut reader = store.open(bucket, key, id)?;
    reader.read_to_end(&mut bytes).map_err(|e| Broken(format!("reading {key}: {e}")))?;
    Ok(bytes)
}

#[expect(clippy::needless_pass_by_value, reason = "the calls read better so")]
fn same<T: PartialEq + fmt::Debug>(what: &str, is: T, should: T) -> Outcome {
    if is == should {
        return Ok(());
    }
    Err(Broken(format!("{what} is {is:?}, and should be {should:?}")))
}

fn holds(otherwise: &str, condition: bool) -> Outcome {
    if condition { Ok(()) } else { Err(Broken(otherwise.to_owned())) }
}

fn changed(what: &str, result: Result<Version, StoreError>) -> Outcome {
    match result {
        Err(StoreError::Changed { .. }) => Ok(()),
        other => Err(Broken(format!("{what}: {other:?}, and should be Changed"))),
    }
}

fn not_found(result: Result<(), StoreError>) -> Outcome {
    match result {
        Err(StoreError::NotFound { .. }) => Ok(()),
        other => Err(Broken(format!("{other:?}, and should be NotFound"))),
    }
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self(format!("the store answers: {error} ({error:?})"))
    }
}
