//! `stack delete`: prints what would be lost, then deletes; buckets are only removed with
//! `--purge`.

mod purge;

use std::cell::Cell;
use std::future::Future;

use log2aws_ssm::Waiting;
use log2aws_ssm::env_name::{self, EnvName};

use crate::approval::Approval;
use crate::commands::Commands;
use crate::console::Console;
use crate::deploy::first_failure;
use crate::error::StackError;
use crate::fault;
use crate::kept_policy;
use crate::name::StackName;
use crate::phase::{Operation, Phase};
use crate::replay;
use crate::stack::ExistingStack;
use crate::state::{self, State};
use crate::template::{Scope, Template};
use crate::watch::{Session, Watch};

/// Parameters of a delete.
#[derive(Clone, Debug)]
pub struct DeleteRequest {
    /// The environment, which names the buckets.
    pub env: EnvName,
    /// The stack.
    pub stack: StackName,
    /// Also deletes the two buckets with every log and result.
    pub purge: bool,
    /// How the delete is approved; a purge also requires the stack's name to be typed.
    pub approval: Approval,
    /// An idempotency token, unique to this run.
    pub token: String,
    /// Commands to suggest in messages.
    pub commands: Commands,
}

/// The result of a delete that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteOutcome {
    /// Everything was deleted.
    Deleted,
    /// There was nothing to delete.
    Nothing,
    /// The operator said no.
    Canceled,
}

/// Deletes. After `interrupt`, CloudFormation completes what it has started.
///
/// # Errors
/// [`StackError`] says what to do next.
pub async fn delete<C: Console>(
    session: &mut Session<'_, C>,
    template: &Template,
    request: &DeleteRequest,
    interrupt: impl Future<Output = ()>,
) -> Result<DeleteOutcome, StackError> {
    let phase = Cell::new(Phase::Nothing);
    let DeleteRequest { stack, commands, .. } = request;
    let operation = Operation { what: "the delete", stack, commands };
    operation.run(&phase, run(session, template, request, &phase), interrupt).await
}

async fn run<C: Console>(
    session: &mut Session<'_, C>,
    template: &Template,
    request: &DeleteRequest,
    phase: &Cell<Phase>,
) -> Result<DeleteOutcome, StackError> {
    let DeleteRequest { env, stack, purge, .. } = request;
    let (account, region) = (session.cloud.account.clone(), session.cloud.region.clone());
    let existing = session.cloud.stack(stack.as_str()).await?;
    let existing = existing.filter(|stack| stack.status != "DELETE_COMPLETE");
    if let Some(existing) = &existing {
        existing.belongs_to(stack, env)?;
    }
    if *purge && existing.as_ref().is_none_or(ExistingStack::exists_only_as_name) {
        check_no_other_stack(session, env).await?;
    }
    let buckets = purge::look(session, env, *purge).await?;
    session.console.line(&format!("stack {stack} in account {account}, region {region}"))?;
    if existing.is_none() && (!purge || buckets.is_empty()) {
        session.console.line(&format!("there is no stack {stack} there; nothing to delete"))?;
        if !buckets.is_empty() {
            print_buckets(session, &buckets, false)?;
        }
        return Ok(DeleteOutcome::Nothing);
    }
    if let Some(existing) = &existing {
        print_loss(session, template, request, existing)?;
        print_waiting(session, request, existing).await?;
    }
    print_buckets(session, &buckets, *purge)?;
    if !confirmed(session, request).await? {
        session.console.line("canceled; nothing was deleted")?;
        return Ok(DeleteOutcome::Canceled);
    }
    if let Some(existing) = &existing {
        delete_stack(session, request, existing, phase).await?;
    }
    if *purge {
        phase.set(Phase::After("the buckets were being removed"));
        // Checked again: this stack is gone, and another may have been created in the meantime.
        check_no_other_stack(session, env).await?;
        for bucket in &buckets {
            purge::purge(session, bucket).await?;
        }
        let names: Vec<&str> = buckets.iter().map(|bucket| bucket.name.as_str()).collect();
        if !names.is_empty() {
            session.console.line(&format!(
                "free again after some minutes, at times an hour: {}; a deploy before that fails \
                 with OperationAborted. All other names are free now",
                names.join(", ")
            ))?;
        }
    } else if !buckets.is_empty() {
        // A stack that was but a name had no policies.
        if existing.is_some_and(|stack| !stack.exists_only_as_name()) {
            phase.set(Phase::After("the policies of the kept buckets were being set"));
            for bucket in &buckets {
                kept_policy::leave(session, &bucket.name).await?;
            }
        }
        session.console.line(
            "the buckets stand; the next deploy of this environment takes them over, and \
             --purge removes them. All other names are free now",
        )?;
    }
    Ok(DeleteOutcome::Deleted)
}

/// Checks that no stack of another name uses the environment, whose buckets must then not be
/// purged.
async fn check_no_other_stack<C>(
    session: &Session<'_, C>,
    env: &EnvName,
) -> Result<(), StackError> {
    // This parameter exists exactly while a stack of the environment does.
    let parameter = env.parameter(env_name::RAW_BUCKET);
    match session.cloud.parameter(&parameter).await? {
        None => Ok(()),
        Some(_) => Err(StackError::State(format!(
            "the buckets of environment {env} are in use: a stack of another name stands for it, \
             whose parameter {parameter} is there; no bucket was removed. Name it by --stack-name"
        ))),
    }
}

fn print_loss<C: Console>(
    session: &mut Session<'_, C>,
    template: &Template,
    request: &DeleteRequest,
    existing: &ExistingStack,
) -> Result<(), StackError> {
    if existing.exists_only_as_name() {
        let line =
            format!("the stack is in {}: nothing but its name goes with it", existing.status);
        session.console.line(&line)?;
        return Ok(());
    }
    let (account, region) = (session.cloud.account.clone(), session.cloud.region.clone());
    let mut given = existing.parameters.clone();
    given.insert("Env".to_owned(), request.env.to_string());
    let scope = Scope::new(template, &given, &account, &region, request.stack.as_str());
    session.console.line(&format!("the stack is in {}; with it go:", existing.status))?;
    for resource in template.resources.iter().filter(|resource| !resource.kept) {
        let name = scope.name_of(&resource.id)?.unwrap_or_default();
        let line = format!("  {:<26}  {:<32}  {name}", resource.id, resource.kind);
        session.console.line(line.trim_end())?;
    }
    let groups = template.resources.iter().filter(|r| r.kept && r.kind == "AWS::Logs::LogGroup");
    for group in groups {
        let name = scope.name_of(&group.id)?.unwrap_or_default();
        session
            .console
            .line(&format!("  {name}: the record of the URLs that were given: stays"))?;
    }
    Ok(())
}

/// Prints how many failed events go with the queue. A queue that cannot be counted is no reason to
/// keep the stack, but is told.
async fn print_waiting<C: Console>(
    session: &mut Session<'_, C>,
    request: &DeleteRequest,
    existing: &ExistingStack,
) -> Result<(), StackError> {
    if existing.exists_only_as_name() {
        return Ok(());
    }
    let line = match replay::waiting(session, existing).await {
        Ok(None | Some(Waiting { visible: 0, in_flight: 0 })) => return Ok(()),
        Ok(Some(Waiting { visible, in_flight })) => format!(
            "  failed events in the queue: {visible}, being replayed: {in_flight}: these logs have \
             no results, and the events go with the stack. To have them analyzed first, answer no, \
             and run\n    {}",
            request.commands.replay()
        ),
        Err(error) => format!(
            "  failed events, if there are any in the queue, go with the stack; they could not be \
             counted ({error})"
        ),
    };
    Ok(session.console.line(&line)?)
}

fn print_buckets<C: Console>(
    session: &mut Session<'_, C>,
    buckets: &[purge::Bucket],
    purge: bool,
) -> Result<(), StackError> {
    let fate = if purge { "removed for ever, with all that is in it" } else { "stays" };
    for bucket in buckets {
        session.console.line(&format!("  {}: {}: {fate}", bucket.name, bucket.holds))?;
    }
    Ok(())
}

/// The confirmation: the typed name for a purge, else the approval of the delete.
async fn confirmed<C: Console>(
    session: &mut Session<'_, C>,
    request: &DeleteRequest,
) -> Result<bool, StackError> {
    let DeleteRequest { env, stack, purge, approval, .. } = request;
    if *purge {
        let question =
            format!("Type the stack's name ({stack}) to remove it with all its logs and results: ");
        let Some(answer) = session.console.ask(&question).await? else {
            return Err(StackError::NotTyped(format!(
                "--purge wants the stack's name, {stack}, typed; nothing was removed"
            )));
        };
        if answer.trim() != stack.as_str() {
            return Err(StackError::NotTyped(format!("that is not {stack}; nothing was removed")));
        }
        return Ok(true);
    }
    let (account, region) = (&session.cloud.account, &session.cloud.region);
    let question = format!("Delete stack {stack} in account {account}, region {region}? (y/n): ");
    approval.agreed(session, env, &question).await
}

async fn delete_stack<C: Console>(
    session: &mut Session<'_, C>,
    request: &DeleteRequest,
    existing: &ExistingStack,
    phase: &Cell<Phase>,
) -> Result<(), StackError> {
    let mut watch = Watch::begin(session.cloud, &existing.id).await?;
    phase.set(Phase::AtWork);
    // A delete in progress is followed to its end.
    if existing.status != "DELETE_IN_PROGRESS" {
        let delete = session.cloud.cloudformation.delete_stack().stack_name(&existing.id);
        let sent = delete.client_request_token(format!("log2aws-{}", request.token)).send().await;
        sent.map_err(|error| {
            let fault = fault::call(format!("deleting the stack {}", request.stack), &error);
            phase.set(if fault.passing { Phase::AtWork } else { Phase::Nothing });
            fault
        })?;
    }
    let zone = session.zone.clone();
    let mut print = |console: &mut C, event: &crate::stack::StackEvent| {
        console.line(&event.line(&zone).to_string())
    };
    let settled = watch.until_settled(session, &mut print).await?;
    phase.set(Phase::After("the delete was being brought to its end"));
    let Some(stack) = &settled.stack else {
        session.console.line(&format!("the stack {} is gone", request.stack))?;
        return Ok(());
    };
    let next = match state::of(&stack.status) {
        State::Dead => "Mend the cause and run the command again: it goes on with what is left.",
        _ => "Look at its events, and run the command again.",
    };
    Err(StackError::Ended {
        what: "the delete",
        stack: request.stack.to_string(),
        status: stack.status.clone(),
        first: first_failure(&settled),
        next: next.to_owned(),
    })
}
