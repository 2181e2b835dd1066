//! The ground on which log2aws stands on AWS: S3 behind the store's port.
//!
//! What this crate never does: read the environment or the clock, look for credentials, print.
//! Keys and region come as arguments; a log or its name is all that errors tell.

mod body_limit;
mod client;
mod fault;
mod list;
mod s3;
mod upload;

pub use client::{Keys, S3Place, S3PlaceError, client};
pub use s3::S3Store;
