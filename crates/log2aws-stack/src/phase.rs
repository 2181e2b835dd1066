//! How far a command has come: what there is to say when it is cut short.

use std::cell::Cell;
use std::future::Future;

use crate::commands::Commands;
use crate::error::StackError;
use crate::name::StackName;

/// What has been begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing yet.
    Nothing,
    /// What leaves the stack as it is: a change is planned, a bucket made for the zips.
    Preparing,
    /// CloudFormation is at work, and goes on without us.
    AtWork,
    /// We are, after CloudFormation has done its part; the words say at what.
    After(&'static str),
}

/// A piece of work, as it is told when it is cut short.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Errand<'a> {
    /// `the deploy` or `the delete`.
    pub(crate) what: &'static str,
    /// The stack.
    pub(crate) stack: &'a StackName,
    /// What to run next.
    pub(crate) commands: &'a Commands,
}

impl Errand<'_> {
    /// Works until the work is done or `interrupt` comes.
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
                left(format!("nobody takes what is to be said here ({error})"))
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
