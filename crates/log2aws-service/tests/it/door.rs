//! What unauthenticated clients may cost: memory for bodies, log lines, reading a body at all.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use futures_util::FutureExt;
use http::{Request, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use log2aws_core::key::RawKey;
use log2aws_service::http::{
    MAX_REQUEST_BYTES, NewServers, NewServersAnswer, RefusalLog, SmallBodyError, UrlApp, UrlLimits,
    read_small_body,
};

use crate::http::{app, ask_app};
use crate::world::{At, settings};

/// A body of frames of one byte, each of which keeps a network buffer of 8 KiB alive.
struct OneByteFrames {
    left: usize,
    announced: Option<u64>,
    /// How many frames were taken.
    taken: Arc<AtomicUsize>,
}

impl HttpBody for OneByteFrames {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        self.taken.fetch_add(1, Ordering::Relaxed);
        let buffer = Bytes::from(vec![b'a'; 8192]);
        Poll::Ready(Some(Ok(Frame::data(buffer.slice(0..1)))))
    }

    fn size_hint(&self) -> SizeHint {
        self.announced.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

fn frames(left: usize, announced: Option<u64>) -> (OneByteFrames, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    (OneByteFrames { left, announced, taken: taken.clone() }, taken)
}

#[test]
fn a_small_body_takes_no_more_memory_than_it_has_bytes() {
    for announced in [Some(8000), None] {
        let (body, _) = frames(8000, announced);
        let bytes = read_small_body(body, MAX_REQUEST_BYTES).now_or_never().unwrap().unwrap();
        assert_eq!(bytes, vec![b'a'; 8000]);
        let most = announced.map_or(MAX_REQUEST_BYTES, |length| usize::try_from(length).unwrap());
        assert!(bytes.capacity() <= most, "{} of {most}", bytes.capacity());
    }
}

#[test]
fn a_long_body_is_read_no_further_than_the_limit() {
    for (announced, most) in [(Some(8193), 0), (None, 8193), (Some(10), 11)] {
        let (body, taken) = frames(100_000, announced);
        let read = read_small_body(body, MAX_REQUEST_BYTES).now_or_never().unwrap();
        assert!(matches!(read, Err(SmallBodyError::TooLong { .. })), "{read:?}");
        assert_eq!(taken.load(Ordering::Relaxed), most, "{announced:?}");
    }
}

#[test]
fn the_body_of_an_address_off_the_list_is_not_read() {
    let (body, taken) = frames(100, Some(100));
    let post = Request::post("/").body(Body::new(body.map_err(axum::Error::new))).unwrap();
    let app = app(Some(settings("203.0.113.7")));
    let answer = ask_app(app.clone(), Some("198.51.100.7"), post);
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(taken.load(Ordering::Relaxed), 0);
    // It also gets no details about other problems of its request.
    let bad = Request::get("/?server=..").body(Body::empty()).unwrap();
    assert_eq!(ask_app(app, Some("198.51.100.7"), bad).status, StatusCode::FORBIDDEN);
}

#[test]
fn a_flood_of_refusals_is_logged_once() {
    let log = crate::http::Log::default();
    let sink = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || sink.clone()).finish();
    let refusals = Arc::new(RefusalLog::new(Arc::new(At("2019-08-02T00:05:07Z"))));
    let limits = UrlLimits { refusals: Some(refusals.clone()), ..UrlLimits::default() };
    let app = UrlApp { limits, ..app(Some(settings("203.0.113.7"))) };
    tracing::subscriber::with_default(subscriber, || {
        for _ in 0..100 {
            let get = Request::get("/?server=web01&date=2019-08-01").body(Body::empty()).unwrap();
            let answer = ask_app(app.clone(), Some("198.51.100.7"), get);
            assert_eq!(answer.status, StatusCode::FORBIDDEN);
        }
        refusals.flush();
    });
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(log.contains("refused 198.51.100.7 for server web01"), "{log}");
    assert!(log.contains("count=99"), "{log}");
}

/// Accepts no new server except `web01`.
struct OnlyWeb01;

impl NewServers for OnlyWeb01 {
    fn check<'a>(&'a self, key: &'a RawKey) -> NewServersAnswer<'a> {
        let known = key.server.as_str() == "web01";
        Box::pin(async move { if known { Ok(()) } else { Err(600) } })
    }
}

#[test]
fn logs_too_large_and_servers_too_many_are_refused_with_the_reason() {
    let limits = UrlLimits {
        max_log_size: 1000,
        new_servers: Some(Arc::new(OnlyWeb01)),
        ..UrlLimits::default()
    };
    let app = UrlApp { limits, ..app(Some(settings("203.0.113.7"))) };
    let ask = |server: &str, size: u32| {
        let sha256 = "0".repeat(64);
        let uri = format!("/?server={server}&date=2019-08-01&size={size}&sha256={sha256}");
        let get = Request::get(uri).body(Body::empty()).unwrap();
        ask_app(app.clone(), Some("203.0.113.7"), get)
    };
    assert_eq!(ask("web01", 1000).status, StatusCode::OK);
    let large = ask("web01", 1001);
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(large.body.contains("1000 bytes"), "{}", large.body);
    let new = ask("web02", 1000);
    assert_eq!((new.status, new.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "600"));
}
