//! What both command lines share: one rule for flags, environment and config file, the exit
//! codes, and the verbs of the servers.
//!
//! A door of the house: it reads the command line and hands over the world. `log2aws` has all
//! verbs, `log2aws-agent` those of the servers alone; what a verb takes and says is written once.

pub mod agent;
pub mod config;
pub mod exit;
mod parse;

pub use self::parse::parse;
