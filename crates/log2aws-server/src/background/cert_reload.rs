//! Reloads a renewed certificate while the server runs.

use std::sync::Arc;

use super::{BackgroundTask, Next, Stop, TaskError};
use crate::http::tls::{CertWatch, RELOAD_EVERY, Tls};

/// Checks the certificate files every few seconds.
pub(crate) struct CertReload(CertWatch);

impl CertReload {
    pub(crate) fn new(tls: Arc<Tls>) -> Self {
        Self(CertWatch::new(tls))
    }
}

impl BackgroundTask for CertReload {
    fn name(&self) -> &'static str {
        "cert_reload"
    }

    /// Unusable files are logged once, and read again when they change: serving the earlier
    /// certificate is a notice and not a failure, so that a repaired file is picked up without a
    /// backoff.
    fn run_once(&mut self, _: &Stop) -> Result<Next, TaskError> {
        let usable = self.0.check();
        let notice = (!usable).then_some("the renewed certificate cannot be used, see the log");
        Ok(Next { after: RELOAD_EVERY, notice })
    }
}
