//! Limits for unauthenticated clients: connections, memory, threads, disk, log lines.

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

use crate::child::{Process, drain};
use crate::client::{Request, connect, read_answer};
use crate::harness::{LOG, Running, eventually, start, start_with};

const MIB: u64 = 1024 * 1024;

/// A figure of `/proc/PID/status`, in its own unit.
fn status(process: &Process, name: &str) -> u64 {
    let path = format!("/proc/{}/status", process.child.id());
    let text = std::fs::read_to_string(path).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

fn rss(process: &Process) -> u64 {
    status(process, "VmRSS") * 1024
}

/// A request of which only the head was sent.
pub(crate) fn half_open(address: SocketAddr, request: &Request) -> TcpStream {
    let mut stream = connect(address);
    stream.write_all(request.head(address).as_bytes()).unwrap();
    stream
}

/// Sends one byte to each in turn, so that each is a frame of its own.
fn trickle(streams: &mut [TcpStream], rounds: usize) {
    for _ in 0..rounds {
        for stream in &mut *streams {
            stream.write_all(b"a").unwrap();
        }
    }
}

#[test]
fn bodies_of_single_bytes_take_no_more_memory_than_their_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::myself(folder.path());
    let log = drain(&mut process);
    let address = process.address;
    let form = |target: &str| {
        Request::new("POST", target)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("content-length", "8000")
    };
    let put = Request::new("PUT", process.url("web01")).header("content-length", "20000");
    let mut streams: Vec<TcpStream> = [form("/"), form("/ui/login"), put]
        .iter()
        .flat_map(|request| (0..2).map(|_| half_open(address, request)))
        .collect();
    let before = rss(&process);
    trickle(&mut streams, 7_000);
    let grown = rss(&process).saturating_sub(before);
    // Each frame kept whole would be 7,000 times 8 KiB for each of them: 328 MiB.
    assert!(grown < 16 * MIB, "{grown} bytes for 42,000");
    drop(streams);
    process.child.kill().unwrap();
    log.join().unwrap();
}

#[test]
fn half_open_uploads_hold_no_thread_and_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::myself(folder.path());
    let log = drain(&mut process);
    let address = process.address;
    let before = rss(&process);
    let urls: Vec<String> = (0..300).map(|n| process.url(&format!("web-{n}"))).collect();
    let put = |url: &String| Request::new("PUT", url.clone()).header("content-length", "300000");
    let open: Vec<TcpStream> =
        urls.iter().flat_map(|url| [url, url]).map(|url| half_open(address, &put(url))).collect();
    for path in ["/-/readyz", "/ui/login"] {
        let begin = Instant::now();
        assert_eq!(Request::new("GET", path).send(address).status, 200);
        assert!(begin.elapsed() < Duration::from_secs(2), "{path}: {:?}", begin.elapsed());
    }
    let begin = Instant::now();
    let delivered = Request::new("PUT", process.url("honest")).body(LOG).send(address);
    assert_eq!(delivered.status, 200, "{}", delivered.text());
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    let threads = status(&process, "Threads");
    assert!(threads < 150, "{threads} threads");
    assert!(rss(&process).saturating_sub(before) < 64 * MIB, "{}", rss(&process));
    drop(open);
    process.child.kill().unwrap();
    log.join().unwrap();
}

#[test]
fn a_third_upload_with_a_url_ends_the_one_that_waits_longest() {
    let server = start();
    let url = server.url("server=web01&date=2019-08-01");
    let put = Request::new("PUT", url.clone()).body(LOG);
    let mut first = half_open(server.address, &put);
    std::thread::sleep(Duration::from_millis(50));
    let mut second = half_open(server.address, &put);
    // The first has sent something since: now the second has waited longest.
    std::thread::sleep(Duration::from_millis(50));
    first.write_all(&put.body[..10]).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(server.send(&put).status, 200);
    let ended = read_answer(&mut BufReader::new(&mut second), "PUT");
    assert_eq!((ended.status, &ended.code()[..]), (409, "OperationAborted"));
    first.write_all(&put.body[10..]).unwrap();
    assert_eq!(read_answer(&mut BufReader::new(&mut first), "PUT").status, 200);
    server.counts("log2aws_puts_refused_total{reason=\"replaced\"}", 1.0);
}

#[test]
fn idle_connections_make_room_for_busy_ones() {
    let server = start_with(|config| {
        config.door.max_connections = NonZeroUsize::new(16).unwrap();
    });
    let silent: Vec<TcpStream> = (0..40).map(|_| connect(server.address)).collect();
    let mut unfinished: Vec<TcpStream> = (0..40).map(|_| connect(server.address)).collect();
    for stream in &mut unfinished {
        // The server may have closed it already.
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n");
    }
    for _ in 0..10 {
        let begin = Instant::now();
        assert_eq!(server.send(&Request::new("GET", "/-/healthz")).status, 200);
        let url = server.url("server=web01&date=2019-08-01");
        assert_eq!(server.send(&Request::new("PUT", url).body(LOG)).status, 200);
        assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    }
    assert!(server.metric("log2aws_connections_closed_total{reason=\"no_room\"}") >= 64.0);
    assert!(server.metric("log2aws_connections") <= 16.0);
    drop((silent, unfinished));
}

/// A proxy holds connections for many; each counts for the client of its latest request.
#[test]
fn connections_of_a_proxy_count_for_the_clients_behind_it() {
    let server = start_with(|config| {
        config.door.max_connections = NonZeroUsize::new(16).unwrap();
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    });
    let kept = |client: &str| {
        let mut stream = connect(server.address);
        let get = Request::new("GET", "/-/healthz").header("x-forwarded-for", client);
        stream.write_all(get.head(server.address).as_bytes()).unwrap();
        assert_eq!(read_answer(&mut BufReader::new(&mut stream), "GET").status, 200);
        stream
    };
    let one = kept("203.0.113.1");
    // Before their first request they are nobody's, and cost the proxy nothing.
    let silent: Vec<TcpStream> = (0..11).map(|_| connect(server.address)).collect();
    eventually("they do not connect", || server.metric("log2aws_connections") > 12.5);
    let closed = "log2aws_connections_closed_total{reason=\"no_room\"}";
    assert!(server.metric(closed) < 0.5);
    drop(silent);
    eventually("they stay open", || server.metric("log2aws_connections") < 2.5);
    let mut greedy: Vec<TcpStream> = (0..11).map(|_| kept("203.0.113.9")).collect();
    let next = (kept("203.0.113.2"), kept("203.0.113.3"));
    assert_eq!(greedy[0].read(&mut [0]).unwrap(), 0, "who has most loses the idlest");
    // Each look at the metrics is one more.
    assert!(server.metric(closed) > 0.5);
    drop((one, next));
}

#[test]
fn a_connection_that_asks_nothing_is_closed_soon() {
    let server = start_with(|config| config.door.head_timeout = Duration::from_millis(200));
    let mut silent = connect(server.address);
    let mut kept = connect(server.address);
    let get = Request::new("GET", "/-/healthz").head(server.address);
    kept.write_all(get.as_bytes()).unwrap();
    assert_eq!(read_answer(&mut BufReader::new(&mut kept), "GET").status, 200);
    assert_eq!(silent.read(&mut [0]).unwrap(), 0);
    // A connection that has sent a request may be silent for longer.
    kept.write_all(get.as_bytes()).unwrap();
    assert_eq!(read_answer(&mut BufReader::new(&mut kept), "GET").status, 200);
    server.counts("log2aws_connections_closed_total{reason=\"no_request\"}", 1.0);
}

#[test]
fn all_bodies_together_stay_within_their_memory() {
    let server = start_with(|config| config.door.body_memory = MIB);
    let body = vec![b'x'; 262_000];
    let mut streams: Vec<TcpStream> = (0..40)
        .map(|n| {
            let url = server.url(&format!("server=web{n}&date=2019-08-01"));
            let put = Request::new("PUT", url).header("content-length", "262144");
            half_open(server.address, &put)
        })
        .collect();
    let mut most = 0.0_f64;
    for stream in &mut streams {
        stream.write_all(&body).unwrap();
        most = most.max(server.metric("log2aws_body_memory_bytes"));
    }
    assert!(most <= 1_048_576.0, "{most}");
    // They are written, and hold nothing while they wait for the rest.
    server.counts("log2aws_body_memory_bytes", 0.0);
    for stream in &mut streams {
        stream.write_all(&[b'x'; 144]).unwrap();
        assert_eq!(read_answer(&mut BufReader::new(stream), "PUT").status, 200);
    }
}

#[test]
fn a_body_past_its_deadline_is_refused_and_counted() {
    let server = start_with(|config| config.door.max_body_time = Duration::from_millis(300));
    let url = server.url("server=web01&date=2019-08-01");
    let mut stream = half_open(server.address, &Request::new("PUT", url).body(LOG));
    let answer = read_answer(&mut BufReader::new(&mut stream), "PUT");
    assert_eq!((answer.status, &answer.code()[..]), (400, "RequestTimeout"));
    server.counts("log2aws_puts_refused_total{reason=\"slow\"}", 1.0);
    server.assert_empty();
}

#[test]
fn a_log_larger_than_any_is_refused_by_its_head() {
    let server = start_with(|config| config.door.max_log_size = 1000);
    let url = server.url("server=web01&date=2019-08-01");
    let put = Request::new("PUT", url).header("content-length", "1001");
    let mut stream = half_open(server.address, &put);
    let answer = read_answer(&mut BufReader::new(&mut stream), "PUT");
    assert_eq!((answer.status, &answer.code()[..]), (400, "EntityTooLarge"));
    server.assert_empty();
    let sha256 = "0".repeat(64);
    let ask = format!("/?server=web01&date=2019-08-01&size=1001&sha256={sha256}");
    assert_eq!(server.send(&Request::new("GET", ask)).status, 413);
    // The operator's own uploads have S3's limits.
    let target = "/serverlogs-local/web01/2019-08-01.log";
    let put = Request::new("PUT", target).body(vec![b'x'; 1001]);
    assert_eq!(server.signed(put).status, 200);
}

/// Some 200 times, as a log of one line again and again does.
#[test]
fn a_gzip_log_that_expands_too_far_ends_as_a_reject() {
    let row = LOG.lines().next().unwrap();
    let text = format!("{row}\n").repeat(20_000);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    for (max, rows) in [(50, false), (1000, true)] {
        let server =
            start_with(|config| config.door.max_gzip_ratio = NonZeroU32::new(max).unwrap());
        let url = server.url("server=web01&date=2019-08-01");
        assert_eq!(server.send(&Request::new("PUT", url).body(&*packed)).status, 200);
        let summary = server.result("web01/2019-08-01.json");
        assert_eq!(summary.contains("\"rows\": 20000"), rows, "{summary}");
        let rejects = server.stored("analyzedlogs-local", "web01/2019-08-01.rejects.jsonl");
        assert_eq!(rejects.is_some_and(|why| why.contains("expand more than 50 times")), !rows);
        let csv = server.result("web01/2019-08-01.csv").len();
        assert!(rows || csv < 3 << 20, "{csv}");
    }
}

/// A script that puts a day again and again, or an attacker with one URL.
#[test]
fn a_day_is_put_only_so_often() {
    let server = start_with(|config| {
        config.door.max_versions_per_day = NonZeroU32::new(3).unwrap();
        config.door.max_bytes_per_day = 10_000;
    });
    let url = server.url("server=web01&date=2019-08-01");
    let put = |body: &[u8]| server.send(&Request::new("PUT", url.clone()).body(body));
    for n in 0..3 {
        assert_eq!(put(format!("{LOG}{n}\n").as_bytes()).status, 200);
    }
    let refused = put(LOG.as_bytes());
    assert_eq!((refused.status, &refused.code()[..]), (409, "TooManyVersions"));
    assert!(refused.text().contains("--max-versions-per-day"), "{}", refused.text());
    server.counts("log2aws_puts_refused_total{reason=\"versions\"}", 1.0);
    let newest = format!("{LOG}2\n");
    let stored = || server.stored("serverlogs-local", "web01/2019-08-01.log").unwrap();
    assert_eq!(stored(), newest);
    // The newest bytes once more are no version.
    let hash = Sha256::digest(&newest);
    let (size, hex) = (newest.len(), hex::encode(hash));
    let bound = server.url(&format!("server=web01&date=2019-08-01&size={size}&sha256={hex}"));
    let sum = BASE64_STANDARD.encode(hash);
    let put = Request::new("PUT", bound).header("x-amz-checksum-sha256", sum).body(&*newest);
    assert_eq!(server.send(&put).status, 200);
    // Other days and servers deliver as ever, up to their bytes.
    let large = |length: usize| {
        let url = server.url("server=web02&date=2019-08-01");
        server.send(&Request::new("PUT", url).body(vec![b'x'; length])).status
    };
    assert_eq!([large(9_000), large(2_000), large(900)], [200, 409, 200]);
    // The operator's own puts are not counted against the day.
    let target = "/serverlogs-local/web01/2019-08-01.log";
    assert_eq!(server.signed(Request::new("PUT", target).body(LOG)).status, 200);
    assert_eq!(stored(), LOG);
}

#[test]
fn uploads_leave_the_space_that_is_kept_free() {
    let server = start_with(|config| config.door.keep_free_space = Some(u64::MAX));
    let url = server.url("server=web01&date=2019-08-01");
    let mut stream = half_open(server.address, &Request::new("PUT", url).body(LOG));
    let answer = read_answer(&mut BufReader::new(&mut stream), "PUT");
    assert_eq!((answer.status, &answer.code()[..]), (507, "InsufficientStorage"));
    server.assert_empty();
    assert_eq!(server.send(&Request::new("GET", "/-/readyz")).status, 503);
    server.counts("log2aws_puts_refused_total{reason=\"space\"}", 1.0);
    // The operator's uploads are refused by their heads, too, parts among them.
    for target in ["/analyzedlogs-local/x", "/analyzedlogs-local/x?partNumber=1&uploadId=x"] {
        let put = Request::new("PUT", target).body(LOG);
        let put = put.sign(server.address, &server.key.access_key, server.key.expose_secret());
        let answer = read_answer(&mut BufReader::new(half_open(server.address, &put)), "PUT");
        let refused = [(507, "InsufficientStorage"), (404, "NoSuchUpload")];
        assert!(refused.contains(&(answer.status, &answer.code()[..])), "{}", answer.text());
    }
}

#[test]
fn a_put_that_finds_no_space_uses_up_no_new_server() {
    let server = start_with(|config| {
        config.door.keep_free_space = Some(u64::MAX);
        config.door.max_new_servers = NonZeroU32::MIN;
    });
    for name in ["web01", "web02"] {
        assert_eq!(put_of(&server, name).0, 507, "{name}");
    }
}

fn put_of(server: &Running, name: &str) -> (u16, Option<String>) {
    let ask = Request::new("GET", format!("/?server={name}&date=2019-08-01"));
    let answer = server.send(&ask);
    if answer.status != 200 {
        return (answer.status, answer.header("retry-after").map(str::to_owned));
    }
    let url = answer.text().trim().replace(&format!("http://{}", server.address), "");
    let answer = server.send(&Request::new("PUT", url).body(LOG));
    (answer.status, answer.header("retry-after").map(str::to_owned))
}

#[test]
fn only_so_many_new_servers_are_taken_in_an_hour() {
    let server = start_with(|config| config.door.max_new_servers = NonZeroU32::new(2).unwrap());
    assert_eq!(put_of(&server, "web01").0, 200);
    assert_eq!(put_of(&server, "web02").0, 200);
    for name in ["web03", "web04"] {
        let (status, retry_after) = put_of(&server, name);
        let seconds: u64 = retry_after.unwrap().parse().unwrap();
        assert_eq!(status, 429);
        assert!((1..=1801).contains(&seconds), "{seconds}");
    }
    // Known servers can still deliver.
    assert_eq!(put_of(&server, "web01").0, 200);
    assert_eq!(server.stored("serverlogs-local", "web03/2019-08-01.log"), None);
}

#[test]
fn a_part_of_a_log_does_not_become_the_whole() {
    let server = start();
    let url = server.url("server=web01&date=2019-08-01");
    let put = Request::new("PUT", url).header("content-range", "bytes 100-332/333").body(LOG);
    let answer = server.send(&put);
    assert_eq!((answer.status, &answer.code()[..]), (400, "InvalidRequest"));
    server.assert_empty();
}

#[test]
fn a_flood_of_refusals_is_a_few_lines_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::myself(folder.path());
    let log = drain(&mut process);
    let altered = process.url("web01").replace("web01", "web02");
    for _ in 0..50 {
        let put = Request::new("PUT", altered.clone()).body(LOG).send(process.address);
        assert_eq!(put.status, 403);
        let unnamed = Request::new("GET", "/?server=web01&date=2019-08-01")
            .header("x-forwarded-for", "203.0.113.9");
        assert_eq!(unnamed.send(process.address).status, 403);
        assert_eq!(Request::new("GET", "/?server=web01").send(process.address).status, 400);
    }
    process.child.kill().unwrap();
    let log = log.join().unwrap();
    // The counts of each minute are lines of their own; the first may be written at any time.
    let in_full = || log.lines().filter(|line| !line.contains("refused more requests"));
    let lines = |what: &str| in_full().filter(|line| line.contains(what)).count();
    for what in ["reason=\"signature\"", "kind=\"unnamed-proxy\"", "code=\"bad-parameter\""] {
        assert_eq!(lines(what), 1, "{what}\n{log}");
    }
}
