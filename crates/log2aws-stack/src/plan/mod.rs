//! What a deploy will create, computed offline: resources, permissions with their reasons, and
//! cost.

mod deployer;
mod key_policy;
mod outbound;
mod replaced;
pub(crate) mod statement;
mod text;

use std::collections::BTreeMap;

use log2aws_ssm::env_name::EnvName;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::architecture::{ARCHITECTURE, Architecture, Choice, Reason};
use crate::cost::{self, Estimate, Workload};
use crate::hosts::HOSTS;
use crate::name::StackName;
use crate::parameter_warnings::parameter_warnings;
use crate::template::{Scope, Template, TemplateError};

pub use deployer::Right;
pub use statement::{Effect, Statement};

/// The placeholder for the account in names, which is unknown offline.
const ACCOUNT: &str = "{account}";

/// A resource to be created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedResource {
    /// Its logical ID in the template.
    pub id: String,
    /// Its type, e.g. `AWS::S3::Bucket`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its physical name, if it is known.
    pub name: Option<String>,
    /// Whether it is retained when the stack is deleted.
    pub kept: bool,
    /// Its properties with the parameters filled in; unknown parts are written as `{…}`.
    pub properties: Map<String, Value>,
    /// The parameters whose change replaces it instead of updating it.
    pub replaced_by: Vec<String>,
}

/// A parameter of the template and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ParameterInForce {
    /// Its name.
    pub name: String,
    /// Its value; none if a deploy fills it in.
    pub value: Option<String>,
    /// Whether it was given, and is not the template's default.
    pub given: bool,
}

/// All that a deploy will make.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The stack's name.
    pub stack: String,
    /// The region.
    pub region: String,
    /// Who may request URLs and upload: the entries of the allow-list, empty if none is given.
    pub callers: Vec<String>,
    /// What the functions run on, and in `architecture_reason` who decided it, as far as is known
    /// without AWS: an existing stack keeps its own.
    pub architecture: Architecture,
    /// Who decided it.
    pub architecture_reason: Reason,
    /// What a day of requests at the throttling rate costs, in US dollars, if all of them come from
    /// listed addresses. Others are refused by the API's policy and are not billed.
    pub flood_usd_a_day: f64,
    /// The throttling rate behind that figure.
    pub requests_per_second: u32,
    /// The values of all parameters, in template order.
    pub parameters: Vec<ParameterInForce>,
    /// The resources in template order.
    pub resources: Vec<PlannedResource>,
    /// Every permission and every denial.
    pub statements: Vec<Statement>,
    /// The policy that the KMS key of `KmsKeyArn` needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_policy: Option<serde_json::Value>,
    /// What a deployer with less than administrator rights needs.
    pub deployer: Vec<Right>,
    /// What leaves the account, and to whom: one sentence each.
    pub leaves_the_account: Vec<String>,
    /// What it will cost.
    pub cost: Estimate,
    /// Parameters that are probably unintended, one sentence each.
    pub warnings: Vec<String>,
}

/// What to plan.
#[derive(Clone, Copy, Debug)]
pub struct PlanInput<'a> {
    /// The environment.
    pub env: &'a EnvName,
    /// The stack.
    pub stack: &'a StackName,
    /// The region, for names and prices.
    pub region: &'a str,
    /// The given template parameters, already checked.
    pub given: &'a BTreeMap<String, String>,
    /// The number of servers for the cost estimate.
    pub servers: u32,
    /// What the functions run on.
    pub architecture: Choice,
}

impl Plan {
    /// Evaluates the template. The account is unknown here, and appears in names as `{account}`.
    ///
    /// # Errors
    /// [`TemplateError`]: the template uses an unsupported feature.
    pub fn of(template: &Template, input: &PlanInput<'_>) -> Result<Self, TemplateError> {
        let PlanInput { env, stack, region, given, servers, architecture } = *input;
        let mut given = given.clone();
        given.insert("Env".to_owned(), env.to_string());
        given.insert(ARCHITECTURE.to_owned(), architecture.architecture.to_string());
        let scope = Scope::new(template, &given, ACCOUNT, region, stack.as_str());
        let resources = template.made(&scope)?.into_iter().map(|resource| {
            Ok(PlannedResource {
                id: resource.id.clone(),
                kind: resource.kind.clone(),
                name: scope.name_of(&resource.id)?,
                kept: resource.kept,
                properties: match scope.resolve(&resource.properties)? {
                    Some(Value::Object(properties)) => properties,
                    _ => Map::new(),
                },
                replaced_by: replaced::by(template, resource),
            })
        });
        let parameters = template.parameters().iter().map(|parameter| ParameterInForce {
            name: parameter.name.clone(),
            value: scope.value(&parameter.name).map(str::to_owned),
            given: given.contains_key(&parameter.name),
        });
        let workload = workload(&scope, servers);
        let callers = given.get(HOSTS).map(String::as_str).unwrap_or_default();
        let rate = scope.value("RequestsPerSecond").and_then(|rate| rate.parse().ok());
        let requests_per_second = rate.unwrap_or_default();
        let flood = cost::denied_requests_day(region, requests_per_second, workload.architecture);
        Ok(Self {
            stack: stack.to_string(),
            region: region.to_owned(),
            callers: callers.split(", ").filter(|e| !e.is_empty()).map(str::to_owned).collect(),
            architecture: architecture.architecture,
            architecture_reason: architecture.reason,
            flood_usd_a_day: flood,
            requests_per_second,
            parameters: parameters.collect(),
            resources: resources.collect::<Result<_, TemplateError>>()?,
            statements: statement::all(template, &scope)?,
            key_policy: key_policy::key_policy(&scope, region)?,
            deployer: deployer::rights(stack.as_str(), ACCOUNT, region)?,
            leaves_the_account: outbound::all(&scope),
            cost: cost::estimate(region, &workload),
            warnings: parameter_warnings(&scope),
        })
    }
}

/// The basis of the cost for the plan's parameters.
fn workload(scope: &Scope<'_>, servers: u32) -> Workload {
    let usual = Workload::of(servers);
    let number = |name: &str| scope.value(name).and_then(|value| value.parse::<u32>().ok());
    // 0 is not a number of days: it keeps everything, or follows another parameter.
    let days = |name: &str| number(name).filter(|days| *days > 0);
    let charts = scope.value("Charts");
    let kept = |format: &str, usual| {
        charts.map_or(usual, |charts| charts.split(',').any(|kept| kept == format))
    };
    let architecture = scope.value(ARCHITECTURE).and_then(Architecture::named);
    Workload {
        architecture: architecture.unwrap_or(usual.architecture),
        raw_keep_days: days("RawKeepDays"),
        analyzed_keep_days: days("AnalyzedKeepDays"),
        noncurrent_keep_days: days("NoncurrentKeepDays"),
        log_keep_days: number("LogKeepDays").unwrap_or(usual.log_keep_days),
        svg: kept("svg", usual.svg),
        png: kept("png", usual.png),
        ..usual
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(given: &[(&str, &str)]) -> Plan {
        let given: BTreeMap<_, _> =
            given.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let (env, stack) = ("dev".parse().unwrap(), "log2aws-dev".parse().unwrap());
        let input = PlanInput {
            env: &env,
            stack: &stack,
            region: "ap-northeast-1",
            given: &given,
            servers: 10,
            architecture: Choice::of(given.get(ARCHITECTURE).map(String::as_str), None, false),
        };
        Plan::of(&Template::embedded().unwrap(), &input).unwrap()
    }

    #[test]
    fn every_resource_of_the_template_is_planned() {
        let plan = plan(&[]);
        let bucket = plan.resources.iter().find(|r| r.id == "RawBucket").unwrap();
        assert_eq!(bucket.name.as_deref(), Some("serverlogs-dev-{account}-ap-northeast-1"));
        assert!(bucket.kept);
        let template = Template::embedded().unwrap();
        // Two are made for a domain name alone.
        assert_eq!(plan.resources.len(), template.resources.len() - 2);
        let arn = "arn:aws:acm:ap-northeast-1:111122223333:certificate/1234abcd";
        let with_domain =
            self::plan(&[("DomainName", "logs.example.com"), ("CertificateArn", arn)]);
        assert_eq!(with_domain.resources.len(), template.resources.len());
        assert_eq!(
            plan.resources.iter().filter(|r| r.kept).count(),
            3,
            "buckets and record of URLs"
        );
    }

    #[test]
    fn every_statement_says_who_needs_it() {
        let plan = plan(&[]);
        for statement in &plan.statements {
            assert!(!statement.why.is_empty(), "{statement:?}");
        }
        let sign = plan.statements.iter().find(|s| s.id == "SignPuts").unwrap();
        assert_eq!(sign.effect, Effect::Allow);
        assert_eq!(sign.who, "GenerateUrlRole");
        assert_eq!(sign.actions, ["s3:PutObject"]);
        assert!(sign.why.contains("S3 lets a URL do what its signer may"), "{}", sign.why);
        let deny = plan.statements.iter().find(|s| s.id == "FreshUrlsOnly").unwrap();
        assert_eq!(deny.effect, Effect::Deny);
        assert_eq!(deny.conditions[1], "NumericGreaterThan s3:signatureAge 300000");
        let api = plan.statements.iter().find(|s| s.id == "FromAllowedAddressesOnly").unwrap();
        assert_eq!((api.effect, api.who.as_str()), (Effect::Deny, "everybody"));
        assert_eq!(api.resources, ["execute-api:/*"]);
        let invoke = plan.statements.iter().find(|s| s.id == "AnalyzeLogPermission").unwrap();
        assert_eq!(invoke.actions, ["lambda:InvokeFunction"]);
        assert!(invoke.who.contains("s3.amazonaws.com"));
    }

    #[test]
    fn parameters_decide_what_is_planned() {
        let has = |plan: &Plan, id: &str| plan.statements.iter().any(|s| s.id == id);
        assert!(has(&plan(&[]), "ReadFinalDays"));
        assert!(!has(&plan(&[("FinalAfterDays", "0")]), "ReadFinalDays"));
        let put = |plan: &Plan| {
            let put = plan.statements.iter().find(|s| s.id == "UrlsFromAllowedAddressesOnly");
            put.unwrap().conditions.clone()
        };
        assert_eq!(put(&plan(&[])).len(), 2);
        assert_eq!(
            put(&plan(&[("VpcEndpointIds", "vpce-0a,vpce-0b")]))[2],
            "StringNotEquals aws:SourceVpce vpce-0a vpce-0b"
        );
        assert!(!has(&plan(&[]), "EncryptPuts"));
        let key = "arn:aws:kms:ap-northeast-1:111122223333:key/1234abcd";
        assert!(has(&plan(&[("KmsKeyArn", key)]), "EncryptPuts"));
    }

    #[test]
    fn a_plan_begins_with_who_may_call_and_what_it_costs() {
        let hosts = ("LogPutAllowHosts", "203.0.113.7, web*@198.51.100.0/24");
        let text = plan(&[hosts, ("RequestsPerSecond", "5")]).to_string();
        let head = text.split("resources:").next().unwrap();
        assert!(head.contains("\n  203.0.113.7, web*@198.51.100.0/24\n"), "{head}");
        // 432,000 requests a day, by hand as in the tests of the cost.
        assert!(head.contains("up to 2.99 USD a day"), "{head}");
        assert!(head.contains("10 servers cost 2.94 USD a month"), "{head}");
        let text = plan(&[]).to_string();
        assert!(text.contains("nobody is named yet: give --allow-hosts"), "{text}");
        let many: Vec<String> = (1..255).map(|n| format!("10.0.0.{n}")).collect();
        let text = plan(&[("LogPutAllowHosts", &many.join(", "))]).to_string();
        assert!(text.lines().all(|line| line.len() <= 200) && text.contains("10.0.0.254"));
    }

    #[test]
    fn no_two_statements_have_the_same_heading() {
        let text = plan(&[]).to_string();
        let (_, told) = text.split_once("permissions and prohibitions:\n\n").unwrap();
        let heads: Vec<&str> = told
            .lines()
            .take_while(|line| !line.starts_with("rights of"))
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
            .collect();
        let different: std::collections::BTreeSet<_> = heads.iter().collect();
        assert_eq!((heads.len(), different.len()), (27, 27), "{heads:?}");
        assert!(heads.contains(&"  AnalyzedBucketPolicy.TlsOnly: deny everybody"), "{heads:?}");
        assert!(heads.contains(&"  AnalyzeLogPermission: allow s3.amazonaws.com"), "{heads:?}");
    }

    #[test]
    fn a_plan_says_what_leaves_the_account() {
        let topic = "arn:aws:sns:ap-northeast-1:111122223333:operators";
        let text = plan(&[("AlarmTopicArn", topic)]).to_string();
        assert!(text.contains(&format!("- to {topic}: names")), "{text}");
        assert!(plan(&[]).to_string().contains("no alarm is sent anywhere"));
    }

    #[test]
    fn a_plan_is_told_as_text() {
        let text = plan(&[]).to_string();
        for part in [
            "stack log2aws-dev in ap-northeast-1",
            "serverlogs-dev-{account}-ap-northeast-1",
            "kept when the stack is deleted",
            "s3:PutObject",
            "a month",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 200), "{text}");
    }
}
