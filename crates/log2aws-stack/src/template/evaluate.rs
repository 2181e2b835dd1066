//! Evaluates conditions and functions of the template with given parameters.

use std::collections::BTreeMap;

use log2aws_ssm::service_host::partition;
use serde_json::{Map, Value};

use super::{Node, Template, TemplateError};

/// The inputs of an evaluation: values, and the account and region, which are placeholders for a
/// plan and real for a deploy.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    template: &'a Template,
    values: BTreeMap<String, String>,
    account: String,
    region: String,
    stack: String,
}

/// The properties that name a resource in the account.
const NAMES: [&str; 5] = ["BucketName", "FunctionName", "LogGroupName", "AlarmName", "Name"];

impl<'a> Scope<'a> {
    /// A scope with the parameters' defaults, overridden by those given.
    pub fn new(
        template: &'a Template,
        given: &BTreeMap<String, String>,
        account: &str,
        region: &str,
        stack: &str,
    ) -> Self {
        let defaults = template.parameters().iter();
        let mut values: BTreeMap<String, String> =
            defaults.filter_map(|p| Some((p.name.clone(), p.default.clone()?))).collect();
        values.extend(given.iter().map(|(name, value)| (name.clone(), value.clone())));
        Self {
            template,
            values,
            account: account.to_owned(),
            region: region.to_owned(),
            stack: stack.to_owned(),
        }
    }

    /// The value of a parameter.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The name of the resource with this logical ID, if the template names it.
    pub(crate) fn name_of(&self, id: &str) -> Result<Option<String>, TemplateError> {
        let Some(resource) = self.template.resource(id) else { return Ok(None) };
        let named = NAMES.iter().find_map(|key| resource.properties.get(key));
        match named.map(|node| self.resolve(node)).transpose()? {
            Some(Some(Value::String(name))) => Ok(Some(name)),
            _ => Ok(None),
        }
    }

    /// The value of a node; `None` is `AWS::NoValue`.
    pub(crate) fn resolve(&self, node: &Node) -> Result<Option<Value>, TemplateError> {
        match node {
            Node::Text(text) => Ok(Some(Value::String(text.clone()))),
            Node::List(items) => {
                let items = items.iter().filter_map(|item| self.resolve(item).transpose());
                Ok(Some(Value::Array(items.collect::<Result<_, _>>()?)))
            }
            Node::Map(entries) => {
                let mut map = Map::new();
                for entry in entries {
                    if let Some(value) = self.resolve(&entry.value)? {
                        map.insert(entry.key.clone(), value);
                    }
                }
                Ok(Some(Value::Object(map)))
            }
            Node::Call(name, argument) => self.call(name, argument),
        }
    }

    fn call(&self, name: &str, argument: &Node) -> Result<Option<Value>, TemplateError> {
        let unknown = || TemplateError::Unknown(format!("!{name} {argument:?}"));
        match (name, argument) {
            ("Ref", Node::Text(name)) if name == "AWS::NoValue" => Ok(None),
            ("Ref", Node::Text(name)) => self.reference(name).map(Some),
            ("GetAtt", Node::Text(name)) => self.attribute(name).map(|v| Some(Value::String(v))),
            ("Sub", Node::Text(text)) => self.substitute(text).map(|v| Some(Value::String(v))),
            ("Split", Node::List(parts)) => match parts.as_slice() {
                [Node::Text(between), text] => match self.resolve(text)? {
                    Some(Value::String(text)) => {
                        Ok(Some(text.split(between.as_str()).map(Value::from).collect()))
                    }
                    _ => Err(unknown()),
                },
                _ => Err(unknown()),
            },
            ("If", Node::List(parts)) => match parts.as_slice() {
                [Node::Text(condition), then, otherwise] => {
                    self.resolve(if self.condition(condition)? { then } else { otherwise })
                }
                _ => Err(unknown()),
            },
            _ => Err(unknown()),
        }
    }

    /// Whether a condition of the template holds.
    pub(crate) fn condition(&self, name: &str) -> Result<bool, TemplateError> {
        let found = self.template.conditions.iter().find(|(known, _)| known == name);
        let (_, node) = found.ok_or_else(|| TemplateError::Unknown(format!("condition {name}")))?;
        self.truth(node)
    }

    fn truth(&self, node: &Node) -> Result<bool, TemplateError> {
        match node {
            Node::Call(name, argument) => match (name.as_str(), argument.items()) {
                ("Not", [one]) => self.truth(one).map(|truth| !truth),
                ("Equals", [left, right]) => Ok(self.resolve(left)? == self.resolve(right)?),
                _ => Err(TemplateError::Unknown(format!("!{name} in a condition"))),
            },
            _ => Err(TemplateError::Unknown("a condition without a function".to_owned())),
        }
    }

    fn reference(&self, name: &str) -> Result<Value, TemplateError> {
        let Some(parameter) = self.template.parameter(name) else {
            return self.named(name).map(Value::String);
        };
        let value = self.value(name).map_or_else(|| format!("{{{name}}}"), str::to_owned);
        Ok(if parameter.is_list() {
            Value::Array(value.split(',').map(|part| part.trim().into()).collect())
        } else {
            Value::String(value)
        })
    }

    fn named(&self, name: &str) -> Result<String, TemplateError> {
        Ok(match name {
            "AWS::AccountId" => self.account.clone(),
            "AWS::Region" => self.region.clone(),
            "AWS::Partition" => self.partition().to_owned(),
            "AWS::URLSuffix" => partition(&self.region).domain.to_owned(),
            _ => match self.template.resource(name) {
                // AWS generates an ID for the one and a URL for the other.
                Some(made)
                    if matches!(
                        made.kind.as_str(),
                        "AWS::ApiGateway::RestApi" | "AWS::SQS::Queue"
                    ) =>
                {
                    format!("{{{name}}}")
                }
                Some(_) => self.name_of(name)?.unwrap_or_else(|| format!("{{{name}}}")),
                None => return Err(TemplateError::Unknown(format!("!Ref {name}"))),
            },
        })
    }

    fn partition(&self) -> &'static str {
        partition(&self.region).name
    }

    /// An attribute as far as it is known; unknown parts are written as `{…}`.
    fn attribute(&self, path: &str) -> Result<String, TemplateError> {
        let unknown = || TemplateError::Unknown(format!("!GetAtt {path}"));
        let (id, attribute) = path.split_once('.').ok_or_else(unknown)?;
        let resource = self.template.resource(id).ok_or_else(unknown)?;
        let (partition, account, region) = (self.partition(), &self.account, &self.region);
        let name = self.name_of(id)?.unwrap_or_else(|| format!("{{{id}}}"));
        Ok(match (resource.kind.as_str(), attribute) {
            ("AWS::Lambda::Function", "Arn") => {
                format!("arn:{partition}:lambda:{region}:{account}:function:{name}")
            }
            ("AWS::SQS::Queue", "Arn") => format!("arn:{partition}:sqs:{region}:{account}:{name}"),
            ("AWS::SQS::Queue", "QueueName") => name,
            // CloudFormation names a role after its stack, with 12 generated characters.
            ("AWS::IAM::Role", "Arn") => {
                format!("arn:{partition}:iam::{account}:role/{}-{id}-************", self.stack)
            }
            _ => format!("{{{path}}}"),
        })
    }

    /// Replaces `${…}` in a text.
    fn substitute(&self, text: &str) -> Result<String, TemplateError> {
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| TemplateError::Unknown(format!("!Sub {text}")))?;
            out.push_str(before);
            out.push_str(&match self.reference_text(name)? {
                Some(value) => value,
                None => return Err(TemplateError::Unknown(format!("${{{name}}} of a list"))),
            });
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn reference_text(&self, name: &str) -> Result<Option<String>, TemplateError> {
        if name.contains('.') {
            return self.attribute(name).map(Some);
        }
        Ok(match self.reference(name)? {
            Value::String(text) => Some(text),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(given: &[(&str, &str)], id: &str, key: &str) -> Option<Value> {
        let template = Template::embedded().unwrap();
        let given = given.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let scope = Scope::new(&template, &given, "111122223333", "ap-northeast-1", "log2aws-dev");
        scope.resolve(template.resource(id).unwrap().properties.get(key).unwrap()).unwrap()
    }

    #[test]
    fn names_come_out_as_the_design_has_them() {
        let name = resolved(&[], "RawBucket", "BucketName").unwrap();
        assert_eq!(name, "serverlogs-dev-111122223333-ap-northeast-1");
        let name = resolved(&[("Env", "prod")], "AnalyzeLog", "FunctionName").unwrap();
        assert_eq!(name, "log2aws-prod-analyze-log");
    }

    #[test]
    fn what_aws_names_itself_is_left_open() {
        let source = resolved(&[], "GenerateUrlPermission", "SourceArn").unwrap();
        assert_eq!(source, "arn:aws:execute-api:ap-northeast-1:111122223333:{Api}/dev/*/");
    }

    #[test]
    fn conditions_choose() {
        let encryption = |given: &[(&str, &str)]| {
            resolved(given, "RawBucket", "BucketEncryption").unwrap()
                ["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"]
                .clone()
        };
        assert_eq!(encryption(&[]), serde_json::json!({"SSEAlgorithm": "AES256"}));
        let key = "arn:aws:kms:ap-northeast-1:111122223333:key/1234abcd";
        assert_eq!(
            encryption(&[("KmsKeyArn", key)]),
            serde_json::json!({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key})
        );
        let denied = |given| {
            resolved(given, "RawBucketPolicy", "PolicyDocument").unwrap()["Statement"][1]
                ["Condition"]["StringNotEquals"]
                .clone()
        };
        assert_eq!(denied(&[]), Value::Null);
        assert_eq!(
            denied(&[("VpcEndpointIds", "vpce-0a,vpce-0b")]),
            serde_json::json!({"aws:SourceVpce": ["vpce-0a", "vpce-0b"]})
        );
        let topic = [("AlarmTopicArn", "")];
        assert!(
            resolved(&topic, "FailedEventsAlarm", "Dimensions").unwrap()[0]["Value"]
                == "{FailedEvents}"
        );
    }

    #[test]
    fn every_property_of_the_template_can_be_evaluated() {
        let template = Template::embedded().unwrap();
        let scope =
            Scope::new(&template, &BTreeMap::new(), "111122223333", "cn-north-1", "log2aws-dev");
        for resource in &template.resources {
            scope.resolve(&resource.properties).unwrap();
        }
        assert_eq!(scope.partition(), "aws-cn");
    }
}
