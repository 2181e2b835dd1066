//! The bounded queue between requests and the thread that writes their lines.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::civil::Date;

/// The maximum number of queued lines and of their bytes. Further lines are dropped and counted.
pub(super) const QUEUE_LINES: usize = 16 * 1024;
const QUEUE_BYTES: u64 = 4 << 20;

/// What is sent to the thread.
pub(super) enum Message {
    Line(Line),
    Close,
}

/// A line with its newline.
pub(super) struct Line {
    pub(super) day: Date,
    pub(super) text: String,
    pub(super) accepted: bool,
    /// The number of lines that this `dropped` line reports; 0 for every other event.
    pub(super) reports: u64,
}

/// How much is queued.
#[derive(Debug, Default)]
pub(super) struct Queued {
    lines: AtomicU64,
    bytes: AtomicU64,
}

impl Queued {
    /// Takes the place of a line of that size, in bytes; `false` if there is none.
    ///
    /// Refused requests have half of all places: anybody who can connect can cause them, and they
    /// must not push out the lines of accepted ones.
    pub(super) fn reserve(&self, bytes: u64, accepted: bool) -> bool {
        let share = if accepted { 1 } else { 2 };
        let lines = self.lines.fetch_add(1, Ordering::Relaxed) + 1;
        let size = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let fits = lines <= QUEUE_LINES as u64 / share && size <= QUEUE_BYTES / share;
        if !fits {
            self.release(bytes);
        }
        fits
    }

    /// Frees the place of a line of that size, in bytes.
    pub(super) fn release(&self, bytes: u64) {
        self.lines.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_requests_have_half_of_the_lines_and_of_the_bytes() {
        let reserved = |bytes, accepted| {
            let queued = Queued::default();
            while queued.reserve(bytes, accepted) {}
            // What did not fit has taken nothing.
            (queued.lines.into_inner(), queued.bytes.into_inner())
        };
        let (lines, bytes) = (QUEUE_LINES as u64, QUEUE_BYTES);
        assert_eq!(reserved(1, false).0, lines / 2);
        assert_eq!(reserved(1, true).0, lines);
        assert_eq!(reserved(1024, false).1, bytes / 2);
        assert_eq!(reserved(1024, true).1, bytes);
    }
}
