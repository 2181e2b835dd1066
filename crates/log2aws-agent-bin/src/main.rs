//! `log2aws-agent`: the small command line for servers. `main` only parses; the verbs do the work.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use log2aws_cli::agent::key::{self, ServerKeyArgs};
use log2aws_cli::agent::{self, AgentVerb, CommandLine};
use log2aws_cli::examples;
use log2aws_cli::exit::{self, Exit};

/// Samples this server's load and delivers its day logs to a log2aws endpoint.
#[derive(Debug, Parser)]
#[command(name = "log2aws-agent", version, max_term_width = 100)]
#[command(
    after_help = "Every flag --some-name can also be given as LOG2AWS_SOME_NAME, and as the \
                        key some-name in /etc/log2aws/agent.toml.\n\
                        Exit codes: 0 done, 1 failed, 2 usage, 4 days are left to deliver, \
                        5 refused by the server."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "one value, parsed once")]
enum Verb {
    #[command(flatten)]
    Agent(AgentVerb),
    /// Make this server's key pair, to which its upload URLs are encrypted, or enrol it.
    #[command(after_help = examples::KEY)]
    Key(ServerKeyArgs),
}

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    match log2aws_cli::parse::<Cli>(&args) {
        Ok((cli, environment)) => {
            let done = match cli.verb {
                Verb::Agent(verb) => {
                    let command_line = CommandLine { command: Cli::command, args, environment };
                    agent::run(verb, &command_line)
                }
                Verb::Key(args) => key::run(&args.verb, &environment, &mut std::io::stdout()),
            };
            done.unwrap_or_else(|error| {
                exit::report(&mut std::io::stderr(), &error);
                Exit::Failed
            })
        }
        Err(exit) => exit,
    }
    .into()
}
