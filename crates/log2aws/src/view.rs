//! `log2aws serve --view`: the dashboard for a bucket on S3, with the operator's own credentials.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use ipnet::IpNet;
use jiff::tz::TimeZone;
use log2aws_aws::S3Store;
use log2aws_core::key::BucketName;
use log2aws_server::{AlertConfig, Exposure, TlsFiles, ViewConfig, ViewServer, start_warnings};
use log2aws_stack::cloud::{self, Access};
use url::Url;

use crate::clock::SystemClock;
use crate::invite::Invitation;
use crate::listener::listen;
use crate::stop_signal::stop_signal;
use log2aws_cli::exit::Exit;

/// The flags of `serve` that make no sense for a view, which is read-only.
pub(crate) const NOT_FOR_A_VIEW: [&str; 28] = [
    "data_dir",
    "allow_hosts",
    "days_ahead",
    "days_back",
    "final_after",
    "keep_raw_days",
    "keep_analyzed_days",
    "keep_audit_days",
    "max_audit_size",
    "retention_trust_clock",
    "key_prefix",
    "require_keys",
    "charts",
    "requests_per_second",
    "analyzer_threads",
    "max_connections",
    "head_timeout",
    "min_body_rate",
    "max_body_time",
    "body_memory",
    "writer_threads",
    "puts_per_url",
    "max_log_size",
    "max_gzip_ratio",
    "max_versions_per_day",
    "max_bytes_per_day",
    "keep_free_space",
    "max_new_servers",
];

/// The flags of a view.
#[derive(Debug, Args)]
pub(crate) struct ViewArgs {
    /// Show the results in this bucket instead, with your own credentials; write `s3://` before its
    /// name. Nothing is written to it.
    #[arg(long, value_name = "S3URL", conflicts_with_all = NOT_FOR_A_VIEW, help_heading = "View a bucket")]
    view: Option<Bucket>,
    /// The bucket with the logs, to download them, too.
    #[arg(long, value_name = "S3URL", requires = "view", help_heading = "View a bucket")]
    view_raw: Option<Bucket>,
    /// The profile of the AWS config files.
    #[arg(long, value_name = "NAME", requires = "view", help_heading = "View a bucket")]
    profile: Option<String>,
    /// The bucket's region [default: that of the environment or the profile].
    #[arg(long, value_name = "REGION", requires = "view", value_parser = crate::flag::region, help_heading = "View a bucket")]
    region: Option<String>,
    /// An S3 that is not AWS's own.
    #[arg(long, value_name = "URL", requires = "view", value_parser = crate::flag::endpoint, help_heading = "View a bucket")]
    endpoint_url: Option<Url>,
    /// Where the dashboard's token and what was read are kept [default: a folder for each bucket
    /// below ~/.local/state/log2aws].
    #[arg(long, value_name = "DIR", requires = "view", help_heading = "View a bucket")]
    cache_dir: Option<PathBuf>,
    /// How many seconds pass before the bucket is looked through again; more where that takes many
    /// requests [default: 60].
    #[arg(long, value_name = "SECONDS", requires = "view", value_parser = seconds, help_heading = "View a bucket")]
    refresh: Option<u64>,
}

/// A bucket, as people write it for S3.
#[derive(Clone, Debug)]
pub(crate) struct Bucket(pub(crate) BucketName);

impl FromStr for Bucket {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.strip_prefix("s3://").ok_or("write s3:// and the bucket's name")?;
        let name = name.strip_suffix('/').unwrap_or(name);
        if name.contains('/') {
            return Err(
                "write the bucket alone, without a key: log2aws has it to itself".to_owned()
            );
        }
        name.parse().map(Self).map_err(|error| format!("{error}"))
    }
}

fn seconds(text: &str) -> Result<u64, &'static str> {
    let seconds: Option<u64> = text.parse().ok();
    seconds.filter(|seconds| *seconds > 0).ok_or("write a whole number of seconds from 1 up")
}

/// The common flags of `serve` and a view.
pub(crate) struct Serving {
    pub(crate) listen: SocketAddr,
    pub(crate) public_url: Option<Url>,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) time_zone: TimeZone,
    pub(crate) alerts: AlertConfig,
    pub(crate) print_login_link: bool,
}

impl ViewArgs {
    /// Whether a bucket was given.
    pub(crate) fn is_given(&self) -> bool {
        self.view.is_some()
    }

    /// Serves the dashboard until SIGTERM or Ctrl-C.
    ///
    /// # Errors
    /// It cannot start, or fails.
    pub(crate) fn run(self, serving: Serving) -> anyhow::Result<Exit> {
        let Some(Bucket(analyzed)) = self.view else { return Ok(Exit::Usage) };
        let listener = listen(serving.listen)?;
        let address = listener.local_addr()?;
        let warnings = start_warnings(&Exposure {
            allow_list: None,
            trusted_proxies: &serving.trusted_proxies,
            public_url: serving.public_url.as_ref(),
            tls: serving.tls.is_some(),
            listen: address,
        });
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        let endpoint = self.endpoint_url.as_ref().map(|url| url.as_str().trim_end_matches('/'));
        let access = Access {
            region: self.region,
            profile: self.profile,
            endpoint_url: endpoint.map(str::to_owned),
            ..Access::default()
        };
        let place = match endpoint {
            Some(endpoint) => format!("s3://{analyzed} at {endpoint}"),
            None => format!("s3://{analyzed}"),
        };
        let folder = match self.cache_dir {
            Some(folder) => folder,
            None => {
                default_folder(&analyzed, self.endpoint_url.as_ref(), |name| std::env::var_os(name))
                    .context("no folder to keep the index in is known: set --cache-dir, or HOME")?
            }
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let s3 = runtime.block_on(cloud::s3(&access))?;
        let scheme = if serving.tls.is_some() { "https" } else { "http" };
        let config = ViewConfig {
            lister: Arc::new(S3Store::new(s3, runtime.handle().clone())),
            analyzed,
            raw: self.view_raw.map(|Bucket(name)| name),
            place: place.clone(),
            folder,
            public_url: serving.public_url,
            trusted_proxies: serving.trusted_proxies,
            tls: serving.tls,
            refresh: Duration::from_secs(self.refresh.unwrap_or(60)),
            zone: serving.time_zone,
            alerts: serving.alerts,
        };
        // Not on a thread of the runtime that it waits for.
        let viewer = ViewServer::open(config, Arc::new(SystemClock))?;
        let token_file = viewer.dashboard_token_file().to_owned();
        let invitation =
            Invitation::new(viewer.login_link(address)?, token_file, serving.print_login_link);
        let outcome = runtime.block_on(async {
            let stop = stop_signal()?;
            let announce = || {
                tracing::info!(%address, place, "showing a bucket");
                let mut out = io::stdout().lock();
                // A closed standard output must not prevent serving.
                let _ = writeln!(out, "log2aws shows {place} at {scheme}://{address}")
                    .and_then(|()| invitation.tell(&mut out))
                    .and_then(|()| out.flush());
            };
            viewer.run(listener, announce, stop).await?;
            tracing::info!("stopped");
            Ok(Exit::Done)
        });
        // A request to the bucket may be under way; nothing depends on its end.
        runtime.shutdown_background();
        outcome
    }
}

/// `~/.local/state/log2aws/BUCKET`, or the place in the desktop's own variable. Not the cache
/// folder, because clearing that would remove the token and everybody's login. Buckets of the same
/// name on two S3s are distinguished by `@HOST`.
fn default_folder(
    bucket: &BucketName,
    endpoint: Option<&Url>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Option<PathBuf> {
    let named = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = named("XDG_STATE_HOME").or_else(|| Some(named("HOME")?.join(".local/state")))?;
    let at = endpoint.map_or_else(String::new, |url| {
        let host = url.host_str().unwrap_or_default();
        let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
        format!("@{host}{port}")
    });
    Some(state.join("log2aws").join(format!("{bucket}{at}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_written_as_for_s3() {
        let read = |text: &str| text.parse::<Bucket>().map(|Bucket(name)| name.to_string());
        for text in ["s3://analyzedlogs-dev", "s3://analyzedlogs-dev/"] {
            assert_eq!(read(text).unwrap(), "analyzedlogs-dev");
        }
        assert!(read("analyzedlogs-dev").unwrap_err().contains("s3://"));
        assert!(read("s3://analyzedlogs-dev/web01").unwrap_err().contains("without a key"));
        assert!(read("s3://Analyzed").unwrap_err().contains("bucket name"));
        assert_eq!(seconds("5"), Ok(5));
        assert!(seconds("0").is_err() && seconds("1.5").is_err());
    }

    #[test]
    fn each_bucket_has_its_folder() {
        let bucket: BucketName = "analyzedlogs-dev".parse().unwrap();
        let folder = |known: &[(&str, &str)]| {
            let found = |name: &str| known.iter().find(|(known, _)| *known == name);
            default_folder(&bucket, None, |name| {
                found(name).map(|(_, value)| OsString::from(value))
            })
        };
        let at = |path: &str| Some(PathBuf::from(path));
        assert_eq!(folder(&[("HOME", "/h")]), at("/h/.local/state/log2aws/analyzedlogs-dev"));
        let both = [("HOME", "/h"), ("XDG_STATE_HOME", "/c")];
        assert_eq!(folder(&both), at("/c/log2aws/analyzedlogs-dev"));
        assert_eq!(folder(&[("HOME", ""), ("XDG_STATE_HOME", "")]), None);
        let elsewhere = Url::parse("http://127.0.0.1:9000").unwrap();
        let folder = default_folder(&bucket, Some(&elsewhere), |_| Some(OsString::from("/s")));
        assert_eq!(folder, at("/s/log2aws/analyzedlogs-dev@127.0.0.1:9000"));
    }

    #[test]
    fn no_flag_of_serve_is_silently_of_no_use_to_a_view() {
        let serve = crate::serve::ServeArgs::augment_args(clap::Command::new("serve"));
        let view = ViewArgs::augment_args(clap::Command::new("view"));
        let own: Vec<_> = view.get_arguments().map(|arg| arg.get_id().to_string()).collect();
        // Those of `Serving`, and those that `serve` reads before it knows what to show.
        let shared = [
            "listen",
            "public_url",
            "trusted_proxy",
            "tls_cert",
            "tls_key",
            "time_zone",
            "alert",
            "webhook",
            "print_login_link",
            "log_format",
            "log_level",
            "config",
        ];
        for arg in serve.get_arguments() {
            let id = arg.get_id().as_str();
            let known = shared.contains(&id) || own.iter().any(|own| own == id);
            assert_ne!(known, NOT_FOR_A_VIEW.contains(&id), "--{id} with --view");
        }
        let refused = ["serve", "--view", "s3://analyzedlogs-dev", "--charts", "png"];
        let error = serve.try_get_matches_from(refused).unwrap_err().to_string();
        assert!(error.contains("--charts"), "{error}");
    }
}
