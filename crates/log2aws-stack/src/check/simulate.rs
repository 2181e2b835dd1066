//! Asks IAM what the roles of the functions may do.
//!
//! The simulation evaluates the policies of a role, its permissions boundary and the service control
//! policies of the organisation. It takes no policies of resources for a role, and does not see those
//! of the buckets, of the key and of VPC endpoints.
//!
//! Source: IAM API Reference, `SimulatePrincipalPolicy`.

use std::collections::BTreeMap;

use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};
use jiff::Timestamp;
use log2aws_ssm::{Iam, Simulation};

use super::rights::{Deployed, Expectation, ROLES, expectations};
use super::{Finding, Outcome, told};
use crate::console::Console;
use crate::error::StackError;
use crate::fault;
use crate::parameter_store::{patiently, place};
use crate::stack::ExistingStack;
use crate::template::Template;
use crate::watch::Session;

/// The decision on one action on one resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Decision {
    action: String,
    /// Empty: on all that were asked for.
    resource: String,
    /// `allowed`, `explicitDeny` or `implicitDeny`.
    answer: String,
    /// Whose policy does not allow it, if it is not that of the role.
    by: Option<&'static str>,
    /// The condition keys that the simulation lacked.
    missing: Vec<String>,
}

/// The findings for both roles. `physical` are AWS's names by logical ID.
pub(super) async fn simulate<C: Console>(
    session: &mut Session<'_, C>,
    existing: &ExistingStack,
    stack: &str,
    physical: &BTreeMap<String, String>,
) -> Result<Vec<Finding>, StackError> {
    let template = Template::embedded()?;
    let (account, region) = (session.cloud.account.clone(), session.cloud.region.clone());
    let parameters = &existing.parameters;
    let deployed = Deployed { parameters, account: &account, region: &region, stack, physical };
    let mut findings = Vec::new();
    for role in ROLES {
        if !physical.contains_key(role) {
            let finding = Finding::new(role, Outcome::Unproved, "is not there to be simulated");
            findings.push(told(session, finding)?);
            continue;
        }
        for expectation in expectations(&template, deployed, role)? {
            session.console.status("IAM simulates the permissions of the roles");
            match ask(session, &expectation.simulation).await {
                Ok(decisions) => findings.push(told(session, judged(&expectation, &decisions))?),
                Err(StackError::Call(fault)) => {
                    let denied =
                        fault.code.as_deref().is_some_and(|c| c.starts_with("AccessDenied"));
                    let detail = format!("the permissions could not be simulated: {fault}");
                    let subject = if denied { "permissions of the roles" } else { role };
                    findings.push(told(session, Finding::new(subject, Outcome::Unproved, detail))?);
                    if denied {
                        return Ok(findings);
                    }
                    break;
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(findings)
}

/// All pages of one simulation.
async fn ask<C>(
    session: &Session<'_, C>,
    simulation: &Simulation,
) -> Result<Vec<Decision>, StackError> {
    let what = "simulating the permissions of the roles (iam:SimulatePrincipalPolicy)";
    let cloud = session.cloud;
    let mut decisions = Vec::new();
    let mut marker: Option<String> = None;
    loop {
        let client = async || {
            let (url, region) = cloud.iam()?;
            Ok(Iam::new(place(url), region, cloud.keys().await?))
        };
        let (wanted, from) = (simulation.clone(), marker.take());
        let simulate = move |iam: &Iam| iam.simulate(&wanted, from.as_deref(), Timestamp::now());
        let page = patiently(what, client, simulate).await?;
        let (found, next) = read(&page).map_err(|error| {
            StackError::State(format!("the answer of IAM cannot be read: {error}"))
        })?;
        decisions.extend(found);
        match next {
            Some(next) => marker = Some(next),
            None => return Ok(decisions),
        }
    }
}

/// What the decisions say of an expectation.
fn judged(expectation: &Expectation, decisions: &[Decision]) -> Finding {
    let Expectation { subject, allowed, simulation } = expectation;
    let (mut wrong, mut open) = (Vec::new(), Vec::new());
    for action in &simulation.actions {
        for resource in &simulation.resources {
            let of = |d: &&Decision| d.action.eq_ignore_ascii_case(action);
            let exact = decisions.iter().filter(of).find(|d| d.resource == *resource);
            let all = || decisions.iter().filter(of).find(|d| d.resource.is_empty());
            let Some(found) = exact.or_else(all) else {
                open.push(format!("{action} on {resource} has no answer"));
                continue;
            };
            let is_allowed = found.answer == "allowed";
            if is_allowed == *allowed {
                continue;
            }
            let by = found.by.map_or_else(String::new, |by| format!(", by {by}"));
            let words = format!("{action} on {resource} is {}{by}", fault::one_line(&found.answer));
            if is_allowed || found.missing.is_empty() {
                wrong.push(words);
            } else {
                let keys = fault::one_line(&found.missing.join(", "));
                open.push(format!("{words} without a value of {keys}"));
            }
        }
    }
    let actions = simulation.actions.join(", ");
    match (wrong.is_empty(), open.is_empty(), allowed) {
        (true, true, true) => {
            Finding::new(subject, Outcome::Simulated, format!("allowed: {actions}"))
        }
        (true, true, false) => {
            Finding::new(subject, Outcome::Simulated, format!("denied: {actions}"))
        }
        (true, false, _) => Finding::new(subject, Outcome::Unproved, open.join("; ")),
        (false, _, true) => {
            let detail = format!("{}, and the function needs it", wrong.join("; "));
            Finding::new(subject, Outcome::Wrong, detail)
        }
        (false, _, false) => {
            let detail = format!("{}, and must be denied", wrong.join("; "));
            Finding::new(subject, Outcome::Wrong, detail)
        }
    }
}

/// A page: its decisions, and the marker of the next one.
fn read(page: &str) -> Result<(Vec<Decision>, Option<String>), XmlDecodeError> {
    let mut document = Document::new(page);
    let mut root = document.root_element()?;
    let (mut decisions, mut marker, mut truncated) = (Vec::new(), None, false);
    let mut known = false;
    while let Some(mut result) = root.next_tag() {
        if !result.start_el().matches("SimulatePrincipalPolicyResult") {
            continue;
        }
        known = true;
        while let Some(mut tag) = result.next_tag() {
            let name = tag.start_el().local().to_owned();
            match name.as_str() {
                "EvaluationResults" => {
                    while let Some(mut member) = tag.next_tag() {
                        decisions.extend(evaluation(&mut member)?);
                    }
                }
                "IsTruncated" => truncated = try_data(&mut tag)? == "true",
                "Marker" => marker = Some(try_data(&mut tag)?.into_owned()),
                _ => {}
            }
        }
    }
    if !known {
        return Err(XmlDecodeError::custom("it has no SimulatePrincipalPolicyResult"));
    }
    Ok((decisions, marker.filter(|_| truncated)))
}

/// The decisions on one action: those on each resource, or the one on all of them.
fn evaluation(member: &mut ScopedDecoder<'_, '_>) -> Result<Vec<Decision>, XmlDecodeError> {
    let (mut whole, mut each) = (Decision::default(), Vec::new());
    while let Some(mut tag) = member.next_tag() {
        let name = tag.start_el().local().to_owned();
        if name == "ResourceSpecificResults" {
            while let Some(mut member) = tag.next_tag() {
                let mut one = Decision::default();
                while let Some(mut tag) = member.next_tag() {
                    let name = tag.start_el().local().to_owned();
                    if name == "EvalResourceName" {
                        one.resource = try_data(&mut tag)?.into_owned();
                    } else {
                        one.take(&name, &mut tag)?;
                    }
                }
                each.push(one);
            }
        } else {
            whole.take(&name, &mut tag)?;
        }
    }
    if each.is_empty() {
        return Ok(vec![whole]);
    }
    for one in &mut each {
        one.action.clone_from(&whole.action);
        one.by = one.by.or(whole.by);
    }
    Ok(each)
}

impl Decision {
    /// Takes what an element of a result says.
    fn take(&mut self, name: &str, tag: &mut ScopedDecoder<'_, '_>) -> Result<(), XmlDecodeError> {
        match name {
            "EvalActionName" => self.action = try_data(tag)?.into_owned(),
            "EvalDecision" | "EvalResourceDecision" => self.answer = try_data(tag)?.into_owned(),
            "MissingContextValues" => {
                while let Some(mut key) = tag.next_tag() {
                    self.missing.push(try_data(&mut key)?.into_owned());
                }
            }
            "PermissionsBoundaryDecisionDetail" => {
                self.refused_by(tag, "AllowedByPermissionsBoundary", "the permissions boundary")?;
            }
            "OrganizationsDecisionDetail" => {
                self.refused_by(tag, "AllowedByOrganizations", "a policy of the organization")?;
            }
            _ => {}
        }
        Ok(())
    }

    fn refused_by(
        &mut self,
        tag: &mut ScopedDecoder<'_, '_>,
        name: &str,
        whose: &'static str,
    ) -> Result<(), XmlDecodeError> {
        while let Some(mut detail) = tag.next_tag() {
            if detail.start_el().local() == name && try_data(&mut detail)? == "false" {
                self.by = Some(whose);
            }
        }
        Ok(())
    }
}
