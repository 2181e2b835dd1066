//! What the roles of the functions must be allowed, and what not, as calls that can be simulated.

use std::collections::BTreeMap;

use log2aws_core::key_registry::KEY;
use log2aws_core::server_name::CHECK;
use log2aws_ssm::Simulation;
use log2aws_ssm::env_name::ALLOW_LIST;
use log2aws_ssm::service_host::partition;

use crate::plan::Effect;
use crate::plan::statement;
use crate::template::{Scope, Template, TemplateError};

/// The record of a day that an operator opened again.
const REOPENED: &str = ".log2aws/reopen/web01/2019-08-01.json";

/// The logical IDs of the roles.
pub(super) const ROLES: [&str; 2] = ["GenerateUrlRole", "AnalyzeLogRole"];

/// A condition key with its values.
type Context = (String, Vec<String>);

/// What is expected of some calls of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expectation {
    /// The statement of the template, or what the role does not do.
    pub(super) subject: String,
    /// Whether the calls are to be allowed.
    pub(super) allowed: bool,
    /// The calls.
    pub(super) simulation: Simulation,
}

/// The deployed stack, as far as the calls depend on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deployed<'a> {
    /// The parameters.
    pub(super) parameters: &'a BTreeMap<String, String>,
    /// The account.
    pub(super) account: &'a str,
    /// The region.
    pub(super) region: &'a str,
    /// The stack's name.
    pub(super) stack: &'a str,
    /// AWS's names of the resources by logical ID.
    pub(super) physical: &'a BTreeMap<String, String>,
}

/// What is expected of a role: first its statements in the order of the template, then what it must
/// not do.
pub(super) fn expectations(
    template: &Template,
    deployed: Deployed<'_>,
    role: &str,
) -> Result<Vec<Expectation>, TemplateError> {
    let Deployed { parameters, account, region, stack, physical } = deployed;
    let scope = Scope::new(template, parameters, account, region, stack);
    let arn = format!(
        "arn:{}:iam::{account}:role{}{}",
        partition(region).name,
        parameters.get("RolePath").filter(|path| !path.is_empty()).map_or("/", String::as_str),
        physical.get(role).map(String::as_str).unwrap_or_default(),
    );
    let statements = statement::all(template, &scope)?;
    let own: Vec<_> = statements.into_iter().filter(|statement| statement.who == role).collect();
    // Policies of the organisation often ask for the region. Conditions of other statements need a
    // value, too, or an answer would be about the missing key.
    let mut usual: Vec<Context> = vec![("aws:RequestedRegion".to_owned(), vec![region.to_owned()])];
    for (key, values) in own.iter().flat_map(|statement| &statement.context) {
        if !usual.iter().any(|(known, _)| known == key) {
            usual.push((key.clone(), values.clone()));
        }
    }
    let simulation = |actions, resources, own: &[Context]| {
        let others = usual.iter().filter(|(key, _)| !own.iter().any(|(known, _)| known == key));
        let context = own.iter().chain(others).cloned().collect();
        Simulation { role: arn.clone(), actions, resources, context }
    };
    let mut expectations: Vec<Expectation> = own
        .iter()
        .map(|statement| Expectation {
            subject: format!("{role} {}", statement.id),
            allowed: statement.effect == Effect::Allow,
            simulation: simulation(
                statement.actions.iter().flat_map(|action| actions(action)).collect(),
                statement.resources.iter().map(|pattern| sample(pattern, physical)).collect(),
                &statement.context,
            ),
        })
        .collect();
    let places = Places::of(&scope, deployed, &arn)?;
    let list = if role == "GenerateUrlRole" { places.url() } else { places.analyze() };
    expectations.extend(list.into_iter().map(|(does_not, actions, resources)| Expectation {
        subject: format!("{role}: {does_not}"),
        allowed: false,
        simulation: simulation(
            actions.iter().map(|&action| action.to_owned()).collect(),
            resources,
            &[],
        ),
    }));
    Ok(expectations)
}

/// The actions that stand for a pattern of them.
fn actions(pattern: &str) -> Vec<String> {
    match pattern {
        "s3:*" => ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"].map(str::to_owned).to_vec(),
        action => vec![action.to_owned()],
    }
}

/// A resource that a pattern of the template covers. AWS's own names stand in braces.
fn sample(pattern: &str, physical: &BTreeMap<String, String>) -> String {
    let mut text = pattern
        .replace("????-??-??.*", "????-??-??.csv")
        .replace("????-??-??", "2019-08-01")
        .replace("/.*/", &format!("/.log2aws/{CHECK}/"))
        .replace("/*/", &format!("/{CHECK}/"));
    for (tail, example) in [
        (":*", format!(":log-stream:{CHECK}")),
        ("/enrol/*", format!("/enrol/{CHECK}")),
        ("/*", format!("/reopen/{CHECK}/2019-08-01.json")),
    ] {
        if let Some(head) = text.strip_suffix(tail) {
            text = format!("{head}{example}");
        }
    }
    for (id, name) in physical {
        text = text.replace(&format!("{{{id}}}"), last(name));
    }
    text
}

/// The name in AWS's name for a resource: that of a queue is its URL.
fn last(physical: &str) -> &str {
    physical.rsplit('/').next().unwrap_or_default()
}

/// What a role does not do: in words, by actions, on resources.
type Not = (&'static str, &'static [&'static str], Vec<String>);

/// The resources of the stack.
struct Places {
    raw: String,
    analyzed: String,
    allow_list: String,
    queue: String,
    functions: Vec<String>,
    role: String,
    /// Whether generate-url reads summaries.
    final_days: bool,
}

impl Places {
    fn of(scope: &Scope<'_>, deployed: Deployed<'_>, role: &str) -> Result<Self, TemplateError> {
        let Deployed { account, region, physical, .. } = deployed;
        let aws = partition(region).name;
        let name = |id: &str| scope.name_of(id).map(Option::unwrap_or_default);
        let here =
            |service: &str, rest: &str| format!("arn:{aws}:{service}:{region}:{account}:{rest}");
        let function = |id: &str| Ok(here("lambda", &format!("function:{}", name(id)?)));
        let env = scope.value("Env").unwrap_or_default();
        let queue = physical.get("FailedEvents").map_or("", |url| last(url));
        Ok(Self {
            raw: format!("arn:{aws}:s3:::{}", name("RawBucket")?),
            analyzed: format!("arn:{aws}:s3:::{}", name("AnalyzedBucket")?),
            allow_list: here("ssm", &format!("parameter/log2aws/{env}/{ALLOW_LIST}")),
            queue: here("sqs", queue),
            functions: ["GenerateUrl", "AnalyzeLog"]
                .map(function)
                .into_iter()
                .collect::<Result<_, _>>()?,
            role: role.to_owned(),
            final_days: scope.condition("HasFinalDays")?,
        })
    }

    fn log(&self) -> Vec<String> {
        vec![format!("{}/{CHECK}/2019-08-01.log", self.raw)]
    }

    fn raw_key(&self, key: &str) -> String {
        format!("{}/{key}", self.raw)
    }

    fn result(&self, key: &str) -> String {
        format!("{}/{key}", self.analyzed)
    }

    fn both(&self) -> [Not; 2] {
        let rights = &["iam:PutRolePolicy", "iam:AttachRolePolicy"];
        [
            ("keeps the allow-list", &["ssm:PutParameter"], vec![self.allow_list.clone()]),
            ("keeps its own rights", rights, vec![self.role.clone()]),
        ]
    }

    fn url(&self) -> Vec<Not> {
        let csv = self.result(&format!("{CHECK}/2019-08-01.csv"));
        let records = [KEY, ".log2aws/retired.json", REOPENED];
        let results = records.map(|key| self.result(key)).into_iter().chain([csv.clone()]);
        let mut list: Vec<Not> = vec![
            ("reads no log", &["s3:GetObject", "s3:GetObjectVersion"], self.log()),
            (
                "deletes no log",
                &["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObjectAcl"],
                self.log(),
            ),
            ("lists no logs", &["s3:ListBucket"], vec![self.raw.clone()]),
            (
                "puts logs only",
                &["s3:PutObject"],
                ["web01/index.html", "2019-08-01.log", KEY].map(|key| self.raw_key(key)).to_vec(),
            ),
            ("puts no result", &["s3:PutObject"], results.collect()),
            ("reads no result", &["s3:GetObject"], vec![csv, self.result(".log2aws/retired.json")]),
            ("queues no event", &["sqs:SendMessage"], vec![self.queue.clone()]),
            ("invokes no function", &["lambda:InvokeFunction"], self.functions.clone()),
        ];
        if !self.final_days {
            let summary = self.result(&format!("{CHECK}/2019-08-01.json"));
            list.push(("reads no summary", &["s3:GetObject"], vec![summary]));
        }
        list.extend(self.both());
        list
    }

    fn analyze(&self) -> Vec<Not> {
        let result = self.result(&format!("{CHECK}/2019-08-01.csv"));
        let policies = vec![self.raw.clone(), self.analyzed.clone()];
        let mut list: Vec<Not> = vec![
            (
                "changes no log",
                &["s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"],
                self.log(),
            ),
            (
                "reads logs only",
                &["s3:GetObject", "s3:GetObjectVersion"],
                vec![self.raw_key("web01/keys.txt")],
            ),
            ("deletes no version", &["s3:DeleteObjectVersion", "s3:PutObjectAcl"], vec![result]),
            (
                "puts results only",
                &["s3:PutObject"],
                vec![self.result("web01/index.html"), self.result(KEY)],
            ),
            ("changes no policy", &["s3:PutBucketPolicy"], policies),
            ("takes no event", &["sqs:DeleteMessage"], vec![self.queue.clone()]),
            ("invokes no function", &["lambda:InvokeFunction"], self.functions.clone()),
        ];
        list.extend(self.both());
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(role: &str, given: &[(&str, &str)]) -> Vec<Expectation> {
        let template = Template::embedded().unwrap();
        let texts = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let parameters = texts(given);
        let queue =
            "https://sqs.ap-northeast-1.amazonaws.com/111122223333/log2aws-dev-FailedEvents-1A";
        let physical = texts(&[(role, "log2aws-dev-Role-1A"), ("FailedEvents", queue)]);
        let deployed = Deployed {
            parameters: &parameters,
            account: "111122223333",
            region: "ap-northeast-1",
            stack: "log2aws-dev",
            physical: &physical,
        };
        expectations(&template, deployed, role).unwrap()
    }

    #[test]
    fn every_call_is_one_call_and_no_pattern() {
        let key = "arn:aws:kms:ap-northeast-1:111122223333:key/1234abcd";
        for role in ROLES {
            for expectation in of(role, &[("KmsKeyArn", key)]) {
                let Simulation { actions, resources, .. } = &expectation.simulation;
                assert!(!actions.is_empty() && !resources.is_empty(), "{expectation:?}");
                for text in actions.iter().chain(resources) {
                    assert!(!text.contains(['*', '?', '{']), "{text}: {expectation:?}");
                }
            }
        }
    }

    #[test]
    fn the_calls_are_those_of_the_template() {
        let all = of("AnalyzeLogRole", &[("RolePath", "/service/")]);
        let find = |name: &str| all.iter().find(|e| e.subject == name).unwrap();
        let queue = find("AnalyzeLogRole KeepFailedEvents");
        assert_eq!(
            queue.simulation.role,
            "arn:aws:iam::111122223333:role/service/log2aws-dev-Role-1A"
        );
        assert_eq!(
            queue.simulation.resources,
            ["arn:aws:sqs:ap-northeast-1:111122223333:log2aws-dev-FailedEvents-1A"]
        );
        let bucket = "arn:aws:s3:::analyzedlogs-dev-111122223333-ap-northeast-1";
        let deny = find("AnalyzeLogRole LeaveOperatorsRecords");
        assert!(!deny.allowed);
        assert_eq!(
            deny.simulation.resources,
            [format!("{bucket}/.log2aws/reopen/log2aws-check/2019-08-01.json")]
        );
        let keep = find("AnalyzeLogRole KeepResults");
        assert!(keep.allowed);
        assert_eq!(keep.simulation.resources, [format!("{bucket}/log2aws-check/2019-08-01.csv")]);
    }

    #[test]
    fn the_keys_of_conditions_are_given() {
        let key = "arn:aws:kms:ap-northeast-1:111122223333:key/1234abcd";
        let all = of("GenerateUrlRole", &[("KmsKeyArn", key)]);
        let encrypt = all.iter().find(|e| e.subject == "GenerateUrlRole EncryptPuts").unwrap();
        let via = ("kms:ViaService".to_owned(), vec!["s3.ap-northeast-1.amazonaws.com".to_owned()]);
        assert!(encrypt.simulation.context.contains(&via), "{encrypt:?}");
    }
}
