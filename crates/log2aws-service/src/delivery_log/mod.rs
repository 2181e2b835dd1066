//! The log of deliveries in a store: reads it, appends to it, and makes receipts.
//!
//! All of it is in the bucket of the results, under `tlog/` (`log2aws_tlog::layout`). The same code
//! serves the background task of `serve`, a function on AWS, the command line and, for receipts, the
//! request handlers.

mod append;
mod objects;
mod receipt;

use log2aws_core::key::BucketName;
use log2aws_tlog::checkpoint::{Checkpoint, SignedCheckpoint, SignedCheckpointError};
use log2aws_tlog::delivery::Delivery;
use log2aws_tlog::hash::Hash;
use log2aws_tlog::layout;
use log2aws_tlog::merkle::{self, ProofError};
use log2aws_tlog::note::{MAX_NOTE, NoteError, VerifierKey};
use log2aws_tlog::tile::{
    FULL, Kind, Tile, TileError, TileNodes, parse_bundle, parse_hashes, width_in,
};

pub use append::{Appended, LogWriter, MAX_BATCH};
pub use receipt::{receipt, receipt_in};

use crate::ports::{Store, StoreError, Version};
use objects::read;

/// The largest bundle: 256 entries of 64 KiB.
const MAX_TILE: u64 = 256 * (2 + 65_535);

/// The longest list of keys, in bytes.
const MAX_KEYS: u64 = 256 * 1024;

/// Why the log cannot be read or continued.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An object of the log is missing, or is not what the checkpoint says.
    #[error("{key} of the delivery log {why}")]
    Damaged {
        /// The object.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// The checkpoint cannot be used.
    #[error("tlog/checkpoint of the delivery log cannot be used")]
    Checkpoint(#[from] SignedCheckpointError),
    /// A checkpoint could not be signed.
    #[error("the delivery log cannot be signed")]
    Sign(#[source] NoteError),
    /// The older checkpoint is not the beginning of the log.
    #[error(
        "the log was changed: it has {} entries, and they do not begin with the {} entries of the \
         earlier checkpoint ({source})", .now.size, .before.size
    )]
    Fork {
        /// The earlier checkpoint.
        before: Box<Checkpoint>,
        /// The one in the store.
        now: Box<Checkpoint>,
        /// What is wrong.
        source: ProofError,
    },
}

impl LogError {
    fn damaged(key: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Damaged { key: key.into(), why: why.into() }
    }
}

/// The log at one checkpoint. The checkpoint's signature is not checked: a reader of receipts has
/// its own key for that ([`Log::verify`]).
pub struct Log<'a> {
    store: &'a dyn Store,
    bucket: &'a BucketName,
    head: SignedCheckpoint,
    version: Version,
}

impl std::fmt::Debug for Log<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("head", &self.head).finish_non_exhaustive()
    }
}

impl<'a> Log<'a> {
    /// The log at its newest checkpoint; `None` if there is none yet.
    ///
    /// # Errors
    /// [`LogError::Store`], [`LogError::Checkpoint`].
    pub fn open(store: &'a dyn Store, bucket: &'a BucketName) -> Result<Option<Self>, LogError> {
        let found = read(store, bucket, layout::CHECKPOINT, MAX_NOTE as u64)?;
        let Some((bytes, version)) = found else { return Ok(None) };
        let head = SignedCheckpoint::parse(&bytes)?;
        Ok(Some(Self { store, bucket, head, version }))
    }

    /// The log as it was at an earlier checkpoint, e.g. one that a witness has cosigned.
    ///
    /// # Errors
    /// As [`Log::continues`].
    pub fn at(self, head: SignedCheckpoint) -> Result<Self, LogError> {
        self.continues(head.checkpoint())?;
        Ok(Self { head, ..self })
    }

    /// The signed checkpoint.
    pub fn head(&self) -> &SignedCheckpoint {
        &self.head
    }

    /// What the checkpoint says.
    pub fn checkpoint(&self) -> &Checkpoint {
        self.head.checkpoint()
    }

    /// The number of entries.
    pub fn size(&self) -> u64 {
        self.checkpoint().size
    }

    /// Checks that one of these keys has signed the checkpoint.
    ///
    /// # Errors
    /// [`LogError::Checkpoint`].
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<(), LogError> {
        self.head.verify(keys)?;
        Ok(())
    }

    /// Checks that an earlier checkpoint is the beginning of this log.
    ///
    /// # Errors
    /// [`LogError::Fork`] if it is not; [`LogError::Damaged`], [`LogError::Store`].
    pub fn continues(&self, before: &Checkpoint) -> Result<(), LogError> {
        let now = self.checkpoint();
        if before.size == 0 {
            return Ok(());
        }
        let mut nodes = self.nodes();
        let proof = if before.size < now.size {
            merkle::consistency(before.size, now.size, &mut nodes).map_err(tile_error)?
        } else {
            Vec::new()
        };
        let checked =
            merkle::check_consistency((before.size, &before.root), (now.size, &now.root), &proof);
        checked.map_err(|source| LogError::Fork {
            before: Box::new(before.clone()),
            now: Box::new(now.clone()),
            source,
        })
    }

    /// The hashes from an entry to the root, checked against both.
    ///
    /// # Errors
    /// [`LogError::Damaged`] if the tiles or the entry are not those of the checkpoint;
    /// [`LogError::Store`].
    pub fn inclusion(&self, index: u64, entry: &[u8]) -> Result<Vec<Hash>, LogError> {
        let Checkpoint { size, root, .. } = *self.checkpoint();
        let proof = merkle::inclusion(index, size, &mut self.nodes()).map_err(tile_error)?;
        merkle::check_inclusion(&Hash::of_leaf(entry), index, size, &root, &proof).map_err(
            |error| {
                LogError::damaged(format!("entry {index}"), format!("is not as signed: {error}"))
            },
        )?;
        Ok(proof)
    }

    /// The entries of the bundle with this number.
    ///
    /// # Errors
    /// [`LogError::Damaged`], [`LogError::Store`].
    pub fn bundle(&self, index: u64) -> Result<Vec<Delivery>, LogError> {
        let kind = Kind::Entries;
        let tile = Tile { kind, index, width: width_in(kind, index, self.size()) };
        let entries = parse_bundle(&self.tile(tile)?, tile.width);
        let entries = entries.and_then(|entries| {
            entries.iter().map(|entry| Delivery::parse(entry).ok()).collect::<Option<Vec<_>>>()
        });
        entries.ok_or_else(|| LogError::damaged(layout::tile_key(tile), "is damaged"))
    }

    /// The number of bundles.
    pub fn bundles(&self) -> u64 {
        self.size().div_ceil(u64::from(FULL))
    }

    fn nodes(&self) -> TileNodes<impl FnMut(Tile) -> Result<Vec<u8>, LogError>> {
        TileNodes::new(self.size(), |tile| self.tile(tile))
    }

    fn tile(&self, tile: Tile) -> Result<Vec<u8>, LogError> {
        read_tile(self.store, self.bucket, tile)
    }
}

/// The public keys that the log names, the oldest first.
///
/// # Errors
/// [`LogError::Store`]; [`LogError::Damaged`] if a line is no key.
pub fn published_keys(
    store: &dyn Store,
    bucket: &BucketName,
) -> Result<Vec<VerifierKey>, LogError> {
    Ok(objects::read_keys(store, bucket)?.0)
}

/// The checkpoint that was stored after the end of a UTC day; `None` if there is none.
///
/// # Errors
/// [`LogError::Store`], [`LogError::Checkpoint`].
pub fn day_checkpoint(
    store: &dyn Store,
    bucket: &BucketName,
    day: jiff::civil::Date,
) -> Result<Option<SignedCheckpoint>, LogError> {
    let found = read(store, bucket, &layout::day_key(day), MAX_NOTE as u64)?;
    Ok(found.map(|(bytes, _)| SignedCheckpoint::parse(&bytes)).transpose()?)
}

/// Reads a tile. A partial one may have been removed since the full one is there.
fn read_tile(store: &dyn Store, bucket: &BucketName, tile: Tile) -> Result<Vec<u8>, LogError> {
    if let Some((bytes, _)) = read(store, bucket, &layout::tile_key(tile), MAX_TILE)? {
        return Ok(bytes);
    }
    let missing = || LogError::damaged(layout::tile_key(tile), "is missing");
    if tile.is_full() || tile.width == 0 {
        return Err(missing());
    }
    let full = read(store, bucket, &layout::tile_key(tile.full()), MAX_TILE)?;
    let (full, _) = full.ok_or_else(missing)?;
    let width = usize::from(tile.width);
    let begin = match tile.kind {
        Kind::Hashes(_) => parse_hashes(&full, FULL)
            .map(|hashes| hashes[..width].iter().flat_map(|hash| hash.0).collect()),
        Kind::Entries => parse_bundle(&full, FULL).map(|entries| {
            let length: usize = entries[..width].iter().map(|entry| entry.len() + 2).sum();
            full[..length].to_vec()
        }),
    };
    begin.ok_or_else(|| LogError::damaged(layout::tile_key(tile.full()), "is damaged"))
}

fn tile_error(error: TileError<LogError>) -> LogError {
    match error {
        TileError::Read(error) => error,
        TileError::Damaged(tile) => LogError::damaged(layout::tile_key(tile), "is damaged"),
    }
}
