//! Every policy statement in the template, with the comment that gives its reason.

use serde::Serialize;
use serde_json::Value;

use crate::template::{Node, Scope, Template, TemplateError};

/// The effect of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Effect {
    /// Allows calls.
    Allow,
    /// Denies calls, whatever else allows them.
    Deny,
}

/// A statement with the template's parameters filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// The logical ID of the resource that it stands in.
    pub of: String,
    /// Its `Sid`, or the logical ID of the Lambda permission.
    pub id: String,
    /// Allow or deny.
    pub effect: Effect,
    /// Its subject: the role that has it, or the principal that it names.
    pub who: String,
    /// The actions.
    pub actions: Vec<String>,
    /// The resources.
    pub resources: Vec<String>,
    /// The conditions: operator, key and values.
    pub conditions: Vec<String>,
    /// The keys of the conditions with their values.
    #[serde(skip)]
    pub(crate) context: Vec<(String, Vec<String>)>,
    /// The call that needs it, or that it denies, from the template's comment.
    pub why: String,
}

/// All statements in template order.
pub(crate) fn all(template: &Template, scope: &Scope<'_>) -> Result<Vec<Statement>, TemplateError> {
    let mut found = Vec::new();
    for resource in template.made(scope)? {
        let reader = Reader { template, scope, of: &resource.id };
        let properties = &resource.properties;
        match resource.kind.as_str() {
            "AWS::IAM::Role" => {
                if let Some(trust) = properties.get("AssumeRolePolicyDocument") {
                    reader.document(trust, None, Some(&resource.id), &mut found)?;
                }
                for policy in properties.get("Policies").map(Node::items).unwrap_or_default() {
                    if let Some(document) = policy.get("PolicyDocument") {
                        reader.document(document, Some(&resource.id), None, &mut found)?;
                    }
                }
            }
            "AWS::S3::BucketPolicy" | "AWS::SQS::QueuePolicy" => {
                if let Some(document) = properties.get("PolicyDocument") {
                    reader.document(document, None, None, &mut found)?;
                }
            }
            "AWS::ApiGateway::RestApi" => {
                if let Some(document) = properties.get("Policy") {
                    reader.document(document, None, None, &mut found)?;
                }
            }
            "AWS::Lambda::Permission" => {
                found.push(reader.permission(&resource.id, resource.line, properties)?);
            }
            _ => {}
        }
    }
    Ok(found)
}

struct Reader<'a> {
    template: &'a Template,
    scope: &'a Scope<'a>,
    of: &'a str,
}

impl Reader<'_> {
    /// The statements of a policy document; `role` is its subject, or `on` its only resource.
    fn document(
        &self,
        document: &Node,
        role: Option<&str>,
        on: Option<&str>,
        found: &mut Vec<Statement>,
    ) -> Result<(), TemplateError> {
        for node in document.get("Statement").map(Node::items).unwrap_or_default() {
            let Some(node) = self.chosen(node)? else { continue };
            let line = node.entries().iter().find(|e| e.key == "Sid").map_or(0, |e| e.line);
            let text = |key: &str| node.get(key).and_then(Node::text).unwrap_or_default();
            let principal = node.get("Principal").map(|p| self.list(Some(p))).transpose()?;
            found.push(Statement {
                of: self.of.to_owned(),
                id: text("Sid").to_owned(),
                effect: if text("Effect") == "Deny" { Effect::Deny } else { Effect::Allow },
                who: match (role, principal.as_deref()) {
                    (Some(role), _) => role.to_owned(),
                    (None, Some([all])) if all == "*" => "everybody".to_owned(),
                    (None, named) => named.unwrap_or_default().join(", "),
                },
                actions: self.list(node.get("Action"))?,
                resources: match on {
                    Some(on) => vec![on.to_owned()],
                    None => self.list(node.get("Resource"))?,
                },
                conditions: self.conditions(node.get("Condition"))?,
                context: self.context(node.get("Condition"))?,
                why: self.template.comment_above(line),
            });
        }
        Ok(())
    }

    /// The statement that an `!If` selects, if any.
    fn chosen<'n>(&self, node: &'n Node) -> Result<Option<&'n Node>, TemplateError> {
        let Node::Call(_, argument) = node else { return Ok(Some(node)) };
        let [Node::Text(condition), then, otherwise] = argument.items() else {
            return Err(TemplateError::Unknown(format!("the statement {node:?}")));
        };
        let chosen = if self.scope.condition(condition)? { then } else { otherwise };
        Ok(matches!(chosen, Node::Map(_)).then_some(chosen))
    }

    /// A text, a list of texts, or a mapping to them, as texts.
    fn list(&self, node: Option<&Node>) -> Result<Vec<String>, TemplateError> {
        let Some(node) = node else { return Ok(Vec::new()) };
        let mut texts = Vec::new();
        if let Some(value) = self.scope.resolve(node)? {
            flatten(&value, &mut texts);
        }
        Ok(texts)
    }

    /// The operators, keys and values of a `Condition`.
    fn each_condition(
        &self,
        node: Option<&Node>,
    ) -> Result<Vec<(String, String, Vec<String>)>, TemplateError> {
        let mut conditions = Vec::new();
        for operator in node.map(Node::entries).unwrap_or_default() {
            let Some(Value::Object(keys)) = self.scope.resolve(&operator.value)? else { continue };
            for (key, values) in keys {
                let mut texts = Vec::new();
                flatten(&values, &mut texts);
                conditions.push((operator.key.clone(), key, texts));
            }
        }
        Ok(conditions)
    }

    fn conditions(&self, node: Option<&Node>) -> Result<Vec<String>, TemplateError> {
        let each = self.each_condition(node)?.into_iter();
        Ok(each
            .map(|(operator, key, values)| format!("{operator} {key} {}", values.join(" ")))
            .collect())
    }

    fn context(&self, node: Option<&Node>) -> Result<Vec<(String, Vec<String>)>, TemplateError> {
        Ok(self.each_condition(node)?.into_iter().map(|(_, key, values)| (key, values)).collect())
    }

    fn permission(
        &self,
        id: &str,
        line: usize,
        properties: &Node,
    ) -> Result<Statement, TemplateError> {
        let list = |key: &str| self.list(properties.get(key));
        let mut conditions = Vec::new();
        for key in ["SourceArn", "SourceAccount"] {
            let values = list(key)?;
            if !values.is_empty() {
                conditions.push(format!("{key} {}", values.join(" ")));
            }
        }
        Ok(Statement {
            of: self.of.to_owned(),
            id: id.to_owned(),
            effect: Effect::Allow,
            who: list("Principal")?.join(", "),
            actions: list("Action")?,
            resources: list("FunctionName")?,
            conditions,
            context: Vec::new(),
            why: self.template.comment_above(line),
        })
    }
}

fn flatten(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| flatten(item, texts)),
        Value::Object(map) => map.values().for_each(|item| flatten(item, texts)),
        other => texts.push(other.to_string()),
    }
}
