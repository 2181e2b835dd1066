//! Proofs: the vectors of transparency-dev/merkle, and each proof of small trees.

use log2aws_tlog::hash::Hash;
use log2aws_tlog::merkle::{
    Nodes, check_consistency, check_inclusion, consistency, inclusion, root,
};
use proptest::prelude::*;
use serde::Deserialize;

use crate::{naive_root, testdata};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inclusion {
    path: String,
    leaf_idx: u64,
    tree_size: u64,
    root: String,
    leaf_hash: String,
    proof: Option<Vec<String>>,
    want_err: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Consistency {
    path: String,
    size1: u64,
    size2: u64,
    root1: String,
    root2: String,
    proof: Option<Vec<String>>,
    want_err: bool,
}

/// A hash of a vector. Some have other texts in its place, which are only to be compared.
fn hash(text: &str) -> Hash {
    Hash::parse(text).unwrap_or_else(|| Hash::of_leaf(text.as_bytes()))
}

/// The hashes of a proof; `None` if one has another length, which this program refuses earlier.
fn hashes(proof: Option<&Vec<String>>) -> Option<Vec<Hash>> {
    proof.map_or(Some(Vec::new()), |proof| proof.iter().map(|hash| Hash::parse(hash)).collect())
}

#[test]
fn inclusion_proofs_are_judged_as_the_vectors_say() {
    let (mut good, mut bad) = (0, 0);
    for line in testdata("inclusion.jsonl").lines() {
        let case: Inclusion = serde_json::from_str(line).unwrap();
        let checked = || {
            let (leaf, root) = (Hash::parse(&case.leaf_hash)?, hash(&case.root));
            let proof = hashes(case.proof.as_ref())?;
            check_inclusion(&leaf, case.leaf_idx, case.tree_size, &root, &proof).ok()
        };
        assert_eq!(checked().is_none(), case.want_err, "{}", case.path);
        if case.want_err { bad += 1 } else { good += 1 }
    }
    assert_eq!((good, bad), (6, 92));
}

#[test]
fn consistency_proofs_are_judged_as_the_vectors_say() {
    let (mut good, mut bad) = (0, 0);
    for line in testdata("consistency.jsonl").lines() {
        let case: Consistency = serde_json::from_str(line).unwrap();
        let checked = || {
            let (old, new) = (hash(&case.root1), hash(&case.root2));
            let proof = hashes(case.proof.as_ref())?;
            check_consistency((case.size1, &old), (case.size2, &new), &proof).ok()
        };
        assert_eq!(checked().is_none(), case.want_err, "{}", case.path);
        if case.want_err { bad += 1 } else { good += 1 }
    }
    assert_eq!((good, bad), (6, 92));
}

/// Computes each node from all leaves.
struct Naive(Vec<Vec<u8>>);

impl Nodes for Naive {
    type Error = String;

    fn node(&mut self, level: u8, index: u64) -> Result<Hash, String> {
        let (from, to) = ((index << level) as usize, ((index + 1) << level) as usize);
        let leaves = self.0.get(from..to).ok_or(format!("no node {index} of level {level}"))?;
        Ok(naive_root(leaves))
    }
}

fn leaves(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|leaf| leaf.to_string().into_bytes()).collect()
}

#[test]
fn every_proof_of_a_small_tree_is_one_and_of_nothing_else() {
    let all = leaves(40);
    let roots: Vec<Hash> = (0..=40).map(|size| naive_root(&all[..size])).collect();
    let mut nodes = Naive(all.clone());
    for new in 1..=40_u64 {
        assert_eq!(root(new, &mut nodes).unwrap(), roots[new as usize]);
        for index in 0..new {
            let proof = inclusion(index, new, &mut nodes).unwrap();
            let leaf = Hash::of_leaf(&all[index as usize]);
            let check = |index, size: u64, proof: &[Hash]| {
                check_inclusion(&leaf, index, size, &roots[size as usize], proof)
            };
            assert_eq!(check(index, new, &proof), Ok(()));
            for other in (0..new).filter(|other| *other != index) {
                assert!(check(other, new, &proof).is_err(), "{index} as {other} of {new}");
            }
            assert!(check(index, new - 1, &proof).is_err());
        }
        for old in 1..=new {
            let proof = consistency(old, new, &mut nodes).unwrap();
            let check = |old: u64, new: u64, proof: &[Hash]| {
                let (before, now) = (&roots[old as usize], &roots[new as usize]);
                check_consistency((old, before), (new, now), proof)
            };
            assert_eq!(check(old, new, &proof), Ok(()));
            for other in (1..new).filter(|other| *other != old) {
                assert!(check(other, new, &proof).is_err(), "{old} as {other} to {new}");
            }
        }
    }
}

proptest! {
    /// Sizes up to 2^64 - 1 neither overflow nor loop.
    #[test]
    fn any_numbers_are_judged(
        numbers in (any::<u64>(), any::<u64>()),
        proof in prop::collection::vec(any::<[u8; 32]>(), 0..70),
    ) {
        let (a, b) = numbers;
        let proof: Vec<Hash> = proof.into_iter().map(Hash).collect();
        let hash = Hash([7; 32]);
        prop_assert!(check_inclusion(&hash, a, b, &hash, &proof).is_err());
        prop_assert!(a == b || check_consistency((a, &hash), (b, &hash), &proof).is_err());
    }
}
