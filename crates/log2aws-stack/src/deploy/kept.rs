//! Change sets that are kept for a second person, and deploys that are not waited for.

use aws_sdk_cloudformation::types::ExecutionStatus;
use log2aws_core::allow_list::AllowList;
use log2aws_ssm::env_name::{self, EnvName};

use super::DeployRequest;
use super::allow_list::AllowListChange;
use super::change_set::{self, ChangeSet, Description, PlanResult};
use crate::console::Console;
use crate::error::{AFTERWARDS, StackError};
use crate::fault::CallError;
use crate::hosts::{HOSTS, NETWORKS};
use crate::stack::ExistingStack;
use crate::watch::Session;

/// Finds the change set of an earlier run, prints its changes, and returns it with the allow-list
/// that it contains.
///
/// # Errors
/// It does not exist, is not of this stack and environment, or can no longer be executed.
pub(super) async fn find<C: Console>(
    session: &mut Session<'_, C>,
    request: &DeployRequest,
    name: &str,
) -> Result<(ChangeSet, AllowList), StackError> {
    let stack = request.stack.as_str();
    let description = match change_set::wait_until_planned(session, name, stack).await {
        Ok(PlanResult::Changes(description)) => description,
        Ok(PlanResult::Failed(reason)) => {
            return Err(StackError::ChangeSet { stack: stack.to_owned(), reason });
        }
        Err(StackError::Call(fault)) if is_absence(&fault) => {
            let why = "it does not exist: it was deleted, or another change was executed since";
            return Err(unusable(request, name, why));
        }
        Err(error) => return Err(error),
    };
    let list = check(request, name, &description)?;
    description.print(session)?;
    let planned = ChangeSet::of(&description)
        .ok_or_else(|| unusable(request, name, "AWS does not name its stack"))?;
    Ok((planned, list))
}

/// Whether CloudFormation's error means that there is no such change set or stack.
fn is_absence(fault: &CallError) -> bool {
    fault.code.as_deref() == Some("ChangeSetNotFound") || crate::stack::is_absence(fault)
}

fn unusable(request: &DeployRequest, name: &str, why: &str) -> StackError {
    let stack = &request.stack;
    StackError::State(format!(
        "the change set {name} of stack {stack} cannot be executed: {why}. Make a new one by \
         --no-execute"
    ))
}

/// Checks that the change set is one of ours for this stack and environment, and can be executed;
/// returns its allow-list.
fn check(
    request: &DeployRequest,
    name: &str,
    description: &Description,
) -> Result<AllowList, StackError> {
    // An ARN can name a change set of any stack.
    if description.stack_name.as_deref() != Some(request.stack.as_str()) {
        let of = description.stack_name.as_deref().unwrap_or("no stack");
        return Err(unusable(request, name, &format!("it is one of stack {of}")));
    }
    let parameter = |name: &str| description.parameters.get(name);
    let (Some(env), Some(list), Some(_)) =
        (parameter("Env"), parameter(HOSTS), parameter(NETWORKS))
    else {
        return Err(unusable(request, name, "log2aws did not make it"));
    };
    if env != request.env.as_str() {
        let why = format!("it is for environment {env}, and --env is {}", request.env);
        return Err(unusable(request, name, &why));
    }
    match &description.execution {
        Some(ExecutionStatus::Available) => {}
        Some(ExecutionStatus::Obsolete) => {
            let why = "it is OBSOLETE: the stack was changed after it was made";
            return Err(unusable(request, name, why));
        }
        status => {
            let status = status.as_ref().map_or("in no state", ExecutionStatus::as_str);
            return Err(unusable(request, name, &format!("it is {status}")));
        }
    }
    list.parse().map_err(|_| unusable(request, name, "its allow-list cannot be read"))
}

/// Prints how a kept change set is executed or deleted.
pub(super) fn print_kept<C: Console>(
    session: &mut Session<'_, C>,
    request: &DeployRequest,
    planned: &ChangeSet,
    exists: bool,
) -> Result<(), StackError> {
    let DeployRequest { stack, commands, widen, .. } = request;
    let name = change_set::name(request);
    // Without its change sets, a stack that does not exist yet is only a name.
    let delete = if exists {
        let command = "cloudformation delete-change-set --change-set-name";
        commands.aws(&format!("{command} {}", planned.id))
    } else {
        commands.delete()
    };
    session.console.line(&format!(
        "nothing was executed; the change set {name} of stack {stack} is kept:\n  {}\nexecute it \
         with\n  {}\nor delete it with\n  {delete}",
        planned.id,
        commands.execute(&name, *widen),
    ))?;
    Ok(())
}

/// Prints how a change that was started is followed.
pub(super) fn print_started<C: Console>(
    session: &mut Session<'_, C>,
    request: &DeployRequest,
    existing: Option<&ExistingStack>,
    hosts: &AllowListChange,
) -> Result<(), StackError> {
    let DeployRequest { env, stack, commands, .. } = request;
    session.console.line(&format!(
        "AWS has started the change of stack {stack}{AFTERWARDS}. Follow it with\n  {}",
        commands.follow()
    ))?;
    let before = existing.and_then(|stack| stack.parameters.get(HOSTS));
    let same =
        before.is_some_and(|text| text.parse().is_ok_and(|list: AllowList| list == hosts.list));
    if same { print_unwritten_list(session, env, hosts) } else { Ok(()) }
}

/// Prints that the list in Parameter Store differs, if CloudFormation does not change it.
pub(super) fn print_unwritten_list<C: Console>(
    session: &mut Session<'_, C>,
    env: &EnvName,
    hosts: &AllowListChange,
) -> Result<(), StackError> {
    if !hosts.is_stored() {
        session.console.line(&format!(
            "{} is not {}, which CloudFormation does not notice: a deploy without --detach and \
             --no-execute writes it",
            env.parameter(env_name::ALLOW_LIST),
            hosts.list
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::super::{ChangeSource, Execution};
    use super::*;
    use crate::approval::Approval;
    use crate::cloud::Access;
    use crate::commands::Commands;

    fn request() -> DeployRequest {
        let (env, stack) = ("dev".parse().unwrap(), "log2aws-dev".parse().unwrap());
        let commands = Commands::new(&env, &stack, "us-east-1", &Access::default());
        DeployRequest {
            env,
            stack,
            source: ChangeSource::Kept("log2aws-1".to_owned()),
            execution: Execution::Wait,
            widen: false,
            rails: super::super::Rails::default(),
            replace: false,
            revert_drift: false,
            approval: Approval::Ask,
            commands,
            now: Timestamp::UNIX_EPOCH,
        }
    }

    fn described(env: &str, stack: &str, status: ExecutionStatus) -> Description {
        let parameters = [("Env", env), (HOSTS, "203.0.113.7"), (NETWORKS, "203.0.113.7/32")];
        Description {
            id: Some("arn:1".to_owned()),
            stack_id: Some("arn:2".to_owned()),
            stack_name: Some(stack.to_owned()),
            execution: Some(status),
            parameters: parameters.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            changes: Vec::new(),
        }
    }

    #[test]
    fn only_a_change_set_of_this_stack_that_fits_is_executed() {
        let check = |description: &Description| {
            check(&request(), "log2aws-1", description).map_err(|error| error.to_string())
        };
        let fitting = described("dev", "log2aws-dev", ExecutionStatus::Available);
        assert_eq!(check(&fitting), Ok("203.0.113.7".parse().unwrap()));
        let without_list = Description { parameters: BTreeMap::new(), ..fitting };
        let refused = [
            (without_list, "log2aws did not make it"),
            (described("prod", "log2aws-dev", ExecutionStatus::Available), "--env is dev"),
            (described("dev", "log2aws-prod", ExecutionStatus::Available), "of stack log2aws-prod"),
            (described("dev", "log2aws-dev", ExecutionStatus::Obsolete), "OBSOLETE"),
            (described("dev", "log2aws-dev", ExecutionStatus::ExecuteComplete), "EXECUTE_COMPLETE"),
            (described("dev", "log2aws-dev", ExecutionStatus::ExecuteInProgress), "IN_PROGRESS"),
        ];
        for (description, why) in refused {
            let error = check(&description).unwrap_err();
            assert!(error.contains(why) && error.contains("log2aws-1"), "{error}");
        }
    }
}
