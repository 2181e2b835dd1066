//! Every fault: the log stays, nothing unacknowledged is recorded, and the reason is a sentence
//! without a secret.

use std::fs::{self, OpenOptions};
use std::time::Duration;

use log2aws_agent::net::Network;
use log2aws_agent::ship::{Days, ShipConfig, ShipError};

use super::server::{Does, Request, SECRET, Server, says};
use super::{Host, yesterday};

const DAY: &str = "2026-11-21";

/// Ships with a fault: the line must contain each of `words`; returns the exit code, the number of
/// requested URLs, and the total delay.
#[track_caller]
fn fails(
    fault: impl Fn(&Request) -> Does + Send + Sync + 'static,
    words: &[&str],
) -> (u8, usize, Duration) {
    let (host, server) = (Host::new(&[(DAY, "abc")]), Server::start(fault));
    let (line, code) = host.ship(&server);
    for word in words {
        assert!(line.contains(word), "{word:?} in {line:?}");
    }
    assert!(!line.contains(SECRET) && !line.contains("sha256="), "{line:?}");
    assert_eq!(fs::read(host.log(DAY)).unwrap(), b"abc");
    assert!(!host.record(DAY).exists(), "recorded: {line}");
    assert!(server.stored().is_empty());
    let gets = server.requests().iter().filter(|request| !request.is_put()).count();
    (code, gets, host.clock.slept.get())
}

/// The fault affects PUTs.
fn store(fault: impl Fn() -> Does + Send + Sync + 'static) -> impl Fn(&Request) -> Does {
    move |request| if request.is_put() { fault() } else { Does::Right }
}

#[test]
fn the_api_refuses() {
    let headers = "log2aws-source: 203.0.113.9\r\n";
    let fault = move |_: &Request| says("403 Forbidden", headers, "not allowed");
    let words = ["refused: the API", "403: not allowed", "it sees us as 203.0.113.9", "allow-list"];
    assert_eq!(fails(fault, &words), (5, 1, Duration::ZERO));
}

#[test]
fn somebody_else_refuses() {
    let body = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>";
    let fault = move |_: &Request| says("403 Forbidden", "", body);
    let words = ["refused: ", "answers 403", "not as log2aws does", "--api"];
    assert_eq!(fails(fault, &words), (5, 1, Duration::ZERO));
}

#[test]
fn the_api_does_not_understand() {
    let body = r#"{"title":"Bad Request","detail":"the date does not exist"}"#;
    let fault = move |_: &Request| says("400 Bad Request", "", body);
    assert_eq!(fails(fault, &["400: the date does not exist"]).0, 1);
    let fault = |_: &Request| says("404 Not Found", "", "<html>nginx</html>");
    assert_eq!(fails(fault, &["answered 404;", "--api"]), (1, 1, Duration::ZERO));
}

#[test]
fn the_api_is_down() {
    for (status, word) in [("500 Oops", "failed (500)"), ("503 Busy", "not available")] {
        let fault = move |_: &Request| says(status, "", "");
        let (code, gets, slept) = fails(fault, &[word, "given up after 5 attempts", "next run"]);
        // Half of 1 + 2 + 4 + 8.
        assert_eq!((code, gets, slept), (1, 5, Duration::from_millis(7500)));
    }
}

#[test]
fn the_api_wants_more_patience_than_there_is() {
    let fault = |_: &Request| says("429 Slow", "retry-after: 3600\r\n", "");
    let words =
        ["too many requests", "the next retry is in 3600 s, but only 300 s of --max-time are left"];
    assert_eq!(fails(fault, &words), (1, 1, Duration::ZERO));
    let date = "retry-after: Sat, 21 Nov 2026 16:04:00 GMT\r\n";
    assert_eq!(fails(move |_| says("429 Slow", date, ""), &words).1, 1);
}

#[test]
fn somebody_answers_in_the_apis_place() {
    let page = |_: &Request| says("200 OK", "", "<!DOCTYPE html><title>Login</title>");
    assert_eq!(
        fails(page, &["unexpected answer from the API", "a web page"]),
        (1, 1, Duration::ZERO)
    );
    let text = |_: &Request| says("200 OK", "", "error: no such stage");
    assert_eq!(fails(text, &["\"error: no such stage\" instead of the JSON"]).1, 1);
    let url = |_: &Request| says("200 OK", "", "https://b/web01/2026-11-21.log?sig=5ec3e7");
    assert_eq!(fails(url, &["a URL alone", "generate-url from before"]).1, 1);
    let ftp = r#"{"url":"ftp://b/x","method":"PUT","headers":{},"key":"k"}"#;
    assert_eq!(fails(move |_| says("200 OK", "", ftp), &["\"ftp\""]).1, 1);
    let endless = "x".repeat(100_000);
    assert_eq!(fails(move |_| says("200 OK", "", &endless), &["longer than any right one"]).1, 5);
}

#[test]
fn the_api_sends_us_round_in_circles_or_nowhere() {
    let circles = |_: &Request| says("302 Found", "location: /prod?x\r\n", "");
    assert_eq!(fails(circles, &["round in circles"]), (1, 5, Duration::ZERO));
    let nowhere = |_: &Request| says("302 Found", "", "");
    assert_eq!(fails(nowhere, &["without saying where to"]).1, 1);
    let file = |_: &Request| says("302 Found", "location: file:///etc/passwd\r\n", "");
    assert_eq!(fails(file, &["a file URL, which is not HTTP", "was not followed"]).1, 1);
}

#[test]
fn a_redirect_to_another_host_or_port_is_not_followed() {
    let other = Server::right();
    let port = other.address.port();
    for (host, why) in [("127.0.0.1", "another port"), ("localhost", "another host")] {
        let location = format!("location: http://{host}:{port}/prod\r\n");
        let moved = move |_: &Request| says("302 Found", &location, "");
        let to = format!("http://{host}:{port}, {why}");
        assert_eq!(fails(moved, &[&to, "set it as --api", "was not followed"]).1, 1);
    }
    assert!(other.requests().is_empty(), "{:?}", other.requests());
}

#[test]
fn the_connection_breaks() {
    let long = Duration::from_secs(5);
    let garbled = || Does::Says("SSH-2.0-OpenSSH_9.2\r\n\r\n".into());
    let half = || Does::Says("HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"url\":".into());
    assert_eq!(fails(|_| Does::Resets, &["given up after 5"]).1, 5);
    assert_eq!(fails(move |_| Does::Stalls(long), &["stalled"]).1, 5);
    assert_eq!(fails(move |_| garbled(), &["is not HTTP"]).1, 5);
    assert_eq!(fails(move |_| half(), &["given up after 5"]).1, 5);
    assert_eq!(fails(store(|| Does::Resets), &["given up after 5"]).1, 5);
    assert_eq!(fails(store(|| Does::ResetsAfter(1)), &["given up after 5"]).1, 5);
    assert_eq!(fails(store(move || Does::Stalls(long)), &["stalled"]).1, 5);
    assert_eq!(fails(store(garbled), &["is not HTTP"]).1, 5);
}

#[test]
fn what_drips_is_a_stall() {
    let start = std::time::Instant::now();
    // Never silent for the stall timeout.
    let head = "HTTP/1.1 200 OK\r\nx-filler: 0123456789012345678901234567890123456789\r\n";
    let pause = Duration::from_millis(50);
    assert_eq!(fails(move |_| Does::Drips(head, pause), &["stalled"]).1, 5);
    assert_eq!(fails(store(move || Does::Drips(head, pause)), &["stalled"]).1, 5);
    assert!(start.elapsed() < Duration::from_secs(9), "{:?}", start.elapsed());
}

#[test]
fn the_time_for_the_answer_begins_when_the_log_has_left_this_machine() {
    // 2 MiB a second: half of the log takes longer than the stall timeout.
    let log = "x".repeat(3 << 20);
    let host = Host::new(&[(DAY, &log)]);
    let slow = Duration::from_millis(8);
    let server = Server::start(move |request| {
        if request.is_put() { Does::ReadsSlowly(16 << 10, slow) } else { Does::Right }
    });
    let (line, code) = host.ship(&server);
    assert!(line.contains("delivered (3145728 bytes") && code == 0, "{line}");
    assert!(!line.contains("attempts"), "{line}");
}

#[test]
fn a_store_that_takes_no_more_of_the_log_is_a_stall() {
    let host = Host::new(&[(DAY, &"x".repeat(4 << 20))]);
    let server = Server::start(|request| {
        if request.is_put() { Does::Stalls(Duration::from_secs(20)) } else { Does::Right }
    });
    let start = std::time::Instant::now();
    let (line, _) = host.ship(&server);
    assert!(line.contains("it stalled: nothing moved for too long; given up after 5"), "{line}");
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}

#[test]
fn nobody_listens() {
    let host = Host::new(&[(DAY, "abc")]);
    let config = host.config(&Server::right(), yesterday());
    let line = host.run(&config).unwrap().days[0].to_string();
    assert!(line.contains("nothing listens there") && line.contains("given up after 5"), "{line}");
}

#[test]
fn the_store_does_not_take_it() {
    let denied = "<Error><Code>AccessDenied</Code><StringToSign>5ec3e7</StringToSign></Error>";
    let fault = store(move || says("403 Forbidden", "", denied));
    let (code, urls, _) = fails(fault, &["refused: the store", "403 AccessDenied", "expired"]);
    assert_eq!((code, urls), (5, 5), "a new URL for each attempt");

    for (status, word) in [
        ("204 No Content", "which is no receipt"),
        ("500 Oops", "did not take the log (500)"),
        ("503 SlowDown", "asks to slow down"),
        ("507 Full", "is full"),
    ] {
        assert_eq!(fails(store(move || says(status, "", "")), &[word]).0, 1);
    }
}

#[test]
fn a_200_of_somebody_else_is_no_delivery() {
    let not_ours = "etag: \"e\"\r\nx-amz-checksum-sha256: AAAA\r\n";
    let etag = "etag: \"e\"\r\n";
    for (headers, body, word) in [
        ("", "", "without an ETag"),
        ("", "<!DOCTYPE html><title>Login</title>", "with a text where a store says nothing"),
        (etag, "<Error><Code>InternalError</Code></Error>", "with a text"),
        (not_ours, "", "with the checksum of other bytes"),
    ] {
        let fault = store(move || says("200 OK", headers, body));
        let (code, urls, _) = fails(fault, &["200 to the upload, but not as a store does", word]);
        assert_eq!((code, urls), (1, 5), "{word}");
    }
}

#[test]
fn an_upload_is_not_redirected() {
    let elsewhere = Server::right();
    let location = format!("location: http://{}/raw/web01/{DAY}.log\r\n", elsewhere.address);
    let fault = store(move || says("307 Temporary Redirect", &location, ""));
    assert_eq!(fails(fault, &["sends the upload elsewhere", "not followed"]).0, 1);
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn an_expired_url_is_replaced_at_once_but_only_once_so() {
    let body = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
    let once = move |request: &Request| {
        if request.is_put() && request.before == 0 {
            says("403 Forbidden", "", body)
        } else {
            Does::Right
        }
    };
    let (host, server) = (Host::new(&[(DAY, "abc")]), Server::start(once));
    let (line, code) = host.ship(&server);
    assert!(line.contains("2 attempts") && code == 0, "{line}");
    assert_eq!(host.clock.slept.get(), Duration::ZERO);

    let always = store(move || says("403 Forbidden", "", body));
    let (code, urls, slept) = fails(always, &["says that the URL has expired (403 AccessDenied)"]);
    // After the first, half of 2 + 4 + 8.
    assert_eq!((code, urls, slept), (5, 5, Duration::from_secs(7)));
}

#[test]
fn what_the_store_refuses_is_told_by_its_code() {
    for (code, word) in [
        ("SignatureDoesNotMatch", "a proxy in between changes requests"),
        ("InvalidAccessKeyId", "its administrator must look"),
        ("AccessDenied", "this machine's address may not put"),
        ("RequestTimeTooSkewed", "the clocks of the API, which signed the URL, and of the store"),
    ] {
        let body = format!("<Error><Code>{code}</Code></Error>");
        let fault = store(move || says("403 Forbidden", "", &body));
        assert_eq!(fails(fault, &[code, word]).0, 5);
    }
}

#[test]
fn a_fault_that_passes_costs_another_url() {
    type Fault = fn() -> Does;
    // Its name, whether the store has the log, the fault itself, the delay in milliseconds.
    let passing: [(&str, bool, Fault, u64); 6] = [
        ("500", false, || says("500 Oops", "", ""), 500),
        ("429", false, || says("429 Slow", "retry-after: 7\r\n", ""), 7500),
        ("reset", false, || Does::Resets, 500),
        ("expired", true, || says("403 Forbidden", "", ""), 500),
        ("503 of the store", true, || says("503 SlowDown", "retry-after: 2\r\n", ""), 2500),
        ("reset in the body", true, || Does::ResetsAfter(1), 500),
    ];
    for (name, at_store, fault, waited) in passing {
        let server = Server::start(move |request| {
            if request.is_put() == at_store && request.before == 0 { fault() } else { Does::Right }
        });
        let host = Host::new(&[(DAY, "abc")]);
        let (line, code) = host.ship(&server);
        assert!(line.contains("2 attempts") && code == 0, "{name}: {line}");
        assert_eq!(host.clock.slept.get(), Duration::from_millis(waited), "{name}");
        assert_eq!(server.stored().len(), 1, "{name}");
        assert!(host.record(DAY).exists(), "{name}");
        let requests = server.requests();
        let signed = requests.iter().rfind(|request| request.is_put()).unwrap();
        assert!(signed.target.ends_with("5ec3e71"), "{name}: the second URL: {}", signed.target);
    }
}

#[test]
fn the_api_may_move() {
    let server = Server::start(|request| {
        if request.target.starts_with("/prod") {
            let query = request.target.split_once('?').unwrap().1;
            says("307 Moved", &format!("location: /v2?{query}\r\n"), "")
        } else {
            Does::Right
        }
    });
    let host = Host::new(&[(DAY, "abc")]);
    assert_eq!(host.ship(&server).1, 0);
}

#[test]
fn the_time_is_that_of_the_whole_way() {
    let server = Server::start(|request| {
        std::thread::sleep(Duration::from_millis(150));
        let query = request.target.split_once('?').unwrap().1;
        says("307 Moved", &format!("location: /on?{query}\r\n"), "")
    });
    let host = Host::new(&[(DAY, "abc")]);
    let mut config = host.config(&server, yesterday());
    config.max_time = Duration::from_millis(400);
    let line = host.run(&config).unwrap().days[0].to_string();
    assert!(line.contains("not finished in the time that was left"), "{line}");
    assert!(server.requests().len() < 5, "{}", server.requests().len());
}

#[test]
fn a_crash_between_the_receipt_and_the_record_only_delivers_again() {
    let host = Host::new(&[(DAY, "abc")]);
    let deliveries = host.state().join("deliveries");
    let in_the_way = deliveries.clone();
    let server = Server::start(move |request| {
        if request.is_put() && request.before == 0 {
            fs::write(&in_the_way, "a file where a folder should be").unwrap();
        }
        Does::Right
    });
    let (line, code) = host.ship(&server);
    assert!(line.contains("the store has the log") && line.contains("does no harm"), "{line}");
    assert_eq!((code, server.stored().len()), (1, 1));

    fs::remove_file(&deliveries).unwrap();
    let (line, code) = host.ship(&server);
    assert!(line.starts_with("2026-11-21: delivered (3 bytes"), "{line}");
    assert_eq!((code, server.stored().len()), (0, 2));
    assert_eq!(server.stored()[0], server.stored()[1]);
}

#[test]
fn a_log_that_shrinks_is_not_delivered() {
    let host = Host::new(&[(DAY, "abc")]);
    let log = host.log(DAY);
    let server = Server::start(move |request| {
        if !request.is_put() {
            OpenOptions::new().write(true).open(&log).unwrap().set_len(1).unwrap();
        }
        Does::Right
    });
    let (line, code) = host.ship(&server);
    assert!(line.contains("became shorter"), "{line}");
    assert_eq!((code, server.stored().len(), host.record(DAY).exists()), (1, 0, false));
}

#[test]
fn a_missing_log_is_named() {
    let (host, server) = (Host::new(&[]), Server::right());
    let (line, code) = host.ship(&server);
    assert!(line.contains("2026-11-21.log does not exist") && line.contains("--log-dir"), "{line}");
    assert_eq!((code, server.requests().len()), (1, 0));
}

#[test]
fn one_bad_log_does_not_hold_up_the_others() {
    let host = Host::new(&[("2026-11-19", "a"), ("2026-11-20", "ab"), (DAY, "abc")]);
    let log = host.log("2026-11-20");
    let server = Server::start(move |_| {
        // It existed when the logs were listed.
        let _ = fs::remove_file(&log);
        Does::Right
    });
    let config = host.config(&server, Days::Since("2026-11-01".parse().unwrap()));
    let report = host.run(&config).unwrap();
    let done: Vec<bool> = report.days.iter().map(|day| day.outcome.is_done()).collect();
    assert_eq!((done, report.exit_code()), (vec![true, false, true], 4));
}

#[test]
fn what_would_strike_every_day_is_tried_once() {
    let days = ["2026-11-19", "2026-11-20", DAY].map(|day| (day, day));
    for (fault, code) in [("500 Oops", 4), ("403 Forbidden", 5)] {
        let server = Server::start(move |request| {
            if request.before == 0 || request.is_put() { Does::Right } else { says(fault, "", "") }
        });
        let host = Host::new(&days);
        let config = host.config(&server, Days::Since("2026-11-01".parse().unwrap()));
        let report = host.run(&config).unwrap();
        let lines: Vec<String> = report.days.iter().map(ToString::to_string).collect();
        assert!(lines[0].contains("delivered (10 bytes"), "{lines:?}");
        assert_eq!(lines[2], "2026-11-21: pending, not tried after that");
        assert_eq!((report.exit_code(), server.stored().len()), (code, 1));
    }
}

#[test]
fn without_a_state_folder_nothing_is_sent() {
    let (host, server) = (Host::new(&[(DAY, "abc")]), Server::right());
    fs::write(host.state(), "a file").unwrap();
    let error = host.run(&host.config(&server, yesterday())).unwrap_err();
    assert!(matches!(error, ShipError::State(_)));
    assert!(error.to_string().contains("--state-dir"), "{error}");
    assert!(server.requests().is_empty());
}

#[test]
fn a_state_folder_that_others_prepared_costs_no_file() {
    let (host, server) = (Host::new(&[(DAY, "abc")]), Server::right());
    fs::create_dir(host.state()).unwrap();
    let precious = host.log(DAY).with_file_name("precious");
    fs::write(&precious, "precious").unwrap();
    let lock = host.state().join("ship.lock");
    std::os::unix::fs::symlink(&precious, &lock).unwrap();
    let refused = || host.run(&host.config(&server, yesterday())).unwrap_err().to_string();
    assert!(refused().contains("ship.lock in it: "), "{}", refused());
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    fs::remove_file(&lock).unwrap();

    // Only root can change the owner of a folder.
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(host.state(), Some(4711), None).unwrap();
        assert!(refused().contains("belongs to user 4711, and this is user 0; run as user 4711"));
        assert_eq!(fs::read_dir(host.state()).unwrap().count(), 0);
        std::os::unix::fs::chown(host.state(), Some(0), None).unwrap();
    }
    assert!(server.requests().is_empty());
    assert_eq!(host.ship(&server).1, 0);
}

#[test]
fn the_time_for_all_of_it_is_bounded() {
    let server = Server::start(|_| says("500 Oops", "", ""));
    let host = Host::new(&[(DAY, "abc")]);
    let config = host.config(&server, yesterday());
    let report = host.run(&ShipConfig { max_time: Duration::from_secs(1), ..config }).unwrap();
    let line = report.days[0].to_string();
    assert!(line.contains("only 0 s of --max-time are left"), "{line}");
    assert!(host.clock.slept.get() < Duration::from_secs(1));

    // The wait of a real connection counts too: a stall ends at the time limit, not at the stall
    // timeout.
    let server = Server::start(|_| Does::Stalls(Duration::from_secs(5)));
    let config = ShipConfig {
        max_time: Duration::from_millis(100),
        network: Network { stall: Duration::from_mins(1), ..Network::default() },
        ..host.config(&server, yesterday())
    };
    let start = std::time::Instant::now();
    let line = host.run(&config).unwrap().days[0].to_string();
    assert!(line.contains("in the time that was left"), "{line}");
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}
