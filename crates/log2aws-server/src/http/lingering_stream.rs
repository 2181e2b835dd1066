//! A stream with a write timeout that can be closed without cutting off the response.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::activity::Activity;

/// How many bytes of an unwanted body are read and discarded before the connection is closed.
const LINGER_BYTES: usize = 8 * 1024 * 1024;

/// The time limit for reading them.
const LINGER: Duration = Duration::from_secs(2);

/// The same during shutdown, which idle peers must not delay.
const LINGER_AT_STOP: Duration = Duration::from_millis(500);

/// A TCP stream with two additions:
/// * a peer that stops reading a response for `patience` is disconnected;
/// * closing continues to read for a moment. A server that responds before it has read the whole
///   body (403, 507) and then closes would make its kernel reset the connection, and the sender
///   would see that reset instead of the response.
pub(crate) struct LingeringStream {
    stream: TcpStream,
    patience: Duration,
    timer: Pin<Box<Sleep>>,
    waiting: bool,
    closing: Option<usize>,
    activity: Arc<Activity>,
}

impl LingeringStream {
    /// Wraps a stream; `activity` is updated with each byte sent or received.
    pub(crate) fn new(stream: TcpStream, patience: Duration, activity: Arc<Activity>) -> Self {
        let timer = Box::pin(tokio::time::sleep(patience));
        Self { stream, patience, timer, waiting: false, closing: None, activity }
    }

    /// Limits how long a write may make no progress.
    fn poll_deadline(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.activity.progress();
            self.waiting = false;
            return written;
        }
        if !self.waiting {
            self.timer.as_mut().reset(Instant::now() + self.patience);
            self.waiting = true;
        }
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer takes no more")))
    }
}

impl AsyncRead for LingeringStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if read.is_ready() {
            self.activity.progress();
        }
        read
    }
}

impl AsyncWrite for LingeringStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.poll_deadline(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.poll_deadline(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.closing.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            this.closing = Some(LINGER_BYTES);
            let linger = if this.activity.is_stopping() { LINGER_AT_STOP } else { LINGER };
            this.timer.as_mut().reset(Instant::now() + linger);
        }
        let mut away = [0; 16 * 1024];
        while let Some(left) = this.closing.filter(|left| *left > 0) {
            if this.timer.as_mut().poll(cx).is_ready() {
                break;
            }
            let mut buffer = ReadBuf::new(&mut away);
            match ready!(Pin::new(&mut this.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    this.closing = Some(left.saturating_sub(buffer.filled().len()));
                }
                // The peer has closed too, or is gone: nothing left to wait for.
                Ok(()) | Err(_) => break,
            }
        }
        this.closing = Some(0);
        Poll::Ready(Ok(()))
    }
}
