//! The parts of a data folder's dashboard: the index of its results, and its notifications.

use std::sync::Arc;

use log2aws_core::key::{ObjectKey, RawKey};
use log2aws_core::retired;
use log2aws_dashboard::store_index::{FULL_EVERY, StoreIndex, StoreIndexConfig};
use log2aws_dashboard::{Dashboard, Feed, StoreTrouble, TroubleSource};
use log2aws_service::ports::{Clock, Settings};
use log2aws_store::DiskStore;
use tokio::sync::watch;

use crate::background::unreadable_objects::UnreadableObjects;
use crate::config::{ServeConfig, ServeError};
use crate::folder_cache::FolderCache;
use crate::metrics::Metrics;

/// The cache of the index, in the data folder.
const CACHE_FOLDER: &str = "dashboard-cache";

/// Refreshing from disk is CPU work, and must leave some for analysis.
const INDEX_REFRESH_THREADS: usize = 2;

/// The index of the analyzed bucket, and a channel of its revisions.
pub(crate) fn store_index(
    config: &ServeConfig,
    store: &DiskStore,
    settings: &Settings,
    clock: &Arc<dyn Clock>,
) -> Result<(StoreIndex, watch::Receiver<u64>), ServeError> {
    let path = config.data_dir.join(CACHE_FOLDER);
    let cache = FolderCache::open(&path).map_err(|source| ServeError::Cache { path, source })?;
    let (change, changes) = watch::channel(0);
    let store_index = StoreIndex::new(StoreIndexConfig {
        lister: Arc::new(store.clone()),
        analyzed: settings.analyzed_bucket.clone(),
        raw: Some(settings.raw_bucket.clone()),
        place: "this machine".to_owned(),
        cache: Arc::new(cache),
        clock: clock.clone(),
        zone: config.time_zone.clone(),
        on_change: Box::new(move |revision| {
            change.send_replace(revision);
        }),
        key_prefix: settings.key_prefix,
        parallel: INDEX_REFRESH_THREADS,
        full_every: FULL_EVERY,
    });
    Ok((store_index, changes))
}

/// The pages over an index.
pub(crate) fn dashboard(store_index: &StoreIndex, clock: &Arc<dyn Clock>, feed: Feed) -> Dashboard {
    Dashboard::new(
        store_index.clone(),
        log2aws_raster::rasterize,
        clock.clone(),
        env!("CARGO_PKG_VERSION"),
        feed,
    )
}

/// How many unreadable objects the dashboard names.
const NAMED: usize = 5;

/// The current faults of the store of `serve`.
pub(crate) fn trouble(unreadable: UnreadableObjects, metrics: Arc<Metrics>) -> TroubleSource {
    Arc::new(move || {
        let (unreadable, reasons) = unreadable.first(NAMED);
        let paused = [&metrics.retention_paused, &metrics.audit_retention_paused];
        let retention_paused = paused.into_iter().any(|paused| paused.get() != 0);
        StoreTrouble { unreadable, reasons, retention_paused }
    })
}

/// Updates the index with a record that an operator wrote or removed.
pub(crate) fn index_record(store_index: StoreIndex) -> impl Fn(&ObjectKey) + Send + Sync {
    move |key| {
        if key.as_str() != retired::KEY {
            return;
        }
        // A failure here must not fail the request.
        let look = std::panic::AssertUnwindSafe(|| store_index.refresh_retired());
        if std::panic::catch_unwind(look).is_err() {
            tracing::error!(%key, "bringing the dashboard up to date broke down");
        }
    }
}

/// Updates the index with the results of an analysis.
pub(crate) fn index_analyzed_day(store_index: StoreIndex) -> impl Fn(&ObjectKey) + Send + Sync {
    move |key| {
        let Some(key) = RawKey::parse(key.as_str()) else { return };
        // A failure here must not fail the analysis.
        let look = std::panic::AssertUnwindSafe(|| store_index.refresh_day(&key));
        match std::panic::catch_unwind(look) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(%key, error, "the dashboard could not be brought up to date");
            }
            Err(_) => tracing::error!(%key, "bringing the dashboard up to date broke down"),
        }
    }
}
