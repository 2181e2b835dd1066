//! The tasks common to `serve` and `serve --view`.

use std::sync::Arc;
use std::time::Duration;

use log2aws_dashboard::store_index::StoreIndex;

use super::Supervisor;
use super::cert_reload::CertReload;
use super::index_refresh::IndexRefresh;
use super::rate_limit_prune::RateLimitPrune;
use crate::config::ServeError;
use crate::http::tls::Tls;

/// How long a stopping server waits for tasks that do not check the flag: a request to a remote
/// store may be in progress. The whole stop takes less than two seconds if nothing else is running.
pub(crate) const JOIN_WITHIN: Duration = Duration::from_secs(1);

/// Starts the refresh of the index, the reload of the certificate and the pruning of rate limits.
///
/// # Errors
/// [`ServeError::Thread`].
pub(crate) fn start_common(
    supervisor: &Supervisor,
    index: StoreIndex,
    refresh_every: Duration,
    tls: Option<Arc<Tls>>,
    prune: impl FnMut() + Send + 'static,
) -> Result<(), ServeError> {
    supervisor.start(IndexRefresh::new(index, refresh_every))?;
    if let Some(tls) = tls {
        supervisor.start(CertReload::new(tls))?;
    }
    supervisor.start(RateLimitPrune(prune))
}
