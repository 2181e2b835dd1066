//! What the world around the handler allows beside the allow-list.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use log2aws_core::key::RawKey;

use super::{MAX_PUT_BYTES, RefusalLog};

/// Bounds how many servers may deliver for the first time.
pub trait NewServers: Send + Sync {
    /// Whether a log under `key` may be taken now: always if its server has delivered before.
    ///
    /// # Errors
    /// After how many seconds it may be tried again.
    fn check<'a>(&'a self, key: &'a RawKey) -> NewServersAnswer<'a>;
}

/// What [`NewServers::check`] returns.
pub type NewServersAnswer<'a> = Pin<Box<dyn Future<Output = Result<(), u32>> + Send + 'a>>;

/// Limits of the handler that gives out URLs. The default is that of a store without limits of its
/// own, as S3 is.
#[derive(Clone)]
pub struct UrlLimits {
    /// The largest log that a URL is bound to, in bytes.
    pub max_log_size: u64,
    /// How many servers may deliver for the first time; `None`: any number.
    pub new_servers: Option<Arc<dyn NewServers>>,
    /// Which refusals are logged; `None`: each.
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
