//! Maintains the audit log: notices when its disk hangs or has space again, and records changes to
//! files with settings.

use std::sync::Arc;
use std::time::Duration;

use log2aws_service::ports::Clock;

use super::watched_files::WatchedFiles;
use super::{BackgroundTask, Next, Stop, TaskError};
use crate::audit::{AuditEvent, AuditLog};

/// How often problems and changed files are checked for.
const EVERY: Duration = Duration::from_secs(5);

const UNKNOWN: &str = "a file of dashboard tokens cannot be examined, see the log";

/// Maintains the audit log.
pub(crate) struct AuditUpkeep {
    pub(crate) log: Arc<AuditLog>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) watched: WatchedFiles,
}

impl BackgroundTask for AuditUpkeep {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn run_once(&mut self, _: &Stop) -> Result<Next, TaskError> {
        self.log.check();
        for change in self.watched.changes() {
            let mut event = AuditEvent::new(self.clock.now(), "setting");
            event.detail = Some(change);
            self.log.record(&event);
        }
        Ok(Next { after: EVERY, notice: self.watched.is_unknown().then_some(UNKNOWN) })
    }
}
