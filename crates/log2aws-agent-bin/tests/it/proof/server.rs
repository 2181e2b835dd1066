//! A real server in this process, and the content of its store.

use std::io::Read;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;

use jiff::Timestamp;
use log2aws_core::day::Day;
use log2aws_core::key::BucketName;
use log2aws_server::{RAW_BUCKET, ServeConfig, ServeError, Server};
use log2aws_service::http::DayRules;
use log2aws_service::ports::Clock;
use log2aws_store::DiskStore;
use log2aws_store::disk::{MAX_PAGE, VersionEntry, VersionQuery};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::proxy::Proxy;

/// The name of the delivering host.
pub(crate) const HOST: &str = "web01";

/// The time, shifted by a fault.
struct Ahead(Arc<AtomicI64>);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        let ahead = self.0.load(Ordering::SeqCst);
        Timestamp::from_second(Timestamp::now().as_second() + ahead).unwrap()
    }
}

/// A server, the proxy before it, and its store, all stopped on drop.
pub(crate) struct Served {
    pub(crate) proxy: Proxy,
    store: DiskStore,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
    _folder: TempDir,
}

/// A stored body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// SHA-256 in hex.
    pub(crate) sha256: String,
    pub(crate) bytes: Vec<u8>,
}

impl Served {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (front, back) = (listener(), listener());
        let ahead = Arc::new(AtomicI64::new(0));
        let mut config = ServeConfig::new(folder.path().to_owned(), "127.0.0.0/8".parse().unwrap());
        config.days = DayRules { days_back: 36_500, days_ahead: 36_500, final_after_days: None };
        let address = front.local_addr().unwrap();
        config.public_url = Some(format!("http://{address}").parse().unwrap());
        config.analyzer_threads = Some(1.try_into().unwrap());
        let server = Server::open(config, Arc::new(Ahead(Arc::clone(&ahead)))).unwrap();
        let store = server.store().clone();
        let proxy = Proxy::start(front, back.local_addr().unwrap(), ahead);
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
            runtime.unwrap().block_on(server.run(back, || {}, async {
                let _ = stopped.await;
            }))
        });
        Self { proxy, store, stop: Some(stop), thread: Some(thread), _folder: folder }
    }

    /// The API for the agent: the proxy.
    pub(crate) fn api(&self) -> String {
        format!("http://{}", self.proxy.address())
    }

    /// Every version of a day's log of [`HOST`], newest first.
    pub(crate) fn versions(&self, day: Day) -> Vec<Stored> {
        self.versions_of(HOST, day)
    }

    /// Every version of a day's log, newest first.
    pub(crate) fn versions_of(&self, host: &str, day: Day) -> Vec<Stored> {
        let bucket = bucket();
        let key = format!("{host}/{day}.log");
        let query = VersionQuery { prefix: key.clone(), max: MAX_PAGE, ..VersionQuery::default() };
        let listing = self.store.list_versions(&bucket, &query).unwrap();
        assert!(listing.unreadable.is_empty() && listing.next.is_none(), "{listing:?}");
        let mut versions = Vec::new();
        for entry in listing.entries {
            let VersionEntry::Version { info, .. } = entry else { panic!("{entry:?}") };
            assert_eq!(info.key.as_str(), key);
            let (_, mut reader) =
                self.store.open_object(&bucket, &info.key, Some(&info.version)).unwrap();
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).unwrap();
            versions.push(Stored { sha256: hex::encode(info.digests.sha256), bytes });
        }
        versions
    }

    /// The keys in the raw bucket.
    pub(crate) fn keys(&self) -> Vec<String> {
        let query = VersionQuery { max: MAX_PAGE, ..VersionQuery::default() };
        let listing = self.store.list_versions(&bucket(), &query).unwrap();
        assert!(listing.next.is_none());
        let mut keys: Vec<String> = listing
            .entries
            .into_iter()
            .map(|entry| match entry {
                VersionEntry::Version { info, .. } => info.key.as_str().to_owned(),
                VersionEntry::CommonPrefix(prefix) => prefix,
            })
            .collect();
        keys.dedup();
        keys
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn bucket() -> BucketName {
    RAW_BUCKET.parse().unwrap()
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}
