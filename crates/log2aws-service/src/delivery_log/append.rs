//! Appends deliveries.
//!
//! First the new entries are written to one object, on the condition that nobody else did: from
//! then on it is decided what comes next. Tiles and the checkpoint follow from these entries alone,
//! so whoever finds them unfinished, after a kill or in a second process, writes the same bytes. A
//! tile that a checkpoint needs is therefore never overwritten with others.

use jiff::civil::Date;
use log2aws_core::key::BucketName;
use log2aws_tlog::checkpoint::{Checkpoint, SignedCheckpoint};
use log2aws_tlog::delivery::Delivery;
use log2aws_tlog::layout;
use log2aws_tlog::note::{SigningKey, VerifierKey};
use log2aws_tlog::tile::{Growth, NewTile, Tile, parse_bundle};

use super::objects::{object_key, read, read_keys, write};
use super::{Log, LogError, read_tile, tile_error};
use crate::ports::{Condition, ListQuery, ObjectLister, StoreError, Version};

/// The most entries that are appended at once.
pub const MAX_BATCH: usize = 4096;

/// The first words of the object with the entries to be appended.
const PENDING: &str = "log2aws-pending 1";

/// The longest such object: [`MAX_BATCH`] entries.
const MAX_PENDING: u64 = 16 << 20;

const TEXT: &str = "text/plain; charset=utf-8";
const BINARY: &str = "application/octet-stream";

/// What a run has appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The entries that were new in the log.
    pub entries: u64,
    /// The newest checkpoint.
    pub head: SignedCheckpoint,
}

/// Writes the log of one bucket.
pub struct LogWriter<'a> {
    store: &'a dyn ObjectLister,
    bucket: &'a BucketName,
    keys: &'a [SigningKey],
    origin: &'a str,
}

impl std::fmt::Debug for LogWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogWriter").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// Entries that follow a checkpoint of this size.
struct Pending {
    size: u64,
    entries: Vec<Vec<u8>>,
}

impl<'a> LogWriter<'a> {
    /// A writer of the log called `origin`, which signs with every one of `keys`.
    pub fn new(
        store: &'a dyn ObjectLister,
        bucket: &'a BucketName,
        keys: &'a [SigningKey],
        origin: &'a str,
    ) -> Self {
        Self { store, bucket, keys, origin }
    }

    /// Finishes what an earlier run began. Returns the log; `None` if it is empty.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn recover(&self) -> Result<Option<Log<'a>>, LogError> {
        self.own_log()?;
        self.finish()?;
        Log::open(self.store, self.bucket)
    }

    /// Appends deliveries, which the caller has not found in the log, in this order. Returns `None`
    /// if there were none.
    ///
    /// # Errors
    /// [`LogError`]. What was appended before the error stays.
    pub fn append(&self, deliveries: &[Delivery]) -> Result<Option<Appended>, LogError> {
        let mut appended = None;
        for batch in deliveries.chunks(MAX_BATCH) {
            let size = self.own_log()?.map_or(0, |log| log.size());
            let pending = read(self.store, self.bucket, layout::PENDING, MAX_PENDING)?;
            let mut bytes = format!("{PENDING} {size} {}\n", batch.len()).into_bytes();
            for delivery in batch {
                let entry = delivery.to_bytes();
                let length = u16::try_from(entry.len()).unwrap_or(u16::MAX);
                bytes.extend_from_slice(&length.to_be_bytes());
                bytes.extend_from_slice(&entry);
            }
            let version = pending.map(|(_, version)| version);
            let condition = Condition::unchanged(version.as_ref());
            self.write((layout::PENDING, BINARY), &bytes, &condition)?;
            let Some(head) = self.finish()? else { break };
            let before = appended.map_or(0, |appended: Appended| appended.entries);
            appended = Some(Appended { entries: before + batch.len() as u64, head });
        }
        Ok(appended)
    }

    /// Stores the newest checkpoint as that of a day, if that day has none yet and the log is not
    /// empty. Returns whether it did.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn seal(&self, day: Date) -> Result<bool, LogError> {
        let Some(log) = Log::open(self.store, self.bucket)? else { return Ok(false) };
        let key = layout::day_key(day);
        if self.store.head(self.bucket, &object_key(&key)?)?.is_some() {
            return Ok(false);
        }
        let bytes = log.head().to_string().into_bytes();
        match self.write((&key, TEXT), &bytes, &Condition::Absent) {
            Ok(_) => Ok(true),
            Err(StoreError::Changed { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Adds the public keys of this writer to the list of the log's keys.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn publish_keys(&self) -> Result<(), LogError> {
        let (mut known, version) = read_keys(self.store, self.bucket)?;
        let own = self.keys.iter().map(|key| key.verifier().clone());
        let new: Vec<VerifierKey> = own.filter(|key| !known.contains(key)).collect();
        if new.is_empty() {
            return Ok(());
        }
        known.extend(new);
        let lines: Vec<String> = known.iter().map(VerifierKey::to_string).collect();
        let text = lines.join("\n") + "\n";
        let condition = Condition::unchanged(version.as_ref());
        self.write((layout::KEYS, TEXT), text.as_bytes(), &condition)?;
        Ok(())
    }

    /// The log, if its checkpoint is one of our own. That of another name is continued under ours:
    /// the store was restored, and has a new name because it lacks what came after the snapshot.
    fn own_log(&self) -> Result<Option<Log<'a>>, LogError> {
        let Some(log) = Log::open(self.store, self.bucket)? else { return Ok(None) };
        if log.checkpoint().origin == self.origin {
            let keys: Vec<VerifierKey> = self.keys.iter().map(|k| k.verifier().clone()).collect();
            log.verify(&keys)?;
        }
        Ok(Some(log))
    }

    /// Writes tiles and checkpoint for the entries that are to come next, if there are any.
    fn finish(&self) -> Result<Option<SignedCheckpoint>, LogError> {
        let log = Log::open(self.store, self.bucket)?;
        let size = log.as_ref().map_or(0, Log::size);
        let Some(pending) = self.pending()?.filter(|pending| pending.size == size) else {
            return Ok(None);
        };
        let read = |tile| read_tile(self.store, self.bucket, tile);
        let mut grown = Growth::read(size, read).map_err(tile_error)?;
        if let Some(log) = &log
            && log.checkpoint().root != grown.root()
        {
            let why = "are not those of its checkpoint: restore them from a backup";
            return Err(LogError::damaged("the last tiles", why));
        }
        let entries = pending.entries.iter().map(Vec::as_slice);
        let new = grown
            .append(entries)
            .map_err(|error| LogError::damaged(layout::PENDING, error.to_string()))?;
        for NewTile { tile, bytes } in &new {
            self.write((&layout::tile_key(*tile), BINARY), bytes, &Condition::None)?;
        }
        let origin = self.origin.to_owned();
        let checkpoint = Checkpoint { origin, size: grown.size(), root: grown.root() };
        let note = checkpoint.sign(self.keys).map_err(LogError::Sign)?;
        let condition = Condition::unchanged(log.as_ref().map(|log| &log.version));
        self.write((layout::CHECKPOINT, TEXT), note.to_string().as_bytes(), &condition)?;
        for tile in new.iter().map(|new| new.tile).filter(Tile::is_full) {
            self.remove_partial(tile)?;
        }
        Ok(Some(SignedCheckpoint::try_from(note)?))
    }

    fn pending(&self) -> Result<Option<Pending>, LogError> {
        let found = read(self.store, self.bucket, layout::PENDING, MAX_PENDING)?;
        let Some((bytes, _)) = found else { return Ok(None) };
        let parse = || {
            let end = bytes.iter().position(|byte| *byte == b'\n')?;
            let line = str::from_utf8(&bytes[..end]).ok()?.strip_prefix(PENDING)?;
            let (size, count) = line.strip_prefix(' ')?.split_once(' ')?;
            let entries = parse_bundle(&bytes[end + 1..], count.parse().ok()?)?;
            Some(Pending { size: size.parse().ok()?, entries })
        };
        parse().map(Some).ok_or_else(|| {
            let why = "is damaged; remove it: what it holds is found and appended again";
            LogError::damaged(layout::PENDING, why)
        })
    }

    /// Removes the partial forms of a tile that is full: no checkpoint needs them any more.
    fn remove_partial(&self, tile: Tile) -> Result<(), LogError> {
        let query = ListQuery { prefix: layout::partial_prefix(tile), ..ListQuery::default() };
        // There are at most 255, which is one page.
        for object in self.store.list(self.bucket, &query)?.objects {
            self.store.delete(self.bucket, &object.key)?;
        }
        Ok(())
    }

    fn write(
        &self,
        (key, content_type): (&str, &str),
        bytes: &[u8],
        condition: &Condition,
    ) -> Result<Version, StoreError> {
        write(self.store, self.bucket, (key, content_type), bytes, condition)
    }
}
