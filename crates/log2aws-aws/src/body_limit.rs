//! Limits the size of responses that are read into memory. A malicious S3 could send an endless
//! one.

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::SdkBody;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

/// The maximum size of a page of a list, in bytes. A thousand keys of 1,024 bytes, percent-encoded
/// and with all their metadata, need a quarter of that.
const MAX_LIST: usize = 16 << 20;

/// The maximum size of an error response, in bytes.
const MAX_ERROR: usize = 1 << 20;

/// The response is larger than any of S3's.
#[derive(Debug, thiserror::Error)]
#[error("the answer has more than {} MiB, which no answer of S3 to this request has", .max >> 20)]
struct TooLong {
    max: usize,
}

/// Makes reading a response fail if it is too long. The content of an object is streamed and has no
/// limit here.
#[derive(Debug)]
pub(crate) struct BodyLimit {
    max_success: Option<usize>,
}

impl BodyLimit {
    /// The limit for a list.
    pub(crate) fn of_list() -> Self {
        Self { max_success: Some(MAX_LIST) }
    }

    /// The limit for a request that returns an object: only for errors.
    pub(crate) fn of_object() -> Self {
        Self { max_success: None }
    }
}

impl Intercept for BodyLimit {
    fn name(&self) -> &'static str {
        "BodyLimit"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        let max = if response.status().is_success() { self.max_success } else { Some(MAX_ERROR) };
        if let Some(max) = max {
            let body = std::mem::replace(response.body_mut(), SdkBody::taken());
            *response.body_mut() = limited(body, max);
        }
        Ok(())
    }
}

fn limited(body: SdkBody, max: usize) -> SdkBody {
    let limited = Limited::new(body, max).map_err(move |error| -> BoxError {
        if error.is::<LengthLimitError>() { TooLong { max }.into() } else { error }
    });
    SdkBody::from_body_1_x(limited)
}
