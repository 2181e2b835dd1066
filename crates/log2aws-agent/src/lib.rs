//! The agent on the servers: takes samples and ships day logs.
//!
//! Built to be small and to lose nothing: no async runtime, no AWS SDK, no AWS credentials. Time,
//! zone and the machine's files are in a [`world::World`] argument.

mod day_serde;
pub mod doctor;
pub mod enrol;
pub mod net;
pub mod run;
pub mod sample;
pub mod server_keys;
pub mod ship;
pub mod spool;
pub mod status;
pub mod world;

/// The default folder of the day logs.
pub const DEFAULT_LOG_DIR: &str = "/var/log/log2aws";

/// The default state folder. It must survive a reboot, or everything would be delivered again.
pub const DEFAULT_STATE_DIR: &str = "/var/lib/log2aws-agent";
