//! An analyzed bucket, seen through the index.
//!
//! A refresh lists the bucket, compares what the lists say with what the index holds, and reads the
//! summaries that are new or changed, newest days first. The first refresh, and one a day, lists
//! everything; the others list of each server the last days alone, so that what a list costs does
//! not grow with what is kept. What was read is cached, so that a restart reads it no second time.

mod cache;
mod list;
mod list_plan;
mod read;
mod refresh;
mod retry;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use log2aws_core::day::Day;
use log2aws_core::key::{BucketName, KeyPrefix};
use log2aws_core::server_name::ServerName;
use log2aws_service::ports::{Cache, Clock, ObjectLister};

use crate::index::{AsOf, Calendar, CalendarQuery, Cell, DayStats, Index, KeyLayout};

pub use read::Opened;
pub use refresh::{RefreshError, RefreshReport};

/// How many requests are under way at once, unless set otherwise: S3 answers many at a time, and
/// most of each is waiting.
pub const DEFAULT_PARALLEL: usize = 16;

/// How many days back a refresh lists that does not list everything: longer than anybody should be
/// away, and a day of the month before.
pub const RECENT_DAYS: i32 = 40;

/// After how long a refresh lists everything again.
pub const FULL_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// Those who look on are told of changes at most so often while a refresh is running.
const NOTIFY_INTERVAL: SignedDuration = SignedDuration::from_secs(1);

/// What a [`StoreIndex`] is made of.
pub struct StoreIndexConfig {
    /// Holds the buckets.
    pub lister: Arc<dyn ObjectLister>,
    /// Where results stand.
    pub analyzed: BucketName,
    /// Where logs stand, if that may be read.
    pub raw: Option<BucketName>,
    /// Where the store is, for people, e.g. `s3://analyzedlogs-…`. What was cached of another place
    /// is not used.
    pub place: String,
    /// Keeps what was read.
    pub cache: Arc<dyn Cache>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Whose days and noons count: that of the servers, or of most of them.
    pub zone: TimeZone,
    /// Called with the new revision after changes, on the thread that made them.
    pub on_change: Box<dyn Fn(u64) + Send + Sync>,
    /// Which keys count where a day stands under both kinds.
    pub key_prefix: KeyPrefix,
    /// How many requests a refresh has under way at once.
    pub parallel: usize,
    /// After how long a refresh lists everything again.
    pub full_every: SignedDuration,
}

impl fmt::Debug for StoreIndexConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreIndexConfig").field("place", &self.place).finish_non_exhaustive()
    }
}

/// An analyzed bucket, seen through the index. Cheap to clone; all clones are one. Calls that ask
/// the store block.
#[derive(Clone, Debug)]
pub struct StoreIndex {
    inner: Arc<Inner>,
}

struct Inner {
    config: StoreIndexConfig,
    index: RwLock<Index>,
    state: Mutex<RefreshState>,
    revision: AtomicU64,
    /// Held by the running refresh: there is one at a time.
    refreshing: Mutex<()>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("config", &self.config).finish_non_exhaustive()
    }
}

/// How far the index has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Whether the store has not been looked through so far, since the start of the program.
    pub loading: bool,
    /// Whether a refresh is running.
    pub refreshing: bool,
    /// Of the running refresh, or the last one: days that were listed.
    pub listed: u64,
    /// How many of them have to be read, as far as that is known.
    pub wanted: u64,
    /// How many of them were read.
    pub read: u64,
    /// Servers in the index.
    pub servers: usize,
    /// Days in the index.
    pub summaries: usize,
    /// Why the last refresh failed; what stands in the index stays.
    pub failed: Option<String>,
    /// When the last refresh that did not fail ended.
    pub finished_at: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct RefreshState {
    /// A refresh has ended well.
    complete: bool,
    refreshing: bool,
    listed: u64,
    wanted: u64,
    read: u64,
    failed: Option<String>,
    finished_at: Option<Timestamp>,
    /// When the last refresh that listed everything ended well.
    full_at: Option<Timestamp>,
    /// The bucket's folders that the last refresh met.
    folders: BTreeSet<String>,
    /// Summaries that the store did not give.
    retries: retry::Retries,
    /// Servers that the cache is behind of.
    dirty: BTreeSet<Arc<ServerName>>,
    notified_at: Option<Timestamp>,
    cached_at: Option<Timestamp>,
    /// There are changes that nobody was told of.
    unnotified: bool,
}

impl StoreIndex {
    /// An empty index of a bucket. Asks nobody yet.
    pub fn new(config: StoreIndexConfig) -> Self {
        let inner = Inner {
            config,
            index: RwLock::default(),
            state: Mutex::default(),
            revision: AtomicU64::new(0),
            refreshing: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// One page of the calendar.
    pub fn calendar(&self, query: &CalendarQuery) -> Calendar {
        let now = self.inner.now();
        self.inner.index().calendar(query, now)
    }

    /// The days of a server that something stands of, oldest first; `None` if nothing does.
    pub fn server(&self, server: &ServerName) -> Option<Vec<(Day, DayStats)>> {
        let index = self.inner.index();
        let days = index.days(server);
        let known = days.iter().filter_map(|packed| Some((packed.day.day()?, packed.stats())));
        (!days.is_empty()).then(|| known.collect())
    }

    /// The statistics of one day of a server; `None` if nothing stands of it.
    pub fn day(&self, server: &ServerName, day: Day) -> Option<DayStats> {
        self.inner.index().get(server, day.into()).map(crate::index::Packed::stats)
    }

    /// The cells of a server from one day to another, both included; of 400 days at most, the last.
    pub fn cells(&self, server: &ServerName, from: Day, to: Day) -> Vec<Cell> {
        let now = self.inner.now();
        self.inner.index().cells(server, from, to, now)
    }

    /// The newest day that something stands of; what is dated later than it can be anywhere does not
    /// count.
    pub fn newest(&self) -> Option<Day> {
        let until = self.inner.now().last;
        let index = self.inner.index();
        let last = |days: &crate::index::Days| {
            days.as_slice().iter().rev().find(|packed| packed.day <= until)?.day.day()
        };
        index.names().filter_map(|(_, days)| last(days)).max()
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        let (servers, summaries) = {
            let index = self.inner.index();
            (index.servers(), index.summaries())
        };
        let state = self.inner.state();
        Progress {
            loading: !state.complete,
            refreshing: state.refreshing,
            listed: state.listed,
            wanted: state.wanted,
            read: state.read,
            servers,
            summaries,
            failed: state.failed.clone(),
            finished_at: state.finished_at,
        }
    }

    /// Grows with every change of what the other calls answer.
    pub fn revision(&self) -> u64 {
        self.inner.revision.load(Ordering::Acquire)
    }

    /// Where the store is, for people.
    pub fn place(&self) -> &str {
        &self.inner.config.place
    }

    /// Whose days count.
    pub fn zone(&self) -> &TimeZone {
        &self.inner.config.zone
    }

    /// Whether raw logs can be opened.
    pub fn has_logs(&self) -> bool {
        self.inner.config.raw.is_some()
    }
}

impl Inner {
    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, RefreshState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> AsOf {
        let complete = self.state().complete;
        AsOf::at(self.config.clock.now(), &self.config.zone, complete)
    }

    fn preferred(&self) -> KeyLayout {
        match self.config.key_prefix {
            KeyPrefix::Off => KeyLayout::Plain,
            KeyPrefix::Spread => KeyLayout::Spread,
        }
    }

    /// Notes a change, and tells of it if nobody was told for a while.
    fn changed(&self) {
        let now = self.config.clock.now();
        let mut state = self.state();
        state.unnotified = true;
        if state.notified_at.is_none_or(|told| now.duration_since(told) >= NOTIFY_INTERVAL) {
            drop(state);
            self.notify();
        }
    }

    /// Tells of the changes that nobody was told of.
    fn notify(&self) {
        let mut state = self.state();
        if !std::mem::take(&mut state.unnotified) {
            return;
        }
        state.notified_at = Some(self.config.clock.now());
        drop(state);
        let revision = self.revision.fetch_add(1, Ordering::AcqRel) + 1;
        (self.config.on_change)(revision);
    }
}
