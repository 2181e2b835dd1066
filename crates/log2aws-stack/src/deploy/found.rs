//! The stack before and after a deploy: what there is, what can be done, and how it ended.

use super::DeployRequest;
use crate::error::StackError;
use crate::fault;
use crate::stack::ExistingStack;
use crate::state::{self, State};
use crate::watch::{Session, Settled};

/// The current state of the stack's name.
#[derive(Debug)]
pub(crate) enum Found {
    /// Nothing at all.
    Nothing,
    /// A stack that exists only as a plan.
    Planned,
    /// An existing stack at settled.
    Existing(ExistingStack),
}

impl Found {
    /// The existing stack, if there is one.
    pub(crate) fn existing(&self) -> Option<&ExistingStack> {
        match self {
            Self::Existing(stack) => Some(stack),
            Self::Nothing | Self::Planned => None,
        }
    }
}

impl DeployRequest {
    /// Looks the stack up, and fails if its state does not allow a deploy.
    pub(super) async fn look_up<C>(&self, session: &Session<'_, C>) -> Result<Found, StackError> {
        let DeployRequest { env, stack, commands, .. } = self;
        let Some(existing) = session.cloud.stack(stack.as_str()).await? else {
            return Ok(Found::Nothing);
        };
        existing.belongs_to(stack, env)?;
        let (status, follow, delete) = (&existing.status, commands.follow(), commands.delete());
        match state::of(status) {
            State::Absent => Ok(Found::Planned),
            State::AtRest => Ok(Found::Existing(existing)),
            State::AtWork => Err(StackError::State(format!(
                "stack {stack} is in {status}: somebody's change is under way, and CloudFormation \
                 does one at a time; follow it with\n  {follow}\nand deploy again when it rests"
            ))),
            State::Dead => Err(StackError::State(format!(
                "stack {stack} is in {status}: it was never made, or not wholly deleted{}, and can \
                 only be deleted; logs and results are not touched by that. Run\n  {delete}\nand \
                 deploy again",
                reason(&existing),
            ))),
            State::Stuck => Err(StackError::State(format!(
                "stack {stack} is in {status}: an update was not finished, nor taken back{}. {}",
                reason(&existing),
                self.recovery_command(status),
            ))),
        }
    }

    /// What to do about a stuck stack.
    fn recovery_command(&self, status: &str) -> String {
        let DeployRequest { stack, commands, .. } = self;
        let follow = commands.follow();
        match state::recovery_command(status) {
            Some(command) => format!(
                "Mend what the events name ({follow}), then run\n  {}\nand deploy again",
                commands.aws(&format!("{command} --stack-name {stack}"))
            ),
            None => {
                format!("Its events say what is left ({follow}); CloudFormation's console helps")
            }
        }
    }

    /// The error of a deploy that CloudFormation did not complete.
    pub(super) fn ended(&self, settled: &Settled, besides: &str) -> StackError {
        let DeployRequest { stack, commands, .. } = self;
        let status =
            settled.stack.as_ref().map_or("DELETE_COMPLETE", |stack| stack.status.as_str());
        let delete = commands.delete();
        let first = first_failure(settled);
        let next = match (state::of(status), status) {
            (_, "ROLLBACK_COMPLETE") if fault::is_name_not_free(&first) => format!(
                "The name was in use a moment ago: S3 gives that of a removed bucket free after \
                 some minutes, at times an hour, SQS that of a queue after a minute. Nothing of \
                 this deploy is left but the stack's name. Wait that long, run\n  {delete}\nand \
                 deploy again."
            ),
            (_, "ROLLBACK_COMPLETE") => format!(
                "Nothing of this deploy is left but the stack's name. When the cause is mended, run\n  \
                 {delete}\nand deploy again; logs and results are not touched."
            ),
            (State::Dead, _) => format!(
                "Something of it is left. When the cause is mended, run\n  {delete}\nand deploy \
                 again; logs and results are not touched."
            ),
            (State::Stuck, _) => self.recovery_command(status),
            (State::AtWork | State::Absent, _) => {
                format!("Its events tell more:\n  {}", commands.follow())
            }
            (State::AtRest, _) => {
                "The stack is unchanged. Fix the cause and deploy again.".to_owned()
            }
        };
        StackError::Ended {
            what: "the deploy",
            stack: stack.to_string(),
            status: status.to_owned(),
            first,
            next: next + besides,
        }
    }
}

/// The first failed resource and its reason, in one line.
pub(crate) fn first_failure(settled: &Settled) -> String {
    let stack = || settled.stack.as_ref().and_then(|stack| stack.reason.clone());
    match &settled.failure {
        Some(event) => {
            let reason = event.reason.as_deref().unwrap_or("AWS gives no reason");
            format!("{} ({}) failed first: {reason}", event.logical_id, event.kind)
        }
        None => stack().unwrap_or_else(|| "AWS names no resource that failed".to_owned()),
    }
}

fn reason(existing: &ExistingStack) -> String {
    existing.reason.as_deref().map_or_else(String::new, |reason| format!(" ({reason})"))
}
