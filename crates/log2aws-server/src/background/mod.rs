//! Background tasks: each job is a [`BackgroundTask`], and all run under one [`Supervisor`].
//!
//! One stop flag ends them all, and failures are handled in one place: the whole error chain is
//! logged and counted, the task is retried after a delay that doubles, and the others continue.

pub(crate) mod audit_retention;
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
pub(crate) mod watched_files;
pub(crate) mod wiring;

use std::time::Duration;

pub(crate) use status::TaskBoard;
pub(crate) use stop::Stop;
pub(crate) use supervisor::Supervisor;

/// A job that runs repeatedly.
pub(crate) trait BackgroundTask: Send {
    /// Its name in logs and metrics.
    fn name(&self) -> &'static str;

    /// Runs it once. Must check `stop` often enough to end within a second.
    ///
    /// # Errors
    /// [`TaskError`]: it is retried later. A problem with a single object is not a failure of the
    /// task.
    fn run_once(&mut self, stop: &Stop) -> Result<Next, TaskError>;
}

/// When a task runs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) after: Duration,
    /// A notice for the operator although the task did not fail, in one clause. It is public at
    /// `/-/readyz`.
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
    /// The delay, if the task knows better than the supervisor.
    pub(crate) retry_after: Option<Duration>,
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for TaskError {
    fn from(source: E) -> Self {
        Self { source: Box::new(source), retry_after: None }
    }
}
