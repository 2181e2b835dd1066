//! The two handlers of log2aws over their ports: the same code on Lambda and in `serve`.
//!
//! What this crate never does: start a runtime, link an AWS SDK, open a file or socket, read the
//! clock or the environment. Worlds above hand those in through [`ports`].

pub mod analyze;
pub mod http;
pub mod ports;
pub mod signer;
