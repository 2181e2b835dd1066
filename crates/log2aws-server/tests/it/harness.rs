//! A running server, and logs to deliver to it.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use log2aws_server::{ANALYZED_BUCKET, KeyPair, RAW_BUCKET, ServeConfig, ServeError, Server};
use log2aws_service::http::DayRules;
use log2aws_service::ports::Clock;
use log2aws_store::DiskStore;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::client::{Answer, Request};

/// The time, shifted by that many seconds.
#[derive(Clone, Copy)]
pub(crate) struct ClockAt(pub(crate) i64);

impl Clock for ClockAt {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(Timestamp::now().as_second() + self.0).unwrap()
    }
}

/// The time, shifted while the server runs.
struct Ahead(Arc<AtomicI64>);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        ClockAt(self.0.load(Ordering::SeqCst)).now()
    }
}

/// A server on its own thread, stopped on drop.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) folder: PathBuf,
    pub(crate) key: KeyPair,
    pub(crate) store: DiskStore,
    /// The login link from the start, from the path on.
    pub(crate) link: String,
    /// How many seconds the server's clock is ahead.
    pub(crate) ahead: Arc<AtomicI64>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
    own_folder: Option<TempDir>,
}

/// The settings of most tests: only loopback is allowed, and the day of the test log, which is
/// years ago, may be replaced.
pub(crate) fn config(folder: &Path) -> ServeConfig {
    let days = DayRules { days_back: 36_500, days_ahead: 1, final_after_days: None };
    ServeConfig { days, ..ServeConfig::new(folder.to_owned(), "127.0.0.0/8".parse().unwrap()) }
}

/// A server with these settings, in a fresh folder.
pub(crate) fn start_with(change: impl FnOnce(&mut ServeConfig)) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    change(&mut config);
    let mut running = start_on(config, ClockAt(0));
    running.own_folder = Some(folder);
    running
}

/// A server in a fresh folder.
pub(crate) fn start() -> Running {
    start_with(|_| {})
}

/// A server with these settings and this clock.
pub(crate) fn start_on(config: ServeConfig, clock: ClockAt) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let folder = config.data_dir.clone();
    let ahead = Arc::new(AtomicI64::new(clock.0));
    let server = Server::open(config, Arc::new(Ahead(ahead.clone()))).unwrap();
    let link = server.login_link(address).unwrap();
    let link = link.expose_url().splitn(4, '/').nth(3).unwrap();
    let link = format!("/{link}");
    let (key, store) = (server.credentials().clone(), server.store().clone());
    let (stop, stopped) = oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(server.run(listener, || {}, async {
            let _ = stopped.await;
        }))
    });
    let stop = Some(stop);
    let thread = Some(thread);
    Running { address, folder, key, store, link, ahead, stop, thread, own_folder: None }
}

impl Running {
    /// Starts the shutdown without waiting for it.
    pub(crate) fn begin_stop(&mut self) {
        drop(self.stop.take());
    }

    /// Stops, and waits until it has.
    pub(crate) fn stop(&mut self) {
        self.begin_stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
    }

    pub(crate) fn send(&self, request: &Request) -> Answer {
        request.send(self.address)
    }

    /// Sends a request signed with the operator's key.
    pub(crate) fn signed(&self, request: Request) -> Answer {
        request
            .sign(self.address, &self.key.access_key, self.key.expose_secret())
            .send(self.address)
    }

    /// Sends a request presigned with the operator's key for a minute.
    pub(crate) fn presigned(&self, request: Request) -> Answer {
        request
            .presign(self.address, &self.key.access_key, self.key.expose_secret(), 60)
            .send(self.address)
    }

    /// Requests a URL, and returns the part after the host.
    pub(crate) fn url(&self, query: &str) -> String {
        let answer = self.send(&Request::new("GET", format!("/?{query}")));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let url = answer.text().trim().to_owned();
        url.strip_prefix(&format!("http://{}", self.address)).unwrap().to_owned()
    }

    /// Waits for an analyzed object.
    pub(crate) fn result(&self, key: &str) -> String {
        let begin = Instant::now();
        loop {
            if let Some(text) = self.stored(ANALYZED_BUCKET, key) {
                return text;
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "{key} does not appear");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The stored content of a key.
    pub(crate) fn stored(&self, bucket: &str, key: &str) -> Option<String> {
        let opened = self.store.open_object(&bucket.parse().unwrap(), &key.parse().unwrap(), None);
        let (_, mut reader) = opened.ok()?;
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut reader, &mut bytes).unwrap();
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Asserts that a refused PUT left nothing: no object, no version, no staged file.
    pub(crate) fn assert_empty(&self) {
        for bucket in [RAW_BUCKET, ANALYZED_BUCKET] {
            let mut files = files_under(&self.folder.join("buckets").join(bucket));
            // Made with the data folder.
            files.retain(|file| !file.to_string_lossy().contains("/%2Elog2aws/keys.json"));
            assert!(files.is_empty(), "{files:?}");
        }
        // The writer of an aborted upload notices a moment later.
        let staging = self.folder.join("staging");
        eventually("staging is not empty", || files_under(&staging).is_empty());
    }

    /// Waits until a metric has a value: results are visible before they are counted.
    pub(crate) fn counts(&self, name: &str, value: f64) {
        eventually(&format!("{name} is not {value}"), || (self.metric(name) - value).abs() < 0.5);
    }

    /// The value of a metric.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let token = std::fs::read_to_string(self.folder.join("metrics-token")).unwrap();
        let request = Request::new("GET", "/-/metrics")
            .header("authorization", format!("Bearer {}", token.trim()));
        let answer = self.send(&request);
        assert_eq!(answer.status, 200);
        let text = answer.text();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.map_or(0.0, |value| value.parse().unwrap())
    }
}

/// Waits for a condition; fails with `what` if it does not hold in time.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.begin_stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        drop(self.own_folder.take());
    }
}

pub(crate) fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            files.extend(files_under(&entry.path()));
        } else {
            files.push(entry.path());
        }
    }
    files
}

/// A short day log.
pub(crate) const LOG: &str = "\
2019-08-01 00:00:01 up 45 days, 20:04, 1 user, load average: 25.06, 22.63, 21.70 124 10 493744 379918752 0 8428556 0 0 1852 156 0 0 26 12 60 2 0
2019-08-01 00:10:01 up 45 days, 20:14, 1 user, load average: 20.06, 22.00, 21.00 12 0 493744 379918752 0 8428556 0 0 1852 156 0 0 26 12 60 2 0
this is no sample line
";
