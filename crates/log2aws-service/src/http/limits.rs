//! Limits of the handler besides the allow-list.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use log2aws_core::key::RawKey;

use super::{MAX_PUT_BYTES, RefusalLog};

/// Limits the number of new servers.
pub trait NewServers: Send + Sync {
    /// Whether a log under `key` may be accepted now: always if its server has delivered before.
    ///
    /// # Errors
    /// After how many seconds to retry.
    fn check<'a>(&'a self, key: &'a RawKey) -> NewServersAnswer<'a>;
}

/// What [`NewServers::check`] returns.
pub type NewServersAnswer<'a> = Pin<Box<dyn Future<Output = Result<(), u32>> + Send + 'a>>;

/// Limits of the URL handler. The default has no limits, which fits S3.
#[derive(Clone)]
pub struct UrlLimits {
    /// The largest log that a URL is bound to, in bytes.
    pub max_log_size: u64,
    /// How many servers may deliver for the first time; `None`: any number.
    pub new_servers: Option<Arc<dyn NewServers>>,
    /// Decides which refusals are logged; `None`: each.
    pub refusals: Option<Arc<RefusalLog>>,
}

impl Default for UrlLimits {
    fn default() -> Self {
        Self { max_log_size: MAX_PUT_BYTES, new_servers: None, refusals: None }
    }
}

impl fmt::Debug for UrlLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UrlLimits")
            .field("max_log_size", &self.max_log_size)
            .finish_non_exhaustive()
    }
}
