//! Tiles and entry bundles: <https://c2sp.org/tlog-tiles>.

use std::collections::HashMap;
use std::fmt;

use crate::hash::{HASH_LEN, Hash};
use crate::merkle::{self, Nodes};

/// The hashes of a full tile, and the entries of a full bundle.
pub const FULL: u16 = 256;

/// The longest entry, in bytes: its length is a 16-bit number.
pub const MAX_ENTRY: usize = u16::MAX as usize;

/// What a [`Tile`] contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Hashes of this level: 0 for those of leaves.
    Hashes(u8),
    /// The entries themselves.
    Entries,
}

/// The name of a tile or bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    /// What it contains.
    pub kind: Kind,
    /// Its number, from 0 at the left.
    pub index: u64,
    /// How many hashes or entries it has: 1 to [`FULL`].
    pub width: u16,
}

impl Tile {
    /// Whether nothing can be added to it.
    pub fn is_full(&self) -> bool {
        self.width == FULL
    }

    /// The same tile when it is full.
    #[must_use]
    pub fn full(self) -> Self {
        Self { width: FULL, ..self }
    }

    /// Parses the path below the log's prefix that [`fmt::Display`] writes; `None` for every other.
    pub fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("tile/")?;
        let (level, rest) = rest.split_once('/')?;
        let kind = if level == "entries" {
            Kind::Entries
        } else {
            Kind::Hashes(level.parse().ok().filter(|level| *level < 64)?)
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => {
                (number, width.parse().ok().filter(|w| (1..FULL).contains(w))?)
            }
            None => (rest, FULL),
        };
        let mut index: u64 = 0;
        for group in number.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            let group: u64 = (digits.len() == 3).then(|| digits.parse().ok()).flatten()?;
            index = index.checked_mul(1000)?.checked_add(group)?;
        }
        let tile = Self { kind, index, width };
        (tile.to_string() == path).then_some(tile)
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Hashes(level) => write!(f, "tile/{level}/")?,
            Kind::Entries => f.write_str("tile/entries/")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for group in groups[1..].iter().rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", groups[0])?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

/// How many hashes the tile has in a tree of this many leaves; 0 if it is not part of it.
pub fn width_in(kind: Kind, index: u64, size: u64) -> u16 {
    let shift = match kind {
        Kind::Hashes(level) => 8 * u32::from(level),
        Kind::Entries => 0,
    };
    let hashes = size.checked_shr(shift).unwrap_or(0);
    let before = index.saturating_mul(u64::from(FULL));
    u16::try_from(hashes.saturating_sub(before).min(u64::from(FULL))).unwrap_or(FULL)
}

/// The hashes in the bytes of a tile; `None` if they are not as many as it has.
pub fn parse_hashes(bytes: &[u8], width: u16) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<HASH_LEN>();
    let fits = rest.is_empty() && hashes.len() == usize::from(width);
    fits.then(|| hashes.iter().map(|hash| Hash(*hash)).collect())
}

/// The entries in the bytes of a bundle; `None` if they are not as many as it has.
pub fn parse_bundle(mut bytes: &[u8], width: u16) -> Option<Vec<Vec<u8>>> {
    let mut entries = Vec::with_capacity(usize::from(width));
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry.to_vec());
        if entries.len() > usize::from(width) {
            return None;
        }
        bytes = rest;
    }
    (bytes.is_empty() && entries.len() == usize::from(width)).then_some(entries)
}

/// The root over the hashes of a full tile, or over a power of two of them.
fn root_of(hashes: &[Hash]) -> Option<Hash> {
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        level = level.as_chunks::<2>().0.iter().map(|[l, r]| Hash::of_node(l, r)).collect();
    }
    level.first().copied()
}

/// The place of a node in tiles: level and index of the tile, and its hashes that are below it.
fn place(level: u8, index: u64) -> (u8, u64, std::ops::Range<usize>) {
    let (tile_level, inner) = (level / 8, level % 8);
    let first = index << inner;
    let at = usize::try_from(first % u64::from(FULL)).unwrap_or(0);
    (tile_level, first / u64::from(FULL), at..at + (1 << inner))
}

/// The nodes of a tree of a given size, from its tiles.
pub struct TileNodes<F> {
    size: u64,
    read: F,
    known: HashMap<(u8, u64), Vec<Hash>>,
}

impl<F> fmt::Debug for TileNodes<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TileNodes").field("size", &self.size).finish_non_exhaustive()
    }
}

/// A tile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TileError<E> {
    /// It could not be read.
    #[error(transparent)]
    Read(E),
    /// Its bytes are no tile of this width, or it is not part of the tree.
    #[error("{0} is damaged")]
    Damaged(Tile),
}

impl<E, F: FnMut(Tile) -> Result<Vec<u8>, E>> TileNodes<F> {
    /// The nodes of a tree of `size` leaves, whose tiles `read` returns.
    pub fn new(size: u64, read: F) -> Self {
        Self { size, read, known: HashMap::new() }
    }
}

impl<E, F: FnMut(Tile) -> Result<Vec<u8>, E>> Nodes for TileNodes<F> {
    type Error = TileError<E>;

    fn node(&mut self, level: u8, index: u64) -> Result<Hash, TileError<E>> {
        let (level, index, hashes) = place(level, index);
        let kind = Kind::Hashes(level);
        let tile = Tile { kind, index, width: width_in(kind, index, self.size) };
        let damaged = || TileError::Damaged(tile);
        if tile.width == 0 {
            return Err(damaged());
        }
        let known = match self.known.entry((level, index)) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => {
                let bytes = (self.read)(tile).map_err(TileError::Read)?;
                new.insert(parse_hashes(&bytes, tile.width).ok_or_else(damaged)?)
            }
        };
        known.get(hashes).and_then(root_of).ok_or_else(damaged)
    }
}

/// A tree that grows: the right edge of its tiles.
#[derive(Clone, Debug, Default)]
pub struct Growth {
    size: u64,
    /// The hashes of the last tile of each level; empty if that tile is full.
    levels: Vec<Vec<Hash>>,
    bundle: Vec<u8>,
}

/// An object of the log to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTile {
    /// Its name.
    pub tile: Tile,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// An entry has more than [`MAX_ENTRY`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an entry of the log has {0} bytes; at most {MAX_ENTRY} fit")]
pub struct EntryTooLong(pub usize);

impl Growth {
    /// The tree of `size` leaves, whose unfinished tiles and bundle `read` returns.
    ///
    /// # Errors
    /// [`TileError`].
    pub fn read<E>(
        size: u64,
        mut read: impl FnMut(Tile) -> Result<Vec<u8>, E>,
    ) -> Result<Self, TileError<E>> {
        let mut grown = Self { size, ..Self::default() };
        let mut hashes = size;
        for level in 0..8_u8 {
            if hashes == 0 {
                break;
            }
            let (index, width) = (hashes / u64::from(FULL), hashes % u64::from(FULL));
            let width = u16::try_from(width).unwrap_or(0);
            let mut last = Vec::new();
            if width > 0 {
                let tile = Tile { kind: Kind::Hashes(level), index, width };
                let bytes = read(tile).map_err(TileError::Read)?;
                last = parse_hashes(&bytes, width).ok_or(TileError::Damaged(tile))?;
            }
            grown.levels.push(last);
            if level == 0 && width > 0 {
                let tile = Tile { kind: Kind::Entries, index, width };
                let bytes = read(tile).map_err(TileError::Read)?;
                let entries = parse_bundle(&bytes, width).ok_or(TileError::Damaged(tile))?;
                let same = entries.iter().map(|entry| Hash::of_leaf(entry));
                if !same.eq(grown.levels[0].iter().copied()) {
                    return Err(TileError::Damaged(tile));
                }
                grown.bundle = bytes;
            }
            hashes /= u64::from(FULL);
        }
        Ok(grown)
    }

    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        struct Edge<'a>(&'a [Vec<Hash>]);
        impl Nodes for Edge<'_> {
            type Error = ();
            fn node(&mut self, level: u8, index: u64) -> Result<Hash, ()> {
                let (level, _, hashes) = place(level, index);
                let hashes = self.0.get(usize::from(level)).and_then(|last| last.get(hashes));
                hashes.and_then(root_of).ok_or(())
            }
        }
        // The subtrees that make the root are all in unfinished tiles.
        merkle::root(self.size, &mut Edge(&self.levels)).unwrap_or_else(|()| Hash::of_empty_tree())
    }

    /// Appends entries; returns every tile and bundle that is new, full ones first.
    ///
    /// # Errors
    /// [`EntryTooLong`]; the tree is unchanged then.
    pub fn append<'a>(
        &mut self,
        entries: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> Result<Vec<NewTile>, EntryTooLong> {
        if let Some(long) = entries.clone().map(<[u8]>::len).find(|length| *length > MAX_ENTRY) {
            return Err(EntryTooLong(long));
        }
        let (mut new, before) = (Vec::new(), self.size);
        for entry in entries {
            let length = u16::try_from(entry.len()).unwrap_or(u16::MAX);
            self.bundle.extend_from_slice(&length.to_be_bytes());
            self.bundle.extend_from_slice(entry);
            self.size += 1;
            if self.size.is_multiple_of(u64::from(FULL)) {
                let index = self.size / u64::from(FULL) - 1;
                let tile = Tile { kind: Kind::Entries, index, width: FULL };
                new.push(NewTile { tile, bytes: std::mem::take(&mut self.bundle) });
            }
            self.push(0, Hash::of_leaf(entry), &mut new);
        }
        if self.size == before {
            return Ok(new);
        }
        let mut hashes = self.size;
        for (level, last) in (0_u8..).zip(&self.levels) {
            // A level that got nothing has the tile that it had.
            let had = before.checked_shr(8 * u32::from(level)).unwrap_or(0);
            if !last.is_empty() && had != hashes {
                let (kind, index) = (Kind::Hashes(level), hashes / u64::from(FULL));
                let width = u16::try_from(last.len()).unwrap_or(FULL);
                new.push(NewTile { tile: Tile { kind, index, width }, bytes: bytes_of(last) });
            }
            hashes /= u64::from(FULL);
        }
        if !self.bundle.is_empty() {
            let index = self.size / u64::from(FULL);
            let width = u16::try_from(self.size % u64::from(FULL)).unwrap_or(0);
            let tile = Tile { kind: Kind::Entries, index, width };
            new.push(NewTile { tile, bytes: self.bundle.clone() });
        }
        Ok(new)
    }

    fn push(&mut self, level: u8, hash: Hash, new: &mut Vec<NewTile>) {
        let at = usize::from(level);
        if self.levels.len() <= at {
            self.levels.resize(at + 1, Vec::new());
        }
        self.levels[at].push(hash);
        if self.levels[at].len() < usize::from(FULL) {
            return;
        }
        let full = std::mem::take(&mut self.levels[at]);
        let index = self.size.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0) - 1;
        let tile = Tile { kind: Kind::Hashes(level), index, width: FULL };
        new.push(NewTile { tile, bytes: bytes_of(&full) });
        if let Some(above) = root_of(&full) {
            self.push(level + 1, above, new);
        }
    }
}

fn bytes_of(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}
