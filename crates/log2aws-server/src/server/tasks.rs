//! The background tasks of `serve`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use log2aws_core::key::BucketName;
use prometheus_client::metrics::gauge::Gauge;

use super::Server;
use crate::alerts::{AlertTask, alerts_page};
use crate::analysis::Queue;
use crate::analysis::startup_scan::StartupScan;
use crate::background::Supervisor;
use crate::background::audit_retention::AuditRetention;
use crate::background::audit_upkeep::AuditUpkeep;
use crate::background::clock_guard::ClockCheck;
use crate::background::retention::Retention;
use crate::background::watched_files::WatchedFiles;
use crate::background::wiring::start_common;
use crate::config::ServeError;
use crate::delivery_log::origin;
use crate::delivery_log::task::DeliveryLogTask;
use crate::folder_cache::FolderCache;
use crate::http::router::App;

/// Each analysis updates its day in the index. A refresh finds objects removed by age or by hand.
const INDEX_REFRESH_INTERVAL: Duration = Duration::from_mins(10);

/// A cache in the data folder of which logs have results of their newest version. It may be
/// removed.
const SCAN_CACHE_FOLDER: &str = "scan-cache";

/// A cache in the data folder of which versions are in the delivery log. It may be removed.
const LOG_CACHE_FOLDER: &str = "delivery-log-cache";

impl Server {
    /// Starts all background tasks.
    ///
    /// # Errors
    /// [`ServeError`]: a cache cannot be opened, a thread cannot be started.
    pub(super) fn start_tasks(
        &self,
        supervisor: &Supervisor,
        app: &Arc<App>,
        queue: &Arc<Queue>,
    ) -> Result<(), ServeError> {
        let cache = |folder: &str| {
            let path = self.config.data_dir.join(folder);
            FolderCache::open(&path).map_err(|source| ServeError::Cache { path, source })
        };
        supervisor.start(StartupScan {
            store: self.store.clone(),
            settings: self.settings.clone(),
            analyzer: self.analyzer(),
            queue: queue.clone(),
            clock: self.clock.clone(),
            metrics: app.metrics.clone(),
            unreadable: app.unreadable.clone(),
            cache: cache(SCAN_CACHE_FOLDER)?,
            keep_analyzed_days: self.config.keep_analyzed_days,
            scanned_at: None,
        })?;
        supervisor.start(DeliveryLogTask {
            store: self.store.clone(),
            settings: self.settings.clone(),
            clock: self.clock.clone(),
            metrics: app.metrics.clone(),
            unreadable: app.unreadable.clone(),
            data_dir: self.config.data_dir.clone(),
            cache: cache(LOG_CACHE_FOLDER)?,
            origin: origin(&self.settings.raw_bucket, &self.store_id),
            done: None,
        })?;
        supervisor.start(self.retention(app))?;
        supervisor.start(AuditRetention {
            log: app.audit.log.clone(),
            keep_days: self.config.audit.keep_days,
            clock: self.clock.clone(),
            clock_check: self.clock_check(app.metrics.audit_retention_paused.clone()),
        })?;
        supervisor.start(AuditUpkeep {
            log: app.audit.log.clone(),
            clock: self.clock.clone(),
            watched: WatchedFiles::new(self.door.clone()),
        })?;
        supervisor.start(AlertTask::new(
            self.config.alerts.clone(),
            &self.config.data_dir,
            self.store_index.clone(),
            self.clock.clone(),
            app.metrics.clone(),
            (self.board.clone(), self.config.public_url.as_ref().map(alerts_page)),
        ))?;
        let pruned = app.clone();
        let prune = move || {
            pruned.limit.prune();
            pruned.ui.prune();
            pruned.refusals.flush();
            pruned.unreadable.prune(Instant::now());
        };
        let index = self.store_index.clone();
        start_common(supervisor, index, INDEX_REFRESH_INTERVAL, self.tls.clone(), prune)
    }

    fn retention(&self, app: &App) -> Retention {
        let rule = |bucket: &BucketName, days: Option<_>| days.map(|days| (bucket.clone(), days));
        let rules = [
            rule(&self.settings.raw_bucket, self.config.keep_raw_days),
            rule(&self.settings.analyzed_bucket, self.config.keep_analyzed_days),
        ];
        Retention {
            store: self.store.clone(),
            clock: self.clock.clone(),
            metrics: app.metrics.clone(),
            unreadable: app.unreadable.clone(),
            rules: rules.into_iter().flatten().collect(),
            raw_bucket: self.settings.raw_bucket.clone(),
            analyzed_bucket: self.settings.analyzed_bucket.clone(),
            clock_check: self.clock_check(app.metrics.retention_paused.clone()),
            exact_at: None,
        }
    }

    fn clock_check(&self, paused: Gauge) -> ClockCheck {
        let buckets = [self.settings.raw_bucket.clone(), self.settings.analyzed_bucket.clone()];
        ClockCheck::new(self.store.clone(), buckets, self.config.retention_trust_clock, paused)
    }
}
