//! The verbs, and the parsing of a command line.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};

use clap::{CommandFactory as _, Parser, Subcommand};
use log2aws_cli::agent::{self, AgentVerb, CommandLine};
use log2aws_cli::exit::{self, Exit};

use crate::{
    alerts, audit, chart, convert, demo, help, key, proof, reopen, retire, serve, stack, store,
    terminal, token,
};

/// Collects the daily load logs of servers that hold no AWS credentials, turns each into CSV and
/// a load chart, and shows what is missing and why.
#[derive(Debug, Parser)]
#[command(name = "log2aws", version, max_term_width = 100, help_template = help::PROGRAM)]
#[command(
    after_help = "Every flag --some-name can also be given as LOG2AWS_SOME_NAME, and as the \
                        key some-name in the verb's config file, but --yes, --change-set, \
                        --from, --till and --undo.\n\
                        Exit codes: 0 done, 1 failed, 2 usage, 3 done with rejects, \
                        4 something is missing, 5 refused by the server."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the whole pipeline on this machine, beside a made-up fleet.
    #[command(after_help = help::DEMO)]
    Demo(demo::DemoArgs),
    /// Collect logs on this machine: URLs, an S3 store, analysis and the dashboard.
    #[command(after_help = help::SERVE)]
    Serve(Box<serve::ServeArgs>),
    /// Test the alert rules and the webhooks.
    #[command(after_help = help::ALERTS)]
    Alerts(alerts::AlertsArgs),
    /// Copy the data folder of serve.
    #[command(after_help = help::STORE)]
    Store(store::StoreArgs),
    /// Show the audit log: URLs, uploads, reads, deletions and logins.
    #[command(after_help = help::AUDIT)]
    Audit(Box<audit::AuditArgs>),
    /// Manage the access tokens of the dashboard.
    #[command(after_help = help::TOKEN)]
    Token(token::TokenArgs),
    /// Convert day logs to CSV.
    #[command(after_help = help::CONVERT)]
    Convert(convert::ConvertArgs),
    /// Draw the load chart of a day from its log or CSV.
    #[command(after_help = help::CHART)]
    Chart(chart::ChartArgs),
    #[command(flatten)]
    Agent(AgentVerb),
    /// Allow one more delivery of a final day.
    #[command(after_help = help::REOPEN)]
    Reopen(reopen::ReopenArgs),
    /// Expect no logs of a server from a day on.
    #[command(after_help = help::RETIRE)]
    Retire(retire::RetireArgs),
    /// Prove deliveries: receipts, their check, and a witness.
    #[command(after_help = help::PROOF)]
    Proof(proof::ProofArgs),
    /// Encrypt the upload URLs of servers to their own keys.
    #[command(after_help = help::KEY)]
    Key(key::KeyArgs),
    /// Plan, deploy and delete the stack on AWS.
    #[command(after_help = help::STACK)]
    Stack(stack::StackArgs),
}

/// Runs a command line and returns its exit code.
pub(crate) fn run(args: &[OsString]) -> Exit {
    let (cli, environment): (Cli, _) = match log2aws_cli::parse(args) {
        Ok(parsed) => parsed,
        Err(exit) => return exit,
    };
    let done = match cli.verb {
        Verb::Demo(args) => demo::run(&args),
        Verb::Serve(args) => serve::run(*args),
        Verb::Alerts(args) => alerts::run(args, &mut io::stdout()),
        Verb::Store(args) => store::run(args),
        Verb::Audit(args) => audit::run(*args, &mut io::stdout(), &mut io::stderr()),
        Verb::Token(args) => token::run(args),
        Verb::Convert(args) => {
            terminal::announce_input(args.reads_stdin(), &mut io::stderr());
            convert::run(&args, &mut terminal::Stdin::lock(), &mut io::stdout(), &mut io::stderr())
        }
        Verb::Chart(args) => {
            chart::refuse_terminal(&args, io::stdout().is_terminal()).and_then(|()| {
                terminal::announce_input(args.reads_stdin(), &mut io::stderr());
                chart::run(
                    &args,
                    &mut terminal::Stdin::lock(),
                    &mut io::stdout(),
                    &mut io::stderr(),
                )
            })
        }
        Verb::Agent(verb) => {
            let command_line =
                CommandLine { command: Cli::command, args: args.to_vec(), environment };
            agent::run(verb, &command_line)
        }
        Verb::Reopen(args) => reopen::run(args, &mut io::stdout()),
        Verb::Retire(args) => retire::run(args, &mut io::stdout()),
        Verb::Proof(args) => proof::run(args, &mut io::stdout()),
        Verb::Key(args) => key::run(args, &environment, &mut io::stdout()),
        Verb::Stack(args) => stack::run(args),
    };
    done.unwrap_or_else(|error| {
        exit::report(&mut io::stderr(), &error);
        let is_usage = [
            alerts::is_usage,
            convert::is_usage,
            chart::is_usage,
            serve::is_usage,
            stack::is_usage,
        ];
        if is_usage.iter().any(|is| is(&error)) { Exit::Usage } else { Exit::Failed }
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use log2aws_cli::config;

    use super::*;

    #[test]
    fn the_command_is_well_formed() {
        config::with_environment(Cli::command()).debug_assert();
    }

    #[test]
    fn the_help_names_each_verb_once_with_its_description() {
        let help = Cli::command().render_help().to_string();
        let mut command = Cli::command();
        command.build();
        for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
            let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
            let line = format!("\n  {:<13}{about}\n", verb.get_name());
            assert_eq!(help.matches(&line).count(), 1, "{line:?} in\n{help}");
        }
    }

    #[test]
    fn every_verb_has_examples_that_it_takes() {
        let (mut command, mut tried) = (Cli::command(), 0);
        command.build();
        let nested = command.get_subcommands().filter(|verb| verb.get_name() != "help");
        let nested = nested.flat_map(clap::Command::get_subcommands);
        for verb in command.get_subcommands().chain(nested) {
            let text = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(text.starts_with("Examples:\n") || verb.get_name() == "help");
            for line in text.lines().skip(1).filter(|line| !line.contains("PROGRAM")) {
                let (_, words) = line.split_once("log2aws ").unwrap();
                let words = words.split(['>', '|', '\'']).next().unwrap().trim();
                let words = words
                    .strip_suffix("--why")
                    .map_or_else(|| words.to_owned(), |words| format!("{words} --why=reason"));
                let words = std::iter::once("log2aws").chain(words.split_whitespace());
                let parsed = Cli::command().try_get_matches_from(words);
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
                tried += 1;
            }
        }
        assert!(tried >= 40, "{tried}");
    }

    #[test]
    fn every_flag_has_its_variable() {
        let command = config::with_environment(Cli::command());
        let verbs = command
            .get_subcommands()
            .flat_map(|verb| std::iter::once(verb).chain(verb.get_subcommands()));
        for arg in verbs.flat_map(clap::Command::get_arguments) {
            let Some(long) = arg.get_long() else { continue };
            let expected =
                (!config::WITHOUT_VARIABLE.contains(&long)).then(|| config::variable(long));
            assert_eq!(arg.get_env().and_then(|v| v.to_str()), expected.as_deref());
        }
    }
}
