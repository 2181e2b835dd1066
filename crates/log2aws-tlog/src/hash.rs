//! The hashes of a Merkle tree, as in RFC 6962, section 2.1.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

/// The length of a hash in bytes.
pub const HASH_LEN: usize = 32;

/// A SHA-256 hash of a leaf, a node or a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; HASH_LEN]);

impl Hash {
    /// The root of the tree without leaves.
    pub fn of_empty_tree() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// The hash of a leaf with this content.
    pub fn of_leaf(entry: &[u8]) -> Self {
        Self(Sha256::new().chain_update([0]).chain_update(entry).finalize().into())
    }

    /// The hash of a node above these two.
    pub fn of_node(left: &Self, right: &Self) -> Self {
        let hash = Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0);
        Self(hash.finalize().into())
    }

    /// Parses the Base64 form; `None` if it is not the one that [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        // Longer texts cannot be one, and are not decoded.
        let bytes = (text.len() == 44).then(|| BASE64_STANDARD.decode(text).ok()).flatten()?;
        Some(Self(bytes.try_into().ok()?))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(self.0))
    }
}
