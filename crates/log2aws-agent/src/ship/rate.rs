//! A rate limit in bytes a second, in curl's notation.

use std::io::{self, Read};
use std::num::NonZeroU64;
use std::time::Duration;

use crate::net::error::SourceError;
use crate::world::Time;

/// A text is not a valid rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a rate is a number of bytes a second above 0, such as 500000, 200k or 1M")]
pub struct RateError;

/// Parses a rate like curl: bytes a second, with `k`, `M`, `G` and `T` for powers of 1024.
///
/// # Errors
/// [`RateError`] if it is invalid or 0.
pub fn parse_rate(text: &str) -> Result<NonZeroU64, RateError> {
    let text = text.trim();
    let (number, shift) = match text.char_indices().next_back() {
        Some((at, unit)) if unit.is_ascii_alphabetic() => {
            let power = "bkmgt".find(unit.to_ascii_lowercase()).ok_or(RateError)?;
            (&text[..at], u32::try_from(power).unwrap_or(0) * 10)
        }
        _ => (text, 0),
    };
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(RateError);
    }
    let number: u64 = number.parse().map_err(|_| RateError)?;
    number.checked_mul(1 << shift).and_then(NonZeroU64::new).ok_or(RateError)
}

/// How many times a second a limited sender sends: rarely enough to sleep, often enough not to look
/// stalled.
const WRITES_PER_SECOND: u64 = 10;

/// The minimum time for `size` bytes.
pub(crate) fn time_of(size: u64, rate: NonZeroU64) -> Duration {
    let nanos = u128::from(size) * 1_000_000_000 / u128::from(rate.get());
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Limits the rate of reading, and reports progress.
pub(crate) struct RateLimitedReader<'a, R> {
    bytes: R,
    rate: Option<NonZeroU64>,
    time: &'a dyn Time,
    start: Duration,
    read: u64,
    on_read: &'a mut dyn FnMut(u64),
}

impl<'a, R: Read> RateLimitedReader<'a, R> {
    /// `on_read` is called with the total number of bytes whenever it grows.
    pub(crate) fn new(
        bytes: R,
        rate: Option<NonZeroU64>,
        time: &'a dyn Time,
        on_read: &'a mut dyn FnMut(u64),
    ) -> Self {
        Self { bytes, rate, time, start: time.elapsed(), read: 0, on_read }
    }
}

impl<R: Read> Read for RateLimitedReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut most = buffer.len();
        if let Some(rate) = self.rate {
            // Lost time is not caught up: the limit holds over any period, not only on average.
            let due = self.start + time_of(self.read, rate);
            let now = self.time.elapsed();
            match due.checked_sub(now) {
                Some(wait) if !wait.is_zero() => self.time.sleep(wait),
                _ => self.start += now.saturating_sub(due),
            }
            let beat = (rate.get() / WRITES_PER_SECOND).max(1);
            most = most.min(usize::try_from(beat).unwrap_or(usize::MAX));
        }
        let n = self
            .bytes
            .read(&mut buffer[..most])
            .map_err(|error| io::Error::other(SourceError(error)))?;
        self.read += n as u64;
        (self.on_read)(self.read);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use jiff::Timestamp;

    use super::*;

    #[test]
    fn rates_are_read_as_curl_reads_them() {
        let rate = |text| parse_rate(text).map(NonZeroU64::get);
        assert_eq!(rate("500000"), Ok(500_000));
        assert_eq!(rate("200k"), Ok(204_800));
        assert_eq!(rate(" 1M "), Ok(1 << 20));
        assert_eq!(rate("3G"), Ok(3 << 30));
        assert_eq!(rate("7B"), Ok(7));
        for bad in
            ["", "0", "0k", "k", "-1", "+1", "1.5M", "1 M", "1kb", "99999999999G", "1x", "１"]
        {
            assert_eq!(rate(bad), Err(RateError), "{bad:?}");
        }
    }

    /// A clock that advances when it sleeps, and records the longest sleep.
    #[derive(Debug, Default)]
    struct Clock {
        elapsed: Cell<Duration>,
        longest: Cell<Duration>,
    }

    impl Time for Clock {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn elapsed(&self) -> Duration {
            self.elapsed.get()
        }

        fn sleep(&self, duration: Duration) {
            self.elapsed.set(self.elapsed.get() + duration);
            self.longest.set(self.longest.get().max(duration));
        }

        fn jitter(&self) -> f64 {
            0.0
        }
    }

    fn paced(size: usize, rate: &str) -> (Duration, Duration) {
        let clock = Clock::default();
        let text = vec![b'x'; size];
        let mut told = 0;
        let mut on_read = |n| told = n;
        let rate = Some(parse_rate(rate).unwrap());
        let mut reader = RateLimitedReader::new(text.as_slice(), rate, &clock, &mut on_read);
        let mut sent = Vec::new();
        reader.read_to_end(&mut sent).unwrap();
        assert_eq!((sent.len(), told), (size, size as u64));
        (clock.elapsed.get(), clock.longest.get())
    }

    #[test]
    fn the_pace_is_kept_in_small_steps() {
        let (took, longest) = paced(1 << 20, "100k");
        assert_eq!(took, Duration::from_millis(10_240));
        assert!(longest <= Duration::from_millis(100), "{longest:?}");
        let (took, longest) = paced(7, "1");
        assert_eq!((took, longest), (Duration::from_secs(7), Duration::from_secs(1)));
    }

    #[test]
    fn lost_time_is_not_made_up_for() {
        let clock = Clock::default();
        let text = [b'x'; 2000];
        let mut on_read = |_| ();
        let mut reader =
            RateLimitedReader::new(&text[..], NonZeroU64::new(100), &clock, &mut on_read);
        let mut buffer = [0; 10];
        reader.read_exact(&mut buffer).unwrap();
        // The connection stalled for a minute.
        clock.sleep(Duration::from_mins(1));
        for _ in 0..100 {
            reader.read_exact(&mut buffer).unwrap();
        }
        assert!(clock.elapsed() >= Duration::from_millis(69_900), "{:?}", clock.elapsed());
    }
}
