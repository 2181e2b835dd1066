//! What a deployer with less than administrator rights needs: the policy of the manual, with the
//! stack's name and the region's partition filled in.

use log2aws_ssm::service_host::partition;
use serde::Serialize;
use serde_json::Value;

use crate::template::TemplateError;

/// The policy of the manual, which a test holds against this file.
const POLICY: &str = include_str!("../../../../deploy/deployer-policy.json");

/// The account in [`POLICY`].
const EXAMPLE_ACCOUNT: &str = "111122223333";

/// One statement of the deployer's policy. All of them allow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Right {
    /// Its `Sid`.
    pub id: String,
    /// The actions.
    pub actions: Vec<String>,
    /// The resources.
    pub resources: Vec<String>,
    /// The conditions: operator, key and value.
    pub conditions: Vec<String>,
}

/// The rights for a stack.
pub(super) fn rights(
    stack: &str,
    account: &str,
    region: &str,
) -> Result<Vec<Right>, TemplateError> {
    let unknown = |what: &str| TemplateError::Unknown(format!("in the deployer's policy: {what}"));
    let policy: Value = serde_json::from_str(POLICY).map_err(|e| unknown(&e.to_string()))?;
    let statements = policy["Statement"].as_array().ok_or_else(|| unknown("no statements"))?;
    let arn = format!("arn:{}:", partition(region).name);
    // CloudFormation names these after the stack; everything else has a name of the template.
    let of_stack = |resource: &str| {
        let resource = resource.replace("arn:aws:", &arn).replace(EXAMPLE_ACCOUNT, account);
        let named = resource.contains(":stack/")
            || [":role/", ":sqs:"].iter().any(|kind| resource.contains(kind));
        if !named {
            return resource;
        }
        resource
            .replace("log2aws-*/*", &format!("{stack}/*"))
            .replace("log2aws-*", &format!("{stack}-*"))
    };
    let right = |statement: &Value| {
        let conditions = statement["Condition"].as_object().into_iter().flatten();
        Right {
            id: statement["Sid"].as_str().unwrap_or_default().to_owned(),
            actions: texts(&statement["Action"]),
            resources: texts(&statement["Resource"]).iter().map(|one| of_stack(one)).collect(),
            conditions: conditions
                .flat_map(|(operator, keys)| {
                    let keys = keys.as_object().into_iter().flatten();
                    keys.map(move |(key, value)| {
                        format!("{operator} {key} {}", texts(value).join(" "))
                    })
                })
                .collect(),
        }
    };
    Ok(statements.iter().map(right).collect())
}

/// A text or a list of texts.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rights_are_those_for_this_stack_in_this_partition() {
        let rights = rights("logs-prod", "{account}", "us-gov-west-1").unwrap();
        let of = |id: &str| rights.iter().find(|right| right.id == id).unwrap();
        let stack = "arn:aws-us-gov:cloudformation:*:{account}:stack/logs-prod/*";
        assert_eq!(of("Stack").resources, [stack]);
        assert_eq!(of("Roles").resources, ["arn:aws-us-gov:iam::{account}:role/logs-prod-*"]);
        assert_eq!(
            of("QueueAndAlarms").resources,
            [
                "arn:aws-us-gov:sqs:*:{account}:logs-prod-*",
                "arn:aws-us-gov:cloudwatch:*:{account}:alarm:log2aws-*"
            ]
        );
        assert_eq!(
            of("RolesOfFunctions").conditions,
            ["StringEquals iam:PassedToService lambda.amazonaws.com"]
        );
    }
}
