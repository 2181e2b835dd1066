//! The two handlers of log2aws over their ports: the same code on Lambda and in `serve`.
//!
//! This crate never starts a runtime, links an AWS SDK, opens a file or socket, or reads the clock
//! or the environment. All of that is passed in through [`ports`].

pub mod analyze;
pub mod delivery_log;
pub mod http;
pub mod ports;
pub mod signer;
