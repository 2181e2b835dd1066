//! Everything before the handlers: client addresses, rate limits, startup and shutdown.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use log2aws_server::{ServeConfig, ServeError, Server};

use crate::client::{Request, connect, read_answer};
use crate::harness::{ClockAt, LOG, config, eventually, start, start_on, start_with};

const ASK: &str = "/?server=web01&date=2019-08-01";

#[test]
fn only_a_trusted_proxy_names_the_caller() {
    let listed = "203.0.113.0/24".parse::<log2aws_core::allow_list::AllowList>().unwrap();
    let ask = |server: &crate::harness::Running, forwarded: Option<&str>| {
        let mut request = Request::new("GET", ASK);
        if let Some(forwarded) = forwarded {
            request = request.header("x-forwarded-for", forwarded);
        }
        let answer = server.send(&request);
        (answer.status, answer.header("log2aws-source").unwrap_or_default().to_owned())
    };
    let list = listed.clone();
    let server = start_with(|config| config.allow_list = list);
    assert_eq!(ask(&server, Some("203.0.113.9")), (403, "127.0.0.1".to_owned()));
    // A proxy on this machine, whose own address is listed, cannot act for clients unless it is
    // trusted.
    let server = start();
    assert_eq!(ask(&server, None), (200, "127.0.0.1".to_owned()));
    assert_eq!(ask(&server, Some("203.0.113.9")), (403, "127.0.0.1".to_owned()));

    let server = start_with(|config| {
        config.allow_list = listed;
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    });
    assert_eq!(ask(&server, Some("203.0.113.9")), (200, "203.0.113.9".to_owned()));
    let forged = "203.0.113.9, 198.51.100.1";
    assert_eq!(ask(&server, Some(forged)), (403, "198.51.100.1".to_owned()));
    assert_eq!(ask(&server, None), (400, "127.0.0.1".to_owned()));
    assert_eq!(ask(&server, Some("unknown")), (400, "127.0.0.1".to_owned()));
}

/// Otherwise its clients would have the proxy's own address, which may be on the allow-list.
#[test]
fn a_trusted_proxy_that_names_no_client_is_refused_and_told_the_header() {
    let server = start_with(|config| {
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    });
    for header in ["x-real-ip", "forwarded", "via"] {
        let answer = server.send(&Request::new("GET", ASK).header(header, "198.51.100.7"));
        assert_eq!(answer.status, 400, "{header}: {}", answer.text());
        assert!(answer.text().contains("X-Forwarded-For"), "{}", answer.text());
    }
    assert_eq!(server.send(&Request::new("GET", "/ui/login")).status, 400);
    for (path, status) in [("/-/healthz", 200), ("/-/readyz", 200), ("/-/metrics", 401)] {
        assert_eq!(server.send(&Request::new("GET", path)).status, status, "{path}");
    }
}

#[test]
fn too_many_requests_are_answered_429_and_puts_are_not_counted() {
    let server = start_with(|config| config.requests_per_second = NonZeroU32::MIN);
    let url = server.url("server=web01&date=2019-08-01");
    assert_eq!(server.send(&Request::new("GET", ASK)).status, 200);
    let limited = server.send(&Request::new("GET", ASK));
    assert_eq!(limited.status, 429, "{}", limited.text());
    assert_eq!(limited.header("retry-after"), Some("1"));
    for _ in 0..5 {
        assert_eq!(server.send(&Request::new("PUT", url.clone()).body(LOG)).status, 200);
    }
}

/// A client knows a store again, whatever the address, and after a restart; a snapshot is another
/// store, because it lacks what was delivered after it.
#[test]
fn every_answer_of_the_url_endpoint_names_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let one_a_second = || ServeConfig {
        requests_per_second: NonZeroU32::MIN,
        ..config(&folder.path().join("data"))
    };
    let store = |answer: &crate::client::Answer| {
        answer.header("log2aws-store").unwrap_or_default().to_owned()
    };
    let mut server = start_on(one_a_second(), ClockAt(0));
    let name = store(&server.send(&Request::new("GET", ASK)));
    let id = name.strip_prefix("serverlogs-local/").unwrap();
    assert_eq!(id.len(), 32, "{name}");
    let mut answers = (0..5).map(|_| server.send(&Request::new("GET", ASK)));
    let limited = answers.find(|answer| answer.status == 429).unwrap();
    assert_eq!(store(&limited), name);
    server.stop();
    drop(server);
    let mut server = start_on(one_a_second(), ClockAt(0));
    assert_eq!(store(&server.send(&Request::new("POST", "/").body("x"))), name);
    server.stop();
    drop(server);

    let copy = folder.path().join("copy");
    log2aws_store::disk::snapshot::snapshot(&folder.path().join("data"), &copy).unwrap();
    let restored = start_on(config(&copy), ClockAt(0));
    let other = store(&restored.send(&Request::new("GET", ASK)));
    assert!(other.starts_with("serverlogs-local/") && other != name, "{other}");
}

#[test]
fn another_login_at_the_root_does_not_make_it_an_s3_request() {
    let server = start();
    let answer = server.send(&Request::new("GET", ASK).header("authorization", "Basic eDp5"));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn health_is_open_and_metrics_need_the_token() {
    let server = start();
    for path in ["/-/healthz", "/-/readyz"] {
        assert_eq!(server.send(&Request::new("GET", path)).status, 200, "{path}");
    }
    let ask = |value: &str| {
        let request = Request::new("GET", "/-/metrics").header("authorization", value);
        server.send(&request).status
    };
    assert_eq!(server.send(&Request::new("GET", "/-/metrics")).status, 401);
    assert_eq!(ask("Bearer "), 401);
    assert_eq!(ask("Bearer wrong"), 401);
    let token = std::fs::read_to_string(server.folder.join("metrics-token")).unwrap();
    assert_eq!(ask(token.trim()), 401);
    assert_eq!(ask(&format!("Bearer {}", token.trim())), 200);
    assert_eq!(server.send(&Request::new("GET", "/-/other")).status, 403);
}

#[test]
fn a_store_that_cannot_be_written_to_is_not_ready() {
    let server = start();
    std::fs::remove_dir(server.folder.join("staging")).unwrap();
    let answer = server.send(&Request::new("GET", "/-/readyz"));
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(answer.header("retry-after"), Some("10"));
    let url = server.url("server=web01&date=2019-08-01");
    let put = server.send(&Request::new("PUT", url).body(LOG));
    assert_eq!((put.status, &put.code()[..]), (503, "ServiceUnavailable"), "{}", put.text());
    assert_eq!(server.send(&Request::new("GET", "/-/healthz")).status, 200);
}

/// Each probe of the disk makes and removes a file, and anybody may ask.
#[test]
fn readyz_asks_the_disk_once_a_second_at_most() {
    let server = start();
    let staging = server.folder.join("staging");
    let ready = || server.send(&Request::new("GET", "/-/readyz")).status;
    loop {
        let begin = Instant::now();
        assert_eq!(ready(), 200);
        std::fs::remove_dir(&staging).unwrap();
        let kept = ready();
        if begin.elapsed() < Duration::from_millis(900) {
            assert_eq!(kept, 200, "the disk was asked again");
            break;
        }
        // A slow machine: the next answer is a new one.
        std::fs::create_dir(&staging).unwrap();
        eventually("it does not become ready again", || ready() == 200);
    }
    eventually("the answer is kept for ever", || ready() == 503);
}

#[test]
fn a_kept_connection_serves_many_requests_and_100_continue_is_sent() {
    let server = start();
    let mut stream = BufReader::new(connect(server.address));
    for _ in 0..3 {
        let head = Request::new("GET", ASK).head(server.address);
        stream.get_mut().write_all(head.as_bytes()).unwrap();
        assert_eq!(read_answer(&mut stream, "GET").status, 200);
    }
    let url = server.url("server=web01&date=2019-08-01");
    let put = Request::new("PUT", url).body(LOG).header("expect", "100-continue");
    stream.get_mut().write_all(put.head(server.address).as_bytes()).unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.get_mut().write_all(&put.body).unwrap();
    assert_eq!(read_answer(&mut stream, "PUT").status, 200);
}

/// The response arrives although the body was refused: the connection is not reset.
#[test]
fn a_refused_upload_is_told_why() {
    let server = start();
    for _ in 0..20 {
        let put = Request::new("PUT", "/serverlogs-local/web01/2019-08-01.log");
        let answer = server.send(&put.body(vec![b'a'; 3_000_000]));
        assert_eq!(answer.status, 403);
    }
}

#[test]
fn a_stop_lets_a_running_put_end() {
    let mut server = start();
    let url = server.url("server=web01&date=2019-08-01");
    let put = Request::new("PUT", url).body(LOG);
    let mut stream = connect(server.address);
    let mut idle = connect(server.address);
    stream.write_all(put.head(server.address).as_bytes()).unwrap();
    stream.write_all(&put.body[..10]).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    server.begin_stop();
    // An idle connection is closed, and no new one is accepted.
    assert_eq!(idle.read(&mut [0; 1]).unwrap(), 0);
    let refused = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        TcpStream::connect(server.address).is_err()
    });
    assert!(refused, "new connections are still taken");
    stream.write_all(&put.body[10..]).unwrap();
    let answer = read_answer(&mut BufReader::new(stream), "PUT");
    assert_eq!(answer.status, 200, "{}", answer.text());
    server.stop();
    assert!(server.stored("serverlogs-local", "web01/2019-08-01.log").is_some());
}

#[test]
fn a_server_that_cannot_start_says_why_in_one_sentence() {
    let open = |config| Server::open(config, Arc::new(ClockAt(0)));
    let folder = tempfile::tempdir().unwrap();
    let first = open(config(folder.path())).unwrap();
    let second = open(config(folder.path())).unwrap_err().to_string();
    assert!(second.contains("in use"), "{second}");

    let everywhere = "0.0.0.0:8750".parse().unwrap();
    let error = first.endpoint(everywhere).unwrap_err().to_string();
    assert!(error.contains("--public-url"), "{error}");
    assert_eq!(
        first.endpoint("127.0.0.1:8750".parse().unwrap()).unwrap().as_str(),
        "http://127.0.0.1:8750/"
    );
    drop(first);

    for bad in ["ftp://example.com", "https://example.com/logs", "https://u:geheim@example.com"] {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(folder.path());
        config.public_url = Some(bad.parse().unwrap());
        let error = open(config).unwrap_err();
        assert!(matches!(error, ServeError::PublicUrl(_)), "{bad}: {error}");
        assert!(!error.to_string().contains("geheim"), "{error}");
    }

    let file = folder.path().join("a-file");
    std::fs::write(&file, "x").unwrap();
    assert!(matches!(open(config(&file)).unwrap_err(), ServeError::Store(_)));
}

#[test]
fn a_public_url_without_its_proxy_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.public_url = Some("https://logs.example.com".parse().unwrap());
    let server = Server::open(config, Arc::new(ClockAt(0))).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ran = runtime.block_on(server.run(listener, || {}, std::future::pending()));
    let error = ran.unwrap_err().to_string();
    assert!(error.contains("127.0.0.1") && error.contains("--trusted-proxy"), "{error}");
}

#[test]
fn urls_are_made_for_the_public_url() {
    let server = start_with(|config| {
        config.public_url = Some("https://logs.example.com".parse().unwrap());
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    });
    let ask = Request::new("GET", ASK).header("x-forwarded-for", "127.0.0.1");
    let answer = server.send(&ask).text();
    assert!(
        answer.starts_with("https://logs.example.com/serverlogs-local/web01/2019-08-01.log?"),
        "{answer}"
    );
    let target = answer.trim().strip_prefix("https://logs.example.com").unwrap();
    let put = Request::new("PUT", target).header("host", "logs.example.com");
    let put = put.header("x-forwarded-for", "127.0.0.1").body(LOG);
    assert_eq!(server.send(&put).status, 200);
    let environment = std::fs::read_to_string(server.folder.join("credentials.env")).unwrap();
    assert!(environment.contains("AWS_ENDPOINT_URL='https://logs.example.com'\n"), "{environment}");
}
