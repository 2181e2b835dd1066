//! What runs without being asked: each job is a [`BackgroundTask`], all run under one
//! [`Supervisor`].
//!
//! One stop ends them all. One rule holds for their failures: the whole error is logged and
//! counted, the task is run again after a wait that doubles, and the others go on.

pub(crate) mod audit_upkeep;
pub(crate) mod cert_reload;
pub(crate) mod clock_guard;
pub(crate) mod index_refresh;
pub(crate) mod rate_limit_prune;
pub(crate) mod retention;
mod status;
mod stop;
mod supervisor;
pub(crate) mod unreadable_objects;
pub(crate) mod wiring;

use std::time::Duration;

pub(crate) use status::{TaskBoard, TaskMetrics};
pub(crate) use stop::Stop;
pub(crate) use supervisor::Supervisor;

/// One job that is done again and again.
pub(crate) trait BackgroundTask: Send {
    /// How it is called in logs and metrics.
    fn name(&self) -> &'static str;

    /// Does it once. Looks at `stop` often enough to end within a second.
    ///
    /// # Errors
    /// [`TaskError`]: it is run again later. Trouble with one object is not a failure of the task.
    fn run_once(&mut self, stop: &Stop) -> Result<Next, TaskError>;
}

/// When a task wants to run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) after: Duration,
    /// What the operator should know though the task did not fail, in one clause. Everybody can
    /// read it at `/-/readyz`.
    pub(crate) notice: Option<&'static str>,
}

impl Next {
    pub(crate) fn after(after: Duration) -> Self {
        Self { after, notice: None }
    }
}

/// Why a task failed.
#[derive(Debug)]
pub(crate) struct TaskError {
    pub(crate) source: Box<dyn std::error::Error + Send + Sync>,
    /// How long to wait, where the task knows better than the supervisor.
    pub(crate) retry_after: Option<Duration>,
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for TaskError {
    fn from(source: E) -> Self {
        Self { source: Box::new(source), retry_after: None }
    }
}
