//! `stack deploy`: creates or updates everything on AWS; it can be run again at any time.
//!
//! Everything that can be checked without AWS is checked before the first request; changes are
//! shown before they are made; and after an interruption the next run continues.

mod allow_list;
mod artifact_bucket;
mod change_set;
mod found;
mod kept;
mod key_registry;
mod parameters;
mod rails;
mod taken_over;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;

use jiff::Timestamp;
use log2aws_core::allow_list::AllowList;
use log2aws_ssm::env_name::EnvName;
use serde::Serialize;

use crate::approval::Approval;
use crate::architecture::{ARCHITECTURE, Architecture, Choice};
use crate::artifacts::{ArtifactError, Artifacts, Functions};
use crate::commands::Commands;
use crate::console::Console;
use crate::error::StackError;
use crate::fault;
use crate::hosts::{self, HOSTS, IP_ADDRESS_TYPE, NETWORKS};
use crate::kept_policy;
use crate::name::StackName;
use crate::parameter_warnings::parameter_warnings;
use crate::phase::{Operation, Phase};
use crate::stack::{ExistingStack, Output};
use crate::state;
use crate::template::{Scope, Template};
use crate::watch::{Session, Watch};

use allow_list::AllowListChange;
use change_set::{ChangeSet, Planned};
pub(crate) use found::{Found, first_failure};
pub use parameters::checked_parameters;
pub use rails::Rails;

/// The parameters of a deploy, checked as far as possible without AWS.
#[derive(Debug)]
pub struct DeployRequest {
    /// The environment.
    pub env: EnvName,
    /// The stack.
    pub stack: StackName,
    /// What is deployed.
    pub source: ChangeSource,
    /// What becomes of the change set.
    pub execution: Execution,
    /// Allows adding addresses to the allow-list.
    pub widen: bool,
    /// Tags, service role, notifications, protection.
    pub rails: Rails,
    /// Approves replacing resources together with `--yes`.
    pub replace: bool,
    /// An update also sets back what was changed by hand.
    pub revert_drift: bool,
    /// How the change is approved.
    pub approval: Approval,
    /// Commands to suggest in messages.
    pub commands: Commands,
    /// The start time, for the change set's name.
    pub now: Timestamp,
}

/// What is deployed.
#[derive(Debug)]
pub enum ChangeSource {
    /// A new change set.
    New {
        /// The allow-list, if given.
        allow_hosts: Option<AllowList>,
        /// The other given parameters, from [`checked_parameters`].
        given: BTreeMap<String, String>,
        /// The functions.
        artifacts: Artifacts,
    },
    /// The change set of an earlier run with [`Execution::Keep`], by its name or ARN.
    Kept(String),
}

/// What becomes of a change set after it has been shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Execution {
    /// It is executed, and the deploy waits for CloudFormation.
    Wait,
    /// It is executed, and the deploy returns once CloudFormation has started.
    Detach,
    /// It is kept for a later run, without approval: nothing is executed.
    Keep,
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
    /// The stack's outputs; before the change, if that has not been waited for.
    pub outputs: Vec<Output>,
    /// The ARN of the change set, if it was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_set: Option<String>,
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
    /// The change set was made, and kept.
    Kept,
    /// CloudFormation has started the change.
    Started,
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
    let operation = Operation { what: "the deploy", stack, commands };
    let done = operation.run(&phase, work.run(session), interrupt).await;
    // Removes an unused change set. A failure to remove it is not reported: the error that ended
    // the deploy is more important, and the next run plans again.
    let idle = if phase.get() == Phase::Preparing { planned.take() } else { None };
    if let (Err(_), Some(idle)) = (&done, idle) {
        drop(change_set::discard(session, &idle).await);
    }
    done
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
        let DeployRequest { stack, source, .. } = self.request;
        let (account, region) = (&session.cloud.account, &session.cloud.region);
        session.console.line(&format!(
            "stack {stack} in account {account}, region {region} (as {})",
            session.cloud.identity
        ))?;
        let found = self.request.look_up(session).await?;
        let existing = found.existing();
        let (hosts, planned) = match source {
            ChangeSource::New { allow_hosts, given, artifacts } => {
                let allow_hosts = allow_hosts.as_ref();
                let hosts =
                    allow_list::wanted(session, self.request, allow_hosts, existing).await?;
                let (choice, functions) = chosen(given, existing, artifacts)?;
                session.console.line(&format!("architecture of the functions: {choice}"))?;
                let values = self.values(session, existing, &hosts.list, given, functions)?;
                self.warn(session, existing, &values)?;
                let body = self.body(session, &values, &found).await?;
                self.phase.set(Phase::Preparing);
                let planned = change_set::create(
                    session,
                    self.template,
                    self.request,
                    &body,
                    &values,
                    &found,
                )
                .await?;
                if let Planned::Changes(planned) = &planned {
                    self.planned.replace(Some(planned.clone()));
                }
                (hosts, planned)
            }
            ChangeSource::Kept(name) => {
                let (planned, list) = kept::find(session, self.request, name).await?;
                let hosts =
                    allow_list::wanted(session, self.request, Some(&list), existing).await?;
                (hosts, Planned::Changes(planned))
            }
        };
        match planned {
            Planned::Nothing => self.without_change(session, existing, &hosts).await,
            Planned::Changes(planned) => self.change(session, existing, hosts, &planned).await,
        }
    }

    /// Nothing is to be done by CloudFormation.
    async fn without_change<C: Console>(
        &self,
        session: &mut Session<'_, C>,
        existing: Option<&ExistingStack>,
        hosts: &AllowListChange,
    ) -> Result<Deployed, StackError> {
        let DeployRequest { env, execution, .. } = self.request;
        let changed = if *execution == Execution::Keep {
            kept::print_unwritten_list(session, env, hosts)?;
            false
        } else {
            let settled = allow_list::settle(session, env, hosts).await?;
            self.provide_keys(session).await?;
            settled
        };
        let outcome = if changed { DeployOutcome::Updated } else { DeployOutcome::Unchanged };
        if !changed {
            session.console.line("nothing to change: the stack is up to date")?;
        }
        Ok(self.deployed(session, outcome, outputs(existing)))
    }

    /// Executes or keeps the change set.
    async fn change<C: Console>(
        &self,
        session: &mut Session<'_, C>,
        existing: Option<&ExistingStack>,
        mut hosts: AllowListChange,
        planned: &ChangeSet,
    ) -> Result<Deployed, StackError> {
        let DeployRequest { env, source, execution, .. } = self.request;
        self.phase.set(Phase::Preparing);
        if *execution != Execution::Keep
            && self.request.approval == Approval::Given
            && !self.request.replace
            && !planned.replaced.is_empty()
        {
            return Err(StackError::Replaces {
                env: env.to_string(),
                resources: planned.replaced.join(", "),
            });
        }
        if *execution != Execution::Keep && !self.agreed(session, existing, planned).await? {
            return Ok(self.deployed(session, DeployOutcome::Canceled, outputs(existing)));
        }
        // Whoever executes a kept change set need not have the zips.
        if let ChangeSource::New { given, artifacts, .. } = source {
            let functions = chosen(given, existing, artifacts)?.1;
            artifact_bucket::provide(session, functions).await?;
        }
        if *execution == Execution::Keep {
            kept::print_kept(session, self.request, planned, existing.is_some())?;
            let kept = self.deployed(session, DeployOutcome::Kept, outputs(existing));
            return Ok(Deployed { change_set: Some(planned.id.clone()), ..kept });
        }
        self.provide_keys_before(session, existing, planned).await?;
        allow_list::narrow(session, env, &mut hosts, existing.is_some()).await?;
        let mut watch = Watch::begin(session.cloud, &planned.stack_id).await?;
        for bucket in self.kept_buckets(session, planned) {
            kept_policy::take_away(session, &bucket).await?;
        }
        self.start(session, planned, change_set::name(self.request)).await?;
        if *execution == Execution::Detach {
            kept::print_started(session, self.request, existing, &hosts)?;
            taken_over::print_left_as_they_are(session, planned)?;
            self.print_keys_left(session, existing, planned)?;
            return Ok(self.deployed(session, DeployOutcome::Started, outputs(existing)));
        }
        let made = self.follow(session, &mut watch, planned, &hosts).await?;
        if !planned.imported.is_empty() {
            self.put_right(session, planned, &mut watch).await?;
        }
        self.request.rails.protect(session, &planned.stack_id).await?;
        allow_list::settle(session, env, &hosts).await?;
        self.provide_keys(session).await?;
        let outcome =
            if existing.is_some() { DeployOutcome::Updated } else { DeployOutcome::Created };
        Ok(self.deployed(session, outcome, made))
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
        let mut all = found.existing().map(|stack| stack.parameters.clone()).unwrap_or_default();
        all.extend(values.clone());
        let scope = Scope::new(self.template, &all, account, region, stack.as_str());
        let body = self.template.with_deployment_of(&scope)?;
        if found.existing().is_some() {
            return Ok(body);
        }
        // A bucket of this name that is somebody else's is found before anything is planned.
        for bucket in [env.raw_bucket(account, region), env.analyzed_bucket(account, region)] {
            artifact_bucket::stands(session, &bucket).await?;
        }
        Ok(self.template.with_names_written_out(&body, &scope)?)
    }

    /// Has the changes approved; a rejected change set of this run is removed.
    async fn agreed<C: Console>(
        &self,
        session: &mut Session<'_, C>,
        existing: Option<&ExistingStack>,
        planned: &ChangeSet,
    ) -> Result<bool, StackError> {
        let DeployRequest { env, stack, approval, .. } = self.request;
        let (account, region) = (&session.cloud.account, &session.cloud.region);
        let what = if existing.is_some() { "Update" } else { "Create" };
        let question =
            format!("{what} stack {stack} in account {account}, region {region}? (y/n): ");
        let yes = approval.agreed(session, env, &question).await?;
        if !yes && self.planned.take().is_some() {
            change_set::discard(session, planned).await?;
            session.console.line("canceled; nothing was changed")?;
        } else if !yes {
            session.console.line("canceled; nothing was changed, and the change set is kept")?;
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
            change_set: None,
        }
    }

    /// All parameter values, checked against the template's rules.
    fn values<C>(
        &self,
        session: &Session<'_, C>,
        existing: Option<&ExistingStack>,
        hosts: &AllowList,
        given: &BTreeMap<String, String>,
        functions: &Functions,
    ) -> Result<BTreeMap<String, String>, StackError> {
        let (account, region) = (&session.cloud.account, &session.cloud.region);
        let DeployRequest { env, stack, .. } = self.request;
        let mut values = given.clone();
        let ours = [
            ("Env", env.to_string()),
            ("ArtifactBucket", artifact_bucket::name(account, region)),
            ("GenerateUrlKey", functions.generate_url.key()),
            ("AnalyzeLogKey", functions.analyze_log.key()),
            (ARCHITECTURE, functions.architecture.to_string()),
        ];
        let before = existing.map(|stack| &stack.parameters);
        if let Some(decided) = before.and_then(hosts::address_type_beside_ipv6) {
            values.entry(IP_ADDRESS_TYPE.to_owned()).or_insert_with(|| decided.clone());
        }
        hosts::fill_in(&mut values, hosts)?;
        values.extend(ours.map(|(name, value)| (name.to_owned(), value)));
        for (name, value) in &values {
            if let Some(parameter) = self.template.parameter(name) {
                parameter.check(value)?;
            }
        }
        let mut all = existing.map(|stack| stack.parameters.clone()).unwrap_or_default();
        all.extend(values.clone());
        hosts::check_policies(self.template, &all, account, region, stack.as_str())?;
        Ok(values)
    }

    /// Warns of parameters that are probably unintended, those that the stack has already included.
    fn warn<C: Console>(
        &self,
        session: &mut Session<'_, C>,
        existing: Option<&ExistingStack>,
        values: &BTreeMap<String, String>,
    ) -> Result<(), StackError> {
        let mut all = existing.map(|stack| stack.parameters.clone()).unwrap_or_default();
        all.extend(values.clone());
        let (account, region) = (&session.cloud.account, &session.cloud.region);
        let stack = self.request.stack.as_str();
        let warnings = parameter_warnings(&Scope::new(self.template, &all, account, region, stack));
        for warning in warnings {
            session.console.line(&format!("warning: {warning}"))?;
        }
        Ok(())
    }

    /// Has CloudFormation execute the change set; the token is unique to it.
    async fn start<C>(
        &self,
        session: &Session<'_, C>,
        planned: &ChangeSet,
        token: String,
    ) -> Result<(), StackError> {
        let execute = session.cloud.cloudformation.execute_change_set();
        let execute = execute.change_set_name(&planned.id).stack_name(&planned.stack_id);
        let execute = execute.client_request_token(token);
        self.phase.set(Phase::AtWork);
        let sent = execute.send().await;
        sent.map_err(|error| {
            let fault = fault::call("starting the change", &error).with_other_operator();
            // Without a response it is unknown whether the request arrived.
            self.phase.set(if fault.passing { Phase::AtWork } else { Phase::Preparing });
            fault
        })?;
        Ok(())
    }

    /// Waits until CloudFormation is done, and returns the stack's outputs.
    async fn follow<C: Console>(
        &self,
        session: &mut Session<'_, C>,
        watch: &mut Watch,
        planned: &ChangeSet,
        hosts: &AllowListChange,
    ) -> Result<Vec<Output>, StackError> {
        let zone = session.zone.clone();
        let mut print = |console: &mut C, event: &crate::stack::StackEvent| {
            console.line(&event.line(&zone).to_string())
        };
        let settled = watch.until_settled(session, &mut print).await?;
        self.phase.set(Phase::After("the allow-list was compared"));
        match settled.stack {
            Some(stack) if state::is_success(&stack.status) => Ok(stack.outputs),
            _ => {
                for bucket in self.kept_buckets(session, planned) {
                    kept_policy::leave(session, &bucket).await?;
                }
                // The rollback has restored the previous deploy's list.
                let kept = allow_list::take_back(session, &self.request.env, hosts).await;
                let wide = kept.err().map_or_else(String::new, |fault| {
                    format!(
                        "\nThe allow-list in Parameter Store may let in again who was taken out by \
                         hand ({fault}); look at it."
                    )
                });
                Err(self.request.ended(&settled, &wide))
            }
        }
    }
}

/// The zips to deploy, and why these.
fn chosen<'a>(
    given: &BTreeMap<String, String>,
    existing: Option<&ExistingStack>,
    artifacts: &'a Artifacts,
) -> Result<(Choice, &'a Functions), ArtifactError> {
    let value = |of: &BTreeMap<String, String>| of.get(ARCHITECTURE).cloned();
    let (given, stack) = (value(given), existing.and_then(|stack| value(&stack.parameters)));
    let choice =
        Choice::of(given.as_deref(), stack.as_deref(), artifacts.tested(Architecture::Arm64));
    Ok((choice, artifacts.of(choice.architecture, choice.reason)?))
}

fn outputs(existing: Option<&ExistingStack>) -> Vec<Output> {
    existing.map(|stack| stack.outputs.clone()).unwrap_or_default()
}

/// The template's parameters that are computed from the allow-list.
pub(crate) const FROM_HOSTS: [&str; 2] = [HOSTS, NETWORKS];
