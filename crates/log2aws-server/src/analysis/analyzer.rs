//! The handler of `log2aws_service`, over the disk store.

use std::net::IpAddr;
use std::sync::Arc;

use log2aws_core::event::{Event, Record};
use log2aws_core::key::{ObjectKey, RawKey};
use log2aws_service::analyze::{AnalyzeApp, ChartFormats, Outcome, analyze, needs_analysis};
use log2aws_service::ports::SettingsSource;
use log2aws_store::DiskStore;
use log2aws_store::disk::DiskError;

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
    ) -> Self {
        let app = AnalyzeApp {
            store: Arc::new(store.clone()),
            settings,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            charts,
            rasterizer: log2aws_raster::rasterize,
        };
        Self { app, store }
    }
}

impl Analyzer for StoreAnalyzer {
    fn look(&self, key: &ObjectKey) -> Result<Analysis, String> {
        let settings = self.app.settings.current().map_err(|error| error.to_string())?;
        // The address that counts is that of the version that is there now.
        let info = match self.store.head(&settings.raw_bucket, key, None) {
            Ok(info) => info,
            Err(DiskError::NoSuchKey { .. }) => return Ok(Analysis::default()),
            Err(error) => return Err(error.to_string()),
        };
        let record = Record {
            bucket: settings.raw_bucket.clone(),
            key: key.clone(),
            source: info.source,
            version: Some(info.version.to_string()),
        };
        let event = Event { records: vec![record], ..Event::default() };
        let outcomes = analyze(&self.app, &event).map_err(|error| error.to_string())?;
        let mut looked = Analysis::default();
        for outcome in outcomes {
            match outcome {
                Outcome::Analyzed(done) => {
                    looked.analyzed = true;
                    looked.rows += done.rows;
                    looked.rejects += done.rejects;
                }
                Outcome::Refused { reason, .. } => {
                    tracing::warn!(%key, reason, "a log was refused");
                    looked.refused = true;
                }
                Outcome::Ignored { .. } | Outcome::Gone { .. } => {}
            }
        }
        Ok(looked)
    }

    fn needs_analysis(&self, key: &RawKey, source: Option<IpAddr>) -> Result<bool, String> {
        let settings = self.app.settings.current().map_err(|error| error.to_string())?;
        needs_analysis(&*self.app.store, &settings, key, source).map_err(|error| error.to_string())
    }
}
