//! `log2aws-agent run` and `status` as installed: the real program, signals, processes, a service
//! manager's socket, a real server.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod agent;
mod flags;
mod life;
mod settings;
mod shipping;
mod status;
