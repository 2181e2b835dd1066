//! `log2aws sample`: one line about this machine.

use clap::Args;
use log2aws_agent::sample::{self, SampleConfig};
use log2aws_agent::world::{SystemTime, World};

use super::flags::{PathFlags, SampleFlags};
use crate::config::Environment;
use crate::exit::{self, Exit};

/// The flags of `sample`.
#[derive(Debug, Args)]
pub struct SampleArgs {
    #[command(flatten)]
    paths: PathFlags,
    #[command(flatten)]
    sampling: SampleFlags,
}

/// Appends one line to the log of its own day.
///
/// # Errors
/// No line was written.
pub(super) fn run(args: &SampleArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let time = SystemTime::new();
    let config = SampleConfig {
        log_dir: args.paths.log_dir.clone(),
        state_dir: Some(args.paths.state_dir.clone()),
        server: args.paths.server()?,
        note: args.sampling.note.clone(),
        mode: args.sampling.mode(),
        interval: None,
        sync: args.sampling.sync,
    };
    let report = sample::run(&config, &World::system(&time, args.paths.zone(environment).zone()))?;
    match report.state_error {
        None => Ok(Exit::Done),
        Some(error) => {
            exit::report(&mut std::io::stderr(), &error.into());
            Ok(Exit::Failed)
        }
    }
}
