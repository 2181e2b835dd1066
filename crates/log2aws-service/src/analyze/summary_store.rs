//! What the stored summary says of a log.

use std::io::Read as _;
use std::net::IpAddr;

use log2aws_core::key::{RawKey, ResultKind};
use log2aws_core::summary::Summary;

use crate::ports::{Settings, Store, StoreError};

/// The longest summary that is read, in bytes; ours have a few kilobytes.
pub const MAX_SUMMARY_BYTES: u64 = 4 * 1024 * 1024;

/// Whether the newest version of a raw log is another than the one that the stored summary names.
/// A summary that is absent or cannot be read names none; a log that is absent needs nothing.
///
/// A refused version needs it, too, once it may come from `source`, the address that it was put
/// from last: it was put again from there, or the address was put on the allow-list.
///
/// # Errors
/// [`StoreError`] when the store could not say.
pub fn needs_analysis(
    store: &dyn Store,
    settings: &Settings,
    key: &RawKey,
    source: Option<IpAddr>,
) -> Result<bool, StoreError> {
    let Some(newest) = store.head(&settings.raw_bucket, &key.object_key())? else {
        return Ok(false);
    };
    Ok(summary(store, settings, key)?.is_none_or(|summary| {
        let refused = summary.refused.is_some();
        summary.raw.version != newest.id.as_str()
            || (refused && super::refusal(settings, key, source).is_none())
    }))
}

/// The stored summary; `None` if there is none, or none that this version of the program reads.
pub(super) fn summary(
    store: &dyn Store,
    settings: &Settings,
    key: &RawKey,
) -> Result<Option<Summary>, StoreError> {
    let (bucket, key) = (&settings.analyzed_bucket, key.result_key(ResultKind::Json));
    let Some(stored) = store.head(bucket, &key)? else { return Ok(None) };
    if stored.size > MAX_SUMMARY_BYTES {
        return Ok(None);
    }
    let mut body = match store.open(bucket, &key, &stored.id) {
        // Written anew since the look: whoever wrote it is at work on this log.
        Err(StoreError::NotFound { .. }) => return Ok(None),
        body => body?.take(MAX_SUMMARY_BYTES),
    };
    let mut json = Vec::new();
    body.read_to_end(&mut json)
        .map_err(|source| StoreError::Failed { what: format!("reading {bucket}/{key}"), source })?;
    Ok(Summary::from_json(&json).ok())
}
