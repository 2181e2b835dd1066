//! Limits the memory of the rate limiters.

use std::time::Duration;

use super::{BackgroundTask, Next, Stop, TaskError};

/// How often idle addresses are dropped.
const EVERY: Duration = Duration::from_mins(1);

/// Calls a function every minute.
pub(crate) struct RateLimitPrune<F>(pub(crate) F);

impl<F: FnMut() + Send> BackgroundTask for RateLimitPrune<F> {
    fn name(&self) -> &'static str {
        "rate_limit_prune"
    }

    fn run_once(&mut self, _: &Stop) -> Result<Next, TaskError> {
        (self.0)();
        Ok(Next::after(EVERY))
    }
}
