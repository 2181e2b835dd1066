//! The dashboard's login as browsers see it: over TCP, before real pages.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use crate::client::{Answer, Request, connect, read_answer};
use crate::harness::{LOG, Running, eventually, start, start_with};

/// The page of a day that was delivered.
const DAY: &str = "/ui/s/web01/2019-08-01";

/// What a browser accepts.
const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

/// The calendar that contains it.
const CALENDAR: &str = "/ui/?to=2019-08-05";

pub(crate) fn token(server: &Running) -> String {
    fs::read_to_string(server.folder.join("dashboard-token")).unwrap().trim().to_owned()
}

/// Sends the login form, as a browser over plain HTTP does.
pub(crate) fn log_in(server: &Running, token: &str) -> Answer {
    let form = format!("token={token}&next=%2Fui%2F");
    let request = Request::new("POST", "/ui/login")
        .header("origin", format!("http://{}", server.address))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    server.send(&request)
}

/// The cookie that a browser sends back.
pub(crate) fn cookie_of(answer: &Answer) -> String {
    let set = answer.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {answer:?}"));
    set.split(';').next().unwrap().to_owned()
}

pub(crate) fn session(server: &Running) -> String {
    let answer = log_in(server, &token(server));
    assert_eq!((answer.status, answer.header("location")), (303, Some("/ui/")));
    cookie_of(&answer)
}

fn get(server: &Running, target: &str, cookie: &str) -> Answer {
    server.send(&Request::new("GET", target).header("cookie", cookie))
}

fn deliver(server: &Running, name: &str) {
    let url = server.url(&format!("server={name}&date=2019-08-01"));
    assert_eq!(server.send(&Request::new("PUT", url).body(LOG)).status, 200);
    server.result(&format!("{name}/2019-08-01.json"));
}

#[test]
fn nothing_of_the_dashboard_is_seen_without_a_login() {
    let server = start();
    deliver(&server, "web01");
    let pages = [
        "/ui/",
        CALENDAR,
        "/ui/s/web01",
        DAY,
        "/ui/compare?s=web01&date=2019-08-01",
        "/ui/s/web01/2019-08-01/web01-2019-08-01.csv",
        "/ui/s/web01/2019-08-01/web01-2019-08-01.log",
        "/ui/s/web01/2019-08-01/web01-2019-08-01.png",
        "/ui/nothing/of/that/kind",
    ];
    for page in pages {
        let answer = server.send(&Request::new("GET", page));
        assert_eq!(answer.status, 303, "{page}");
        assert!(answer.header("location").unwrap().starts_with("/ui/login"), "{page}");
        assert!(answer.body.is_empty(), "{page}");
    }
    let parts = [
        "/ui/events",
        "/ui/status.json",
        "/ui/s/web01/period.svg",
        "/ui/s/web01/2019-08-01/chart.svg",
        "/ui/s/web01/2019-08-01/values.json",
    ];
    for part in parts {
        let answer = server.send(&Request::new("GET", part));
        assert_eq!(answer.status, 401, "{part}");
        assert!(!answer.text().contains("web01"), "{part}");
    }
    // A listed address, S3's keys and the metrics' token give no access here.
    let signed = server.signed(Request::new("GET", "/ui/status.json"));
    assert_eq!(signed.status, 401);
    let metrics = fs::read_to_string(server.folder.join("metrics-token")).unwrap();
    let bearer = Request::new("GET", "/ui/status.json")
        .header("authorization", format!("Bearer {}", metrics.trim()));
    assert_eq!(server.send(&bearer).status, 401);
    assert_eq!(log_in(&server, metrics.trim()).status, 401);

    let login = server.send(&Request::new("GET", "/ui/login"));
    assert_eq!(login.status, 200);
    let page = login.text();
    assert!(page.contains("name=\"token\"") && !page.contains("web01"), "{page}");
    let policy = login.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    // The login page's assets are public, and contain no data.
    let style = page.split_once("href=\"/ui/assets/").unwrap().1.split('"').next().unwrap();
    let style = server.send(&Request::new("GET", format!("/ui/assets/{style}")));
    assert_eq!(style.status, 200);
    assert!(style.header("cache-control").unwrap().contains("immutable"));
}

/// Browsers send the cookies of a host to every port of it.
#[test]
fn a_session_opens_no_server_on_another_port() {
    let (server, other) = (start(), start());
    let cookie = session(&server);
    assert_eq!(get(&server, "/ui/", &cookie).status, 200);
    assert_eq!(get(&other, "/ui/", &cookie).status, 303);
    let (name, value) = cookie.split_once('=').unwrap();
    assert!(name.ends_with(&format!("-{}", server.address.port())), "{name}");
    let renamed = format!("log2aws-session-{}={value}", other.address.port());
    assert_eq!(get(&other, "/ui/", &renamed).status, 303);
    // Nor does a logout of one end the session of the other.
    let own = session(&other);
    let both = format!("{cookie}; {own}");
    let logout = Request::new("POST", "/ui/logout")
        .header("origin", format!("http://{}", other.address))
        .header("cookie", &*both);
    assert_eq!(other.send(&logout).status, 303);
    assert_eq!(get(&server, "/ui/", &both).status, 200);
    assert_eq!(get(&other, "/ui/", &both).status, 303);
}

#[test]
fn a_login_shows_what_was_delivered_and_a_logout_ends_it() {
    let server = start();
    deliver(&server, "web01");
    let cookie = session(&server);
    eventually("the calendar does not show the delivery", || {
        get(&server, CALENDAR, &cookie).text().contains("web01")
    });
    let day = get(&server, DAY, &cookie);
    assert_eq!(day.status, 200, "{}", day.text());
    assert_eq!(day.header("cache-control"), Some("no-store"));
    assert!(day.text().contains("this is no sample line"), "the reject is shown");
    let chart = get(&server, "/ui/s/web01/2019-08-01/chart.svg", &cookie);
    assert_eq!((chart.status, chart.header("content-type")), (200, Some("image/svg+xml")));
    let csv = get(&server, "/ui/s/web01/2019-08-01/web01-2019-08-01.csv", &cookie);
    assert_eq!(csv.text(), server.result("web01/2019-08-01.csv"));
    let log = get(&server, "/ui/s/web01/2019-08-01/web01-2019-08-01.log", &cookie);
    assert_eq!(log.text(), LOG);
    let png = get(&server, "/ui/s/web01/2019-08-01/web01-2019-08-01.png", &cookie);
    assert_eq!(&png.body[..8], b"\x89PNG\r\n\x1a\n");

    let logout = Request::new("POST", "/ui/logout")
        .header("origin", format!("http://{}", server.address))
        .header("cookie", &*cookie);
    let logout = server.send(&logout);
    assert_eq!((logout.status, logout.header("location")), (303, Some("/ui/login")));
    assert_eq!(get(&server, DAY, &cookie).status, 303, "the cookie opens still");
}

#[test]
fn the_starts_link_opens_once() {
    let server = start();
    let link = server.link.clone();
    let first = server.send(&Request::new("GET", link.clone()));
    assert_eq!((first.status, first.header("location")), (303, Some("/ui/")));
    assert_eq!(get(&server, "/ui/", &cookie_of(&first)).status, 200);
    let second = server.send(&Request::new("GET", link));
    assert_eq!(second.status, 401);
    assert!(second.header("set-cookie").is_none());
    assert!(second.text().contains("name=\"token\""), "{}", second.text());
    assert!(second.text().contains("role=\"alert\""), "it is not said why");
}

#[test]
fn a_link_is_good_for_ten_minutes_and_a_session_for_twelve_hours() {
    let server = start();
    let folder = server.folder.clone();
    let (link, cookie) = (server.link.clone(), session(&server));
    let ahead = server.ahead.clone();
    ahead.store(601, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(server.send(&Request::new("GET", link)).status, 401);
    assert_eq!(get(&server, "/ui/", &cookie).status, 200);
    ahead.store(7 * 3600, std::sync::atomic::Ordering::SeqCst);
    let renewed = cookie_of(&get(&server, "/ui/", &cookie));
    ahead.store(13 * 3600, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(get(&server, "/ui/", &cookie).status, 303);
    assert_eq!(get(&server, "/ui/", &renewed).status, 200);
    assert!(folder.join("dashboard-token").exists());
}

#[test]
fn another_token_takes_effect_at_once_and_ends_every_session() {
    let server = start();
    let file = server.folder.join("dashboard-token");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let (old, cookie) = (token(&server), session(&server));
    assert!(old.len() >= 32, "{} characters", old.len());
    fs::write(&file, "the-operators-own-token\n").unwrap();
    assert_eq!(get(&server, "/ui/", &cookie).status, 303);
    assert_eq!(log_in(&server, &old).status, 401);
    assert_eq!(session(&server).split('=').count(), 2);
    for (text, mode) in [("short\n", 0o600), ("the-operators-own-token\n", 0o644)] {
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(log_in(&server, text.trim()).status, 503, "{text}{mode:o}");
    }
}

#[test]
fn guessing_is_slowed_down() {
    let server = start();
    let statuses: Vec<u16> = (0..12).map(|_| log_in(&server, "guess").status).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 401, 401, 401, 401, 401, 429, 429]);
    let limited = log_in(&server, "guess");
    assert_eq!(limited.status, 429);
    assert!(limited.header("retry-after").is_some() && limited.header("set-cookie").is_none());
    // Others are not affected: neither a URL nor a login with the token.
    assert_eq!(log_in(&server, &token(&server)).status, 303);
    deliver(&server, "web01");
}

#[test]
fn a_form_of_another_site_logs_nobody_in_or_out() {
    let server = start();
    let form = format!("token={}", token(&server));
    let post = |target: &'static str, headers: &[(&str, &str)]| {
        let mut request = Request::new("POST", target).body(form.clone());
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        server.send(&request).status
    };
    let ours = format!("http://{}", server.address);
    let foreign: [&[(&str, &str)]; 5] = [
        &[],
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
        &[("origin", &ours), ("sec-fetch-site", "cross-site")],
        &[("origin", &ours), ("sec-fetch-site", "same-site")],
    ];
    for headers in foreign {
        assert_eq!(post("/ui/login", headers), 403, "{headers:?}");
        assert_eq!(post("/ui/logout", headers), 403, "{headers:?}");
    }
    assert_eq!(post("/ui/login", &[("sec-fetch-site", "same-origin")]), 303);
    // Only a form can change state.
    let cookie = session(&server);
    assert_eq!(get(&server, "/ui/logout", &cookie).status, 405);
    assert_eq!(get(&server, "/ui/", &cookie).status, 200);
}

#[test]
fn the_cookie_and_where_a_login_leads_are_ours_alone() {
    let server = start();
    let answer = log_in(&server, &token(&server));
    let set = answer.header("set-cookie").unwrap();
    let port = server.address.port();
    assert!(set.starts_with(&format!("log2aws-session-{port}=")), "{set}");
    assert!(set.contains("; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax"), "{set}");
    assert!(!set.contains("Secure") && !set.contains("Domain"), "{set}");
    let hostile = [
        "https://evil.example/",
        "//evil.example/",
        "/ui/../-/metrics",
        "/ui/%5c%5cx",
        "javascript:x",
    ];
    for next in hostile {
        let form = format!("token={}&next={next}", token(&server));
        let request = Request::new("POST", "/ui/login").header("sec-fetch-site", "none").body(form);
        let answer = server.send(&request);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/ui/")), "{next}");
    }
    // The Host header of a request appears in no response either.
    for target in ["/", "/ui", DAY, "/ui/login"] {
        let request = Request::new("GET", target)
            .header("host", "evil.example")
            .header("accept", "text/html")
            .header("x-forwarded-host", "evil.example");
        let answer = server.send(&request);
        let place = answer.header("location").unwrap_or("/");
        assert!(place.starts_with('/') && !place.starts_with("//"), "{target}: {place}");
        assert!(!answer.text().contains("evil.example"), "{target}");
    }

    let server = start_with(|config| {
        config.public_url = Some("https://logs.example.com".parse().unwrap());
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    });
    let form = format!("token={}", token(&server));
    let request = Request::new("POST", "/ui/login")
        .header("host", "logs.example.com")
        .header("origin", "https://logs.example.com")
        .header("x-forwarded-for", "203.0.113.9")
        .body(form);
    let answer = server.send(&request);
    let set = answer.header("set-cookie").unwrap();
    assert!(set.starts_with("__Host-log2aws-session-443=") && set.ends_with("; Secure"), "{set}");
}

#[test]
fn a_browser_at_the_root_is_led_to_the_dashboard_and_nobody_else_is() {
    let server = start();
    let root = |target: &str, accept: &str| {
        server.send(&Request::new("GET", target).header("accept", accept))
    };
    let led = root("/", BROWSER);
    assert_eq!((led.status, led.header("location")), (303, Some("/ui/")));
    let plain = root("/", "*/*");
    assert_eq!(plain.status, 400, "{}", plain.text());
    let url = root("/?server=web01&date=2019-08-01", BROWSER);
    assert_eq!(url.status, 200);
    assert!(url.text().contains("X-Amz-Signature"), "{}", url.text());
    assert_eq!(root("/?date=2019-08-01", BROWSER).status, 400);
    let signed = server.signed(Request::new("GET", "/").header("accept", BROWSER));
    assert!(signed.text().contains("<ListAllMyBucketsResult"), "{}", signed.text());
    let posted = Request::new("POST", "/").header("accept", BROWSER);
    assert_ne!(server.send(&posted).status, 303);
}

#[test]
fn pages_are_compressed_for_who_takes_them_so() {
    let server = start();
    let cookie = session(&server);
    let plain = get(&server, "/ui/", &cookie);
    assert_eq!(plain.header("content-encoding"), None);
    let zipped =
        Request::new("GET", "/ui/").header("cookie", cookie).header("accept-encoding", "gzip");
    let zipped = server.send(&zipped);
    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
    assert!(zipped.header("vary").unwrap().contains("accept-encoding"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*zipped.body).read_to_string(&mut text).unwrap();
    assert!(text.starts_with("<!DOCTYPE html>") || text.starts_with("<!doctype html>"), "{text}");
    assert_eq!(text.len(), plain.body.len());
    assert!(zipped.body.len() < plain.body.len() * 2 / 3, "{} bytes", zipped.body.len());
}

/// Opens a stream of events.
fn events(server: &Running, cookie: &str) -> (u16, BufReader<TcpStream>) {
    let mut stream = connect(server.address);
    let request =
        Request::new("GET", "/ui/events").header("cookie", cookie).header("connection", "close");
    stream.write_all(request.head(server.address).as_bytes()).unwrap();
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    let status = line.split(' ').nth(1).unwrap().parse().unwrap();
    (status, stream)
}

#[test]
fn an_open_page_is_told_of_a_delivery_and_the_stop_does_not_wait_for_it() {
    let mut server = start();
    let cookie = session(&server);
    let (status, mut stream) = events(&server, &cookie);
    assert_eq!(status, 200);
    deliver(&server, "web01");
    // The first refresh of the index is an event, too, and may end only now.
    loop {
        let mut told = String::new();
        while !told.contains("event: change\ndata: ") {
            assert!(stream.read_line(&mut told).unwrap() > 0, "the stream ended: {told}");
        }
        if get(&server, CALENDAR, &cookie).text().contains("web01") {
            break;
        }
    }
    let begin = std::time::Instant::now();
    server.stop();
    assert!(begin.elapsed().as_secs() < 10, "{:?}", begin.elapsed());
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
}

#[test]
fn streams_are_limited_and_end_with_their_session() {
    let server = start();
    let cookie = session(&server);
    let mut open = Vec::new();
    let refused = loop {
        let (status, mut stream) = events(&server, &cookie);
        if status != 200 {
            let mut rest = String::new();
            stream.read_to_string(&mut rest).unwrap();
            break (status, rest);
        }
        open.push(stream);
        assert!(open.len() <= 64, "streams have no bound");
    };
    assert_eq!(refused.0, 503);
    assert!(refused.1.to_lowercase().contains("retry-after: 60"), "{}", refused.1);
    // The rest of the server is not affected.
    deliver(&server, "web01");
    fs::write(server.folder.join("dashboard-token"), "the-operators-own-token\n").unwrap();
    deliver(&server, "web02");
    let mut stream = open.pop().unwrap();
    let mut told = String::new();
    stream.read_to_string(&mut told).unwrap();
    assert!(told.ends_with("0\r\n\r\n"), "it did not end well: {told}");
}

/// A large download with a slow reader.
#[test]
fn a_slow_download_keeps_no_page_waiting() {
    let server = start();
    let cookie = session(&server);
    let url = server.url("server=web01&date=2019-08-01");
    let log = LOG.repeat(40_000);
    assert_eq!(server.send(&Request::new("PUT", url).body(log.clone())).status, 200);
    let target = "/ui/s/web01/2019-08-01/web01-2019-08-01.log";
    let mut slow: Vec<_> = (0..24)
        .map(|_| {
            let mut stream = connect(server.address);
            let request = Request::new("GET", target).header("cookie", &*cookie);
            stream.write_all(request.head(server.address).as_bytes()).unwrap();
            BufReader::new(stream)
        })
        .collect();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let begin = std::time::Instant::now();
    assert_eq!(get(&server, "/ui/", &cookie).status, 200);
    assert!(begin.elapsed().as_secs() < 5, "{:?}", begin.elapsed());
    let whole = read_answer(&mut slow[0], "GET");
    assert_eq!((whole.status, whole.body.len()), (200, log.len()));
}
