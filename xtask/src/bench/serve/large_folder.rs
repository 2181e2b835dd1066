//! A data folder of a large fleet, without delivering to it: a million durable puts take half an
//! hour. One real delivery and its results are the pattern of all others.
//!
//! A copy has the name, the day and the time of its own; digests stay those of the pattern, which
//! neither a scan nor retention reads. A chart is cut to fit a block of the disk.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::client::{Delivery, day_log, deliver_all};
use super::program::Program;

/// Behind the trailer's JSON: a line feed, its length and the beginning of its SHA-256 in hex, and
/// the name of the format.
const FOOTER: usize = "\n00000000 0000000000000000 log2aws1\n".len();

/// The most data that is kept of a result, but for the summary.
const DATA: usize = 1500;

/// Objects of a server-day: log, CSV, chart, summary.
pub(super) const OBJECTS_PER_DAY: u32 = 4;

const SERVER: &str = "fleet00000";

/// Where the objects of one server-day lie, and what they hold.
pub(super) struct Pattern {
    date: Date,
    objects: Vec<(PathBuf, Vec<u8>, Value)>,
}

impl Pattern {
    /// Delivers the log of one day, by the program itself.
    pub(super) fn deliver(binary: &Path, folder: &Path, date: Date) -> anyhow::Result<Self> {
        let program = Program::start(binary, folder, &[])?;
        let delivery = |_| Delivery { server: SERVER.to_owned(), date, log: day_log(date, 2, 0) };
        let outcome = deliver_all(program.address, 1, 1, true, &delivery);
        ensure!(outcome.failed == 0, "{}", outcome.first_failure.unwrap_or_default());
        program.wait_for_results()?;
        program.stop()?;
        let mut objects = Vec::new();
        for bucket in fs::read_dir(folder.join("buckets"))? {
            for file in fs::read_dir(bucket?.path().join(SERVER))? {
                let path = file?.path();
                let (body, trailer) = parse(fs::read(&path)?)
                    .with_context(|| format!("{} is no object", path.display()))?;
                let is_summary = path.to_string_lossy().contains(".json");
                let kept = if is_summary { body.len() } else { body.len().min(DATA) };
                objects.push((path, body[..kept].to_vec(), trailer));
            }
        }
        ensure!(
            objects.len() == OBJECTS_PER_DAY as usize,
            "a delivery has {} objects",
            objects.len()
        );
        Ok(Self { date, objects })
    }

    /// Writes the objects of `servers`, each with the `days` that end with the pattern's.
    pub(super) fn fill(&self, servers: std::ops::Range<u32>, days: u32) -> anyhow::Result<()> {
        for number in servers {
            let server = format!("fleet{number:05}");
            for back in 0..days {
                let date = self.date.checked_sub(i64::from(back).days())?;
                if server == SERVER && back == 0 {
                    continue;
                }
                for (path, body, trailer) in &self.objects {
                    self.copy(path, body, trailer, &server, date)?;
                }
            }
        }
        Ok(())
    }

    fn copy(
        &self,
        path: &Path,
        body: &[u8],
        trailer: &Value,
        server: &str,
        date: Date,
    ) -> anyhow::Result<()> {
        let rename = |text: &str| {
            text.replace(SERVER, server).replace(&self.date.to_string(), &date.to_string())
        };
        let path = PathBuf::from(rename(&path.to_string_lossy()));
        let body = rename(&String::from_utf8_lossy(body)).into_bytes();
        // Ten minutes past midnight, as servers deliver.
        let stored = date.tomorrow()?.at(0, 10, 0, 0).to_zoned(TimeZone::UTC)?.timestamp();
        let mut trailer = trailer.clone();
        trailer["key"] = rename(trailer["key"].as_str().unwrap_or_default()).into();
        trailer["size"] = body.len().into();
        trailer["last_modified_ms"] = stored.as_millisecond().into();
        let json = serde_json::to_string(&trailer)?;
        let hash = Sha256::digest(json.as_bytes());
        let check = hex::encode(&hash[..8]);
        let mut bytes = body;
        write!(bytes, "\n{json}\n{:08x} {check} log2aws1\n", json.len())?;
        let folder = path.parent().context("an object lies in no folder")?;
        if !folder.is_dir() {
            fs::create_dir_all(folder)?;
        }
        let mut file = File::create(&path)?;
        file.write_all(&bytes)?;
        let since = u64::try_from(stored.as_second())?;
        file.set_modified(UNIX_EPOCH + Duration::from_secs(since))?;
        Ok(())
    }
}

/// The body and the trailer's JSON of a stored file.
fn parse(mut bytes: Vec<u8>) -> Option<(Vec<u8>, Value)> {
    let footer = bytes.len().checked_sub(FOOTER)?;
    let length = str::from_utf8(bytes.get(footer + 1..footer + 9)?).ok()?;
    let json = footer.checked_sub(usize::from_str_radix(length, 16).ok()?)?;
    let trailer = serde_json::from_slice(bytes.get(json..footer)?).ok()?;
    bytes.truncate(json.checked_sub(1)?);
    Some((bytes, trailer))
}
