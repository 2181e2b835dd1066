//! When to retry. Pure: randomness and time are arguments.

use std::time::Duration;

use jiff::Timestamp;

use crate::net::client::http_date;

/// The most attempts per log in one run; longer outages are for the next run.
pub(crate) const ATTEMPTS: u32 = 5;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// The delay after attempt number `attempt` (from 1): exponential backoff with full jitter, which is
/// between zero and a bound that doubles, so that a fleet that failed at the same time does not return at the same time.
///
/// `jitter` is from 0 up to 1. A Retry-After is honoured, and the jitter added to it.
pub(crate) fn wait(attempt: u32, jitter: f64, retry_after: Option<Duration>) -> Duration {
    retry_after.unwrap_or_default().saturating_add(backoff(FIRST, LONGEST, attempt, jitter))
}

/// The part `jitter` of a bound that is `first` after failure 1, and doubles up to `longest`.
pub(crate) fn backoff(first: Duration, longest: Duration, failures: u32, jitter: f64) -> Duration {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    first.saturating_mul(doubled).min(longest).mul_f64(jitter.clamp(0.0, 1.0))
}

/// Parses a `Retry-After` header: seconds, or a date (RFC 9110 §10.2.3).
pub(crate) fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = http_date(value)?.duration_since(now);
    Some(Duration::try_from(until).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_thirty_seconds() {
        let bounds: Vec<u64> = (1..8).map(|n| wait(n, 1.0, None).as_secs()).collect();
        assert_eq!(bounds, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(wait(u32::MAX, 1.0, None), LONGEST);
        assert_eq!(wait(4, 0.0, None), Duration::ZERO);
        assert_eq!(wait(2, 0.5, Some(Duration::from_mins(1))), Duration::from_secs(61));
    }

    #[test]
    fn seconds_or_a_date() {
        let now: Timestamp = "1994-11-06T08:49:30Z".parse().unwrap();
        let read = |value| retry_after(value, now);
        assert_eq!(read(" 120 "), Some(Duration::from_mins(2)));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(7)));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:00 GMT"), Some(Duration::ZERO));
        for rubbish in ["", "-1", "soon", "1.5", "99999999999999999999999"] {
            assert_eq!(read(rubbish), None, "{rubbish}");
        }
    }
}
