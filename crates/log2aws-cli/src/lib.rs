//! Shared by both command lines: one rule for flags, environment and config file, the exit codes,
//! and the agent's verbs.
//!
//! `log2aws` has all verbs, `log2aws-agent` only those for servers; both use this code.

pub mod agent;
pub mod config;
pub mod examples;
pub mod exit;
mod parse;

pub use self::parse::{HIDDEN_VALUE, parse};
