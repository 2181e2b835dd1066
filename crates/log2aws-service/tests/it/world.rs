//! The environment of the handlers in these tests: fixed settings, a fixed clock, a store in
//! memory.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use log2aws_core::event::{Event, Record};
use log2aws_core::key::{BucketName, KeyPrefix, ObjectKey};
use log2aws_core::refused::RefusedVersions;
use log2aws_core::summary::Summary;
use log2aws_service::analyze::{AnalyzeApp, ChartFormats};
use log2aws_service::ports::{
    Clock, ObjectReader, Rasterizer, Settings, SettingsSource, SettingsUnavailable, Store,
    StoreError, Version,
};
use log2aws_store::{BucketSpec, MemoryStore};
use sha2::{Digest as _, Sha256};

pub(crate) const RAW: &str = "serverlogs-local";
pub(crate) const ANALYZED: &str = "analyzedlogs-local";
pub(crate) const ALLOWED: &str = "203.0.113.7";
pub(crate) const REFUSED: &str = "198.51.100.9";
pub(crate) const URL_SESSION: &str = "log2aws-dev-generate-url";
pub(crate) const KEY: &str = "web01/2019-08-01.log";
pub(crate) const SUMMARY: &str = "web01/2019-08-01.json";
pub(crate) const REFUSALS: &str = "web01/2019-08-01.refused.jsonl";

/// Rows, rejects, a metadata line and an unreal date.
pub(crate) const MIXED: &str = "# log2aws/1 server=web01 cores=8 mode=interval\n\
    2019-08-01 00:00:01 up 45 days, 20:04, 1 user, load average: 25.06, 22.63, 21.70 124 10 493744 379918752 0 8428556 0 0 1852 156 0 0 26 12 60 2 0\n\
    2019-02-30 00:10:01 up 45 days, 20:14, 1 user, load average: 1.06, 2.63, 1.70 4 1 493744 379918752 0 8428556 0 0 1852 156 0 0 26 12 60 2 0\n\
    nonsense\n";

/// Settings for the whole test, or none at all.
pub(crate) struct Fixed(pub(crate) Option<Settings>);

impl SettingsSource for Fixed {
    fn current(&self) -> Result<Arc<Settings>, SettingsUnavailable> {
        let unavailable = || SettingsUnavailable { reason: "parameter store: timed out".into() };
        self.0.clone().map(Arc::new).ok_or_else(unavailable)
    }
}

pub(crate) fn settings(allow_list: &str) -> Settings {
    Settings {
        allow_list: allow_list.parse().unwrap(),
        raw_bucket: RAW.parse().unwrap(),
        analyzed_bucket: ANALYZED.parse().unwrap(),
        key_prefix: KeyPrefix::Off,
    }
}

/// Objects by their keys; a key without bytes cannot be read.
#[derive(Default)]
pub(crate) struct Objects(pub(crate) BTreeMap<String, Option<Vec<u8>>>);

#[async_trait::async_trait]
impl ObjectReader for Objects {
    async fn read(
        &self,
        _: &BucketName,
        key: &ObjectKey,
        max_bytes: u64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        match self.0.get(key.as_str()) {
            None => Ok(None),
            Some(Some(bytes)) if bytes.len() as u64 <= max_bytes => Ok(Some(bytes.clone())),
            Some(_) => Err(StoreError::Failed {
                what: format!("reading {key}"),
                source: std::io::Error::other("the disk is gone"),
            }),
        }
    }
}

/// A fixed clock.
pub(crate) struct At(pub(crate) &'static str);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0.parse().unwrap()
    }
}

/// Every result by its key: its bytes and its media type.
pub(crate) type Results = BTreeMap<String, (Vec<u8>, String)>;

pub(crate) fn memory() -> MemoryStore {
    let spec = |name: &str, versioned| BucketSpec { name: name.parse().unwrap(), versioned };
    MemoryStore::new(&[spec(RAW, true), spec(ANALYZED, false)])
}

pub(crate) fn app(store: impl Store + 'static) -> AnalyzeApp {
    app_with(store, Some(settings(ALLOWED)))
}

pub(crate) fn app_with(store: impl Store + 'static, settings: Option<Settings>) -> AnalyzeApp {
    let (store, settings) = (Arc::new(store), Arc::new(Fixed(settings)));
    let (charts, rasterizer) = (ChartFormats::SvgAndPng, picture as Rasterizer);
    let url_session = Some(URL_SESSION.to_owned());
    AnalyzeApp {
        store,
        settings,
        program: "1.2.3".to_owned(),
        charts,
        rasterizer,
        max_gzip_ratio: log2aws_core::reject::DEFAULT_MAX_GZIP_RATIO,
        url_session,
    }
}

/// Replaces a renderer: different drawings give different pictures.
#[expect(clippy::unnecessary_wraps, reason = "the port's shape")]
pub(crate) fn picture(svg: &[u8]) -> Result<Vec<u8>, String> {
    Ok(Sha256::digest(svg).to_vec())
}

pub(crate) fn put_key(store: &MemoryStore, key: &str, log: &[u8]) -> Version {
    let bucket = RAW.parse().unwrap();
    let mut upload = store.create(&bucket, &key.parse().unwrap(), "text/plain").unwrap();
    upload.write_all(log).unwrap();
    upload.commit().unwrap()
}

pub(crate) fn put(store: &MemoryStore, log: &[u8]) -> Version {
    put_key(store, KEY, log)
}

/// The event of a put; version ids of the store in memory are ordered like sequencers.
pub(crate) fn record(source: &str, version: Option<&Version>) -> Record {
    let id = version.map(|version| version.id.to_string());
    Record {
        source: Some(source.parse().unwrap()),
        version: id.clone(),
        sequencer: id,
        ..Record::new(RAW.parse().unwrap(), KEY.parse().unwrap())
    }
}

pub(crate) fn allowed(version: &Version) -> Event {
    record(ALLOWED, Some(version)).into()
}

pub(crate) fn refused(version: &Version) -> Event {
    record(REFUSED, Some(version)).into()
}

pub(crate) fn results(store: &MemoryStore) -> Results {
    let bucket = ANALYZED.parse().unwrap();
    let contents = |key: &ObjectKey| store.contents(&bucket, key).unwrap();
    store.keys(&bucket).iter().map(|key| (key.to_string(), contents(key))).collect()
}

/// The results without what differs from run to run: the versions of results in the summary, and
/// the order of recorded refusals.
pub(crate) fn settled(store: &MemoryStore) -> Results {
    let mut results = results(store);
    if let Some((json, _)) = results.get_mut(SUMMARY) {
        let mut summary = Summary::from_json(json).unwrap();
        summary.results.clear();
        *json = summary.to_json().unwrap();
    }
    if let Some((lines, _)) = results.get_mut(REFUSALS) {
        let mut list = RefusedVersions::from_jsonl(lines).unwrap();
        list.listed.sort_by(|a, b| a.version.cmp(&b.version));
        *lines = list.to_jsonl().unwrap();
    }
    results
}

/// The current summary, if there is one.
pub(crate) fn summary(store: &MemoryStore) -> Option<Summary> {
    results(store).get(SUMMARY).map(|(json, _)| Summary::from_json(json).unwrap())
}

/// The ids of the refused versions.
pub(crate) fn refusals(store: &MemoryStore) -> Vec<String> {
    let results = results(store);
    let lines = results.get(REFUSALS).map(|(lines, _)| lines.as_slice()).unwrap_or_default();
    let list = RefusedVersions::from_jsonl(lines).unwrap();
    list.listed.into_iter().map(|refused| refused.version).collect()
}
