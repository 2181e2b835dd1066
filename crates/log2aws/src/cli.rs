//! The verbs, and the parsing of a command line.

use std::ffi::OsString;
use std::io;

use clap::{CommandFactory as _, Parser, Subcommand};
use log2aws_cli::agent::{self, AgentVerb, CommandLine};
use log2aws_cli::exit::{self, Exit};

use crate::{audit, chart, convert, demo, reopen, serve, stack, store, token};

/// Collects the daily load logs of servers that hold no AWS credentials, turns each into CSV and
/// a load chart, and proves that nothing is missing.
#[derive(Debug, Parser)]
#[command(name = "log2aws", version, max_term_width = 100)]
#[command(
    after_help = "Every flag --some-name can also be given as LOG2AWS_SOME_NAME, and as the \
                        key some-name in the verb's config file, but --yes and --change-set.\n\
                        Exit codes: 0 done, 1 failed, 2 usage, 3 done with rejects, \
                        4 something is missing, 5 refused by the server."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the whole pipeline on this machine, with real samples of it.
    Demo(demo::DemoArgs),
    /// Serve URLs, an S3 store and the analyzer from this machine.
    Serve(Box<serve::ServeArgs>),
    /// Look after the data folder of serve.
    Store(store::StoreArgs),
    /// Say who asked for a URL, who put, read and deleted what, and who logged in.
    Audit(Box<audit::AuditArgs>),
    /// Say who may see the dashboard of serve.
    Token(token::TokenArgs),
    /// Turn day logs into CSV.
    Convert(convert::ConvertArgs),
    /// Draw the load chart of a day, from its log or its CSV.
    Chart(chart::ChartArgs),
    #[command(flatten)]
    Agent(AgentVerb),
    /// Let a final day of a server be delivered once more.
    Reopen(reopen::ReopenArgs),
    /// Make and look after the stack on AWS.
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
        Verb::Store(args) => store::run(args),
        Verb::Audit(args) => audit::run(*args, &mut io::stdout(), &mut io::stderr()),
        Verb::Token(args) => token::run(args),
        Verb::Convert(args) => {
            convert::run(&args, &mut io::stdin().lock(), &mut io::stdout(), &mut io::stderr())
        }
        Verb::Chart(args) => {
            chart::run(&args, &mut io::stdin().lock(), &mut io::stdout(), &mut io::stderr())
        }
        Verb::Agent(verb) => {
            let command_line =
                CommandLine { command: Cli::command, args: args.to_vec(), environment };
            agent::run(verb, &command_line)
        }
        Verb::Reopen(args) => reopen::run(args, &mut io::stdout()),
        Verb::Stack(args) => stack::run(args),
    };
    done.unwrap_or_else(|error| {
        exit::report(&mut io::stderr(), &error);
        let is_usage = [convert::is_usage, chart::is_usage, serve::is_usage, stack::is_usage];
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
