//! What runs on the servers: take samples, ship day logs.
//!
//! Built to be small and to lose nothing: no async runtime, no AWS SDK, no key of AWS. What the
//! two verbs need of the world (time, zone, the machine's files) arrives in a [`world::World`].

mod as_text;
pub mod doctor;
pub mod run;
pub mod sample;
pub mod ship;
pub mod spool;
pub mod status;
pub mod world;

/// Where day logs stand unless told otherwise.
pub const DEFAULT_LOG_DIR: &str = "/var/log/log2aws";

/// Where the agent keeps what it must not forget, unless told otherwise: on a disk that outlasts
/// a reboot, or everything would be delivered again.
pub const DEFAULT_STATE_DIR: &str = "/var/lib/log2aws-agent";
