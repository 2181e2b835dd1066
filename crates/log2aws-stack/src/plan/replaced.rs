//! Which parameters have CloudFormation replace a resource, because a property follows them that
//! cannot be changed in place.

use std::collections::BTreeSet;

use crate::template::{Node, Resource, Template};

/// The `createOnlyProperties` of AWS's resource schemas, of those that the template sets;
/// `tests/aws/template/test_create_only.py` holds them against the schemas.
const CREATE_ONLY: &[(&str, &[&str])] = &[
    ("AWS::ApiGateway::BasePathMapping", &["DomainName"]),
    ("AWS::ApiGateway::Deployment", &["RestApiId"]),
    ("AWS::ApiGateway::DomainName", &["DomainName"]),
    ("AWS::ApiGateway::GatewayResponse", &["ResponseType", "RestApiId"]),
    ("AWS::ApiGateway::Method", &["RestApiId", "ResourceId", "HttpMethod"]),
    ("AWS::ApiGateway::Stage", &["RestApiId", "StageName"]),
    ("AWS::CloudWatch::Alarm", &["AlarmName"]),
    ("AWS::IAM::Role", &["Path"]),
    ("AWS::Lambda::EventInvokeConfig", &["FunctionName", "Qualifier"]),
    ("AWS::Lambda::Function", &["FunctionName"]),
    (
        "AWS::Lambda::Permission",
        &["FunctionName", "SourceAccount", "SourceArn", "Principal", "Action"],
    ),
    ("AWS::Logs::LogGroup", &["LogGroupName"]),
    ("AWS::S3::Bucket", &["BucketName"]),
    ("AWS::S3::BucketPolicy", &["Bucket"]),
    ("AWS::SSM::Parameter", &["Name"]),
];

/// The parameters that replace a resource, in alphabetical order.
pub(super) fn by(template: &Template, resource: &Resource) -> Vec<String> {
    let (mut parameters, mut seen) = (BTreeSet::new(), BTreeSet::new());
    collect(template, resource, &mut parameters, &mut seen);
    parameters.into_iter().collect()
}

fn collect(
    template: &Template,
    resource: &Resource,
    parameters: &mut BTreeSet<String>,
    seen: &mut BTreeSet<String>,
) {
    if !seen.insert(resource.id.clone()) {
        return;
    }
    let fixed = CREATE_ONLY.iter().find(|(kind, _)| *kind == resource.kind);
    let mut names = Vec::new();
    for property in fixed.map(|(_, properties)| *properties).unwrap_or_default() {
        if let Some(node) = resource.properties.get(property) {
            references(node, &mut names);
        }
    }
    for name in names {
        if template.parameter(&name).is_some() {
            parameters.insert(name);
        } else if let Some(other) = template.resource(&name) {
            // A replaced resource has another name or ID, which this one cannot take over.
            collect(template, other, parameters, seen);
        }
    }
}

/// The names that a node refers to: parameters, resources, and AWS's own.
fn references(node: &Node, names: &mut Vec<String>) {
    match node {
        Node::Call(call, argument) => match (call.as_str(), argument.as_ref()) {
            ("Ref", Node::Text(name)) => names.push(name.clone()),
            ("GetAtt", Node::Text(path)) => {
                names.extend(path.split('.').next().map(str::to_owned));
            }
            ("Sub", Node::Text(text)) => {
                let holes =
                    text.split("${").skip(1).filter_map(|part| part.split(['.', '}']).next());
                names.extend(holes.map(str::to_owned));
            }
            (_, argument) => references(argument, names),
        },
        Node::List(items) => items.iter().for_each(|item| references(item, names)),
        Node::Map(entries) => entries.iter().for_each(|entry| references(&entry.value, names)),
        Node::Text(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_environment_replaces_what_is_named_after_it() {
        let template = Template::embedded().unwrap();
        let of = |id: &str| by(&template, template.resource(id).unwrap());
        assert_eq!(of("RawBucket"), ["Env"]);
        // Through the names of the bucket and of the function.
        assert_eq!(of("RawBucketPolicy"), ["Env"]);
        assert_eq!(of("AnalyzeLogPermission"), ["Env"]);
        assert_eq!(of("GenerateUrlRole"), ["RolePath"]);
        assert_eq!(of("ApiDomainMapping"), ["DomainName"]);
        for id in ["Api", "ApiGet", "FailedEvents", "FailedEventsPolicy"] {
            assert_eq!(of(id), [""; 0], "{id} stays");
        }
    }
}
