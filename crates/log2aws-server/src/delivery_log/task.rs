//! The background task that appends what arrived to the delivery log, once an hour.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use log2aws_service::delivery_log::LogWriter;
use log2aws_service::ports::{Clock, Settings};
use log2aws_store::DiskStore;

use super::arrivals::{Arrivals, Logged};
use super::read_or_make;
use crate::background::unreadable_objects::UnreadableObjects;
use crate::background::{BackgroundTask, Next, Stop, TaskError};
use crate::credentials::fill;
use crate::folder_cache::FolderCache;
use crate::metrics::Metrics;

/// How often the clock is read, so that the first run after midnight is at midnight.
const LOOK_EVERY: Duration = Duration::from_secs(1);

const HOUR: i64 = 3600;

/// Appends what arrived. It is the only writer: the data folder is locked.
pub(crate) struct DeliveryLogTask {
    pub(crate) store: DiskStore,
    pub(crate) settings: Arc<Settings>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) unreadable: UnreadableObjects,
    pub(crate) data_dir: PathBuf,
    pub(crate) cache: FolderCache,
    /// The name of the log.
    pub(crate) origin: String,
    /// The hour, since 1970, of the last run.
    pub(crate) done: Option<i64>,
}

impl BackgroundTask for DeliveryLogTask {
    fn name(&self) -> &'static str {
        "delivery_log"
    }

    fn run_once(&mut self, stop: &Stop) -> Result<Next, TaskError> {
        let now = self.clock.now();
        let hour = now.as_second().div_euclid(HOUR);
        if self.done != Some(hour) {
            self.append(now, stop)?;
            self.done = Some(hour);
        }
        Ok(Next::after(LOOK_EVERY))
    }
}

impl DeliveryLogTask {
    /// Appends everything that the log lacks, and stores the checkpoint of the day that has ended.
    fn append(&self, now: Timestamp, stop: &Stop) -> Result<(), TaskError> {
        let begin = Instant::now();
        // Read each time: an operator may have rotated them.
        let keys = read_or_make(&self.data_dir, &self.origin, &mut fill)?;
        let bucket = &self.settings.analyzed_bucket;
        let writer = LogWriter::new(&self.store, bucket, &keys, &self.origin);
        let log = writer.recover()?;
        let mut logged = Logged::read(&self.cache, log.as_ref())?;
        let size = log.as_ref().map_or(0, log2aws_service::delivery_log::Log::size);
        self.metrics.delivery_log_entries.set(i64::try_from(size).unwrap_or(i64::MAX));
        let (store, settings) = (&self.store, &*self.settings);
        let arrivals = Arrivals { store, settings, unreadable: &self.unreadable };
        let Some(found) = arrivals.find(&mut logged, &|| stop.is_set())? else { return Ok(()) };
        if log.is_some() || !found.is_empty() {
            writer.publish_keys()?;
        }
        if let Some(appended) = writer.append(&found)? {
            let head = appended.head.checkpoint();
            logged.extend(&found, head);
            let (entries, size) = (appended.entries, head.size);
            let ms = begin.elapsed().as_millis();
            self.metrics.delivery_log_entries.set(i64::try_from(size).unwrap_or(i64::MAX));
            tracing::info!(entries, size, ms, "deliveries were added to the delivery log");
        }
        if let Ok(yesterday) = now.checked_sub(SignedDuration::from_hours(24)) {
            let day = yesterday.to_zoned(TimeZone::UTC).date();
            if writer.seal(day)? {
                tracing::info!(%day, "the delivery log of the day was sealed");
            }
        }
        if let Err(error) = logged.write(&self.cache) {
            tracing::warn!(%error, "what is in the delivery log cannot be kept in the cache");
        }
        tracing::debug!(ms = begin.elapsed().as_millis(), "the delivery log is complete");
        Ok(())
    }
}
