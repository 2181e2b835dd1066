//! Finds the raw versions that the delivery log lacks.
//!
//! What the log contains says what is missing from it; there is no cursor that could skip anything.
//! A cache remembers which versions are in the log, and which files were seen to be such versions,
//! so that a scan opens only new files. It may be lost; then the log is read once.

use std::collections::HashSet;
use std::io::Read as _;

use log2aws_core::day::Day;
use log2aws_core::key::{ObjectKey, RawKey, ResultKind};
use log2aws_core::refused::RefusedVersions;
use log2aws_core::server_name::ServerName;
use log2aws_service::delivery_log::{Log, LogError};
use log2aws_service::ports::{Cache as _, Settings, VersionId};
use log2aws_store::DiskStore;
use log2aws_store::disk::{DiskError, StoredBody, Unreadable};
use log2aws_tlog::checkpoint::Checkpoint;
use log2aws_tlog::delivery::{Delivery, Verdict};
use log2aws_tlog::hash::Hash;
use log2aws_tlog::tile::FULL;
use sha2::{Digest as _, Sha256};

use crate::background::unreadable_objects::UnreadableObjects;
use crate::folder_cache::FolderCache;

/// The name of the cache entry.
const ENTRY: &str = "logged";

/// The version of the cache's format.
const VERSION: u8 = 1;

/// The longest list of refused versions that is read, in bytes.
const MAX_REFUSED_BYTES: u64 = 1 << 20;

const MARK: usize = 16;

/// Identifies a version, or a state of a file.
type Mark = [u8; MARK];

/// What is known to be in the log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Logged {
    size: u64,
    root: Hash,
    versions: HashSet<Mark>,
    files: HashSet<Mark>,
}

impl Default for Logged {
    fn default() -> Self {
        let (versions, files) = (HashSet::new(), HashSet::new());
        Self { size: 0, root: Hash::of_empty_tree(), versions, files }
    }
}

impl Logged {
    /// What the log contains: the cache, if it is of this log, and the entries after it.
    pub(super) fn read(cache: &FolderCache, log: Option<&Log<'_>>) -> Result<Self, LogError> {
        let Some(log) = log else { return Ok(Self::default()) };
        let mut logged = Self::decode(cache).unwrap_or_default();
        let before = Checkpoint { origin: String::new(), size: logged.size, root: logged.root };
        match log.continues(&before) {
            Ok(()) => {}
            Err(LogError::Fork { .. }) => logged = Self::default(),
            Err(error) => return Err(error),
        }
        let full = u64::from(FULL);
        for bundle in logged.size / full..log.bundles() {
            logged.versions.extend(log.bundle(bundle)?.iter().map(mark_of));
        }
        (logged.size, logged.root) = (log.size(), log.checkpoint().root);
        Ok(logged)
    }

    /// Adds what was appended.
    pub(super) fn extend(&mut self, appended: &[Delivery], head: &Checkpoint) {
        self.versions.extend(appended.iter().map(mark_of));
        (self.size, self.root) = (head.size, head.root);
    }

    /// Stores it as the cache.
    pub(super) fn write(&self, cache: &FolderCache) -> std::io::Result<()> {
        let mut rest = Vec::with_capacity(48 + MARK * (self.versions.len() + self.files.len()));
        rest.extend_from_slice(&self.size.to_le_bytes());
        rest.extend_from_slice(&self.root.0);
        rest.extend_from_slice(&(self.versions.len() as u64).to_le_bytes());
        rest.extend(self.versions.iter().chain(&self.files).flatten());
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&Sha256::digest(&rest));
        bytes.extend_from_slice(&rest);
        cache.write(ENTRY, &bytes)
    }

    fn decode(cache: &FolderCache) -> Option<Self> {
        let bytes = cache.read(ENTRY).ok()??;
        let (version, rest) = bytes.split_first()?;
        let (checksum, rest) = rest.split_at_checked(32)?;
        if *version != VERSION || checksum != Sha256::digest(rest).as_slice() {
            return None;
        }
        let (size, rest) = rest.split_first_chunk::<8>()?;
        let (root, rest) = rest.split_first_chunk::<32>()?;
        let (count, rest) = rest.split_first_chunk::<8>()?;
        let marks = rest.as_chunks::<MARK>().0;
        let count = usize::try_from(u64::from_le_bytes(*count)).ok()?;
        let (versions, files) = marks.split_at_checked(count)?;
        Some(Self {
            size: u64::from_le_bytes(*size),
            root: Hash(*root),
            versions: versions.iter().copied().collect(),
            files: files.iter().copied().collect(),
        })
    }
}

/// Looks for what the log lacks.
pub(super) struct Arrivals<'a> {
    pub(super) store: &'a DiskStore,
    pub(super) settings: &'a Settings,
    pub(super) unreadable: &'a UnreadableObjects,
}

impl Arrivals<'_> {
    /// The raw versions that are not in the log, in the order of their arrival; `None` if it was
    /// stopped. A version that arrives meanwhile may be left for the next run.
    pub(super) fn find(
        &self,
        logged: &mut Logged,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Vec<Delivery>>, DiskError> {
        let (mut found, mut taken) = (Vec::new(), HashSet::new());
        let mut files = HashSet::new();
        let finished = self.store.scan_versions(&self.settings.raw_bucket, stop, &mut |body| {
            let StoredBody { key, older } = match body {
                Ok(body) => body,
                Err(unreadable) => return self.unreadable.report(&[unreadable]),
            };
            let Some(key) = RawKey::parse(key) else { return };
            let mut file = None;
            if let Some(older) = &older {
                if logged.versions.contains(&mark(&key.server, key.day, older.as_str())) {
                    return;
                }
            } else {
                // Before the file is opened: if it is replaced in between, its mark is unknown.
                file = self.file_mark(&key);
                if let Some(file) = file.filter(|file| logged.files.contains(file)) {
                    files.insert(file);
                    return;
                }
            }
            match self.delivery(&key, older.as_ref()) {
                Ok(Some(delivery)) => {
                    files.extend(file);
                    let mark = mark_of(&delivery);
                    if !logged.versions.contains(&mark) && taken.insert(mark) {
                        found.push(delivery);
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    let key = key.object_key();
                    self.unreadable.report(&[Unreadable::of_key(error, key.as_str())]);
                }
            }
        })?;
        if !finished {
            return Ok(None);
        }
        logged.files = files;
        let order = |delivery: &Delivery| (delivery.arrived(), delivery.version().to_owned());
        found.sort_by_cached_key(order);
        Ok(Some(found))
    }

    fn file_mark(&self, key: &RawKey) -> Option<Mark> {
        let object = key.object_key();
        let state = self.store.file_state(&self.settings.raw_bucket, &object).ok()??;
        Some(short(&[object.as_str().as_bytes(), &state.to_bytes()]))
    }

    /// The entry of a stored version; `None` if it is gone.
    fn delivery(
        &self,
        key: &RawKey,
        version: Option<&VersionId>,
    ) -> Result<Option<Delivery>, DiskError> {
        let object = key.object_key();
        let info = match self.store.head(&self.settings.raw_bucket, &object, version) {
            Ok(info) => info,
            Err(DiskError::NoSuchKey { .. } | DiskError::NoSuchVersion { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let version = info.version.as_str();
        let verdict =
            if self.is_refused(key, version)? { Verdict::Refused } else { Verdict::Accepted };
        let (bytes, place) =
            ((info.digests.sha256, info.digests.size), (key.server.clone(), key.day));
        // The ids of this store fit into an entry.
        Ok(Delivery::new(place, bytes, version, info.last_modified, verdict).ok())
    }

    /// Whether the results name the version as refused. `serve` refuses before it stores, so such
    /// lists come from elsewhere, with the data of another deployment.
    fn is_refused(&self, key: &RawKey, version: &str) -> Result<bool, DiskError> {
        let (bucket, list) = (&self.settings.analyzed_bucket, key.result_key(ResultKind::Refused));
        if self.store.file_state(bucket, &list)?.is_none() {
            return Ok(false);
        }
        let bytes = self.read_list(&list)?;
        let list = bytes.and_then(|bytes| RefusedVersions::from_jsonl(&bytes).ok());
        Ok(list.is_some_and(|list| list.contains(version)))
    }

    fn read_list(&self, key: &ObjectKey) -> Result<Option<Vec<u8>>, DiskError> {
        let reader = match self.store.open_object(&self.settings.analyzed_bucket, key, None) {
            Ok((_, reader)) => reader,
            Err(DiskError::NoSuchKey { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        let read = reader.take(MAX_REFUSED_BYTES).read_to_end(&mut bytes);
        Ok(read.ok().map(|_| bytes))
    }
}

fn mark_of(delivery: &Delivery) -> Mark {
    mark(delivery.server(), delivery.day(), delivery.version())
}

fn mark(server: &ServerName, day: Day, version: &str) -> Mark {
    short(&[server.as_str().as_bytes(), day.to_string().as_bytes(), version.as_bytes()])
}

fn short(parts: &[&[u8]]) -> Mark {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    std::array::from_fn(|at| digest[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_cache_is_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let cache = FolderCache::open(folder.path()).unwrap();
        assert!(Logged::decode(&cache).is_none());
        let logged = Logged {
            size: 3,
            root: Hash([7; 32]),
            versions: HashSet::from([[1; MARK], [2; MARK], [3; MARK]]),
            files: HashSet::from([[4; MARK]]),
        };
        logged.write(&cache).unwrap();
        assert_eq!(Logged::decode(&cache), Some(logged));
        let file = folder.path().join(ENTRY);
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[50] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        assert!(Logged::decode(&cache).is_none());
    }
}
