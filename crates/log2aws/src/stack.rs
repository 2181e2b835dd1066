//! `log2aws stack`: plans, deploys, deletes and watches the AWS stack.

mod console;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use log2aws_core::allow_list::AllowList;
use log2aws_stack::artifacts::{self, Artifacts};
use log2aws_stack::cloud::{self, Access, Cloud};
use log2aws_stack::console::Console as _;
use log2aws_stack::env_name::EnvName;
use log2aws_stack::name::StackName;
use log2aws_stack::plan::{Plan, PlanInput};
use log2aws_stack::template::Template;
use log2aws_stack::{
    Approval, ChangeSource, Commands, DeleteRequest, DeployOutcome, DeployRequest, Deployed,
    Execution, Pace, Session, StackError, StackEvent, checked_parameters, hosts,
};
use url::Url;

use crate::flag;
use crate::stop_signal::stop_signal;
use console::{Screen, Stream};
use log2aws_cli::exit::Exit;

/// The default region of a plan.
const PLAN_REGION: &str = "ap-northeast-1";

/// The flags of `stack`.
#[derive(Debug, Args)]
pub(crate) struct StackArgs {
    #[command(subcommand)]
    verb: StackVerb,
}

#[derive(Debug, Subcommand)]
enum StackVerb {
    /// Say what a deploy would make, who may do what then, and what it costs. Asks nobody.
    Plan(PlanArgs),
    /// Make the stack, or bring it up to date.
    Deploy(Box<DeployArgs>),
    /// Delete the stack; its buckets stay, unless they are purged.
    Delete(DeleteArgs),
    /// Say what happened to the stack.
    Events(EventsArgs),
}

/// Which stack is meant.
#[derive(Debug, Args)]
struct Place {
    /// The environment, which names everything in the stack.
    #[arg(long, value_name = "NAME", default_value = "dev")]
    env: EnvName,
    /// The region [default: that of the environment or the profile].
    #[arg(long, value_name = "REGION", value_parser = flag::region)]
    region: Option<String>,
    /// The stack's name [default: that of the git repository or the folder, and the environment].
    #[arg(long, value_name = "NAME")]
    stack_name: Option<StackName>,
}

/// How AWS is reached.
#[derive(Debug, Args)]
struct AwsAccess {
    /// The profile of the AWS config files.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Act in this account alone.
    #[arg(long, value_name = "ID", value_parser = account)]
    account: Option<String>,
    /// An AWS that is not AWS's own: every service is asked there.
    #[arg(long, value_name = "URL", value_parser = flag::endpoint)]
    endpoint_url: Option<Url>,
    /// How often progress is asked for, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 3000, hide = true)]
    poll_ms: u64,
    /// For how long AWS may be out of reach before nobody waits any longer, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 120_000, hide = true)]
    patience_ms: u64,
}

/// What the stack is to be like.
#[derive(Debug, Args)]
struct StackSettings {
    /// Who may ask for a URL and who may put: addresses and networks, each optionally bound to a
    /// server name or pattern, e.g. '203.0.113.7, web*@198.51.100.0/24' [default: as it is].
    #[arg(long, value_name = "LIST")]
    allow_hosts: Option<AllowList>,
    /// Another parameter of the template, e.g. RawKeepDays=400; may be given several times.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    parameter: Vec<(String, String)>,
}

/// Which change set is executed, and when.
#[derive(Debug, Args)]
struct ExecutionFlags {
    /// Make the change set and keep it: somebody else executes it by --change-set.
    #[arg(long, conflicts_with_all = ["detach", "change_set"])]
    no_execute: bool,
    /// Execute this change set, which an earlier --no-execute has kept.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["allow_hosts", "parameter"])]
    change_set: Option<String>,
    /// Return as soon as AWS has started the change.
    #[arg(long)]
    detach: bool,
}

impl ExecutionFlags {
    fn execution(&self) -> Execution {
        match (self.no_execute, self.detach) {
            (true, _) => Execution::Keep,
            (false, true) => Execution::Detach,
            (false, false) => Execution::Wait,
        }
    }
}

/// The flags of `stack plan`.
#[derive(Debug, Args)]
struct PlanArgs {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    wish: StackSettings,
    /// For how many servers the cost is estimated.
    #[arg(long, value_name = "N", default_value_t = 10)]
    servers: u32,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// The flags of `stack deploy`.
#[derive(Debug, Args)]
struct DeployArgs {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    reach: AwsAccess,
    #[command(flatten)]
    wish: StackSettings,
    /// The folder of generate-url.zip and analyze-log.zip [default: beside this program, or
    /// target/lambda].
    #[arg(long, value_name = "DIR")]
    artifacts: Option<PathBuf>,
    /// Let in addresses that are not let in now.
    #[arg(long)]
    widen: bool,
    #[command(flatten)]
    execution: ExecutionFlags,
    /// Approve the change of this environment without a question; required where standard input
    /// is no terminal.
    #[arg(long, value_name = "ENV")]
    yes: Option<EnvName>,
    /// Print the outputs as one JSON object; progress goes to standard error.
    #[arg(long)]
    json: bool,
}

/// The flags of `stack delete`.
#[derive(Debug, Args)]
struct DeleteArgs {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    reach: AwsAccess,
    /// Remove both buckets, too, with every log and result; the stack's name has to be typed.
    #[arg(long)]
    purge: bool,
    /// Approve the delete of this environment without a question; required where standard input
    /// is no terminal.
    #[arg(long, value_name = "ENV")]
    yes: Option<EnvName>,
}

/// The flags of `stack events`.
#[derive(Debug, Args)]
struct EventsArgs {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    reach: AwsAccess,
    /// Go on until CloudFormation rests.
    #[arg(long)]
    follow: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

fn account(text: &str) -> Result<String, &'static str> {
    let right = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    if right { Ok(text.to_owned()) } else { Err("write the 12 digits of an account") }
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE, e.g. RawKeepDays=400")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

/// Runs the subcommand.
///
/// # Errors
/// What went wrong and what to do.
pub(crate) fn run(args: StackArgs) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = match args.verb {
        StackVerb::Plan(args) => runtime.block_on(plan(&args)),
        StackVerb::Deploy(args) => runtime.block_on(deploy(*args)),
        StackVerb::Delete(args) => runtime.block_on(delete(&args)),
        StackVerb::Events(args) => runtime.block_on(events(&args)),
    };
    // An unanswered question blocks a thread of its own.
    runtime.shutdown_background();
    done
}

/// Whether it is a usage error.
pub(crate) fn is_usage(error: &anyhow::Error) -> bool {
    error.downcast_ref::<StackError>().is_some_and(StackError::is_usage)
}

async fn plan(args: &PlanArgs) -> anyhow::Result<Exit> {
    let PlanArgs { place, wish, servers, json } = args;
    let template = template()?;
    let stack = stack_name(place)?;
    let access = Access { region: place.region.clone(), ..Access::default() };
    let region = cloud::region(&access).await.unwrap_or_else(|| PLAN_REGION.to_owned());
    let mut given = checked(&template, &wish.parameter)?;
    if let Some(list) = &wish.allow_hosts {
        given.extend(listed(list)?);
        warn_if_open(list);
    }
    let hosts = hosts::check_policies(&template, &given, "123456789012", &region, stack.as_str());
    hosts.map_err(StackError::from)?;
    let input = PlanInput {
        env: &place.env,
        stack: &stack,
        region: &region,
        given: &given,
        servers: *servers,
    };
    let plan = Plan::of(&template, &input).map_err(StackError::from)?;
    plan.warnings.iter().for_each(|warning| warn(warning));
    let text = if *json { serde_json::to_string_pretty(&plan)? + "\n" } else { plan.to_string() };
    match io::stdout().lock().write_all(text.as_bytes()) {
        // The reader of the output is gone.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        written => Ok(written.map(|()| Exit::Done)?),
    }
}

async fn deploy(args: DeployArgs) -> anyhow::Result<Exit> {
    let execution = args.execution.execution();
    let approval = match (&args.yes, execution) {
        // A change set that is kept needs no approval.
        (None, Execution::Keep) => Approval::Ask,
        (yes, _) => approval(yes.as_ref(), &args.place.env)?,
    };
    let template = template()?;
    let stack = stack_name(&args.place)?;
    let source = match args.execution.change_set {
        Some(name) => ChangeSource::Kept(name),
        None => new_change(&template, args.wish, args.artifacts.as_deref())?,
    };
    let mut interrupt = pin!(stop_signal()?);
    let access = access(&args.place, &args.reach);
    let cloud = connect(&access, interrupt.as_mut()).await?;
    let request = DeployRequest {
        commands: Commands::new(&args.place.env, &stack, &cloud.region, &access),
        env: args.place.env,
        stack,
        source,
        execution,
        widen: args.widen,
        approval,
        now: Timestamp::now(),
    };
    let mut screen = Screen::new(if args.json { Stream::Error } else { Stream::Output });
    let mut session = session(&cloud, &mut screen, &args.reach);
    let work = log2aws_stack::deploy(&mut session, &template, &request, interrupt);
    let done = Box::pin(work).await?;
    screen.end();
    if args.json {
        let mut out = io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &done)?;
        writeln!(out)?;
    } else {
        tell_deployed(&mut screen, &done, &request.commands)?;
    }
    Ok(Exit::Done)
}

/// What a deploy of this template and these settings needs.
fn new_change(
    template: &Template,
    wish: StackSettings,
    artifacts: Option<&Path>,
) -> anyhow::Result<ChangeSource> {
    let given = checked(template, &wish.parameter)?;
    if let Some(list) = &wish.allow_hosts {
        listed(list)?;
        warn_if_open(list);
    }
    let program = std::env::current_exe().ok();
    let folders = artifacts::folders(artifacts, program.as_deref(), &current_folder()?);
    let artifacts = Artifacts::find(&folders).map_err(StackError::from)?;
    Ok(ChangeSource::New { allow_hosts: wish.allow_hosts, given, artifacts })
}

fn tell_deployed(screen: &mut Screen, done: &Deployed, commands: &Commands) -> io::Result<()> {
    match done.outcome {
        DeployOutcome::Created | DeployOutcome::Updated | DeployOutcome::Unchanged => {}
        DeployOutcome::Canceled | DeployOutcome::Kept | DeployOutcome::Started => return Ok(()),
    }
    screen.line("")?;
    let wide = done.outputs.iter().map(|output| output.key.len()).max().unwrap_or(0);
    for output in &done.outputs {
        screen.line(&format!("{:wide$} : {}", output.key, output.value))?;
    }
    let value = |key: &str| done.outputs.iter().find(|o| o.key == key).map(|o| &o.value);
    if let (Some(url), Some(results)) = (value("GenerateSignedUrl"), value("AnalyzedlogBucket")) {
        screen.line("\nOn a server whose address is on the list, put yesterday's log:")?;
        screen.line(&format!("  log2aws ship --api {url} --log-dir /var/log/log2aws"))?;
        screen.line("Here, see what became of it:")?;
        let list = commands.aws(&format!("s3 ls --recursive s3://{results}"));
        screen.line(&format!("  {list}"))?;
    }
    Ok(())
}

async fn delete(args: &DeleteArgs) -> anyhow::Result<Exit> {
    // A purge has the stack's name typed instead, which a script can do, too.
    let approval = match (&args.yes, args.purge) {
        (None, true) => Approval::Ask,
        (yes, _) => approval(yes.as_ref(), &args.place.env)?,
    };
    let template = template()?;
    let stack = stack_name(&args.place)?;
    let mut interrupt = pin!(stop_signal()?);
    let access = access(&args.place, &args.reach);
    let cloud = connect(&access, interrupt.as_mut()).await?;
    let request = DeleteRequest {
        commands: Commands::new(&args.place.env, &stack, &cloud.region, &access),
        env: args.place.env.clone(),
        stack,
        purge: args.purge,
        approval,
        token: Timestamp::now().strftime("%Y%m%d-%H%M%S-%3f").to_string(),
    };
    let mut screen = Screen::new(Stream::Output);
    let mut session = session(&cloud, &mut screen, &args.reach);
    log2aws_stack::delete(&mut session, &template, &request, interrupt).await?;
    screen.end();
    Ok(Exit::Done)
}

async fn events(args: &EventsArgs) -> anyhow::Result<Exit> {
    let stack = stack_name(&args.place)?;
    let cloud = Cloud::connect(&access(&args.place, &args.reach)).await?;
    let mut screen = Screen::new(Stream::Output);
    let mut session = session(&cloud, &mut screen, &args.reach);
    let zone = session.zone.clone();
    let mut tell = |screen: &mut Screen, event: &StackEvent| {
        if args.json {
            screen.line(&serde_json::to_string(event)?)
        } else {
            screen.line(&event.line(&zone).to_string())
        }
    };
    log2aws_stack::events(&mut session, &stack, args.follow, &mut tell).await?;
    screen.end();
    Ok(Exit::Done)
}

fn approval(yes: Option<&EnvName>, env: &EnvName) -> Result<Approval, StackError> {
    Approval::of(yes, env, io::stdin().is_terminal())
}

fn template() -> Result<Template, StackError> {
    Ok(Template::embedded()?)
}

fn checked(
    template: &Template,
    given: &[(String, String)],
) -> Result<std::collections::BTreeMap<String, String>, StackError> {
    Ok(checked_parameters(template, given)?)
}

/// The list as parameters of the template, with owned names.
fn listed(list: &AllowList) -> Result<[(String, String); 2], StackError> {
    let made = hosts::parameters(list)?;
    Ok(made.map(|(name, value)| (name.to_owned(), value)))
}

/// Warns on standard error if the list admits everybody.
fn warn_if_open(list: &AllowList) {
    if let Some(warning) = list.open_network_warning() {
        warn(&warning);
    }
}

fn warn(warning: &str) {
    // Without a standard error nobody can be warned.
    drop(writeln!(io::stderr(), "warning: {warning}"));
}

fn current_folder() -> io::Result<PathBuf> {
    std::env::current_dir()
}

fn stack_name(place: &Place) -> anyhow::Result<StackName> {
    match &place.stack_name {
        Some(name) => Ok(name.clone()),
        None => Ok(StackName::of(&current_folder()?, &place.env).map_err(StackError::from)?),
    }
}

/// Determines region and account; Ctrl-C works in the meantime.
async fn connect(
    access: &Access,
    interrupt: impl Future<Output = ()>,
) -> Result<Cloud, StackError> {
    tokio::select! {
        biased;
        () = interrupt => Err(StackError::Interrupted),
        cloud = Cloud::connect(access) => cloud,
    }
}

fn access(place: &Place, reach: &AwsAccess) -> Access {
    Access {
        region: place.region.clone(),
        profile: reach.profile.clone(),
        account: reach.account.clone(),
        endpoint_url: reach
            .endpoint_url
            .as_ref()
            .map(|url| url.as_str().trim_end_matches('/').to_owned()),
        // As the SDK reads it for its own services; our Parameter Store client needs it too.
        ssm_endpoint_url: std::env::var("AWS_ENDPOINT_URL_SSM").ok().filter(|url| !url.is_empty()),
    }
}

fn session<'a>(cloud: &'a Cloud, screen: &'a mut Screen, reach: &AwsAccess) -> Session<'a, Screen> {
    Session {
        cloud,
        console: screen,
        zone: TimeZone::try_system().unwrap_or(TimeZone::UTC),
        pace: Pace {
            poll: Duration::from_millis(reach.poll_ms),
            patience: Duration::from_millis(reach.patience_ms),
        },
    }
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
        assert!(pair("RawKeepDays").unwrap_err().contains("NAME=VALUE"));
    }
}
