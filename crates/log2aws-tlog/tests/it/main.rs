//! Tests of the crate against other implementations, and properties.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::cast_possible_truncation, reason = "trees of tests are small")]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "tests read files and the clock, and print"
)]

mod merkle;
mod notes;
mod receipts;
mod tiles;

/// Reads a file of the golden data.
fn testdata(name: &str) -> String {
    let path = format!("{}/../../testdata/tlog/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap()
}

/// A naive tree: the definition of RFC 6962, section 2.1, word for word.
fn naive_root(leaves: &[Vec<u8>]) -> log2aws_tlog::hash::Hash {
    use log2aws_tlog::hash::Hash;
    match leaves {
        [] => Hash::of_empty_tree(),
        [leaf] => Hash::of_leaf(leaf),
        many => {
            let mut split = 1;
            while split * 2 < many.len() {
                split *= 2;
            }
            Hash::of_node(&naive_root(&many[..split]), &naive_root(&many[split..]))
        }
    }
}
