//! The template that describes everything on AWS: embedded, parsed, checked and evaluated here like
//! CloudFormation does, so that a plan needs no network and a mistake is found before anything is
//! created.
//!
//! Supports exactly what `deploy/template.yml` uses; anything else is an error, never a guess.

mod evaluate;
mod parameter;
mod value;

use sha2::{Digest as _, Sha256};

pub use evaluate::Scope;
pub use parameter::{Parameter, ParameterError};
pub(crate) use value::Node;

/// The template, which is also what `aws cloudformation deploy` accepts.
pub const TEXT: &str = include_str!("../../../../deploy/template.yml");

/// Why a template cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It is not YAML.
    #[error("the template is no YAML that is read here: line {line}: {problem}")]
    Yaml {
        /// The line, from 1; 0 is the end.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// It uses an unsupported feature.
    #[error("the template holds {0}, which this program does not know")]
    Unknown(String),
}

/// A parsed template.
#[derive(Clone, Debug)]
pub struct Template {
    parameters: Vec<Parameter>,
    pub(crate) conditions: Vec<(String, Node)>,
    pub(crate) resources: Vec<Resource>,
    /// The lines of the file, for the comments that explain it.
    lines: Vec<String>,
}

/// A resource as written.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) line: usize,
    /// Whether it is retained when the stack is deleted.
    pub(crate) kept: bool,
    /// The condition without which it is not made.
    condition: Option<String>,
    pub(crate) properties: Node,
}

impl Template {
    /// The embedded template.
    ///
    /// # Errors
    /// None in practice: the text is fixed, and a test parses it.
    pub fn embedded() -> Result<Self, TemplateError> {
        Self::parse(TEXT)
    }

    /// Parses a template.
    ///
    /// # Errors
    /// [`TemplateError`]
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let root = Node::parse(text)?;
        let section = |name: &str| root.get(name).map(Node::entries).unwrap_or_default();
        let parameters = section("Parameters")
            .iter()
            .map(|entry| Parameter::read(&entry.key, &entry.value))
            .collect::<Result<_, _>>()?;
        let conditions = section("Conditions");
        let resources = section("Resources").iter().map(|entry| {
            let kind = entry.value.get("Type").and_then(Node::text);
            let policy = entry.value.get("DeletionPolicy").and_then(Node::text);
            Ok(Resource {
                id: entry.key.clone(),
                kind: kind
                    .ok_or_else(|| TemplateError::Unknown(format!("{} without Type", entry.key)))?
                    .to_owned(),
                line: entry.line,
                kept: policy.is_some_and(|policy| policy != "Delete"),
                condition: entry.value.get("Condition").and_then(Node::text).map(str::to_owned),
                properties: entry
                    .value
                    .get("Properties")
                    .cloned()
                    .unwrap_or_else(|| Node::Map(Vec::new())),
            })
        });
        Ok(Self {
            parameters,
            conditions: conditions.iter().map(|e| (e.key.clone(), e.value.clone())).collect(),
            resources: resources.collect::<Result<_, _>>()?,
            lines: text.lines().map(str::to_owned).collect(),
        })
    }

    /// Every parameter, in file order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// The resource of this logical ID.
    pub(crate) fn resource(&self, id: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.id == id)
    }

    /// The resources that these parameters make, in template order.
    ///
    /// # Errors
    /// [`TemplateError`]: a condition cannot be evaluated.
    pub(crate) fn made(&self, scope: &Scope<'_>) -> Result<Vec<&Resource>, TemplateError> {
        let made = |resource: &&Resource| {
            resource.condition.as_deref().map_or(Ok(true), |name| scope.condition(name))
        };
        let all = self.resources.iter().map(|r| made(&r).map(|made| made.then_some(r)));
        Ok(all.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// The text with an API deployment of its own for the API that these parameters make.
    ///
    /// API Gateway applies a changed policy only after a new deployment, and CloudFormation makes
    /// one only under a new logical ID. The template's ID changes with the template; this one
    /// changes with the parameters in the API's properties as well, the policy's networks among
    /// them.
    ///
    /// Source: API Gateway Developer Guide, "Create and attach an API Gateway resource policy to an
    /// API".
    ///
    /// # Errors
    /// [`TemplateError`]: the API's properties cannot be evaluated.
    pub(crate) fn with_deployment_of(&self, scope: &Scope<'_>) -> Result<String, TemplateError> {
        let text = self.lines.join("\n") + "\n";
        let of_kind = |kind| self.resources.iter().find(move |resource| resource.kind == kind);
        let deployment = of_kind("AWS::ApiGateway::Deployment");
        let (Some(api), Some(deployment)) = (of_kind("AWS::ApiGateway::RestApi"), deployment)
        else {
            return Ok(text);
        };
        let made = scope.resolve(&api.properties)?.map_or_else(String::new, |api| api.to_string());
        let hash = hex::encode(&Sha256::digest(made.as_bytes())[..4]);
        Ok(text.replace(&deployment.id, &format!("{}{hash}", deployment.id)))
    }

    /// The text with the names of retained resources written out. CloudFormation adopts existing
    /// resources only if their name is not computed.
    ///
    /// Source: AWS CloudFormation User Guide, "Import AWS resources into a CloudFormation stack
    /// automatically".
    pub(crate) fn with_names_written_out(
        &self,
        text: &str,
        scope: &Scope<'_>,
    ) -> Result<String, TemplateError> {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for resource in self.resources.iter().filter(|resource| resource.kept) {
            let entries = resource.properties.entries();
            let named = entries
                .iter()
                .find(|entry| matches!(entry.key.as_str(), "BucketName" | "LogGroupName"));
            let line = named.and_then(|entry| lines.get_mut(entry.line.checked_sub(1)?));
            let (Some(line), Some(entry), Some(name)) = (line, named, scope.name_of(&resource.id)?)
            else {
                continue;
            };
            let indent = line.len() - line.trim_start().len();
            *line = format!("{:indent$}{}: {name}", "", entry.key);
        }
        Ok(lines.join("\n") + "\n")
    }

    /// The comment above a line (from 1) as one text; empty if there is none. The head of an `!If`
    /// may be between the two.
    pub(crate) fn comment_above(&self, line: usize) -> String {
        let head = |text: &str| text.starts_with("- !If") || is_condition(text, &self.conditions);
        let above = self.lines.get(..line.saturating_sub(1)).unwrap_or_default();
        let mut comment: Vec<&str> = above
            .iter()
            .rev()
            .map(|text| text.trim())
            .skip_while(|text| head(text))
            .map_while(|text| text.strip_prefix('#'))
            // A ruled heading belongs to the whole section after it.
            .take_while(|text| !text.trim_start().starts_with("----"))
            .map(str::trim)
            .collect();
        comment.reverse();
        comment.join(" ")
    }
}

fn is_condition(text: &str, conditions: &[(String, Node)]) -> bool {
    let name = text.strip_prefix("- ").unwrap_or_default();
    conditions.iter().any(|(known, _)| known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_template_is_read_whole() {
        let template = Template::embedded().unwrap();
        assert!(template.parameter("LogPutAllowHosts").is_some());
        let raw = template.resource("RawBucket").unwrap();
        assert_eq!((raw.kind.as_str(), raw.kept), ("AWS::S3::Bucket", true));
        assert!(!template.resource("FailedEvents").unwrap().kept);
    }

    #[test]
    fn the_names_of_what_is_kept_can_be_written_out() {
        let template = Template::embedded().unwrap();
        let given = [("Env".to_owned(), "prod".to_owned())].into();
        let scope = Scope::new(&template, &given, "111122223333", "us-east-1", "log2aws-prod");
        let text = template.with_names_written_out(TEXT, &scope).unwrap();
        let changed: Vec<&str> = text
            .lines()
            .zip(TEXT.lines())
            .filter(|(new, old)| new != old)
            .map(|(new, _)| new.trim())
            .collect();
        assert_eq!(
            changed,
            [
                "BucketName: serverlogs-prod-111122223333-us-east-1",
                "BucketName: analyzedlogs-prod-111122223333-us-east-1",
                "LogGroupName: /aws/lambda/log2aws-prod-generate-url",
            ]
        );
        assert_eq!(text.lines().count(), TEXT.lines().count());
    }

    #[test]
    fn other_networks_are_another_deployment_of_the_api() {
        let template = Template::embedded().unwrap();
        let of = |networks: &str, rate: &str| {
            let given = [("LogPutAllowNetworks", networks), ("RequestsPerSecond", rate)];
            let given = given.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            let scope = Scope::new(&template, &given, "111122223333", "us-east-1", "log2aws-dev");
            template.with_deployment_of(&scope).unwrap()
        };
        let one = of("203.0.113.7", "50");
        let two = of("203.0.113.7,198.51.100.0/24", "50");
        // The stage's throttle needs none.
        assert_eq!(one, of("203.0.113.7", "7"));
        let ids = |text: &str| -> Vec<String> {
            let resources = Template::parse(text).unwrap().resources;
            resources.into_iter().map(|resource| resource.id).collect()
        };
        let changed = |text: &str| -> Vec<String> {
            ids(text).into_iter().filter(|id| !ids(TEXT).contains(id)).collect()
        };
        let [first] = changed(&one).try_into().unwrap();
        let [second] = changed(&two).try_into().unwrap();
        assert_ne!(first, second);
        assert!(first.starts_with("ApiDeployment"));
        // The stage refers to it.
        assert_eq!(one.matches(&first).count(), 2);
        assert_eq!(one.lines().count(), TEXT.lines().count());
    }

    #[test]
    fn comments_explain_what_stands_below_them() {
        let template = Template::parse(
            "Conditions:\n  C: 1\nResources:\n  # ---- a part ----\n  # Why\n  # indeed.\n  A:\n    \
             Type: T\n  B:\n    Type: T\n",
        )
        .unwrap();
        assert_eq!(template.comment_above(template.resource("A").unwrap().line), "Why indeed.");
        assert_eq!(template.comment_above(template.resource("B").unwrap().line), "");
    }
}
