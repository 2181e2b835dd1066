//! The records of retired servers, as an object of the results' bucket.

use log2aws_core::retired::{DecisionError, KEY, MAX_BYTES, Retired};

use crate::results_bucket::ResultsBucket;
use crate::stored_record::StoredRecord;

const RECORD: StoredRecord<Retired> = StoredRecord {
    key: KEY,
    max_bytes: MAX_BYTES,
    parse: |bytes| Ok(Retired::parse(bytes)?),
    to_json: Retired::to_json,
};

/// The records; none if there is no object.
///
/// # Errors
/// The store's; the records are damaged.
pub(super) fn read(bucket: &ResultsBucket) -> anyhow::Result<Retired> {
    Ok(RECORD.read(bucket)?.map(|(retired, _)| retired).unwrap_or_default())
}

/// Changes the records.
///
/// # Errors
/// As [`read`]; the decision is refused; the records change all the time.
pub(super) fn change<T>(
    bucket: &ResultsBucket,
    decide: impl Fn(&mut Retired) -> Result<T, DecisionError>,
) -> anyhow::Result<T> {
    RECORD.change(bucket, || Ok(Retired::default()), decide)
}
