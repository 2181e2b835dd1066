//! Takes a renewed certificate while the server runs.

use std::sync::Arc;

use super::{BackgroundTask, Next, Stop, TaskError};
use crate::http::tls::{CertWatch, RELOAD_EVERY, Tls};

/// Looks at the files of the certificate every few seconds.
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

    /// Files that cannot be used are logged once, and read again when they change: that the
    /// earlier certificate is served is a notice, not a failure, so that a repaired file does not
    /// wait.
    fn run_once(&mut self, _: &Stop) -> Result<Next, TaskError> {
        let usable = self.0.check();
        let notice = (!usable).then_some("the renewed certificate cannot be used, see the log");
        Ok(Next { after: RELOAD_EVERY, notice })
    }
}
