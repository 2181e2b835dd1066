//! `log2aws stack`: plans, deploys, deletes and watches the AWS stack.

mod console;
mod flags;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use log2aws_core::allow_list::AllowList;
use log2aws_stack::architecture::{ARCHITECTURE, Architecture, Choice};
use log2aws_stack::artifacts::{self, ArtifactError, Artifacts};
use log2aws_stack::cloud::{self, Access, Cloud};
use log2aws_stack::console::Console as _;
use log2aws_stack::env_name::EnvName;
use log2aws_stack::name::StackName;
use log2aws_stack::plan::{Plan, PlanInput};
use log2aws_stack::template::Template;
use log2aws_stack::{
    Approval, AskCode, ChangeSource, CheckRequest, Commands, DeleteRequest, DeployOutcome,
    DeployRequest, Deployed, Execution, Outcome, Pace, Rails, Session, StackError, StackEvent,
    checked_parameters, hosts,
};

use crate::stop_signal::stop_signal;
use console::{Screen, Stream};
pub(crate) use flags::StackArgs;
use flags::{
    AwsFlags, CheckArgs, DeleteArgs, DeployArgs, EventsArgs, PlanArgs, ReplayArgs, SettingFlags,
    StackVerb, TargetFlags,
};
use log2aws_cli::exit::Exit;

/// The default region of a plan.
const PLAN_REGION: &str = "ap-northeast-1";

/// Runs the subcommand.
///
/// # Errors
/// What went wrong and what to do.
pub(crate) fn run(args: StackArgs) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = match args.verb {
        StackVerb::Plan(args) => runtime.block_on(plan(&args)),
        StackVerb::Check(args) => runtime.block_on(check(&args)),
        StackVerb::Deploy(args) => runtime.block_on(deploy(*args)),
        StackVerb::Delete(args) => runtime.block_on(delete(&args)),
        StackVerb::Replay(args) => runtime.block_on(replay(&args)),
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
    let PlanArgs { target, settings, aws, deployed, servers, json } = args;
    let template = template()?;
    let stack = stack_name(target)?;
    let access = access(target, aws);
    let region = cloud::region(&access).await.unwrap_or_else(|| PLAN_REGION.to_owned());
    let mut given = checked(&template, &settings.parameter)?;
    if let Some(list) = &settings.allow_hosts {
        hosts::fill_in(&mut given, list).map_err(StackError::from)?;
        warn_if_open(list);
    }
    let hosts = hosts::check_policies(&template, &given, "123456789012", &region, stack.as_str());
    hosts.map_err(StackError::from)?;
    let input = PlanInput {
        env: &target.env,
        stack: &stack,
        region: &region,
        given: &given,
        servers: *servers,
        architecture: planned_architecture(settings, &given)?,
    };
    let plan = Plan::of(&template, &input).map_err(StackError::from)?;
    plan.warnings.iter().for_each(|warning| warn(warning));
    let text = if *json { serde_json::to_string_pretty(&plan)? + "\n" } else { plan.to_string() };
    match io::stdout().lock().write_all(text.as_bytes()) {
        // The reader of the output is gone.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::Done),
        written => written?,
    }
    if *deployed {
        let cloud = Cloud::connect(&access).await?;
        let mut screen = Screen::new(Stream::Output);
        screen.line("\nThe deployed stack against its template:")?;
        let request = CheckRequest {
            env: target.env.clone(),
            stack,
            drift_only: true,
            late: false,
            now: Timestamp::now(),
        };
        log2aws_stack::check(&mut session(&cloud, &mut screen, aws), &request).await?;
        screen.end();
    }
    Ok(Exit::Done)
}

async fn check(args: &CheckArgs) -> anyhow::Result<Exit> {
    let mut interrupt = pin!(stop_signal()?);
    let cloud = connect(&access(&args.target, &args.aws), interrupt.as_mut()).await?;
    let request = CheckRequest {
        env: args.target.env.clone(),
        stack: stack_name(&args.target)?,
        drift_only: args.drift_only,
        late: args.late,
        now: Timestamp::now(),
    };
    let mut screen = Screen::new(if args.json { Stream::Error } else { Stream::Output });
    let mut session = session(&cloud, &mut screen, &args.aws);
    let done = tokio::select! {
        biased;
        () = interrupt => return Err(StackError::Interrupted.into()),
        done = log2aws_stack::check(&mut session, &request) => done?,
    };
    screen.end();
    let count = |outcome| done.count(outcome);
    let (wrong, unproved) = (count(Outcome::Wrong), count(Outcome::Unproved));
    screen.line(&format!(
        "proved: {}, simulated: {}, wrong: {wrong}, unproved: {unproved}",
        count(Outcome::Proved),
        count(Outcome::Simulated)
    ))?;
    if args.json {
        let mut out = io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &done)?;
        writeln!(out)?;
    }
    Ok(if wrong > 0 { Exit::Failed } else { Exit::Done })
}

async fn deploy(args: DeployArgs) -> anyhow::Result<Exit> {
    let wanted = args.execution.execution();
    let (approval, execution) = match (approval(args.yes.as_ref(), &args.target.env), wanted) {
        // A change set that is kept needs no approval.
        (Err(StackError::NotApproved { .. }), Execution::Keep) => (Approval::Ask, wanted),
        // Nobody can be asked: the change is prepared for somebody who approves it.
        (Err(StackError::NotApproved { .. }), _) if args.execution.change_set.is_none() => {
            (Approval::Ask, Execution::Keep)
        }
        (approval, _) => (approval?, wanted),
    };
    let env = args.target.env.clone();
    let template = template()?;
    let stack = stack_name(&args.target)?;
    let source = match args.execution.change_set {
        Some(name) => ChangeSource::Kept(name),
        None => new_change(&template, args.settings)?,
    };
    let mut interrupt = pin!(stop_signal()?);
    let access = access(&args.target, &args.aws);
    let cloud = connect(&access, interrupt.as_mut()).await?;
    let request = DeployRequest {
        commands: Commands::new(&args.target.env, &stack, &cloud.region, &access),
        env: args.target.env,
        stack,
        source,
        execution,
        widen: args.widen,
        revert_drift: args.execution.revert_drift,
        replace: args.replace,
        rails: Rails {
            tags: args.rails.tag,
            role_arn: args.rails.role_arn,
            notification_arns: args.rails.notification_arn,
            termination_protection: args.rails.termination_protection,
        },
        approval,
        now: Timestamp::now(),
    };
    let mut screen = Screen::new(if args.json { Stream::Error } else { Stream::Output });
    let mut session = session(&cloud, &mut screen, &args.aws);
    let work = log2aws_stack::deploy(&mut session, &template, &request, interrupt);
    let done = Box::pin(work).await?;
    screen.end();
    if args.json {
        let mut out = io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &done)?;
        writeln!(out)?;
    } else {
        print_deployed(&mut screen, &done, &request.commands)?;
    }
    if execution != wanted && done.outcome == DeployOutcome::Kept {
        return Err(StackError::NotApproved { env: env.to_string() }.into());
    }
    Ok(Exit::Done)
}

/// What a deploy of this template and these settings needs.
fn new_change(template: &Template, settings: SettingFlags) -> anyhow::Result<ChangeSource> {
    let given = checked(template, &settings.parameter)?;
    if let Some(list) = &settings.allow_hosts {
        hosts::parameters(list).map_err(StackError::from)?;
        warn_if_open(list);
    }
    let artifacts = artifacts(&settings)?.map_err(StackError::from)?;
    if given.contains_key(ARCHITECTURE) {
        // What AWS cannot change is said before it is asked.
        let choice = given_architecture(&given, Some(&artifacts));
        artifacts.of(choice.architecture, choice.reason).map_err(StackError::from)?;
    }
    Ok(ChangeSource::New { allow_hosts: settings.allow_hosts, given, artifacts })
}

/// The zips.
fn artifacts(settings: &SettingFlags) -> io::Result<Result<Artifacts, ArtifactError>> {
    let program = std::env::current_exe().ok();
    let named = settings.artifacts.as_deref();
    let folders = artifacts::folders(named, program.as_deref(), &current_folder()?);
    Ok(Artifacts::find(&folders))
}

/// What the functions of a new stack would run on. A plan wants no zips, unless a folder is named.
fn planned_architecture(
    settings: &SettingFlags,
    given: &BTreeMap<String, String>,
) -> anyhow::Result<Choice> {
    let found = match artifacts(settings)? {
        Ok(found) => Some(found),
        Err(ArtifactError::Absent(_)) if settings.artifacts.is_none() => None,
        Err(error) => return Err(StackError::from(error).into()),
    };
    Ok(given_architecture(given, found.as_ref()))
}

fn given_architecture(given: &BTreeMap<String, String>, found: Option<&Artifacts>) -> Choice {
    let tested = found.is_some_and(|found| found.tested(Architecture::Arm64));
    Choice::of(given.get(ARCHITECTURE).map(String::as_str), None, tested)
}

fn print_deployed(screen: &mut Screen, done: &Deployed, commands: &Commands) -> io::Result<()> {
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
        screen.line("To follow the operation:")?;
        let list = commands.aws(&format!("s3 ls --recursive s3://{results}"));
        screen.line(&format!("  {list}"))?;
    }
    Ok(())
}

async fn delete(args: &DeleteArgs) -> anyhow::Result<Exit> {
    // A purge has the stack's name typed instead, which a script can do, too.
    let approval = match (&args.yes, args.purge) {
        (None, true) => Approval::Ask,
        (yes, _) => approval(yes.as_ref(), &args.target.env)?,
    };
    let template = template()?;
    let stack = stack_name(&args.target)?;
    let mut interrupt = pin!(stop_signal()?);
    let access = access(&args.target, &args.aws);
    let cloud = connect(&access, interrupt.as_mut()).await?;
    let request = DeleteRequest {
        commands: Commands::new(&args.target.env, &stack, &cloud.region, &access),
        env: args.target.env.clone(),
        stack,
        purge: args.purge,
        approval,
        token: Timestamp::now().strftime("%Y%m%d-%H%M%S-%3f").to_string(),
    };
    let mut screen = Screen::new(Stream::Output);
    let mut session = session(&cloud, &mut screen, &args.aws);
    log2aws_stack::delete(&mut session, &template, &request, interrupt).await?;
    screen.end();
    Ok(Exit::Done)
}

async fn events(args: &EventsArgs) -> anyhow::Result<Exit> {
    let stack = stack_name(&args.target)?;
    let cloud = Cloud::connect(&access(&args.target, &args.aws)).await?;
    let mut screen = Screen::new(Stream::Output);
    let mut session = session(&cloud, &mut screen, &args.aws);
    let zone = session.zone.clone();
    let mut print = |screen: &mut Screen, event: &StackEvent| {
        if args.json {
            screen.line(&serde_json::to_string(event)?)
        } else {
            screen.line(&event.line(&zone).to_string())
        }
    };
    log2aws_stack::events(&mut session, &stack, args.follow, &mut print).await?;
    screen.end();
    Ok(Exit::Done)
}

async fn replay(args: &ReplayArgs) -> anyhow::Result<Exit> {
    let stack = stack_name(&args.target)?;
    let cloud = Cloud::connect(&access(&args.target, &args.aws)).await?;
    let mut screen = Screen::new(Stream::Output);
    let mut session = session(&cloud, &mut screen, &args.aws);
    let done = log2aws_stack::replay(&mut session, &args.target.env, &stack).await?;
    screen.end();
    Ok(if done.failed > 0 { Exit::Failed } else { Exit::Done })
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
) -> Result<BTreeMap<String, String>, StackError> {
    Ok(checked_parameters(template, given)?)
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

fn stack_name(target: &TargetFlags) -> anyhow::Result<StackName> {
    match &target.stack_name {
        Some(name) => Ok(name.clone()),
        None => Ok(StackName::of(&current_folder()?, &target.env).map_err(StackError::from)?),
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

/// On standard error: standard output may be for a program.
fn ask_code(device: &str) -> io::Result<String> {
    write!(io::stderr(), "MFA code of {device}: ")?;
    let mut code = String::new();
    io::stdin().read_line(&mut code)?;
    Ok(code)
}

fn access(target: &TargetFlags, aws: &AwsFlags) -> Access {
    Access {
        region: target.region.clone(),
        profile: aws.profile.clone(),
        account: aws.account.clone(),
        endpoint_url: aws
            .endpoint_url
            .as_ref()
            .map(|url| url.as_str().trim_end_matches('/').to_owned()),
        ask_code: io::stdin().is_terminal().then_some(AskCode(ask_code)),
    }
}

fn session<'a>(cloud: &'a Cloud, screen: &'a mut Screen, aws: &AwsFlags) -> Session<'a, Screen> {
    Session {
        cloud,
        console: screen,
        zone: TimeZone::try_system().unwrap_or(TimeZone::UTC),
        pace: Pace {
            poll: Duration::from_millis(aws.poll_ms),
            patience: Duration::from_millis(aws.patience_ms),
        },
    }
}
