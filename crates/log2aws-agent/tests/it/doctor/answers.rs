//! Faults that only the API's response shows.

use log2aws_agent::doctor::{Check, Verdict};

use super::server::{Server, answer, answer_at, gives_url, url_to};
use super::{Host, faults, only};

/// The only fault reported for an API with these responses.
fn told(answers: impl Fn(&str, &str) -> String + Send + Sync + 'static) -> String {
    let (host, server) = (Host::right(), Server::plain(answers));
    only(&faults(&host.run(&host.asking(&server.api()))))
}

#[test]
fn a_right_api_has_no_fault() {
    let (host, server) = (Host::right(), Server::plain(gives_url));
    let report = host.run(&host.asking(&server.api()));
    assert_eq!(faults(&report), []);
    let lines: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    let text = lines.join("\n");
    for line in [
        "ok    server        web01",
        "ok    allow-list    web01 is let in as 203.0.113.9",
        "ok    clock         this machine's and the API's agree",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("5ec3e7"), "{text}");
    // The request is that of `ship`, and the URL is not used.
    let requests = server.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert!(
        requests[0].starts_with("GET /prod?server=web01&date=2026-11-21&size=0&sha256=e3b0c442"),
        "{requests:?}"
    );
}

#[test]
fn a_machine_that_is_not_on_the_allow_list() {
    let line = told(|_, _| answer("403 Forbidden", "log2aws-source: 203.0.113.9\r\n", "no"));
    assert_eq!(
        line,
        "fail  allow-list    the API does not let 203.0.113.9 have URLs for web01 -> put \
         web01@203.0.113.9 on its allow-list, or correct --server if that is another's name"
    );
}

#[test]
fn somebody_else_answers() {
    let line = told(|_, _| answer("403 Forbidden", "", r#"{"message":"Forbidden"}"#));
    assert!(line.contains("answers 403, \"Forbidden\", but not as log2aws does"), "{line}");
    let line = told(|_, _| answer("200 OK", "", "<html><title>Log in</title></html>"));
    assert!(line.contains("answers 200, but it answered with a web page"), "{line}");
    let line = told(|_, _| answer("404 Not Found", "log2aws-source: 203.0.113.9\r\n", ""));
    assert!(line.contains("answers 404 -> give --api the whole address"), "{line}");
    let line = told(|_, _| "SSH-2.0-OpenSSH_9.2p1\r\n".to_owned());
    assert!(line.starts_with("fail  answer") && line.contains("its answer is not HTTP"), "{line}");
}

#[test]
fn an_api_that_cannot() {
    let line = told(|_, _| {
        answer("503 Service Unavailable", "log2aws-source: 203.0.113.9\r\n", "no settings\n")
    });
    assert!(
        line.contains("cannot do its work (503, \"no settings\") -> its own log says why"),
        "{line}"
    );
    let line = told(|_, _| {
        answer("429 Too Many Requests", "log2aws-source: 203.0.113.9\r\nretry-after: 9\r\n", "")
    });
    assert!(line.starts_with("warn  answer") && line.contains("too many requests"), "{line}");
}

#[test]
fn a_clock_that_is_wrong() {
    for (at, line) in [
        (
            "2026-11-22T00:09:15Z",
            "warn  clock         this machine's clock is 49 s ahead of the API's",
        ),
        (
            "2026-11-22T02:40:05Z",
            "fail  clock         this machine's clock is 2 h behind the API's",
        ),
    ] {
        let told = told(move |origin, request| {
            let given = gives_url(origin, request);
            let body = given.split_once("\r\n\r\n").unwrap().1;
            answer_at(at, "200 OK", "log2aws-source: 203.0.113.9\r\n", body)
        });
        assert!(told.starts_with(line) && told.contains("timedatectl set-ntp true"), "{told}");
    }
}

#[test]
fn a_store_that_is_not_reached() {
    let line = told(|_, request| url_to("http://127.0.0.1:1", request, "2026-11-22T00:15:05Z"));
    assert!(
        line.starts_with("fail  store         uploads go to 127.0.0.1:1, but 127.0.0.1:1 refuses"),
        "{line}"
    );
    let line =
        told(|_, request| url_to("http://elsewhere.example", request, "2026-11-22T00:15:05Z"));
    assert!(line.starts_with("fail  answer") && line.contains("upload-host"), "{line}");
}

#[test]
fn deliveries_that_do_not_keep_up() {
    let (host, server) = (
        Host::right(),
        Server::plain(|_, _| answer("403 Forbidden", "log2aws-source: 203.0.113.9\r\n", "")),
    );
    host.log_lines("2026-11-20", &["00:00:01"]);
    host.log_lines("2026-11-21", &["00:00:01"]);
    let api = server.api();
    let config = log2aws_agent::ship::ShipConfig {
        api: api.parse().unwrap(),
        spool: log2aws_agent::spool::Spool {
            log_dir: host.path("log"),
            state_dir: host.path("state"),
            server: "web01".parse().unwrap(),
        },
        days: log2aws_agent::ship::Days::Pending,
        partial: false,
        dry_run: false,
        max_time: log2aws_agent::ship::DEFAULT_MAX_TIME,
        network: host.config().network,
        upload_hosts: Vec::new(),
        keep: None,
    };
    let world = log2aws_agent::world::World {
        time: &host.clock,
        zone: jiff::tz::TimeZone::get("Asia/Tokyo").unwrap(),
        proc_root: log2aws_agent::world::ProcRoot::system(),
    };
    log2aws_agent::ship::run(&config, &world, &mut |_| {}).unwrap();
    let found = host.run(&host.asking(&api)).findings;
    let line = found.iter().find(|finding| finding.check == Check::Deliveries).unwrap();
    assert_eq!(line.verdict, Verdict::Warn);
    assert!(
        line.message
            .starts_with("no log was delivered yet; 2 logs are pending, the oldest 2026-11-20.log"),
        "{line}"
    );
    assert!(
        line.to_string().contains("the last ship said: ")
            && line.to_string().contains("203.0.113.9"),
        "{line}"
    );
}
