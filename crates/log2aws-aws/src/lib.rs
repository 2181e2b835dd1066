//! S3 on AWS as an implementation of the store's port.
//!
//! This crate never reads the environment or the clock, searches for credentials, or prints.
//! Credentials and region are arguments; errors name nothing but the object.

mod body_limit;
mod client;
mod connection;
mod fault;
mod list;
mod s3;
mod upload;

pub use client::{Keys, S3Place, S3PlaceError, client};
pub use s3::S3Store;
