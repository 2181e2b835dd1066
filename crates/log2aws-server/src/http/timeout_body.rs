//! A request body that does not wait for ever, and that tells how it ended.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

/// How far a request's body has come. s3s hands on only that a body failed; this says why.
#[derive(Clone, Debug, Default)]
pub(crate) struct BodyOutcome(Arc<AtomicU8>);

/// The states of [`BodyOutcome`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It is still arriving, or arrived whole.
    None,
    /// The connection ended before it.
    Cut,
    /// Nothing arrived for the time that is waited.
    Stalled,
}

impl BodyOutcome {
    /// The state now.
    pub(crate) fn get(&self) -> End {
        match self.0.load(Ordering::Acquire) {
            0 => End::None,
            1 => End::Cut,
            _ => End::Stalled,
        }
    }

    fn set(&self, end: End) {
        self.0.store(end as u8, Ordering::Release);
    }
}

/// A body that failed.
#[derive(Debug)]
pub(crate) struct BodyFailed(End);

impl fmt::Display for BodyFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            End::Stalled => "the body stalled",
            End::Cut | End::None => "the connection ended within the body",
        })
    }
}

impl Error for BodyFailed {}

/// A request body of which each next piece must arrive within a given time.
pub(crate) struct TimeoutBody {
    inner: Incoming,
    patience: Duration,
    timer: Pin<Box<Sleep>>,
    /// Whether the timer runs: it does so only while somebody waits for a piece.
    waiting: bool,
    end: BodyOutcome,
}

impl TimeoutBody {
    /// Wraps a body; `end` tells afterwards how it ended.
    pub(crate) fn new(inner: Incoming, patience: Duration, end: BodyOutcome) -> Self {
        let timer = Box::pin(tokio::time::sleep(patience));
        Self { inner, patience, timer, waiting: false, end }
    }
}

impl Body for TimeoutBody {
    type Data = Bytes;
    type Error = BodyFailed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailed>>> {
        let this = &mut *self;
        let mut frame = this.inner.frame();
        match Pin::new(&mut frame).poll(cx) {
            Poll::Ready(piece) => {
                this.waiting = false;
                Poll::Ready(piece.map(|piece| {
                    piece.map_err(|_| {
                        this.end.set(End::Cut);
                        BodyFailed(End::Cut)
                    })
                }))
            }
            Poll::Pending => {
                if !this.waiting {
                    this.timer.as_mut().reset(Instant::now() + this.patience);
                    this.waiting = true;
                }
                ready!(this.timer.as_mut().poll(cx));
                this.end.set(End::Stalled);
                Poll::Ready(Some(Err(BodyFailed(End::Stalled))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
