//! `stack check`: what can be proved of a deployed stack in its own account: that it is what its
//! template says, that its roles may do what they need and no more, that a log becomes results, and that PUTs which must be refused are refused.

mod delivery;
mod drift;
mod rights;
mod simulate;

use std::fmt;

use jiff::Timestamp;
use log2aws_ssm::env_name::EnvName;
use serde::Serialize;

use crate::console::Console;
use crate::error::StackError;
use crate::name::StackName;
use crate::stack::ExistingStack;
use crate::watch::Session;

/// What is checked.
#[derive(Clone, Debug)]
pub struct CheckRequest {
    /// The environment.
    pub env: EnvName,
    /// The stack.
    pub stack: StackName,
    /// Compares with the template only, and delivers nothing.
    pub drift_only: bool,
    /// Waits until a URL has expired, and puts again.
    pub late: bool,
    /// The time of the check: the day that is delivered.
    pub now: Timestamp,
}

/// What a check has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is as it should be.
    Proved,
    /// IAM's simulation says that it is as it should be; nothing was called.
    Simulated,
    /// It is not.
    Wrong,
    /// It could not be found out.
    Unproved,
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was checked: a resource, or a step of the delivery.
    pub subject: String,
    /// Whether it is right.
    pub outcome: Outcome,
    /// What was seen.
    pub detail: String,
}

impl Finding {
    fn new(subject: impl Into<String>, outcome: Outcome, detail: impl Into<String>) -> Self {
        Self { subject: subject.into(), outcome, detail: detail.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, outcome, detail } = self;
        let outcome = match outcome {
            Outcome::Proved => "ok",
            Outcome::Simulated => "simulated",
            Outcome::Wrong => "WRONG",
            Outcome::Unproved => "unproved",
        };
        write!(f, "  {outcome:<9}  {subject:<32}  {detail}")
    }
}

/// All findings.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// The stack.
    pub stack: String,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// In the order of the check.
    pub findings: Vec<Finding>,
}

impl Checked {
    /// How many findings have this outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.findings.iter().filter(|finding| finding.outcome == outcome).count()
    }
}

/// Checks a deployed stack, and prints each finding.
///
/// # Errors
/// [`StackError::Absent`] if there is no such stack; AWS's error if it cannot be looked at. What a
/// check finds is no error.
pub async fn check<C: Console>(
    session: &mut Session<'_, C>,
    request: &CheckRequest,
) -> Result<Checked, StackError> {
    let stack = &request.stack;
    let (account, region) = (session.cloud.account.clone(), session.cloud.region.clone());
    let existing = session.cloud.stack(stack.as_str()).await?;
    let existing = existing.filter(|stack| !stack.exists_only_as_name());
    let absent = || StackError::Absent {
        stack: stack.to_string(),
        account: account.clone(),
        region: region.clone(),
    };
    let existing: ExistingStack = existing.ok_or_else(absent)?;
    existing.belongs_to(stack, &request.env)?;
    session.console.line(&format!("stack {stack} in account {account}, region {region}"))?;
    let (mut findings, physical) = drift::compare(session, &existing).await?;
    if !request.drift_only {
        let simulated = simulate::simulate(session, &existing, stack.as_str(), &physical).await?;
        findings.extend(simulated);
        findings.extend(delivery::deliver(session, request, &existing).await?);
    }
    Ok(Checked { stack: stack.to_string(), account, region, findings })
}

/// Prints a finding and passes it on.
fn told<C: Console>(session: &mut Session<'_, C>, finding: Finding) -> Result<Finding, StackError> {
    session.console.line(&finding.to_string())?;
    Ok(finding)
}
