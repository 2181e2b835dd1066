//! Server-sent events: they notify open pages of new data.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

/// How often something is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// The minimum time between two change events.
    pub(crate) gap: Duration,
    /// After this time without an event a comment is sent, so that both ends, and proxies between
    /// them, see that the connection is alive.
    pub(crate) beat: Duration,
    /// How often the session is checked when nothing is sent.
    pub(crate) check: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { gap: seconds(1), beat: seconds(20), check: seconds(1) }
    }
}

/// Resolves to whether a session is still valid. A future, because the check reads files.
pub(crate) type Answer = Pin<Box<dyn Future<Output = bool> + Send>>;

/// All open streams.
pub(crate) struct Events {
    places: Arc<Semaphore>,
    changes: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
    pace: Pace,
}

/// One stream.
struct Stream {
    changes: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
    pace: Pace,
    /// The revision that the page shows; `None` if it did not say.
    seen: Option<u64>,
    on_analyzed: Option<Instant>,
    greeted: bool,
    allowed: Box<dyn Fn() -> Answer + Send + Sync>,
    _place: OwnedSemaphorePermit,
}

impl Events {
    /// At most `streams` streams at once. They send the revisions in `changes` until `stopping`.
    pub(crate) fn new(
        streams: usize,
        changes: watch::Receiver<u64>,
        stopping: watch::Receiver<bool>,
        pace: Pace,
    ) -> Self {
        Self { places: Arc::new(Semaphore::new(streams)), changes, stopping, pace }
    }

    /// Opens a stream for a page that shows revision `seen`, if known. It ends when `allowed`
    /// returns false, which is checked before each event and every second.
    ///
    /// `None` if there are too many streams.
    pub(crate) fn open(
        &self,
        seen: Option<u64>,
        allowed: impl Fn() -> Answer + Send + Sync + 'static,
    ) -> Option<Response> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        let mut changes = self.changes.clone();
        // The current revision is sent only if the page shows another one.
        changes.mark_unchanged();
        let stream = Stream {
            changes,
            stopping: self.stopping.clone(),
            pace: self.pace,
            seen,
            on_analyzed: None,
            greeted: false,
            allowed: Box::new(allowed),
            _place: place,
        };
        let pieces = futures_util::stream::unfold(stream, |mut stream| async move {
            let piece = stream.next().await?;
            Some((Ok::<_, Infallible>(Bytes::from(piece)), stream))
        });
        let headers = [
            (CONTENT_TYPE, "text/event-stream"),
            (CACHE_CONTROL, "no-store"),
            // Otherwise nginx would buffer the stream.
            (http::HeaderName::from_static("x-accel-buffering"), "no"),
        ];
        Some((headers, Body::from_stream(pieces)).into_response())
    }
}

impl Stream {
    /// The next chunk; `None` ends the stream.
    async fn next(&mut self) -> Option<String> {
        if !self.greeted {
            self.greeted = true;
            let now = *self.changes.borrow();
            let missed = self.seen.is_some_and(|seen| seen != now);
            let news = if missed { self.tell(now) } else { String::new() };
            return Some(format!("retry: 3000\n\n{news}"));
        }
        let gap = self.on_analyzed.map(|on_analyzed| on_analyzed + self.pace.gap);
        let beat = Instant::now() + self.pace.beat;
        loop {
            let check = beat.min(Instant::now() + self.pace.check);
            let (changes, allowed) = (&mut self.changes, &self.allowed);
            let news = async {
                if let Some(gap) = gap {
                    tokio::time::sleep_until(gap).await;
                }
                changes.changed().await.map(|()| *changes.borrow_and_update())
            };
            let news = async {
                let news = tokio::time::timeout_at(check, news).await;
                allowed().await.then_some(news)
            };
            let news = tokio::select! {
                news = news => news?,
                _ = self.stopping.wait_for(|stopping| *stopping) => return None,
            };
            match news {
                Ok(Ok(revision)) => return Some(self.tell(revision)),
                // The sender is gone, so there will be no more changes.
                Ok(Err(_)) => return None,
                Err(_) if Instant::now() >= beat => return Some(":\n\n".to_owned()),
                Err(_) => {}
            }
        }
    }

    fn tell(&mut self, revision: u64) -> String {
        self.on_analyzed = Some(Instant::now());
        format!("id: {revision}\nevent: change\ndata: {revision}\n\n")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use http_body_util::BodyExt;

    use super::*;

    const PACE: Pace = Pace {
        gap: Duration::from_millis(60),
        beat: Duration::from_millis(200),
        check: Duration::from_millis(40),
    };

    fn always() -> Answer {
        Box::pin(async { true })
    }

    struct Place {
        events: Events,
        change: watch::Sender<u64>,
        stop: watch::Sender<bool>,
    }

    fn place() -> Place {
        let (change, changes) = watch::channel(7);
        let (stop, stopping) = watch::channel(false);
        Place { events: Events::new(2, changes, stopping, PACE), change, stop }
    }

    async fn piece(body: &mut Body) -> Option<String> {
        let frame = tokio::time::timeout(Duration::from_secs(5), body.frame()).await.unwrap()?;
        Some(String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn changes_are_told_together_and_silence_is_broken() {
        let place = place();
        let mut body = place.events.open(None, always).unwrap().into_body();
        assert_eq!(piece(&mut body).await.unwrap(), "retry: 3000\n\n");
        let begin = Instant::now();
        place.change.send_replace(8);
        let first = piece(&mut body).await.unwrap();
        assert_eq!(first, "id: 8\nevent: change\ndata: 8\n\n");
        for revision in 9..50 {
            place.change.send_replace(revision);
        }
        assert_eq!(piece(&mut body).await.unwrap(), "id: 49\nevent: change\ndata: 49\n\n");
        assert!(begin.elapsed() >= PACE.gap);
        assert_eq!(piece(&mut body).await.unwrap(), ":\n\n");
    }

    #[tokio::test]
    async fn who_missed_a_change_is_told_at_once() {
        let place = place();
        let mut same = place.events.open(Some(7), always).unwrap().into_body();
        assert_eq!(piece(&mut same).await.unwrap(), "retry: 3000\n\n");
        let mut late = place.events.open(Some(3), always).unwrap().into_body();
        assert!(piece(&mut late).await.unwrap().ends_with("data: 7\n\n"));
    }

    #[tokio::test]
    async fn a_stream_ends_with_the_server_and_with_its_session() {
        let place = place();
        let mut body = place.events.open(None, always).unwrap().into_body();
        piece(&mut body).await.unwrap();
        let session = Arc::new(AtomicBool::new(true));
        let asked = session.clone();
        let holds = move || -> Answer {
            let holds = asked.load(Ordering::SeqCst);
            Box::pin(async move { holds })
        };
        let mut other = place.events.open(None, holds).unwrap().into_body();
        piece(&mut other).await.unwrap();
        assert!(place.events.open(None, always).is_none(), "a third stream of two");
        session.store(false, Ordering::SeqCst);
        let begin = Instant::now();
        assert_eq!(piece(&mut other).await, None, "it goes on although nothing changes");
        assert!(begin.elapsed() < PACE.beat, "{:?}", begin.elapsed());
        place.change.send_replace(8);
        drop(other);
        assert!(place.events.open(None, always).is_some(), "its place is free again");
        assert!(piece(&mut body).await.unwrap().ends_with("data: 8\n\n"));
        place.stop.send_replace(true);
        assert_eq!(piece(&mut body).await, None);
    }
}
