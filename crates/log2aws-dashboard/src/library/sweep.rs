//! Looking through the bucket, and at single days of it.

use std::error::Error as _;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use log2aws_core::key::{KeyPrefix, RawKey, ResultKind};
use log2aws_core::server_name::ServerName;
use log2aws_service::analyze::MAX_SUMMARY_BYTES;
use log2aws_service::ports::StoreError;

use super::list::{self, Met};
use super::read::{open, whole};
use super::units::{self, Unit};
use super::{Inner, Library};
use crate::index::{DayFacts, DayNumber, Days, Layout, Listing, Packed, Status, Tag};

/// After so many reads in a row that failed, what was given once is asked for. If that fails, too,
/// the store is out of reach, and a sweep reads no more.
const FAILURES: u64 = 8;

/// What a sweep did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Whether everything was listed; else the last days of each server.
    pub full: bool,
    /// How many lists were asked for.
    pub requests: u64,
    /// How many days they showed.
    pub listed: u64,
    /// How many days were read.
    pub read: u64,
    /// How many days were forgotten, because they are gone.
    pub forgotten: u64,
    /// How many summaries the store did not give though others were given. Their days are
    /// [`Status::Unreadable`]; they are asked for again, each time after a longer wait.
    pub withheld: u64,
    /// Why the first of them was not given.
    pub withheld_because: Option<String>,
    /// Whether it was stopped before its end.
    pub stopped: bool,
    /// Why the cache could not be written, if it could not. The index stands all the same.
    pub cache_fault: Option<String>,
}

/// A sweep that failed.
#[derive(Debug, thiserror::Error)]
#[error("the results could not be looked through")]
pub struct SweepError {
    /// The first fault of the store.
    pub source: StoreError,
    /// How many lists were asked for all the same.
    pub requests: u64,
}

impl Library {
    /// Brings the index up to the bucket. Ends early, without a fault, once `stop` says so.
    ///
    /// A summary that cannot be read, or is not given, is a day of [`Status::Unreadable`], and no
    /// fault.
    ///
    /// # Errors
    /// A list that failed, or a store that gives no summaries at all. What could be learned is in
    /// the index; the fault stands in [`Library::progress`] until a sweep goes well.
    pub fn sweep(&self, stop: &(dyn Fn() -> bool + Sync)) -> Result<Swept, SweepError> {
        let inner = &*self.inner;
        let _one_at_a_time = inner.sweeping.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut state = inner.state();
            (state.sweeping, state.listed, state.wanted, state.read) = (true, 0, 0, 0);
        }
        let mut swept = Swept::default();
        let result = inner.sweep(stop, &mut swept);
        {
            let mut state = inner.state();
            state.sweeping = false;
            state.untold = true;
            let failed = result.as_ref().err().map(sentence);
            if failed.is_some() || !swept.stopped {
                state.failed = failed;
            }
            if result.is_ok() && !swept.stopped {
                let now = inner.config.clock.now();
                state.complete = true;
                state.finished_at = Some(now);
                if swept.full {
                    state.full_at = Some(now);
                }
            }
            (swept.listed, swept.read) = (state.listed, state.read);
        }
        swept.cache_fault = inner.write_cache().err().map(|error| error.to_string());
        inner.tell();
        match result {
            Ok(()) => Ok(swept),
            Err(source) => Err(SweepError { source, requests: swept.requests }),
        }
    }

    /// Looks at one day: it was written or removed.
    ///
    /// # Errors
    /// The store's; the index is as it was then.
    pub fn look(&self, key: &RawKey) -> Result<(), StoreError> {
        let inner = &*self.inner;
        let server = inner.index().name(&key.server);
        let server = server.unwrap_or_else(|| Arc::new(key.server.clone()));
        if let Some(met) = list::one(inner, key)? {
            inner.learn(&met.listing(server), met.summary)?;
        } else {
            inner.forget(&server, key.day.into(), list::layout_of(key));
        }
        inner.state().untold = true;
        inner.tell();
        Ok(())
    }
}

impl Inner {
    fn sweep(&self, stop: &(dyn Fn() -> bool + Sync), swept: &mut Swept) -> Result<(), StoreError> {
        let now = self.config.clock.now();
        let full_at = self.state().full_at;
        let since = full_at.map(|at| now.duration_since(at));
        swept.full = since.is_none_or(|age| age.is_negative() || age >= self.config.full_every);
        let folders = units::folders(self, &mut swept.requests)?;
        let units = if swept.full {
            self.index_mut().lose_sight_of_all();
            units::full(&folders)
        } else {
            let today = jiff::tz::TimeZone::UTC.to_datetime(now).date();
            let today = log2aws_core::day::Day::from_date(today);
            units::recent(self, &folders, today.map_or(DayNumber(i32::MAX), DayNumber::from))
        };
        let work =
            Work { inner: self, stop, failure: Mutex::default(), halt: AtomicBool::new(false) };
        let (wanted, requests, forgotten) = work.list(&units);
        swept.requests += requests;
        swept.forgotten = forgotten;
        if !work.halted() {
            self.state().folders = folders;
            if swept.full {
                swept.forgotten += self.forget_unseen();
                self.forget_retries();
            }
        }
        // What was listed before the lists failed is read all the same.
        work.halt.store(false, Ordering::Relaxed);
        let failed = work.read(&wanted);
        swept.stopped = stop();
        if let Some(failure) = work.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(failure);
        }
        swept.withheld = failed.len() as u64;
        swept.withheld_because = failed.first().map(|(_, error)| sentence(error));
        for (listing, _) in &failed {
            self.withhold(listing);
        }
        Ok(())
    }

    /// Reads what stands of a day into the index.
    fn learn(&self, listing: &Listing, summary: bool) -> Result<(), StoreError> {
        let facts = if summary {
            let Some(facts) = self.facts(listing)? else {
                // Gone since it was listed.
                self.forget(&listing.server, listing.day, listing.layout);
                return Ok(());
            };
            facts
        } else {
            // A CSV whose summary is not written yet, or was removed.
            DayFacts::empty(listing.tag, Status::Unreadable)
        };
        self.state().retries.given(listing);
        self.put(listing, &facts);
        Ok(())
    }

    /// Notes that a summary was not given. Under a tag that no list shows, so that a list after a
    /// restart makes it be asked for, too.
    fn withhold(&self, listing: &Listing) {
        let now = self.config.clock.now();
        self.state().retries.failed(listing, now);
        self.put(listing, &DayFacts::empty(Tag(!listing.tag.0), Status::Unreadable));
    }

    fn put(&self, listing: &Listing, facts: &DayFacts) {
        let packed = Packed::new(listing.day, listing.layout, facts);
        self.index_mut().put(&listing.server, packed, self.preferred());
        self.state().dirty.insert(listing.server.clone());
        self.changed();
    }

    /// Whether the newest summary that was given once is given still.
    fn gives(&self) -> bool {
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
        newest.is_some_and(|listing| self.facts(&listing).is_ok())
    }

    fn facts(&self, listing: &Listing) -> Result<Option<DayFacts>, StoreError> {
        let Some(key) = raw_key(listing) else { return Ok(None) };
        let (bucket, json) = (&self.config.analyzed, key.result_key(ResultKind::Json));
        let Some(opened) = open(&*self.config.lister, bucket, &json)? else { return Ok(None) };
        if opened.size > MAX_SUMMARY_BYTES {
            return Ok(Some(DayFacts::empty(listing.tag, Status::Unreadable)));
        }
        let bytes = whole(opened, MAX_SUMMARY_BYTES, format!("reading {bucket}/{json}"))?;
        Ok(Some(DayFacts::of_json(listing.tag, &key, &bytes)))
    }

    fn forget(&self, server: &Arc<ServerName>, day: DayNumber, layout: Layout) {
        if self.index_mut().remove(server, day, layout) {
            self.state().dirty.insert(server.clone());
            self.changed();
        }
    }

    /// Forgets what a sweep of everything did not meet.
    fn forget_unseen(&self) -> u64 {
        let names: Vec<_> = self.index().names().map(|(name, _)| name.clone()).collect();
        names.iter().map(|server| self.forget_some(server, |packed| !packed.seen)).sum()
    }

    /// Forgets when to ask for what is gone.
    fn forget_retries(&self) {
        let mut retries = std::mem::take(&mut self.state().retries);
        let index = self.index();
        retries.keep(|server, day| index.get(server, day).is_some());
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

/// A sweep at work, on several threads.
struct Work<'a> {
    inner: &'a Inner,
    stop: &'a (dyn Fn() -> bool + Sync),
    failure: Mutex<Option<StoreError>>,
    /// Set once it makes no sense to go on.
    halt: AtomicBool,
}

impl Work<'_> {
    fn halted(&self) -> bool {
        self.halt.load(Ordering::Relaxed) || (self.stop)()
    }

    fn fail(&self, error: StoreError) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    /// Does `each` of so many, several at once.
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

    /// Lists all units. Gives the days to read, newest first; how many lists were asked for, and
    /// how many days were forgotten.
    fn list(&self, units: &[Unit]) -> (Vec<Listing>, u64, u64) {
        let wanted = Mutex::new(Vec::new());
        let (requests, forgotten) = (AtomicU64::new(0), AtomicU64::new(0));
        let stop = || self.halted();
        self.share(units.len(), |at| {
            let unit = &units[at];
            if let Some(covers) = &unit.covers {
                self.inner.index_mut().lose_sight(&covers.server, |packed| covers.holds(packed));
            }
            let mut last = None;
            let take = |met: Vec<Met>| {
                let new = self.meet(met, &mut last);
                wanted.lock().unwrap_or_else(PoisonError::into_inner).extend(new);
            };
            match list::unit(self.inner, unit, &stop, &requests, take) {
                Ok(whole) => {
                    if let Some(covers) = unit.covers.as_ref().filter(|_| whole) {
                        let gone = |packed: &Packed| !packed.seen && covers.holds(packed);
                        let gone = self.inner.forget_some(&covers.server, gone);
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

    /// Compares the days of a page with the index; gives those to read. `last` is the server of the
    /// day before, whose name is shared.
    fn meet(&self, met: Vec<Met>, last: &mut Option<Arc<ServerName>>) -> Vec<Listing> {
        let (inner, listed) = (self.inner, met.len() as u64);
        let mut wanted = Vec::new();
        let mut half = Vec::new();
        {
            let mut index = inner.index_mut();
            for met in met {
                let name = &met.key.server;
                let server = match last.take().filter(|last| **last == *name) {
                    Some(server) => server,
                    None => index.name(name).unwrap_or_else(|| Arc::new(name.clone())),
                };
                *last = Some(server.clone());
                let listing = met.listing(server);
                if index.meet(&listing, inner.preferred()) {
                    if met.summary { wanted.push(listing) } else { half.push(listing) }
                }
            }
        }
        for listing in half {
            // Asks the store nothing, so that it cannot fail.
            let _ = inner.learn(&listing, false);
        }
        let now = inner.config.clock.now();
        let mut state = inner.state();
        wanted.retain(|listing| state.retries.due(listing, now));
        state.listed += listed;
        state.wanted += wanted.len() as u64;
        wanted
    }

    /// Reads so many days; gives those that the store did not give.
    fn read<'w>(&self, wanted: &'w [Listing]) -> Vec<(&'w Listing, StoreError)> {
        let in_a_row = AtomicU64::new(0);
        let failed = Mutex::new(Vec::new());
        self.share(wanted.len(), |at| match self.inner.learn(&wanted[at], true) {
            Ok(()) => {
                in_a_row.store(0, Ordering::Relaxed);
                self.inner.state().read += 1;
                self.inner.write_cache_if_due();
            }
            Err(error) => {
                // What failed before says nothing of the store.
                let is_new = !self.inner.state().retries.holds(&wanted[at]);
                if is_new && in_a_row.fetch_add(1, Ordering::Relaxed) + 1 >= FAILURES {
                    if self.inner.gives() {
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
        Layout::Plain => KeyPrefix::Off,
        Layout::Spread => KeyPrefix::Spread,
    };
    Some(RawKey::new(ServerName::clone(&listing.server), listing.day.day()?, prefix))
}

/// An error and what is behind it, in one line.
fn sentence(error: &StoreError) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        line = format!("{line}: {error}");
        source = error.source();
    }
    line
}
