//! The settings of the handlers, and their source.

use std::sync::Arc;

use log2aws_core::allow_list::AllowList;
use log2aws_core::key::{BucketName, KeyPrefix};

/// The operator's settings. One value is used for a whole request or event.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which addresses may request URLs and upload.
    pub allow_list: AllowList,
    /// The bucket for logs.
    pub raw_bucket: BucketName,
    /// The bucket for results; never the raw bucket.
    pub analyzed_bucket: BucketName,
    /// Whether keys have the spreading prefix.
    pub key_prefix: KeyPrefix,
}

/// The settings are unavailable. Answered with 503 and Retry-After.
#[derive(Debug, Clone, thiserror::Error)]
#[error("settings are not available: {reason}")]
pub struct SettingsUnavailable {
    /// The reason, for the log; never for the caller.
    pub reason: String,
}

/// The source of the settings: fixed in `serve`, SSM Parameter Store on AWS.
pub trait SettingsSource: Send + Sync {
    /// The current settings. Returns immediately: a source that refreshes itself over a network
    /// does so elsewhere.
    ///
    /// # Errors
    /// [`SettingsUnavailable`] if there are none, or they are too old.
    fn current(&self) -> Result<Arc<Settings>, SettingsUnavailable>;
}
