//! The settings that handlers act on, and where they come from.

use std::sync::Arc;

use log2aws_core::allow_list::AllowList;
use log2aws_core::key::{BucketName, KeyPrefix};

/// What an operator has set. One value serves one request or event from its start to its end.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who may ask for a URL and who may put.
    pub allow_list: AllowList,
    /// Where logs arrive.
    pub raw_bucket: BucketName,
    /// Where results go; never the raw bucket.
    pub analyzed_bucket: BucketName,
    /// Whether keys carry the spreading prefix.
    pub key_prefix: KeyPrefix,
}

/// The settings could not be had. Answered with 503 and Retry-After.
#[derive(Debug, Clone, thiserror::Error)]
#[error("settings are not available: {reason}")]
pub struct SettingsUnavailable {
    /// What went wrong, for the log; never for the caller.
    pub reason: String,
}

/// Where the settings come from: fixed in `serve`, SSM Parameter Store on AWS.
pub trait SettingsSource: Send + Sync {
    /// The settings as they are held now. Answers at once: a source that refreshes itself over a
    /// network does so outside this call.
    ///
    /// # Errors
    /// [`SettingsUnavailable`] when none are held, or those held are too old to act on.
    fn current(&self) -> Result<Arc<Settings>, SettingsUnavailable>;
}
