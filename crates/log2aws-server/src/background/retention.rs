//! What is removed by age: raw logs and results where the operator says so, and abandoned uploads.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use log2aws_core::key::BucketName;
use log2aws_service::ports::Clock;
use log2aws_store::DiskStore;

use crate::metrics::Metrics;

/// How often the ages are looked at.
const EVERY: Duration = Duration::from_hours(1);

/// What is removed, and after how many days.
pub(crate) struct Retention {
    pub(crate) store: DiskStore,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) rules: Vec<(BucketName, NonZeroU32)>,
}

impl Retention {
    /// Looks now and then every hour, for as long as it is polled.
    pub(crate) async fn run(self) {
        let this = Arc::new(self);
        loop {
            let once = this.clone();
            if tokio::task::spawn_blocking(move || once.once()).await.is_err() {
                tracing::error!("the removal of old objects broke down");
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// One look. What cannot be removed now is tried again at the next.
    fn once(&self) {
        let now = self.clock.now();
        for (bucket, days) in &self.rules {
            let Some(limit) = days_before(now, *days) else { continue };
            match self.store.expire(bucket, limit) {
                Ok(expired) => {
                    self.metrics.expired.inc_by(expired.removed);
                    if expired.removed > 0 {
                        tracing::info!(%bucket, removed = expired.removed, days, "removed by age");
                    }
                    for file in expired.corrupt {
                        self.metrics.count_store_error("damaged");
                        tracing::error!(damaged = %file, "an object's age cannot be read");
                    }
                }
                Err(error) => {
                    self.metrics.count_store_error("failed");
                    tracing::error!(%bucket, %error, "old objects could not be removed");
                }
            }
        }
        match self.store.sweep(now) {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "abandoned uploads were removed"),
            Err(error) => {
                self.metrics.count_store_error("failed");
                tracing::error!(%error, "abandoned uploads could not be removed");
            }
        }
    }
}

/// The moment that many days ago; `None` before the beginning of time, when nothing is that old.
pub(crate) fn days_before(now: Timestamp, days: NonZeroU32) -> Option<Timestamp> {
    now.checked_sub(SignedDuration::from_hours(24 * i64::from(days.get()))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_24_hours() {
        let now: Timestamp = "2019-08-03T00:00:00Z".parse().unwrap();
        let two = NonZeroU32::new(2).unwrap();
        assert_eq!(days_before(now, two).unwrap().to_string(), "2019-08-01T00:00:00Z");
        assert_eq!(days_before(now, NonZeroU32::MAX), None);
    }
}
