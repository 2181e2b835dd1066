//! Maps S3's errors to the store's: one table.

use std::error::Error;
use std::io;

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::{RequestId as _, RequestIdExt as _};
use log2aws_service::ports::StoreError;

/// The meaning of an S3 error for the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// There is no such object or bucket.
    Absent,
    /// The version id is malformed, so no version can have it.
    BadVersion,
    /// The store is full; AWS never is.
    Full,
    /// The condition of a conditional write does not hold.
    Changed,
    /// Anything else: a retry may succeed.
    Failed,
}

/// The table: the kind of a failed request.
///
/// A HEAD response has no body, so a 404 has a status and no code.
fn kind(status: Option<u16>, code: Option<&str>) -> Kind {
    match (status, code) {
        // The last row is the response for a delete marker, which has neither bytes nor size.
        (_, Some("NoSuchBucket" | "NoSuchKey" | "NoSuchVersion"))
        | (Some(404), _)
        | (Some(405), Some("MethodNotAllowed")) => Kind::Absent,
        (Some(400), Some("InvalidArgument")) => Kind::BadVersion,
        (Some(507), _) => Kind::Full,
        // The second row: another conditional write of this key is in progress.
        (Some(412), _) | (Some(409), Some("ConditionalRequestConflict")) => Kind::Changed,
        _ => Kind::Failed,
    }
}

/// The kind of a failed request.
pub(crate) fn kind_of<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Kind {
    kind(status(error), error.code())
}

/// An unexpected failure: `what` says which operation failed, and on what.
pub(crate) fn failed<E>(what: String, error: &SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    StoreError::Failed { what, source: io::Error::other(told(error)) }
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// The error in one line. S3's response contains no key and no signature; the request is left out.
fn told<E>(error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let Some(status) = status(error) else {
        return match error {
            SdkError::DispatchFailure(failure) => failure
                .as_connector_error()
                .map_or_else(|| chain(error), |e| DisplayErrorContext(e).to_string()),
            _ => chain(error),
        };
    };
    if matches!(error, SdkError::ResponseError(_)) {
        return format!("S3's answer {status} cannot be read: {}", chain(error));
    }
    let code = error.code().unwrap_or("no code");
    let mut line = format!("S3 answers {status} ({code})");
    if let Some(message) = error.message() {
        line = format!("{line}: {message}");
    }
    let region = error.raw_response().and_then(|response| response.headers().get(REGION_HEADER));
    line.push_str(&advice(status, code, region));
    // The ids that AWS support needs to find a request.
    if let Some(id) = error.meta().request_id() {
        line = format!("{line} [request {id}");
        if let Some(extended) = error.meta().extended_request_id() {
            line = format!("{line}, {extended}");
        }
        line.push(']');
    }
    line
}

/// The header with the region of a bucket that was requested in another region.
const REGION_HEADER: &str = "x-amz-bucket-region";

/// What to do about an error, to append to its sentence; empty if nothing is known.
fn advice(status: u16, code: &str, region: Option<&str>) -> String {
    match code {
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => {
            "; the credentials have expired: log in again".to_owned()
        }
        "InvalidAccessKeyId" | "InvalidToken" | "SignatureDoesNotMatch" => {
            "; the credentials are not good here: look at the profile and the environment".to_owned()
        }
        "RequestTimeTooSkewed" => "; this machine's clock is wrong".to_owned(),
        "PermanentRedirect" | "AuthorizationHeaderMalformed" => elsewhere(region),
        _ if status == 301 => elsewhere(region),
        _ if status == 403 => {
            "; it takes s3:ListBucket on the bucket, without which S3 says so of an absent key, too, \
             and on its objects s3:GetObject to read and s3:PutObject to write"
                .to_owned()
        }
        _ => String::new(),
    }
}

fn elsewhere(region: Option<&str>) -> String {
    let place = region.map_or_else(|| "another region".to_owned(), |r| format!("region {r}"));
    format!("; the bucket is in {place}: ask there")
}

/// An error that did not come from S3, with its causes: no credentials, an expired login.
fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let told = error.to_string();
        if !line.ends_with(&told) {
            line = format!("{line}: {told}");
        }
        source = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_its_row() {
        for (status, code, expected) in [
            (404, None, Kind::Absent),
            (404, Some("NoSuchKey"), Kind::Absent),
            (404, Some("NoSuchBucket"), Kind::Absent),
            (404, Some("NoSuchVersion"), Kind::Absent),
            (405, Some("MethodNotAllowed"), Kind::Absent),
            (400, Some("InvalidArgument"), Kind::BadVersion),
            (507, Some("InsufficientStorage"), Kind::Full),
            (412, Some("PreconditionFailed"), Kind::Changed),
            (409, Some("ConditionalRequestConflict"), Kind::Changed),
            (409, Some("OperationAborted"), Kind::Failed),
            (403, Some("AccessDenied"), Kind::Failed),
            (400, Some("ExpiredToken"), Kind::Failed),
            (503, Some("SlowDown"), Kind::Failed),
            (500, None, Kind::Failed),
        ] {
            assert_eq!(kind(Some(status), code), expected, "{status} {code:?}");
        }
        assert_eq!(kind(None, None), Kind::Failed);
    }

    #[test]
    fn an_answer_says_what_can_be_done() {
        for (status, code, region, expected) in [
            (403, "AccessDenied", None, "s3:ListBucket"),
            (403, "Forbidden", None, "s3:GetObject"),
            (400, "ExpiredToken", None, "log in again"),
            (403, "InvalidAccessKeyId", None, "profile"),
            (403, "RequestTimeTooSkewed", None, "clock"),
            (301, "PermanentRedirect", Some("eu-west-1"), "in region eu-west-1: ask there"),
            (301, "no code", None, "in another region: ask there"),
            (400, "AuthorizationHeaderMalformed", Some("eu-west-1"), "region eu-west-1"),
        ] {
            let told = advice(status, code, region);
            assert!(told.starts_with("; ") && told.contains(expected), "{code}: {told}");
        }
        assert_eq!(advice(503, "SlowDown", None), "");
    }
}
