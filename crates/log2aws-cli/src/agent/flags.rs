//! Flags that several agent verbs share, so that one config file works for all of them.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use log2aws_agent::net::{Network, Proxies};
use log2aws_agent::sample::{self, SampleMode};
use log2aws_agent::ship::{self, ApiUrl, HostPattern};
use log2aws_agent::spool::Spool;
use log2aws_agent::world::{ZoneName, ZoneSource, host_name, is_default_host_name};
use log2aws_core::metadata::Note;
use log2aws_core::server_name::ServerName;

use super::proxy_url::{ProxyParser, ProxyUrl};
use crate::config::Environment;

/// What to do if the host name cannot be used.
const NAME_IT: &str =
    "name this server with --server, LOG2AWS_SERVER, or the key server in the config file";

/// The server's name and its folders.
#[derive(Debug, Args)]
pub(super) struct PathFlags {
    /// The folder of the day logs; created if missing.
    #[arg(long, value_name = "DIR", default_value = log2aws_agent::DEFAULT_LOG_DIR)]
    pub(super) log_dir: PathBuf,
    /// The folder for the counters of the last sample and the records of deliveries.
    #[arg(long, value_name = "DIR", default_value = log2aws_agent::DEFAULT_STATE_DIR)]
    pub(super) state_dir: PathBuf,
    /// The name under which this machine's logs are stored [default: the host name].
    #[arg(long, value_name = "NAME")]
    pub(super) server: Option<ServerName>,
    /// The time zone of times and dates, such as Asia/Tokyo [default: TZ, or the machine's].
    #[arg(long, value_name = "ZONE")]
    pub(super) time_zone: Option<ZoneName>,
    // Read before the command line is parsed; it stands here for the help. See config.rs.
    /// The config file [default: /etc/log2aws/agent.toml if it exists].
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

impl PathFlags {
    /// Where the time zone is set.
    pub(super) fn zone(&self, environment: &Environment) -> ZoneSource {
        ZoneSource { setting: self.time_zone.clone(), tz: environment.var_os("TZ") }
    }

    /// The server name given, or else the host name.
    ///
    /// # Errors
    /// There is no name, and the host name cannot be used.
    pub(super) fn server(&self) -> anyhow::Result<ServerName> {
        given_or_host_name(self.server.as_ref())
    }

    /// The logs to deliver, and the state of their delivery.
    ///
    /// # Errors
    /// As [`Self::server`]; or no name was given and the host name is a default such as
    /// `localhost`: machines with the same name would overwrite each other's logs.
    pub(super) fn named_spool(&self) -> anyhow::Result<Spool> {
        let spool = self.spool()?;
        ensure_own(self.server.as_ref(), &spool.server)?;
        Ok(spool)
    }

    /// The logs, and the state of their delivery.
    ///
    /// # Errors
    /// As [`Self::server`].
    pub(super) fn spool(&self) -> anyhow::Result<Spool> {
        let (log_dir, state_dir) = (self.log_dir.clone(), self.state_dir.clone());
        Ok(Spool { log_dir, state_dir, server: self.server()? })
    }
}

fn given_or_host_name(given: Option<&ServerName>) -> anyhow::Result<ServerName> {
    if let Some(server) = given {
        return Ok(server.clone());
    }
    host_name().with_context(|| {
        format!("this machine's host name cannot be the name of its logs; {NAME_IT}")
    })
}

/// The server name given, or else the host name if it is not a default that others share.
///
/// # Errors
/// There is no such name.
pub(super) fn own_name(given: Option<&ServerName>) -> anyhow::Result<ServerName> {
    let server = given_or_host_name(given)?;
    ensure_own(given, &server)?;
    Ok(server)
}

fn ensure_own(given: Option<&ServerName>, host: &ServerName) -> anyhow::Result<()> {
    ensure!(
        given.is_some() || !is_default_host_name(host),
        "this machine has the default host name {host}, which other machines share, and \
         its logs would take the place of theirs; {NAME_IT}"
    );
    Ok(())
}

/// How a sample is taken.
#[derive(Debug, Args)]
pub(super) struct SampleFlags {
    /// A description of this machine for the chart's title; at most 200 bytes.
    #[arg(long, value_name = "TEXT")]
    pub(super) note: Option<Note>,
    /// Write averages since boot, like `vmstat | tail -1`, instead of averages over the interval.
    #[arg(long)]
    pub(super) since_boot: bool,
    /// Seconds to measure if there is no previous sample.
    #[arg(long, value_name = "SECONDS", default_value_t = sample::DEFAULT_WINDOW.as_secs(), value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(super) window: u64,
    /// Wait until the line is on disk, so that it survives a power failure.
    #[arg(long)]
    pub(super) sync: bool,
}

impl SampleFlags {
    /// The time over which rates are averaged.
    pub(super) fn mode(&self) -> SampleMode {
        if self.since_boot {
            SampleMode::SinceBoot
        } else {
            SampleMode::Interval { window: Duration::from_secs(self.window) }
        }
    }
}

/// Where and how logs are sent.
#[derive(Debug, Args)]
pub(super) struct ReachFlags {
    /// The endpoint that issues URLs, e.g. `https://logs.example.com`.
    #[arg(long, value_name = "URL")]
    pub(super) api: Option<ApiUrl>,
    /// The HTTP proxy for http and https [default: `https_proxy` and the like, as curl has them].
    #[arg(long, value_name = "URL", value_parser = ProxyParser)]
    pub(super) proxy: Option<ProxyUrl>,
    /// Hosts to reach without the proxy: names, domains, networks or `*`, separated by commas
    /// [default: the variable `NO_PROXY`].
    #[arg(long, value_name = "LIST")]
    pub(super) no_proxy: Option<String>,
    /// Certificates (PEM) to trust in addition to the machine's.
    #[arg(long, value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,
    /// With an http endpoint: another host that logs may be sent to; `*.example.com` allows all its
    /// subdomains. Can be repeated.
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    pub(super) upload_host: Vec<HostPattern>,
}

/// The flags of a delivery.
#[derive(Debug, Args)]
pub(super) struct ShipFlags {
    #[command(flatten)]
    pub(super) reach: ReachFlags,
    /// Time limit for one run over all pending logs, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = ship::DEFAULT_MAX_TIME.as_secs(), value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub(super) max_time: u64,
    /// When delivering, remove logs this many days after their delivery [default: keep all while
    /// there is disk space].
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub(super) keep_days: Option<u32>,
}

impl ReachFlags {
    /// Proxies and certificates.
    pub(super) fn network(&self, environment: &Environment) -> Network {
        let proxy = self.proxy.as_ref().map(ProxyUrl::expose);
        let proxies = Proxies::new(proxy, self.no_proxy.as_deref(), |name| environment.var(name));
        // Those of the process are read by the library.
        let of_file = |wanted: &str| {
            let mut all = environment.of_file();
            all.find(|(name, _)| *name == wanted).map(|(_, path)| PathBuf::from(path))
        };
        Network {
            proxies,
            ca_file: self.ca_file.clone(),
            ssl_cert_file: of_file("SSL_CERT_FILE"),
            ssl_cert_dir: of_file("SSL_CERT_DIR"),
            ..Network::default()
        }
    }
}

impl ShipFlags {
    /// How long a delivered log is kept.
    pub(super) fn keep(&self) -> Option<Duration> {
        self.keep_days.map(|days| Duration::from_hours(24 * u64::from(days)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_delivered_under_the_name_of_a_machine_without_one() {
        let name = |name: &str| name.parse::<ServerName>().unwrap();
        for host in ["localhost", "localhost.localdomain", "localhost6"] {
            let told = ensure_own(None, &name(host)).unwrap_err().to_string();
            assert!(told.contains(&format!("host name {host},")), "{told}");
            assert!(told.contains("--server"), "{told}");
        }
        // Whoever gives it means it.
        ensure_own(Some(&name("localhost")), &name("localhost")).unwrap();
        ensure_own(None, &name("web01")).unwrap();
    }
}
