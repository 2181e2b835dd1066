//! The handler of `log2aws_service`, over the disk store.

use std::error::Error;
use std::num::NonZeroU32;
use std::sync::Arc;

use log2aws_core::error_chain::ErrorChain;
use log2aws_core::key::{BucketName, ObjectKey, RawKey};
use log2aws_core::summary::{AcceptedVersion, MAX_VERSIONS};
use log2aws_service::analyze::{AnalyzeApp, ChartFormats, Outcome, analyze_stored, needs_analysis};
use log2aws_service::ports::SettingsSource;
use log2aws_store::DiskStore;
use log2aws_store::disk::{DiskError, ObjectInfo, VersionEntry, VersionQuery};

use crate::analysis::{Analysis, Analyzer};

/// Looks at day logs in a disk store.
pub(crate) struct StoreAnalyzer {
    app: AnalyzeApp,
    store: DiskStore,
}

impl StoreAnalyzer {
    pub(crate) fn new(
        store: DiskStore,
        settings: Arc<dyn SettingsSource>,
        charts: ChartFormats,
        max_gzip_ratio: NonZeroU32,
    ) -> Self {
        let app = AnalyzeApp {
            store: Arc::new(store.clone()),
            settings,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            charts,
            rasterizer: log2aws_raster::rasterize,
            max_gzip_ratio,
            url_session: None,
        };
        Self { app, store }
    }
}

impl StoreAnalyzer {
    /// The newest versions of a log, the newest first. Nobody but who may put could put them.
    fn versions(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> Result<Vec<AcceptedVersion>, DiskError> {
        // One that was deleted has versions still, which are nobody's newest.
        match self.store.head(bucket, key, None) {
            Err(DiskError::NoSuchKey { .. }) => return Ok(Vec::new()),
            newest => newest?,
        };
        let prefix = key.as_str().to_owned();
        let query = VersionQuery { prefix, max: MAX_VERSIONS, ..VersionQuery::default() };
        let listed = self.store.list_versions(bucket, &query)?.entries;
        let versions = listed.into_iter().filter_map(|entry| match entry {
            VersionEntry::Version { info, .. } if info.key == *key => Some(accepted(&info)),
            _ => None,
        });
        Ok(versions.collect())
    }
}

fn accepted(info: &ObjectInfo) -> AcceptedVersion {
    AcceptedVersion {
        version: info.version.to_string(),
        size: Some(info.digests.size),
        source: info.source,
        operator: info.by_operator,
        time: Some(info.last_modified),
        // The ids of one key are in order.
        sequencer: Some(info.version.to_string()),
        ..AcceptedVersion::default()
    }
}

impl Analyzer for StoreAnalyzer {
    fn look(&self, key: &ObjectKey) -> Result<Analysis, String> {
        let Some(log) = RawKey::parse(key.as_str()) else { return Ok(Analysis::default()) };
        let settings = self.app.settings.current().map_err(|error| chain(&error))?;
        let versions = self.versions(&settings.raw_bucket, key).map_err(|error| chain(&error))?;
        let outcome = analyze_stored(&self.app, &log, &versions).map_err(|error| chain(&error))?;
        Ok(match outcome {
            Outcome::Analyzed(done) => {
                if done.replaced > 0 {
                    tracing::warn!(%key, version = %done.version, "a day was replaced by other bytes");
                }
                Analysis {
                    analyzed: true,
                    rows: done.rows,
                    rejects: done.rejects,
                    replaced: done.replaced,
                }
            }
            _ => Analysis::default(),
        })
    }

    fn needs_analysis(&self, key: &RawKey) -> Result<bool, String> {
        needs_analysis(&self.app, key).map_err(|error| chain(&error))
    }
}

/// The error and what is behind it.
fn chain(error: &dyn Error) -> String {
    ErrorChain(error).to_string()
}
