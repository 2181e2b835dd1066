//! The analyzer of `log2aws_service` on the disk store.

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

/// Analyzes day logs in a disk store.
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
    /// The newest versions of a log, newest first. All are accepted: the server checked each put.
    fn versions(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> Result<Vec<AcceptedVersion>, DiskError> {
        // A deleted log still has versions, but none of them is current.
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
        // The version ids of one key are in order.
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

/// The error with its causes.
fn chain(error: &dyn Error) -> String {
    ErrorChain(error).to_string()
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::time::{Duration, Instant};

    use jiff::Timestamp;
    use log2aws_core::allow_list::AllowList;
    use log2aws_core::key::{KeyPrefix, ResultKind};
    use log2aws_core::reject::DEFAULT_MAX_GZIP_RATIO;
    use log2aws_core::summary::Summary;
    use log2aws_service::ports::{Settings, SettingsUnavailable};
    use log2aws_store::BucketSpec;
    use log2aws_store::disk::{Attributes, Condition};

    use super::*;
    use crate::analysis::{Queue, Work, Workers};
    use crate::metrics::Metrics;
    use crate::test_clock::MachineClock;

    struct Fixed(Arc<Settings>);

    impl SettingsSource for Fixed {
        fn current(&self) -> Result<Arc<Settings>, SettingsUnavailable> {
            Ok(self.0.clone())
        }
    }

    fn put(store: &DiskStore, queue: &Queue, key: &ObjectKey, user: usize) {
        let raw = "serverlogs-local".parse().unwrap();
        let mut staged = store.stage(&raw, key).unwrap();
        let line = format!(
            "2019-08-01 00:00:01 up 45 days, 20:04, {user} users, load average: 25.06, 22.63, \
             21.70 124 10 493744 379918752 0 8428556 0 0 1852 156 0 0 26 12 60 2 0\n"
        );
        staged.write_all(line.as_bytes()).unwrap();
        staged.commit(Attributes::default(), &Condition::Always).unwrap();
        queue.enqueue(key);
    }

    #[test]
    fn however_puts_and_analyses_meet_the_results_are_of_the_newest_version() {
        let folder = tempfile::tempdir().unwrap();
        let (raw, analyzed): (BucketName, BucketName) =
            ("serverlogs-local".parse().unwrap(), "analyzedlogs-local".parse().unwrap());
        let buckets = [
            BucketSpec { name: raw.clone(), versioned: true },
            BucketSpec { name: analyzed.clone(), versioned: false },
        ];
        let store = DiskStore::open(folder.path(), &buckets, Arc::new(MachineClock)).unwrap();
        let settings = Settings {
            allow_list: "127.0.0.1".parse::<AllowList>().unwrap(),
            raw_bucket: raw.clone(),
            analyzed_bucket: analyzed.clone(),
            key_prefix: KeyPrefix::Off,
        };
        let settings = Arc::new(Fixed(Arc::new(settings)));
        let metrics = Arc::new(Metrics::new("0", Timestamp::UNIX_EPOCH));
        let queue = Arc::new(Queue::new(metrics.queue_length.clone()));
        let charts = "svg".parse().unwrap();
        let logs = StoreAnalyzer::new(store.clone(), settings, charts, DEFAULT_MAX_GZIP_RATIO);
        let work = Work {
            queue: queue.clone(),
            analyzer: Arc::new(logs),
            metrics: metrics.clone(),
            on_analyzed: Arc::new(|_| {}),
        };
        let workers = Workers::start(&work, 3).unwrap();
        let keys: [ObjectKey; 2] =
            ["web01/2019-08-01.log", "web02/2019-08-01.log"].map(|key| key.parse().unwrap());
        for round in 0..20 {
            std::thread::scope(|scope| {
                for putter in 0..3 {
                    let (store, queue, keys) = (&store, &queue, &keys);
                    scope.spawn(move || {
                        for at in 0..4 {
                            put(store, queue, &keys[at % 2], round * 12 + putter * 4 + at);
                        }
                    });
                }
            });
            let begin = Instant::now();
            while metrics.queue_length.get() > 0 {
                assert!(begin.elapsed() < Duration::from_mins(2), "the queue never became empty");
                std::thread::sleep(Duration::from_millis(2));
            }
            for key in &keys {
                let newest = store.head(&raw, key, None).unwrap().version;
                let summary = RawKey::parse(key.as_str()).unwrap().result_key(ResultKind::Json);
                let (_, mut json) = store.open_object(&analyzed, &summary, None).unwrap();
                let mut bytes = Vec::new();
                json.read_to_end(&mut bytes).unwrap();
                assert_eq!(Summary::from_json(&bytes).unwrap().raw.version, newest.to_string());
            }
        }
        workers.stop(Instant::now() + Duration::from_secs(20));
        assert_eq!(metrics.analyze_failures.get(), 0);
    }
}
