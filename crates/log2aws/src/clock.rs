//! The system clock: the only place where this program reads the time.

use jiff::Timestamp;
use log2aws_service::ports::Clock;

/// The time of the operating system.
#[derive(Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
