//! `log2aws sample`: one line about this machine.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use log2aws_agent::sample::{self, SampleConfig, SampleMode};
use log2aws_agent::world::{SystemTime, World, host_name};
use log2aws_core::metadata::Note;
use log2aws_core::server_name::ServerName;

use crate::exit::{self, Exit};

/// The flags of `sample`.
#[derive(Debug, Args)]
pub(crate) struct SampleArgs {
    /// The folder of the day logs; made if it is missing.
    #[arg(long, value_name = "DIR", default_value = log2aws_agent::DEFAULT_LOG_DIR)]
    log_dir: PathBuf,
    /// The folder that keeps the counters of the last sample.
    #[arg(long, value_name = "DIR", default_value = log2aws_agent::DEFAULT_STATE_DIR)]
    state_dir: PathBuf,
    /// The name under which this machine's logs are kept [default: the host name].
    #[arg(long, value_name = "NAME")]
    server: Option<ServerName>,
    /// What people call this machine, for the chart's title; at most 200 bytes.
    #[arg(long, value_name = "TEXT")]
    note: Option<Note>,
    /// Write averages since boot, as `vmstat | tail -1` does, instead of those of the interval.
    #[arg(long)]
    since_boot: bool,
    /// How long to measure when there is no last sample, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = sample::DEFAULT_WINDOW.as_secs(), value_parser = clap::value_parser!(u64).range(1..=3600))]
    window: u64,
    // Read before the command line is parsed; it stands here for the help. See config.rs.
    /// The config file [default: /etc/log2aws/agent.toml if it exists].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Appends one line to the log of the line's own day.
///
/// # Errors
/// When no line was written.
pub(crate) fn run(args: &SampleArgs) -> anyhow::Result<Exit> {
    let time = SystemTime::new();
    let config = SampleConfig {
        log_dir: args.log_dir.clone(),
        state_dir: Some(args.state_dir.clone()),
        server: args.server.clone().map_or_else(host_name, Ok)?,
        note: args.note.clone(),
        mode: if args.since_boot {
            SampleMode::SinceBoot
        } else {
            SampleMode::Interval { window: Duration::from_secs(args.window) }
        },
    };
    let report = sample::run(&config, &World::system(&time))?;
    match report.state_error {
        None => Ok(Exit::Done),
        Some(error) => {
            exit::report(&mut std::io::stderr(), &error.into());
            Ok(Exit::Failed)
        }
    }
}
