//! `log2aws serve` as a library: the router, the S3 API and the analyzer threads in one process.
//!
//! [`Server::open`] takes a data folder, [`Server::run`] a listener and a shutdown; the caller owns
//! the runtime, the signals and the log.
//!
//! What this crate never does: answer for an object before it is on disk, serve an unsigned S3
//! request, print a URL's query or a key, or run analysis on a thread of the runtime.

mod analyst;
mod cache;
mod config;
mod credentials;
mod http;
mod metrics;
mod retention;
mod s3;
mod server;
mod shown;
mod stamp;
mod sweeper;
mod tls;
mod ui;
mod viewer;
mod worker;

pub use config::{DEFAULT_REQUESTS_PER_SECOND, KeyFileAction, ServeConfig, ServeError};
pub use credentials::{KeyPair, PROFILE, REGION};
pub use server::{ANALYZED_BUCKET, RAW_BUCKET, Server};
pub use tls::{TlsError, TlsFiles};
pub use ui::SecretUrl;
pub use viewer::{ViewConfig, Viewer};
