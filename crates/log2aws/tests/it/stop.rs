//! How `serve` and `serve --view` end: soon, whatever they are at, and with what they promised done.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::program::{Program, answer, eventually, log_of, program, yesterday};

/// From the first signal on.
const END: Duration = Duration::from_secs(2);

/// Connections as browsers, proxies and strangers leave them open.
fn open_connections(serve: &Program) -> Vec<TcpStream> {
    let mut open: Vec<TcpStream> = (0..5).map(|_| serve.connect()).collect();
    for _ in 0..5 {
        let mut unfinished = serve.connect();
        unfinished.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n").unwrap();
        let mut kept = serve.begin("GET /-/healthz", &[]);
        assert!(kept.read(&mut [0; 512]).unwrap() > 0);
        open.extend([unfinished, kept]);
    }
    let (_, login) = serve.get(&serve.link);
    let cookie = login.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    let cookie = format!("cookie: {}", cookie.split(';').next().unwrap());
    let mut events = serve.begin("GET /ui/events", &[&cookie]);
    let mut beginning = [0; 12];
    events.read_exact(&mut beginning).unwrap();
    assert_eq!(&beginning, b"HTTP/1.1 200");
    open.push(events);
    open
}

/// The scan of the start waits for a file that never comes: nothing that could see a stop flag.
#[test]
fn sigterm_ends_serve_within_two_seconds_whatever_is_open_and_busy() {
    let folder = tempfile::tempdir().unwrap();
    let stuck = folder.path().join("data/buckets/serverlogs-local/stuck");
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let mut serve = Program::serve(folder.path(), &["--data-dir", data]);
    serve.terminate();
    assert!(serve.ends_within(END).success());
    std::fs::create_dir_all(&stuck).unwrap();
    let pipe = stuck.join("2019-08-01.log@");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());

    let mut serve = Program::serve(folder.path(), &["--data-dir", data]);
    let token = std::fs::read_to_string(format!("{data}/metrics-token")).unwrap();
    let token = format!("authorization: Bearer {}", token.trim());
    eventually("the scan is not running", || {
        let (_, metrics) = serve.ask("GET /-/metrics", &[&token], b"");
        metrics.contains("log2aws_background_running{task=\"startup_scan\"} 1")
    });
    let open = open_connections(&serve);
    serve.terminate();
    let status = serve.ends_within(END);
    assert!(status.success(), "{status}: {}", serve.log());
    assert!(serve.log().contains("a background task does not end"), "{}", serve.log());
    drop(open);
}

#[test]
fn sigterm_lets_a_running_upload_end_and_a_second_signal_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let args = ["--data-dir", data.to_str().unwrap()];
    let day = yesterday();
    let body = log_of(&day);
    let half = body.len() / 2;
    let begin = |serve: &Program| {
        let url = serve.url("web01", &day);
        let length = format!("content-length: {}", body.len());
        let mut put = serve.begin(&format!("PUT {url}"), &[&length]);
        put.write_all(&body[..half]).unwrap();
        // It is under way once its first bytes are asked for.
        let staging = data.join("staging");
        eventually("the upload does not begin", || staging.read_dir().unwrap().next().is_some());
        put
    };
    let mut serve = Program::serve(folder.path(), &args);
    let mut put = begin(&serve);
    serve.terminate();
    eventually("it does not stop listening", || TcpStream::connect(serve.address).is_err());
    assert!(!serve.has_ended());
    put.write_all(&body[half..]).unwrap();
    let (status, text) = answer(put);
    assert_eq!(status, 200, "{text}");
    assert!(serve.ends_within(END).success());

    let mut serve = Program::serve(folder.path(), &args);
    let stored = data.join(format!("buckets/serverlogs-local/web01/{day}.log@"));
    assert!(std::fs::read(stored).unwrap().starts_with(&body));
    let put = begin(&serve);
    serve.terminate();
    eventually("it does not stop listening", || TcpStream::connect(serve.address).is_err());
    assert!(!serve.has_ended());
    serve.terminate();
    let status = serve.ends_within(Duration::from_secs(1));
    assert_eq!(status.code(), Some(1), "{}", serve.log());
    assert!(serve.log().contains("ended at once by a second signal"), "{}", serve.log());
    drop(put);
}

/// An S3 that answers the first list, and of all others a byte now and then, for ever.
fn dripping(lists: Arc<AtomicUsize>) -> SocketAddr {
    const EMPTY: &str = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        // Ends with the test's process.
        for stream in listener.incoming() {
            let (mut stream, lists) = (stream.unwrap(), lists.clone());
            std::thread::spawn(move || {
                let mut head = [0; 4096];
                if stream.read(&mut head).is_err() {
                    return;
                }
                let first = lists.fetch_add(1, Ordering::SeqCst) == 0;
                let head =
                    "HTTP/1.1 200 OK\r\ncontent-type: application/xml\r\nconnection: close\r\n\r\n";
                let answer = if first { EMPTY } else { "<ListBucketResult>" };
                let mut sent = stream.write_all(format!("{head}{answer}").as_bytes());
                while sent.is_ok() && !first {
                    std::thread::sleep(Duration::from_millis(20));
                    sent = stream.write_all(b" ");
                }
            });
        }
    });
    address
}

#[test]
fn sigterm_ends_a_view_within_two_seconds_while_its_bucket_answers_without_end() {
    let folder = tempfile::tempdir().unwrap();
    let lists = Arc::new(AtomicUsize::new(0));
    let endpoint = format!("http://{}", dripping(lists.clone()));
    let cache = folder.path().join("cache");
    let args = [
        "--view=s3://analyzedlogs-dev",
        "--region=ap-northeast-1",
        "--endpoint-url",
        &endpoint,
        "--cache-dir",
        cache.to_str().unwrap(),
    ];
    let mut command = program();
    command.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "secret");
    let mut view = Program::start(command, folder.path(), &args);
    let open = open_connections(&view);
    eventually("the bucket is not listed", || lists.load(Ordering::SeqCst) > 1);
    view.terminate();
    let status = view.ends_within(END);
    assert!(status.success(), "{status}: {}", view.log());
    drop(open);
}
