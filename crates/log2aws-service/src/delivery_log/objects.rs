//! Reads and writes the small objects of the log.

use std::io::{self, Read as _, Write as _};

use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_tlog::layout;
use log2aws_tlog::note::VerifierKey;

use super::{LogError, MAX_KEYS};
use crate::ports::{Condition, Store, StoreError, Version};

/// How often an object is read that others replace at the same time.
const MAX_ATTEMPTS: u32 = 10;

/// An object of at most `max` bytes; `None` if there is none.
pub(super) fn read(
    store: &dyn Store,
    bucket: &BucketName,
    key: &str,
    max: u64,
) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
    let key = object_key(key)?;
    let failed = |source| StoreError::Failed { what: format!("reading {bucket}/{key}"), source };
    for _ in 0..MAX_ATTEMPTS {
        let Some(version) = store.head(bucket, &key)? else { return Ok(None) };
        let opened = match store.open(bucket, &key, &version.id) {
            // Replaced since the look-up.
            Err(StoreError::NotFound { .. }) => continue,
            opened => opened?,
        };
        let mut bytes = Vec::new();
        opened.take(max + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > max {
            return Err(failed(io::Error::other(format!("it has more than {max} bytes"))));
        }
        return Ok(Some((bytes, version)));
    }
    Err(failed(io::Error::other("it is replaced all the time")))
}

/// Writes an object if `condition` holds.
pub(super) fn write(
    store: &dyn Store,
    bucket: &BucketName,
    (key, content_type): (&str, &str),
    bytes: &[u8],
    condition: &Condition,
) -> Result<Version, StoreError> {
    let key = object_key(key)?;
    let mut upload = store.create(bucket, &key, content_type)?;
    let failed = |source| StoreError::Failed { what: format!("writing {bucket}/{key}"), source };
    upload.write_all(bytes).map_err(failed)?;
    upload.commit_if(condition)
}

pub(super) fn object_key(key: &str) -> Result<ObjectKey, StoreError> {
    let source = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
    key.parse().map_err(|e| StoreError::Failed { what: format!("naming {key}"), source: source(e) })
}

/// The keys that the log names, and the object that names them.
pub(super) fn read_keys(
    store: &dyn Store,
    bucket: &BucketName,
) -> Result<(Vec<VerifierKey>, Option<Version>), LogError> {
    let Some((bytes, version)) = read(store, bucket, layout::KEYS, MAX_KEYS)? else {
        return Ok((Vec::new(), None));
    };
    let keys = str::from_utf8(&bytes).ok().and_then(|text| {
        text.lines().map(|line| line.parse().ok()).collect::<Option<Vec<VerifierKey>>>()
    });
    let keys = keys.ok_or_else(|| LogError::damaged(layout::KEYS, "has a line that is no key"))?;
    Ok((keys, Some(version)))
}
