//! A plan as people read it.

use std::fmt;

use super::{Effect, Plan, Statement};
use crate::architecture::{Choice, Reason};

/// The line width of a reason.
const WIDTH: usize = 88;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "stack {} in {}", self.stack, self.region)?;
        write_head(f, self)?;
        let kept = self.resources.iter().filter(|resource| resource.kept).count();
        writeln!(f, "what it makes, once you run log2aws stack deploy:")?;
        let (resources, statements) = (self.resources.len(), self.statements.len());
        writeln!(f, "  {resources} resources, of which a delete keeps {kept}")?;
        writeln!(f, "  {statements} permissions and prohibitions")?;
        writeln!(f, "\n{} resources:", self.resources.len())?;
        let id = self.resources.iter().map(|r| r.id.len()).max().unwrap_or(0);
        let kind = self.resources.iter().map(|r| r.kind.len()).max().unwrap_or(0);
        for resource in &self.resources {
            let name = resource.name.as_deref().unwrap_or_default();
            let kept = if resource.kept { "  (kept when the stack is deleted)" } else { "" };
            let line = format!("  {:id$}  {:kind$}  {name}{kept}", resource.id, resource.kind);
            writeln!(f, "{}", line.trim_end())?;
        }
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

fn write_statement(f: &mut fmt::Formatter<'_>, statement: &Statement) -> fmt::Result {
    let effect = match statement.effect {
        Effect::Allow => "allow",
        Effect::Deny => "deny",
    };
    writeln!(f, "  {}: {effect} {}", statement.id, statement.who)?;
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
