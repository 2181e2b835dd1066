//! `serve` as its clients see it: over TCP, on a disk, with real signatures.
//!
//! awscli, boto3, rclone and curl are tested with the command line.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod audit;
mod audit_files;
mod audit_losses;
mod background;
mod bad_input;
mod child;
mod client;
mod days;
mod delivery;
mod delivery_log;
mod door;
mod faulty_disk;
mod front;
mod harness;
mod raw_http;
mod s3_api;
mod s3_multipart;
mod s3_reads;
mod s3_writes;
mod tls;
mod ui;
