//! Stores: in memory, and durable on a local disk.
//!
//! [`MemoryStore`] is small and keeps nothing when it is dropped. [`DiskStore`] is durable: a body
//! is staged, hashed, fsynced and renamed into place, and the folder fsynced, before its put is
//! acknowledged. Both pass [`conformance`], which every store of log2aws passes.
//!
//! All are used through the port of `log2aws-service`:
//!
//! ```
//! use std::io::{Read as _, Write as _};
//!
//! use log2aws_core::key::{BucketName, ObjectKey};
//! use log2aws_service::ports::Store;
//! use log2aws_store::{BucketSpec, MemoryStore};
//!
//! /// Copies the newest version of an object.
//! fn copy(store: &dyn Store, bucket: &BucketName, from: &ObjectKey, to: &ObjectKey) {
//!     let newest = store.head(bucket, from).unwrap().expect("there is no such object");
//!     let mut reader = store.open(bucket, from, &newest.id).unwrap();
//!     let mut upload = store.create(bucket, to, "text/plain").unwrap();
//!     std::io::copy(&mut reader, &mut upload).unwrap();
//!     // Dropped without this, nothing of it is left.
//!     let copied = upload.commit().unwrap();
//!     assert_eq!(copied.size, newest.size);
//! }
//!
//! let bucket: BucketName = "analyzedlogs-local".parse().unwrap();
//! let (from, to) = ("web01/a.csv".parse().unwrap(), "web01/b.csv".parse().unwrap());
//! let store = MemoryStore::new(&[BucketSpec { name: bucket.clone(), versioned: false }]);
//! let mut upload = store.create(&bucket, &from, "text/plain").unwrap();
//! upload.write_all(b"datetime\n").unwrap();
//! upload.commit().unwrap();
//! copy(&store, &bucket, &from, &to);
//! assert!(store.head(&bucket, &to).unwrap().is_some());
//! ```
//!
//! What this crate never does: speak HTTP, start a runtime, read the clock (it is an argument), or
//! overwrite the only copy of anything.

pub mod conformance;
pub mod disk;
mod memory;

use log2aws_core::key::BucketName;

pub use disk::DiskStore;
pub use memory::MemoryStore;

/// The specification of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketSpec {
    /// Its name.
    pub name: BucketName,
    /// Whether older bodies of a key are kept under their version ids.
    pub versioned: bool,
}
