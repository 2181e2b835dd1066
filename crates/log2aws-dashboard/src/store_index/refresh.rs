//! Refreshes the index from the bucket, or single days of it.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use log2aws_core::error_chain::ErrorChain;
use log2aws_core::key::{KeyPrefix, RawKey, ResultKind};
use log2aws_core::server_name::ServerName;
use log2aws_service::analyze::MAX_SUMMARY_BYTES;
use log2aws_service::ports::StoreError;

use super::list::{self, FoundDay, FoundKind};
use super::list_plan::{self, ListJob};
use super::read::{open, read_to_end};
use super::{Inner, StoreIndex};
use crate::index::{DayNumber, DayStats, Days, KeyLayout, Listing, NoteOf, Packed, Status, Tag};

/// After this many failed reads in a row, a summary that was readable before is requested. If that
/// fails too, the store is unavailable, and the refresh stops reading.
const MAX_CONSECUTIVE_FAILURES: u64 = 8;

/// The result of a refresh.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefreshReport {
    /// Whether everything was listed; otherwise only the latest days of each server.
    pub full: bool,
    /// The number of list requests.
    pub requests: u64,
    /// The number of days found.
    pub listed: u64,
    /// The number of days read.
    pub read: u64,
    /// The number of days removed because they are gone.
    pub forgotten: u64,
    /// The number of summaries that the store could not return while it returned others. Their days
    /// are [`Status::Unreadable`]; reading them is retried with a growing delay.
    pub unreadable: u64,
    /// The reason for the first of them.
    pub unreadable_because: Option<String>,
    /// Whether it was stopped early.
    pub stopped: bool,
    /// Why the records of retired servers could not be read, if so.
    pub retired_fault: Option<String>,
    /// Why the cache could not be written, if so. The index is not affected.
    pub cache_fault: Option<String>,
}

/// A refresh that failed.
#[derive(Debug, thiserror::Error)]
#[error("the results could not be looked through")]
pub struct RefreshError {
    /// The first error of the store.
    pub source: StoreError,
    /// The number of list requests made.
    pub requests: u64,
}

impl StoreIndex {
    /// Updates the index from the bucket. Ends early, without an error, when `stop` returns true.
    ///
    /// A summary that cannot be read is a day of [`Status::Unreadable`] and not an error.
    ///
    /// # Errors
    /// A list failed, or the store returns no summaries at all. The index has what could be read;
    /// the error stays in [`StoreIndex::progress`] until a refresh succeeds.
    pub fn refresh(&self, stop: &(dyn Fn() -> bool + Sync)) -> Result<RefreshReport, RefreshError> {
        let inner = &*self.inner;
        let _one_at_a_time = inner.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut state = inner.state();
            (state.refreshing, state.listed, state.wanted, state.read) = (true, 0, 0, 0);
        }
        let mut report = RefreshReport::default();
        let result = inner.refresh(stop, &mut report);
        {
            let mut state = inner.state();
            state.refreshing = false;
            state.unnotified = true;
            let failed = result.as_ref().err().map(sentence);
            if failed.is_some() || !report.stopped {
                state.failed = failed;
            }
            if result.is_ok() && !report.stopped {
                let now = inner.config.clock.now();
                state.complete = true;
                state.finished_at = Some(now);
                if report.full {
                    state.full_at = Some(now);
                }
            }
            (report.listed, report.read) = (state.listed, state.read);
            report.retired_fault = state.retired.fault();
        }
        report.cache_fault = inner.write_cache().err().map(|error| error.to_string());
        inner.notify();
        match result {
            Ok(()) => Ok(report),
            Err(source) => Err(RefreshError { source, requests: report.requests }),
        }
    }

    /// Updates one day that was written or removed.
    ///
    /// # Errors
    /// The store's; the index is then unchanged.
    pub fn refresh_day(&self, key: &RawKey) -> Result<(), StoreError> {
        let inner = &*self.inner;
        let server = inner.index().name(&key.server);
        let server = server.unwrap_or_else(|| Arc::new(key.server.clone()));
        if let Some(found) = list::one(inner, key)? {
            inner.load_day(&found.listing(server), found.kind)?;
        } else {
            inner.forget(&server, key.day.into(), list::layout_of(key));
        }
        inner.state().unnotified = true;
        inner.notify();
        Ok(())
    }
}

impl Inner {
    fn refresh(
        &self,
        stop: &(dyn Fn() -> bool + Sync),
        report: &mut RefreshReport,
    ) -> Result<(), StoreError> {
        let now = self.config.clock.now();
        let full_at = self.state().full_at;
        let since = full_at.map(|at| now.duration_since(at));
        report.full = since.is_none_or(|age| age.is_negative() || age >= self.config.full_every);
        let Some(folders) = list_plan::folders(self, stop, &mut report.requests)? else {
            report.stopped = true;
            return Ok(());
        };
        self.load_retired_if_any(&folders);
        let jobs = if report.full {
            self.index_mut().mark_all_unseen();
            list_plan::full(&folders)
        } else {
            let today = jiff::tz::TimeZone::UTC.to_datetime(now).date();
            let today = log2aws_core::day::Day::from_date(today);
            list_plan::recent(self, &folders, today.map_or(DayNumber(i32::MAX), DayNumber::from))
        };
        let run = RefreshRun {
            inner: self,
            stop,
            failure: Mutex::default(),
            halt: AtomicBool::new(false),
        };
        let (wanted, requests, forgotten) = run.list(&jobs);
        report.requests += requests;
        report.forgotten = forgotten;
        if !run.halted() {
            self.state().folders = folders;
            if report.full {
                report.forgotten += self.forget_unseen();
                self.forget_retries();
            }
        }
        // Days listed before the lists failed are still read.
        run.halt.store(false, Ordering::Relaxed);
        let failed = run.read(&wanted);
        report.stopped = stop();
        if let Some(failure) = run.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(failure);
        }
        report.unreadable = failed.len() as u64;
        report.unreadable_because = failed.first().map(|(_, error)| sentence(error));
        for (listing, _) in &failed {
            self.mark_unreadable(listing);
        }
        Ok(())
    }

    /// Reads one day into the index.
    fn load_day(&self, listing: &Listing, kind: FoundKind) -> Result<(), StoreError> {
        let stats = match kind {
            FoundKind::Summary => self.stats(listing)?,
            FoundKind::Csv => Some(DayStats::empty(listing.tag, Status::Unreadable)),
            FoundKind::Refused => Some(DayStats::empty(listing.tag, Status::Refused)),
        };
        let Some(stats) = stats else {
            // Removed since it was listed.
            self.forget(&listing.server, listing.day, listing.layout);
            return Ok(());
        };
        self.state().retries.succeeded(listing);
        self.put(listing, &stats);
        Ok(())
    }

    /// Marks a summary as unreadable, with a tag that no list can have, so that it is also retried
    /// after a restart.
    fn mark_unreadable(&self, listing: &Listing) {
        let now = self.config.clock.now();
        self.state().retries.failed(listing, now);
        self.put(listing, &DayStats::empty(Tag(!listing.tag.0), Status::Unreadable));
    }

    fn put(&self, listing: &Listing, stats: &DayStats) {
        let packed = Packed::new(listing.day, listing.layout, stats);
        let mut index = self.index_mut();
        index.put(&listing.server, packed, self.preferred());
        if stats.status == Status::Read {
            let (note, zone) = (stats.note.clone(), stats.zone.clone());
            let note = NoteOf { day: listing.day, note, zone };
            index.put_note(&listing.server, note);
        }
        drop(index);
        self.state().dirty.insert(listing.server.clone());
        self.changed();
    }

    /// Whether the newest summary that was readable before still is.
    fn store_responds(&self) -> bool {
        let newest = {
            let index = self.index();
            let newest = |(name, days): (&Arc<ServerName>, &Days)| {
                let read = |packed: &&Packed| packed.status == Status::Read;
                let packed = days.as_slice().iter().rev().find(read)?;
                let Packed { day, layout, .. } = *packed;
                Some(Listing { server: name.clone(), day, layout, tag: packed.tag() })
            };
            index.names().filter_map(newest).max_by_key(|listing| listing.day)
        };
        newest.is_some_and(|listing| self.stats(&listing).is_ok())
    }

    fn stats(&self, listing: &Listing) -> Result<Option<DayStats>, StoreError> {
        let Some(key) = raw_key(listing) else { return Ok(None) };
        let (bucket, json) = (&self.config.analyzed, key.result_key(ResultKind::Json));
        let Some(opened) = open(&*self.config.lister, bucket, &json)? else { return Ok(None) };
        if opened.size > MAX_SUMMARY_BYTES {
            return Ok(Some(DayStats::empty(listing.tag, Status::Unreadable)));
        }
        let bytes = read_to_end(opened, MAX_SUMMARY_BYTES, format!("reading {bucket}/{json}"))?;
        Ok(Some(DayStats::of_json(listing.tag, &key, &bytes)))
    }

    fn forget(&self, server: &Arc<ServerName>, day: DayNumber, layout: KeyLayout) {
        if self.index_mut().remove(server, day, layout) {
            self.state().dirty.insert(server.clone());
            self.changed();
        }
    }

    /// Removes the days that a full refresh did not find.
    fn forget_unseen(&self) -> u64 {
        let names: Vec<_> = self.index().names().map(|(name, _)| name.clone()).collect();
        names.iter().map(|server| self.forget_some(server, |packed| !packed.seen)).sum()
    }

    /// Drops the retries of days that are gone.
    fn forget_retries(&self) {
        let mut retries = std::mem::take(&mut self.state().retries);
        let index = self.index();
        retries.retain(|server, day| index.get(server, day).is_some());
        drop(index);
        self.state().retries = retries;
    }

    fn forget_some(&self, server: &Arc<ServerName>, gone: impl FnMut(&Packed) -> bool) -> u64 {
        let forgotten = self.index_mut().forget(server, gone);
        if forgotten > 0 {
            self.state().dirty.insert(server.clone());
            self.changed();
        }
        forgotten as u64
    }
}

/// A refresh in progress, on several threads.
struct RefreshRun<'a> {
    inner: &'a Inner,
    stop: &'a (dyn Fn() -> bool + Sync),
    failure: Mutex<Option<StoreError>>,
    /// Set when continuing is pointless.
    halt: AtomicBool,
}

impl RefreshRun<'_> {
    fn halted(&self) -> bool {
        self.halt.load(Ordering::Relaxed) || (self.stop)()
    }

    fn fail(&self, error: StoreError) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    /// Runs `each` for every index below `count`, several at a time.
    fn share(&self, count: usize, each: impl Fn(usize) + Sync) {
        let next = AtomicUsize::new(0);
        let run = || {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= count || self.halted() {
                    return;
                }
                each(at);
            }
        };
        std::thread::scope(|scope| {
            let threads = self.inner.config.parallel.clamp(1, count.max(1));
            for _ in 1..threads {
                scope.spawn(run);
            }
            run();
        });
    }

    /// Runs all list jobs. Returns the days to read, newest first; the number of list requests; and
    /// the number of days removed.
    fn list(&self, jobs: &[ListJob]) -> (Vec<Listing>, u64, u64) {
        let wanted = Mutex::new(Vec::new());
        let (requests, forgotten) = (AtomicU64::new(0), AtomicU64::new(0));
        let stop = || self.halted();
        self.share(jobs.len(), |at| {
            let job = &jobs[at];
            if let Some(coverage) = &job.coverage {
                self.inner
                    .index_mut()
                    .mark_unseen(&coverage.server, |packed| coverage.holds(packed));
            }
            let mut last = None;
            let take = |found: Vec<FoundDay>| {
                let new = self.mark_seen(found, &mut last);
                wanted.lock().unwrap_or_else(PoisonError::into_inner).extend(new);
            };
            match list::job(self.inner, job, &stop, &requests, take) {
                Ok(read_to_end) => {
                    if let Some(coverage) = job.coverage.as_ref().filter(|_| read_to_end) {
                        let gone = |packed: &Packed| !packed.seen && coverage.holds(packed);
                        let gone = self.inner.forget_some(&coverage.server, gone);
                        forgotten.fetch_add(gone, Ordering::Relaxed);
                    }
                }
                Err(error) => {
                    self.fail(error);
                    self.halt.store(true, Ordering::Relaxed);
                }
            }
        });
        let mut wanted = wanted.into_inner().unwrap_or_else(PoisonError::into_inner);
        wanted.sort_by(|a: &Listing, b| b.day.cmp(&a.day).then_with(|| a.server.cmp(&b.server)));
        (wanted, requests.into_inner(), forgotten.into_inner())
    }

    /// Compares the days of a page with the index; returns those to read. `last` is the server of
    /// the previous day, whose name is shared.
    fn mark_seen(&self, found: Vec<FoundDay>, last: &mut Option<Arc<ServerName>>) -> Vec<Listing> {
        let (inner, listed) = (self.inner, found.len() as u64);
        let mut wanted = Vec::new();
        let mut half = Vec::new();
        {
            let mut index = inner.index_mut();
            for found in found {
                let name = &found.key.server;
                let server = match last.take().filter(|last| **last == *name) {
                    Some(server) => server,
                    None => index.name(name).unwrap_or_else(|| Arc::new(name.clone())),
                };
                *last = Some(server.clone());
                let listing = found.listing(server);
                if index.mark_seen(&listing, inner.preferred()) {
                    match found.kind {
                        FoundKind::Summary => wanted.push(listing),
                        kind => half.push((listing, kind)),
                    }
                }
            }
        }
        for (listing, kind) in half {
            // Cannot fail, because it sends no request.
            let _ = inner.load_day(&listing, kind);
        }
        let now = inner.config.clock.now();
        let mut state = inner.state();
        wanted.retain(|listing| state.retries.due(listing, now));
        state.listed += listed;
        state.wanted += wanted.len() as u64;
        wanted
    }

    /// Reads the given days; returns those that failed.
    fn read<'w>(&self, wanted: &'w [Listing]) -> Vec<(&'w Listing, StoreError)> {
        let in_a_row = AtomicU64::new(0);
        let failed = Mutex::new(Vec::new());
        self.share(wanted.len(), |at| match self.inner.load_day(&wanted[at], FoundKind::Summary) {
            Ok(()) => {
                in_a_row.store(0, Ordering::Relaxed);
                self.inner.state().read += 1;
                self.inner.write_cache_if_due();
            }
            Err(error) => {
                // A summary that failed before says nothing about the store.
                let is_new = !self.inner.state().retries.has_failed(&wanted[at]);
                if is_new
                    && in_a_row.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_CONSECUTIVE_FAILURES
                {
                    if self.inner.store_responds() {
                        in_a_row.store(0, Ordering::Relaxed);
                    } else {
                        self.halt.store(true, Ordering::Relaxed);
                        self.fail(error);
                        return;
                    }
                }
                failed.lock().unwrap_or_else(PoisonError::into_inner).push((&wanted[at], error));
            }
        });
        failed.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

fn raw_key(listing: &Listing) -> Option<RawKey> {
    let prefix = match listing.layout {
        KeyLayout::Plain => KeyPrefix::Off,
        KeyLayout::Spread => KeyPrefix::Spread,
    };
    Some(RawKey::new(ServerName::clone(&listing.server), listing.day.day()?, prefix))
}

/// An error and its causes, in one line.
fn sentence(error: &StoreError) -> String {
    ErrorChain(error).to_string()
}
