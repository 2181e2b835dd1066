//! The way out: HTTP requests of `ship` and `doctor`, through a proxy if one is set.
//!
//! One client connects for both, and records each step in a `Trace`, so that `doctor` tests what
//! `ship` does.

use std::path::PathBuf;
use std::time::Duration;

mod absolute;
mod ca;
pub(crate) mod certificate;
pub(crate) mod client;
mod connect;
pub(crate) mod endpoint;
pub(crate) mod error;
pub(crate) mod proxy;
mod tcp;
pub(crate) mod tls;
pub(crate) mod trace;
mod tunnel;

pub use self::ca::CaError;
pub use self::proxy::{Proxies, is_proxy_url};

/// The default timeout for a connection without progress.
pub const DEFAULT_STALL: Duration = Duration::from_mins(1);

/// Proxies, certificates and timeouts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The HTTP proxies.
    pub proxies: Proxies,
    /// CA certificates (PEM) to trust in addition to the machine's own.
    pub ca_file: Option<PathBuf>,
    /// The machine's own CA certificates; without both, those that OpenSSL would use.
    pub ssl_cert_file: Option<PathBuf>,
    /// The folder of the machine's own CA certificates.
    pub ssl_cert_dir: Option<PathBuf>,
    /// How long a connection may be without progress before it counts as lost.
    pub stall: Duration,
}

impl Default for Network {
    /// No proxy, and the machine's certificates.
    fn default() -> Self {
        Self {
            proxies: Proxies::default(),
            ca_file: None,
            ssl_cert_file: None,
            ssl_cert_dir: None,
            stall: DEFAULT_STALL,
        }
    }
}
