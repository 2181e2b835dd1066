//! The pure part of log2aws: text in, bytes out.
//!
//! This crate never reads or writes a file or socket, never uses the clock or the environment, and
//! never prints. Those are arguments; `clippy.toml` beside this crate enforces each rule.

pub mod alert;
pub mod allow_list;
pub mod chart;
pub mod convert;
pub mod coverage;
pub mod csv;
pub mod day;
pub mod day_clock;
pub mod day_report;
pub mod encrypted_url;
pub mod error_chain;
pub mod event;
mod excerpt;
mod hpke_seal;
pub mod key;
pub mod key_registry;
pub mod line;
pub mod measurement;
pub mod metadata;
pub mod plain_text;
pub mod refused;
pub mod reject;
pub mod reopening;
pub mod retired;
pub mod sample;
pub mod server_key;
pub mod server_name;
pub mod summary;
pub mod trend;
pub mod usual;
