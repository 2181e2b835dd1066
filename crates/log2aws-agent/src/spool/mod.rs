//! The spool: the day logs of one folder, and the records of which of them the store has.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;

mod deliveries;
mod log_file;
mod removal;
mod replace;
pub(crate) mod reserve;
pub(crate) mod state;

pub(crate) use self::deliveries::{Deliveries, Delivery};
pub(crate) use self::log_file::{LogFile, hex, open_regular};
pub(crate) use self::replace::{is_at, replace, replace_for_all};
pub use self::state::StateError;

/// The logs of one server, and where it is kept what became of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spool {
    /// The folder of the day logs.
    pub log_dir: PathBuf,
    /// The folder that keeps what was delivered.
    pub state_dir: PathBuf,
    /// Whose logs these are.
    pub server: ServerName,
}

/// What stands in a log folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logs {
    /// The days that have a log, oldest first.
    pub days: Vec<Day>,
    /// Names that are no day's log, sorted: links, pipes, folders, days that do not exist.
    pub strangers: Vec<OsString>,
}

/// What is wrong with a spool.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// There is no such folder.
    #[error(
        "the log folder {0} does not exist; was nothing sampled yet, or is it elsewhere \
         (--log-dir)?"
    )]
    Missing(PathBuf),
    /// Whoever may change the link decides where the logs go.
    #[error(
        "the log folder {0} is a symbolic link; name the folder that it leads to with --log-dir"
    )]
    Link(PathBuf),
    /// A file, a pipe, a device.
    #[error("the log folder {0} is not a folder; move it away, or name a folder with --log-dir")]
    NotAFolder(PathBuf),
    /// Somebody else can put into it and take from it what they like.
    #[error(
        "the log folder {path} belongs to user {owner}, and this is user {us}; run as user \
         {owner}, or name a folder of your own with --log-dir"
    )]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        us: u32,
    },
    /// The folder cannot be read.
    #[error("the log folder {path} cannot be read: {source}; name another with --log-dir")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The record of a delivery cannot be read.
    #[error("the record {path} cannot be read: {source}; run as the user who owns it")]
    Record {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What has had its time cannot be removed.
    #[error(
        "{path} cannot be removed, though the store has it: {source}; run as the user who owns \
         the folder"
    )]
    Remove {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl Spool {
    /// Whether the log folder may be trusted: a real folder, and nobody's but ours or root's.
    ///
    /// # Errors
    /// [`SpoolError`] says what it is instead.
    pub fn check(&self) -> Result<(), SpoolError> {
        check_folder(&self.log_dir)
    }

    /// What stands in the log folder.
    ///
    /// # Errors
    /// The folder is missing or cannot be read.
    pub fn logs(&self) -> Result<Logs, SpoolError> {
        let mut logs = Logs::default();
        for entry in fs::read_dir(&self.log_dir).map_err(|source| self.unreadable(source))? {
            let entry = entry.map_err(|source| self.unreadable(source))?;
            let name = entry.file_name();
            let day = name.to_str().and_then(|name| name.strip_suffix(".log"));
            let day = day.and_then(|day| Day::parse_canonical(day).ok());
            match day {
                Some(day) if entry.file_type().is_ok_and(|kind| kind.is_file()) => {
                    logs.days.push(day);
                }
                _ => logs.strangers.push(name),
            }
        }
        logs.days.sort_unstable();
        logs.strangers.sort_unstable();
        Ok(logs)
    }

    /// Where a day's log stands.
    pub fn log(&self, day: Day) -> PathBuf {
        self.log_dir.join(format!("{day}.log"))
    }

    /// The records.
    pub(crate) fn deliveries(&self) -> Deliveries {
        Deliveries::new(&self.state_dir, &self.server)
    }

    /// The days before `today` whose log, as it is now, has not been delivered by way of `api`;
    /// oldest first.
    ///
    /// Size and time tell of most logs that they are as they were; only others are read.
    ///
    /// # Errors
    /// The folder cannot be read. A day whose log or record cannot be read is pending: why, `ship`
    /// will say, of this day alone.
    pub fn pending(&self, api: &str, today: Day) -> Result<Vec<Day>, SpoolError> {
        let deliveries = self.deliveries();
        let mut pending = Vec::new();
        for day in self.logs()?.days.into_iter().filter(|day| *day < today) {
            let delivered = deliveries.load(day).ok().flatten().is_some_and(|delivery| {
                delivery.api == api && delivery.is_of(&self.log(day)).unwrap_or(false)
            });
            if !delivered {
                pending.push(day);
            }
        }
        Ok(pending)
    }

    /// Removes the logs that were delivered by way of `api` longer ago than `keep`, and the records
    /// of logs that are gone once they are 400 days old, by way of whichever API. Returns the days
    /// whose logs were removed.
    ///
    /// A log goes only if its bytes, read once more, are those that were delivered, and only if
    /// its day is over everywhere on earth.
    ///
    /// # Errors
    /// A folder cannot be read, or a file not be removed; what came before it is gone then. A log
    /// or a record that cannot be read stays.
    pub fn expire(
        &self,
        api: &str,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Vec<Day>, SpoolError> {
        let age = |at: Timestamp| Duration::try_from(now.duration_since(at)).unwrap_or_default();
        let deliveries = self.deliveries();
        deliveries.mend_future(now);
        let days = self.logs()?.days;
        let mut removed = Vec::new();
        for day in days.iter().copied().filter(|day| is_over_everywhere(*day, now)) {
            match deliveries.load(day) {
                Ok(Some(delivery)) if delivery.api == api && age(delivery.delivered_at) > keep => {
                    let path = self.log(day);
                    if removal::remove_delivered(&path, &delivery)
                        .map_err(|source| SpoolError::Remove { path, source })?
                    {
                        removed.push(day);
                    }
                }
                _ => {}
            }
        }
        deliveries.forget(|day, delivery| {
            days.binary_search(&day).is_err() && age(delivery.delivered_at) > KEEP_RECORDS
        })?;
        Ok(removed)
    }

    /// Makes room on a full disk for whoever knows of no API: only what was delivered by way of
    /// that of the newest delivery may go, for what an earlier one has is pending to it.
    ///
    /// # Errors
    /// As [`Self::make_room_of`].
    pub(crate) fn make_room(&self, today: Day) -> io::Result<Option<Day>> {
        let deliveries = self.deliveries();
        let days = deliveries.days().into_iter();
        let records = days.filter_map(|day| deliveries.load(day).ok().flatten());
        let newest = records.max_by_key(|delivery| delivery.delivered_at);
        newest.map_or(Ok(None), |newest| self.make_room_of(&newest.api, today))
    }

    /// Makes room on a full disk: removes the oldest log before `today`'s that was delivered by
    /// way of `api` and is as it was then, however young it is. `None` if there is none left.
    ///
    /// # Errors
    /// The folder cannot be read, or the log not be removed.
    fn make_room_of(&self, api: &str, today: Day) -> io::Result<Option<Day>> {
        let deliveries = self.deliveries();
        let days = self.logs().map_err(io::Error::other)?.days;
        for day in days.into_iter().filter(|day| *day < today) {
            if let Ok(Some(delivery)) = deliveries.load(day)
                && delivery.api == api
                && removal::remove_delivered(&self.log(day), &delivery)?
            {
                return Ok(Some(day));
            }
        }
        Ok(None)
    }

    /// Removes the oldest record of a log that is gone: on a full disk it, too, takes room that a
    /// line needs. False if there is none.
    pub(crate) fn forget_oldest(&self) -> bool {
        let Ok(logs) = self.logs() else { return false };
        let gone = |day: &Day| logs.days.binary_search(day).is_err();
        let deliveries = self.deliveries();
        let oldest = deliveries.days().into_iter().filter(gone).min();
        oldest.is_some_and(|day| fs::remove_file(deliveries.path(day)).is_ok())
    }

    /// Gets ready for a disk without any room, while there is some, or some can be made: what a
    /// first record needs, and the reserve. Without them nothing could be written down that day,
    /// and so nothing be removed, ever. Returns the days whose logs were removed for it.
    pub(crate) fn prepare(&self, today: Day) -> Vec<Day> {
        let deliveries = self.deliveries();
        let mut removed = Vec::new();
        loop {
            let ready = deliveries.make_folder().and_then(|()| reserve::take(&self.state_dir));
            let full = ready.is_err_and(|error| is_full(&error));
            if !(full && self.is_on_one_disk()) {
                return removed;
            }
            match self.make_room(today) {
                Ok(Some(day)) => removed.push(day),
                _ if self.forget_oldest() => {}
                _ => return removed,
            }
        }
    }

    /// Writes down a delivery. A full disk must not prevent it: the reserve is given up for it,
    /// then the oldest logs that the store has.
    ///
    /// # Errors
    /// The record cannot be written.
    pub(crate) fn record(&self, day: Day, delivery: &Delivery, today: Day) -> io::Result<()> {
        let deliveries = self.deliveries();
        loop {
            match deliveries.save(day, delivery) {
                Err(error) if is_full(&error) => {
                    let made = self.is_on_one_disk()
                        && (matches!(self.make_room_of(&delivery.api, today), Ok(Some(_)))
                            || self.forget_oldest());
                    if !made {
                        return Err(error);
                    }
                }
                done => return done,
            }
        }
    }

    /// Whether a log that goes makes room for what is kept of it.
    fn is_on_one_disk(&self) -> bool {
        let disk = |folder: &Path| fs::metadata(folder).map(|found| found.dev()).ok();
        disk(&self.log_dir) == disk(&self.state_dir)
    }

    fn unreadable(&self, source: io::Error) -> SpoolError {
        let path = self.log_dir.clone();
        match source.kind() {
            ErrorKind::NotFound => SpoolError::Missing(path),
            ErrorKind::NotADirectory => SpoolError::NotAFolder(path),
            _ => SpoolError::Folder { path, source },
        }
    }
}

/// How long the record of a log outlives the log: it says what became of a day for as long as
/// anybody asks about last year.
const KEEP_RECORDS: Duration = Duration::from_hours(400 * 24);

/// Whether the disk, or what we may use of it, is full.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

pub(crate) fn check_folder(path: &Path) -> Result<(), SpoolError> {
    // A slash at its end would have the system follow a link before it tells of it.
    let path = path.components().as_path();
    let owned = || path.to_owned();
    let found = fs::symlink_metadata(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => SpoolError::Missing(owned()),
        _ => SpoolError::Folder { path: owned(), source },
    })?;
    let us = rustix::process::geteuid().as_raw();
    if found.is_symlink() {
        Err(SpoolError::Link(owned()))
    } else if !found.is_dir() {
        Err(SpoolError::NotAFolder(owned()))
    } else if found.uid() != us && found.uid() != 0 {
        Err(SpoolError::Foreign { path: owned(), owner: found.uid(), us })
    } else {
        Ok(())
    }
}

/// No zone is further behind UTC than twelve hours. (Which zone the day is of, a log need not say.)
fn is_over_everywhere(day: Day, now: Timestamp) -> bool {
    let last = now.saturating_sub(jiff::SignedDuration::from_hours(12));
    last.is_ok_and(|last| day.date() < last.to_zoned(TimeZone::UTC).date())
}

#[cfg(test)]
mod tests;
