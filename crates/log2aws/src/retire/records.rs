//! Reads and changes the records, so that of two operators at once neither loses a decision.

use std::io::{self, Read as _, Write as _};

use anyhow::{Context as _, bail};
use log2aws_core::key::ObjectKey;
use log2aws_core::retired::{DecisionError, KEY, MAX_BYTES, Retired};
use log2aws_service::ports::{Condition, Store, StoreError, Version};

use crate::results_bucket::ResultsBucket;

/// How often the records are read, and a change is tried, that others overtake.
const MAX_ATTEMPTS: u32 = 10;

fn key() -> anyhow::Result<ObjectKey> {
    Ok(KEY.parse()?)
}

/// The records, and the object that they were read from.
///
/// # Errors
/// The store's; the records are damaged.
pub(super) fn read(bucket: &ResultsBucket) -> anyhow::Result<(Retired, Option<Version>)> {
    let (store, name, key) = (&bucket.store, &bucket.name, key()?);
    let read = || -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        let mut attempts = 0;
        loop {
            let Some(version) = store.head(name, &key)? else { return Ok(None) };
            attempts += 1;
            let opened = match store.open(name, &key, &version.id) {
                // Replaced since the lookup.
                Err(StoreError::NotFound { .. }) if attempts < MAX_ATTEMPTS => continue,
                opened => opened?,
            };
            let mut bytes = Vec::new();
            opened.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|source| {
                StoreError::Failed { what: format!("reading {name}/{key}"), source }
            })?;
            return Ok(Some((bytes, version)));
        }
    };
    let place = || format!("s3://{name}/{key} cannot be read");
    let Some((bytes, version)) = read().with_context(place)? else {
        return Ok((Retired::default(), None));
    };
    if bytes.len() as u64 > MAX_BYTES {
        bail!("{}: it has more than {MAX_BYTES} bytes", place());
    }
    let retired = Retired::parse(&bytes).with_context(|| {
        format!("{}; repair it, or restore a version before: nothing was written", place())
    })?;
    Ok((retired, Some(version)))
}

/// Reads the records, changes them, and writes them if nobody else has meanwhile; otherwise starts
/// over.
///
/// # Errors
/// As [`read`]; the decision is refused; the records change all the time.
pub(super) fn change<T>(
    bucket: &ResultsBucket,
    decide: impl Fn(&mut Retired) -> Result<T, DecisionError>,
) -> anyhow::Result<T> {
    let key = key()?;
    let place = format!("s3://{}/{key}", bucket.name);
    for _ in 0..MAX_ATTEMPTS {
        let (mut retired, seen) = read(bucket)?;
        let decided =
            decide(&mut retired).with_context(|| format!("nothing was written to {place}"))?;
        match write(bucket, &key, &retired, &Condition::unchanged(seen.as_ref())) {
            Ok(()) => return Ok(decided),
            Err(StoreError::Changed { .. }) => {}
            Err(error) => return Err(error).with_context(|| format!("{place} cannot be written")),
        }
    }
    bail!(
        "{place} was changed by others {MAX_ATTEMPTS} times meanwhile; nothing was written: try again"
    )
}

fn write(
    bucket: &ResultsBucket,
    key: &ObjectKey,
    retired: &Retired,
    condition: &Condition,
) -> Result<(), StoreError> {
    let name = &bucket.name;
    let mut upload = bucket.store.create(name, key, "application/json")?;
    let failed =
        |source: io::Error| StoreError::Failed { what: format!("writing {name}/{key}"), source };
    upload.write_all(&retired.to_json()).map_err(failed)?;
    upload.commit_if(condition).map(drop)
}
