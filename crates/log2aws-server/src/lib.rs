//! `log2aws serve` as a library: the router, the S3 API and the analyzer threads in one process.
//!
//! [`Server::open`] opens a data folder, [`Server::run`] serves on a listener until a shutdown; the
//! caller owns the runtime, the signals and the log.
//!
//! This crate never acknowledges an object before it is on disk, serves an unsigned S3 request,
//! prints a URL's query or a key, or runs analysis on a thread of the runtime.

mod alerts;
mod analysis;
mod audit;
mod background;
mod config;
mod credentials;
mod dashboard;
mod delivery_log;
mod endpoint;
mod file_fingerprint;
mod folder_cache;
mod hashed_map;
mod http;
mod key_registry;
mod metrics;
mod object_reader;
mod s3;
mod server;
mod start_warnings;
#[cfg(test)]
mod test_clock;
mod ui;
mod view_server;

pub use alerts::{
    AlertConfig, PastAlerts, SendError, Sender, TellError, UrlSource, Webhook, WebhookError,
    WebhookUrl,
};
pub use audit::{AUDIT_FOLDER, AUDIT_SUFFIX, AuditConfig, AuditEvent, EVENTS, MAX_LINE_BYTES};
pub use config::{DEFAULT_REQUESTS_PER_SECOND, DoorLimits, KeyFileAction, ServeConfig, ServeError};
pub use credentials::{KeyPair, PROFILE, REGION, Token};
pub use delivery_log::{LogKeyAdmin, LogKeyError};
pub use http::tls::{TlsError, TlsFiles};
pub use log2aws_store::disk::snapshot::{Snapshot, SnapshotError, snapshot};
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub use server::in_process;
pub use server::{ANALYZED_BUCKET, RAW_BUCKET, Server};
pub use start_warnings::{Exposure, expiring_final_days, start_warnings};
pub use ui::{
    BadTokenName, NamedTokensError, Rights, SecretUrl, TokenAdmin, TokenError, TokenInfo, TokenName,
};
pub use view_server::{ViewConfig, ViewServer};
