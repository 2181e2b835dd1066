//! Waits while CloudFormation is at work, and tells every event as it comes.

use std::collections::HashSet;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::time::{Instant, sleep, timeout};

use crate::cloud::Cloud;
use crate::console::Console;
use crate::error::StackError;
use crate::fault::CallError;
use crate::stack::{StackEvent, Standing};
use crate::state::{self, State};

/// How many pages of events are read at once: AWS keeps 90 days of them, 100 a page.
const PAGES: usize = 10_000;

/// How a command waits.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long between two questions.
    pub poll: Duration,
    /// For how long AWS may be out of reach before nobody waits any longer.
    pub patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { poll: Duration::from_secs(3), patience: Duration::from_mins(2) }
    }
}

/// Where and how a command works: the cloud, and the people before the screen.
#[derive(Debug)]
pub struct Session<'a, C> {
    /// AWS.
    pub cloud: &'a Cloud,
    /// Where it speaks and asks.
    pub console: &'a mut C,
    /// The zone of the times that are told.
    pub zone: TimeZone,
    /// How it waits.
    pub pace: Pace,
}

/// How a wait ended.
#[derive(Clone, Debug)]
pub(crate) struct Rest {
    /// The stack as it rests; `None` if it is gone.
    pub(crate) stack: Option<Standing>,
    /// The first failure that was no consequence of another.
    pub(crate) failure: Option<StackEvent>,
}

fn silence(patience: Duration) -> CallError {
    let told = format!("AWS has not answered for {} s", patience.as_secs());
    CallError { what: "following the stack".to_owned(), code: None, told, passing: true }
}

/// The watch over one stack.
#[derive(Debug)]
pub(crate) struct Watch {
    id: String,
    seen: HashSet<String>,
    failure: Option<StackEvent>,
    told: usize,
    /// The status in the newest event of the stack itself.
    own: Option<String>,
}

impl Watch {
    /// Begins after whatever has happened so far, of which the newest page is enough to know.
    pub(crate) async fn begin(cloud: &Cloud, id: &str) -> Result<Self, CallError> {
        let mut watch = Self::whole(id);
        match cloud.new_events(id, &mut watch.seen, 1).await {
            Ok(_) => Ok(watch),
            // A stack that is only planned may have no events that are to be had.
            Err(fault) if crate::stack::is_absence(&fault) => Ok(watch),
            Err(fault) => Err(fault),
        }
    }

    /// Tells everything from the beginning.
    pub(crate) fn whole(id: &str) -> Self {
        Self { id: id.to_owned(), seen: HashSet::new(), failure: None, told: 0, own: None }
    }

    /// Tells what is new.
    pub(crate) async fn tell<C: Console>(
        &mut self,
        session: &mut Session<'_, C>,
        tell: &mut dyn FnMut(&mut C, &StackEvent) -> std::io::Result<()>,
    ) -> Result<(), StackError> {
        for event in session.cloud.new_events(&self.id, &mut self.seen, PAGES).await? {
            if self.failure.is_none() && event.is_first_hand_failure() {
                self.failure = Some(event.clone());
            }
            if event.is_of_the_stack() {
                // What failed in an earlier change is not the cause of this one's end.
                if event.begins_a_change() {
                    self.failure = None;
                }
                self.own = Some(event.status.clone());
            }
            tell(session.console, &event)?;
            self.told += 1;
        }
        Ok(())
    }

    /// Tells events until CloudFormation rests.
    ///
    /// # Errors
    /// [`StackError::Call`] when a call failed for good, or AWS was out of reach for as long as the
    /// session's patience lasts.
    pub(crate) async fn until_rest<C: Console>(
        &mut self,
        session: &mut Session<'_, C>,
        tell: &mut dyn FnMut(&mut C, &StackEvent) -> std::io::Result<()>,
    ) -> Result<Rest, StackError> {
        let patience = session.pace.patience;
        let (mut reached, mut heard) = (Instant::now(), (Instant::now(), self.told));
        loop {
            if heard.1 != self.told {
                heard = (Instant::now(), self.told);
            }
            let quiet = heard.0.elapsed() >= patience;
            // What neither answers nor refuses must not outlast the patience either.
            let looked = timeout(patience, self.look(session, tell, quiet)).await;
            match looked.unwrap_or_else(|_| Err(silence(patience).into())) {
                Ok(Some(rest)) => return Ok(rest),
                Ok(None) => reached = Instant::now(),
                Err(StackError::Call(fault)) if fault.passing => {
                    if reached.elapsed() >= session.pace.patience {
                        return Err(fault.into());
                    }
                    session.console.status(&format!("waiting for AWS: {}", fault.told));
                }
                Err(error) => return Err(error),
            }
            sleep(session.pace.poll).await;
        }
    }

    /// One look: the status first, so that no event of the time before it is missed.
    ///
    /// A status can be older than what was begun since: for a moment AWS tells of the stack as it
    /// was. So the newest event of the stack itself has to agree, unless none comes.
    async fn look<C: Console>(
        &mut self,
        session: &mut Session<'_, C>,
        tell: &mut dyn FnMut(&mut C, &StackEvent) -> std::io::Result<()>,
        quiet: bool,
    ) -> Result<Option<Rest>, StackError> {
        let stack = session.cloud.stack(&self.id).await?;
        let Some(stack) = stack.filter(|stack| stack.status != "DELETE_COMPLETE") else {
            // The events of a stack that is gone can be had by its ARN, but not everywhere.
            if let Err(error) = self.tell(session, tell).await
                && !matches!(&error, StackError::Call(fault) if crate::stack::is_absence(fault))
            {
                return Err(error);
            }
            return Ok(Some(Rest { stack: None, failure: self.failure.clone() }));
        };
        self.tell(session, tell).await?;
        session.console.status(&format!("{}: {} events", stack.status, self.told));
        let agreed = self.own.as_ref() == Some(&stack.status);
        let rests = state::of(&stack.status) != State::AtWork && (agreed || quiet);
        Ok(rests.then(|| Rest { stack: Some(stack), failure: self.failure.clone() }))
    }
}
