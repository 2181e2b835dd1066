//! `stack deploy`: creates or updates everything on AWS; it can be run again at any time.
//!
//! Everything that can be checked without AWS is checked before the first request; changes are
//! shown before they are made; and after an interruption the next run continues.

mod allow_list;
mod artifact_bucket;
mod change_set;
mod parameters;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;

use jiff::Timestamp;
use log2aws_core::allow_list::AllowList;
use log2aws_ssm::env_name::EnvName;
use serde::Serialize;

use crate::approval::Approval;
use crate::artifacts::Artifacts;
use crate::commands::Commands;
use crate::console::Console;
use crate::error::StackError;
use crate::fault;
use crate::hosts::{self, HOSTS, NETWORKS};
use crate::name::StackName;
use crate::parameter_warnings::parameter_warnings;
use crate::phase::{Operation, Phase};
use crate::stack::{ExistingStack, Output};
use crate::state::{self, State};
use crate::template::{Scope, Template};
use crate::watch::{Session, WaitResult, Watch};

use allow_list::Wanted;
use change_set::{ChangeSet, Planned};
pub use parameters::checked_parameters;

/// The parameters of a deploy, checked as far as possible without AWS.
#[derive(Debug)]
pub struct DeployRequest {
    /// The environment.
    pub env: EnvName,
    /// The stack.
    pub stack: StackName,
    /// The allow-list, if given.
    pub allow_hosts: Option<AllowList>,
    /// The other given parameters, from [`checked_parameters`].
    pub given: BTreeMap<String, String>,
    /// The functions.
    pub artifacts: Artifacts,
    /// Allows adding addresses to the allow-list.
    pub widen: bool,
    /// How the change is approved.
    pub approval: Approval,
    /// Commands to suggest in messages.
    pub commands: Commands,
    /// The start time, for the change set's name.
    pub now: Timestamp,
}

/// The result of a deploy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deployed {
    /// The stack.
    pub stack: String,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// What was changed, if anything.
    pub outcome: DeployOutcome,
    /// The stack's outputs.
    pub outputs: Vec<Output>,
}

/// The result of a deploy that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeployOutcome {
    /// The stack was created.
    Created,
    /// The stack was updated.
    Updated,
    /// There was nothing to change.
    Unchanged,
    /// The operator said no.
    Canceled,
}

/// Deploys. After `interrupt`, CloudFormation completes what it has started.
///
/// # Errors
/// [`StackError`] says what to do next.
pub async fn deploy<C: Console>(
    session: &mut Session<'_, C>,
    template: &Template,
    request: &DeployRequest,
    interrupt: impl Future<Output = ()>,
) -> Result<Deployed, StackError> {
    let phase = Cell::new(Phase::Nothing);
    let planned = RefCell::new(None);
    let work = Work { template, request, phase: &phase, planned: &planned };
    let DeployRequest { stack, commands, .. } = request;
    let errand = Operation { what: "the deploy", stack, commands };
    let done = errand.run(&phase, work.run(session), interrupt).await;
    // Removes an unused change set. A failure to remove it is not reported: the error that ended
    // the deploy is more important, and the next run plans again.
    let idle = if phase.get() == Phase::Preparing { planned.take() } else { None };
    if let (Err(_), Some(idle)) = (&done, idle) {
        drop(change_set::discard(session, &idle).await);
    }
    done
}

/// The current state of the stack's name.
#[derive(Debug)]
pub(crate) enum Found {
    /// Nothing at all.
    Nothing,
    /// A stack that exists only as a plan.
    Planned,
    /// An existing stack at rest.
    ExistingStack(ExistingStack),
}

struct Work<'a> {
    template: &'a Template,
    request: &'a DeployRequest,
    phase: &'a Cell<Phase>,
    /// The change set that has not been executed.
    planned: &'a RefCell<Option<ChangeSet>>,
}

impl Work<'_> {
    async fn run<C: Console>(&self, session: &mut Session<'_, C>) -> Result<Deployed, StackError> {
        let DeployRequest { env, stack, .. } = self.request;
        let (account, region) = (&session.cloud.account, &session.cloud.region);
        session.console.line(&format!(
            "stack {stack} in account {account}, region {region} (as {})",
            session.cloud.identity
        ))?;
        let found = self.look_up(session).await?;
        let standing = match &found {
            Found::ExistingStack(stack) => Some(stack),
            Found::Nothing | Found::Planned => None,
        };
        let mut hosts = allow_list::wanted(session, self.request, standing).await?;
        let values = self.values(session, standing, &hosts.list)?;
        self.warn(session, standing, &values)?;
        let body = self.body(session, &values, &found).await?;
        self.phase.set(Phase::Preparing);
        let planned =
            change_set::create(session, self.template, self.request, &body, &values, &found)
                .await?;
        let (outcome, outputs) = match planned {
            Planned::Nothing => {
                let outputs = standing.map(|stack| stack.outputs.clone()).unwrap_or_default();
                (DeployOutcome::Unchanged, outputs)
            }
            Planned::Changes(planned) => {
                self.planned.replace(Some(planned.clone()));
                if !self.agreed(session, standing, &planned).await? {
                    let outputs = standing.map(|stack| stack.outputs.clone()).unwrap_or_default();
                    return Ok(self.deployed(session, DeployOutcome::Canceled, outputs));
                }
                artifact_bucket::provide(session, &self.request.artifacts).await?;
                allow_list::narrow(session, env, &mut hosts, standing.is_some()).await?;
                let outputs = self.execute(session, &planned, &hosts).await?;
                let created = standing.is_none();
                let outcome = if created { DeployOutcome::Created } else { DeployOutcome::Updated };
                (outcome, outputs)
            }
        };
        let changed = allow_list::settle(session, env, &hosts).await?;
        let outcome = match outcome {
            DeployOutcome::Unchanged if changed => DeployOutcome::Updated,
            outcome => outcome,
        };
        if outcome == DeployOutcome::Unchanged {
            session.console.line("nothing to change: the stack stands as wanted")?;
        }
        Ok(self.deployed(session, outcome, outputs))
    }

    /// The template to send: with an API deployment for these networks, and with the names of
    /// existing buckets written out, so that CloudFormation can adopt them.
    async fn body<C>(
        &self,
        session: &Session<'_, C>,
        values: &BTreeMap<String, String>,
        found: &Found,
    ) -> Result<String, StackError> {
        let (account, region) = (&session.cloud.account, &session.cloud.region);
        let DeployRequest { env, stack, .. } = self.request;
        let scope = Scope::new(self.template, values, account, region, stack.as_str());
        let body =
            self.template.with_deployment_of(values.get(NETWORKS).map_or("", String::as_str));
        if matches!(found, Found::ExistingStack(_)) {
            return Ok(body);
        }
        for bucket in [env.raw_bucket(account, region), env.analyzed_bucket(account, region)] {
            if artifact_bucket::stands(session, &bucket).await? {
                return Ok(self.template.with_names_written_out(&body, &scope)?);
            }
        }
        Ok(body)
    }

    /// Has the changes approved; a rejected plan is removed.
    async fn agreed<C: Console>(
        &self,
        session: &mut Session<'_, C>,
        standing: Option<&ExistingStack>,
        planned: &ChangeSet,
    ) -> Result<bool, StackError> {
        let DeployRequest { env, stack, approval, .. } = self.request;
        let (account, region) = (&session.cloud.account, &session.cloud.region);
        let what = if standing.is_some() { "Update" } else { "Create" };
        let question =
            format!("{what} stack {stack} in account {account}, region {region}? (y/n): ");
        let yes = approval.agreed(session, env, &question).await?;
        if !yes {
            change_set::discard(session, planned).await?;
            session.console.line("canceled; nothing was changed")?;
        }
        Ok(yes)
    }

    fn deployed<C>(
        &self,
        session: &Session<'_, C>,
        outcome: DeployOutcome,
        outputs: Vec<Output>,
    ) -> Deployed {
        Deployed {
            stack: self.request.stack.to_string(),
            account: session.cloud.account.clone(),
            region: session.cloud.region.clone(),
            outcome,
            outputs,
        }
    }

    /// Looks the stack up, and fails if its state does not allow a deploy.
    async fn look_up<C>(&self, session: &Session<'_, C>) -> Result<Found, StackError> {
        let DeployRequest { env, stack, commands, .. } = self.request;
        let Some(standing) = session.cloud.stack(stack.as_str()).await? else {
            return Ok(Found::Nothing);
        };
        standing.belongs_to(stack, env)?;
        let (status, follow, delete) = (&standing.status, commands.follow(), commands.delete());
        match state::of(status) {
            State::Absent => Ok(Found::Planned),
            State::Rests => Ok(Found::ExistingStack(standing)),
            State::AtWork => Err(StackError::State(format!(
                "stack {stack} is in {status}: somebody's change is under way, and CloudFormation \
                 does one at a time; follow it with\n  {follow}\nand deploy again when it rests"
            ))),
            State::Dead => Err(StackError::State(format!(
                "stack {stack} is in {status}: it was never made, or not wholly deleted{}, and can \
                 only be deleted; logs and results are not touched by that. Run\n  {delete}\nand \
                 deploy again",
                reason(&standing),
            ))),
            State::Stuck => Err(StackError::State(format!(
                "stack {stack} is in {status}: an update was not finished, nor taken back{}. {}",
                reason(&standing),
                self.recovery_command(status),
            ))),
        }
    }

    /// What to do about a stuck stack.
    fn recovery_command(&self, status: &str) -> String {
        let DeployRequest { stack, commands, .. } = self.request;
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

    /// All parameter values, checked against the template's rules.
    fn values<C>(
        &self,
        session: &Session<'_, C>,
        standing: Option<&ExistingStack>,
        hosts: &AllowList,
    ) -> Result<BTreeMap<String, String>, StackError> {
        let (account, region) = (&session.cloud.account, &session.cloud.region);
        let DeployRequest { env, stack, given, artifacts, .. } = self.request;
        let mut values = given.clone();
        let ours = [
            ("Env", env.to_string()),
            ("ArtifactBucket", artifact_bucket::name(account, region)),
            ("GenerateUrlKey", artifacts.generate_url.key()),
            ("AnalyzeLogKey", artifacts.analyze_log.key()),
            ("Architecture", artifacts.architecture.to_string()),
        ];
        let hosts = hosts::parameters(hosts)?;
        values.extend(ours.into_iter().chain(hosts).map(|(name, value)| (name.to_owned(), value)));
        for (name, value) in &values {
            if let Some(parameter) = self.template.parameter(name) {
                parameter.check(value)?;
            }
        }
        let mut all = standing.map(|stack| stack.parameters.clone()).unwrap_or_default();
        all.extend(values.clone());
        hosts::check_policies(self.template, &all, account, region, stack.as_str())?;
        Ok(values)
    }

    /// Warns of parameters that are probably unintended, those that the stack has already included.
    fn warn<C: Console>(
        &self,
        session: &mut Session<'_, C>,
        standing: Option<&ExistingStack>,
        values: &BTreeMap<String, String>,
    ) -> Result<(), StackError> {
        let mut all = standing.map(|stack| stack.parameters.clone()).unwrap_or_default();
        all.extend(values.clone());
        let (account, region) = (&session.cloud.account, &session.cloud.region);
        let stack = self.request.stack.as_str();
        let warnings = parameter_warnings(&Scope::new(self.template, &all, account, region, stack));
        for warning in warnings {
            session.console.line(&format!("warning: {warning}"))?;
        }
        Ok(())
    }

    /// Executes the change set and waits for it.
    async fn execute<C: Console>(
        &self,
        session: &mut Session<'_, C>,
        planned: &ChangeSet,
        hosts: &Wanted,
    ) -> Result<Vec<Output>, StackError> {
        let mut watch = Watch::begin(session.cloud, &planned.stack_id).await?;
        let execute = session.cloud.cloudformation.execute_change_set();
        let execute = execute.change_set_name(&planned.id).stack_name(&planned.stack_id);
        let execute = execute.client_request_token(change_set::name(self.request));
        self.phase.set(Phase::AtWork);
        let sent = execute.send().await;
        sent.map_err(|error| {
            let fault = fault::call("starting the change", &error);
            // Without a response it is unknown whether the request arrived.
            self.phase.set(if fault.passing { Phase::AtWork } else { Phase::Preparing });
            fault
        })?;
        let zone = session.zone.clone();
        let mut tell = |console: &mut C, event: &crate::stack::StackEvent| {
            console.line(&event.line(&zone).to_string())
        };
        let rest = watch.until_rest(session, &mut tell).await?;
        self.phase.set(Phase::After("the allow-list was compared"));
        match rest.stack {
            Some(stack) if state::is_success(&stack.status) => Ok(stack.outputs),
            _ => {
                // The rollback has restored the previous deploy's list.
                let kept = allow_list::take_back(session, &self.request.env, hosts).await;
                let wide = kept.err().map_or_else(String::new, |fault| {
                    format!(
                        "\nThe allow-list in Parameter Store may let in again who was taken out by \
                         hand ({fault}); look at it."
                    )
                });
                Err(self.ended(&rest, &wide))
            }
        }
    }

    fn ended(&self, rest: &WaitResult, besides: &str) -> StackError {
        let DeployRequest { stack, commands, .. } = self.request;
        let status = rest.stack.as_ref().map_or("DELETE_COMPLETE", |stack| stack.status.as_str());
        let delete = commands.delete();
        let next = match (state::of(status), status) {
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
            (State::Rests, _) => {
                "The stack stands as it did before. Mend the cause and deploy again.".to_owned()
            }
        };
        StackError::Ended {
            what: "the deploy",
            stack: stack.to_string(),
            status: status.to_owned(),
            first: first_failure(rest),
            next: next + besides,
        }
    }
}

/// The first failed resource and its reason, in one line.
pub(crate) fn first_failure(rest: &WaitResult) -> String {
    let stack = || rest.stack.as_ref().and_then(|stack| stack.reason.clone());
    match &rest.failure {
        Some(event) => {
            let reason = event.reason.as_deref().unwrap_or("AWS gives no reason");
            format!("{} ({}) failed first: {reason}", event.logical_id, event.kind)
        }
        None => stack().unwrap_or_else(|| "AWS names no resource that failed".to_owned()),
    }
}

fn reason(standing: &ExistingStack) -> String {
    standing.reason.as_deref().map_or_else(String::new, |reason| format!(" ({reason})"))
}

/// The template's parameters that are computed from the allow-list.
pub(crate) const FROM_HOSTS: [&str; 2] = [HOSTS, NETWORKS];
