//! Roots and proofs of a Merkle tree: RFC 6962, section 2.1, checked as in RFC 9162, section 2.1.

use crate::hash::Hash;

/// The longest proof that is read: a tree has less than 2^64 leaves.
pub const MAX_PROOF: usize = 64;

/// Gives the hashes of complete subtrees.
pub trait Nodes {
    /// Why a hash is not to be had.
    type Error;

    /// The hash of the subtree over the leaves `index << level .. (index + 1) << level`.
    ///
    /// # Errors
    /// The source's.
    fn node(&mut self, level: u8, index: u64) -> Result<Hash, Self::Error>;
}

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf or the older tree is not inside of the tree.
    #[error("the proof is for a place outside of the tree")]
    Outside,
    /// A proof of such a place has another length.
    #[error("the proof has {0} hashes, which is not the number for its place in the tree")]
    Length(usize),
    /// It leads to another root.
    #[error("the proof leads to another root")]
    Root,
}

/// The root of the tree of the first `size` leaves.
///
/// # Errors
/// Those of `nodes`.
pub fn root<N: Nodes>(size: u64, nodes: &mut N) -> Result<Hash, N::Error> {
    if size == 0 { Ok(Hash::of_empty_tree()) } else { range(0, size, nodes) }
}

/// The hash over the leaves `low..high`. There must be one at least, and `low` must be a multiple
/// of the power of two that is not less than their number.
fn range<N: Nodes>(low: u64, high: u64, nodes: &mut N) -> Result<Hash, N::Error> {
    let count = high - low;
    if count.is_power_of_two() {
        let level = count.trailing_zeros();
        return nodes.node(u8::try_from(level).unwrap_or(63), low >> level);
    }
    let left = split(count);
    let (left, right) = (range(low, low + left, nodes)?, range(low + left, high, nodes)?);
    Ok(Hash::of_node(&left, &right))
}

/// The largest power of two less than `count`, which is at least 2.
fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// The hashes from the leaf at `index` to the root of the first `size` leaves, the leaf's sibling
/// first. Empty if there is no such leaf.
///
/// # Errors
/// Those of `nodes`.
pub fn inclusion<N: Nodes>(index: u64, size: u64, nodes: &mut N) -> Result<Vec<Hash>, N::Error> {
    let mut proof = Vec::new();
    if index < size {
        let (mut low, mut high) = (0, size);
        while high - low > 1 {
            let middle = low + split(high - low);
            if index < middle {
                proof.push(range(middle, high, nodes)?);
                high = middle;
            } else {
                proof.push(range(low, middle, nodes)?);
                low = middle;
            }
        }
    }
    proof.reverse();
    Ok(proof)
}

/// Checks that the leaf with hash `leaf` is at `index` of the tree with this size and root.
///
/// # Errors
/// [`ProofError`].
pub fn check_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Outside);
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for other in proof {
        if last == 0 {
            return Err(ProofError::Length(proof.len()));
        }
        if at & 1 == 1 || at == last {
            hash = Hash::of_node(other, &hash);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            hash = Hash::of_node(&hash, other);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    if last != 0 {
        return Err(ProofError::Length(proof.len()));
    }
    if hash == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// The hashes that show that the tree of the first `old` leaves is the beginning of that of the
/// first `new` ones. Empty if `old` is 0 or not less than `new`.
///
/// # Errors
/// Those of `nodes`.
pub fn consistency<N: Nodes>(old: u64, new: u64, nodes: &mut N) -> Result<Vec<Hash>, N::Error> {
    let mut proof = Vec::new();
    if old > 0 && old < new {
        let (mut low, mut high, mut whole) = (0, new, true);
        while old != high {
            let middle = low + split(high - low);
            if old <= middle {
                proof.push(range(middle, high, nodes)?);
                high = middle;
            } else {
                proof.push(range(low, middle, nodes)?);
                (low, whole) = (middle, false);
            }
        }
        if !whole {
            proof.push(range(low, high, nodes)?);
        }
    }
    proof.reverse();
    Ok(proof)
}

/// Checks that the tree with the root `old_root` is the beginning of the one with `new_root`.
///
/// # Errors
/// [`ProofError`]. Nothing follows from an empty tree, so that is an error, too.
pub fn check_consistency(
    (old, old_root): (u64, &Hash),
    (new, new_root): (u64, &Hash),
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old > new || old == 0 {
        return Err(ProofError::Outside);
    }
    if old == new {
        if !proof.is_empty() {
            return Err(ProofError::Length(proof.len()));
        }
        return if old_root == new_root { Ok(()) } else { Err(ProofError::Root) };
    }
    let wrong_length = ProofError::Length(proof.len());
    // The root of a complete tree is not repeated in the proof.
    let (first, rest) = if old.is_power_of_two() {
        (old_root, proof)
    } else {
        proof.split_first().ok_or(wrong_length)?
    };
    let (mut at, mut last) = (old - 1, new - 1);
    while at & 1 == 1 {
        (at, last) = (at >> 1, last >> 1);
    }
    let (mut from_old, mut from_new) = (*first, *first);
    if rest.is_empty() {
        return Err(wrong_length);
    }
    for other in rest {
        if last == 0 {
            return Err(wrong_length);
        }
        if at & 1 == 1 || at == last {
            from_old = Hash::of_node(other, &from_old);
            from_new = Hash::of_node(other, &from_new);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            from_new = Hash::of_node(&from_new, other);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    if last != 0 {
        return Err(wrong_length);
    }
    if from_old == *old_root && from_new == *new_root { Ok(()) } else { Err(ProofError::Root) }
}
