//! `log2aws status`: the state of the service, from the files in its folders.

use std::io::{self, Write as _};

use clap::Args;
use log2aws_agent::run::{Interval, ShipWindow};
use log2aws_agent::status::{self, StatusConfig};
use log2aws_agent::world::{SystemTime, World};

use super::flags::{PathFlags, ReachFlags};
use crate::config::Environment;
use crate::exit::Exit;

/// The flags of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    paths: PathFlags,
    #[command(flatten)]
    reach: ReachFlags,
    /// The time between two samples: 600, 600s, 10m, 1h.
    #[arg(long, value_name = "TIME", default_value_t = Interval::DEFAULT)]
    interval: Interval,
    /// The time of day over which the deliveries of all servers are spread.
    #[arg(long, value_name = "FROM-TO", default_value_t = ShipWindow::DEFAULT)]
    ship_window: ShipWindow,
    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

/// Prints the state of the service. Writes nothing and sends no request.
///
/// # Errors
/// Its folders cannot be read.
pub(super) fn run(args: &StatusArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let time = SystemTime::new();
    let config = StatusConfig {
        spool: args.paths.spool()?,
        api: args.reach.api.clone(),
        interval: args.interval,
        window: args.ship_window,
    };
    let status = status::read(&config, &World::system(&time, args.paths.zone(environment).zone()))?;
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &status)?;
        writeln!(out)?;
    } else {
        write!(out, "{status}")?;
    }
    Ok(if status.is_healthy() { Exit::Done } else { Exit::Missing })
}
