//! What was delivered, written down so that it outlasts a power cut.
//!
//! One file a log, `deliveries/{server}/{date}.json` in the state folder, written after the
//! store's 200 and never before.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;
use serde::{Deserialize, Serialize};

use super::log_file::modified;
use super::{LogFile, SpoolError, replace, reserve};

/// The longest record that is read.
const MAX_RECORD: u64 = 64 << 10;

/// A log that the store has taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Delivery {
    /// In hex.
    pub(crate) sha256: String,
    pub(crate) size: u64,
    pub(crate) delivered_at: Timestamp,
    /// By way of which API: a log that another one has is not delivered to this one.
    pub(crate) api: String,
    pub(crate) etag: Option<String>,
    pub(crate) version_id: Option<String>,
    /// When the log had last been changed, in nanoseconds since 1970. A log that still has this
    /// time and this size need not be read to know that it is the one that was delivered.
    #[serde(default)]
    pub(crate) modified: Option<i64>,
}

impl Delivery {
    /// Whether this is the delivery of what stands at `path` now.
    pub(crate) fn is_of(&self, path: &Path) -> io::Result<bool> {
        let found = fs::symlink_metadata(path)?;
        if !found.is_file() || found.len() != self.size {
            return Ok(false);
        }
        let untouched = self.modified.is_some() && self.modified == modified(&found);
        Ok(untouched || self.is_of_bytes(&LogFile::open(path)?))
    }

    /// Whether the log begins with the bytes that were delivered, as one does that only grew.
    pub(crate) fn is_beginning_of(&self, log: &mut LogFile) -> io::Result<bool> {
        Ok(self.size <= log.size && self.sha256 == log.sha256_hex_of_first(self.size)?)
    }

    /// Whether these are the bytes that were delivered.
    pub(crate) fn is_of_bytes(&self, log: &LogFile) -> bool {
        self.size == log.size && self.sha256 == log.sha256_hex()
    }
}

/// The records of one server's deliveries.
#[derive(Debug)]
pub(crate) struct Deliveries {
    state_dir: PathBuf,
    folder: PathBuf,
}

impl Deliveries {
    pub(crate) fn new(state_dir: &Path, server: &ServerName) -> Self {
        let folder = state_dir.join("deliveries").join(server.as_str());
        Self { state_dir: state_dir.to_owned(), folder }
    }

    /// Where the record of a day stands.
    pub(crate) fn path(&self, day: Day) -> PathBuf {
        self.folder.join(format!("{day}.json"))
    }

    /// The record of a day. One that cannot be understood is none: the log is delivered again,
    /// which is harmless, where believing it would not be.
    pub(crate) fn load(&self, day: Day) -> io::Result<Option<Delivery>> {
        let file = match File::open(self.path(day)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut text = Vec::new();
        file.take(MAX_RECORD).read_to_end(&mut text)?;
        Ok(serde_json::from_slice(&text).ok())
    }

    /// Writes a record in place of the one before: file, name and folders are on the disk when
    /// this returns. On a full disk the reserve is given up for it.
    pub(crate) fn save(&self, day: Day, delivery: &Delivery) -> io::Result<()> {
        reserve::or_give_up(&self.state_dir, || self.write(day, delivery))?;
        // Where there is no room for it now, a sample makes some.
        let _ = reserve::take(&self.state_dir);
        Ok(())
    }

    /// Takes the deliveries that a clock which was ahead has put into the future for deliveries of
    /// now: else they would stay young for as long as it was ahead. A record that cannot be written
    /// stays as it is.
    pub(crate) fn mend_future(&self, now: Timestamp) {
        // A clock that is set by some minutes is no reason to write.
        let Ok(latest) = now.checked_add(SignedDuration::from_hours(24)) else { return };
        for day in self.days() {
            if let Ok(Some(delivery)) = self.load(day)
                && delivery.delivered_at > latest
            {
                let _ = self.save(day, &Delivery { delivered_at: now, ..delivery });
            }
        }
    }

    /// Removes the records of which `obsolete` says so. One that cannot be read stays.
    pub(crate) fn forget(
        &self,
        obsolete: impl Fn(Day, &Delivery) -> bool,
    ) -> Result<(), SpoolError> {
        let unreadable = |source| SpoolError::Record { path: self.folder.clone(), source };
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unreadable(error)),
        };
        for entry in entries {
            let name = entry.map_err(unreadable)?.file_name();
            let day = name.to_str().and_then(|name| name.strip_suffix(".json"));
            let Some(day) = day.and_then(|day| Day::parse_canonical(day).ok()) else { continue };
            if let Ok(Some(delivery)) = self.load(day)
                && obsolete(day, &delivery)
            {
                let path = self.path(day);
                fs::remove_file(&path).map_err(|source| SpoolError::Remove { path, source })?;
            }
        }
        Ok(())
    }

    /// The days that have a record, whatever is in it.
    pub(crate) fn days(&self) -> Vec<Day> {
        let names = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let day = |name: &str| Day::parse_canonical(name.strip_suffix(".json")?).ok();
        names.filter_map(|entry| day(entry.file_name().to_str()?)).collect()
    }

    /// Makes the records' folder.
    pub(crate) fn make_folder(&self) -> io::Result<()> {
        if !self.folder.is_dir() {
            fs::create_dir_all(&self.folder)?;
            // Their names stand in the folders above.
            for folder in self.folder.ancestors().skip(1).take(2) {
                File::open(folder)?.sync_all()?;
            }
        }
        Ok(())
    }

    fn write(&self, day: Day, delivery: &Delivery) -> io::Result<()> {
        self.make_folder()?;
        let mut text = serde_json::to_vec(delivery)?;
        text.push(b'\n');
        replace(&self.path(day), &text, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_and_rubbish_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let deliveries = Deliveries::new(folder.path(), &"web01".parse().unwrap());
        let day = "2026-11-21".parse().unwrap();
        assert_eq!(deliveries.load(day).unwrap(), None);
        let delivery = Delivery {
            sha256: "ab".into(),
            size: 7,
            delivered_at: "2026-11-22T00:05:00Z".parse().unwrap(),
            api: "https://api.example/".into(),
            etag: Some("\"e\"".into()),
            version_id: None,
            modified: Some(1),
        };
        deliveries.save(day, &delivery).unwrap();
        let again = Delivery { size: 8, ..delivery };
        deliveries.save(day, &again).unwrap();
        assert_eq!(deliveries.load(day).unwrap(), Some(again));
        assert_eq!(fs::read_dir(folder.path().join("deliveries/web01")).unwrap().count(), 1);
        assert!(reserve::path(folder.path()).exists());
        for rubbish in ["", "{", "{}"] {
            fs::write(deliveries.path(day), rubbish).unwrap();
            assert_eq!(deliveries.load(day).unwrap(), None, "{rubbish:?}");
        }
    }
}
