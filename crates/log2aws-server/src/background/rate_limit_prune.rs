//! Keeps the memory of the rate limits small.

use std::time::Duration;

use super::{BackgroundTask, Next, Stop, TaskError};

/// How often addresses that have been quiet are forgotten.
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
