//! Compares the resources of a stack with its template.
//!
//! Source: AWS CloudFormation User Guide, "Detect unmanaged configuration changes to stacks and
//! resources with drift detection"; API Reference, `StackResourceDrift`.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{
    PropertyDifference, StackDriftDetectionStatus, StackResourceDrift, StackResourceDriftStatus,
};
use regex_lite::Regex;
use tokio::time::sleep;

use super::{Finding, Outcome, told};
use crate::console::Console;
use crate::error::StackError;
use crate::fault;
use crate::stack::ExistingStack;
use crate::watch::Session;

/// What holds or guards data. Each of them is reported, even if it is as the template says.
const GUARDS: [&str; 10] = [
    "RawBucket",
    "RawBucketPolicy",
    "AnalyzedBucket",
    "AnalyzedBucketPolicy",
    "AllowHostsParameter",
    "Api",
    "GenerateUrlRole",
    "AnalyzeLogRole",
    "FailedEvents",
    "FailedEventsPolicy",
];

/// The most characters of a value in a message.
const SHOWN: usize = 120;

/// A finding for each resource that holds or guards data, and for every other one that differs; and
/// AWS's names of the resources by logical ID.
pub(super) async fn compare<C: Console>(
    session: &mut Session<'_, C>,
    existing: &ExistingStack,
) -> Result<(Vec<Finding>, BTreeMap<String, String>), StackError> {
    let drifts = detect(session, existing).await?;
    let mut findings = Vec::new();
    for id in GUARDS {
        let drift = drifts.iter().find(|drift| drift.logical_resource_id() == Some(id));
        let finding = drift.map_or_else(|| not_compared(id), |drift| of(id, drift));
        findings.push(told(session, finding)?);
    }
    for drift in &drifts {
        let id = drift.logical_resource_id().unwrap_or_default();
        let finding = of(id, drift);
        if finding.outcome == Outcome::Wrong && !GUARDS.contains(&id) {
            findings.push(told(session, finding)?);
        }
    }
    let there = drifts.iter().filter(|drift| {
        drift.stack_resource_drift_status() != Some(&StackResourceDriftStatus::Deleted)
    });
    let physical = there.filter_map(|drift| {
        let (id, name) = (drift.logical_resource_id()?, drift.physical_resource_id()?);
        Some((id.to_owned(), name.to_owned()))
    });
    Ok((findings, physical.collect()))
}

/// Has CloudFormation read every resource.
async fn detect<C: Console>(
    session: &mut Session<'_, C>,
    existing: &ExistingStack,
) -> Result<Vec<StackResourceDrift>, StackError> {
    let api = session.cloud.cloudformation.clone();
    let begun = api.detect_stack_drift().stack_name(&existing.id).send().await;
    let begun = begun.map_err(|error| fault::call("comparing the stack", &error))?;
    let number = begun.stack_drift_detection_id().unwrap_or_default();
    loop {
        let ask = api.describe_stack_drift_detection_status().stack_drift_detection_id(number);
        let answer =
            ask.send().await.map_err(|error| fault::call("comparing the stack", &error))?;
        if answer.detection_status() != Some(&StackDriftDetectionStatus::DetectionInProgress) {
            break;
        }
        session.console.status("CloudFormation compares the resources with the template");
        sleep(session.pace.poll).await;
    }
    let mut drifts = Vec::new();
    let mut next = None;
    loop {
        let ask = api.describe_stack_resource_drifts().stack_name(&existing.id);
        let page = ask.set_next_token(next).send().await;
        let page = page.map_err(|error| fault::call("reading the differences", &error))?;
        drifts.extend(page.stack_resource_drifts.unwrap_or_default());
        next = page.next_token;
        if next.is_none() {
            return Ok(drifts);
        }
    }
}

fn not_compared(id: &str) -> Finding {
    Finding::new(id, Outcome::Unproved, "AWS did not compare it with the template")
}

fn of(id: &str, drift: &StackResourceDrift) -> Finding {
    match drift.stack_resource_drift_status() {
        Some(StackResourceDriftStatus::InSync) => {
            Finding::new(id, Outcome::Proved, "as the template says")
        }
        Some(StackResourceDriftStatus::Deleted) => {
            Finding::new(id, Outcome::Wrong, "was deleted outside of CloudFormation")
        }
        Some(StackResourceDriftStatus::Modified) => {
            let differences = drift.property_differences().iter().filter_map(difference);
            match differences.collect::<Vec<_>>() {
                none if none.is_empty() => {
                    Finding::new(id, Outcome::Proved, "as the template says, in another notation")
                }
                some => Finding::new(id, Outcome::Wrong, some.join("; ")),
            }
        }
        _ => not_compared(id),
    }
}

/// A difference in words; `None` if only the notation differs.
fn difference(of: &PropertyDifference) -> Option<String> {
    let [path, wanted, actual] = [of.property_path(), of.expected_value(), of.actual_value()]
        .map(|text| fault::one_line(text.unwrap_or("nothing")));
    if without_api(&wanted) == without_api(&actual) {
        return None;
    }
    let short = |text: &str| match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    };
    Some(format!("{path} is {}, and the template says {}", short(&actual), short(&wanted)))
}

/// A policy as it was written: API Gateway stores `execute-api:/*` as the ARN of the API.
///
/// Source: API Gateway Developer Guide, "API Gateway resource policy examples".
fn without_api(value: &str) -> String {
    const ARN: &str = r"arn:aws[a-z-]*:execute-api:[a-z0-9-]+:[0-9]{12}:[0-9a-z]+/";
    match Regex::new(ARN) {
        Ok(arn) => arn.replace_all(value, "execute-api:/").into_owned(),
        Err(_) => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_notation_of_a_policy_is_no_difference() {
        let policy = |resource: &str| {
            PropertyDifference::builder()
                .property_path("/Policy/Statement/0/Resource")
                .expected_value("execute-api:/*")
                .actual_value(resource)
                .build()
        };
        let arn = "arn:aws:execute-api:ap-northeast-1:111122223333:a1b2c3d4e5/*";
        assert_eq!(difference(&policy(arn)), None);
        let other = difference(&policy("execute-api:/dev/GET/")).unwrap();
        assert!(other.ends_with("is execute-api:/dev/GET/, and the template says execute-api:/*"));
    }
}
