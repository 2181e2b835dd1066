//! The persistent cache of the index: one entry per server, and one for the bucket.
//!
//! An entry is a version byte, a checksum, and the rest in postcard. An entry that cannot be read
//! is ignored: its server is listed and read again.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use log2aws_core::server_name::ServerName;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Inner, StoreIndex};
use crate::index::{Days, NoteOf, Packed};

/// Incremented with every change of an entry's content.
const VERSION: u8 = 3;

/// The entry of the bucket. Entries of servers begin with [`SERVER`], so their names cannot
/// collide.
const BUCKET: &str = "bucket";

const SERVER: &str = "s-";

/// How often the cache is written during a refresh.
const WRITE_INTERVAL: SignedDuration = SignedDuration::from_mins(1);

/// The number of threads that read entries.
const READ_THREADS: usize = 4;

const CHECKSUM: usize = 16;

#[derive(Serialize, Deserialize)]
struct BucketEntry {
    place: String,
    /// The time of the last full list, in seconds since 1970.
    full_at: Option<i64>,
    folders: BTreeSet<String>,
    /// The number of servers: if fewer can be read, everything is listed again.
    servers: usize,
}

#[derive(Serialize, Deserialize)]
struct ServerEntry {
    place: String,
    server: String,
    days: Vec<Packed>,
    note: Option<NoteOf>,
}

impl StoreIndex {
    /// Loads the cached entries of this place; days already in the index stay, because they are
    /// newer. Returns the number of days.
    ///
    /// # Errors
    /// The cache cannot be listed. It is then treated as empty.
    pub fn load_cache(&self) -> io::Result<usize> {
        let inner = &*self.inner;
        let names = inner.config.cache.names()?;
        let servers: Vec<&str> =
            names.iter().map(String::as_str).filter(|name| name.starts_with(SERVER)).collect();
        let loaded = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for names in servers.chunks(servers.len().div_ceil(READ_THREADS).max(1)) {
                let loaded = &loaded;
                scope.spawn(move || {
                    let read: Vec<_> = names.iter().filter_map(|name| inner.cached(name)).collect();
                    loaded.lock().unwrap_or_else(PoisonError::into_inner).extend(read);
                });
            }
        });
        let loaded = loaded.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (servers, summaries) = {
            let mut index = inner.index_mut();
            for (server, days) in loaded {
                index.put_server(Arc::new(server), days);
            }
            (index.servers(), index.summaries())
        };
        let bucket: Option<BucketEntry> = inner.entry(BUCKET);
        if let Some(bucket) = bucket.filter(|b| b.place == inner.config.place) {
            let mut state = inner.state();
            if bucket.servers == servers {
                state.full_at = bucket.full_at.and_then(|at| Timestamp::from_second(at).ok());
            }
            state.folders = bucket.folders;
        }
        inner.state().unnotified = true;
        inner.notify();
        Ok(summaries)
    }
}

impl Inner {
    /// The entry with that name; `None` if it is absent or corrupt.
    fn entry<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let bytes = self.config.cache.read(name).ok()??;
        let (version, rest) = bytes.split_first()?;
        let (checksum, body) = rest.split_at_checked(CHECKSUM)?;
        if *version != VERSION || checksum != checksum_of(body) {
            return None;
        }
        postcard::from_bytes(body).ok()
    }

    fn cached(&self, name: &str) -> Option<(ServerName, Days)> {
        let entry: ServerEntry = self.entry(name)?;
        let server: ServerName = entry.server.parse().ok()?;
        let own = entry.place == self.config.place && name == name_of(&server);
        own.then(|| (server, Days::from_unsorted(entry.days).with_note(entry.note)))
    }

    fn write<T: Serialize>(&self, name: &str, entry: &T) -> io::Result<()> {
        let body = postcard::to_stdvec(entry).map_err(io::Error::other)?;
        let mut bytes = Vec::with_capacity(1 + CHECKSUM + body.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&checksum_of(&body));
        bytes.extend_from_slice(&body);
        self.config.cache.write(name, &bytes)
    }

    /// Writes the servers that changed since the last write, and the bucket's entry.
    pub(super) fn write_cache(&self) -> io::Result<()> {
        let dirty = {
            let mut state = self.state();
            state.cached_at = Some(self.config.clock.now());
            std::mem::take(&mut state.dirty)
        };
        let place = &self.config.place;
        let mut left = dirty.clone();
        let written: io::Result<()> = dirty.iter().try_for_each(|server| {
            let (days, note) = {
                let index = self.index();
                (index.days(server).to_vec(), index.note(server).cloned())
            };
            let (place, server_name) = (place.clone(), server.to_string());
            let entry = ServerEntry { place, server: server_name, days, note };
            self.write(&name_of(server), &entry)?;
            left.remove(server);
            Ok(())
        });
        self.state().dirty.extend(left);
        written?;
        let servers = self.index().servers();
        let entry = {
            let state = self.state();
            let full_at = state.full_at.map(Timestamp::as_second);
            BucketEntry { place: place.clone(), full_at, folders: state.folders.clone(), servers }
        };
        self.write(BUCKET, &entry)
    }

    /// The same if the last write is long enough ago. An error is reported at the end of the
    /// refresh.
    pub(super) fn write_cache_if_due(&self) {
        let now = self.config.clock.now();
        let due = {
            let mut state = self.state();
            let last = *state.cached_at.get_or_insert(now);
            let due = now.duration_since(last) >= WRITE_INTERVAL;
            if due {
                state.cached_at = Some(now);
            }
            due
        };
        if due {
            let _told_at_the_end = self.write_cache();
        }
    }
}

fn name_of(server: &ServerName) -> String {
    format!("{SERVER}{server}")
}

fn checksum_of(body: &[u8]) -> [u8; CHECKSUM] {
    let digest = Sha256::digest(body);
    std::array::from_fn(|at| digest[at])
}
