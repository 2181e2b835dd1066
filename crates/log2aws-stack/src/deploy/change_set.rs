//! The change set: CloudFormation's planned changes, shown before they are made.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{
    Capability, Change, ChangeAction, ChangeSetStatus, ChangeSetType, DeploymentMode, EventFilter,
    ExecutionStatus, HookFailureMode, Parameter, Replacement, ResourceChange,
    StackResourceDriftStatus,
};
use tokio::time::sleep;

use super::{DeployRequest, Found};
use crate::console::Console;
use crate::error::StackError;
use crate::fault::{self, CallError};
use crate::template::Template;
use crate::watch::Session;

/// The result of planning.
#[derive(Debug)]
pub(super) enum Planned {
    /// There is nothing to change.
    Nothing,
    /// There is something to do.
    Changes(ChangeSet),
}

/// A change set that can be executed.
#[derive(Clone, Debug)]
pub(super) struct ChangeSet {
    /// Its ARN.
    pub(super) id: String,
    /// The stack's ARN.
    pub(super) stack_id: String,
    /// The stack exists only as a plan of this run.
    only_planned: bool,
    /// The logical IDs of the existing resources that it takes over.
    pub(super) imported: Vec<String>,
    /// The logical IDs of the resources that are replaced by new ones.
    pub(super) replaced: Vec<String>,
}

/// The name of this run's change set, also used as its idempotency token.
pub(super) fn name(request: &DeployRequest) -> String {
    format!("log2aws-{}", request.now.strftime("%Y%m%d-%H%M%S-%3f"))
}

/// Has CloudFormation plan the change, and prints it.
pub(super) async fn create<C: Console>(
    session: &mut Session<'_, C>,
    template: &Template,
    request: &DeployRequest,
    body: &str,
    values: &BTreeMap<String, String>,
    found: &Found,
) -> Result<Planned, StackError> {
    let stack = request.stack.as_str();
    let kind = match found {
        Found::Nothing | Found::Planned => ChangeSetType::Create,
        Found::Existing(_) => ChangeSetType::Update,
    };
    let name = name(request);
    let drift = request.reverts_drift(session, found).await?.then_some(DeploymentMode::RevertDrift);
    let created = request
        .rails
        .put_into(session.cloud.cloudformation.create_change_set(), found.existing())
        .stack_name(stack)
        .change_set_name(&name)
        .change_set_type(kind)
        .template_body(body)
        .set_parameters(Some(parameters(template, values, found)))
        .capabilities(Capability::CapabilityIam)
        .set_deployment_mode(drift)
        // Adopts buckets that an earlier stack of this name left behind.
        .import_existing_resources(true)
        .description("log2aws stack deploy")
        // A retry after a lost response returns the same change set.
        .client_token(&name)
        .send()
        .await;
    let created = match created {
        Ok(created) => created,
        Err(error) => {
            let fault = fault::call(format!("planning the change of stack {stack}"), &error);
            return if is_no_change(&fault.message) {
                Ok(Planned::Nothing)
            } else {
                Err(fault.with_other_operator().into())
            };
        }
    };
    let planned = ChangeSet {
        id: created.id.unwrap_or(name),
        stack_id: created.stack_id.unwrap_or_else(|| stack.to_owned()),
        only_planned: matches!(found, Found::Nothing),
        imported: Vec::new(),
        replaced: Vec::new(),
    };
    shown(session, stack, planned).await
}

/// Has CloudFormation plan how the stack becomes what its template says, whatever was done by hand
/// or before a resource was taken over; prints it.
///
/// Source: AWS CloudFormation User Guide, "Using drift-aware change sets".
pub(super) async fn create_for_drift<C: Console>(
    session: &mut Session<'_, C>,
    template: &Template,
    request: &DeployRequest,
    stack_id: &str,
) -> Result<Planned, StackError> {
    let name = format!("{}-settings", name(request));
    let unchanged = template.parameters().iter().map(|parameter| {
        Parameter::builder().parameter_key(&parameter.name).use_previous_value(true).build()
    });
    let created = request
        .rails
        .put_into(session.cloud.cloudformation.create_change_set(), None)
        .stack_name(stack_id)
        .change_set_name(&name)
        .change_set_type(ChangeSetType::Update)
        .use_previous_template(true)
        .set_parameters(Some(unchanged.collect()))
        .capabilities(Capability::CapabilityIam)
        .deployment_mode(DeploymentMode::RevertDrift)
        .description("log2aws stack deploy: settings of what was taken over")
        .client_token(&name)
        .send()
        .await
        .map_err(|error| fault::call("planning the settings of what was taken over", &error))?;
    let planned = ChangeSet {
        id: created.id.unwrap_or(name),
        stack_id: stack_id.to_owned(),
        only_planned: false,
        imported: Vec::new(),
        replaced: Vec::new(),
    };
    shown(session, request.stack.as_str(), planned).await
}

/// Waits for the plan and prints it; one without changes is removed.
async fn shown<C: Console>(
    session: &mut Session<'_, C>,
    stack: &str,
    planned: ChangeSet,
) -> Result<Planned, StackError> {
    match wait_until_planned(session, &planned.id, &planned.stack_id).await? {
        PlanResult::Changes(description) => {
            description.print(session)?;
            let (imported, replaced) = (description.imported(), description.replaced());
            Ok(Planned::Changes(ChangeSet { imported, replaced, ..planned }))
        }
        PlanResult::Failed(reason) => {
            let reason = explained(session, &planned, reason).await;
            let discarded = discard(session, &planned).await;
            if is_no_change(&reason) {
                discarded?;
                return Ok(Planned::Nothing);
            }
            let stack = stack.to_owned();
            let reason = match discarded {
                Ok(()) => reason,
                Err(fault) => format!("{reason}\n({fault})"),
            };
            Err(StackError::ChangeSet { stack, reason })
        }
    }
}

/// The reason of a failed change set that CloudFormation reports only in its events.
async fn explained<C>(session: &Session<'_, C>, planned: &ChangeSet, reason: String) -> String {
    if !reason.contains("DescribeEvents") && !reason.contains("EarlyValidation") {
        return reason;
    }
    let failed = EventFilter::builder().failed_events(true).build();
    let api = &session.cloud.cloudformation;
    let request = api.describe_events().change_set_name(&planned.id).filters(failed);
    let events: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let Ok(events) = events else { return reason };
    let faults: Vec<String> = events
        .iter()
        .filter(|event| event.validation_failure_mode() != Some(&HookFailureMode::Warn))
        .filter_map(|event| {
            let why = event.validation_status_reason().or(event.resource_status_reason())?;
            let id = event.logical_resource_id().unwrap_or("the template");
            let kind = event.resource_type().unwrap_or_default();
            Some(format!("{id} ({kind}): {}", fault::one_line(why)))
        })
        .collect();
    if faults.is_empty() { reason } else { faults.join("; ") }
}

/// Whether CloudFormation's message says that there is nothing to change.
fn is_no_change(message: &str) -> bool {
    ["didn't contain changes", "No updates are to be performed"]
        .iter()
        .any(|words| message.contains(words))
}

/// The value of every template parameter: the given or computed one, else the stack's current one,
/// else the template's default.
fn parameters(
    template: &Template,
    values: &BTreeMap<String, String>,
    found: &Found,
) -> Vec<Parameter> {
    let known = template.parameters().iter();
    known
        .filter_map(|parameter| {
            let name = &parameter.name;
            let builder = Parameter::builder().parameter_key(name);
            match (values.get(name), found) {
                (Some(value), _) => Some(builder.parameter_value(value).build()),
                (None, Found::Existing(stack)) if stack.parameters.contains_key(name) => {
                    Some(builder.use_previous_value(true).build())
                }
                _ => None,
            }
        })
        .collect()
}

/// A change set after CloudFormation has planned it.
pub(super) enum PlanResult {
    /// It can be executed, or has been.
    Changes(Description),
    /// CloudFormation could not plan it, for this reason.
    Failed(String),
}

/// What CloudFormation says of a change set.
#[derive(Debug)]
pub(super) struct Description {
    pub(super) id: Option<String>,
    pub(super) stack_id: Option<String>,
    pub(super) stack_name: Option<String>,
    /// Whether it can be executed; `OBSOLETE` if the stack was changed after it was made.
    pub(super) execution: Option<ExecutionStatus>,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) changes: Vec<Change>,
}

impl Description {
    /// Prints the changes.
    pub(super) fn print<C: Console>(&self, session: &mut Session<'_, C>) -> Result<(), StackError> {
        for line in self.changes.iter().filter_map(change_line) {
            session.console.line(&line)?;
        }
        Ok(())
    }

    /// The logical IDs of the existing resources that it takes over.
    fn imported(&self) -> Vec<String> {
        let changes = self.changes.iter().filter_map(Change::resource_change);
        let imports = changes.filter(|change| change.action() == Some(&ChangeAction::Import));
        imports.filter_map(|change| change.logical_resource_id().map(str::to_owned)).collect()
    }

    /// The logical IDs of the resources that are replaced by new ones.
    fn replaced(&self) -> Vec<String> {
        let changes = self.changes.iter().filter_map(Change::resource_change);
        changes
            .filter(|change| change.action() == Some(&ChangeAction::Modify))
            .filter(|change| change.replacement() == Some(&Replacement::True))
            .filter_map(|change| change.logical_resource_id().map(str::to_owned))
            .collect()
    }
}

impl ChangeSet {
    /// A change set of an earlier run.
    pub(super) fn of(description: &Description) -> Option<Self> {
        let (id, stack_id) = (description.id.clone()?, description.stack_id.clone()?);
        let (imported, replaced) = (description.imported(), description.replaced());
        Some(Self { id, stack_id, only_planned: false, imported, replaced })
    }
}

/// Waits until a change set, by name or ARN, is planned.
pub(super) async fn wait_until_planned<C: Console>(
    session: &mut Session<'_, C>,
    name: &str,
    stack: &str,
) -> Result<PlanResult, StackError> {
    let mut changes = Vec::new();
    let mut next = None;
    loop {
        let request = session.cloud.cloudformation.describe_change_set();
        let request = request.change_set_name(name).stack_name(stack).set_next_token(next.take());
        let answer = request.send().await;
        let answer = answer.map_err(|error| fault::call("reading the planned change", &error))?;
        match answer.status() {
            Some(ChangeSetStatus::CreateComplete) => {
                changes.extend(answer.changes.unwrap_or_default());
                next = answer.next_token;
                if next.is_none() {
                    let parameters = answer.parameters.unwrap_or_default().into_iter();
                    return Ok(PlanResult::Changes(Description {
                        id: answer.change_set_id,
                        stack_id: answer.stack_id,
                        stack_name: answer.stack_name,
                        execution: answer.execution_status,
                        parameters: parameters
                            .filter_map(|p| Some((p.parameter_key?, p.parameter_value?)))
                            .collect(),
                        changes,
                    }));
                }
            }
            Some(ChangeSetStatus::CreateInProgress | ChangeSetStatus::CreatePending) => {
                session.console.status("CloudFormation plans the change");
                sleep(session.pace.poll).await;
            }
            status => {
                let reason = answer.status_reason.clone().unwrap_or_else(|| {
                    format!("the change set is in {}", status.map_or("no state", |s| s.as_str()))
                });
                return Ok(PlanResult::Failed(fault::one_line(&reason)));
            }
        }
    }
}

/// Removes an unused change set, and a stack that exists only as a plan.
pub(super) async fn discard<C>(
    session: &Session<'_, C>,
    planned: &ChangeSet,
) -> Result<(), CallError> {
    let api = &session.cloud.cloudformation;
    let ChangeSet { id, stack_id, only_planned, .. } = planned;
    let delete = api.delete_change_set().change_set_name(id).stack_name(stack_id);
    let deleted = delete.send().await;
    deleted.map_err(|error| fault::call("removing the planned change", &error))?;
    if *only_planned {
        let deleted = api.delete_stack().stack_name(stack_id).send().await;
        deleted.map_err(|error| fault::call("removing the planned stack", &error))?;
    }
    Ok(())
}

/// One change in one line.
fn change_line(change: &Change) -> Option<String> {
    let change = change.resource_change()?;
    let id = change.logical_resource_id().unwrap_or_default();
    let kind = change.resource_type().unwrap_or_default();
    let (sign, note) = match (change.action(), change.replacement()) {
        (Some(ChangeAction::Add), _) => ("+", ""),
        (Some(ChangeAction::Remove), _) => ("-", ""),
        (Some(ChangeAction::Import), _) => (">", "  (exists already, is taken over)"),
        (_, Some(Replacement::True)) => ("!", "  (a new one takes its place)"),
        (_, Some(Replacement::Conditional)) => ("~", "  (a new one may take its place)"),
        _ => ("~", ""),
    };
    Some(format!("  {sign} {id:<26}  {kind}{note}{}", drift_note(change)))
}

/// The properties that are not what the last deploy has set, in brackets.
fn drift_note(change: &ResourceChange) -> String {
    match change.resource_drift_status() {
        Some(StackResourceDriftStatus::Deleted) => "  (was deleted by hand)".to_owned(),
        Some(StackResourceDriftStatus::Modified) => {
            let mut names: Vec<&str> = Vec::new();
            for name in change.details().iter().filter_map(|detail| detail.target()?.name()) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            format!("  (differs from its template: {})", names.join(", "))
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::ExistingStack;

    #[test]
    fn what_is_not_given_keeps_its_value() {
        let template = Template::embedded().unwrap();
        let values = BTreeMap::from([("Env".to_owned(), "dev".to_owned())]);
        let existing = Found::Existing(ExistingStack {
            id: String::new(),
            status: "CREATE_COMPLETE".to_owned(),
            reason: None,
            parameters: BTreeMap::from([
                ("Env".to_owned(), "dev".to_owned()),
                ("RawKeepDays".to_owned(), "400".to_owned()),
            ]),
            outputs: Vec::new(),
            tags: Vec::new(),
            notification_arns: Vec::new(),
        });
        let made = parameters(&template, &values, &existing);
        assert_eq!(made.len(), 2, "a parameter that is new in the template takes its default");
        assert_eq!(made[0].parameter_value(), Some("dev"));
        assert_eq!(made[1].parameter_key(), Some("RawKeepDays"));
        assert_eq!(made[1].use_previous_value(), Some(true));
        assert_eq!(parameters(&template, &values, &Found::Nothing).len(), 1);
    }

    #[test]
    fn no_change_is_known_by_its_words() {
        assert!(is_no_change(
            "The submitted information didn't contain changes. Submit different information to \
             create a change set."
        ));
        assert!(is_no_change("No updates are to be performed."));
        assert!(!is_no_change("Parameter validation failed"));
    }
}
