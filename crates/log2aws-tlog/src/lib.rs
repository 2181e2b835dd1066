//! The append-only log of deliveries, in the forms that C2SP specifies.
//!
//! Every raw version that arrives becomes an entry ([`delivery`]). Entries are the leaves of one
//! Merkle tree ([`merkle`]), stored as tiles and entry bundles ([`tile`]); its head is a signed
//! checkpoint ([`checkpoint`]), which others may cosign. A receipt ([`receipt`]) proves that a
//! delivery is in the tree of a checkpoint. All formats are those of tlog-tiles, tlog-checkpoint,
//! signed-note, tlog-cosignature and tlog-proof, so that other programs can read and check them.
//!
//! No I/O: who reads and writes the objects passes bytes.

pub mod checkpoint;
pub mod delivery;
pub mod hash;
pub mod layout;
pub mod merkle;
pub mod note;
pub mod receipt;
pub mod tile;
