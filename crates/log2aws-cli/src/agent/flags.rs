//! The flags that several verbs of the servers share, so that one config file serves them all.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use log2aws_agent::sample::{self, SampleMode};
use log2aws_agent::ship;
use log2aws_agent::world::host_name;
use log2aws_core::metadata::Note;
use log2aws_core::server_name::{ServerName, ServerNameError};

/// Whose logs these are, and where everything stands.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// The folder of the day logs; made if it is missing.
    #[arg(long, value_name = "DIR", default_value = log2aws_agent::DEFAULT_LOG_DIR)]
    pub(super) log_dir: PathBuf,
    /// The folder that keeps the counters of the last sample, and what was delivered.
    #[arg(long, value_name = "DIR", default_value = log2aws_agent::DEFAULT_STATE_DIR)]
    pub(super) state_dir: PathBuf,
    /// The name under which this machine's logs are kept [default: the host name].
    #[arg(long, value_name = "NAME")]
    pub(super) server: Option<ServerName>,
    // Read before the command line is parsed; it stands here for the help. See config.rs.
    /// The config file [default: /etc/log2aws/agent.toml if it exists].
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

impl Place {
    /// The name that was given, else the host's.
    ///
    /// # Errors
    /// None was given, and the host's cannot stand in a key.
    pub(super) fn server(&self) -> Result<ServerName, ServerNameError> {
        self.server.clone().map_or_else(host_name, Ok)
    }
}

/// How a sample is taken.
#[derive(Debug, Args)]
pub(super) struct Measuring {
    /// What people call this machine, for the chart's title; at most 200 bytes.
    #[arg(long, value_name = "TEXT")]
    pub(super) note: Option<Note>,
    /// Write averages since boot, as `vmstat | tail -1` does, instead of those of the interval.
    #[arg(long)]
    pub(super) since_boot: bool,
    /// How long to measure when there is no last sample, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = sample::DEFAULT_WINDOW.as_secs(), value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(super) window: u64,
    /// Wait until the disk has the line, so that a power cut costs none.
    #[arg(long)]
    pub(super) sync: bool,
}

impl Measuring {
    /// Over which time rates are taken.
    pub(super) fn mode(&self) -> SampleMode {
        if self.since_boot {
            SampleMode::SinceBoot
        } else {
            SampleMode::Interval { window: Duration::from_secs(self.window) }
        }
    }
}

/// How logs are sent.
#[derive(Debug, Args)]
pub(super) struct Sending {
    /// How long all of it may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = ship::DEFAULT_MAX_TIME.as_secs())]
    pub(super) max_time: u64,
}
