//! Proof that the agent loses nothing, with a real server behind a fault-injecting proxy.
//!
//! Whatever the network does, wherever a process is killed and however the clock is set: at the end
//! every sampled line is in the store exactly once as part of its day's log, byte for byte. A
//! failing run prints its seed; `LOG2AWS_AGENT_SEED` repeats it.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod alone;
mod durable;
mod faults;
mod journal;
mod kills;
mod oracle;
mod proxy;
mod server;
mod simulation;
mod small_disk;
mod syscalls;
mod wire;
