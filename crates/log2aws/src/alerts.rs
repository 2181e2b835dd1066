//! `log2aws alerts`: what the rules would have told, and a test of the webhooks.

mod flags;

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use log2aws_cli::exit::Exit;
use log2aws_core::alert::{Format, Message, Rule, describe, describe_rule, payload, title};
use log2aws_core::chart::Language;
use log2aws_server::{PastAlerts, Sender};
use log2aws_service::ports::Clock as _;

use crate::clock::SystemClock;
use crate::help;
use crate::results_bucket::ResultsBucketArgs;

pub(crate) use flags::{AlertArgs, is_usage};

/// The flags of `alerts`.
#[derive(Debug, Args)]
pub(crate) struct AlertsArgs {
    #[command(subcommand)]
    verb: AlertsVerb,
}

#[derive(Debug, Subcommand)]
enum AlertsVerb {
    /// Print what the rules would have told in the last days, if each log had arrived just before it
    /// was due.
    #[command(after_help = help::ALERTS_TEST)]
    Test(Box<TestArgs>),
    /// Send a test message to each webhook.
    #[command(after_help = help::ALERTS_SEND_TEST)]
    SendTest(SendTestArgs),
}

#[derive(Debug, Args)]
struct TestArgs {
    /// How many days back.
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = days)]
    days: u32,
    /// Only the rule with this name.
    #[arg(long, value_name = "NAME")]
    rule: Option<String>,
    /// Print each message as JSON, as a webhook of that format gets it.
    #[arg(long)]
    json: bool,
    /// The time zone of the servers [default: this machine's].
    #[arg(long, value_name = "ZONE", value_parser = crate::flag::time_zone)]
    time_zone: Option<TimeZone>,
    #[command(flatten)]
    alerts: AlertArgs,
    #[command(flatten)]
    bucket: ResultsBucketArgs,
}

#[derive(Debug, Args)]
struct SendTestArgs {
    #[command(flatten)]
    alerts: AlertArgs,
    // Read before the command line is parsed.
    /// The config file of serve, for its webhooks [default: /etc/log2aws/serve.toml if it exists].
    #[arg(long, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
}

fn days(text: &str) -> Result<u32, &'static str> {
    let days = text.parse().ok().filter(|days| (1..=400).contains(days));
    days.ok_or("write a whole number of days from 1 to 400")
}

/// Runs one of the verbs of `alerts`.
///
/// # Errors
/// The bucket cannot be read, a webhook took no message, or the rules are invalid.
pub(crate) fn run(args: AlertsArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    match args.verb {
        AlertsVerb::Test(args) => test(*args, out),
        AlertsVerb::SendTest(args) => send_test(args, out),
    }
}

fn test(args: TestArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let zone = args.time_zone.unwrap_or_else(TimeZone::system);
    let quiet = args.alerts.quiet(&zone);
    let mut rules = args.alerts.rules()?;
    if let Some(name) = &args.rule {
        rules.retain(|rule| rule.name == *name);
        anyhow::ensure!(!rules.is_empty(), "no rule has the name {name:?} (--rule, [[alert]])");
    }
    let bucket = args.bucket.open()?;
    let name = bucket.name.clone();
    let past = PastAlerts {
        lister: Arc::new(bucket.store.clone()),
        bucket: bucket.name.clone(),
        zone: zone.clone(),
        clock: Arc::new(SystemClock),
        days: args.days,
        quiet,
        rules: &rules,
    };
    let messages = past
        .messages()
        .with_context(|| format!("s3://{name} cannot be read (--results, --endpoint-url)"))?;
    for message in &messages {
        if args.json {
            out.write_all(&payload(message, Format::Json, Language::En, None)?)?;
            writeln!(out)?;
        } else {
            print(message, &zone, out)?;
        }
    }
    let said: Vec<String> = rules.iter().map(said).collect();
    let (n, days) = (messages.len(), args.days);
    let plural = if n == 1 { "message" } else { "messages" };
    writeln!(io::stderr(), "{n} {plural} in {days} days, by: {}", said.join("; "))?;
    Ok(Exit::Done)
}

fn said(rule: &Rule) -> String {
    format!("{} ({})", rule.name, describe_rule(rule, Language::En))
}

fn print(message: &Message, zone: &TimeZone, out: &mut dyn Write) -> io::Result<()> {
    let at = message.at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M");
    writeln!(out, "{at}  {}", title(message, Language::En))?;
    for (section, item) in message.items() {
        let text = describe(item, Language::En);
        writeln!(out, "                  {}: {text} ({})", item.server, section.rule)?;
    }
    Ok(())
}

fn send_test(args: SendTestArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let config = args.alerts.config_here(&TimeZone::UTC)?;
    anyhow::ensure!(
        !config.webhooks.is_empty(),
        "no webhook is set: add a table [[webhook]] to the config file of serve"
    );
    let (sender, message) = (Sender::new(), Message::test(SystemClock.now()));
    let mut exit = Exit::Done;
    for webhook in &config.webhooks {
        match sender.tell(webhook, &message, None, message.at) {
            Ok(()) => writeln!(out, "{}: it took the test message", webhook.name)?,
            Err(error) => {
                writeln!(io::stderr(), "error: {}: {error}", webhook.name)?;
                exit = Exit::Failed;
            }
        }
    }
    Ok(exit)
}
