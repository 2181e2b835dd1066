//! A server in its own process, for kills, log checks and full disks.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use log2aws_server::{Server, TlsFiles};

use crate::client::Request;
use crate::harness::{ClockAt, LOG, config, files_under, start_on};

/// Set only for the child: its data folder.
const FOLDER: &str = "LOG2AWS_TEST_CHILD_FOLDER";

/// Set only for the child: its TLS files.
pub(crate) const TLS_CERTIFICATE: &str = "LOG2AWS_TEST_CHILD_CERTIFICATE";
pub(crate) const TLS_KEY: &str = "LOG2AWS_TEST_CHILD_KEY";

/// Not a test: the entry point for the others. It serves until it is killed.
#[test]
fn child_server() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let mut config = config(Path::new(&folder));
    let file = |name| std::env::var_os(name).map(PathBuf::from);
    config.tls = file(TLS_CERTIFICATE)
        .zip(file(TLS_KEY))
        .map(|(certificate, key)| TlsFiles { certificate, key });
    let server = Server::open(config, Arc::new(ClockAt(0))).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("\nlistening {}", listener.local_addr().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(server.run(listener, || {}, std::future::pending())).unwrap();
}

pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
}

/// A test that fails must not leave it running.
impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    pub(crate) fn start(mut command: Command, folder: &Path) -> Option<Self> {
        let mut child = command
            .args(["--exact", "child::child_server", "--nocapture"])
            .env(FOLDER, folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let address = output.lines().map_while(Result::ok).find_map(|line| {
            line.strip_prefix("listening ").and_then(|address| address.parse().ok())
        });
        if address.is_none() {
            let _ = child.wait();
        }
        Some(Self { child, address: address? })
    }

    pub(crate) fn myself(folder: &Path) -> Self {
        Self::start(Command::new(std::env::current_exe().unwrap()), folder).unwrap()
    }

    pub(crate) fn url(&self, server: &str) -> String {
        let ask = Request::new("GET", format!("/?server={server}&date=2019-08-01"));
        let answer = ask.send(self.address);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text().trim().replace(&format!("http://{}", self.address), "")
    }
}

/// The child's log must be read while it runs, or it blocks on a full pipe.
pub(crate) fn drain(process: &mut Process) -> std::thread::JoinHandle<String> {
    let mut log = process.child.stderr.take().unwrap();
    process.child.stderr = None;
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = log.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    })
}

/// The log of a child that is killed a moment after its start.
pub(crate) fn log_of(change: impl FnOnce(&mut Command)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    change(&mut command);
    let mut process = Process::start(command, folder.path()).unwrap();
    let log = drain(&mut process);
    std::thread::sleep(Duration::from_secs(1));
    process.child.kill().unwrap();
    process.child.wait().unwrap();
    log.join().unwrap()
}

#[test]
fn what_was_acknowledged_before_a_kill_has_its_results_after_the_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::myself(folder.path());
    let log = drain(&mut process);
    let acknowledged = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for client in 0..4 {
            let (process, acknowledged) = (&process, &acknowledged);
            scope.spawn(move || {
                for number in 0..10 {
                    let url = process.url(&format!("web-{client}-{number}"));
                    let put = Request::new("PUT", url).body(LOG).send(process.address);
                    assert_eq!(put.status, 200);
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    process.child.kill().unwrap();
    process.child.wait().unwrap();
    log.join().unwrap();

    let server = start_on(config(folder.path()), ClockAt(0));
    assert_eq!(acknowledged.into_inner(), 40);
    for client in 0..4 {
        for number in 0..10 {
            let key = format!("web-{client}-{number}/2019-08-01");
            assert_eq!(server.result(&format!("{key}.csv")).lines().count(), 3);
            assert!(server.result(&format!("{key}.json")).contains("\"rows\": 2"));
        }
    }
}

#[test]
fn nothing_secret_is_logged_even_at_the_most_talkative_level() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::myself(folder.path());
    let log = drain(&mut process);
    let url = process.url("web01");
    let query = url.split_once('?').unwrap().1;
    let signature = query.split_once("X-Amz-Signature=").unwrap().1.to_owned();
    // First, because the log names one refusal of a kind for each address.
    let encoded = url.replace('?', "%3F").replace("X-Amz-", "x%2Damz-");
    assert_eq!(Request::new("PUT", encoded).body(LOG).send(process.address).status, 403);
    assert_eq!(Request::new("PUT", url.clone()).body(LOG).send(process.address).status, 200);
    let altered = url.replace("web01", "web02");
    assert_eq!(Request::new("PUT", altered).body(LOG).send(process.address).status, 403);
    let secret = std::fs::read_to_string(folder.path().join("credentials")).unwrap();
    let secret = secret.trim().rsplit_once('=').unwrap().1.to_owned();
    let wrong = Request::new("GET", "/").sign(process.address, "LOG2WRONGWRONGWRONG1", &secret);
    assert_eq!(wrong.send(process.address).status, 403);
    let token = std::fs::read_to_string(folder.path().join("dashboard-token")).unwrap();
    let login = |body: String| {
        let request = Request::new("POST", "/ui/login").header("sec-fetch-site", "same-origin");
        request.body(body).send(process.address)
    };
    let opened = login(format!("token={}", token.trim()));
    let cookie = opened.header("set-cookie").unwrap().split(['=', ';']).nth(1).unwrap().to_owned();
    assert_eq!(login("token=a-guess-of-somebody".to_owned()).status, 401);
    let once = Request::new("GET", "/ui/login?once=a-spent-code");
    assert_eq!(once.send(process.address).status, 401);
    process.child.kill().unwrap();
    process.child.wait().unwrap();
    let log = log.join().unwrap();
    assert!(log.contains("log2aws"), "nothing was logged at all");
    let guesses = ["a-guess-of-somebody", "a-spent-code"];
    let secrets = [&signature, "X-Amz-Signature", "Signature=", &secret, token.trim(), &cookie];
    for secret in secrets.into_iter().chain(guesses) {
        assert!(!log.contains(secret), "the log holds {secret:?}:\n{log}");
    }
}

/// A small disk in its own namespace; where the machine does not allow one, the test is skipped.
#[test]
fn a_full_disk_is_507_and_the_old_version_stands() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("unshare");
    let script = "mount -t tmpfs -o size=2m tmpfs \"$1\" && shift && exec \"$@\"";
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
    command.arg(folder.path()).arg(std::env::current_exe().unwrap());
    let Some(mut process) = Process::start(command, &folder.path().join("data")) else {
        log2aws_skip::required(
            "child::a_full_disk_is_507_and_the_old_version_stands",
            "no small disk can be mounted in a user name space",
        );
        return;
    };
    let log = drain(&mut process);
    let put = |server: &str, body: &[u8]| {
        Request::new("PUT", process.url(server)).body(body).send(process.address)
    };
    assert_eq!(put("web01", LOG.as_bytes()).status, 200);
    for size in [200_000, 4_000_000] {
        let body = vec![b'x'; size];
        let full = (0..20).map(|_| put("web02", &body)).find(|answer| answer.status != 200);
        // Equal bytes make no new version, so small bodies differ to fill the disk.
        let full = full.or_else(|| {
            (0..20).find_map(|number: usize| {
                let mut body = body.clone();
                body[..8].copy_from_slice(format!("{number:08}").as_bytes());
                Some(put("web02", &body)).filter(|answer| answer.status != 200)
            })
        });
        let full = full.expect("the disk never became full");
        assert_eq!((full.status, &full.code()[..]), (507, "InsufficientStorage"));
    }
    let health = Request::new("GET", "/-/healthz").send(process.address);
    assert_eq!(health.status, 200);
    let key = std::fs::read_to_string(format!(
        "/proc/{}/root{}/data/credentials",
        process.child.id(),
        folder.path().display()
    ));
    if let Ok(key) = key {
        let value = |name: &str| {
            key.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap().to_owned()
        };
        let get = Request::new("GET", "/serverlogs-local/web01/2019-08-01.log").sign(
            process.address,
            &value("aws_access_key_id"),
            &value("aws_secret_access_key"),
        );
        let got = get.send(process.address);
        assert_eq!((got.status, got.text()), (200, LOG.to_owned()));
    }
    process.child.kill().unwrap();
    process.child.wait().unwrap();
    log.join().unwrap();
    assert!(files_under(folder.path()).is_empty(), "the test wrote outside of its disk");
}
