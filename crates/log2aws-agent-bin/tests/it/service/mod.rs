//! `log2aws-agent run` and `status` as they are installed: the real program, its signals, its
//! processes, a service manager's socket, a real server.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod agent;
mod flags;
mod life;
mod shipping;
mod status;
