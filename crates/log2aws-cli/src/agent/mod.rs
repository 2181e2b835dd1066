//! The verbs of the servers: their flags, and what they say on the terminal.

use clap::Subcommand;

use crate::exit::Exit;

mod flags;
mod progress;
mod sample;
mod ship;

/// What runs on the servers.
#[derive(Debug, Subcommand)]
pub enum AgentVerb {
    /// Append one line about this machine to today's log.
    Sample(sample::SampleArgs),
    /// Deliver day logs to the endpoint.
    Ship(ship::ShipArgs),
}

/// Does what the verb says.
///
/// # Errors
/// What kept it from being tried at all.
pub fn run(verb: AgentVerb) -> anyhow::Result<Exit> {
    match verb {
        AgentVerb::Sample(args) => sample::run(&args),
        AgentVerb::Ship(args) => ship::run(&args),
    }
}
