//! Clocks for the unit tests of this crate.

use jiff::Timestamp;
use log2aws_service::ports::Clock;

/// A clock that stands still, at so many seconds after 1970-01-01 UTC.
#[derive(Clone, Copy)]
pub(crate) struct FixedClock(pub(crate) i64);

impl FixedClock {
    pub(crate) const EPOCH: Self = Self(0);
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0).unwrap()
    }
}

/// The clock of this machine.
pub(crate) struct MachineClock;

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
