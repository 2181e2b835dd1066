//! Stores: in memory, and durable on a local disk.
//!
//! [`MemoryStore`] is small and forgets everything. [`DiskStore`] writes down what it answers for:
//! a body is staged, hashed, fsynced and renamed into place before its put is acknowledged. Both
//! pass [`conformance`], which every store of log2aws passes.
//!
//! What this crate never does: speak HTTP, start a runtime, read the clock (it is an argument), or
//! overwrite the only copy of anything.

pub mod conformance;
pub mod disk;
mod memory;

use log2aws_core::key::BucketName;

pub use disk::DiskStore;
pub use memory::MemoryStore;

/// A bucket that a store is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketSpec {
    /// Its name.
    pub name: BucketName,
    /// Whether older bodies of a key are kept, each under its version id.
    pub versioned: bool,
}
