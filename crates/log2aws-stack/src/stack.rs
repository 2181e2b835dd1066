//! A CloudFormation stack: lookup, parameters, outputs and events.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use log2aws_ssm::env_name::EnvName;
use serde::Serialize;

use crate::cloud::Cloud;
use crate::error::StackError;
use crate::fault::{self, CallError};
use crate::name::StackName;

/// An existing or deleted stack.
#[derive(Clone, Debug)]
pub(crate) struct ExistingStack {
    /// Its ARN, which remains unique if another stack takes the name.
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) notification_arns: Vec<String>,
}

impl ExistingStack {
    /// Checks that the stack was made by this program for this environment. The name alone can be
    /// that of a stack that somebody made in the same folder before, or of another environment.
    ///
    /// # Errors
    /// [`StackError::Foreign`], [`StackError::OtherEnvironment`]
    pub(crate) fn belongs_to(&self, stack: &StackName, env: &EnvName) -> Result<(), StackError> {
        // A stack that exists only as a plan has no parameters yet.
        if self.status == "REVIEW_IN_PROGRESS" {
            return Ok(());
        }
        if !self.parameters.contains_key(crate::hosts::NETWORKS) {
            return Err(StackError::Foreign(stack.to_string()));
        }
        match self.parameters.get("Env") {
            Some(own) if own != env.as_str() => Err(StackError::OtherEnvironment {
                stack: stack.to_string(),
                own: own.clone(),
                wanted: env.to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// Whether nothing of it exists but the name.
    pub(crate) fn exists_only_as_name(&self) -> bool {
        matches!(self.status.as_str(), "REVIEW_IN_PROGRESS" | "ROLLBACK_COMPLETE")
    }
}

/// One output of the stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Output {
    /// Its name in the template, e.g. `GenerateSignedUrl`.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Its description.
    pub description: String,
}

/// An event of a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StackEvent {
    #[serde(skip)]
    pub(crate) id: String,
    /// When it happened.
    pub time: Timestamp,
    /// The new status of the resource.
    pub status: String,
    /// The resource's logical ID; the stack's name, for the stack itself.
    pub logical_id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// AWS's name for it.
    pub physical_id: String,
    /// The reason, if AWS gives one.
    pub reason: Option<String>,
}

impl StackEvent {
    /// Whether this is a failure in its own right, not a consequence of another.
    pub(crate) fn is_first_hand_failure(&self) -> bool {
        let follows = self.reason.as_deref().is_some_and(|reason| {
            let reason = reason.to_ascii_lowercase();
            reason.contains("cancelled") || reason.contains("the following resource(s) failed")
        });
        self.status.ends_with("_FAILED") && !follows && !self.is_of_the_stack()
    }

    /// Whether it is about the stack itself rather than a resource in it.
    pub(crate) fn is_of_the_stack(&self) -> bool {
        self.kind == "AWS::CloudFormation::Stack"
    }

    /// Whether it starts a creation, update or deletion of the stack.
    pub(crate) fn begins_a_change(&self) -> bool {
        let begun = [
            "CREATE_IN_PROGRESS",
            "UPDATE_IN_PROGRESS",
            "IMPORT_IN_PROGRESS",
            "DELETE_IN_PROGRESS",
        ];
        self.is_of_the_stack() && begun.contains(&self.status.as_str())
    }

    /// The event as one line, in the time of `zone`.
    pub fn line(&self, zone: &TimeZone) -> impl fmt::Display {
        let time = self.time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
        let Self { status, logical_id, kind, reason, .. } = self;
        let reason = reason.as_deref().map_or_else(String::new, |reason| format!("  {reason}"));
        format!("{time}  {status:<20}  {logical_id:<24}  {kind}{reason}").trim_end().to_owned()
    }
}

impl Cloud {
    /// Looks a stack up, by its name or its ARN; `None` if there is none.
    pub(crate) async fn stack(&self, name: &str) -> Result<Option<ExistingStack>, CallError> {
        let answer = self.cloudformation.describe_stacks().stack_name(name).send().await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let fault = fault::call(format!("looking for the stack {name}"), &error);
                return if is_absence(&fault) { Ok(None) } else { Err(fault) };
            }
        };
        let Some(stack) = answer.stacks.unwrap_or_default().into_iter().next() else {
            return Ok(None);
        };
        let parameters = stack.parameters.unwrap_or_default().into_iter();
        let outputs = stack.outputs.unwrap_or_default().into_iter();
        Ok(Some(ExistingStack {
            id: stack.stack_id.unwrap_or_else(|| name.to_owned()),
            status: stack.stack_status.map_or_else(String::new, |s| s.as_str().to_owned()),
            reason: stack.stack_status_reason.map(|reason| fault::one_line(&reason)),
            parameters: parameters
                .filter_map(|p| Some((p.parameter_key?, p.parameter_value?)))
                .collect(),
            outputs: outputs
                .filter_map(|o| {
                    let description = o.description.unwrap_or_default();
                    Some(Output { key: o.output_key?, value: o.output_value?, description })
                })
                .collect(),
            tags: stack
                .tags
                .unwrap_or_default()
                .into_iter()
                .filter_map(|tag| Some((tag.key?, tag.value?)))
                .collect(),
            notification_arns: stack.notification_arns.unwrap_or_default(),
        }))
    }

    /// The events of a stack that are not in `seen`, oldest first; they are added to `seen`.
    ///
    /// AWS returns the newest first, page by page: reading ends at the first page with a known
    /// event.
    pub(crate) async fn new_events(
        &self,
        id: &str,
        seen: &mut HashSet<String>,
        pages: usize,
    ) -> Result<Vec<StackEvent>, CallError> {
        let mut new = Vec::new();
        let mut next = None;
        for _ in 0..pages {
            let ask = self.cloudformation.describe_stack_events().stack_name(id);
            let page = ask.set_next_token(next).send().await;
            let page = page.map_err(|error| fault::call("reading the stack's events", &error))?;
            let events = page.stack_events.unwrap_or_default();
            let known = events.iter().any(|e| e.event_id().is_some_and(|id| seen.contains(id)));
            new.extend(events.into_iter().filter_map(read_event).filter(|e| !seen.contains(&e.id)));
            next = page.next_token;
            if known || next.is_none() {
                break;
            }
        }
        seen.extend(new.iter().map(|event| event.id.clone()));
        new.reverse();
        Ok(new)
    }
}

fn read_event(event: aws_sdk_cloudformation::types::StackEvent) -> Option<StackEvent> {
    let time = event.timestamp?;
    Some(StackEvent {
        id: event.event_id?,
        time: Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()?,
        status: event.resource_status.map_or_else(String::new, |s| s.as_str().to_owned()),
        logical_id: event.logical_resource_id.unwrap_or_default(),
        kind: event.resource_type.unwrap_or_default(),
        physical_id: event.physical_resource_id.unwrap_or_default(),
        reason: event
            .resource_status_reason
            .map(|reason| fault::one_line(&reason))
            .filter(|reason| !reason.is_empty()),
    })
}

/// Whether CloudFormation's error means that there is no such stack.
pub(crate) fn is_absence(fault: &CallError) -> bool {
    fault.code.as_deref() == Some("ValidationError") && fault.message.contains("does not exist")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(status: &str, kind: &str, reason: Option<&str>) -> StackEvent {
        StackEvent {
            id: "1".to_owned(),
            time: Timestamp::from_second(1_564_617_600).unwrap(),
            status: status.to_owned(),
            logical_id: "RawBucket".to_owned(),
            kind: kind.to_owned(),
            physical_id: String::new(),
            reason: reason.map(str::to_owned),
        }
    }

    #[test]
    fn a_failure_that_follows_from_another_is_not_the_first() {
        let bucket = "AWS::S3::Bucket";
        assert!(event("CREATE_FAILED", bucket, Some("already exists")).is_first_hand_failure());
        assert!(event("UPDATE_FAILED", bucket, None).is_first_hand_failure());
        for reason in ["Resource creation cancelled", "Resource update cancelled"] {
            assert!(!event("CREATE_FAILED", bucket, Some(reason)).is_first_hand_failure());
        }
        let stack = "AWS::CloudFormation::Stack";
        let reason = Some("The following resource(s) failed to create: [RawBucket].");
        assert!(!event("CREATE_FAILED", stack, reason).is_first_hand_failure());
        assert!(!event("CREATE_COMPLETE", bucket, None).is_first_hand_failure());
    }

    #[test]
    fn an_event_is_one_line() {
        let line = event("CREATE_FAILED", "AWS::S3::Bucket", Some("no"));
        let line = line.line(&TimeZone::UTC).to_string();
        assert_eq!(
            line,
            "2019-08-01 00:00:00  CREATE_FAILED         RawBucket                 AWS::S3::Bucket  no"
        );
    }
}
