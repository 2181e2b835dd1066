//! `log2aws serve`: passes flags, listener, clock and signals to the server.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use ipnet::IpNet;
use jiff::tz::TimeZone;
use log2aws_core::allow_list::AllowList;
use log2aws_core::key::KeyPrefix;
use log2aws_server::{
    AuditConfig, Exposure, ServeConfig, Server, TlsFiles, expiring_final_days, start_warnings,
};
use log2aws_service::analyze::ChartFormats;
use log2aws_service::http::{
    DEFAULT_DAYS_AHEAD, DEFAULT_DAYS_BACK, DEFAULT_FINAL_AFTER_DAYS, DayRules,
};
use url::Url;

use crate::alerts::AlertArgs;
use crate::clock::SystemClock;
use crate::door::{DoorArgs, raise_file_limit};
use crate::flag;
use crate::invite::Invitation;
use crate::listener::listen;
use crate::logging::{self, LogFormat, LogLevel};
use crate::stop_signal::stop_signal;
use crate::view::{Serving, ViewArgs};
use log2aws_cli::exit::Exit;

/// The flags of `serve`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct ServeArgs {
    /// The address and port to listen on.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8750", value_parser = flag::address)]
    listen: SocketAddr,
    /// The folder for all data; created if missing.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/log2aws")]
    data_dir: PathBuf,
    /// Who may request URLs and upload: addresses and networks, each optionally limited to a server
    /// name or pattern, e.g. '203.0.113.7, 10.0.0.0/8, web*@198.51.100.0/24'.
    #[arg(long, value_name = "LIST", default_value = "127.0.0.0/8, ::1")]
    allow_hosts: AllowList,
    /// The URL under which servers reach this machine; the base of presigned URLs.
    #[arg(long, value_name = "URL", value_parser = flag::public_url)]
    public_url: Option<Url>,
    /// A proxy or network of proxies whose X-Forwarded-For is trusted; can be repeated.
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = flag::network)]
    trusted_proxy: Vec<IpNet>,
    /// The certificate for https (PEM), followed by those of its authorities; a renewed one is
    /// loaded without a restart.
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM), readable only by the server.
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Remove raw logs this many days after they arrived [default: keep all].
    #[arg(long, value_name = "DAYS", value_parser = flag::days)]
    keep_raw_days: Option<NonZeroU32>,
    /// Remove results this many days after they were made [default: keep all].
    #[arg(long, value_name = "DAYS", value_parser = flag::days)]
    keep_analyzed_days: Option<NonZeroU32>,
    /// Remove by age even if no log of the last day confirms this machine's clock, because
    /// deliveries have ended and the clock is right.
    #[arg(long)]
    retention_trust_clock: bool,
    /// Remove audit files this many days after their day.
    #[arg(long, value_name = "DAYS", default_value_t = AuditConfig::default().keep_days, value_parser = flag::at_least_one::<NonZeroU32>)]
    keep_audit_days: NonZeroU32,
    /// Maximum total size of the audit files, e.g. 512MiB. Beyond it requests are still served but
    /// not audited, which metrics, log and /-/readyz report. Refused requests are only audited up
    /// to half of it.
    #[arg(long, value_name = "SIZE", default_value = "4GiB", value_parser = flag::audit_size)]
    max_audit_size: u64,
    /// How many days before today are accepted (in UTC).
    #[arg(long, value_name = "DAYS", default_value_t = DEFAULT_DAYS_BACK)]
    days_back: u32,
    /// How many days after today are accepted; 1 allows servers east of Greenwich to deliver in
    /// their morning.
    #[arg(long, value_name = "DAYS", default_value_t = DEFAULT_DAYS_AHEAD)]
    days_ahead: u32,
    /// After how many days a delivered day is final: then URLs are only issued for the same content,
    /// unless an operator reopens the day (`log2aws reopen`); 0: never.
    #[arg(long, value_name = "DAYS", default_value_t = DEFAULT_FINAL_AFTER_DAYS)]
    final_after: u32,
    /// Prefix keys with four hex characters of a hash of server and month.
    #[arg(long)]
    key_prefix: bool,
    /// Give no URL to a server without a registered key (`log2aws key register`).
    #[arg(long)]
    require_keys: bool,
    /// The formats of the charts stored beside the CSV: svg, png or svg,png.
    #[arg(long, value_name = "LIST", default_value_t = ChartFormats::Svg)]
    charts: ChartFormats,
    /// URL requests accepted from one address per second.
    #[arg(long, value_name = "N", default_value_t = log2aws_server::DEFAULT_REQUESTS_PER_SECOND, value_parser = flag::at_least_one::<NonZeroU32>)]
    requests_per_second: NonZeroU32,
    /// Number of logs analyzed at the same time [default: eight per core, 32 at most].
    #[arg(long, value_name = "N", value_parser = flag::at_least_one::<NonZeroUsize>)]
    analyzer_threads: Option<NonZeroUsize>,
    /// The time zone of the servers, e.g. Asia/Tokyo: it determines "today" in the dashboard and
    /// when a log is due (noon of the next day) [default: this machine's].
    #[arg(long, value_name = "ZONE", value_parser = flag::time_zone)]
    time_zone: Option<TimeZone>,
    /// Print the one-time login link even if standard output is not a terminal.
    #[arg(long)]
    print_login_link: bool,
    #[command(flatten)]
    alerts: AlertArgs,
    #[command(flatten)]
    door: DoorArgs,
    #[command(flatten)]
    view: ViewArgs,
    /// How log lines are written.
    #[arg(long, value_enum, default_value = "text")]
    log_format: LogFormat,
    /// How much is logged.
    #[arg(long, value_enum, default_value = "info")]
    log_level: LogLevel,
    // Read before the command line is parsed; it stands here for the help. See config.rs.
    /// The config file [default: /etc/log2aws/serve.toml if it exists].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// One of the two files that TLS needs.
#[derive(Debug, thiserror::Error)]
enum MissingTlsFile {
    /// No key.
    #[error(
        "--tls-cert is of no use without --tls-key, the file with the certificate's private key"
    )]
    Certificate,
    /// No certificate.
    #[error("--tls-key is of no use without --tls-cert, the file with the key's certificate")]
    Key,
}

/// Whether it is a usage error.
pub(crate) fn is_usage(error: &anyhow::Error) -> bool {
    error.is::<MissingTlsFile>()
}

/// Both files, or neither.
fn tls_files(
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
) -> Result<Option<TlsFiles>, MissingTlsFile> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(MissingTlsFile::Certificate),
        (None, Some(_)) => Err(MissingTlsFile::Key),
    }
}

/// Serves until SIGTERM or Ctrl-C.
///
/// # Errors
/// It cannot start, or fails.
pub(crate) fn run(args: ServeArgs) -> anyhow::Result<Exit> {
    logging::start(args.log_format, args.log_level)?;
    raise_file_limit();
    let tls = tls_files(args.tls_cert, args.tls_key)?;
    let time_zone = args.time_zone.unwrap_or_else(TimeZone::system);
    let alerts = args.alerts.config_here(&time_zone)?;
    if args.view.is_given() {
        return args.view.run(Serving {
            listen: args.listen,
            public_url: args.public_url,
            trusted_proxies: args.trusted_proxy,
            tls,
            time_zone,
            alerts,
            print_login_link: args.print_login_link,
        });
    }
    let listener = listen(args.listen)?;
    let address = listener.local_addr()?;
    let warnings = start_warnings(&Exposure {
        allow_list: Some(&args.allow_hosts),
        trusted_proxies: &args.trusted_proxy,
        public_url: args.public_url.as_ref(),
        tls: tls.is_some(),
        listen: address,
    });
    let days = DayRules {
        days_back: args.days_back,
        days_ahead: args.days_ahead,
        final_after_days: NonZeroU32::new(args.final_after),
    };
    let expiring = expiring_final_days(&days, args.keep_raw_days, args.keep_analyzed_days);
    for warning in warnings.into_iter().chain(expiring) {
        tracing::warn!("{warning}");
    }
    let config = ServeConfig {
        data_dir: args.data_dir.clone(),
        allow_list: args.allow_hosts,
        public_url: args.public_url,
        trusted_proxies: args.trusted_proxy,
        keep_raw_days: args.keep_raw_days,
        keep_analyzed_days: args.keep_analyzed_days,
        retention_trust_clock: args.retention_trust_clock,
        days,
        key_prefix: if args.key_prefix { KeyPrefix::Spread } else { KeyPrefix::Off },
        require_keys: args.require_keys,
        charts: args.charts,
        requests_per_second: args.requests_per_second,
        analyzer_threads: args.analyzer_threads,
        time_zone,
        tls,
        door: args.door.into(),
        audit: AuditConfig { keep_days: args.keep_audit_days, max_bytes: args.max_audit_size },
        alerts,
    };
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let server = Server::open(config, Arc::new(SystemClock))?;
    let token_file = server.dashboard_token_file().to_owned();
    let invitation =
        Invitation::new(server.login_link(address)?, token_file, args.print_login_link);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        let stop = stop_signal()?;
        let stop = async {
            stop.await;
            tracing::info!("stopping: running requests and the analyses at hand are finished");
        };
        let announce = || {
            tracing::info!(%address, data_dir = %args.data_dir.display(), "serving");
            // A closed standard output must not prevent serving.
            let at = format!("{scheme}://{address}");
            drop(announce(&mut io::stdout(), &at, &args.data_dir, &invitation));
        };
        server.run(listener, announce, stop).await?;
        tracing::info!("stopped");
        Ok(Exit::Done)
    });
    // What is still at work was waited for long enough.
    runtime.shutdown_background();
    outcome
}

/// Prints the address, for people and for scripts that use port 0.
fn announce(
    out: &mut dyn Write,
    at: &str,
    data_dir: &Path,
    invitation: &Invitation,
) -> io::Result<()> {
    writeln!(out, "log2aws serves {at} from {}", data_dir.display())?;
    writeln!(out, "credentials: {}", data_dir.join("credentials").display())?;
    invitation.tell(out)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_the_audit_log_are_those_of_the_server() {
        #[derive(clap::Parser)]
        struct Program {
            #[command(flatten)]
            serve: ServeArgs,
        }
        let serve = <Program as clap::Parser>::try_parse_from(["serve"]).unwrap().serve;
        let parsed =
            AuditConfig { keep_days: serve.keep_audit_days, max_bytes: serve.max_audit_size };
        assert_eq!(parsed, AuditConfig::default());
    }

    #[test]
    fn a_certificate_and_its_key_are_given_together_or_not_at_all() {
        let file = || Some(PathBuf::from("a.pem"));
        assert!(tls_files(file(), file()).unwrap().is_some());
        assert!(tls_files(None, None).unwrap().is_none());
        for (certificate, key, missing) in
            [(file(), None, "--tls-key"), (None, file(), "--tls-cert")]
        {
            let error = anyhow::Error::from(tls_files(certificate, key).unwrap_err());
            assert!(error.to_string().contains(&format!("without {missing}, ")), "{error}");
            assert!(is_usage(&error));
        }
    }
}
