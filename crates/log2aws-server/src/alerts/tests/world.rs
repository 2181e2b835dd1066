//! A store with results, its index, and the task over it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use log2aws_core::alert::{Format, Rule};
use log2aws_core::chart::Language;
use log2aws_core::csv::{CSV_HEADER, CsvReader};
use log2aws_core::key::{BucketName, KeyPrefix, RawKey, ResultKind};
use log2aws_core::summary::{AcceptedVersion, RawObject, Rejects, Summary, SummaryBuilder};
use log2aws_dashboard::store_index::{FULL_EVERY, StoreIndex, StoreIndexConfig};
use log2aws_service::ports::{Clock, Store as _};
use log2aws_store::{BucketSpec, DiskStore};
use tempfile::TempDir;

use super::super::config::{AlertConfig, UrlSource, Webhook, WebhookUrl};
use super::super::sender::Sender;
use super::super::task::{AlertTask, SharedBoard};
use super::peer::Peer;
use crate::background::{BackgroundTask as _, Stop};
use crate::folder_cache::FolderCache;
use crate::metrics::Metrics;

/// Noon and a minute of 2026-11-29 in UTC: the log of the 28th is due.
pub(super) const NOW: &str = "2026-11-29T12:01:00Z";

pub(super) struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

pub(super) struct World {
    folder: TempDir,
    store: DiskStore,
    pub(super) index: StoreIndex,
    pub(super) clock: Arc<HandClock>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) board: SharedBoard,
    pub(super) logged: Logged,
}

fn bucket() -> BucketName {
    "analyzedlogs-local".parse().unwrap()
}

impl World {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now: Timestamp = NOW.parse().unwrap();
        let clock = Arc::new(HandClock(AtomicI64::new(now.as_second())));
        let spec = BucketSpec { name: bucket(), versioned: false };
        let store = DiskStore::open(folder.path(), &[spec], clock.clone()).unwrap();
        let cache = FolderCache::open(&folder.path().join("cache")).unwrap();
        let index = StoreIndex::new(StoreIndexConfig {
            lister: Arc::new(store.clone()),
            analyzed: bucket(),
            raw: None,
            place: "here".to_owned(),
            cache: Arc::new(cache),
            clock: clock.clone(),
            zone: TimeZone::UTC,
            on_change: Box::new(|_| {}),
            key_prefix: KeyPrefix::Off,
            parallel: 1,
            full_every: FULL_EVERY,
        });
        let metrics = Arc::new(Metrics::new("0", now));
        let (board, logged) = (SharedBoard::default(), Logged::default());
        Self { folder, store, index, clock, metrics, board, logged }
    }

    /// A day of a server with 4 cores, a sample each ten minutes with this load, from this address.
    pub(super) fn deliver(&self, server: &str, day: &str, load: f64, source: &str) {
        let key = RawKey::new(server.parse().unwrap(), day.parse().unwrap(), KeyPrefix::Off);
        let mut csv = format!("{CSV_HEADER}\n");
        for at in 0..144 {
            let (hour, minute) = (at / 6, at % 6 * 10);
            writeln!(
                csv,
                "{day} {hour:02}:{minute:02}:00,1day 3min,1,{load},1.00,1.00,\
                 1,0,0,500000,0,0,0,0,0,0,0,0,1,1,98,0,0"
            )
            .unwrap();
        }
        let mut builder = SummaryBuilder::new(key.day);
        CsvReader::read(csv.as_bytes(), |sample| builder.sample(&sample));
        let mut log = builder.finish(Rejects::default());
        log.metadata.cores = Some(4);
        let raw = RawObject {
            key: key.object_key().to_string(),
            version: "1".to_owned(),
            size: 1,
            sha256: None,
        };
        let mut summary = Summary::read("0", &key, raw, log);
        summary.versions = vec![AcceptedVersion {
            version: "1".to_owned(),
            source: Some(source.parse().unwrap()),
            ..AcceptedVersion::default()
        }];
        self.put(&key, ResultKind::Csv, csv.as_bytes());
        self.put(&key, ResultKind::Json, &summary.to_json().unwrap());
    }

    fn put(&self, key: &RawKey, kind: ResultKind, bytes: &[u8]) {
        let key = key.result_key(kind);
        let mut upload = self.store.create(&bucket(), &key, "text/plain").unwrap();
        upload.write_all(bytes).unwrap();
        upload.commit().unwrap();
    }

    pub(super) fn refresh(&self) {
        self.index.refresh(&|| false).unwrap();
    }

    pub(super) fn wait(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(super) fn state_file(&self) -> PathBuf {
        self.folder.path().join("alerts.json")
    }

    pub(super) fn task(&self, rules: &[&str], webhooks: Vec<Webhook>) -> AlertTask {
        let rules = rules.iter().map(|rule| Rule::from_json(rule).unwrap()).collect();
        let mut task = AlertTask::new(
            AlertConfig { rules, webhooks },
            self.folder.path(),
            self.index.clone(),
            self.clock.clone(),
            self.metrics.clone(),
            (self.board.clone(), Some("https://logs.example/ui/alerts".to_owned())),
        );
        task.set_sender(Sender::with_timeout(Duration::from_millis(300)));
        task
    }

    /// Runs the task once, with everything that is logged.
    pub(super) fn run(&self, task: &mut AlertTask) -> Duration {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(self.logged.clone())
            .finish();
        let run = || task.run_once(&Stop::default()).unwrap().after;
        tracing::subscriber::with_default(subscriber, run)
    }

    /// Runs the task until the first message of a group is due.
    pub(super) fn run_until_told(&self, task: &mut AlertTask) {
        self.run(task);
        self.wait(60);
        self.run(task);
    }

    pub(super) fn metric(&self, line: &str) -> bool {
        self.metrics.encode().unwrap().lines().any(|found| found == line)
    }
}

/// A webhook at a peer.
pub(super) fn hook(name: &str, peer: &Peer) -> Webhook {
    Webhook {
        name: name.to_owned(),
        format: Format::Json,
        language: Language::En,
        url: UrlSource::Given(WebhookUrl::new(&peer.url(), "a test").unwrap()),
        quiet: None,
    }
}

/// Everything that is logged.
#[derive(Clone, Default)]
pub(super) struct Logged(Arc<Mutex<Vec<u8>>>);

impl Logged {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for Logged {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
