//! What `serve` is told at its start, and why it may refuse to start.

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
use log2aws_service::analyze::ChartFormats;
use log2aws_service::http::DayRules;
use url::Url;

use crate::audit::AuditConfig;
use crate::http::tls::{TlsError, TlsFiles};

/// URL requests a second that one source address may make, unless set otherwise.
///
/// A whole fleet may stand behind one NAT address, so this only stops a run-away loop.
pub const DEFAULT_REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(1000).unwrap();

/// What strangers may take of the machine before and while a delivery arrives. The defaults fit a
/// machine of 1 GiB and a fleet of 5,000 servers behind one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoorLimits {
    /// Connections at once; fewer where the process may not have so many files.
    pub max_connections: NonZeroUsize,
    /// How long a new connection may take to its first request's head, with the TLS handshake.
    pub head_timeout: Duration,
    /// Bytes a second at which a body must arrive, after its first 20 seconds; 0: any rate.
    pub min_body_rate: u32,
    /// How long one request's body may take in all.
    pub max_body_time: Duration,
    /// Memory for all arriving bodies together, in bytes.
    pub body_memory: u64,
    /// Threads that write bodies to the disk.
    pub writer_threads: NonZeroUsize,
    /// Uploads at once with one URL; one more ends the one that has waited longest for a byte.
    pub puts_per_url: NonZeroUsize,
    /// The largest log that a URL may put, in bytes.
    pub max_log_size: u64,
    /// Free space of the disk that no upload may use, in bytes; `None`: 5 % of the disk, 1 GiB at
    /// most.
    pub keep_free_space: Option<u64>,
    /// Servers that may deliver for the first time in an hour.
    pub max_new_servers: NonZeroU32,
}

impl Default for DoorLimits {
    fn default() -> Self {
        const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(2048).unwrap();
        const WRITERS: NonZeroUsize = NonZeroUsize::new(64).unwrap();
        const PUTS: NonZeroUsize = NonZeroUsize::new(2).unwrap();
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
            keep_free_space: None,
            max_new_servers: NEW_SERVERS,
        }
    }
}

/// What `serve` is told at its start.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// The data folder; made if it does not exist.
    pub data_dir: PathBuf,
    /// Who may ask for a URL and who may put.
    pub allow_list: AllowList,
    /// What presigned URLs are made for. `None`: `http://` and the address that is listened on,
    /// which must then be one that others can connect to.
    pub public_url: Option<Url>,
    /// The proxies whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    /// After how many days raw logs are removed; `None` keeps them.
    pub keep_raw_days: Option<NonZeroU32>,
    /// After how many days results are removed; `None` keeps them.
    pub keep_analyzed_days: Option<NonZeroU32>,
    /// Whether objects are removed by age though no log of the last day bears the clock out.
    pub retention_trust_clock: bool,
    /// Which days are taken, and when a delivered day is final.
    pub days: DayRules,
    /// Whether keys carry the spreading prefix.
    pub key_prefix: KeyPrefix,
    /// In which formats charts are kept; the others are drawn when they are asked for.
    pub charts: ChartFormats,
    /// URL requests a second from one source address (an IPv6 /64 counts as one), in bursts of
    /// at most twice as many.
    pub requests_per_second: NonZeroU32,
    /// How many logs are analyzed at once; `None`: eight for each core, 32 at most.
    pub analyzer_threads: Option<NonZeroUsize>,
    /// The zone by which the dashboard reckons today, and whether a log is due.
    pub time_zone: TimeZone,
    /// The certificate to speak TLS with; `None` speaks plain HTTP.
    pub tls: Option<TlsFiles>,
    /// What strangers may take of the machine.
    pub door: DoorLimits,
    /// How much of the audit log is kept.
    pub audit: AuditConfig,
}

impl ServeConfig {
    /// The defaults of design §5 for a data folder: loopback alone, everything kept.
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
            charts: ChartFormats::Svg,
            requests_per_second: DEFAULT_REQUESTS_PER_SECOND,
            analyzer_threads: None,
            time_zone: TimeZone::UTC,
            tls: None,
            door: DoorLimits::default(),
            audit: AuditConfig::default(),
        }
    }
}

/// Why `serve` did not start, or stopped. One sentence each: what, where, what to do.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data folder could not be opened.
    #[error(transparent)]
    Store(#[from] log2aws_store::disk::OpenError),
    /// A file with a key could not be read or written.
    #[error("{} could not be {doing}: {source}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What was being done to it.
        doing: KeyFileAction,
        /// The fault itself.
        source: io::Error,
    },
    /// A file with a key does not hold one.
    #[error("{} does not hold {expected}; restore it, or remove it to have a new one made", path.display())]
    KeyFileContent {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// A file with a key is open to other users of the machine.
    #[error("{} can be read by other users (mode {mode:03o}); run: chmod 600 {}", path.display(), path.display())]
    KeyFileOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file with a key was put there by another user.
    #[error("{} is a link or belongs to another user; remove it to have a new key made, or chown it", path.display())]
    KeyFileOwner {
        /// The file.
        path: PathBuf,
    },
    /// There is no bucket to view.
    #[error(
        "{0} does not exist: look for the bucket's name with `aws s3 ls`, or in the outputs of `log2aws stack deploy`"
    )]
    NoBucket(String),
    /// The dashboard's cache has no folder.
    #[error("{} could not be made or read: {source}; it holds nothing that cannot be made again", path.display())]
    Cache {
        /// The folder.
        path: PathBuf,
        /// The fault itself.
        source: io::Error,
    },
    /// The operating system gave no random bytes for a key.
    #[error("the operating system gave no random bytes for a new key: {0}")]
    Random(String),
    /// Without a public URL nobody could use the URLs that are handed out.
    #[error(
        "listening on {0}, which is no address that a server can connect to: set --public-url to the URL under which servers reach this machine"
    )]
    PublicUrlNeeded(std::net::SocketAddr),
    /// Behind a proxy on this machine everybody would be let in.
    #[error(
        "behind a proxy every caller would count as {0}, which the allow-list lets in: set --trusted-proxy to the address of the proxy that serves --public-url, or take {0} off --allow-hosts"
    )]
    OpenProxy(IpAddr),
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The public URL is none that a URL can be signed for.
    #[error("the public URL cannot be used: {0}")]
    PublicUrl(#[from] log2aws_service::signer::EndpointError),
    /// The listener could not be taken over.
    #[error("the listening socket failed: {0}")]
    Listen(#[source] io::Error),
    /// A thread could not be started.
    #[error("a thread for {what} could not be started: {source}")]
    Thread {
        /// What the thread was for.
        what: &'static str,
        /// The fault itself.
        source: io::Error,
    },
}

/// What was being done to a file with a key.
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
