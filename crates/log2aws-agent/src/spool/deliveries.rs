//! What was delivered, written down so that it outlasts a power cut.
//!
//! One file a log, `deliveries/{server}/{date}.json` in the state folder, written after the
//! store's 200 and never before.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use log2aws_core::day::Day;
use log2aws_core::server_name::ServerName;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

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
}

/// The records of one server's deliveries.
#[derive(Debug)]
pub(crate) struct Deliveries {
    folder: PathBuf,
}

impl Deliveries {
    pub(crate) fn new(state_dir: &Path, server: &ServerName) -> Self {
        Self { folder: state_dir.join("deliveries").join(server.as_str()) }
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
    /// this returns.
    pub(crate) fn save(&self, day: Day, delivery: &Delivery) -> io::Result<()> {
        if !self.folder.is_dir() {
            fs::create_dir_all(&self.folder)?;
            // Their names stand in the folders above.
            for folder in self.folder.ancestors().skip(1).take(2) {
                File::open(folder)?.sync_all()?;
            }
        }
        let mut file = NamedTempFile::new_in(&self.folder)?;
        let mut text = serde_json::to_vec(delivery)?;
        text.push(b'\n');
        file.write_all(&text)?;
        file.as_file().sync_all()?;
        file.persist(self.path(day))?;
        File::open(&self.folder)?.sync_all()
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
        };
        deliveries.save(day, &delivery).unwrap();
        let again = Delivery { size: 8, ..delivery };
        deliveries.save(day, &again).unwrap();
        assert_eq!(deliveries.load(day).unwrap(), Some(again));
        assert_eq!(fs::read_dir(folder.path().join("deliveries/web01")).unwrap().count(), 1);
        for rubbish in ["", "{", "{}"] {
            fs::write(deliveries.path(day), rubbish).unwrap();
            assert_eq!(deliveries.load(day).unwrap(), None, "{rubbish:?}");
        }
    }
}
