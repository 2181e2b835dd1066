//! `log2aws sample`: one line about this machine.

use clap::Args;
use log2aws_agent::sample::{self, SampleConfig};
use log2aws_agent::world::{SystemTime, World};

use super::flags::{Measuring, Place};
use crate::config::Environment;
use crate::exit::{self, Exit};

/// The flags of `sample`.
#[derive(Debug, Args)]
pub struct SampleArgs {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    measuring: Measuring,
}

/// Appends one line to the log of its own day.
///
/// # Errors
/// No line was written.
pub(super) fn run(args: &SampleArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let time = SystemTime::new();
    let config = SampleConfig {
        log_dir: args.place.log_dir.clone(),
        state_dir: Some(args.place.state_dir.clone()),
        server: args.place.server()?,
        note: args.measuring.note.clone(),
        mode: args.measuring.mode(),
        sync: args.measuring.sync,
    };
    let report = sample::run(&config, &World::system(&time, args.place.zone(environment).zone()))?;
    match report.state_error {
        None => Ok(Exit::Done),
        Some(error) => {
            exit::report(&mut std::io::stderr(), &error.into());
            Ok(Exit::Failed)
        }
    }
}
