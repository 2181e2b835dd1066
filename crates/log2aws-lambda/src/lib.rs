//! log2aws on AWS Lambda: what generate-url and analyze-log share, and generate-url itself.
//!
//! Each program is a few lines: it reads its [`environment`], fetches its [`settings`] from
//! Parameter Store, and passes every invocation to the same handler as `serve` does. This crate
//! links no AWS SDK; analyze-log, which needs one, is a crate of its own.

pub mod environment;
pub mod front;
pub mod function;
pub mod logs;
pub mod metrics;
pub mod object_reader;
pub mod settings;
