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
use crate::index::{DayFacts, DayNumber, Layout, Listing, Packed, Status};

/// After so many reads in a row that failed, a sweep reads no more: the store is out of reach.
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
    /// Whether it was stopped before its end.
    pub stopped: bool,
    /// Why the cache could not be written, if it could not. The index stands all the same.
    pub cache_fault: Option<String>,
}

impl Library {
    /// Brings the index up to the bucket. Ends early, without a fault, once `stop` says so.
    ///
    /// A summary that cannot be read is a day of [`Status::Unreadable`], and no fault.
    ///
    /// # Errors
    /// The first fault of the store. What could be learned is in the index; the fault stands in
    /// [`Library::progress`] until a sweep goes well.
    pub fn sweep(&self, stop: &(dyn Fn() -> bool + Sync)) -> Result<Swept, StoreError> {
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
        result.map(|()| swept)
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
        let folders = units::folders(self)?;
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
        swept.requests = requests + 1;
        swept.forgotten = forgotten;
        if !work.halted() {
            self.state().folders = folders;
            if swept.full {
                swept.forgotten += self.forget_unseen();
            }
        }
        // What was listed before the lists failed is read all the same.
        work.halt.store(false, Ordering::Relaxed);
        work.read(&wanted);
        swept.stopped = stop();
        match work.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
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
        let packed = Packed::new(listing.day, listing.layout, &facts);
        self.index_mut().put(&listing.server, packed, self.preferred());
        self.state().dirty.insert(listing.server.clone());
        self.changed();
        Ok(())
    }

    fn facts(&self, listing: &Listing) -> Result<Option<DayFacts>, StoreError> {
        let Some(key) = raw_key(listing) else { return Ok(None) };
        let (bucket, json) = (&self.config.analyzed, key.result_key(ResultKind::Json));
        let Some(opened) = open(&*self.config.catalog, bucket, &json)? else { return Ok(None) };
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
            match list::unit(self.inner, unit, &stop, take) {
                Ok(walked) => {
                    requests.fetch_add(walked.requests, Ordering::Relaxed);
                    if let Some(covers) = unit.covers.as_ref().filter(|_| walked.whole) {
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
        let mut state = inner.state();
        state.listed += listed;
        state.wanted += wanted.len() as u64;
        wanted
    }

    fn read(&self, wanted: &[Listing]) {
        let failures = AtomicU64::new(0);
        self.share(wanted.len(), |at| match self.inner.learn(&wanted[at], true) {
            Ok(()) => {
                failures.store(0, Ordering::Relaxed);
                self.inner.state().read += 1;
                self.inner.write_cache_if_due();
            }
            Err(error) => {
                self.fail(error);
                if failures.fetch_add(1, Ordering::Relaxed) + 1 >= FAILURES {
                    self.halt.store(true, Ordering::Relaxed);
                }
            }
        });
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
