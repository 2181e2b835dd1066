//! Reads and changes an object of the results' bucket that holds records of operators, so that of
//! two operators at once neither loses a decision.

use std::io::{self, Read as _, Write as _};

use anyhow::{Context as _, bail};
use log2aws_core::key::ObjectKey;
use log2aws_service::ports::{Condition, Store, StoreError, Version};

use crate::results_bucket::ResultsBucket;

/// How often the records are read, and a change is tried, that others overtake.
const MAX_ATTEMPTS: u32 = 10;

/// An object with records.
pub(crate) struct StoredRecord<T> {
    /// Its key.
    pub(crate) key: &'static str,
    /// The most bytes that are read.
    pub(crate) max_bytes: u64,
    /// Reads it.
    pub(crate) parse: fn(&[u8]) -> anyhow::Result<T>,
    /// Writes it.
    pub(crate) to_json: fn(&T) -> Vec<u8>,
}

impl<T> StoredRecord<T> {
    /// The records, and the object that they were read from; `None` if there is no object.
    ///
    /// # Errors
    /// The store's; the records are damaged.
    pub(crate) fn read(&self, bucket: &ResultsBucket) -> anyhow::Result<Option<(T, Version)>> {
        let (store, name, key) = (&bucket.store, &bucket.name, self.key.parse::<ObjectKey>()?);
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
                opened.take(self.max_bytes + 1).read_to_end(&mut bytes).map_err(|source| {
                    StoreError::Failed { what: format!("reading {name}/{key}"), source }
                })?;
                return Ok(Some((bytes, version)));
            }
        };
        let place = || format!("s3://{name}/{key} cannot be read");
        let Some((bytes, version)) = read().with_context(place)? else { return Ok(None) };
        if bytes.len() as u64 > self.max_bytes {
            bail!("{}: it has more than {} bytes", place(), self.max_bytes);
        }
        let records = (self.parse)(&bytes).with_context(|| {
            format!("{}; repair it, or restore a version before: nothing was written", place())
        })?;
        Ok(Some((records, version)))
    }

    /// Reads the records, changes them, and writes them if nobody else has meanwhile; otherwise
    /// starts over. `absent` gives the records where there is no object, or an error.
    ///
    /// # Errors
    /// As [`StoredRecord::read`]; the decision is refused; the records change all the time.
    pub(crate) fn change<R, E: Into<anyhow::Error>>(
        &self,
        bucket: &ResultsBucket,
        absent: impl Fn() -> anyhow::Result<T>,
        decide: impl Fn(&mut T) -> Result<R, E>,
    ) -> anyhow::Result<R> {
        let place = format!("s3://{}/{}", bucket.name, self.key);
        for _ in 0..MAX_ATTEMPTS {
            let (mut records, seen) = match self.read(bucket)? {
                Some((records, version)) => (records, Some(version)),
                None => (absent()?, None),
            };
            let decided = decide(&mut records)
                .map_err(Into::into)
                .with_context(|| format!("nothing was written to {place}"))?;
            match self.write(bucket, &records, &Condition::unchanged(seen.as_ref())) {
                Ok(()) => return Ok(decided),
                Err(StoreError::Changed { .. }) => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("{place} cannot be written"));
                }
            }
        }
        bail!(
            "{place} was changed by others {MAX_ATTEMPTS} times meanwhile; nothing was written: try \
             again"
        )
    }

    fn write(
        &self,
        bucket: &ResultsBucket,
        records: &T,
        condition: &Condition,
    ) -> Result<(), StoreError> {
        let (name, key) = (&bucket.name, self.key);
        let failed = |source: io::Error| StoreError::Failed {
            what: format!("writing {name}/{key}"),
            source,
        };
        let object = key.parse().map_err(|error| failed(io::Error::other(error)))?;
        let mut upload = bucket.store.create(name, &object, "application/json")?;
        upload.write_all(&(self.to_json)(records)).map_err(failed)?;
        upload.commit_if(condition).map(drop)
    }
}
