//! What runs on the servers: take samples, ship day logs.
//!
//! Built to be small and to lose nothing: no async runtime, no AWS SDK, no key of AWS. What the
//! two verbs need of the world (time, zone, the machine's files) arrives in a [`world::World`].

pub mod sample;
pub mod ship;
pub mod world;
