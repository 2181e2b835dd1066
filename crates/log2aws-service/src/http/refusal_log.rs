//! Limits the logging of refusals: a flood of them must not flood the log.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::ports::Clock;

/// How long further refusals of the same source and kind are only counted.
const INTERVAL: SignedDuration = SignedDuration::from_mins(1);

/// How many pairs of source and kind are tracked; refusals of further ones are counted together.
const MAX_ENTRIES: usize = 4096;

/// The most lines that one [`RefusalLog::flush`] writes, besides the one for untracked sources.
const MAX_FLUSHED_LINES: usize = 20;

/// Decides which refusals are logged: the first of a source and kind in a minute in full, the rest
/// as a count.
pub struct RefusalLog {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl fmt::Debug for RefusalLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefusalLog").finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<(IpAddr, &'static str), Entry>,
    /// Refusals of untracked sources.
    others: u64,
}

#[derive(Debug)]
struct Entry {
    logged: Timestamp,
    /// Refusals since then that were only counted.
    unlogged: u64,
}

impl RefusalLog {
    /// A log without entries.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Counts a refusal of `source`. `kind` is the reason in one word.
    ///
    /// Returns whether to log it: not if there was another of the same kind within a minute.
    pub fn admits(&self, source: IpAddr, kind: &'static str) -> bool {
        let now = self.clock.now();
        let mut state = self.state();
        let full = state.entries.len() >= MAX_ENTRIES;
        let key = (network_of(source), kind);
        match state.entries.get_mut(&key) {
            Some(entry) if is_recent(entry.logged, now) => {
                entry.unlogged += 1;
                false
            }
            Some(entry) => {
                entry.logged = now;
                true
            }
            None if full => {
                state.others += 1;
                false
            }
            None => {
                state.entries.insert(key, Entry { logged: now, unlogged: 0 });
                true
            }
        }
    }

    /// Logs the numbers of unlogged refusals, and drops sources without a refusal in the last
    /// minute. Must be called once a minute.
    pub fn flush(&self) {
        let now = self.clock.now();
        let (mut counts, mut others) = (Vec::new(), 0);
        {
            let mut state = self.state();
            others += std::mem::take(&mut state.others);
            state.entries.retain(|(source, kind), entry| {
                let unlogged = std::mem::take(&mut entry.unlogged);
                if unlogged > 0 {
                    counts.push((unlogged, *source, *kind));
                }
                unlogged > 0 || is_recent(entry.logged, now)
            });
        }
        counts.sort_unstable_by(|a, b| b.cmp(a));
        for (count, source, kind) in counts.iter().take(MAX_FLUSHED_LINES) {
            tracing::warn!(%source, kind, count, "refused more requests of this source");
        }
        others += counts.iter().skip(MAX_FLUSHED_LINES).map(|(count, ..)| count).sum::<u64>();
        if others > 0 {
            tracing::warn!(count = others, "refused more requests of other sources");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether it was within the last minute. After the clock was set back nothing is recent.
fn is_recent(logged: Timestamp, now: Timestamp) -> bool {
    (SignedDuration::ZERO..INTERVAL).contains(&now.duration_since(logged))
}

/// A single IPv4 address, or the /64 network that one IPv6 host controls.
pub fn network_of(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(address) => {
            let prefix = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(prefix))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    /// Seconds that a test advances.
    #[derive(Default)]
    struct Seconds(AtomicI64);

    impl Clock for Seconds {
        fn now(&self) -> Timestamp {
            Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
        }
    }

    fn log() -> (RefusalLog, Arc<Seconds>) {
        let clock = Arc::new(Seconds::default());
        (RefusalLog::new(clock.clone()), clock)
    }

    #[test]
    fn the_first_of_a_source_and_kind_in_a_minute_is_logged() {
        let (log, clock) = log();
        let a: IpAddr = "203.0.113.7".parse().unwrap();
        let b: IpAddr = "203.0.113.8".parse().unwrap();
        assert!(log.admits(a, "not-allowed"));
        assert!((0..1000).all(|_| !log.admits(a, "not-allowed")));
        assert!(log.admits(a, "too-many-requests"));
        assert!(log.admits(b, "not-allowed"));
        clock.0.store(59, Ordering::Relaxed);
        assert!(!log.admits(a, "not-allowed"));
        clock.0.store(60, Ordering::Relaxed);
        assert!(log.admits(a, "not-allowed"));
        clock.0.store(-3600, Ordering::Relaxed);
        assert!(log.admits(a, "not-allowed"), "the clock was set back");
    }

    #[test]
    fn hosts_of_one_v6_network_are_one_source() {
        let (log, _) = log();
        assert!(log.admits("2001:db8::1".parse().unwrap(), "x"));
        assert!(!log.admits("2001:db8::2".parse().unwrap(), "x"));
        assert!(log.admits("2001:db8:0:1::1".parse().unwrap(), "x"));
    }

    #[test]
    fn memory_is_bounded_and_the_quiet_are_forgotten() {
        let (log, clock) = log();
        let admitted = |n: &u32| log.admits(IpAddr::from(n.to_be_bytes()), "x");
        assert_eq!((0..10_000_u32).filter(admitted).count(), MAX_ENTRIES);
        assert_eq!(log.state().others, 10_000 - MAX_ENTRIES as u64);
        clock.0.store(60, Ordering::Relaxed);
        log.flush();
        assert!(log.state().entries.is_empty());
        assert_eq!(log.state().others, 0);
    }
}
