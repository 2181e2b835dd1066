//! The spool: the day logs of one folder, and the records of their deliveries.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;

mod deliveries;
mod destination;
mod hint;
mod log_file;
mod removal;
mod replace;
pub(crate) mod reserve;
pub(crate) mod state;

pub(crate) use self::deliveries::{Deliveries, Delivery};
pub(crate) use self::destination::Destination;
pub(crate) use self::hint::with_hint;
pub(crate) use self::log_file::{
    LogFile, last_metadata, metadata_in_force, open_regular, read_tail,
};
pub(crate) use self::replace::{is_at, read_json, replace, replace_for_all, replace_or_overwrite};
pub use self::state::StateError;

/// The file of the result of the last `ship` in the state folder.
pub(crate) const LAST_SHIP: &str = "last-ship.json";

/// The lock of `ship` in the state folder.
pub(crate) const SHIP_LOCK: &str = "ship.lock";

/// The logs of one server, and the records of their deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spool {
    /// The folder of the day logs.
    pub log_dir: PathBuf,
    /// The state folder.
    pub state_dir: PathBuf,
    /// The server.
    pub server: ServerName,
}

/// The content of a log folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logs {
    /// The days that have a log, oldest first.
    pub days: Vec<Day>,
    /// Names that are not a day's log, sorted: links, pipes, folders, days that do not exist.
    pub unknown_files: Vec<OsString>,
}

/// Why a spool cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// There is no such folder.
    #[error(
        "the log folder {0} does not exist; was nothing sampled yet, or is it elsewhere \
         (--log-dir)?"
    )]
    Missing(PathBuf),
    /// Anybody who may change the link decides where the logs go.
    #[error(
        "the log folder {0} is a symbolic link; name the folder that it leads to with --log-dir"
    )]
    Link(PathBuf),
    /// A file, a pipe, a device.
    #[error("the log folder {0} is not a folder; move it away, or name a folder with --log-dir")]
    NotAFolder(PathBuf),
    /// Another user can add and remove files in it.
    #[error(
        "the log folder {path} belongs to user {owner}, and this is user {us}; run as user \
         {owner}, or name a folder of your own with --log-dir"
    )]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Our user id.
        us: u32,
    },
    /// The folder cannot be read.
    #[error("the log folder {path} cannot be read: {source}; name another with --log-dir")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The record of a delivery cannot be read.
    #[error("the record {path} cannot be read: {source}")]
    Record {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// An expired file cannot be removed.
    #[error("{path} cannot be removed, though the store has it: {source}")]
    Remove {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl SpoolError {
    pub(crate) fn record(path: &Path, source: io::Error) -> Self {
        Self::Record { path: path.to_owned(), source: with_hint(path, source) }
    }

    pub(crate) fn remove(path: &Path, source: io::Error) -> Self {
        // What counts is the owner of the folder.
        let folder = path.parent().unwrap_or(path);
        Self::Remove { path: path.to_owned(), source: with_hint(folder, source) }
    }
}

impl Spool {
    /// Checks that the log folder can be trusted: a real folder, owned by us or root.
    ///
    /// # Errors
    /// [`SpoolError`] with the reason.
    pub fn check(&self) -> Result<(), SpoolError> {
        check_folder(&self.log_dir)
    }

    /// The content of the log folder.
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
                _ => logs.unknown_files.push(name),
            }
        }
        logs.days.sort_unstable();
        logs.unknown_files.sort_unstable();
        Ok(logs)
    }

    /// The file of a day's log.
    pub fn log(&self, day: Day) -> PathBuf {
        self.log_dir.join(format!("{day}.log"))
    }

    /// The records of deliveries.
    pub(crate) fn deliveries(&self) -> Deliveries {
        Deliveries::new(&self.state_dir, &self.server)
    }

    /// The store that `api` leads to, as far as it is known.
    pub(crate) fn destination(&self, api: &str) -> Destination {
        Destination::load(&self.state_dir, api)
    }

    /// The days before `today` whose current log is not known to be in the store of `api`; oldest
    /// first.
    ///
    /// Unchanged size and time identify most logs; only others are read.
    ///
    /// # Errors
    /// The folder cannot be read. A day whose log or record is unreadable is pending; `ship`
    /// reports the reason.
    pub fn pending(&self, api: &str, today: Day) -> Result<Vec<Day>, SpoolError> {
        self.pending_in(&self.destination(api), today)
    }

    /// As [`Self::pending`], for a store.
    pub(crate) fn pending_in(
        &self,
        destination: &Destination,
        today: Day,
    ) -> Result<Vec<Day>, SpoolError> {
        let is_delivered = |day: Day| {
            let delivery = self.delivery_in(destination, day);
            delivery.is_some_and(|delivery| delivery.is_of(&self.log(day)).unwrap_or(false))
        };
        let days = self.logs()?.days.into_iter();
        Ok(days.filter(|day| *day < today && !is_delivered(*day)).collect())
    }

    /// The record of a log's delivery to this store: under the server's name, or under the one that
    /// the log names, which the host had before it was renamed.
    fn delivery_in(&self, destination: &Destination, day: Day) -> Option<Delivery> {
        let of = |deliveries: &Deliveries| {
            deliveries.load(day).ok().flatten().filter(|delivery| destination.has(delivery))
        };
        of(&self.deliveries()).or_else(|| {
            let name = self.other_server(day)?;
            of(&Deliveries::new(&self.state_dir, &name))
        })
    }

    /// The server that a log names in its last metadata line, if that is another one.
    pub(crate) fn other_server(&self, day: Day) -> Option<ServerName> {
        let name = last_metadata(&self.log(day)).ok()??.server?;
        (name != self.server).then_some(name)
    }

    /// The days before `today` whose current log was delivered, but to another store.
    pub(crate) fn delivered_elsewhere(
        &self,
        destination: &Destination,
        today: Day,
    ) -> Result<Vec<Day>, SpoolError> {
        let deliveries = self.deliveries();
        let mut days = self.pending_in(destination, today)?;
        days.retain(|day| {
            let record = deliveries.load(*day).ok().flatten();
            record.is_some_and(|delivery| delivery.is_of(&self.log(*day)).unwrap_or(false))
        });
        Ok(days)
    }

    /// Removes the logs that were delivered to the store of `api` longer ago than `keep`, and the
    /// records of removed logs after 400 days, whatever their store. Returns the days whose logs
    /// were removed.
    ///
    /// A log is removed only if its bytes, read again, are the delivered ones, and its day is over
    /// everywhere on earth.
    ///
    /// # Errors
    /// A folder cannot be read, or a file cannot be removed; earlier files are gone then. An
    /// unreadable log or record stays.
    pub(crate) fn expire(
        &self,
        destination: &Destination,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Vec<Day>, SpoolError> {
        let age = |at: Timestamp| Duration::try_from(now.duration_since(at)).unwrap_or_default();
        let deliveries = self.deliveries();
        deliveries.clamp_future_times(now);
        let days = self.logs()?.days;
        let mut removed = Vec::new();
        for day in days.iter().copied().filter(|day| is_over_everywhere(*day, now)) {
            match self.delivery_in(destination, day) {
                Some(delivery) if age(delivery.delivered_at) > keep => {
                    let path = self.log(day);
                    if removal::remove_delivered(&path, &delivery)
                        .map_err(|source| SpoolError::remove(&path, source))?
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

    /// Makes room on a full disk without a known API: it removes only what was delivered to the
    /// store of the newest delivery, because logs in an earlier store are pending for this one.
    ///
    /// # Errors
    /// As [`Self::make_room_of`].
    pub(crate) fn make_room(&self, today: Day) -> io::Result<Option<Day>> {
        let deliveries = self.deliveries();
        let days = deliveries.days().into_iter();
        let records = days.filter_map(|day| deliveries.load(day).ok().flatten());
        let newest = records.max_by_key(|delivery| delivery.delivered_at);
        newest.map_or(Ok(None), |newest| self.make_room_of(&newest, today))
    }

    /// Makes room on a full disk: removes the oldest log before `today`'s that was delivered to the
    /// store of `delivery` and has not changed, regardless of its age. `None` if there is none.
    ///
    /// # Errors
    /// The folder cannot be read, or the log cannot be removed.
    fn make_room_of(&self, delivery: &Delivery, today: Day) -> io::Result<Option<Day>> {
        // What is known of the store knows more of its addresses than one delivery.
        let destination = Some(self.destination(&delivery.api));
        let destination = destination
            .filter(|known| known.store() == delivery.store.as_deref())
            .unwrap_or_else(|| Destination::of(delivery));
        let days = self.logs().map_err(io::Error::other)?.days;
        for day in days.into_iter().filter(|day| *day < today) {
            if let Some(delivery) = self.delivery_in(&destination, day)
                && removal::remove_delivered(&self.log(day), &delivery)?
            {
                return Ok(Some(day));
            }
        }
        Ok(None)
    }

    /// Removes the oldest record of a removed log, which also takes space on a full disk. False if
    /// there is none.
    pub(crate) fn forget_oldest(&self) -> bool {
        let Ok(logs) = self.logs() else { return false };
        let gone = |day: &Day| logs.days.binary_search(day).is_err();
        let deliveries = self.deliveries();
        let oldest = deliveries.days().into_iter().filter(gone).min();
        oldest.is_some_and(|day| fs::remove_file(deliveries.path(day)).is_ok())
    }

    /// Creates the lock and the result of `ship`, which need a name (inode) that a full disk does not
    /// have. An empty result counts as none.
    fn make_files_of_ship(&self) -> io::Result<()> {
        for (name, mode) in [(SHIP_LOCK, 0o644), (LAST_SHIP, 0o600)] {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(false).mode(mode);
            open_regular(&self.state_dir.join(name), &mut options)?;
        }
        Ok(())
    }

    /// Prepares for a full disk while there is space, or some can be made: allocates what `ship` and
    /// a first record need, and the reserve. Without them nothing could be recorded then, and so nothing
    /// could ever be removed. Returns the days whose logs were removed for it.
    pub(crate) fn prepare(&self, today: Day) -> Vec<Day> {
        let deliveries = self.deliveries();
        let mut removed = Vec::new();
        loop {
            let ready = deliveries
                .make_folder()
                .and_then(|()| self.make_files_of_ship())
                .and_then(|()| reserve::take(&self.state_dir));
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

    /// Records a delivery. On a full disk it first uses the reserve, then removes the oldest
    /// delivered logs.
    ///
    /// # Errors
    /// The record cannot be written.
    pub(crate) fn record(&self, day: Day, delivery: &Delivery, today: Day) -> io::Result<()> {
        let deliveries = self.deliveries();
        loop {
            match deliveries.save(day, delivery) {
                Err(error) if is_full(&error) => {
                    let made = self.is_on_one_disk()
                        && (matches!(self.make_room_of(delivery, today), Ok(Some(_)))
                            || self.forget_oldest());
                    if !made {
                        return Err(error);
                    }
                }
                done => return done,
            }
        }
    }

    /// Whether removing a log makes room for the state folder.
    fn is_on_one_disk(&self) -> bool {
        let disk = |folder: &Path| fs::metadata(folder).map(|found| found.dev()).ok();
        disk(&self.log_dir) == disk(&self.state_dir)
    }

    fn unreadable(&self, source: io::Error) -> SpoolError {
        let path = self.log_dir.clone();
        match source.kind() {
            ErrorKind::NotFound => SpoolError::Missing(path),
            ErrorKind::NotADirectory => SpoolError::NotAFolder(path),
            _ => SpoolError::Folder { source: with_hint(&path, source), path },
        }
    }
}

/// How long the record of a log is kept after the log: long enough for questions about last year.
const KEEP_RECORDS: Duration = Duration::from_hours(400 * 24);

/// Whether the disk or our quota is full.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

pub(crate) fn check_folder(path: &Path) -> Result<(), SpoolError> {
    // With a trailing slash the system would follow a link.
    let path = path.components().as_path();
    let owned = || path.to_owned();
    let found = fs::symlink_metadata(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => SpoolError::Missing(owned()),
        _ => SpoolError::Folder { path: owned(), source: with_hint(path, source) },
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

/// No zone is more than twelve hours behind UTC. (A log need not contain its zone.)
fn is_over_everywhere(day: Day, now: Timestamp) -> bool {
    let last = now.saturating_sub(jiff::SignedDuration::from_hours(12));
    last.is_ok_and(|last| day.date() < last.to_zoned(TimeZone::UTC).date())
}

#[cfg(test)]
mod tests;
