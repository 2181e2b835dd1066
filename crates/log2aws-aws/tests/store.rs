//! The store over S3 passes the conformance suite against the S3 API of a running `serve`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use aws_sdk_s3::Client;
use jiff::Timestamp;
use log2aws_aws::{Keys, S3Place, S3Store, client};
use log2aws_core::error_chain::ErrorChain;
use log2aws_core::key::{BucketName, ObjectKey};
use log2aws_server::{ANALYZED_BUCKET, RAW_BUCKET, ServeConfig, Server};
use log2aws_service::ports::{Clock, ListQuery, ObjectLister as _, Store as _, StoreError};
use log2aws_store::conformance;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

struct MachineClock;

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// `serve` on its own thread, and the runtime of its client.
struct World {
    address: SocketAddr,
    keys: Keys,
    runtime: Runtime,
    stop: Option<oneshot::Sender<()>>,
    serve: Option<JoinHandle<()>>,
    _folder: TempDir,
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = ServeConfig::new(folder.path().to_owned(), "127.0.0.0/8".parse().unwrap());
        let server = Server::open(config, Arc::new(MachineClock)).unwrap();
        let key = server.credentials().clone();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = std::thread::spawn(move || {
            let stopped = async {
                let _ = stopped.await;
            };
            runtime().block_on(server.run(listener, || {}, stopped)).unwrap();
        });
        let keys = Keys::new(&key.access_key, key.expose_secret(), None);
        let (stop, serve) = (Some(stop), Some(serve));
        Self { address, keys, runtime: runtime(), stop, serve, _folder: folder }
    }

    fn client(&self) -> Client {
        client_of(format!("http://{}", self.address), self.keys.clone())
    }

    fn store_at(&self, endpoint: String, keys: Keys) -> S3Store {
        S3Store::new(client_of(endpoint, keys), self.runtime.handle().clone())
    }

    fn store(&self) -> S3Store {
        S3Store::new(self.client(), self.runtime.handle().clone())
    }
}

fn client_of(endpoint: String, keys: Keys) -> Client {
    let place = S3Place { region: "us-east-1".to_owned(), endpoint: Some(endpoint), roots: None };
    client(&place, keys).unwrap()
}

impl Drop for World {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(serve) = self.serve.take() {
            let _ = serve.join();
        }
    }
}

fn bucket(name: &str) -> BucketName {
    name.parse().unwrap()
}

fn key(name: &str) -> ObjectKey {
    name.parse().unwrap()
}

/// In an unversioned bucket, where this store assigns the ids of bodies.
#[test]
fn s3_keeps_every_promise_of_the_port() {
    let world = World::new();
    let (store, analyzed) = (world.store(), bucket(ANALYZED_BUCKET));
    for (name, check) in conformance::EVERYWHERE {
        check(&store, &analyzed).unwrap_or_else(|broken| panic!("{name}: {broken}"));
    }
    for (name, check) in conformance::LISTS {
        check(&store, &analyzed).unwrap_or_else(|broken| panic!("{name}: {broken}"));
    }
    conformance::an_unknown_bucket_is_not_found(&store).unwrap();
    conformance::a_list_of_an_unknown_bucket_is_not_found(&store).unwrap();
}

/// In a versioned bucket. Every guarantee that can be checked without a delete: `serve` does not
/// allow deleting raw logs.
#[test]
fn s3_keeps_its_promises_where_versions_are_kept() {
    let world = World::new();
    let (store, raw) = (world.store(), bucket(RAW_BUCKET));
    let checks: [conformance::Check; 5] = [
        conformance::an_absent_key_has_no_newest_version,
        conformance::what_was_committed_reads_back_whole,
        conformance::different_bodies_have_different_names,
        conformance::an_unknown_version_is_not_found,
        conformance::of_puts_at_once_one_stands_whole,
    ];
    for check in checks {
        check(&store, &raw).unwrap();
    }
    let key = key("older");
    let put = |bytes: &[u8]| {
        let mut upload = store.create(&raw, &key, "text/plain").unwrap();
        upload.write_all(bytes).unwrap();
        upload.commit().unwrap()
    };
    let versions = [put(b"first"), put(b"second")];
    for (version, bytes) in versions.iter().zip([&b"first"[..], b"second"]) {
        let mut read = Vec::new();
        store.open(&raw, &key, &version.id).unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(read, bytes);
    }
    let refused = store.delete(&raw, &key).unwrap_err();
    assert!(matches!(refused, StoreError::Failed { .. }), "{refused:?}");
}

#[test]
fn a_large_object_goes_in_parts_and_comes_back_whole() {
    let world = World::new();
    let store = world.store();
    let (raw, key) = (bucket(RAW_BUCKET), key("large/object"));
    // Two parts of 8 MiB and a rest, written in pieces that do not divide a part.
    let bytes: Vec<u8> =
        (0..17 << 20).map(|i: u32| i.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    let mut upload = store.create(&raw, &key, "text/plain").unwrap();
    for piece in bytes.chunks(1_000_003) {
        upload.write_all(piece).unwrap();
    }
    assert_eq!(store.head(&raw, &key).unwrap(), None, "seen before the commit");
    let version = upload.commit().unwrap();
    assert_eq!(version.size, bytes.len() as u64);
    assert_eq!(store.head(&raw, &key).unwrap(), Some(version.clone()));
    let mut read = Vec::new();
    store.open(&raw, &key, &version.id).unwrap().read_to_end(&mut read).unwrap();
    assert!(read == bytes, "the bytes differ");

    let mut dropped = store.create(&raw, &key, "text/plain").unwrap();
    for piece in bytes.chunks(1_000_003).take(12) {
        dropped.write_all(piece).unwrap();
    }
    drop(dropped);
    assert_eq!(store.head(&raw, &key).unwrap(), Some(version));
    let left = world.client().list_multipart_uploads().bucket(RAW_BUCKET).send();
    let left = world.runtime.block_on(left).unwrap();
    assert!(left.uploads().is_empty(), "the dropped upload is still there");
}

#[test]
fn what_is_forbidden_is_a_failure_and_no_absence() {
    let world = World::new();
    let stranger = Keys::new("AKIDUNKNOWN", "nobody's secret", None);
    let store = world.store_at(format!("http://{}", world.address), stranger);
    let (raw, key) = (bucket(RAW_BUCKET), key("web01/2019-08-01.log"));
    let told = [
        store.head(&raw, &key).unwrap_err(),
        store.open(&raw, &key, &log2aws_service::ports::VersionId::new("0")).err().unwrap(),
        store.create(&raw, &key, "text/plain").err().unwrap(),
        store.delete(&raw, &key).unwrap_err(),
        store.list(&raw, &ListQuery::default()).unwrap_err(),
    ];
    for error in told {
        let StoreError::Failed { what, source } = &error else { panic!("{error:?}") };
        assert!(what.contains(RAW_BUCKET), "{what}");
        assert!(source.to_string().contains("S3 answers 403"), "{source}");
        assert!(!source.to_string().contains("secret"), "{source}");
    }
}

#[test]
fn an_s3_that_is_not_there_is_a_failure() {
    let world = World::new();
    // A bound port without a listener: connections are refused at once.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let store = world.store_at(format!("http://{nobody}"), world.keys.clone());
    let error = store.head(&bucket(RAW_BUCKET), &key("a")).unwrap_err();
    assert!(matches!(error, StoreError::Failed { .. }), "{error:?}");
}

#[test]
fn keys_do_not_print() {
    let keys = Keys::new("AKIDEXAMPLE", "wJalrXUtnFEMI", Some("token"));
    assert_eq!(format!("{keys:?}"), "Keys(REDACTED)");
}

/// An S3 whose every answer never ends: `status`, and a body of folders without end.
fn endless(status: &'static str, sent: Arc<AtomicU64>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        // Ends with the test's process.
        for stream in listener.incoming() {
            let (mut stream, sent) = (stream.unwrap(), sent.clone());
            std::thread::spawn(move || {
                let mut head = [0; 4096];
                if stream.read(&mut head).is_err() {
                    return;
                }
                let begin = format!(
                    "HTTP/1.1 {status}\r\ncontent-type: application/xml\r\nconnection: close\r\n\r\n\
                     <ListBucketResult>"
                );
                let name = "x".repeat(65_000);
                let folder = format!("<CommonPrefixes><Prefix>{name}/</Prefix></CommonPrefixes>");
                let mut all = stream.write_all(begin.as_bytes());
                while all.is_ok() {
                    all = stream.write_all(folder.as_bytes());
                    sent.fetch_add(folder.len() as u64, Ordering::Relaxed);
                }
            });
        }
    });
    address
}

/// The list is asked for four times at most; each time no more is read than a list may have.
#[test]
fn an_answer_that_never_ends_is_an_error_and_takes_no_memory() {
    for (status, max_mib) in [("200 OK", 16), ("403 Forbidden", 1)] {
        let sent = Arc::new(AtomicU64::new(0));
        let address = endless(status, sent.clone());
        let runtime = runtime();
        let client = client_of(format!("http://{address}"), Keys::new("key", "secret", None));
        let store = S3Store::new(client, runtime.handle().clone());
        let error = store.list(&bucket("analyzedlogs-dev"), &ListQuery::default()).unwrap_err();
        let told = ErrorChain(&error).to_string();
        assert!(told.contains("listing analyzedlogs-dev"), "{told}");
        assert!(told.contains(&format!("more than {max_mib} MiB")), "{told}");
        // What is on the way is the sockets' own.
        let most = (4 * (max_mib + 16)) << 20;
        let sent = sent.load(Ordering::Relaxed);
        assert!(sent < most, "{sent} bytes for {max_mib} MiB");
    }
}
