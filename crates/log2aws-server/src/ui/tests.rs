//! Tests of the login in front of pages that only echo their request.

mod tokens;

use std::net::IpAddr;

use axum::Router;
use axum::body::{Body, Bytes};
use http::header::{CONTENT_ENCODING, LOCATION, SET_COOKIE};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use log2aws_service::http::ClientIp;
use tower::ServiceExt;

use super::*;
use crate::credentials::fill;
use crate::test_clock::FixedClock;

/// A fixed time.
pub(super) const NOON: FixedClock = FixedClock(1_800_000_000);

/// Echoes the request; `/ui/slow` takes a while, `/ui/broken` panics.
pub(super) struct Echo;

impl Pages for Echo {
    fn answer(&self, request: &Request<()>) -> http::Response<PageBody> {
        let body = match request.uri().path() {
            "/ui/download" => {
                let bytes = vec![b'x'; 300_000];
                PageBody::Reader(Box::new(std::io::Cursor::new(bytes)), Some(300_000))
            }
            "/ui/slow" => {
                std::thread::sleep(std::time::Duration::from_millis(300));
                PageBody::Bytes("slow".into())
            }
            "/ui/broken" => panic!("a page that breaks down"),
            path => PageBody::Bytes(format!("page {path}").repeat(200).into()),
        };
        http::Response::builder().header(CONTENT_TYPE, "text/html").body(body).unwrap()
    }

    fn login(&self, _: &Request<()>, fault: Option<Fault>, next: &str) -> http::Response<PageBody> {
        http::Response::new(PageBody::Bytes(format!("{fault:?} {next}").into()))
    }
}

struct Place {
    router: Router,
    ui: Arc<AuthenticatedUi>,
    change: watch::Sender<u64>,
    link: String,
    token: String,
    folder: tempfile::TempDir,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let door = LoginKeys::open(folder.path(), &NOON, &mut fill).unwrap();
    let endpoint: Url = "http://127.0.0.1:8750".parse().unwrap();
    let link = door.link(&endpoint).unwrap();
    let link = link.expose_url().strip_prefix("http://127.0.0.1:8750").unwrap().to_owned();
    let token = std::fs::read_to_string(door.token_file()).unwrap().trim().to_owned();
    let (change, changes) = watch::channel(1);
    let ui = AuthenticatedUi::new(UiConfig {
        door,
        pages: Arc::new(Echo),
        endpoint,
        clock: Arc::new(NOON),
        random: fill,
        changes,
        connections: 16,
    })
    .unwrap();
    let router = ui.clone().router();
    Place { router, ui, change, link, token, folder }
}

#[derive(Debug)]
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Reply {
    fn to(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |place| place.to_str().unwrap())
    }

    fn cookie(&self) -> String {
        let set = self.headers[SET_COOKIE].to_str().unwrap();
        set.split(';').next().unwrap().to_owned()
    }
}

impl Place {
    async fn send(&self, from: &str, request: Request<Body>) -> http::Response<Body> {
        let mut request = request;
        request.extensions_mut().insert(ClientIp(from.parse::<IpAddr>().unwrap()));
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn reply(&self, from: &str, request: Request<Body>) -> Reply {
        let (parts, body) = self.send(from, request).await.into_parts();
        let bytes: Bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Reply { status: parts.status, headers: parts.headers, text }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.reply("127.0.0.1", request(Method::GET, path, headers, "")).await
    }

    async fn post(&self, from: &str, token: &str) -> Reply {
        let form = format!("token={token}&next=%2Fui%2Fs%2Fweb01");
        let headers = [("sec-fetch-site", "same-origin")];
        self.reply(from, request(Method::POST, "/ui/login", &headers, &form)).await
    }
}

fn request(method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

#[tokio::test]
async fn nothing_but_the_login_and_assets_is_open() {
    let place = place();
    for path in ["/ui/", "/ui/s/web01?view=week", "/ui/x.csv", "/ui/assetsx"] {
        let reply = place.get(path, &[]).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{path}");
        assert!(reply.to().starts_with("/ui/login"), "{path}: {}", reply.to());
        assert!(reply.text.is_empty());
    }
    let traps =
        ["/ui/assets/../s/web01", "/ui/assets/%2e%2e/status", "/ui/assets/", "/ui/assets/.x"];
    for path in traps {
        assert_eq!(place.get(path, &[]).await.status, StatusCode::SEE_OTHER, "{path}");
    }
    for path in ["/ui/events", "/ui/status.json", "/ui/s/web01/2019-08-01/chart.svg"] {
        assert_eq!(place.get(path, &[]).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let fetched = place.get("/ui/", &[("sec-fetch-dest", "empty")]).await;
    assert_eq!(fetched.status, StatusCode::UNAUTHORIZED);
    let forged = place.get("/ui/", &[("cookie", "log2aws-session-8750=AAAA")]).await;
    assert_eq!(forged.status, StatusCode::SEE_OTHER);
    assert!(place.get("/ui/assets/app-1.css?v=1", &[]).await.text.starts_with("page /ui/assets"));
    assert_eq!(place.get("/ui", &[]).await.to(), "/ui/");
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let reply = place.reply("127.0.0.1", request(method, "/ui/", &[], "")).await;
        assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
    }
}

#[tokio::test]
async fn the_token_opens_and_leads_back() {
    let place = place();
    let wrong = place.post("127.0.0.1", "0123456789abcdef").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert_eq!(wrong.text, "Some(WrongToken) /ui/s/web01");
    assert!(!wrong.headers.contains_key(SET_COOKIE));
    let right = place.post("127.0.0.1", &place.token).await;
    assert_eq!((right.status, right.to()), (StatusCode::SEE_OTHER, "/ui/s/web01"));
    let cookie = right.cookie();
    let page = place.get("/ui/s/web01", &[("cookie", &cookie)]).await;
    assert!(page.text.starts_with("page /ui/s/web01"), "{page:?}");
    let again = place.get("/ui/login?next=/ui/x", &[("cookie", &cookie)]).await;
    assert_eq!(again.to(), "/ui/x");

    let logout = |headers: &[(&str, &str)]| {
        place.reply("127.0.0.1", request(Method::POST, "/ui/logout", headers, ""))
    };
    let foreign = logout(&[("cookie", &cookie), ("sec-fetch-site", "cross-site")]).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    assert_eq!(place.get("/ui/", &[("cookie", &cookie)]).await.status, StatusCode::OK);
    let done = logout(&[("cookie", &cookie), ("sec-fetch-site", "same-origin")]).await;
    assert_eq!((done.status, done.to()), (StatusCode::SEE_OTHER, "/ui/login"));
    assert!(done.headers[SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(place.get("/ui/", &[("cookie", &cookie)]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(place.get("/ui/logout", &[]).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn the_link_lets_in_once_and_is_not_used_up_by_a_look() {
    let place = place();
    let look = request(Method::HEAD, &place.link, &[], "");
    assert_eq!(place.reply("127.0.0.1", look).await.status, StatusCode::OK);
    let ahead = place.get(&place.link, &[("sec-purpose", "prefetch")]).await;
    assert_eq!(ahead.text, "None /ui/");
    let guess = place.get("/ui/login?once=guess", &[]).await;
    assert_eq!(guess.text, "Some(SpentLink) /ui/");
    let first = place.get(&format!("{}&next=/ui/x", place.link), &[]).await;
    assert_eq!((first.status, first.to()), (StatusCode::SEE_OTHER, "/ui/x"));
    let page = place.get("/ui/", &[("cookie", &first.cookie())]).await;
    assert_eq!(page.status, StatusCode::OK);
    let second = place.get(&place.link, &[]).await;
    assert_eq!(second.status, StatusCode::UNAUTHORIZED);
    assert_eq!(second.text, "Some(SpentLink) /ui/");
    // It opens by following it, and not as a form: there it is no token either.
    let code = place.link.split_once("once=").unwrap().1;
    assert_eq!(place.post("127.0.0.1", code).await.text, "Some(WrongToken) /ui/s/web01");
}

#[tokio::test]
async fn ten_wrong_tokens_a_minute_from_one_address() {
    let place = place();
    for _ in 0..10 {
        assert_eq!(place.post("203.0.113.9", "guess").await.status, StatusCode::UNAUTHORIZED);
    }
    let limited = place.post("203.0.113.9", "guess").await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(limited.text, "Some(TooMany) /ui/s/web01");
    let wait: u64 = limited.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=7).contains(&wait), "{wait}");
    assert_eq!(place.post("203.0.113.10", "guess").await.status, StatusCode::UNAUTHORIZED);
    // Whoever shares the address and has the token is not locked out.
    assert_eq!(place.post("203.0.113.9", &place.token).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn no_page_of_another_site_locks_the_login() {
    let place = place();
    let image = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "no-cors"),
        ("sec-fetch-dest", "image"),
    ];
    let navigation = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    for _ in 0..20 {
        let shown = place.get("/ui/login?once=x", &image).await;
        assert_eq!(shown.status, StatusCode::OK);
        let wrong = place.get("/ui/login?once=x", &navigation).await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    }
    // Not even with the right code does an image log anybody in, or use the code up.
    let shown = place.get(&place.link, &image).await;
    assert!(!shown.headers.contains_key(SET_COOKIE));
    assert_eq!(place.post("127.0.0.1", &place.token).await.status, StatusCode::SEE_OTHER);
    // A person may follow the link out of a chat or a mail.
    assert_eq!(place.get(&place.link, &navigation).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_form_of_another_site_is_refused_and_costs_no_try() {
    let place = place();
    let form = format!("token={}", place.token);
    let send = |headers: &[(&str, &str)]| {
        place.reply("127.0.0.1", request(Method::POST, "/ui/login", headers, &form))
    };
    for _ in 0..12 {
        let foreign = send(&[("host", "127.0.0.1:8750"), ("origin", "https://evil.example")]).await;
        assert_eq!(foreign.status, StatusCode::FORBIDDEN);
        assert!(!foreign.headers.contains_key(SET_COOKIE));
    }
    assert_eq!(send(&[]).await.status, StatusCode::FORBIDDEN);
    let ours = send(&[("host", "127.0.0.1:8750"), ("origin", "http://127.0.0.1:8750")]).await;
    assert_eq!(ours.to(), "/ui/");
    let huge = request(Method::POST, "/ui/login", &[], &"x".repeat(100_000));
    assert_eq!(place.reply("127.0.0.1", huge).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_page_is_made_small_and_a_download_is_streamed() {
    let place = place();
    let cookie = place.post("127.0.0.1", &place.token).await.cookie();
    let gzip = [("cookie", &*cookie), ("accept-encoding", "gzip")];
    let page = place.send("127.0.0.1", request(Method::GET, "/ui/", &gzip, "")).await;
    assert_eq!(page.headers()[CONTENT_ENCODING], "gzip");
    assert!(page.into_body().collect().await.unwrap().to_bytes().len() < 200);
    let plain = place.get("/ui/download", &[("cookie", &cookie)]).await;
    assert_eq!(
        (plain.text.len(), &plain.headers["content-length"]),
        (300_000, &"300000".parse().unwrap())
    );
    let broken = place.get("/ui/broken", &[("cookie", &cookie)]).await;
    assert_eq!(broken.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test(flavor = "current_thread")]
async fn a_crowd_of_pages_does_not_hold_up_the_runtime() {
    let place = Arc::new(place());
    let cookie = place.post("127.0.0.1", &place.token).await.cookie();
    let slow: Vec<_> = (0..40)
        .map(|_| {
            let (place, cookie) = (place.clone(), cookie.clone());
            tokio::spawn(async move { place.get("/ui/slow", &[("cookie", &cookie)]).await.status })
        })
        .collect();
    tokio::task::yield_now().await;
    let begin = std::time::Instant::now();
    assert_eq!(place.get("/ui", &[]).await.status, StatusCode::SEE_OTHER);
    assert!(begin.elapsed() < std::time::Duration::from_millis(250), "{:?}", begin.elapsed());
    for page in slow {
        assert_eq!(page.await.unwrap(), StatusCode::OK);
    }
    // 40 pages of 300 ms, at most 16 of them at once.
    assert!(begin.elapsed() >= std::time::Duration::from_millis(800), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn an_open_page_learns_of_a_change_and_its_stream_ends_with_the_session() {
    let place = place();
    let cookie = place.post("127.0.0.1", &place.token).await.cookie();
    let open = || {
        let headers = [("cookie", &*cookie), ("last-event-id", "1")];
        place.send("127.0.0.1", request(Method::GET, "/ui/events", &headers, ""))
    };
    let stream = open().await;
    assert_eq!(stream.headers()[CONTENT_TYPE], "text/event-stream");
    let mut body = stream.into_body();
    let mut next = async || {
        let frame = tokio::time::timeout(std::time::Duration::from_secs(5), body.frame());
        let frame = frame.await.unwrap()?;
        Some(String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap())
    };
    assert_eq!(next().await.unwrap(), "retry: 3000\n\n");
    place.change.send_replace(2);
    assert_eq!(next().await.unwrap(), "id: 2\nevent: change\ndata: 2\n\n");
    // Of 16 connections two are for streams.
    let second = open().await;
    assert_eq!(second.status(), StatusCode::OK);
    assert_eq!(open().await.status(), StatusCode::SERVICE_UNAVAILABLE);
    let headers = [("cookie", &*cookie), ("sec-fetch-site", "same-origin")];
    place.reply("127.0.0.1", request(Method::POST, "/ui/logout", &headers, "")).await;
    place.change.send_replace(3);
    assert_eq!(next().await, None);
    place.ui.stop();
    assert!(second.into_body().collect().await.is_ok());
}

#[tokio::test]
async fn a_caller_without_an_address_is_not_let_in() {
    let place = place();
    let asked = request(Method::GET, &place.link, &[], "");
    let answer = place.router.clone().oneshot(asked).await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!answer.headers().contains_key(SET_COOKIE));
    // Nor was the link used up.
    assert_eq!(place.get(&place.link, &[]).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_language_can_be_chosen_before_the_login() {
    let place = place();
    let reply = place.get("/ui/lang?to=ja&back=%2Fui%2Flogin", &[]).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(reply.text.starts_with("page /ui/lang"), "{}", reply.text);
}
