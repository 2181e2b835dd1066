//! The flags of `serve` that limit what unauthenticated clients can consume.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use clap::Args;
use log2aws_server::DoorLimits;

use crate::flag;

/// Limits of connections, bodies, the disk and new servers.
#[derive(Debug, Args)]
pub(crate) struct DoorArgs {
    /// Maximum number of concurrent connections; the limit of open files may allow fewer.
    #[arg(long, value_name = "N", default_value_t = DoorLimits::default().max_connections, value_parser = flag::at_least_one::<NonZeroUsize>)]
    max_connections: NonZeroUsize,
    /// Time limit for a new connection to send its first request head.
    #[arg(long, value_name = "SECONDS", default_value_t = seconds(DoorLimits::default().head_timeout), value_parser = flag::at_least_one::<NonZeroU32>)]
    head_timeout: NonZeroU32,
    /// Minimum rate of a body in bytes per second, after its first 20 seconds; 0: no minimum.
    #[arg(long, value_name = "BYTES", default_value_t = DoorLimits::default().min_body_rate)]
    min_body_rate: u32,
    /// Time limit for one body.
    #[arg(long, value_name = "SECONDS", default_value_t = seconds(DoorLimits::default().max_body_time), value_parser = flag::at_least_one::<NonZeroU32>)]
    max_body_time: NonZeroU32,
    /// Memory for all arriving bodies together, e.g. 32MiB; at least 256KiB.
    #[arg(long, value_name = "SIZE", default_value = "32MiB", value_parser = flag::size)]
    body_memory: u64,
    /// Number of threads that write bodies to disk.
    #[arg(long, value_name = "N", default_value_t = DoorLimits::default().writer_threads, value_parser = flag::at_least_one::<NonZeroUsize>)]
    writer_threads: NonZeroUsize,
    /// Maximum number of concurrent uploads with one URL; one more ends the one that has waited
    /// longest for data.
    #[arg(long, value_name = "N", default_value_t = DoorLimits::default().puts_per_url, value_parser = flag::at_least_one::<NonZeroUsize>)]
    puts_per_url: NonZeroUsize,
    /// Maximum size of a log, e.g. 64MiB.
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = flag::size)]
    max_log_size: u64,
    /// Maximum expansion factor of a gzip log, checked from 1 MiB of text on; the rest is not read.
    #[arg(long, value_name = "N", default_value_t = DoorLimits::default().max_gzip_ratio, value_parser = flag::at_least_one::<NonZeroU32>)]
    max_gzip_ratio: NonZeroU32,
    /// Maximum number of versions of one server's log of one day.
    #[arg(long, value_name = "N", default_value_t = DoorLimits::default().max_versions_per_day, value_parser = flag::at_least_one::<NonZeroU32>)]
    max_versions_per_day: NonZeroU32,
    /// Maximum total size of these versions, e.g. 4GiB.
    #[arg(long, value_name = "SIZE", default_value = "4GiB", value_parser = flag::size)]
    max_bytes_per_day: u64,
    /// Disk space that uploads leave free [default: 5 %, 1GiB at most].
    #[arg(long, value_name = "SIZE", value_parser = flag::size)]
    keep_free_space: Option<u64>,
    /// Maximum number of new servers per hour.
    #[arg(long, value_name = "N", default_value_t = DoorLimits::default().max_new_servers, value_parser = flag::at_least_one::<NonZeroU32>)]
    max_new_servers: NonZeroU32,
}

fn seconds(duration: Duration) -> NonZeroU32 {
    u32::try_from(duration.as_secs()).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MAX)
}

impl From<DoorArgs> for DoorLimits {
    fn from(args: DoorArgs) -> Self {
        let seconds = |seconds: NonZeroU32| Duration::from_secs(seconds.get().into());
        Self {
            max_connections: args.max_connections,
            head_timeout: seconds(args.head_timeout),
            min_body_rate: args.min_body_rate,
            max_body_time: seconds(args.max_body_time),
            body_memory: args.body_memory,
            writer_threads: args.writer_threads,
            puts_per_url: args.puts_per_url,
            max_log_size: args.max_log_size,
            max_gzip_ratio: args.max_gzip_ratio,
            max_versions_per_day: args.max_versions_per_day,
            max_bytes_per_day: args.max_bytes_per_day,
            keep_free_space: args.keep_free_space,
            max_new_servers: args.max_new_servers,
        }
    }
}

/// Raises the soft limit of open files to the hard limit, like Go programs. Each connection takes
/// up to three; the default of a login shell and of systemd is 1,024.
pub(crate) fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        door: DoorArgs,
    }

    #[test]
    fn the_defaults_of_the_flags_are_those_of_the_server() {
        let parsed = Program::try_parse_from(["serve"]).unwrap();
        assert_eq!(DoorLimits::from(parsed.door), DoorLimits::default());
    }

    #[test]
    fn each_flag_sets_its_limit() {
        let parsed = Program::try_parse_from([
            "serve",
            "--max-connections=1",
            "--head-timeout=2",
            "--min-body-rate=0",
            "--max-body-time=3",
            "--body-memory=1MiB",
            "--writer-threads=4",
            "--puts-per-url=5",
            "--max-log-size=6",
            "--max-gzip-ratio=8",
            "--max-versions-per-day=9",
            "--max-bytes-per-day=10KiB",
            "--keep-free-space=0",
            "--max-new-servers=7",
        ])
        .unwrap();
        let expected = DoorLimits {
            max_connections: NonZeroUsize::new(1).unwrap(),
            head_timeout: Duration::from_secs(2),
            min_body_rate: 0,
            max_body_time: Duration::from_secs(3),
            body_memory: 1 << 20,
            writer_threads: NonZeroUsize::new(4).unwrap(),
            puts_per_url: NonZeroUsize::new(5).unwrap(),
            max_log_size: 6,
            max_gzip_ratio: NonZeroU32::new(8).unwrap(),
            max_versions_per_day: NonZeroU32::new(9).unwrap(),
            max_bytes_per_day: 10 << 10,
            keep_free_space: Some(0),
            max_new_servers: NonZeroU32::new(7).unwrap(),
        };
        assert_eq!(DoorLimits::from(parsed.door), expected);
    }
}
