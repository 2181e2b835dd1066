//! The configuration of `serve`, and why it may refuse to start.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use jiff::tz::TimeZone;
use log2aws_core::allow_list::AllowList;
use log2aws_core::key::KeyPrefix;
use log2aws_core::reject::DEFAULT_MAX_GZIP_RATIO;
use log2aws_service::analyze::ChartFormats;
use log2aws_service::http::DayRules;
use log2aws_service::ports::StoreError;
use url::Url;

use crate::alerts::{AlertConfig, WebhookError};
use crate::audit::AuditConfig;
use crate::http::tls::{TlsError, TlsFiles};

/// The default rate limit of URL requests per source address, per second.
///
/// A whole fleet may be behind one NAT address, so this only stops a runaway loop.
pub const DEFAULT_REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(1000).unwrap();

/// Limits for unauthenticated clients, before and during a delivery. The defaults fit a machine of
/// 1 GiB and a fleet of 5,000 servers behind one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoorLimits {
    /// Concurrent connections; fewer if the limit of open files is lower.
    pub max_connections: NonZeroUsize,
    /// The timeout of a new connection's first request head, including the TLS handshake.
    pub head_timeout: Duration,
    /// The minimum rate of a body in bytes a second, after its first 20 seconds; 0: any rate.
    pub min_body_rate: u32,
    /// The total timeout of one request's body.
    pub max_body_time: Duration,
    /// Memory for all arriving bodies together, in bytes.
    pub body_memory: u64,
    /// Threads that write bodies to disk.
    pub writer_threads: NonZeroUsize,
    /// Concurrent uploads with one URL; a further one ends the one that has waited longest for a
    /// byte.
    pub puts_per_url: NonZeroUsize,
    /// The largest log that can be put with a URL, in bytes.
    pub max_log_size: u64,
    /// The greatest accepted expansion of a gzip log, checked from 1 MiB of text on.
    pub max_gzip_ratio: NonZeroU32,
    /// The maximum number of versions of one server's log of one day.
    pub max_versions_per_day: NonZeroU32,
    /// The maximum size of these versions together, in bytes.
    pub max_bytes_per_day: u64,
    /// Free disk space that uploads must leave, in bytes; `None`: 5 % of the disk, at most 1 GiB.
    pub keep_free_space: Option<u64>,
    /// New servers per hour.
    pub max_new_servers: NonZeroU32,
}

impl Default for DoorLimits {
    fn default() -> Self {
        const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(2048).unwrap();
        const WRITERS: NonZeroUsize = NonZeroUsize::new(64).unwrap();
        const PUTS: NonZeroUsize = NonZeroUsize::new(2).unwrap();
        // One a minute, and some to spare.
        const VERSIONS: NonZeroU32 = NonZeroU32::new(1500).unwrap();
        const NEW_SERVERS: NonZeroU32 = NonZeroU32::new(6000).unwrap();
        Self {
            max_connections: CONNECTIONS,
            head_timeout: Duration::from_secs(10),
            min_body_rate: 1024,
            max_body_time: Duration::from_hours(1),
            body_memory: 32 << 20,
            writer_threads: WRITERS,
            puts_per_url: PUTS,
            max_log_size: 1 << 30,
            max_gzip_ratio: DEFAULT_MAX_GZIP_RATIO,
            max_versions_per_day: VERSIONS,
            max_bytes_per_day: 4 << 30,
            keep_free_space: None,
            max_new_servers: NEW_SERVERS,
        }
    }
}

/// The configuration of `serve`.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// The data folder; created if needed.
    pub data_dir: PathBuf,
    /// Which addresses may request URLs and upload.
    pub allow_list: AllowList,
    /// The base of presigned URLs. `None`: `http://` and the listening address, which must then be
    /// reachable by others.
    pub public_url: Option<Url>,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// After how many days raw logs are removed; `None` keeps them.
    pub keep_raw_days: Option<NonZeroU32>,
    /// After how many days results are removed; `None` keeps them.
    pub keep_analyzed_days: Option<NonZeroU32>,
    /// Whether to remove expired objects although no recent log confirms the clock.
    pub retention_trust_clock: bool,
    /// Which days are accepted, and when a delivered day is final.
    pub days: DayRules,
    /// Whether keys have the spreading prefix.
    pub key_prefix: KeyPrefix,
    /// Whether a server without a registered key gets no URL.
    pub require_keys: bool,
    /// The formats in which charts are kept; others are rendered on request.
    pub charts: ChartFormats,
    /// The rate limit of URL requests per source address (an IPv6 /64 counts as one), per second,
    /// with bursts of twice as many.
    pub requests_per_second: NonZeroU32,
    /// How many logs are analyzed concurrently; `None`: eight per core, at most 32.
    pub analyzer_threads: Option<NonZeroUsize>,
    /// The time zone of the dashboard, which decides whether a log is due.
    pub time_zone: TimeZone,
    /// The TLS certificate; `None` means plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Limits for unauthenticated clients.
    pub door: DoorLimits,
    /// How much of the audit log is kept.
    pub audit: AuditConfig,
    /// What is alerted to, and who is told.
    pub alerts: AlertConfig,
}

impl ServeConfig {
    /// The defaults for a data folder: only loopback is allowed, everything is kept.
    pub fn new(data_dir: PathBuf, allow_list: AllowList) -> Self {
        Self {
            data_dir,
            allow_list,
            public_url: None,
            trusted_proxies: Vec::new(),
            keep_raw_days: None,
            keep_analyzed_days: None,
            retention_trust_clock: false,
            days: DayRules::default(),
            key_prefix: KeyPrefix::Off,
            require_keys: false,
            charts: ChartFormats::Svg,
            requests_per_second: DEFAULT_REQUESTS_PER_SECOND,
            analyzer_threads: None,
            time_zone: TimeZone::UTC,
            tls: None,
            door: DoorLimits::default(),
            audit: AuditConfig::default(),
            alerts: AlertConfig::default(),
        }
    }
}

/// Why `serve` did not start, or stopped. One sentence each: what, where, what to do.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data folder could not be opened.
    #[error(transparent)]
    Store(#[from] log2aws_store::disk::OpenError),
    /// A key file cannot be read or written.
    #[error("{} could not be {doing}: {source}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// The operation.
        doing: KeyFileAction,
        /// The underlying error.
        source: io::Error,
    },
    /// A key file has invalid content.
    #[error("{} does not hold {expected}; restore it, or remove it to have a new one made", path.display())]
    KeyFileContent {
        /// The file.
        path: PathBuf,
        /// The expected content.
        expected: &'static str,
    },
    /// A key file is accessible to other users of the machine.
    #[error("{} can be read by other users (mode {mode:03o}); run: chmod 600 {}", path.display(), path.display())]
    KeyFileOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A key file belongs to another user.
    #[error("{} is a link or belongs to another user; remove it to have a new key made, or chown it", path.display())]
    KeyFileOwner {
        /// The file.
        path: PathBuf,
    },
    /// The bucket to view does not exist.
    #[error(
        "{0} does not exist: look for the bucket's name with `aws s3 ls`, or in the outputs of `log2aws stack deploy`"
    )]
    NoBucket(String),
    /// The dashboard's cache folder cannot be used.
    #[error("{} could not be made or read: {source}; it holds nothing that cannot be made again", path.display())]
    Cache {
        /// The folder.
        path: PathBuf,
        /// The underlying error.
        source: io::Error,
    },
    /// The registry of keys cannot be made.
    #[error("the registry of the servers' keys, {0}, could not be made")]
    KeyRegistry(&'static str, #[source] StoreError),
    /// The operating system gave no random bytes for a key.
    #[error("the operating system gave no random bytes for a new key: {0}")]
    Random(String),
    /// Without a public URL the presigned URLs would be unusable.
    #[error(
        "listening on {0}, which is no address that a server can connect to: set --public-url to the URL under which servers reach this machine"
    )]
    PublicUrlNeeded(std::net::SocketAddr),
    /// Behind a proxy on this machine everybody would be allowed.
    #[error(
        "behind a proxy every caller would count as {0}, which the allow-list lets in: set --trusted-proxy to the address of the proxy that serves --public-url, or take {0} off --allow-hosts"
    )]
    OpenProxy(IpAddr),
    /// The certificate or its key is unusable.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The URL of a webhook cannot be used.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// The public URL is invalid for signing.
    #[error("the public URL cannot be used: {0}")]
    PublicUrl(#[from] log2aws_service::signer::EndpointError),
    /// The listener cannot be used.
    #[error("the listening socket failed: {0}")]
    Listen(#[source] io::Error),
    /// A thread cannot be started.
    #[error("a thread for {what} could not be started: {source}")]
    Thread {
        /// The purpose of the thread.
        what: &'static str,
        /// The underlying error.
        source: io::Error,
    },
}

/// An operation on a key file.
#[derive(Clone, Copy, Debug)]
pub enum KeyFileAction {
    /// It was read.
    Read,
    /// It was written.
    Written,
}

impl fmt::Display for KeyFileAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Written => "written",
        })
    }
}
