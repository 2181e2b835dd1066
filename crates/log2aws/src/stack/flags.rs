//! The flags of `log2aws stack`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use log2aws_core::allow_list::AllowList;
use log2aws_stack::Execution;
use log2aws_stack::env_name::EnvName;
use log2aws_stack::name::StackName;
use url::Url;

use crate::{flag, help};

/// The flags of `stack`.
#[derive(Debug, Args)]
pub(crate) struct StackArgs {
    #[command(subcommand)]
    pub(super) verb: StackVerb,
}

#[derive(Debug, Subcommand)]
pub(super) enum StackVerb {
    /// Show resources, permissions and cost of a deploy. Sends no requests.
    #[command(after_help = help::STACK_PLAN)]
    Plan(PlanArgs),
    /// Create or update the stack.
    #[command(after_help = help::STACK_DEPLOY)]
    Deploy(Box<DeployArgs>),
    /// Check the deployed stack: compare it with its template, and deliver a log.
    #[command(after_help = help::STACK_CHECK)]
    Check(CheckArgs),
    /// Delete the stack; its buckets remain unless they are purged.
    #[command(after_help = help::STACK_DELETE)]
    Delete(DeleteArgs),
    /// Have the failed events in the queue analyzed again.
    #[command(after_help = help::STACK_REPLAY)]
    Replay(ReplayArgs),
    /// Show the events of the stack.
    #[command(after_help = help::STACK_EVENTS)]
    Events(EventsArgs),
}

/// Which stack is meant.
#[derive(Debug, Args)]
pub(super) struct TargetFlags {
    /// The environment, part of every name in the stack.
    #[arg(long, value_name = "NAME", default_value = "dev")]
    pub(super) env: EnvName,
    /// The region [default: that of the environment or the profile].
    #[arg(long, value_name = "REGION", value_parser = flag::region)]
    pub(super) region: Option<String>,
    /// The stack's name [default: that of the git repository or the folder, and the environment].
    #[arg(long, value_name = "NAME")]
    pub(super) stack_name: Option<StackName>,
}

/// How AWS is reached.
#[derive(Debug, Args)]
pub(super) struct AwsFlags {
    /// The profile of the AWS config files.
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,
    /// Refuse to act in any other account.
    #[arg(long, value_name = "ID", value_parser = account)]
    pub(super) account: Option<String>,
    /// An endpoint other than AWS's, used for every service.
    #[arg(long, value_name = "URL", value_parser = flag::endpoint)]
    pub(super) endpoint_url: Option<Url>,
    /// Interval of progress requests, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 3000, hide = true)]
    pub(super) poll_ms: u64,
    /// How long to wait while AWS is unreachable, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 120_000, hide = true)]
    pub(super) patience_ms: u64,
}

/// What the stack is to be like.
#[derive(Debug, Args)]
pub(super) struct SettingFlags {
    /// Who may request URLs and upload: addresses and networks, each optionally limited to a server
    /// name or pattern, e.g. '203.0.113.7, web*@198.51.100.0/24' [default: unchanged].
    #[arg(long, value_name = "LIST")]
    pub(super) allow_hosts: Option<AllowList>,
    /// Another parameter of the template, e.g. RawKeepDays=400; can be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub(super) parameter: Vec<(String, String)>,
    /// The folder of generate-url.zip and analyze-log.zip, or of a folder with them for each
    /// architecture [default: beside this program, or target/lambda].
    #[arg(long, value_name = "DIR")]
    pub(super) artifacts: Option<PathBuf>,
}

/// Which change set is executed, and when.
#[derive(Debug, Args)]
pub(super) struct ExecutionFlags {
    /// Create the change set and keep it, to be executed by --change-set.
    #[arg(long, conflicts_with_all = ["detach", "change_set"])]
    pub(super) no_execute: bool,
    /// Execute this change set, created by an earlier --no-execute.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["allow_hosts", "parameter"])]
    pub(super) change_set: Option<String>,
    /// Set back what was changed by hand since the last deploy.
    #[arg(long, conflicts_with = "change_set")]
    pub(super) revert_drift: bool,
    /// Return as soon as AWS has started the change.
    #[arg(long)]
    pub(super) detach: bool,
}

impl ExecutionFlags {
    pub(super) fn execution(&self) -> Execution {
        match (self.no_execute, self.detach) {
            (true, _) => Execution::Keep,
            (false, true) => Execution::Detach,
            (false, false) => Execution::Wait,
        }
    }
}

/// The flags of `stack plan`.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) target: TargetFlags,
    #[command(flatten)]
    pub(super) settings: SettingFlags,
    #[command(flatten)]
    pub(super) aws: AwsFlags,
    /// Also show how the deployed stack differs from its template; needs credentials.
    #[arg(long, conflicts_with = "json")]
    pub(super) deployed: bool,
    /// Number of servers for the cost estimate.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(super) servers: u32,
    /// Print one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

/// What organisations demand of a stack.
#[derive(Debug, Args)]
pub(super) struct RailFlags {
    /// A tag of the stack and its resources, e.g. cost-center=4711; can be repeated. Tags of earlier
    /// deploys stay.
    #[arg(long, value_name = "KEY=VALUE", value_parser = tag, conflicts_with = "change_set")]
    pub(super) tag: Vec<(String, String)>,
    /// The role that CloudFormation acts as, in this and later deploys.
    #[arg(long, value_name = "ARN", value_parser = arn, conflicts_with = "change_set")]
    pub(super) role_arn: Option<String>,
    /// An SNS topic that gets the stack's events; can be repeated.
    #[arg(long, value_name = "ARN", value_parser = arn, conflicts_with = "change_set")]
    pub(super) notification_arn: Vec<String>,
    /// Protect the stack from deletion, once it is deployed.
    #[arg(long)]
    pub(super) termination_protection: bool,
}

/// The flags of `stack deploy`.
#[derive(Debug, Args)]
pub(super) struct DeployArgs {
    #[command(flatten)]
    pub(super) target: TargetFlags,
    #[command(flatten)]
    pub(super) aws: AwsFlags,
    #[command(flatten)]
    pub(super) settings: SettingFlags,
    /// Allow addresses that are not allowed now.
    #[arg(long)]
    pub(super) widen: bool,
    #[command(flatten)]
    pub(super) rails: RailFlags,
    #[command(flatten)]
    pub(super) execution: ExecutionFlags,
    /// Skip the confirmation for this environment, even for prod; required if standard input is
    /// not a terminal.
    #[arg(long, value_name = "ENV")]
    pub(super) yes: Option<EnvName>,
    /// With --yes: also approve replacing resources.
    #[arg(long, requires = "yes")]
    pub(super) replace: bool,
    /// Print the outputs as one JSON object; progress goes to standard error.
    #[arg(long)]
    pub(super) json: bool,
}

/// The flags of `stack check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    pub(super) target: TargetFlags,
    #[command(flatten)]
    pub(super) aws: AwsFlags,
    /// Only compare the resources with the template; deliver nothing.
    #[arg(long)]
    pub(super) drift_only: bool,
    /// Also wait 301 s until a URL has expired, and put again.
    #[arg(long, conflicts_with = "drift_only")]
    pub(super) late: bool,
    /// Print the findings as one JSON object; progress goes to standard error.
    #[arg(long)]
    pub(super) json: bool,
}

/// The flags of `stack delete`.
#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    #[command(flatten)]
    pub(super) target: TargetFlags,
    #[command(flatten)]
    pub(super) aws: AwsFlags,
    /// Also remove both buckets with every log and result; asks for the stack's name.
    #[arg(long)]
    pub(super) purge: bool,
    /// Skip the confirmation for this environment, even for prod; required if standard input is
    /// not a terminal.
    #[arg(long, value_name = "ENV")]
    pub(super) yes: Option<EnvName>,
}

/// The flags of `stack replay`.
#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    pub(super) target: TargetFlags,
    #[command(flatten)]
    pub(super) aws: AwsFlags,
}

/// The flags of `stack events`.
#[derive(Debug, Args)]
pub(super) struct EventsArgs {
    #[command(flatten)]
    pub(super) target: TargetFlags,
    #[command(flatten)]
    pub(super) aws: AwsFlags,
    /// Follow until the operation ends.
    #[arg(long)]
    pub(super) follow: bool,
    /// Print one JSON object per line.
    #[arg(long)]
    pub(super) json: bool,
}

fn account(text: &str) -> Result<String, &'static str> {
    let right = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    if right { Ok(text.to_owned()) } else { Err("write the 12 digits of an account") }
}

fn arn(text: &str) -> Result<String, &'static str> {
    let right = text.starts_with("arn:") && text.split(':').count() >= 6;
    if right {
        Ok(text.to_owned())
    } else {
        Err("write an ARN, e.g. arn:aws:iam::123456789012:role/deploy")
    }
}

fn tag(text: &str) -> Result<(String, String), &'static str> {
    const WRITE: &str = "write KEY=VALUE, e.g. cost-center=4711; keys have up to 128 characters and do not begin with aws:";
    let (key, value) = text.split_once('=').ok_or(WRITE)?;
    let right = (1..=128).contains(&key.chars().count())
        && value.chars().count() <= 256
        && !key.to_ascii_lowercase().starts_with("aws:");
    if right { Ok((key.to_owned(), value.to_owned())) } else { Err(WRITE) }
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE, e.g. RawKeepDays=400")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_say_what_to_write() {
        assert_eq!(account("123456789012"), Ok("123456789012".to_owned()));
        assert!(account("1234").unwrap_err().contains("12 digits"));
        assert_eq!(pair("RawKeepDays=400").unwrap(), ("RawKeepDays".to_owned(), "400".to_owned()));
        assert_eq!(pair("A=b=c").unwrap().1, "b=c");
        assert_eq!(tag("a=b=").unwrap(), ("a".to_owned(), "b=".to_owned()));
        for wrong in ["a", "=b", "aws:x=1"] {
            assert!(tag(wrong).unwrap_err().contains("KEY=VALUE"), "{wrong}");
        }
        assert!(arn("deploy").is_err() && arn("arn:aws:iam::123456789012:role/x").is_ok());
        assert!(pair("RawKeepDays").unwrap_err().contains("NAME=VALUE"));
    }
}
