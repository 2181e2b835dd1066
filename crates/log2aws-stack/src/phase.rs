//! The progress of a command: decides the message if it is interrupted.

use std::cell::Cell;
use std::future::Future;

use crate::commands::Commands;
use crate::error::StackError;
use crate::name::StackName;

/// What has been started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing yet.
    Nothing,
    /// Work that leaves the stack unchanged: a change is planned, a bucket for the zips created.
    Preparing,
    /// CloudFormation is working, and will finish without us.
    AtWork,
    /// Our own work after CloudFormation has finished, with its description.
    After(&'static str),
}

/// The description of an operation, for the message if it is interrupted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation<'a> {
    /// `the deploy` or `the delete`.
    pub(crate) what: &'static str,
    /// The stack.
    pub(crate) stack: &'a StackName,
    /// Commands to suggest.
    pub(crate) commands: &'a Commands,
}

impl Operation<'_> {
    /// Runs `work` until it is done or `interrupt` completes.
    pub(crate) async fn run<T>(
        &self,
        phase: &Cell<Phase>,
        work: impl Future<Output = Result<T, StackError>>,
        interrupt: impl Future<Output = ()>,
    ) -> Result<T, StackError> {
        let done = tokio::select! {
            biased;
            () = interrupt => Err(StackError::Interrupted),
            done = work => done,
        };
        done.map_err(|error| self.cut_short(error, phase.get()))
    }

    fn cut_short(&self, error: StackError, phase: Phase) -> StackError {
        let left = |why: String| StackError::Left {
            why,
            what: self.what,
            stack: self.stack.to_string(),
            follow: self.commands.follow(),
        };
        match (phase, error) {
            (Phase::AtWork, StackError::Interrupted) => left("interrupted".to_owned()),
            (Phase::AtWork, StackError::Call(fault)) => left(fault.to_string()),
            (Phase::AtWork, StackError::Console(error)) => {
                left(format!("the output cannot be written ({error})"))
            }
            (Phase::Preparing, StackError::Interrupted) => StackError::State(
                "interrupted; the stack was not changed. Run the command again".to_owned(),
            ),
            (Phase::After(step), StackError::Interrupted) => StackError::State(format!(
                "interrupted while {step}; run the command again, and it goes on from there"
            )),
            (_, error) => error,
        }
    }
}
