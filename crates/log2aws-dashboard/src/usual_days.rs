//! The days that a day is compared with: the same weekday of the weeks before, read from the store
//! and kept for a while.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use log2aws_core::csv::CsvReader;
use log2aws_core::day::Day;
use log2aws_core::key::ResultKind;
use log2aws_core::server_name::ServerName;
use log2aws_core::usual::{Usual, UsualDay, WEEKS};

use crate::index::{Status, Tag};
use crate::pages::calendar::shifted;
use crate::pages::day::content::is_too_large;
use crate::store_index::StoreIndex;

/// A larger CSV is not compared with: that of a sample every six seconds.
const MAX_CSV: u64 = 2 * 1024 * 1024;

/// How many usual days are kept; each takes some 10 KB.
const KEPT: usize = 64;

/// The results of the same weekday of the weeks before, the newest first; `None` where there are
/// none.
pub(crate) type UsualTags = [Option<Tag>; WEEKS];

/// Identifies what a usual day was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    server: ServerName,
    day: Day,
    tags: UsualTags,
}

/// A usual day, or that there is none.
#[derive(Clone)]
struct Kept {
    key: Key,
    usual: Option<Usual>,
}

/// Usual days, the last used one at the end. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct UsualDays(Arc<Mutex<VecDeque<Kept>>>);

impl fmt::Debug for UsualDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsualDays").finish_non_exhaustive()
    }
}

/// Which days there are, from the index alone.
pub(crate) fn tags(store_index: &StoreIndex, server: &ServerName, day: Day) -> UsualTags {
    days(day).map(|day| {
        let stats = store_index.day(server, day?)?;
        (stats.status == Status::Read).then_some(stats.tag)
    })
}

/// The days, the newest first; `None` before the first day of all.
fn days(day: Day) -> [Option<Day>; WEEKS] {
    let mut weeks = [None; WEEKS];
    for (before, week) in weeks.iter_mut().zip(1..) {
        let earlier = shifted(day, -7 * week);
        *before = (earlier < day).then_some(earlier);
    }
    weeks
}

/// A usual day as it could be read.
#[derive(Debug)]
pub(crate) struct UsualRead {
    /// `None` if there are not enough days.
    pub(crate) usual: Option<Usual>,
    /// Whether the store could be read. Otherwise a later attempt may give another usual day.
    pub(crate) whole: bool,
}

impl UsualDays {
    /// The usual day of a server. Days that cannot be read are left out.
    pub(crate) fn of(&self, store_index: &StoreIndex, server: &ServerName, day: Day) -> UsualRead {
        let key = Key { server: server.clone(), day, tags: tags(store_index, server, day) };
        if let Some(kept) = self.take(&key) {
            return UsualRead { usual: kept.usual, whole: true };
        }
        let wanted = days(day)
            .into_iter()
            .zip(key.tags)
            .filter_map(|(day, tag)| day.filter(|_| tag.is_some()));
        // Most of the time is waiting for the store.
        let read: Vec<_> = thread::scope(|scope| {
            let readers: Vec<_> =
                wanted.map(|day| scope.spawn(move || read(store_index, server, day))).collect();
            readers.into_iter().map(|reader| reader.join().unwrap_or(Err(()))).collect()
        });
        let whole = read.iter().all(Result::is_ok);
        let days: Vec<_> = read.into_iter().flatten().flatten().collect();
        let usual = Usual::of(&days);
        if whole {
            self.keep(Kept { key, usual: usual.clone() });
        }
        UsualRead { usual, whole }
    }

    /// What is kept under a key, if anything is; it is then the last used one.
    fn take(&self, key: &Key) -> Option<Kept> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|entry| entry.key == *key)?;
        let entry = kept.remove(at)?;
        kept.push_back(entry.clone());
        Some(entry)
    }

    fn keep(&self, entry: Kept) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back(entry);
    }
}

/// One of the days; `None` if its CSV is gone or too large. The error says only that a later attempt
/// may succeed.
fn read(store_index: &StoreIndex, server: &ServerName, day: Day) -> Result<Option<UsualDay>, ()> {
    let csv = match store_index.read(server, day, ResultKind::Csv, MAX_CSV) {
        Ok(Some(csv)) => csv,
        Ok(None) => return Ok(None),
        Err(error) if is_too_large(&error) => return Ok(None),
        Err(_) => return Err(()),
    };
    let mut day = UsualDay::new(day);
    CsvReader::read(&csv, |sample| day.sample(&sample));
    Ok(Some(day))
}
