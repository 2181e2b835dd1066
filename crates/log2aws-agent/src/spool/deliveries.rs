//! Durable records of deliveries.
//!
//! One file per log, `deliveries/{server}/{date}.json` in the state folder, written after the
//! store's 200 and never before.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;
use serde::{Deserialize, Serialize};

use super::log_file::modified;
use super::{LogFile, SpoolError, read_json, replace, reserve};

/// A delivered log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Delivery {
    /// SHA-256 in hex.
    pub(crate) sha256: String,
    pub(crate) size: u64,
    pub(crate) delivered_at: Timestamp,
    /// The API of the delivery.
    pub(crate) api: String,
    /// The name of the store; `None` if the API did not name it, or an earlier release wrote this.
    #[serde(default)]
    pub(crate) store: Option<String>,
    pub(crate) etag: Option<String>,
    pub(crate) version_id: Option<String>,
    /// The log's modification time in nanoseconds since 1970. A log with this time and this size
    /// need not be read again.
    #[serde(default)]
    pub(crate) modified: Option<i64>,
}

impl Delivery {
    /// Whether this is the delivery of the current file at `path`.
    pub(crate) fn is_of(&self, path: &Path) -> io::Result<bool> {
        let found = fs::symlink_metadata(path)?;
        if !found.is_file() || found.len() != self.size {
            return Ok(false);
        }
        let untouched = self.modified.is_some() && self.modified == modified(&found);
        Ok(untouched || self.is_of_bytes(&LogFile::open(path)?))
    }

    /// Whether the log begins with the delivered bytes, as an appended one does.
    pub(crate) fn is_beginning_of(&self, log: &mut LogFile) -> io::Result<bool> {
        Ok(self.size <= log.size && self.sha256 == log.sha256_hex_of_first(self.size)?)
    }

    /// Whether these are the delivered bytes.
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

    /// The file of a day's record.
    pub(crate) fn path(&self, day: Day) -> PathBuf {
        self.folder.join(format!("{day}.json"))
    }

    /// The record of a day. An unreadable one counts as absent: delivering the log again is
    /// harmless.
    pub(crate) fn load(&self, day: Day) -> io::Result<Option<Delivery>> {
        read_json(&self.path(day))
    }

    /// Writes a record, replacing an earlier one; file, name and folders are durable on return. On
    /// a full disk the reserve is used.
    pub(crate) fn save(&self, day: Day, delivery: &Delivery) -> io::Result<()> {
        reserve::release_reserve_if_full(&self.state_dir, || self.write(day, delivery))?;
        // If there is no space now, a later sample makes some.
        let _ = reserve::take(&self.state_dir);
        Ok(())
    }

    /// Changes the time of deliveries in the future to now: a clock that was ahead would otherwise
    /// keep them young. A record that cannot be written stays unchanged.
    pub(crate) fn clamp_future_times(&self, now: Timestamp) {
        // A clock that is off by some minutes does not matter.
        let Ok(latest) = now.checked_add(SignedDuration::from_hours(24)) else { return };
        for day in self.days() {
            if let Ok(Some(delivery)) = self.load(day)
                && delivery.delivered_at > latest
            {
                let _ = self.save(day, &Delivery { delivered_at: now, ..delivery });
            }
        }
    }

    /// Removes the records for which `obsolete` is true. An unreadable one stays.
    pub(crate) fn forget(
        &self,
        obsolete: impl Fn(Day, &Delivery) -> bool,
    ) -> Result<(), SpoolError> {
        let unreadable = |source| SpoolError::record(&self.folder, source);
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
                fs::remove_file(&path).map_err(|source| SpoolError::remove(&path, source))?;
            }
        }
        Ok(())
    }

    /// The days that have a record, whatever its content.
    pub(crate) fn days(&self) -> Vec<Day> {
        let names = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let day = |name: &str| Day::parse_canonical(name.strip_suffix(".json")?).ok();
        names.filter_map(|entry| day(entry.file_name().to_str()?)).collect()
    }

    /// Creates the records' folder.
    pub(crate) fn make_folder(&self) -> io::Result<()> {
        if !self.folder.is_dir() {
            fs::create_dir_all(&self.folder)?;
            // Makes the new names durable in the parent folders.
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
            store: Some("serverlogs-local/0f3c".into()),
            etag: Some("\"e\"".into()),
            version_id: None,
            modified: Some(1),
        };
        deliveries.save(day, &delivery).unwrap();
        let again = Delivery { size: 8, ..delivery };
        deliveries.save(day, &again).unwrap();
        assert_eq!(deliveries.load(day).unwrap().as_ref(), Some(&again));
        assert_eq!(fs::read_dir(folder.path().join("deliveries/web01")).unwrap().count(), 1);
        assert!(reserve::path(folder.path()).exists());
        // A record of an earlier release.
        let mut old: serde_json::Value =
            serde_json::from_slice(&fs::read(deliveries.path(day)).unwrap()).unwrap();
        old.as_object_mut().unwrap().retain(|key, _| key != "store" && key != "modified");
        fs::write(deliveries.path(day), old.to_string()).unwrap();
        let old = Delivery { store: None, modified: None, ..again };
        assert_eq!(deliveries.load(day).unwrap(), Some(old));
        for rubbish in ["", "{", "{}"] {
            fs::write(deliveries.path(day), rubbish).unwrap();
            assert_eq!(deliveries.load(day).unwrap(), None, "{rubbish:?}");
        }
    }
}
