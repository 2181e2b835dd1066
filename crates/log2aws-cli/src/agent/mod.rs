//! The agent's verbs: their flags and their terminal output.

use std::ffi::OsString;

use clap::{Command, Subcommand};
use tracing::Level;

use crate::config::Environment;
use crate::examples;
use crate::exit::Exit;

mod check;
mod completions;
mod doctor;
mod flags;
pub mod key;
mod logs;
mod man;
mod proxy_url;
mod run;
mod sample;
mod ship;
mod status;

/// What runs on the servers.
#[derive(Debug, Subcommand)]
pub enum AgentVerb {
    /// Append one line about this machine to today's log.
    #[command(after_help = examples::SAMPLE)]
    Sample(sample::SampleArgs),
    /// Deliver day logs to the endpoint.
    #[command(after_help = examples::SHIP)]
    Ship(ship::ShipArgs),
    /// Sample and ship as a service.
    #[command(after_help = examples::RUN)]
    Run(run::RunArgs),
    /// Show the state of the service.
    #[command(after_help = examples::STATUS)]
    Status(status::StatusArgs),
    /// Diagnose problems on this server, with remedies.
    #[command(after_help = examples::DOCTOR)]
    Doctor(doctor::DoctorArgs),
    /// Check the config file of the agent.
    #[command(subcommand, after_help = examples::CONFIG)]
    Config(check::ConfigVerb),
    /// Print shell completions.
    #[command(after_help = examples::COMPLETIONS)]
    Completions(completions::CompletionsArgs),
    /// Write the manual pages to a folder.
    #[command(after_help = examples::MAN)]
    Man(man::ManArgs),
}

/// The program that runs the verb.
#[derive(Clone, Debug)]
pub struct CommandLine {
    /// Its full command line definition.
    pub command: fn() -> Command,
    /// The arguments of the process, including the program name.
    pub args: Vec<OsString>,
    /// The variables of the process and of `agent.env`.
    pub environment: Environment,
}

/// Runs the verb.
///
/// # Errors
/// It could not be started.
pub fn run(verb: AgentVerb, command_line: &CommandLine) -> anyhow::Result<Exit> {
    // A service also logs what it waits for and retries.
    let is_service = match verb {
        AgentVerb::Run(_) => true,
        AgentVerb::Ship(_) => log2aws_agent::run::ends_with_run(),
        _ => false,
    };
    logs::start(if is_service { Level::INFO } else { Level::WARN });
    let environment = &command_line.environment;
    // These two print it among their results.
    let prints_it = matches!(verb, AgentVerb::Doctor(_) | AgentVerb::Config(_));
    if let Some(problem) = environment.problem().filter(|_| !prints_it) {
        tracing::warn!("{problem}");
    }
    match verb {
        AgentVerb::Sample(args) => sample::run(&args, environment),
        AgentVerb::Ship(args) => ship::run(&args, environment),
        AgentVerb::Run(_) => run::run(command_line),
        AgentVerb::Status(args) => status::run(&args, environment),
        AgentVerb::Doctor(args) => doctor::run(&args, environment),
        AgentVerb::Config(check::ConfigVerb::Check(args)) => {
            check::run(&args, command_line.command, &mut std::io::stdout().lock())
        }
        AgentVerb::Completions(args) => {
            completions::run(&args, (command_line.command)(), &mut std::io::stdout().lock())
        }
        AgentVerb::Man(args) => man::run(&args, (command_line.command)()),
    }
}
