//! A plan as people read it.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::{Effect, Plan, Statement};
use crate::architecture::{Choice, Reason};

/// The line width of a reason.
const WIDTH: usize = 88;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "stack {} in {}", self.stack, self.region)?;
        write_head(f, self)?;
        write_lifetime(f, self)?;
        write_parameters(f, self)?;
        writeln!(f, "\n{} resources:", self.resources.len())?;
        let id = self.resources.iter().map(|r| r.id.len()).max().unwrap_or(0);
        let kind = self.resources.iter().map(|r| r.kind.len()).max().unwrap_or(0);
        for resource in &self.resources {
            let name = resource.name.as_deref().unwrap_or_default();
            let kept = if resource.kept { "  (kept when the stack is deleted)" } else { "" };
            let line = format!("  {:id$}  {:kind$}  {name}{kept}", resource.id, resource.kind);
            writeln!(f, "{}", line.trim_end())?;
        }
        write_properties(f, self)?;
        writeln!(f, "\n{} permissions and prohibitions:", self.statements.len())?;
        for statement in &self.statements {
            writeln!(f)?;
            write_statement(f, statement)?;
        }
        if let Some(policy) = &self.key_policy {
            writeln!(
                f,
                "\nthe policy that the key of KmsKeyArn needs; keep what else its policy has:"
            )?;
            writeln!(f, "{policy:#}")?;
        }
        write_deployer(f, self)?;
        writeln!(f, "\nwhat leaves the account:")?;
        for way in &self.leaves_the_account {
            write_item(f, way)?;
        }
        write!(f, "\n{}", self.cost)
    }
}

/// Who may call, and what it costs.
fn write_head(f: &mut fmt::Formatter<'_>, plan: &Plan) -> fmt::Result {
    writeln!(f, "\nwho may request URLs and upload:")?;
    if plan.callers.is_empty() {
        writeln!(f, "  nobody is named yet: give --allow-hosts")?;
    }
    for line in wrapped(&plan.callers.join(", ")) {
        writeln!(f, "  {line}")?;
    }
    let choice = Choice { architecture: plan.architecture, reason: plan.architecture_reason };
    writeln!(f, "what the functions run on:\n  {choice}")?;
    if !matches!(plan.architecture_reason, Reason::Given | Reason::Stack) {
        writeln!(f, "  (a stack that exists keeps its own)")?;
    }
    writeln!(f, "what it costs:")?;
    let servers = plan.cost.servers;
    let cost = if servers == 1 { "server costs" } else { "servers cost" };
    writeln!(f, "  {servers} {cost} {:.2} USD a month", plan.cost.total())?;
    writeln!(
        f,
        "  a flood from these addresses costs up to {:.2} USD a day (RequestsPerSecond={}); requests",
        plan.flood_usd_a_day, plan.requests_per_second
    )?;
    writeln!(f, "  from others are refused by the API's policy, and AWS does not bill them")
}

/// How much there will be, what a delete keeps, and what a later deploy replaces.
fn write_lifetime(f: &mut fmt::Formatter<'_>, plan: &Plan) -> fmt::Result {
    let kept = plan.resources.iter().filter(|resource| resource.kept);
    writeln!(f, "what it makes, once you run log2aws stack deploy:")?;
    let (resources, statements) = (plan.resources.len(), plan.statements.len());
    writeln!(f, "  {resources} resources, of which a delete keeps {}", kept.clone().count())?;
    writeln!(f, "  {statements} permissions and prohibitions")?;
    writeln!(f, "what a delete keeps:")?;
    for resource in kept {
        writeln!(f, "  {}", resource.name.as_deref().unwrap_or(&resource.id))?;
    }
    writeln!(f, "what a later deploy replaces, if you change:")?;
    let parameters: BTreeSet<&String> =
        plan.resources.iter().flat_map(|resource| &resource.replaced_by).collect();
    for parameter in parameters {
        let replaced = plan.resources.iter().filter(|r| r.replaced_by.contains(parameter));
        let ids: Vec<&str> = replaced.map(|resource| resource.id.as_str()).collect();
        write_item(f, &format!("{parameter}: {}", ids.join(", ")))?;
    }
    writeln!(f, "  - --allow-hosts: the API's deployment, which is how its policy is served")?;
    writeln!(f, "  Nothing else is replaced. --env is another stack, so it does not change Env.")
}

fn write_parameters(f: &mut fmt::Formatter<'_>, plan: &Plan) -> fmt::Result {
    writeln!(f, "\nparameters in force (* given, else the default):")?;
    let width = plan.parameters.iter().map(|parameter| parameter.name.len()).max().unwrap_or(0);
    for parameter in &plan.parameters {
        let mark = if parameter.given { '*' } else { ' ' };
        let value = match parameter.value.as_deref() {
            Some("") => "(empty)",
            Some(value) => value,
            None => "(a deploy fills it in)",
        };
        // Lists are long.
        for (at, line) in wrapped(value).iter().enumerate() {
            let (mark, name) = if at == 0 { (mark, parameter.name.as_str()) } else { (' ', "") };
            writeln!(f, "  {mark} {name:width$}  {line}")?;
        }
    }
    Ok(())
}

/// Names stand among the resources, policies among the statements; an alarm is explained by its name.
const SHOWN_ELSEWHERE: &[&str] = &[
    "BucketName",
    "FunctionName",
    "LogGroupName",
    "Name",
    "Description",
    "Policy",
    "PolicyDocument",
    "Policies",
    "AssumeRolePolicyDocument",
];

/// The types that have no property worth a reviewer's time, or whose properties are a statement.
const WITHOUT_PROPERTIES: &[&str] = &[
    "AWS::ApiGateway::Deployment",
    "AWS::ApiGateway::GatewayResponse",
    "AWS::CloudWatch::Alarm",
    "AWS::Lambda::Permission",
    "AWS::S3::BucketPolicy",
    "AWS::SQS::QueuePolicy",
];

fn write_properties(f: &mut fmt::Formatter<'_>, plan: &Plan) -> fmt::Result {
    writeln!(f, "\nproperties:")?;
    for resource in &plan.resources {
        if WITHOUT_PROPERTIES.contains(&resource.kind.as_str()) {
            continue;
        }
        let mut shown = resource
            .properties
            .iter()
            .filter(|(name, _)| !SHOWN_ELSEWHERE.contains(&name.as_str()))
            .peekable();
        if shown.peek().is_some() {
            writeln!(f, "  {}", resource.id)?;
        }
        for (name, value) in shown {
            let mut lines = Vec::new();
            spread(name, value, &mut lines);
            for line in lines {
                // Only a list of networks is that long.
                let fits = line.len() <= 2 * WIDTH;
                let lines = if fits { vec![line] } else { wrapped(&line) };
                for line in lines {
                    writeln!(f, "      {line}")?;
                }
            }
        }
    }
    Ok(())
}

/// One line for each plain value below a property: the path to it, and the value.
fn spread(path: &str, value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                spread(&format!("{path}.{key}"), value, lines);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (at, item) in items.iter().enumerate() {
                spread(&format!("{path}[{at}]"), item, lines);
            }
        }
        Value::Array(items) => {
            let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            lines.push(format!("{path} = {}", items.join(", ")));
        }
        Value::String(text) => lines.push(format!("{path} = {text}")),
        other => lines.push(format!("{path} = {other}")),
    }
}

fn write_deployer(f: &mut fmt::Formatter<'_>, plan: &Plan) -> fmt::Result {
    writeln!(f, "\nrights of a deployer who is no administrator:")?;
    for right in &plan.deployer {
        writeln!(f, "\n  {}: allow", right.id)?;
        for line in wrapped(&right.actions.join(", ")) {
            writeln!(f, "      {line}")?;
        }
        for resource in &right.resources {
            writeln!(f, "      on {resource}")?;
        }
        for condition in &right.conditions {
            writeln!(f, "      if {condition}")?;
        }
    }
    Ok(())
}

/// A paragraph of a list.
fn write_item(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    for (at, line) in wrapped(text).iter().enumerate() {
        writeln!(f, "  {} {line}", if at == 0 { '-' } else { ' ' })?;
    }
    Ok(())
}

fn write_statement(f: &mut fmt::Formatter<'_>, statement: &Statement) -> fmt::Result {
    let effect = match statement.effect {
        Effect::Allow => "allow",
        Effect::Deny => "deny",
    };
    // Two buckets have a TlsOnly, two roles a Run.
    let of = if statement.of == statement.id { "" } else { &statement.of };
    let dot = if of.is_empty() { "" } else { "." };
    writeln!(f, "  {of}{dot}{}: {effect} {}", statement.id, statement.who)?;
    for action in &statement.actions {
        writeln!(f, "      {action}")?;
    }
    for resource in &statement.resources {
        writeln!(f, "      on {resource}")?;
    }
    for condition in &statement.conditions {
        writeln!(f, "      if {condition}")?;
    }
    for line in wrapped(&statement.why) {
        writeln!(f, "      # {line}")?;
    }
    Ok(())
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_wrapped_and_none_is_lost() {
        let text = "word ".repeat(40);
        let lines = wrapped(&text);
        assert!(lines.len() > 1 && lines.iter().all(|line| line.len() <= WIDTH));
        assert_eq!(lines.join(" "), text.trim());
        assert_eq!(wrapped(""), Vec::<String>::new());
    }
}
