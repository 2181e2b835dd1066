//! Rate limits for URL requests and logins, per source address.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use log2aws_service::http::network_of;

/// Above this number of addresses in memory, idle ones are dropped immediately and not only every
/// minute.
const CROWD: usize = 50_000;

/// A token bucket for each source address.
pub(crate) struct RateLimit {
    buckets: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
}

impl RateLimit {
    /// `per_second` requests, in bursts of at most twice as many.
    pub(crate) fn new(per_second: NonZeroU32) -> Self {
        let burst = per_second.saturating_mul(NonZeroU32::MIN.saturating_add(1));
        let quota = Quota::per_second(per_second).allow_burst(burst);
        Self { buckets: RateLimiter::keyed(quota), clock: DefaultClock::default() }
    }

    /// `per_minute` requests, at once or spread over the minute.
    pub(crate) fn per_minute(per_minute: NonZeroU32) -> Self {
        let quota = Quota::per_minute(per_minute);
        Self { buckets: RateLimiter::keyed(quota), clock: DefaultClock::default() }
    }

    /// Counts one request from `source`.
    ///
    /// # Errors
    /// How long `source` must wait.
    pub(crate) fn check(&self, source: IpAddr) -> Result<(), Duration> {
        if self.buckets.len() > CROWD {
            self.prune();
        }
        self.buckets
            .check_key(&network_of(source))
            .map_err(|refusal| refusal.wait_time_from(self.clock.now()))
    }

    /// Drops addresses whose bucket is full again; called every minute.
    pub(crate) fn prune(&self) {
        self.buckets.retain_recent();
        self.buckets.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_twice_the_rate_then_a_wait() {
        let limit = RateLimit::new(NonZeroU32::new(5).unwrap());
        let source: IpAddr = "203.0.113.7".parse().unwrap();
        for _ in 0..10 {
            assert!(limit.check(source).is_ok());
        }
        let wait = limit.check(source).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_millis(200), "{wait:?}");
        assert!(limit.check("203.0.113.8".parse().unwrap()).is_ok());
    }

    #[test]
    fn one_v6_host_has_one_bucket() {
        let limit = RateLimit::new(NonZeroU32::MIN);
        assert!(limit.check("2001:db8::1".parse().unwrap()).is_ok());
        assert!(limit.check("2001:db8::2".parse().unwrap()).is_ok());
        assert!(limit.check("2001:db8::3".parse().unwrap()).is_err());
        assert!(limit.check("2001:db8:0:1::1".parse().unwrap()).is_ok());
    }

    #[test]
    fn the_quiet_are_forgotten() {
        let limit = RateLimit::new(NonZeroU32::new(1_000_000).unwrap());
        for last in 0..=255_u8 {
            assert!(limit.check(IpAddr::from([10, 0, 0, last])).is_ok());
        }
        assert_eq!(limit.buckets.len(), 256);
        std::thread::sleep(Duration::from_millis(5));
        limit.prune();
        assert_eq!(limit.buckets.len(), 0);
    }

    #[test]
    fn a_crowd_is_forgotten_at_once() {
        let limit = RateLimit::new(NonZeroU32::new(1_000_000).unwrap());
        for number in 0..u32::try_from(CROWD).unwrap() + 100 {
            assert!(limit.check(IpAddr::from(number.to_be_bytes())).is_ok());
        }
        assert!(limit.buckets.len() <= CROWD, "{}", limit.buckets.len());
    }
}
