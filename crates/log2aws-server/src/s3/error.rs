//! Maps errors of the store to S3's errors: one table.

use std::borrow::Cow;
use std::io;

use http::StatusCode;
use log2aws_store::disk::DiskError;
use s3s::{S3Error, S3ErrorCode, s3_error};

use crate::metrics::Metrics;

/// The response to a store error. Internal errors are counted and logged with details; the caller
/// gets what it can act on.
pub(crate) fn answer(error: &DiskError, metrics: &Metrics) -> S3Error {
    match error {
        DiskError::NoSuchBucket { .. } => s3_error!(NoSuchBucket, "{error}"),
        DiskError::NoSuchKey { .. } => s3_error!(NoSuchKey, "{error}"),
        DiskError::PreconditionFailed { .. } => s3_error!(PreconditionFailed, "{error}"),
        DiskError::NoSuchVersion { .. } => s3_error!(NoSuchVersion, "{error}"),
        DiskError::NoSuchUpload { .. } => s3_error!(NoSuchUpload, "{error}"),
        DiskError::PartNumber { .. } => s3_error!(InvalidArgument, "{error}"),
        DiskError::InvalidPart { .. } => s3_error!(InvalidPart, "{error}"),
        DiskError::InvalidPartOrder { .. } => s3_error!(InvalidPartOrder, "{error}"),
        DiskError::PartTooSmall { .. } => s3_error!(EntityTooSmall, "{error}"),
        DiskError::KeyTooLong { .. } => s3_error!(KeyTooLongError, "{error}"),
        DiskError::MetadataTooLarge { .. } => s3_error!(MetadataTooLarge, "{error}"),
        DiskError::Full { what } => full(what, metrics),
        DiskError::Corrupt(corrupt) => {
            metrics.count_store_error("damaged");
            tracing::error!(damaged = %corrupt, "a stored object cannot be read");
            s3_error!(
                InternalError,
                "the stored object is damaged; the server's log names the file"
            )
        }
        DiskError::Io { source, .. } => {
            metrics.count_store_error("failed");
            tracing::error!(%error, cause = %source, "the store failed");
            unavailable()
        }
    }
}

/// The response if the operating system refused a write.
pub(crate) fn of_write(error: &io::Error, what: &str, metrics: &Metrics) -> S3Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => full(what, metrics),
        _ => {
            metrics.count_store_error("failed");
            tracing::error!(%error, what, "the store failed");
            unavailable()
        }
    }
}

/// An error with a code that S3 does not have.
pub(crate) fn custom(
    status: StatusCode,
    code: &'static str,
    message: impl Into<Cow<'static, str>>,
) -> S3Error {
    let mut answer = S3Error::with_message(S3ErrorCode::Custom(code.into()), message);
    answer.set_status_code(status);
    answer
}

fn full(what: &str, metrics: &Metrics) -> S3Error {
    metrics.count_store_error("full");
    tracing::error!(what, "the store is full: nothing was written");
    custom(
        StatusCode::INSUFFICIENT_STORAGE,
        "InsufficientStorage",
        "the server's disk is full: nothing was written, what was stored before stands",
    )
}

/// The response to an upload that would use the reserved space.
pub(crate) fn no_space(metrics: &Metrics) -> S3Error {
    metrics.count_refused_put("space");
    custom(
        StatusCode::INSUFFICIENT_STORAGE,
        "InsufficientStorage",
        "the server's disk is nearly full: nothing was written, what was stored before stands",
    )
}

/// The response to a new server's first log when the hourly limit is reached.
pub(crate) fn too_many_new_servers(retry_after_seconds: u32) -> S3Error {
    let mut answer = custom(
        StatusCode::TOO_MANY_REQUESTS,
        "TooManyNewServers",
        "too many new servers in this hour: try again later",
    );
    let mut headers = http::HeaderMap::new();
    headers.insert(http::header::RETRY_AFTER, http::HeaderValue::from(retry_after_seconds));
    answer.set_headers(headers);
    answer
}

/// The answer for one more version of a day that has as many as there may be.
pub(crate) fn too_many_versions() -> S3Error {
    custom(
        StatusCode::CONFLICT,
        "TooManyVersions",
        "this day was put too often or is too large in all its versions: nothing was written, \
         what was stored before stands (--max-versions-per-day, --max-bytes-per-day)",
    )
}

/// The response if the store failed.
pub(crate) fn unavailable() -> S3Error {
    let mut answer = s3_error!(ServiceUnavailable, "the server's store failed: try again later");
    let mut headers = http::HeaderMap::new();
    headers.insert(http::header::RETRY_AFTER, http::HeaderValue::from_static("30"));
    answer.set_headers(headers);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_507_and_a_failed_one_503() {
        let metrics = Metrics::new("0", jiff::Timestamp::UNIX_EPOCH);
        let full = answer(&DiskError::Full { what: "b/k".into() }, &metrics);
        assert_eq!(full.status_code(), Some(StatusCode::INSUFFICIENT_STORAGE));
        assert_eq!(full.code().as_str(), "InsufficientStorage");
        let failed = of_write(&io::Error::other("gone"), "b/k", &metrics);
        assert_eq!(failed.status_code(), Some(StatusCode::SERVICE_UNAVAILABLE));
        let quota = of_write(&io::ErrorKind::QuotaExceeded.into(), "b/k", &metrics);
        assert_eq!(quota.status_code(), Some(StatusCode::INSUFFICIENT_STORAGE));
        let text = metrics.encode().unwrap();
        assert!(text.contains("log2aws_store_errors_total{kind=\"full\"} 2"), "{text}");
        assert!(text.contains("log2aws_store_errors_total{kind=\"failed\"} 1"), "{text}");
    }
}
