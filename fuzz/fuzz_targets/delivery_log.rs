//! What an auditor is handed: receipts, checkpoints, keys, entries, bundles. What is accepted reads
//! back as the same bytes.
#![cfg_attr(fuzzing, no_main)]

use log2aws_fuzz::fuzz_target;
use log2aws_tlog::checkpoint::SignedCheckpoint;
use log2aws_tlog::delivery::Delivery;
use log2aws_tlog::note::VerifierKey;
use log2aws_tlog::receipt::Receipt;
use log2aws_tlog::tile::{Tile, parse_bundle};

const KEY: &str = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";

fuzz_target!(|bytes: &[u8]| {
    let keys = [KEY.parse::<VerifierKey>().expect("the key of a test")];
    if let Ok(receipt) = Receipt::parse(bytes) {
        assert_eq!(receipt.to_string().as_bytes(), bytes);
        let _ = receipt.check(&keys, &keys);
    }
    if let Ok(checkpoint) = SignedCheckpoint::parse(bytes) {
        let _ = checkpoint.verify(&keys);
        let again = SignedCheckpoint::parse(checkpoint.to_string().as_bytes());
        assert_eq!(again.as_ref(), Ok(&checkpoint));
    }
    if let Ok(delivery) = Delivery::parse(bytes) {
        assert_eq!(delivery.to_bytes(), bytes);
    }
    for width in [1, 2, 256] {
        let entries = parse_bundle(bytes, width);
        assert!(entries.is_none_or(|entries| entries.len() == usize::from(width)));
    }
    if let Ok(text) = str::from_utf8(bytes) {
        if let Some(tile) = Tile::parse(text) {
            assert_eq!(tile.to_string(), text);
        }
        if let Ok(key) = text.parse::<VerifierKey>() {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
    }
});
