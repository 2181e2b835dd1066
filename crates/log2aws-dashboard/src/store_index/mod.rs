//! An index of an analyzed bucket.
//!
//! A refresh lists the bucket, compares the lists with the index, and reads new or changed
//! summaries, newest days first. The first refresh, and one a day, lists everything; the others
//! list only the latest days of each server, so that their cost does not grow with the age of the
//! data. The index is cached, so that a restart does not read everything again.

mod cache;
mod facts;
mod list;
mod list_plan;
mod read;
mod refresh;
mod retired;
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

use crate::index::{
    AsOf, Calendar, CalendarQuery, Cell, DayNumber, DayStats, Drifts, Index, KeyLayout,
};

pub use facts::VisitServer;
pub use read::OpenObject;
pub use refresh::{RefreshError, RefreshReport};

/// The default number of concurrent requests: S3 answers many at a time, and most of each is
/// waiting.
pub const DEFAULT_PARALLEL: usize = 16;

/// How many days back a partial refresh lists: longer than anybody should be away, and including
/// the same day of the previous month.
pub const RECENT_DAYS: i32 = 40;

/// The time between full refreshes.
pub const FULL_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// The minimum time between notifications of changes during a refresh.
const NOTIFY_INTERVAL: SignedDuration = SignedDuration::from_secs(1);

/// Parameters of a [`StoreIndex`].
pub struct StoreIndexConfig {
    /// Access to the buckets.
    pub lister: Arc<dyn ObjectLister>,
    /// The bucket of the results.
    pub analyzed: BucketName,
    /// The bucket of the logs, if it may be read.
    pub raw: Option<BucketName>,
    /// The displayed name of the store, e.g. `s3://analyzedlogs-…`. A cache of another place is
    /// ignored.
    pub place: String,
    /// Persistent storage of the index.
    pub cache: Arc<dyn Cache>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The time zone that defines days and noon: that of most servers.
    pub zone: TimeZone,
    /// Called with the new revision after changes, on the thread that made them.
    pub on_change: Box<dyn Fn(u64) + Send + Sync>,
    /// Which key layout is preferred where a day has results in both.
    pub key_prefix: KeyPrefix,
    /// The number of concurrent requests of a refresh.
    pub parallel: usize,
    /// The time between full refreshes.
    pub full_every: SignedDuration,
}

impl fmt::Debug for StoreIndexConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreIndexConfig").field("place", &self.place).finish_non_exhaustive()
    }
}

/// An index of an analyzed bucket. Cheap to clone; all clones share their state. Calls that access
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
    /// Held by the running refresh; only one runs at a time.
    refreshing: Mutex<()>,
    /// The trends of one revision and day, by their length in days. They take a second or so for
    /// thousands of servers.
    drifts: Mutex<Vec<KeptDrifts>>,
}

/// The trends of a revision, a day, and a length in days.
struct KeptDrifts {
    key: (u64, DayNumber, u16),
    drifts: Arc<Drifts>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("config", &self.config).finish_non_exhaustive()
    }
}

/// The progress of the index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Whether the store has not been listed completely since the start of the program.
    pub loading: bool,
    /// Whether a refresh is running.
    pub refreshing: bool,
    /// Days listed by the current or last refresh.
    pub listed: u64,
    /// The number of them that must be read, as far as known.
    pub wanted: u64,
    /// The number of them that were read.
    pub read: u64,
    /// Servers in the index.
    pub servers: usize,
    /// Days in the index.
    pub summaries: usize,
    /// Why the last refresh failed; the index keeps its content.
    pub failed: Option<String>,
    /// The end of the last successful refresh.
    pub finished_at: Option<Timestamp>,
    /// Why the records of retired servers are not known, or may have changed.
    pub retired_fault: Option<String>,
}

#[derive(Debug, Default)]
struct RefreshState {
    /// Whether a refresh has succeeded.
    complete: bool,
    refreshing: bool,
    listed: u64,
    wanted: u64,
    read: u64,
    failed: Option<String>,
    finished_at: Option<Timestamp>,
    /// The end of the last successful full refresh.
    full_at: Option<Timestamp>,
    /// The bucket's folders that the last refresh found.
    folders: BTreeSet<String>,
    /// Summaries that the store could not return.
    retries: retry::Retries,
    retired: retired::RetiredState,
    /// Servers that changed since the cache was last written.
    dirty: BTreeSet<Arc<ServerName>>,
    notified_at: Option<Timestamp>,
    cached_at: Option<Timestamp>,
    /// Whether there are changes without a notification.
    unnotified: bool,
}

impl StoreIndex {
    /// An empty index of a bucket. Sends no request yet.
    pub fn new(config: StoreIndexConfig) -> Self {
        let inner = Inner {
            config,
            index: RwLock::default(),
            state: Mutex::default(),
            revision: AtomicU64::new(0),
            refreshing: Mutex::default(),
            drifts: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// One page of the calendar.
    pub fn calendar(&self, query: &CalendarQuery) -> Calendar {
        let now = self.inner.now();
        self.inner.index().calendar(query, now)
    }

    /// The known days of a server, oldest first; `None` if there are none.
    pub fn server(&self, server: &ServerName) -> Option<Vec<(Day, DayStats)>> {
        let complete = self.inner.now().complete;
        let index = self.inner.index();
        let days = index.days(server);
        let known = days.iter().enumerate().filter_map(|(at, packed)| {
            let is_first = at == 0 && complete;
            let judged = if is_first { packed.as_first_day() } else { *packed };
            Some((packed.day.day()?, judged.stats()))
        });
        (!days.is_empty()).then(|| known.collect())
    }

    /// The first servers, by name, of which the name or the note matches a search.
    pub fn names(&self, search: &str, most: usize) -> Vec<(String, Option<String>)> {
        self.inner.index().matching(search, most)
    }

    /// The statistics of one day of a server; `None` if there are none.
    pub fn day(&self, server: &ServerName, day: Day) -> Option<DayStats> {
        let is_first = self.is_first(server, day);
        let index = self.inner.index();
        let packed = index.get(server, day.into())?;
        Some(if is_first { packed.as_first_day().stats() } else { packed.stats() })
    }

    /// Whether no results of an earlier day of the server are in the store, and it was listed whole.
    pub fn is_first(&self, server: &ServerName, day: Day) -> bool {
        let complete = self.inner.now().complete;
        let index = self.inner.index();
        complete && index.days(server).first().is_some_and(|first| first.day == day.into())
    }

    /// The note in the metadata of a server's newest log.
    pub fn note(&self, server: &ServerName) -> Option<String> {
        self.inner.index().note(server)?.note.as_deref().map(str::to_owned)
    }

    /// The cells of a server between two days, both included; limited to the last 400 days.
    pub fn cells(&self, server: &ServerName, from: Day, to: Day) -> Vec<Cell> {
        let now = self.inner.now();
        self.inner.index().cells(server, from, to, now)
    }

    /// The trends of all servers over the last `days` days, today included.
    pub fn drifts(&self, days: u16) -> Arc<Drifts> {
        let today = self.inner.now().today;
        let key = (self.revision(), today, days);
        let mut kept = self.inner.drifts.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|entry| (entry.key.0, entry.key.1) == (key.0, key.1));
        if let Some(entry) = kept.iter().find(|entry| entry.key == key) {
            return entry.drifts.clone();
        }
        let drifts = Arc::new(self.inner.index().drifts(today, days.into()));
        kept.push(KeptDrifts { key, drifts: drifts.clone() });
        drifts
    }

    /// The newest known day; dates that no place on Earth has reached are ignored.
    pub fn newest(&self) -> Option<Day> {
        let until = self.inner.now().last;
        let index = self.inner.index();
        let last = |days: &crate::index::Days| {
            days.as_slice().iter().rev().find(|packed| packed.day <= until)?.day.day()
        };
        index.names().filter_map(|(_, days)| last(days)).max()
    }

    /// The current progress.
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
            retired_fault: state.retired.fault(),
        }
    }

    /// Increases with every change of what the other calls return.
    pub fn revision(&self) -> u64 {
        self.inner.revision.load(Ordering::Acquire)
    }

    /// The displayed name of the store.
    pub fn place(&self) -> &str {
        &self.inner.config.place
    }

    /// The time zone that defines days.
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

    /// Records a change, and notifies unless it did so very recently.
    fn changed(&self) {
        let now = self.config.clock.now();
        let mut state = self.state();
        state.unnotified = true;
        if state.notified_at.is_none_or(|told| now.duration_since(told) >= NOTIFY_INTERVAL) {
            drop(state);
            self.notify();
        }
    }

    /// Notifies of pending changes.
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
