//! Waits while CloudFormation works, and prints every event.

use std::collections::HashSet;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::time::{Instant, sleep, timeout};

use crate::cloud::Cloud;
use crate::console::Console;
use crate::error::StackError;
use crate::fault::CallError;
use crate::stack::{ExistingStack, StackEvent};
use crate::state::{self, State};

/// The most pages of events read at once: AWS keeps 90 days of them, 100 a page.
const PAGES: usize = 10_000;

/// Timing of a wait.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The polling interval.
    pub poll: Duration,
    /// How long AWS may be unreachable before waiting ends.
    pub patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { poll: Duration::from_secs(3), patience: Duration::from_mins(2) }
    }
}

/// The context of a command: AWS and the console.
#[derive(Debug)]
pub struct Session<'a, C> {
    /// AWS.
    pub cloud: &'a Cloud,
    /// Output and questions.
    pub console: &'a mut C,
    /// The time zone of the output.
    pub zone: TimeZone,
    /// How it waits.
    pub pace: Pace,
}

/// The result of a wait.
#[derive(Clone, Debug)]
pub(crate) struct Settled {
    /// The stack at rest; `None` if it is gone.
    pub(crate) stack: Option<ExistingStack>,
    /// The first failure that was not a consequence of another.
    pub(crate) failure: Option<StackEvent>,
}

fn silence(patience: Duration) -> CallError {
    let message = format!("AWS has not answered for {} s", patience.as_secs());
    CallError { what: "following the stack".to_owned(), code: None, message, passing: true }
}

/// Watches one stack.
#[derive(Debug)]
pub(crate) struct Watch {
    id: String,
    seen: HashSet<String>,
    failure: Option<StackEvent>,
    printed: usize,
    /// The status in the newest event of the stack itself.
    stack_status: Option<String>,
}

impl Watch {
    /// Starts after the existing events, of which the newest page is enough.
    pub(crate) async fn begin(cloud: &Cloud, id: &str) -> Result<Self, CallError> {
        let mut watch = Self::whole(id);
        match cloud.new_events(id, &mut watch.seen, 1).await {
            Ok(_) => Ok(watch),
            // A stack that exists only as a plan may have no events yet.
            Err(fault) if crate::stack::is_absence(&fault) => Ok(watch),
            Err(fault) => Err(fault),
        }
    }

    /// Prints everything from the beginning.
    pub(crate) fn whole(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            seen: HashSet::new(),
            failure: None,
            printed: 0,
            stack_status: None,
        }
    }

    /// Prints new events.
    pub(crate) async fn print_new<C: Console>(
        &mut self,
        session: &mut Session<'_, C>,
        print: &mut dyn FnMut(&mut C, &StackEvent) -> std::io::Result<()>,
    ) -> Result<(), StackError> {
        for event in session.cloud.new_events(&self.id, &mut self.seen, PAGES).await? {
            if self.failure.is_none() && event.is_first_hand_failure() {
                self.failure = Some(event.clone());
            }
            if event.is_of_the_stack() {
                // A failure of an earlier operation is not the cause of this one's result.
                if event.begins_a_change() {
                    self.failure = None;
                }
                self.stack_status = Some(event.status.clone());
            }
            print(session.console, &event)?;
            self.printed += 1;
        }
        Ok(())
    }

    /// Prints events until CloudFormation is done.
    ///
    /// # Errors
    /// [`StackError::Call`] if a call failed permanently, or AWS was unreachable for the session's
    /// patience.
    pub(crate) async fn until_settled<C: Console>(
        &mut self,
        session: &mut Session<'_, C>,
        print: &mut dyn FnMut(&mut C, &StackEvent) -> std::io::Result<()>,
    ) -> Result<Settled, StackError> {
        let patience = session.pace.patience;
        let (mut last_answer, mut last_event) = (Instant::now(), (Instant::now(), self.printed));
        loop {
            if last_event.1 != self.printed {
                last_event = (Instant::now(), self.printed);
            }
            let quiet = last_event.0.elapsed() >= patience;
            // A request that hangs must not outlast the patience either.
            let polled = timeout(patience, self.poll(session, print, quiet)).await;
            match polled.unwrap_or_else(|_| Err(silence(patience).into())) {
                Ok(Some(settled)) => return Ok(settled),
                Ok(None) => last_answer = Instant::now(),
                Err(StackError::Call(fault)) if fault.passing => {
                    if last_answer.elapsed() >= session.pace.patience {
                        return Err(fault.into());
                    }
                    session.console.status(&format!("waiting for AWS: {}", fault.message));
                }
                Err(error) => return Err(error),
            }
            sleep(session.pace.poll).await;
        }
    }

    /// Polls once: the status first, so that no earlier event is missed.
    ///
    /// The status can lag behind: for a moment AWS reports the state before the operation. So the
    /// newest event of the stack itself must agree, unless none arrives.
    async fn poll<C: Console>(
        &mut self,
        session: &mut Session<'_, C>,
        print: &mut dyn FnMut(&mut C, &StackEvent) -> std::io::Result<()>,
        quiet: bool,
    ) -> Result<Option<Settled>, StackError> {
        let stack = session.cloud.stack(&self.id).await?;
        let Some(stack) = stack.filter(|stack| stack.status != "DELETE_COMPLETE") else {
            // The events of a deleted stack are available by its ARN, but not everywhere.
            if let Err(error) = self.print_new(session, print).await
                && !matches!(&error, StackError::Call(fault) if crate::stack::is_absence(fault))
            {
                return Err(error);
            }
            return Ok(Some(Settled { stack: None, failure: self.failure.clone() }));
        };
        self.print_new(session, print).await?;
        session.console.status(&format!("{}, events: {}", stack.status, self.printed));
        let agreed = self.stack_status.as_ref() == Some(&stack.status);
        let settled = state::of(&stack.status) != State::AtWork && (agreed || quiet);
        Ok(settled.then(|| Settled { stack: Some(stack), failure: self.failure.clone() }))
    }
}
