//! A request body with timeouts, which records how it ended.
//!
//! `tower_http::timeout::RequestBodyTimeoutLayer` only limits the wait for each next frame: a peer
//! that sends a byte a minute keeps its request for days. This body also has a minimum rate and a
//! deadline, and can be ended from outside; it records the reason, which s3s does not pass on.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use super::activity::{Activity, now_ms};

/// Limits of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    /// For the next frame.
    pub(crate) stall: Duration,
    /// How long the peer may be waited for in total before the rate counts.
    pub(crate) grace: Duration,
    /// The minimum rate in bytes a second while waiting for the peer; 0: any rate.
    pub(crate) min_rate: u32,
    /// For the whole body.
    pub(crate) total: Duration,
}

/// The state of a request's body, shared by the body, its reader, and the code that may end it.
#[derive(Clone, Debug, Default)]
pub(crate) struct BodyOutcome(Arc<BodyState>);

#[derive(Debug, Default)]
pub(crate) struct BodyState {
    end: AtomicU8,
    /// Since when the peer is waited for, by [`now_ms`]; 0: it is not.
    waiting_since: AtomicU64,
    /// Whether reading has finished.
    finished: AtomicBool,
    /// The task that reads.
    reader: AtomicWaker,
}

/// The states of [`BodyOutcome`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It is still arriving, or complete.
    None,
    /// The connection ended before its end.
    Cut,
    /// It arrived too slowly, or not at all.
    Stalled,
    /// A newer upload replaced it.
    Replaced,
}

impl BodyOutcome {
    /// The state now.
    pub(crate) fn get(&self) -> End {
        self.0.get()
    }

    /// A weak handle for ending the body.
    pub(crate) fn watch(&self) -> std::sync::Weak<BodyState> {
        Arc::downgrade(&self.0)
    }
}

impl BodyState {
    fn get(&self) -> End {
        match self.end.load(Ordering::Acquire) {
            0 => End::None,
            1 => End::Cut,
            2 => End::Stalled,
            _ => End::Replaced,
        }
    }

    fn set(&self, end: End) {
        self.end.store(end as u8, Ordering::Release);
    }

    /// Ends the body: its reader gets an error next.
    pub(crate) fn replace(&self) {
        self.set(End::Replaced);
        self.reader.wake();
    }

    /// Whether more bytes may be read.
    pub(crate) fn is_open(&self) -> bool {
        !self.finished.load(Ordering::Acquire) && self.get() == End::None
    }

    /// For how many milliseconds its next byte has been waited for.
    pub(crate) fn waiting_ms(&self, now: u64) -> u64 {
        match self.waiting_since.load(Ordering::Relaxed) {
            0 => 0,
            since => now.saturating_sub(since),
        }
    }
}

#[cfg(test)]
impl BodyState {
    /// As a body that has waited since then, and of which nothing more is read if it `is_over`.
    pub(crate) fn set_waiting(&self, since: u64, is_over: bool) {
        self.waiting_since.store(since, Ordering::Relaxed);
        self.finished.store(is_over, Ordering::Release);
    }
}

/// A body that failed.
#[derive(Debug)]
pub(crate) struct BodyFailed(End);

impl fmt::Display for BodyFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            End::Stalled => "the body arrived too slowly",
            End::Replaced => "another upload took this one's place",
            End::Cut | End::None => "the connection ended within the body",
        })
    }
}

impl Error for BodyFailed {}

/// A request body within [`BodyLimits`].
pub(crate) struct TimeoutBody {
    inner: Incoming,
    limits: BodyLimits,
    timer: Pin<Box<Sleep>>,
    /// Since when a frame has been waited for.
    waiting: Option<Instant>,
    /// The total waiting time up to the latest frame.
    waited: Duration,
    arrived: u64,
    /// The deadline of the whole body; set at the first wait.
    deadline: Option<Instant>,
    state: Arc<BodyState>,
    activity: Arc<Activity>,
}

impl TimeoutBody {
    /// Wraps a body of a connection; `outcome` records how it ended.
    pub(crate) fn new(
        inner: Incoming,
        limits: BodyLimits,
        outcome: &BodyOutcome,
        activity: Arc<Activity>,
    ) -> Self {
        let timer = Box::pin(tokio::time::sleep(limits.stall));
        Self {
            inner,
            limits,
            timer,
            waiting: None,
            waited: Duration::ZERO,
            arrived: 0,
            deadline: None,
            state: outcome.0.clone(),
            activity,
        }
    }

    /// The deadline of the frame that has been waited for since `now`.
    fn patience(&mut self, now: Instant) -> Instant {
        let deadline = *self.deadline.get_or_insert(now + self.limits.total);
        let mut until = deadline.min(now + self.limits.stall);
        if self.limits.min_rate > 0 {
            #[allow(clippy::cast_precision_loss, reason = "a time limit may be a little off")]
            let paid = self.arrived as f64 / f64::from(self.limits.min_rate);
            let allowed = self.limits.grace + Duration::try_from_secs_f64(paid).unwrap_or_default();
            until = until.min(now + allowed.saturating_sub(self.waited));
        }
        until
    }

    fn fail(&mut self, end: End) -> Poll<Option<Result<Frame<Bytes>, BodyFailed>>> {
        self.state.set(end);
        Poll::Ready(Some(Err(BodyFailed(end))))
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
        this.state.reader.register(cx.waker());
        if this.state.get() == End::Replaced {
            return this.fail(End::Replaced);
        }
        let mut frame = this.inner.frame();
        match Pin::new(&mut frame).poll(cx) {
            Poll::Ready(frame) => {
                if let Some(since) = this.waiting.take() {
                    this.waited += since.elapsed();
                    this.state.waiting_since.store(0, Ordering::Relaxed);
                    this.activity.resume();
                }
                match frame {
                    None => {
                        this.state.finished.store(true, Ordering::Release);
                        Poll::Ready(None)
                    }
                    Some(Ok(frame)) => {
                        this.arrived += frame.data_ref().map_or(0, |data| data.len() as u64);
                        Poll::Ready(Some(Ok(frame)))
                    }
                    Some(Err(_)) => this.fail(End::Cut),
                }
            }
            Poll::Pending => {
                if this.waiting.is_none() {
                    let now = Instant::now();
                    let until = this.patience(now);
                    this.timer.as_mut().reset(until);
                    this.waiting = Some(now);
                    this.state.waiting_since.store(now_ms(), Ordering::Relaxed);
                    this.activity.wait_for_peer();
                }
                ready!(this.timer.as_mut().poll(cx));
                this.fail(End::Stalled)
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

impl Drop for TimeoutBody {
    fn drop(&mut self) {
        self.state.finished.store(true, Ordering::Release);
    }
}
