//! Tiles and bundles: those of transparency-dev/tessera, and trees of many sizes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use log2aws_tlog::checkpoint::SignedCheckpoint;
use log2aws_tlog::hash::Hash;
use log2aws_tlog::layout::{PREFIX, day_key, is_of_log, partial_prefix, tile_key};
use log2aws_tlog::merkle::{check_consistency, check_inclusion, consistency, inclusion, root};
use log2aws_tlog::note::{SigningKey, VerifierKey};
use log2aws_tlog::tile::{FULL, Growth, Kind, Tile, TileNodes, parse_bundle, width_in};
use proptest::prelude::*;
use serde::Deserialize;

use crate::{naive_root, testdata};

#[derive(Deserialize)]
struct File {
    path: String,
    base64: String,
}

#[test]
fn a_log_of_tessera_is_made_byte_by_byte() {
    let files: BTreeMap<String, Vec<u8>> = testdata("tessera.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<File>(line).unwrap())
        .map(|file| (file.path, BASE64_STANDARD.decode(file.base64).unwrap()))
        .collect();
    // `testdata/build_log.sh` of transparency-dev/tessera at 1811ae1.
    let secret = "PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg";
    let key = SigningKey::parse(secret).unwrap();
    let keys: [VerifierKey; 1] = [key.verifier().clone()];
    let entries = parse_bundle(&files["tile/entries/000.p/15"], 15).unwrap();
    assert_eq!(entries[7], b"eit");
    let mut grown = Growth::default();
    let mut compared = 0;
    for size in 0..=15_u64 {
        if size > 0 {
            let entry = entries[size as usize - 1].as_slice();
            for new in grown.append([entry].into_iter()).unwrap() {
                assert_eq!(new.bytes, files[&new.tile.to_string()], "{}", new.tile);
                compared += 1;
            }
        }
        let theirs = SignedCheckpoint::parse(&files[&format!("checkpoint.{size}")]).unwrap();
        theirs.verify(&keys).unwrap();
        assert_eq!((grown.size(), grown.root()), (size, theirs.checkpoint().root));
        let ours = theirs.checkpoint().sign(std::slice::from_ref(&key)).unwrap();
        assert_eq!(ours.to_string().into_bytes(), files[&format!("checkpoint.{size}")]);
    }
    assert_eq!(compared, 30);
}

#[test]
fn a_path_is_that_of_the_specification() {
    // tlog-tiles, "Merkle Tree": "index 1234067 will be encoded as x001/x234/067".
    let tile = |kind, index, width| Tile { kind, index, width };
    for (tile, path) in [
        (tile(Kind::Hashes(0), 1_234_067, FULL), "tile/0/x001/x234/067"),
        (tile(Kind::Hashes(2), 0, 1), "tile/2/000.p/1"),
        (tile(Kind::Entries, 999, 255), "tile/entries/999.p/255"),
        (tile(Kind::Entries, 1000, FULL), "tile/entries/x001/000"),
    ] {
        assert_eq!(tile.to_string(), path);
        assert_eq!(Tile::parse(path), Some(tile));
    }
    for wrong in [
        "tile/0/x000/067",
        "tile/0/67",
        "tile/00/067",
        "tile/64/067",
        "tile/0/067.p/0",
        "tile/0/067.p/256",
        "tile/0/067.p/07",
        "tile/0/+67",
        "tile/-1/067",
        "tile/0/067/068",
        "tile/0/x067",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        "tile/entries/",
        "checkpoint",
    ] {
        assert_eq!(Tile::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn the_tiles_of_a_tree_are_those_of_the_specification() {
    // tlog-tiles, "Partial Tiles": "a tree of size 70,000 will be represented by 273 full level 0
    // tiles, one partial level 0 tile of width 112, one full level 1 tile, one partial level 1 tile
    // of width 17, and one partial level 2 tile of width 1. Note that a tree of size 256 will be
    // represented by a full level 0 tile and a partial level 1 tile of width 1."
    let tiles = |size: usize| {
        let entry: &[u8] = b"x";
        let new = Growth::default().append(std::iter::repeat_n(entry, size)).unwrap();
        let mut counts: BTreeMap<(Kind, u16), usize> = BTreeMap::new();
        for new in new {
            *counts.entry((new.tile.kind, new.tile.width)).or_default() += 1;
            let width = width_in(new.tile.kind, new.tile.index, size as u64);
            assert_eq!(width, new.tile.width, "{}", new.tile);
        }
        counts.into_iter().collect::<Vec<_>>()
    };
    let (zero, one, two) = (Kind::Hashes(0), Kind::Hashes(1), Kind::Hashes(2));
    let bundles = [((Kind::Entries, 112), 1), ((Kind::Entries, FULL), 273)];
    let hashes =
        [((zero, 112), 1), ((zero, FULL), 273), ((one, 17), 1), ((one, FULL), 1), ((two, 1), 1)];
    assert_eq!(tiles(70_000), [&hashes[..], &bundles[..]].concat());
    assert_eq!(tiles(256), [((zero, FULL), 1), ((one, 1), 1), ((Kind::Entries, FULL), 1)]);
}

#[test]
fn the_objects_of_the_log_are_known_by_their_keys() {
    let tile = Tile { kind: Kind::Entries, index: 3, width: 7 };
    assert_eq!(partial_prefix(tile), "tlog/tile/entries/003.p/");
    let day = day_key("2019-08-01".parse().unwrap());
    for key in [&*tile_key(tile), &day, "tlog/checkpoint", "tlog/pending", "tlog/keys"] {
        assert!(is_of_log(key) && key.starts_with(PREFIX), "{key}");
    }
    for key in ["tlog/2019-08-01.json", "web01/2019-08-01.csv", "tlog/", "tlog/checkpoint.json"] {
        assert!(!is_of_log(key), "{key}");
    }
}

/// A store of tiles in memory.
#[derive(Default)]
struct Tiles(BTreeMap<Tile, Vec<u8>>);

impl Tiles {
    fn read(&self, tile: Tile) -> Result<Vec<u8>, String> {
        self.0.get(&tile).cloned().ok_or(format!("{tile} is missing"))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// In whatever portions a log grows, and however often the process starts over from what is
    /// stored: the tree is that of all entries, and every proof between two checkpoints holds.
    #[test]
    fn a_log_that_grows_in_portions_is_one_log(
        portions in prop::collection::vec(0..300_usize, 1..5),
        entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1200),
        pick in any::<prop::sample::Index>(),
    ) {
        let (mut tiles, mut heads) = (Tiles::default(), vec![(0, Hash::of_empty_tree())]);
        for portion in portions {
            let size = heads.last().unwrap().0;
            let mut grown = Growth::read(size, |tile| tiles.read(tile)).unwrap();
            let next = &entries[size as usize..size as usize + portion];
            for new in grown.append(next.iter().map(Vec::as_slice)).unwrap() {
                let before = tiles.0.insert(new.tile, new.bytes.clone());
                prop_assert!(before.is_none_or(|before| before == new.bytes));
            }
            heads.push((grown.size(), grown.root()));
        }
        let (size, head) = *heads.last().unwrap();
        prop_assert_eq!(head, naive_root(&entries[..size as usize]));
        let mut nodes = TileNodes::new(size, |tile| tiles.read(tile));
        prop_assert_eq!(root(size, &mut nodes).unwrap(), head);
        for (old, before) in heads.iter().filter(|(old, _)| *old > 0) {
            let proof = consistency(*old, size, &mut nodes).unwrap();
            prop_assert_eq!(check_consistency((*old, before), (size, &head), &proof), Ok(()));
        }
        if size > 0 {
            let index = pick.index(size as usize) as u64;
            let proof = inclusion(index, size, &mut nodes).unwrap();
            let leaf = Hash::of_leaf(&entries[index as usize]);
            prop_assert_eq!(check_inclusion(&leaf, index, size, &head, &proof), Ok(()));
        }
    }

    #[test]
    fn a_damaged_edge_is_found(
        size in 1..600_usize,
        byte in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let entries: Vec<Vec<u8>> = (0..size).map(|n| n.to_string().into_bytes()).collect();
        let mut grown = Growth::default();
        let new = grown.append(entries.iter().map(Vec::as_slice)).unwrap();
        let mut tiles = Tiles(new.into_iter().map(|new| (new.tile, new.bytes)).collect());
        let edge: Vec<Tile> = tiles.0.keys().filter(|tile| !tile.is_full()).copied().collect();
        for tile in edge {
            let bytes = tiles.0.get_mut(&tile).unwrap();
            let at = byte.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let read = Growth::read(size as u64, |tile| tiles.read(tile));
            prop_assert!(read.map_or(true, |read| read.root() != grown.root()), "{}", tile);
            tiles.0.get_mut(&tile).unwrap()[at] ^= 1 << bit;
        }
    }

    #[test]
    fn any_bytes_are_a_bundle_or_not(bytes in prop::collection::vec(any::<u8>(), 0..600), width in 0..300_u16) {
        if let Some(entries) = parse_bundle(&bytes, width) {
            prop_assert_eq!(entries.len(), usize::from(width));
            let again: Vec<u8> = entries
                .iter()
                .flat_map(|entry| (entry.len() as u16).to_be_bytes().into_iter().chain(entry.iter().copied()))
                .collect();
            prop_assert_eq!(again, bytes);
        }
    }
}
